//! Named tensors from outside, held against the table of the model's own.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};

use crate::Error;
use crate::tensor_table::TensorSpec;

/// Tensors by their published names.
pub type StateDict = BTreeMap<String, Tensor>;

/// The values of `state` in the order of `specs`.
///
/// # Errors
/// [`Error::Tensors`] if `state` holds anything but exactly these tensors, finite and in f32.
pub(crate) fn flatten(state: &StateDict, specs: &[TensorSpec]) -> Result<Vec<f32>, Error> {
    check_names(specs, state)?;
    let values = specs.iter().map(|spec| checked_values(spec, &state[&spec.name]));
    Ok(values.collect::<Result<Vec<_>, _>>()?.concat())
}

/// Exactly the layout's names, neither fewer nor more.
fn check_names(specs: &[TensorSpec], state: &StateDict) -> Result<(), Error> {
    let mut extra: Vec<&str> = state.keys().map(String::as_str).collect();
    let mut missing = Vec::new();
    for spec in specs {
        match extra.binary_search(&spec.name.as_str()) {
            Ok(found) => drop(extra.remove(found)),
            Err(_) => missing.push(spec.name.as_str()),
        }
    }
    let problem = match (missing.as_slice(), extra.as_slice()) {
        ([], []) => return Ok(()),
        ([], extra) => format!("unknown {}", first_names(extra)),
        (missing, []) => format!("missing {}", first_names(missing)),
        (missing, extra) => format!("missing {}; unknown {}", first_names(missing), first_names(extra)),
    };
    Err(Error::Tensors(problem))
}

fn first_names(names: &[&str]) -> String {
    let shown = names.iter().take(3).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > 3 { format!("{shown} and {} more", names.len() - 3) } else { shown }
}

fn checked_values(spec: &TensorSpec, tensor: &Tensor) -> Result<Vec<f32>, Error> {
    let name = &spec.name;
    if tensor.dims() != spec.shape {
        return Err(Error::Tensors(format!("`{name}` has shape {:?}, not {:?}", tensor.dims(), spec.shape)));
    }
    if tensor.dtype() != DType::F32 {
        return Err(Error::Tensors(format!("`{name}` holds {:?}, not F32", tensor.dtype())));
    }
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => {
            let problem = "take a checkpoint from before training diverged";
            Err(Error::Tensors(format!("`{name}` holds the value {value}; {problem}")))
        }
        None => Ok(values),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::{Config, Parameters};

    fn refused(change: impl FnOnce(&mut StateDict)) -> String {
        let config = Config::tiny();
        let mut state = Parameters::init(&config, 0, &Device::Cpu).unwrap().state_dict().unwrap();
        change(&mut state);
        Parameters::from_state_dict(&config, &state, &Device::Cpu).unwrap_err().to_string()
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let name = "decoder.output_proj.bias";
        let put = |values: Tensor| refused(|state| drop(state.insert(name.into(), values)));
        let message = refused(|state| drop(state.remove(name)));
        assert!(message.ends_with("missing `decoder.output_proj.bias`"), "{message}");
        let message = refused(|state| state.retain(|name, _| !name.contains("norm")));
        assert!(
            message.contains("missing `encoder.layers.0.norm1.weight`, ") && message.contains("and 11 more"),
            "{message}"
        );
        let message = refused(|state| drop(state.insert("extra".into(), state[name].clone())));
        assert!(message.ends_with("unknown `extra`"), "{message}");
        let message = put(Tensor::zeros(12, DType::F32, &Device::Cpu).unwrap());
        assert!(message.ends_with("has shape [12], not [13]"), "{message}");
        let message = put(Tensor::zeros(13, DType::F64, &Device::Cpu).unwrap());
        assert!(message.ends_with("holds F64, not F32"), "{message}");
        let message = put(Tensor::full(f32::NAN, 13, &Device::Cpu).unwrap());
        assert!(
            message.ends_with("holds the value NaN; take a checkpoint from before training diverged"),
            "{message}"
        );
    }

    #[test]
    fn values_survive_the_round_trip() {
        let parameters = Parameters::init(&Config::tiny(), 3, &Device::Cpu).unwrap();
        let state = parameters.state_dict().unwrap();
        let again = Parameters::from_state_dict(&Config::tiny(), &state, &Device::Cpu).unwrap();
        assert_eq!(parameters.to_flat().unwrap(), again.to_flat().unwrap());
    }
}
