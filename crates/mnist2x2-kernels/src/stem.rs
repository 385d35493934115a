//! Convolutions one after another, as one sub-layer (T. Xiao and others, *Early Convolutions Help Transformers See
//! Better*, 2021, section 4).

use std::ops::Range;

use crate::convolution::Convolution;
use crate::scratch::{Scratch, packed_len, split};
use crate::simd::Level;

/// Each convolution with its non-linearity reads the maps that the one before gave.
///
/// The maps between them are the largest activations of a model; here they never leave the sub-layer.
///
/// # Shapes
/// x (B, height, width), y (B, rows, columns, O) with [`Stem::shape`], contiguous; the parameters are those of each
/// convolution, one behind the other.
#[derive(Clone, Debug)]
pub struct Stem {
    convolutions: Vec<Convolution>,
}

impl Stem {
    /// A stem that reads images of `height` x `width` pixels, of convolutions with these numbers of outputs and these strides.
    ///
    /// # Panics
    /// If there is no convolution, or a stride is zero.
    pub fn new(image: [usize; 2], convolutions: &[(usize, usize)]) -> Self {
        assert!(!convolutions.is_empty(), "a stem has a convolution");
        let (mut map, mut channels) = (image, 1);
        let next = |&(outputs, stride): &(usize, usize)| {
            let convolution = Convolution::new(map, [channels, outputs], stride);
            let [rows, columns, _] = convolution.shape();
            (map, channels) = ([rows, columns], outputs);
            convolution
        };
        Self { convolutions: convolutions.iter().map(next).collect() }
    }

    /// The same on another instruction set.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        let convolutions = self.convolutions.into_iter().map(|convolution| convolution.with_level(level));
        Self { convolutions: convolutions.collect() }
    }

    /// The convolutions, in the order in which they read.
    pub fn convolutions(&self) -> &[Convolution] {
        &self.convolutions
    }

    /// How many numbers the packed slice holds.
    pub fn size(&self) -> usize {
        self.convolutions.iter().map(|convolution| convolution.layout().size()).sum()
    }

    /// Rows, columns and channels of the result.
    pub fn shape(&self) -> [usize; 3] {
        self.last().shape()
    }

    fn last(&self) -> &Convolution {
        &self.convolutions[self.convolutions.len() - 1]
    }

    /// How many numbers [`Self::forward`] saves for [`Self::backward`], for B images.
    pub fn saved_len(&self, batch: usize) -> usize {
        self.convolutions.iter().map(|c| packed_len([c.saved_len(batch); 2])).sum()
    }

    /// Where each convolution finds what is its own, for B images.
    fn places(&self, batch: usize) -> Vec<Place> {
        let (mut parameters, mut saved) = (0, 0);
        let next = |convolution: &Convolution| {
            let (size, len) = (convolution.layout().size(), convolution.saved_len(batch));
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

    /// The forward pass over B images; `saved` holds what the backward pass needs.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn forward(
        &self,
        batch: usize,
        params: &[f32],
        x: &[f32],
        y: &mut [f32],
        saved: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let places = self.places(batch);
        for (i, (convolution, place)) in self.convolutions.iter().zip(&places).enumerate() {
            let (before, own) = saved.split_at_mut(place.derivative.start);
            let [derivative, maps] = split(own, [place.maps.len(); 2]);
            let x = if i == 0 { x } else { &before[places[i - 1].maps.clone()] };
            let to = if i + 1 == places.len() { &mut *y } else { maps };
            convolution.forward(batch, &params[place.parameters.clone()], x, to, derivative, scratch);
        }
    }

    /// The forward pass where no backward pass follows: image after image, whose maps stay in a cache.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    pub fn infer(&self, batch: usize, params: &[f32], x: &[f32], y: &mut [f32], scratch: &mut Scratch) {
        let (image, result) = (self.convolutions[0].map_len(), self.last().saved_len(1));
        let images = x[..batch * image].chunks_exact(image);
        for (x, y) in images.zip(y[..batch * result].chunks_exact_mut(result)) {
            scratch.without_saving(self.saved_len(1), |saved, scratch| {
                self.forward(1, params, x, y, saved, scratch);
            });
        }
    }

    /// The backward pass: adds to `d_params`, and overwrites `dx` where it is asked for. `x` and `saved` are the forward
    /// pass's.
    ///
    /// # Panics
    /// If a slice is shorter than the sizes say.
    #[expect(
        clippy::too_many_arguments,
        reason = "a backward pass reads all that its forward pass read and wrote"
    )]
    pub fn backward(
        &self,
        batch: usize,
        params: &[f32],
        x: &[f32],
        saved: &[f32],
        dy: &[f32],
        mut dx: Option<&mut [f32]>,
        d_params: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let places = self.places(batch);
        let widest = places.iter().map(|place| place.maps.len()).max().unwrap_or(0);
        scratch.without_saving(packed_len([widest; 2]), |gradients, scratch| {
            let [mut upstream, mut downstream] = split(gradients, [widest; 2]);
            let result = self.last().saved_len(batch);
            upstream[..result].copy_from_slice(&dy[..result]);
            for (i, (convolution, place)) in self.convolutions.iter().zip(&places).enumerate().rev() {
                let params = &params[place.parameters.clone()];
                let d_params = &mut d_params[place.parameters.clone()];
                let x = if i == 0 { x } else { &saved[places[i - 1].maps.clone()] };
                let dx = if i == 0 { dx.as_deref_mut() } else { Some(&mut *downstream) };
                let derivative = &saved[place.derivative.clone()];
                convolution.backward(batch, params, x, derivative, upstream, dx, d_params, scratch);
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
