//! The model's tensors among those of a file: under a common prefix, in other types of numbers, beside other tensors.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use candle_core::{DType, Tensor};
use mnist2x2_model::TensorSpec;

use crate::Error;
use crate::pt::shown;

/// The keys of a checkpoint under which the model is looked for first, where it holds more than one.
const USUAL_PLACES: [&str; 4] = ["", "state_dict", "model_state_dict", "model"];
/// What to do where tensors are missing or of other shapes.
pub(crate) const OTHER_SIZES: &str = "save the whole `model.state_dict()`; for other sizes than the published model's, name a \
                                      folder with their config.json";
/// How many names a message lists.
const NAMES_SHOWN: usize = 3;

/// What was done to a file's tensors to make them the model's. Nothing, for a file of this program.
///
/// As text it is one line, such as ``took `model.` off all names; converted float16 to float32``.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adaptation {
    /// The key of the checkpoint under which the tensors lay, with dots between several.
    pub place: String,
    /// What was taken off all names.
    pub prefix: String,
    /// The types of numbers that were converted to float32.
    pub converted: BTreeSet<&'static str>,
    /// What else lay beside the model's tensors, and was left alone.
    pub ignored: Vec<String>,
    /// Why a folder's file was read with the published architecture.
    pub architecture: Option<&'static str>,
}

impl Adaptation {
    /// Whether nothing was done.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The model's tensor `name` out of the one that was `read` for it.
    pub(crate) fn convert(&mut self, tensor: Tensor) -> Result<Tensor, String> {
        let from = match tensor.dtype() {
            DType::F32 => return Ok(tensor),
            DType::F64 => "float64",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            other => return Err(format!("holds {other:?}: only fractions are read; save it as float32")),
        };
        self.converted.insert(from);
        tensor.to_dtype(DType::F32).map_err(|error| error.to_string())
    }
}

impl fmt::Display for Adaptation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, prefix, converted, ignored, architecture } = self;
        let mut done = Vec::new();
        done.extend(architecture.map(|why| format!("{why}; read with the published architecture")));
        if !place.is_empty() {
            done.push(format!("took what lies under `{place}`"));
        }
        if !prefix.is_empty() {
            done.push(format!("took `{prefix}` off all names"));
        }
        if !converted.is_empty() {
            let types: Vec<_> = converted.iter().copied().collect();
            done.push(format!("converted {} to float32", types.join(" and ")));
        }
        if !ignored.is_empty() {
            done.push(format!("left alone {}, which the model does not have", some_of(ignored)));
        }
        f.write_str(&done.join("; "))
    }
}

/// The names in one dict of a file.
#[derive(Default)]
pub(crate) struct Names<'a> {
    /// Where the dict lies in the file.
    pub(crate) place: String,
    /// Those of tensors.
    pub(crate) tensors: Vec<&'a str>,
    /// Those of other things.
    pub(crate) others: Vec<String>,
}

/// In which dict the tensors that are `wanted` are, and what must be done to have them.
///
/// # Errors
/// [`Error::Tensors`] if no dict has all of them under one prefix, or if two have them and neither is where models usually
/// lie.
pub(crate) fn find(dicts: &[Names<'_>], wanted: &[TensorSpec]) -> Result<(usize, Adaptation), Error> {
    let wanted: Vec<_> = wanted.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut counts: BTreeMap<(usize, usize, &str), usize> = BTreeMap::new();
    for (index, dict) in dicts.iter().enumerate() {
        let place = USUAL_PLACES.iter().position(|usual| *usual == dict.place).unwrap_or(USUAL_PLACES.len());
        for name in &dict.tensors {
            for prefix in wanted.iter().filter_map(|wanted| name.strip_suffix(wanted)) {
                if prefix.is_empty() || prefix.ends_with('.') {
                    *counts
                        .entry((2 * place + usize::from(!prefix.is_empty()), index, prefix))
                        .or_default() += 1;
                }
            }
        }
    }
    let whole = || counts.iter().filter(|(_, count)| **count == wanted.len()).map(|(found, _)| *found);
    let Some((rank, index, prefix)) = whole().next() else { return Err(missing(dicts, &wanted, &counts)) };
    let rivals: Vec<_> = whole().filter(|found| found.0 == rank).collect();
    if rivals.len() > 1 {
        let rivals: Vec<_> =
            rivals.into_iter().map(|(_, index, prefix)| dicts[index].place.clone() + prefix).collect();
        let problem = "holds the model more than once, under";
        return Err(Error::Tensors(format!("{problem} {}; save the one that is meant", some_of(&rivals))));
    }
    let Names { place, tensors, others } = &dicts[index];
    let is_ours = |name: &str| name.strip_prefix(prefix).is_some_and(|name| wanted.contains(&name));
    let ignored = tensors.iter().filter(|name| !is_ours(name)).map(|name| shown(name));
    let ignored = ignored.chain(others.iter().cloned()).collect();
    let adaptation =
        Adaptation { place: place.clone(), prefix: prefix.into(), ignored, ..Adaptation::default() };
    Ok((index, adaptation))
}

/// That no dict has all tensors: what the one that has most of them lacks.
fn missing(dicts: &[Names<'_>], wanted: &[&str], counts: &BTreeMap<(usize, usize, &str), usize>) -> Error {
    let best =
        counts.iter().max_by_key(|(_, count)| **count).map(|((_, index, prefix), _)| (*index, *prefix));
    let (index, prefix) = best.unwrap_or_default();
    let found = dicts.get(index).map(|dict| dict.tensors.as_slice()).unwrap_or_default();
    let is_missing = |name: &&&str| !found.iter().any(|found| found.strip_prefix(prefix) == Some(**name));
    let lacking: Vec<_> = wanted.iter().filter(is_missing).collect();
    let unknown = |name: &&&str| !name.strip_prefix(prefix).is_some_and(|name| wanted.contains(&name));
    let unknown: Vec<_> = found.iter().filter(unknown).map(|name| shown(name)).collect();
    let unknown = if unknown.is_empty() { String::new() } else { format!("; unknown {}", some_of(&unknown)) };
    Error::Tensors(format!("missing {}{unknown}; {OTHER_SIZES}", some_of(&lacking)))
}

/// The first of some names, and how many more there are.
fn some_of(names: &[impl fmt::Display]) -> String {
    let shown: Vec<_> = names.iter().take(NAMES_SHOWN).map(|name| format!("`{name}`")).collect();
    let more = names.len() - shown.len();
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}
