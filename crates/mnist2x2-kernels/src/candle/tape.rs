//! A forward pass that is written down, and the way back along it: gradients without candle's graph.
//!
//! candle's graph differentiates anything. For that it makes a tensor of every gradient on the way, and adds it to zeros. A tape
//! knows sub-layers only, and hands each gradient from one to the next. Both give the same bits.

use std::array;
use std::cell::RefCell;
use std::fmt;

use candle_core::{Result, Shape, Tensor};

use super::gradients::{Found, Gradients};
use super::operand::{Apply, Cut, Layer, Operand, Packed, apply};
use super::support::{numbers, with_scratch};
use super::token_embedding::Lookup;
use crate::memory::Buffer;
use crate::{Backward, Forward, SubLayer};

/// What a forward pass has computed, and how to go back.
#[derive(Default)]
pub struct Tape {
    values: RefCell<Vec<Buffer>>,
    steps: RefCell<Vec<Step>>,
}

/// Takes the gradient of one value back to what the value was made of.
type Step = Box<dyn FnOnce(&[Buffer], &mut WayBack) -> Result<()>>;

/// The gradients that are known on the way back.
struct WayBack {
    /// Of each value on the tape.
    of_values: Vec<Option<Buffer>>,
    of_parameters: Found,
}

/// A value on a tape.
#[derive(Clone, Debug)]
pub struct Recorded<'t> {
    tape: &'t Tape,
    place: usize,
    shape: Shape,
    /// Whether it gets no gradient.
    is_data: bool,
}

impl Tape {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The numbers of a tensor, which gets no gradient.
    ///
    /// # Errors
    /// If it is not `f32` on the CPU.
    pub fn data(&self, tensor: &Tensor) -> Result<Recorded<'_>> {
        let tensor = tensor.contiguous()?;
        let value = Buffer::of(&numbers(&tensor)?);
        Ok(Recorded { is_data: true, ..self.put(value, tensor.shape().clone()) })
    }

    fn put(&self, value: Buffer, shape: Shape) -> Recorded<'_> {
        let mut values = self.values.borrow_mut();
        values.push(value);
        Recorded { tape: self, place: values.len() - 1, shape, is_data: false }
    }

    fn go_back_by(&self, step: impl FnOnce(&[Buffer], &mut WayBack) -> Result<()> + 'static) {
        self.steps.borrow_mut().push(Box::new(step));
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tape of {} values", self.values.borrow().len())
    }
}

impl Recorded<'_> {
    /// The value of a scalar, and the gradients of the parameters that it was made of. The tape is empty then.
    ///
    /// # Errors
    /// If parameters are not `f32` on the CPU any more.
    ///
    /// # Panics
    /// If it is no scalar, or its tape was emptied before.
    pub fn differentiate(&self) -> Result<(f32, Gradients)> {
        assert_eq!(self.shape.elem_count(), 1, "only a scalar is differentiated");
        let (values, steps) = (self.tape.values.take(), self.tape.steps.take());
        let mut back = WayBack { of_values: Vec::new(), of_parameters: Vec::new() };
        back.of_values.resize_with(values.len(), || None);
        let mut one = Buffer::new(1);
        one[0] = 1.0;
        back.of_values[self.place] = Some(one);
        for step in steps.into_iter().rev() {
            step(&values, &mut back)?;
        }
        Ok((values[self.place][0], Gradients::of_parameters(back.of_parameters)))
    }
}

impl WayBack {
    /// Adds to the gradient of a value.
    fn add(&mut self, place: usize, mut gradient: Buffer) {
        if let Some(other) = &self.of_values[place] {
            gradient.iter_mut().zip(&**other).for_each(|(sum, other)| *sum += other);
        }
        self.of_values[place] = Some(gradient);
    }

    /// Keeps the gradient of parameters that are trained.
    fn keep(&mut self, params: &Tensor, gradient: Buffer) {
        if params.is_variable() {
            self.of_parameters.push((params.id(), gradient));
        }
    }
}

