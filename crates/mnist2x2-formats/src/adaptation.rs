//! The model's tensors among those of a file: under a common prefix, in other types of numbers, beside other tensors.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use candle_core::{DType, Tensor};
use mnist2x2_model::TensorSpec;

use crate::Error;
use crate::pt::shown;

/// The keys of a checkpoint under which the model is looked for first, where it holds more than one.
const USUAL_PLACES: [&str; 4] = ["", "state_dict", "model_state_dict", "model"];
/// What stands in the names of a part of a model that was wrapped: by `torch.compile`, `DataParallel`, FSDP, or for the
/// checkpointing of activations.
const WRAPPERS: [&str; 4] = ["_orig_mod.", "module.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module."];
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
    /// What was taken out of names, wherever it stood.
    pub wrappers: BTreeSet<&'static str>,
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

    /// The model's tensor out of the one that was read for it.
    pub(crate) fn convert(&mut self, tensor: Tensor) -> Result<Tensor, String> {
        let from = match tensor.dtype() {
            DType::F32 => return Ok(tensor),
            DType::F64 => "float64",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            other => return Err(format!("holds {other:?}: only fractions are read; save it as float32")),
        };
        self.converted.insert(from);
        let converted = tensor.to_dtype(DType::F32).map_err(|error| error.to_string())?;
        match too_large(&tensor, &converted).map_err(|error| error.to_string())? {
            Some(value) => Err(format!(
                "holds {value:e}, too large for float32; take a checkpoint from before training diverged"
            )),
            None => Ok(converted),
        }
    }
}

/// The first number of float64 that is infinite in float32 and was not so before.
fn too_large(tensor: &Tensor, converted: &Tensor) -> candle_core::Result<Option<f64>> {
    if tensor.dtype() != DType::F64 {
        return Ok(None);
    }
    let (before, after) =
        (tensor.flatten_all()?.to_vec1::<f64>()?, converted.flatten_all()?.to_vec1::<f32>()?);
    let is_lost = |(before, after): &(f64, f32)| before.is_finite() && after.is_infinite();
    Ok(before.into_iter().zip(after).find(is_lost).map(|(before, _)| before))
}

impl fmt::Display for Adaptation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, prefix, wrappers, converted, ignored, architecture } = self;
        let mut done = Vec::new();
        done.extend(architecture.map(|why| format!("{why}; read with the published architecture")));
        if !place.is_empty() {
            done.push(format!("took what lies under `{place}`"));
        }
        if !prefix.is_empty() {
            done.push(format!("took `{prefix}` off all names"));
        }
        if !wrappers.is_empty() {
            let wrappers: Vec<_> = wrappers.iter().map(|wrapper| format!("`{wrapper}`")).collect();
            done.push(format!("took {} out of names", wrappers.join(" and ")));
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

/// The tensors that are wanted, in a file.
pub(crate) struct Found<'a> {
    /// The dict that they are in.
    pub(crate) dict: usize,
    /// Their names there, in the order in which they are wanted.
    pub(crate) names: Vec<&'a str>,
    /// What must be done to have them.
    pub(crate) adaptation: Adaptation,
}

/// How many wanted tensors lie under a prefix: by how usual the place is, the dict, and the prefix.
type Counts<'a> = BTreeMap<(usize, usize, Cow<'a, str>), usize>;

/// Where the tensors that are `wanted` are: under their names as they stand; if they are nowhere, without [`WRAPPERS`].
///
/// # Errors
/// [`Error::Tensors`] if no dict has all of them under one prefix, or if two have them and neither is where models usually
/// lie.
pub(crate) fn find<'a>(dicts: &[Names<'a>], wanted: &[TensorSpec]) -> Result<Found<'a>, Error> {
    let wanted: Vec<_> = wanted.iter().map(|tensor| tensor.name.as_str()).collect();
    let as_they_stand = counts(dicts, &wanted, Cow::Borrowed);
    if let Some(found) = choose(dicts, &wanted, &as_they_stand, Cow::Borrowed)? {
        return Ok(found);
    }
    let found = choose(dicts, &wanted, &counts(dicts, &wanted, unwrapped), unwrapped)?;
    let mut found = found.ok_or_else(|| missing(dicts, &wanted, &as_they_stand))?;
    let is_there = |wrapper: &&str| found.names.iter().any(|name| parts(name).any(|part| part == *wrapper));
    found.adaptation.wrappers = WRAPPERS.into_iter().filter(is_there).collect();
    Ok(found)
}

