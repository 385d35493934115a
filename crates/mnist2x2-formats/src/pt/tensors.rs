//! From what the pickle program built to tensors: finding the dicts of tensors, and gathering each tensor from its storage.

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use candle_core::{DType, Device, Tensor};

use super::archive::Archive;
use super::error::{PtError, shown};
use super::names::Function;
use super::pickle::{Pickled, Value};

/// All tensors together; those that share a storage count each.
pub(crate) const MAX_VALUES: usize = 16 << 20;
/// How many keys an error lists.
const KEYS_NAMED: usize = 8;
const MAX_AXES: usize = 8;
/// Storages are numbered, or named by an address, so an honest key has some digits.
const MAX_KEY_BYTES: usize = 20;
/// How many dicts, lists and tuples a dict of tensors may lie in.
const MAX_DEPTH: usize = 4;

/// A dict with tensors in it.
pub(crate) struct Dict<'a> {
    /// The keys under which it lies in the file, with dots between them; nothing if it is the whole file.
    pub(crate) place: String,
    /// Each tensor's name, and what it is made of.
    tensors: BTreeMap<&'a str, Parts<'a>>,
    /// The keys under which there is something else.
    pub(crate) others: Vec<String>,
    pickled: &'a Pickled<'a>,
    archive: &'a Archive<'a>,
}

#[derive(Clone, Copy)]
enum Parts<'a> {
    /// The arguments that rebuild it.
    Rebuild(&'a [Value<'a>]),
    /// It is something that is not read.
    Foreign(&'static str),
}

impl<'a> Dict<'a> {
    /// The names of its tensors.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.tensors.keys().copied()
    }

    /// One of its tensors, in the type that it was saved in, if it has no more than `room` values, which are taken from
    /// there.
    pub(crate) fn read(&self, name: &str, room: &mut usize) -> Result<Tensor, PtError> {
        let failed = |problem| PtError::Tensor { tensor: shown(name), problem };
        let rebuild = match self.tensors.get(name) {
            Some(Parts::Rebuild(rebuild)) => rebuild,
            Some(Parts::Foreign(what)) => {
                return Err(failed(format!(
                    "is {what}, which is not read; save it as a dense float32 tensor"
                )));
            }
            None => return Err(failed("is missing".into())),
        };
        let view = View::parse(self.pickled, rebuild, self.archive).map_err(failed)?;
        let limit = MAX_VALUES * size_of::<f32>();
        let too_large = PtError::TooLarge { what: "all tensors together", limit };
        *room = room.checked_sub(view.len()).ok_or(too_large)?;
        view.gather().map_err(failed)
    }
}

/// Every dict of the file with a tensor in it, the outermost first.
///
/// # Errors
/// [`PtError::NoStateDict`] if there is none, [`PtError::Tensor`] if a name occurs twice.
pub(super) fn dicts<'a>(
    pickled: &'a Pickled<'a>,
    archive: &'a Archive<'a>,
) -> Result<Vec<Dict<'a>>, PtError> {
    let (mut dicts, mut seen) = (Vec::new(), vec![false; pickled.heap.len()]);
    let mut open = VecDeque::from([(String::new(), 0, pickled.root)]);
    while let Some((place, depth, value)) = open.pop_front() {
        let Some(items) = pickled.children(value) else { continue };
        for (key, value) in items {
            let (Value::Dict(at) | Value::List(at) | Value::Tuple(at)) = value else { continue };
            let is_full = !pickled.heap[at].is_empty();
            if is_full && depth < MAX_DEPTH && !mem::replace(&mut seen[at], true) {
                let dot = if place.is_empty() { "" } else { "." };
                open.push_back((format!("{place}{dot}{}", named(key)), depth + 1, value));
            }
        }
        dicts.extend(dict(place, pickled, value, archive)?);
    }
    if dicts.is_empty() { Err(PtError::NoStateDict(described(pickled))) } else { Ok(dicts) }
}

