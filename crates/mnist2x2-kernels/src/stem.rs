//! Convolutions one after another, as one sub-layer (T. Xiao and others, *Early Convolutions Help Transformers See
//! Better*, 2021, section 4).

use std::ops::Range;

use candle_core::Result;
use pulp::Simd;

use crate::convolution::Convolution;
use crate::scratch::{Scratch, packed_len, split};
use crate::sizes::{check_sizes, sum};
use crate::sub_layer::{Backward, Forward, Lens, SubLayer};

/// Each convolution with its non-linearity reads the maps that the one before gave.
///
/// The maps between them are the largest activations of a model; here they never leave the sub-layer.
///
/// # Shapes
/// x (B, height, width), y (B, rows, columns, O) with [`Stem::shape`], contiguous; the parameters are those of each
/// convolution, one behind the other. Sizes are `[B]`.
#[derive(Clone, Debug)]
pub struct Stem {
    convolutions: Vec<Convolution>,
}

impl Stem {
    /// A stem that reads images of `height` x `width` pixels, of convolutions with these numbers of outputs and these strides.
    ///
    /// # Errors
    /// If there is no convolution, a size is zero, or they make more numbers than memory holds.
    pub fn new(image: [usize; 2], convolutions: &[(usize, usize)]) -> Result<Self> {
        check_sizes("stem", &[convolutions.len()], 0)?;
        let (mut map, mut channels) = (image, 1);
        let next = |&(outputs, stride): &(usize, usize)| {
            let convolution = Convolution::new(map, [channels, outputs], stride)?;
            let [rows, columns, _] = convolution.shape();
            (map, channels) = ([rows, columns], outputs);
            Ok(convolution)
        };
        let convolutions = convolutions.iter().map(next).collect::<Result<Vec<_>>>()?;
        let params = sum(convolutions.iter().map(|convolution| convolution.lens([1]).params));
        check_sizes("stem", &image, params)?;
        Ok(Self { convolutions })
    }

    /// Rows, columns and channels of the result.
    pub fn shape(&self) -> [usize; 3] {
        self.last().shape()
    }

    fn last(&self) -> &Convolution {
        &self.convolutions[self.convolutions.len() - 1]
    }

    /// Where each convolution finds what is its own, for B images.
    fn places(&self, batch: usize) -> Vec<Place> {
        let (mut parameters, mut saved) = (0, 0);
        let next = |convolution: &Convolution| {
            let Lens { params: size, y: len, .. } = convolution.lens([batch]);
            let maps = saved + packed_len([len]);
            let place = Place {
                parameters: parameters..parameters + size,
                derivative: saved..saved + len,
                maps: maps..maps + len,
            };
            (parameters, saved) = (parameters + size, saved + packed_len([len; 2]));
            place
        };
        self.convolutions.iter().map(next).collect()
    }
}

impl SubLayer<1> for Stem {
    type Sizes = [usize; 1];

    const DATA: [bool; 1] = [true];

    fn lens(&self, sizes: [usize; 1]) -> Lens<1> {
        let each = || self.convolutions.iter().map(|convolution| convolution.lens(sizes));
        let saved = sum(each().map(|lens| packed_len([lens.saved; 2])));
        let inputs = self.convolutions[0].lens(sizes).inputs;
        Lens { params: each().map(|lens| lens.params).sum(), inputs, y: self.last().lens(sizes).y, saved }
    }

    /// Image after image, whose maps stay in a cache.
    fn at_a_time(&self, _: [usize; 1]) -> usize {
        1
    }

    fn transposed(&self, params: &[f32]) -> Vec<f32> {
        let each = self.convolutions.iter().zip(self.places(1));
        each.flat_map(|(convolution, place)| convolution.transposed(&params[place.parameters])).collect()
    }

    #[inline(always)]
    fn forward_on<S: Simd>(&self, _: S, [batch]: [usize; 1], pass: Forward<1>, scratch: &mut Scratch) {
        let Forward { transposed, inputs: [x], y, saved } = pass;
        let places = self.places(batch);
        for (i, (convolution, place)) in self.convolutions.iter().zip(&places).enumerate() {
            let (before, own) = saved.split_at_mut(place.derivative.start);
            let [derivative, maps] = split(own, [place.maps.len(); 2]);
            let x = if i == 0 { x } else { &before[places[i - 1].maps.clone()] };
            let y = if i + 1 == places.len() { &mut *y } else { maps };
            let transposed = &transposed[place.parameters.clone()];
            convolution.forward([batch], Forward { transposed, inputs: [x], y, saved: derivative }, scratch);
        }
    }

    #[inline(always)]
    fn backward_on<S: Simd>(&self, _: S, [batch]: [usize; 1], pass: Backward<1>, scratch: &mut Scratch) {
        let Backward { params, inputs: [x], saved, dy, dx: [first], d_params } = pass;
        let places = self.places(batch);
        let widest = places.iter().map(|place| place.maps.len()).max().unwrap_or(0);
        scratch.with_buffer(packed_len([widest; 2]), |gradients, scratch| {
            let [mut upstream, mut downstream] = split(gradients, [widest; 2]);
            upstream[..dy.len()].copy_from_slice(dy);
            for (i, (convolution, place)) in self.convolutions.iter().zip(&places).enumerate().rev() {
                let x = if i == 0 { x } else { &saved[places[i - 1].maps.clone()] };
                let dx = if i == 0 { &mut *first } else { &mut *downstream };
                let pass = Backward {
                    params: &params[place.parameters.clone()],
                    inputs: [x],
                    saved: &saved[place.derivative.clone()],
                    dy: upstream,
                    dx: [dx],
                    d_params: &mut d_params[place.parameters.clone()],
                };
                convolution.backward([batch], pass, scratch);
                std::mem::swap(&mut upstream, &mut downstream);
            }
        });
    }
}

/// Where a convolution's parameters, the derivative of its non-linearity and its result lie.
struct Place {
    parameters: Range<usize>,
    derivative: Range<usize>,
    maps: Range<usize>,
}