impl Apply for Recorded<'_> {
    fn apply_layer<const N: usize, L>(
        (_, layer): (&'static str, L),
        sizes: L::Sizes,
        inputs: [&Self; N],
        Packed { values: params, transposed }: &Packed,
        output: Shape,
    ) -> Result<Self>
    where
        L: SubLayer<N> + Send + Sync + 'static,
    {
        let (tape, lens, params) = (inputs[0].tape, layer.lens(sizes), params.contiguous()?);
        let (mut y, mut saved) = (Buffer::new(lens.y), Buffer::new(lens.saved));
        {
            let values = tape.values.borrow();
            let inputs = inputs.map(|input| &*values[input.place]);
            transposed.with(&layer, &numbers(&params)?, |transposed| {
                let pass = Forward { transposed, inputs, y: &mut y, saved: &mut saved };
                with_scratch(|scratch| layer.forward(sizes, pass, scratch));
            });
        }
        let result = tape.put(y, output);
        let inputs = inputs.map(|input| Source { place: input.place, is_data: input.is_data });
        let applied = Applied { layer, sizes, inputs, params, saved, result: result.place };
        tape.go_back_by(move |values, back| applied.go_back(values, back));
        Ok(result)
    }
}

/// A sub-layer that was applied.
struct Applied<L: SubLayer<N>, const N: usize> {
    layer: L,
    sizes: L::Sizes,
    inputs: [Source; N],
    params: Tensor,
    saved: Buffer,
    /// Where its result lies on the tape.
    result: usize,
}

/// Where an input lies on the tape, and whether it gets no gradient.
#[derive(Clone, Copy)]
struct Source {
    place: usize,
    is_data: bool,
}

impl<L: SubLayer<N>, const N: usize> Applied<L, N> {
    fn go_back(&self, values: &[Buffer], back: &mut WayBack) -> Result<()> {
        let Some(dy) = back.of_values[self.result].take() else { return Ok(()) };
        let lens = self.layer.lens(self.sizes);
        let is_left_out = |i: usize| self.inputs[i].is_data && L::DATA[i];
        let mut dx: [Buffer; N] =
            array::from_fn(|i| Buffer::new(if is_left_out(i) { 0 } else { lens.inputs[i] }));
        let (params, mut d_params) = (numbers(&self.params)?, Buffer::new(lens.params));
        let pass = Backward {
            params: &params,
            inputs: self.inputs.map(|input| &*values[input.place]),
            saved: &self.saved,
            dy: &dy,
            dx: dx.each_mut().map(|dx| &mut **dx),
            d_params: &mut d_params,
        };
        with_scratch(|scratch| self.layer.backward(self.sizes, pass, scratch));
        back.keep(&self.params, d_params);
        let wanted = dx.into_iter().zip(self.inputs).filter(|(_, input)| !input.is_data);
        wanted.for_each(|(dx, input)| back.add(input.place, dx));
        Ok(())
    }
}

impl Operand for Recorded<'_> {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn data(&self) -> Self {
        Self { is_data: true, ..self.clone() }
    }

    fn apply(layer: Layer, inputs: &[&Self], params: &Packed, output: Shape) -> Result<Self> {
        apply(layer, inputs, params, output)
    }

    fn look_up(&self, lookup: Lookup, params: &Tensor) -> Result<Self> {
        let params = params.contiguous()?;
        let mut y = Buffer::new(lookup.shape().elem_count());
        lookup.forward(&numbers(&params)?, &mut y);
        let result = self.tape.put(y, lookup.shape().clone());
        let place = result.place;
        self.tape.go_back_by(move |_, back| {
            let Some(dy) = back.of_values[place].take() else { return Ok(()) };
            let mut d_params = Buffer::new(params.elem_count());
            lookup.backward(&dy, &mut d_params);
            back.keep(&params, d_params);
            Ok(())
        });
        Ok(result)
    }

    fn patches(&self, cut: Cut) -> Result<Self> {
        let mut y = Buffer::new(self.shape.elem_count());
        {
            let values = self.tape.values.borrow();
            cut.rows(|of_map, of_patch| y[of_patch].copy_from_slice(&values[self.place][of_map]));
        }
        let result = Self { is_data: self.is_data, ..self.tape.put(y, cut.shape().into()) };
        let (place, of_maps, is_data) = (result.place, self.place, self.is_data);
        self.tape.go_back_by(move |_, back| {
            let Some(dy) = back.of_values[place].take().filter(|_| !is_data) else { return Ok(()) };
            let mut dx = Buffer::new(dy.len());
            cut.rows(|of_map, of_patch| dx[of_map].copy_from_slice(&dy[of_patch]));
            back.add(of_maps, dx);
            Ok(())
        });
        Ok(result)
    }
}