/// `encoder.`, `layers.`, `0.`, ..., `weight`.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split_inclusive('.')
}

fn unwrapped(name: &str) -> Cow<'_, str> {
    parts(name).filter(|part| !WRAPPERS.contains(part)).collect::<String>().into()
}

fn counts<'a>(dicts: &[Names<'a>], wanted: &[&str], read: fn(&'a str) -> Cow<'a, str>) -> Counts<'a> {
    let mut counts = Counts::new();
    for (index, dict) in dicts.iter().enumerate() {
        let place = USUAL_PLACES.iter().position(|usual| *usual == dict.place).unwrap_or(USUAL_PLACES.len());
        for name in dict.tensors.iter().map(|name| read(name)) {
            for prefix in wanted.iter().filter_map(|wanted| prefix(&name, wanted)) {
                let rank = 2 * place + usize::from(!prefix.is_empty());
                *counts.entry((rank, index, prefix)).or_default() += 1;
            }
        }
    }
    counts
}

/// What stands in `name` before the name that is wanted.
fn prefix<'a>(name: &Cow<'a, str>, wanted: &str) -> Option<Cow<'a, str>> {
    let prefix = name.strip_suffix(wanted).filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))?;
    Some(match name {
        Cow::Borrowed(name) => Cow::Borrowed(&name[..prefix.len()]),
        Cow::Owned(_) => Cow::Owned(prefix.to_owned()),
    })
}

/// The dict and prefix under which all tensors are, each once, in names as they are `read`; nothing if there is none.
fn choose<'a>(
    dicts: &[Names<'a>],
    wanted: &[&str],
    counts: &Counts<'a>,
    read: fn(&'a str) -> Cow<'a, str>,
) -> Result<Option<Found<'a>>, Error> {
    let whole = || counts.iter().filter(|(_, count)| **count == wanted.len()).map(|(found, _)| found);
    let Some((rank, dict, prefix)) = whole().next() else { return Ok(None) };
    let rivals: Vec<_> = whole().filter(|found| found.0 == *rank).collect();
    if rivals.len() > 1 {
        let rivals: Vec<_> =
            rivals.into_iter().map(|(_, dict, prefix)| format!("{}{prefix}", dicts[*dict].place)).collect();
        let problem = "holds the model more than once, under";
        return Err(Error::Tensors(format!("{problem} {}; save the one that is meant", some_of(&rivals))));
    }
    let Names { place, tensors, others } = &dicts[*dict];
    let ours: BTreeMap<_, _> = tensors
        .iter()
        .filter_map(|&name| Some((read(name).strip_prefix(&**prefix)?.to_owned(), name)))
        .filter(|(ours, _)| wanted.contains(&ours.as_str()))
        .collect();
    let Some(names) = wanted.iter().map(|wanted| ours.get(*wanted).copied()).collect::<Option<Vec<_>>>()
    else {
        return Ok(None);
    };
    let ignored = tensors.iter().filter(|name| !names.contains(name)).map(|name| shown(name));
    let ignored = ignored.chain(others.iter().cloned()).collect();
    let adaptation =
        Adaptation { place: place.clone(), prefix: prefix.to_string(), ignored, ..Adaptation::default() };
    Ok(Some(Found { dict: *dict, names, adaptation }))
}

/// That no dict has all tensors: what the one that has most of them lacks.
fn missing(dicts: &[Names<'_>], wanted: &[&str], counts: &Counts<'_>) -> Error {
    let best =
        counts.iter().max_by_key(|(_, count)| **count).map(|((_, index, prefix), _)| (*index, &**prefix));
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
