//! From what the pickle program built to tensors: finding the state dict, and gathering each tensor from its storage.

use std::collections::BTreeMap;

use super::archive::Archive;
use super::names::Function;
use super::pickle::{Pickled, Value};
use super::{PtError, RawTensor, shown};

/// Where training programs put the state dict when they save more than that.
const NESTED_UNDER: [&str; 3] = ["state_dict", "model_state_dict", "model"];
/// All tensors together; those that share a storage count each.
const MAX_VALUES: usize = 16 << 20;
/// How many keys an error lists.
const KEYS_NAMED: usize = 8;
const MAX_AXES: usize = 8;
/// Storages are numbered, so an honest key has a few digits.
const MAX_KEY_BYTES: usize = 20;

/// Reads every tensor of the state dict.
pub(super) fn read_all(
    pickled: &Pickled<'_>,
    archive: &Archive,
) -> Result<BTreeMap<String, RawTensor>, PtError> {
    let mut tensors = BTreeMap::new();
    let mut room = MAX_VALUES;
    for (name, rebuild) in pickled.state_dict()? {
        let view = View::parse(pickled, rebuild, archive).map_err(|fault| fault.of(name))?;
        let values = view.gather(room).map_err(|fault| fault.of(name))?;
        room -= values.len();
        let shape = view.axes.iter().map(|axis| axis.length).collect();
        if tensors.insert(name.into(), RawTensor { shape, values }).is_some() {
            return Err(Fault::Damaged("the name occurs twice").of(name));
        }
    }
    Ok(tensors)
}

