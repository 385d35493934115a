//! The values of a model's tensors: one variable per sub-layer, with named views into it.

use std::sync::Arc;

use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_nn::VarBuilder;
use candle_nn::var_builder::SimpleBackend;

use crate::initialisation::Initialisation;
use crate::layout::{Pack, TensorSpec, layout};
use crate::state_dict::{self, StateDict};
use crate::{Config, Error};

/// All parameters of a model of one [`Config`].
///
/// Each pack of [`layout`] is one contiguous tensor of rank 1; a named tensor is a view of its pack that shares its
/// storage, so what changes a pack changes the views. The *flat* order of all parameters is pack after pack.
#[derive(Clone, Debug)]
pub struct Parameters {
    config: Config,
    packs: Arc<Vec<Packed>>,
    /// Whether layers are offered whole packs, and with them the fused kernels.
    fused: bool,
}

/// The values of one pack.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) pack: Pack,
    /// The values, of rank 1; the variable's own tensor where it is one.
    pub(crate) values: Tensor,
    /// Present while the parameters are trained.
    variable: Option<Var>,
}

impl Parameters {
    /// Trainable parameters before training, as PyTorch would fill them: [`Parameters::init_by`] with
    /// [`Initialisation::PyTorch`].
    ///
    /// # Errors
    /// As [`Parameters::init_by`].
    pub fn init(config: &Config, seed: u64, device: &Device) -> Result<Self, Error> {
        Self::init_by(Initialisation::PyTorch, config, seed, device)
    }

    /// Trainable parameters before training, each tensor drawn from its own stream of `seed`: the values do not depend
    /// on the order of construction or on the device.
    ///
    /// # Errors
    /// [`Error::Config`] for impossible sizes, [`Error::Candle`] if the device fails.
    pub fn init_by(
        initialisation: Initialisation,
        config: &Config,
        seed: u64,
        device: &Device,
    ) -> Result<Self, Error> {
        config.validate()?;
        let draw =
            |pack: &Pack| pack.tensors.iter().flat_map(|spec| initialisation.values(spec, seed)).collect();
        Self::from_packs(config, device, draw)?.trainable()
    }

    /// Parameters with the values of `state`, which must hold exactly the tensors of the layout, finite and in f32.
    ///
    /// # Errors
    /// [`Error::Tensors`] names what is missing, extra, misshapen, of another type or not finite.
    pub fn from_state_dict(config: &Config, state: &StateDict, device: &Device) -> Result<Self, Error> {
        config.validate()?;
        let specs: Vec<TensorSpec> = layout(config).into_iter().flat_map(|pack| pack.tensors).collect();
        Self::from_flat(config, &state_dict::flatten(state, &specs)?, device)
    }

    /// Parameters with the given values in flat order.
    ///
    /// # Errors
    /// [`Error::Tensors`] if their number is not the model's, [`Error::Candle`] if the device fails.
    pub fn from_flat(config: &Config, values: &[f32], device: &Device) -> Result<Self, Error> {
        config.validate()?;
        let count: usize = layout(config).iter().map(Pack::count).sum();
        if values.len() != count {
            return Err(Error::Tensors(format!("{} values for {count} parameters", values.len())));
        }
        let mut rest = values.iter().copied();
        Self::from_packs(config, device, |pack| rest.by_ref().take(pack.count()).collect())
    }

    fn from_packs(
        config: &Config,
        device: &Device,
        mut values: impl FnMut(&Pack) -> Vec<f32>,
    ) -> Result<Self, Error> {
        let fill = |pack: Pack| -> Result<Packed, Error> {
            let values = Tensor::from_vec(values(&pack), pack.count(), device)?;
            Ok(Packed { pack, values, variable: None })
        };
        let packs = layout(config).into_iter().map(fill).collect::<Result<_, _>>()?;
        Ok(Self { config: config.clone(), packs: Arc::new(packs), fused: true })
    }

    /// A copy of these values as variables that gradients flow to.
    ///
    /// # Errors
    /// [`Error::Candle`] if the device fails.
    pub fn trainable(&self) -> Result<Self, Error> {
        self.map(|values| {
            // A copy of its own: candle makes a variable of a variable by sharing its storage.
            let variable = Var::from_tensor(&values.detach().copy()?)?;
            Ok((variable.as_tensor().clone(), Some(variable)))
        })
    }

    /// The same storage without gradients: sees every later update of these parameters, records no graph.
    ///
    /// # Errors
    /// None today; [`Error::Candle`] is reserved for devices that must copy.
    pub fn frozen(&self) -> Result<Self, Error> {
        self.map(|values| Ok((values.detach(), None)))
    }

