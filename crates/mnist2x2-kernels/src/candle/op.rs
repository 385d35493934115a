//! What makes a sub-layer over slices an operation of candle with gradients: written once for all of them.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::support::{Saved, numbers, operand, with_scratch};
use crate::Scratch;

/// A sub-layer for inputs of known sizes: `y = f(inputs, parameters)`.
pub(super) trait SubLayer: Send + Sync + 'static {
    /// Its name in candle's messages.
    const NAME: &'static str;

    /// Whether an input may be data, whose gradient costs much and is left out where candle does not track it.
    const READS_DATA: bool = false;

    /// The shape of y.
    fn output(&self) -> Shape;

    /// How many numbers the forward pass saves for the backward pass.
    fn saved_len(&self) -> usize;

    /// The forward pass before a backward pass.
    fn forward(
        &self,
        params: &[f32],
        inputs: &[&[f32]],
        y: &mut [f32],
        saved: &mut [f32],
        scratch: &mut Scratch,
    );

    /// The forward pass where no backward pass follows.
    fn infer(&self, params: &[f32], inputs: &[&[f32]], y: &mut [f32], scratch: &mut Scratch) {
        scratch.without_saving(self.saved_len(), |saved, scratch| {
            self.forward(params, inputs, y, saved, scratch);
        });
    }

    /// The backward pass. `d_inputs` are as long as the inputs, or empty where they are left out; like `d_params` they hold
    /// zeros.
    fn backward(
        &self,
        pass: Backward,
        d_inputs: &mut [Vec<f32>],
        d_params: &mut [f32],
        scratch: &mut Scratch,
    );
}

/// What a backward pass reads.
pub(super) struct Backward<'a> {
    pub(super) params: &'a [f32],
    pub(super) inputs: &'a [&'a [f32]],
    pub(super) saved: &'a [f32],
    pub(super) dy: &'a [f32],
}

/// Applies a sub-layer to at most two inputs and its parameters. Where one of them is tracked, so is the result.
pub(super) fn apply<L: SubLayer>(layer: L, inputs: &[&Tensor], params: &Tensor) -> Result<Tensor> {
    let tracked = params.track_op() || inputs.iter().any(|input| input.track_op());
    let op = Op { layer, saved: tracked.then(Saved::default) };
    let inputs = inputs.iter().map(|input| input.contiguous()).collect::<Result<Vec<_>>>()?;
    let params = &params.contiguous()?;
    match (inputs.as_slice(), tracked) {
        ([], true) => params.apply_op1(op),
        ([], false) => params.apply_op1_no_bwd(&op),
        ([x], true) => x.apply_op2(params, op),
        ([x], false) => x.apply_op2_no_bwd(params, &op),
        ([x, memory], true) => x.apply_op3(memory, params, op),
        ([x, memory], false) => x.apply_op3_no_bwd(memory, params, &op),
        _ => bail!("{}: more than two inputs", L::NAME),
    }
}

struct Op<L> {
    layer: L,
    /// None where no backward pass will come.
    saved: Option<Saved>,
}

impl<L: SubLayer> Op<L> {
    fn run(
        &self,
        inputs: &[(&CpuStorage, &Layout)],
        params: (&CpuStorage, &Layout),
    ) -> Result<(CpuStorage, Shape)> {
        let inputs = inputs.iter().map(|&(storage, layout)| operand(storage, layout));
        let (inputs, params) = (inputs.collect::<Result<Vec<_>>>()?, operand(params.0, params.1)?);
        let shape = self.layer.output();
        let mut y = vec![0.0; shape.elem_count()];
        match &self.saved {
            Some(saved) => saved.write(self.layer.saved_len(), |saved, scratch| {
                self.layer.forward(params, &inputs, &mut y, saved, scratch);
            }),
            None => with_scratch(|scratch| self.layer.infer(params, &inputs, &mut y, scratch)),
        }
        Ok((CpuStorage::F32(y), shape))
    }

    /// The gradients of the inputs and, last, of the parameters.
    fn gradients<const N: usize>(
        &self,
        inputs: [&Tensor; N],
        params: &Tensor,
        dy: &Tensor,
    ) -> Result<([Option<Tensor>; N], Option<Tensor>)> {
        let Some(saved) = &self.saved else { bail!("{} kept nothing for a backward pass", L::NAME) };
        let dy = dy.contiguous()?;
        let read = inputs.iter().map(|input| numbers(input)).collect::<Result<Vec<_>>>()?;
        let (read_params, dy) = (numbers(params)?, numbers(&dy)?);
        let slices: Vec<&[f32]> = read.iter().map(|numbers| &**numbers).collect();
        let wanted = inputs.map(|input| !L::READS_DATA || input.track_op());
        let zeros = |(slice, wanted): (&&[f32], bool)| vec![0.0; if wanted { slice.len() } else { 0 }];
        let mut d_inputs: Vec<Vec<f32>> = slices.iter().zip(wanted).map(zeros).collect();
        let mut d_params = vec![0.0; read_params.len()];
        saved.read(|saved, scratch| {
            let pass = Backward { params: &read_params, inputs: &slices, saved, dy: &dy };
            self.layer.backward(pass, &mut d_inputs, &mut d_params, scratch);
        })?;
        let mut d_inputs = d_inputs.into_iter();
        let mut gradients = [const { None }; N];
        for ((gradient, input), wanted) in gradients.iter_mut().zip(inputs).zip(wanted) {
            let numbers = d_inputs.next().unwrap_or_default();
            *gradient = wanted.then(|| like(input, numbers)).transpose()?;
        }
        Ok((gradients, Some(like(params, d_params)?)))
    }
}

/// A gradient with the shape of what it is the gradient of.
fn like(of: &Tensor, numbers: Vec<f32>) -> Result<Tensor> {
    Tensor::from_vec(numbers, of.shape(), of.device())
}

impl<L: SubLayer> CustomOp1 for Op<L> {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn cpu_fwd(&self, params: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.run(&[], (params, layout))
    }

    fn bwd(&self, params: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.gradients([], params, dy)?.1)
    }
}

impl<L: SubLayer> CustomOp2 for Op<L> {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        params: &CpuStorage,
        layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.run(&[(x, x_layout)], (params, layout))
    }

    fn bwd(
        &self,
        x: &Tensor,
        params: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let ([dx], d_params) = self.gradients([x], params, dy)?;
        Ok((dx, d_params))
    }
}

impl<L: SubLayer> CustomOp3 for Op<L> {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        memory: &CpuStorage,
        memory_layout: &Layout,
        params: &CpuStorage,
        layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.run(&[(x, x_layout), (memory, memory_layout)], (params, layout))
    }

    fn bwd(
        &self,
        x: &Tensor,
        memory: &Tensor,
        params: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let ([dx, d_memory], d_params) = self.gradients([x, memory], params, dy)?;
        Ok((dx, d_memory, d_params))
    }
}