impl<'a> Pickled<'a> {
    /// The state dict: each tensor's name, and the arguments that rebuild it.
    fn state_dict(&self) -> Result<Vec<(&'a str, &[Value<'a>])>, PtError> {
        let nested = NESTED_UNDER.iter().filter_map(|key| self.get(self.root, key));
        let found = std::iter::once(self.root).chain(nested).find_map(|value| self.tensors_of(value));
        found.ok_or_else(|| PtError::NoStateDict { found: self.describe() })
    }

    fn get(&self, dict: Value<'a>, key: &str) -> Option<Value<'a>> {
        let Value::Dict(dict) = dict else { return None };
        let matching =
            |(found, _): &&(Value<'a>, Value<'a>)| matches!(found, Value::Text(text) if *text == key);
        self.dicts[dict].iter().find(matching).map(|&(_, value)| value)
    }

    /// The items of a dict, if it has any and all are tensors.
    fn tensors_of(&self, value: Value<'a>) -> Option<Vec<(&'a str, &[Value<'a>])>> {
        let Value::Dict(dict) = value else { return None };
        let items = self.dicts[dict].iter().map(|item| match *item {
            (Value::Text(name), Value::Tensor(rebuild)) => Some((name, self.tuples[rebuild].as_slice())),
            _ => None,
        });
        items.collect::<Option<Vec<_>>>().filter(|items| !items.is_empty())
    }

    /// What there is in place of a state dict: the first keys under which there is no tensor.
    fn describe(&self) -> String {
        let Value::Dict(dict) = self.root else { return "the file holds no dict".into() };
        let strangers = self.dicts[dict].iter().filter(|(_, value)| !matches!(value, Value::Tensor(_)));
        let keys: Vec<String> = strangers.take(KEYS_NAMED).map(|&(key, _)| key_shown(key)).collect();
        match (self.dicts[dict].as_slice(), keys.as_slice()) {
            ([], _) => "the dict is empty".into(),
            (_, []) => "a tensor's key is no text".into(),
            _ => format!("no tensor under {}", keys.join(", ")),
        }
    }
}

fn key_shown(key: Value<'_>) -> String {
    match key {
        Value::Text(text) => format!("\"{}\"", shown(text)),
        Value::Int(number) => number.to_string(),
        _ => "a key that is no text".into(),
    }
}

/// What is wrong with a tensor whose name the caller knows.
enum Fault {
    Damaged(&'static str),
    DataType(&'static str),
    Other(PtError),
}

impl Fault {
    fn of(self, name: &str) -> PtError {
        match self {
            Self::Damaged(what) => PtError::Tensor { tensor: shown(name), what },
            Self::DataType(found) => PtError::DataType { tensor: shown(name), found },
            Self::Other(error) => error,
        }
    }
}

/// One axis of a tensor: how long it is, and how far apart its neighbours lie in the storage.
struct Axis {
    length: usize,
    stride: usize,
}

/// A tensor as PyTorch saves it: a window onto a storage that it may share with others.
struct View<'a> {
    /// Little-endian float32.
    storage: &'a [[u8; 4]],
    /// Where the first value is, counted in values.
    offset: usize,
    axes: Vec<Axis>,
}

impl<'a> View<'a> {
    /// Takes the arguments of PyTorch's `_rebuild_tensor_v2` apart.
    fn parse(pickled: &Pickled<'_>, rebuild: &[Value<'_>], archive: &'a Archive) -> Result<Self, Fault> {
        // The last two are requires_grad and hooks; a seventh would be flags such as "negated".
        let &[Value::Storage(storage), Value::Int(offset), Value::Tuple(shape), Value::Tuple(strides), _, _] =
            rebuild
        else {
            return Err(Fault::Damaged("it is no plain tensor, or its parts are in another order"));
        };
        let storage = storage_values(&pickled.tuples[storage], archive)?;
        let (shape, strides) = (&pickled.tuples[shape], &pickled.tuples[strides]);
        if shape.len() != strides.len() || shape.len() > MAX_AXES {
            return Err(Fault::Damaged("it has too many axes, or not one stride for each"));
        }
        let axis = |(&length, &stride)| Ok(Axis { length: count(length)?, stride: count(stride)? });
        let axes = shape.iter().zip(strides).map(axis).collect::<Result<_, Fault>>()?;
        Ok(Self { storage, offset: count(Value::Int(offset))?, axes })
    }

    /// The values in row-major order, if there are at most `room`.
    fn gather(&self, room: usize) -> Result<Vec<f32>, Fault> {
        if self.axes.iter().any(|axis| axis.length == 0) {
            return Ok(Vec::new());
        }
        let total = self.axes.iter().try_fold(1_usize, |total, axis| total.checked_mul(axis.length));
        let limit = MAX_VALUES * size_of::<f32>();
        let too_large = Fault::Other(PtError::TooLarge { what: "all tensors together", limit });
        let total = total.filter(|&total| total <= room).ok_or(too_large)?;
        let last = self.axes.iter().try_fold(self.offset, |last, axis| {
            last.checked_add((axis.length - 1).checked_mul(axis.stride)?)
        });
        if last.is_none_or(|last| last >= self.storage.len()) {
            return Err(Fault::Damaged("reaches beyond the end of its storage"));
        }
        let mut values = Vec::with_capacity(total);
        self.gather_axes(&self.axes, self.offset, &mut values);
        Ok(values)
    }

    /// Appends the values of the part that begins at `start` and spans `axes`; [`Self::gather`] has checked the range.
    fn gather_axes(&self, axes: &[Axis], start: usize, values: &mut Vec<f32>) {
        match axes {
            [] => values.push(f32::from_le_bytes(self.storage[start])),
            [axis, inner @ ..] => {
                (0..axis.length).for_each(|i| self.gather_axes(inner, start + i * axis.stride, values));
            }
        }
    }
}

/// The bytes of the storage that a persistent id names, four for each value.
fn storage_values<'a>(id: &[Value<'_>], archive: &'a Archive) -> Result<&'a [[u8; 4]], Fault> {
    let &[Value::Text("storage"), Value::Function(kind), Value::Text(key), Value::Text(_device), length] = id
    else {
        return Err(Fault::Damaged("its storage is named in another way than PyTorch does"));
    };
    match kind {
        Function::StorageType("float32") => {}
        Function::StorageType(other) => return Err(Fault::DataType(other)),
        _ => return Err(Fault::Damaged("the type of its storage is no type")),
    }
    if key.len() > MAX_KEY_BYTES {
        return Err(Fault::Damaged("the name of its storage is too long"));
    }
    let bytes = archive.entry(&format!("data/{key}")).map_err(Fault::Other)?;
    let (values, rest) = bytes.as_chunks::<4>();
    if values.len() != count(length)? || !rest.is_empty() {
        return Err(Fault::Damaged("its storage is longer or shorter than the file says"));
    }
    Ok(values)
}

/// A length, an offset or a stride.
fn count(value: Value<'_>) -> Result<usize, Fault> {
    match value {
        Value::Int(count) => usize::try_from(count).map_err(|_| Fault::Damaged("a negative size or stride")),
        _ => Err(Fault::Damaged("a size that is no number, or takes more than 32 bits")),
    }
}