/// A dict of the pickle, if it has a tensor in it.
fn dict<'a>(
    place: String,
    pickled: &'a Pickled<'a>,
    value: Value<'a>,
    archive: &'a Archive<'a>,
) -> Result<Option<Dict<'a>>, PtError> {
    let mut dict = Dict { place, tensors: BTreeMap::new(), others: Vec::new(), pickled, archive };
    for &[key, value] in pickled.items(value).unwrap_or_default() {
        let parts = match value {
            Value::Tensor(rebuild) => Some(Parts::Rebuild(&pickled.heap[rebuild])),
            Value::Inert(what) if !what.is_empty() => Some(Parts::Foreign(what)),
            _ => None,
        };
        match (key, parts) {
            (Value::Text(name), Some(parts)) if dict.tensors.insert(name, parts).is_none() => {}
            (Value::Text(name), Some(_)) => {
                return Err(PtError::Tensor { tensor: shown(name), problem: "occurs twice".into() });
            }
            _ => dict.others.push(named(key)),
        }
    }
    Ok((!dict.tensors.is_empty()).then_some(dict))
}

/// A key as messages show it.
fn named(key: Value<'_>) -> String {
    match key {
        Value::Text(text) => shown(text),
        Value::Int(number) => number.to_string(),
        _ => "a key that is no text".into(),
    }
}

/// What a file holds that has no dict of tensors: the first keys.
fn described(pickled: &Pickled<'_>) -> String {
    let Some(items) = pickled.items(pickled.root) else { return "the file holds no dict".into() };
    let keys: Vec<_> = items.iter().take(KEYS_NAMED).map(|&[key, _]| format!("\"{}\"", named(key))).collect();
    match keys.as_slice() {
        [] => "the dict is empty".into(),
        keys => format!("no tensor under {}", keys.join(", ")),
    }
}

impl<'a> Pickled<'a> {
    /// The keys of a dict, each with its value.
    pub(super) fn items(&self, value: Value<'a>) -> Option<&[[Value<'a>; 2]]> {
        let Value::Dict(dict) = value else { return None };
        Some(self.heap[dict].as_chunks().0)
    }

    /// The values in a dict, list or tuple, each with its key or its place.
    fn children(&self, value: Value<'a>) -> Option<Vec<(Value<'a>, Value<'a>)>> {
        match value {
            Value::Dict(_) => Some(self.items(value)?.iter().map(|&[key, value]| (key, value)).collect()),
            Value::List(at) | Value::Tuple(at) => {
                Some((0..).map(Value::Int).zip(self.heap[at].iter().copied()).collect())
            }
            _ => None,
        }
    }
}

/// A tensor as PyTorch saves it: a window onto a storage that it may share with others.
struct View<'a> {
    storage: Storage<'a>,
    /// Where the first value is, counted in values.
    offset: usize,
    /// Length of each axis.
    shape: Vec<usize>,
    /// How far apart the neighbors along each axis lie in the storage.
    strides: Vec<usize>,
}