    /// A trainable copy in another floating-point type: f64 for the central differences of the tests.
    ///
    /// # Errors
    /// [`Error::Candle`] if the device does not know the type.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self, Error> {
        self.map(|values| Ok((values.detach().to_dtype(dtype)?, None)))?.trainable()
    }

    /// The same parameters for a model composed of candle's own operations, even where there are fused kernels: what
    /// the kernels are held against.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.fused = false;
        self
    }

    fn map(&self, f: impl Fn(&Tensor) -> Result<(Tensor, Option<Var>), Error>) -> Result<Self, Error> {
        let apply = |packed: &Packed| -> Result<Packed, Error> {
            let (values, variable) = f(&packed.values)?;
            Ok(Packed { pack: packed.pack.clone(), values, variable })
        };
        let packs = self.packs.iter().map(apply).collect::<Result<_, _>>()?;
        Ok(Self { config: self.config.clone(), packs: Arc::new(packs), fused: self.fused })
    }

    /// The sizes that these are the parameters of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Number of parameters.
    pub fn count(&self) -> usize {
        self.packs.iter().map(|packed| packed.pack.count()).sum()
    }

    /// The packs, in flat order.
    pub(crate) fn packs(&self) -> &[Packed] {
        &self.packs
    }

    /// Where they lie.
    pub fn device(&self) -> &Device {
        self.packs[0].values.device()
    }

    /// Their floating-point type.
    pub fn dtype(&self) -> DType {
        self.packs[0].values.dtype()
    }

    /// The table of tensors, in flat order.
    pub fn specs(&self) -> impl Iterator<Item = &TensorSpec> {
        self.packs.iter().flat_map(|packed| &packed.pack.tensors)
    }

    /// All tensors by name, as views that share these parameters' storage.
    ///
    /// # Errors
    /// [`Error::Candle`] if the device fails.
    pub fn state_dict(&self) -> Result<StateDict, Error> {
        let views = self.packs.iter().flat_map(Packed::views);
        views.map(|(spec, view)| Ok((spec.name.clone(), view?))).collect()
    }

    /// The variable of each pack by the pack's name, in flat order; none if these parameters are frozen.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.packs.iter().filter_map(|packed| Some((packed.pack.name.as_str(), packed.variable.as_ref()?)))
    }

    /// candle's usual way to hand tensors to layers: `builder().pp("encoder").pp("layers.0")`. Where the fused kernels
    /// can run, on the CPU and in f32, packs are found by their own names beside the tensors.
    pub fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), self.dtype(), self.device().clone())
    }

    fn offers_packs(&self) -> bool {
        self.fused && self.device().is_cpu() && self.dtype() == DType::F32
    }

    fn find(&self, name: &str) -> candle_core::Result<Tensor> {
        for packed in self.packs.iter() {
            if packed.pack.name == name && self.offers_packs() {
                return Ok(packed.values.clone());
            }
            if let Some((_, view)) = packed.views().find(|(spec, _)| spec.name == name) {
                return view;
            }
        }
        Err(candle_core::Error::CannotFindTensor { path: name.to_string() }.bt())
    }
}

impl Packed {
    /// Each tensor of the pack and its view, made when asked for.
    fn views(&self) -> impl Iterator<Item = (&TensorSpec, candle_core::Result<Tensor>)> {
        let mut end = 0;
        self.pack.tensors.iter().map(move |spec| {
            let start = end;
            end += spec.count();
            (
                spec,
                self.values
                    .narrow(0, start, spec.count())
                    .and_then(|view| view.reshape(spec.shape.as_slice())),
            )
        })
    }

    /// The variable, which frozen parameters lack.
    pub(crate) fn trained(&self) -> Result<&Var, Error> {
        self.variable.as_ref().ok_or_else(|| Error::Tensors("these parameters are frozen".into()))
    }
}

/// The pack `name` under `vb`, if the fused kernels can run on it.
pub(crate) fn packed(vb: &VarBuilder, name: &str) -> candle_core::Result<Option<Tensor>> {
    vb.contains_tensor(name).then(|| vb.get_unchecked(name)).transpose()
}

impl SimpleBackend for Parameters {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: candle_nn::Init,
        dtype: DType,
        _: &Device,
    ) -> candle_core::Result<Tensor> {
        let tensor = self.find(name)?;
        if tensor.shape() != &shape || tensor.dtype() != dtype {
            candle_core::bail!(
                "`{name}` is {:?} {:?}, not {dtype:?} {shape:?}",
                tensor.dtype(),
                tensor.shape()
            );
        }
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        self.find(name)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }
}
