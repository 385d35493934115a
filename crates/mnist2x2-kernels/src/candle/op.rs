//! What makes a sub-layer over slices an operation of candle with gradients: written once for all of them.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::support::{Saved, numbers, operand, with_scratch};
use crate::Scratch;

/// A sub-layer `y = f(inputs, parameters)` for inputs of known sizes.
pub(super) struct SubLayer {
    /// Its name in candle's messages.
    pub(super) name: &'static str,
    /// The shape of y.
    pub(super) output: Shape,
    /// How many numbers the forward pass saves for the backward pass.
    pub(super) saved_len: usize,
    /// Whether its input is data as a rule, whose gradient costs much and is left out where nobody asks for it.
    pub(super) reads_data: bool,
}

/// What a kernel is to compute from its parameters and inputs.
pub(super) enum Pass<'a> {
    /// y, where no backward pass follows.
    Infer { y: &'a mut [f32] },
    /// y, and what the backward pass needs.
    Forward { y: &'a mut [f32], saved: &'a mut [f32] },
    /// The gradients of the inputs, which are empty where they are left out, and of the parameters; all zeros before.
    Backward { saved: &'a [f32], dy: &'a [f32], dx: &'a mut [Vec<f32>], d_params: &'a mut [f32] },
}

/// A kernel: parameters, inputs, what to compute, working memory.
pub(super) trait Kernel: Fn(&[f32], &[&[f32]], Pass, &mut Scratch) + Send + Sync + 'static {}

impl<K: Fn(&[f32], &[&[f32]], Pass, &mut Scratch) + Send + Sync + 'static> Kernel for K {}

impl SubLayer {
    /// Applies the sub-layer to at most two inputs and its parameters. Where one of them is tracked, so is the result.
    pub(super) fn apply(
        self,
        inputs: &[&Tensor],
        params: &Tensor,
        kernel: impl Fn(&[f32], &[&[f32]], Pass, &mut Scratch) + Send + Sync + 'static,
    ) -> Result<Tensor> {
        let tracked = params.track_op() || inputs.iter().any(|input| input.track_op());
        let op = Op { layer: self, kernel, saved: tracked.then(Saved::default) };
        let inputs = inputs.iter().map(|input| input.contiguous()).collect::<Result<Vec<_>>>()?;
        let params = &params.contiguous()?;
        match (inputs.as_slice(), tracked) {
            ([], true) => params.apply_op1(op),
            ([], false) => params.apply_op1_no_bwd(&op),
            ([x], true) => x.apply_op2(params, op),
            ([x], false) => x.apply_op2_no_bwd(params, &op),
            ([x, memory], true) => x.apply_op3(memory, params, op),
            ([x, memory], false) => x.apply_op3_no_bwd(memory, params, &op),
            _ => bail!("{}: more than two inputs", op.layer.name),
        }
    }
}

struct Op<K> {
    layer: SubLayer,
    kernel: K,
    /// None where no backward pass will come.
    saved: Option<Saved>,
}

impl<K: Kernel> Op<K> {
    fn run(
        &self,
        inputs: &[(&CpuStorage, &Layout)],
        params: (&CpuStorage, &Layout),
    ) -> Result<(CpuStorage, Shape)> {
        let inputs = inputs.iter().map(|&(storage, layout)| operand(storage, layout));
        let (inputs, params) = (inputs.collect::<Result<Vec<_>>>()?, operand(params.0, params.1)?);
        let mut y = vec![0.0; self.layer.output.elem_count()];
        match &self.saved {
            Some(saved) => saved.write(self.layer.saved_len, |saved, scratch| {
                (self.kernel)(params, &inputs, Pass::Forward { y: &mut y, saved }, scratch);
            }),
            None => {
                with_scratch(|scratch| (self.kernel)(params, &inputs, Pass::Infer { y: &mut y }, scratch));
            }
        }
        Ok((CpuStorage::F32(y), self.layer.output.clone()))
    }

    /// The gradients of the inputs and of the parameters.
    fn gradients<const N: usize>(
        &self,
        inputs: [&Tensor; N],
        params: &Tensor,
        dy: &Tensor,
    ) -> Result<([Option<Tensor>; N], Option<Tensor>)> {
        let Some(saved) = &self.saved else { bail!("{} kept nothing for a backward pass", self.layer.name) };
        let dy = dy.contiguous()?;
        let read = inputs.iter().map(|input| numbers(input)).collect::<Result<Vec<_>>>()?;
        let (of_params, dy) = (numbers(params)?, numbers(&dy)?);
        let slices: Vec<&[f32]> = read.iter().map(|numbers| &**numbers).collect();
        let wanted = |input: &Tensor| !self.layer.reads_data || input.track_op();
        let zeros = |input: &&Tensor| vec![0.0; if wanted(input) { input.elem_count() } else { 0 }];
        let (mut dx, mut d_params) =
            (inputs.iter().map(zeros).collect::<Vec<_>>(), vec![0.0; of_params.len()]);
        saved.read(|saved, scratch| {
            let pass = Pass::Backward { saved, dy: &dy, dx: &mut dx, d_params: &mut d_params };
            (self.kernel)(&of_params, &slices, pass, scratch);
        })?;
        let mut gradients = [const { None }; N];
        for ((gradient, input), dx) in gradients.iter_mut().zip(inputs).zip(dx) {
            *gradient = wanted(input).then(|| like(input, dx)).transpose()?;
        }
        Ok((gradients, Some(like(params, d_params)?)))
    }
}

/// A gradient with the shape of what it is the gradient of.
fn like(of: &Tensor, numbers: Vec<f32>) -> Result<Tensor> {
    Tensor::from_vec(numbers, of.shape(), of.device())
}

impl<K: Kernel> CustomOp1 for Op<K> {
    fn name(&self) -> &'static str {
        self.layer.name
    }

    fn cpu_fwd(&self, params: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.run(&[], (params, layout))
    }

    fn bwd(&self, params: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.gradients([], params, dy)?.1)
    }
}

impl<K: Kernel> CustomOp2 for Op<K> {
    fn name(&self) -> &'static str {
        self.layer.name
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

impl<K: Kernel> CustomOp3 for Op<K> {
    fn name(&self) -> &'static str {
        self.layer.name
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