impl<'a> View<'a> {
    /// Takes the arguments of PyTorch's `_rebuild_tensor_v2`, or of the one before, apart.
    fn parse(pickled: &Pickled<'_>, rebuild: &[Value<'_>], archive: &'a Archive<'_>) -> Result<Self, String> {
        // The last two are requires_grad and hooks; a seventh would be flags such as "negated".
        let (&[Value::Storage(storage), offset, Value::Tuple(shape), Value::Tuple(strides)]
        | &[Value::Storage(storage), offset, Value::Tuple(shape), Value::Tuple(strides), _, _]) = rebuild
        else {
            return Err("is no plain tensor, or its parts are in another order".into());
        };
        let counts = |tuple: usize| pickled.heap[tuple].iter().copied().map(count).collect::<Result<_, _>>();
        let storage = Storage::find(&pickled.heap[storage], archive)?;
        let view = Self { storage, offset: count(offset)?, shape: counts(shape)?, strides: counts(strides)? };
        let axes = view.shape.len();
        if axes == view.strides.len() && axes <= MAX_AXES {
            Ok(view)
        } else {
            Err("has too many axes, or not one stride for each".into())
        }
    }

    /// How many values it shows.
    fn len(&self) -> usize {
        self.shape.iter().fold(1, |len, &axis| len.saturating_mul(axis))
    }

    /// The values in row-major order.
    fn gather(&self) -> Result<Tensor, String> {
        let mut values = Vec::with_capacity(self.len() * self.storage.width);
        if self.len() > 0 {
            let axes = self.shape.iter().zip(&self.strides);
            let reach = |(&length, &stride): (&usize, &usize)| (length - 1).saturating_mul(stride);
            let last = axes.map(reach).fold(self.offset, usize::saturating_add);
            if last >= self.storage.bytes.len() / self.storage.width {
                return Err("reaches beyond the end of its storage".into());
            }
            self.gather_axes(&self.shape, &self.strides, self.offset, &mut values);
        }
        let tensor = Tensor::from_raw_buffer(&values, self.storage.dtype, &self.shape, &Device::Cpu);
        tensor.map_err(|error| error.to_string())
    }

    /// Appends the values of the part that begins at `start` and spans some axes; [`Self::gather`] has checked the range.
    fn gather_axes(&self, shape: &[usize], strides: &[usize], start: usize, values: &mut Vec<u8>) {
        match (shape, strides) {
            ([length, shape @ ..], [stride, strides @ ..]) => {
                (0..*length).for_each(|i| self.gather_axes(shape, strides, start + i * stride, values));
            }
            _ => values.extend(self.storage.value(start)),
        }
    }
}

/// The numbers that tensors are windows onto.
struct Storage<'a> {
    bytes: &'a [u8],
    dtype: DType,
    /// Bytes of a number.
    width: usize,
    is_big_endian: bool,
}

impl<'a> Storage<'a> {
    /// The storage that a persistent id names.
    fn find(id: &[Value<'_>], archive: &'a Archive<'_>) -> Result<Self, String> {
        let &[
            Value::Text("storage"),
            Value::Function(kind),
            Value::Text(key),
            Value::Text(_device),
            length,
            ..,
        ] = id
        else {
            return Err("has a storage that is named in another way than PyTorch does".into());
        };
        let (dtype, width) = match kind {
            Function::Storage("float32", width) => (DType::F32, width),
            Function::Storage("float64", width) => (DType::F64, width),
            Function::Storage("float16", width) => (DType::F16, width),
            Function::Storage("bfloat16", width) => (DType::BF16, width),
            Function::Storage(other, _) => {
                return Err(format!(
                    "is {other}: only fractions are read; convert it with `.float()` before saving"
                ));
            }
            _ => return Err("has a storage whose type is no type".into()),
        };
        if key.len() > MAX_KEY_BYTES {
            return Err("has a storage whose name is too long".into());
        }
        let entry = format!("data/{key}");
        let missing =
            || format!("has no `{}` in the archive: it is incomplete; copy the file again", shown(&entry));
        let bytes = archive.entry(&entry).ok_or_else(missing)?;
        if Some(bytes.len()) != count(length)?.checked_mul(width) {
            return Err("has a storage that is longer or shorter than the file says".into());
        }
        Ok(Self { bytes, dtype, width, is_big_endian: archive.is_big_endian })
    }

    /// The bytes of one number, the lowest first.
    fn value(&self, index: usize) -> impl Iterator<Item = u8> {
        let bytes = &self.bytes[index * self.width..][..self.width];
        let swap = if self.is_big_endian { self.width - 1 } else { 0 };
        (0..self.width).map(move |at| bytes[if swap > 0 { swap - at } else { at }])
    }
}

/// A length, an offset or a stride.
fn count(value: Value<'_>) -> Result<usize, String> {
    let Value::Int(count) = value else {
        return Err("has a size that is no number, or takes more than 32 bits".into());
    };
    usize::try_from(count).map_err(|_| "has a negative size or stride".into())
}
