//! The values of a model's tensors: one variable per parameter group, with named views into it.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;

use crate::state_dict::{self, StateDict};
use crate::tensor_table::{Initialization, ParameterGroup, TensorSpec, parameter_groups};
use crate::{Config, Error};

/// All parameters of a model of one [`Config`].
///
/// Each group of [`parameter_groups`] is one contiguous tensor of rank 1. A named tensor is a view of its group: it shares
/// the group's storage, so a change of the group changes the view. The *flat* order of all parameters is group after group.
#[derive(Clone, Debug)]
pub struct Parameters {
    config: Config,
    groups: Arc<Vec<Group>>,
}

/// The values of one parameter group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) table: ParameterGroup,
    /// The values, of rank 1; the variable's own tensor where it is one.
    pub(crate) values: Tensor,
    /// Present while the parameters are trained.
    variable: Option<Var>,
}

impl Parameters {
    /// Trainable parameters before training, as PyTorch would fill them: [`Parameters::init_by`] with
    /// [`Initialization::PyTorch`].
    ///
    /// # Errors
    /// As [`Parameters::init_by`].
    pub fn init(config: &Config, seed: u64, device: &Device) -> Result<Self, Error> {
        Self::init_by(Initialization::PyTorch, config, seed, device)
    }

    /// Trainable parameters before training, each tensor drawn from its own stream of `seed`: the values do not depend
    /// on the order of construction or on the device.
    ///
    /// # Errors
    /// [`Error::Config`] for impossible sizes, [`Error::Candle`] if the device fails.
    pub fn init_by(
        initialization: Initialization,
        config: &Config,
        seed: u64,
        device: &Device,
    ) -> Result<Self, Error> {
        config.validate()?;
        let draw = |table: &ParameterGroup| {
            table.tensors.iter().flat_map(|spec| initialization.values(spec, seed)).collect()
        };
        Self::filled(config, device, draw)?.trainable()
    }

    /// Parameters with the values of `state`, which must hold exactly the tensors of the model, finite and in f32.
    ///
    /// # Errors
    /// [`Error::Tensors`] names what is missing, extra, misshapen, of another type or not finite.
    pub fn from_state_dict(config: &Config, state: &StateDict, device: &Device) -> Result<Self, Error> {
        config.validate()?;
        let specs: Vec<_> = parameter_groups(config).into_iter().flat_map(|group| group.tensors).collect();
        Self::from_flat(config, &state_dict::flatten(state, &specs)?, device)
    }

    /// Parameters with the given values in flat order.
    ///
    /// # Errors
    /// [`Error::Tensors`] if their number is not the model's, [`Error::Candle`] if the device fails.
    pub fn from_flat(config: &Config, values: &[f32], device: &Device) -> Result<Self, Error> {
        config.validate()?;
        let count: usize = parameter_groups(config).iter().map(ParameterGroup::count).sum();
        if values.len() != count {
            return Err(Error::Tensors(format!("{} values for {count} parameters", values.len())));
        }
        let mut rest = values.iter().copied();
        Self::filled(config, device, |table| rest.by_ref().take(table.count()).collect())
    }

    fn filled(
        config: &Config,
        device: &Device,
        mut values: impl FnMut(&ParameterGroup) -> Vec<f32>,
    ) -> Result<Self, Error> {
        let fill = |table: ParameterGroup| -> Result<Group, Error> {
            let values = Tensor::from_vec(values(&table), table.count(), device)?;
            Ok(Group { table, values, variable: None })
        };
        let groups = parameter_groups(config).into_iter().map(fill).collect::<Result<_, _>>()?;
        Ok(Self { config: config.clone(), groups: Arc::new(groups) })
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

    /// These values without gradients, as they are now: no later update changes them.
    ///
    /// # Errors
    /// [`Error::Candle`] if the device fails.
    pub fn frozen(&self) -> Result<Self, Error> {
        if self.are_frozen() {
            return Ok(self.clone());
        }
        self.map(|values| Ok((values.detach().copy()?, None)))
    }

    /// A trainable copy in another floating-point type: f64 for the central differences of the tests.
    ///
    /// # Errors
    /// [`Error::Candle`] if the device does not know the type.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self, Error> {
        self.map(|values| Ok((values.detach().to_dtype(dtype)?, None)))?.trainable()
    }

    fn map(&self, f: impl Fn(&Tensor) -> Result<(Tensor, Option<Var>), Error>) -> Result<Self, Error> {
        let apply = |group: &Group| -> Result<Group, Error> {
            let (values, variable) = f(&group.values)?;
            Ok(Group { table: group.table.clone(), values, variable })
        };
        let groups = self.groups.iter().map(apply).collect::<Result<_, _>>()?;
        Ok(Self { config: self.config.clone(), groups: Arc::new(groups) })
    }

    /// The sizes that these are the parameters of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Number of parameters.
    pub fn count(&self) -> usize {
        self.groups.iter().map(|group| group.table.count()).sum()
    }

    /// Where they lie.
    pub fn device(&self) -> &Device {
        self.groups[0].values.device()
    }

    /// Their floating-point type.
    pub fn dtype(&self) -> DType {
        self.groups[0].values.dtype()
    }

    /// Whether these are not trained.
    pub(crate) fn are_frozen(&self) -> bool {
        self.variables().next().is_none()
    }

    /// The groups, in flat order.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The table of tensors, in flat order.
    pub fn specs(&self) -> impl Iterator<Item = &TensorSpec> {
        self.groups.iter().flat_map(|group| &group.table.tensors)
    }

    /// All tensors by name, as views that share these parameters' storage.
    ///
    /// # Errors
    /// [`Error::Candle`] if the device fails.
    pub fn state_dict(&self) -> Result<StateDict, Error> {
        let views = self.groups.iter().flat_map(Group::views);
        views.map(|(spec, view)| Ok((spec.name.clone(), view?))).collect()
    }

    /// The tensors by name as candle's layers ask for them: `var_builder()?.pp("encoder").pp("layers.0")`.
    ///
    /// # Errors
    /// As [`Parameters::state_dict`].
    pub fn var_builder(&self) -> Result<VarBuilder<'static>, Error> {
        let tensors = self.state_dict()?.into_iter().collect();
        Ok(VarBuilder::from_tensors(tensors, self.dtype(), self.device()))
    }

    /// The variable of each group by the group's name, in flat order; none if these parameters are frozen.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.groups.iter().filter_map(|group| Some((group.table.name.as_str(), group.variable.as_ref()?)))
    }
}

impl Group {
    /// Each tensor of the group and its view.
    fn views(&self) -> impl Iterator<Item = (&TensorSpec, candle_core::Result<Tensor>)> {
        let mut end = 0;
        self.table.tensors.iter().map(move |spec| {
            let start = end;
            end += spec.count();
            let view = self.values.narrow(0, start, spec.count());
            (spec, view.and_then(|view| view.reshape(spec.shape.as_slice())))
        })
    }

    /// The variable, which frozen parameters lack.
    pub(crate) fn trained(&self) -> Result<&Var, Error> {
        self.variable.as_ref().ok_or_else(|| Error::Tensors("these parameters are frozen".into()))
    }
}
