//! What makes a sub-layer over slices an operation of candle with gradients: written once for all of them.

use std::array;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::gradients::{check_backward, hand_over};
use super::operand::{Apply, Cut, Layer, Operand, Packed, Transposed, apply};
use super::support::{Saved, like, numbers, operand, with_scratch};
use super::token_embedding::Lookup;
use crate::memory::Buffer;
use crate::{Backward, Forward, SubLayer};

impl Apply for Tensor {
    /// Where an input or the parameters are tracked, so is the result.
    fn apply_layer<const N: usize, L>(
        (name, layer): (&'static str, L),
        sizes: L::Sizes,
        inputs: [&Self; N],
        Packed { values: params, transposed }: &Packed,
        output: Shape,
    ) -> Result<Self>
    where
        L: SubLayer<N> + Send + Sync + 'static,
    {
        let tracked = params.track_op() || inputs.iter().any(|input| input.track_op());
        let (transposed, saved) = (transposed.clone(), tracked.then(Saved::default));
        let op = Op { name, layer, sizes, output, transposed, saved };
        let inputs = inputs.iter().map(|input| input.contiguous()).collect::<Result<Vec<_>>>()?;
        let params = &params.contiguous()?;
        match (inputs.as_slice(), tracked) {
            ([x], true) => x.apply_op2(params, op),
            ([x], false) => x.apply_op2_no_bwd(params, &op),
            ([x, memory], true) => x.apply_op3(memory, params, op),
            ([x, memory], false) => x.apply_op3_no_bwd(memory, params, &op),
            _ => bail!("{name}: neither one input nor two"),
        }
    }
}

impl Operand for Tensor {
    fn shape(&self) -> &Shape {
        Self::shape(self)
    }

    fn apply(layer: Layer, inputs: &[&Self], params: &Packed, output: Shape) -> Result<Self> {
        apply(layer, inputs, params, output)
    }

    fn data(&self) -> Self {
        self.detach()
    }

    fn look_up(&self, lookup: Lookup, params: &Tensor) -> Result<Self> {
        params.contiguous()?.apply_op1(lookup)
    }

    fn patches(&self, cut: Cut) -> Result<Self> {
        self.contiguous()?.apply_op1(cut)
    }
}

impl CustomOp1 for Cut {
    fn name(&self) -> &'static str {
        "patches"
    }

    fn cpu_fwd(&self, maps: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let maps = operand(maps, layout)?;
        let mut patches = vec![0.0; maps.len()];
        self.rows(|of_map, of_patch| patches[of_patch].copy_from_slice(&maps[of_map]));
        Ok((CpuStorage::F32(patches), self.shape().into()))
    }

    fn bwd(&self, maps: &Tensor, _patches: &Tensor, d_patches: &Tensor) -> Result<Option<Tensor>> {
        let (d_patches, mut d_maps) = (d_patches.contiguous()?, vec![0.0; maps.elem_count()]);
        let read = numbers(&d_patches)?;
        self.rows(|of_map, of_patch| d_maps[of_map].copy_from_slice(&read[of_patch]));
        like(maps, d_maps).map(Some)
    }
}

struct Op<L: SubLayer<N>, const N: usize> {
    name: &'static str,
    layer: L,
    sizes: L::Sizes,
    output: Shape,
    transposed: Transposed,
    /// None where no backward pass will come.
    saved: Option<Saved>,
}

impl<L: SubLayer<N>, const N: usize> Op<L, N> {
    fn run(
        &self,
        inputs: &[(&CpuStorage, &Layout)],
        params: (&CpuStorage, &Layout),
    ) -> Result<(CpuStorage, Shape)> {
        let inputs = inputs.iter().map(|&(storage, layout)| operand(storage, layout));
        let (inputs, params) = (inputs.collect::<Result<Vec<_>>>()?, operand(params.0, params.1)?);
        let inputs = array::from_fn(|i| inputs[i]);
        let mut y = vec![0.0; self.output.elem_count()];
        self.transposed.with(&self.layer, params, |transposed| match &self.saved {
            Some(saved) => saved.write(self.layer.lens(self.sizes).saved, |saved, scratch| {
                self.layer.forward(self.sizes, Forward { transposed, inputs, y: &mut y, saved }, scratch);
            }),
            None => with_scratch(|scratch| self.layer.infer(self.sizes, transposed, inputs, &mut y, scratch)),
        });
        Ok((CpuStorage::F32(y), self.output.clone()))
    }

    /// The gradients of the inputs and of the parameters.
    fn gradients(
        &self,
        inputs: &[&Tensor],
        params: &Tensor,
        dy: &Tensor,
    ) -> Result<([Option<Tensor>; N], Option<Tensor>)> {
        check_backward()?;
        let Some(saved) = &self.saved else { bail!("{} kept nothing for a backward pass", self.name) };
        let dy = dy.contiguous()?;
        let read = inputs.iter().map(|input| numbers(input)).collect::<Result<Vec<_>>>()?;
        let (of_params, dy) = (numbers(params)?, numbers(&dy)?);
        let wanted: [bool; N] = array::from_fn(|i| !L::DATA[i] || inputs[i].track_op());
        let mut dx: [_; N] =
            array::from_fn(|i| vec![0.0; if wanted[i] { inputs[i].elem_count() } else { 0 }]);
        let mut d_params = Buffer::new(of_params.len());
        saved.read(|saved, scratch| {
            let pass = Backward {
                params: &of_params,
                inputs: array::from_fn(|i| &*read[i]),
                saved,
                dy: &dy,
                dx: dx.each_mut().map(|dx| &mut dx[..]),
                d_params: &mut d_params,
            };
            self.layer.backward(self.sizes, pass, scratch);
        })?;
        let mut gradients = [const { None }; N];
        for (i, dx) in dx.into_iter().enumerate() {
            gradients[i] = wanted[i].then(|| like(inputs[i], dx)).transpose()?;
        }
        Ok((gradients, hand_over(params, d_params)?))
    }
}

impl<L: SubLayer<N> + Send + Sync, const N: usize> CustomOp2 for Op<L, N> {
    fn name(&self) -> &'static str {
        self.name
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
        let (mut gradients, d_params) = self.gradients(&[x], params, dy)?;
        Ok((gradients[0].take(), d_params))
    }
}

impl<L: SubLayer<N> + Send + Sync, const N: usize> CustomOp3 for Op<L, N> {
    fn name(&self) -> &'static str {
        self.name
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
        let (mut gradients, d_params) = self.gradients(&[x, memory], params, dy)?;
        Ok((gradients[0].take(), gradients[1].take(), d_params))
    }
}
