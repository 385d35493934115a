//! From what the pickle program built to tensors: finding the state dict, and gathering each tensor from its storage.

use candle_core::{Device, Tensor};
use mnist2x2_model::StateDict;

use super::archive::Archive;
use super::error::{PtError, shown};
use super::names::Function;
use super::pickle::{Pickled, Value};

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
pub(super) fn read_all(pickled: &Pickled<'_>, archive: &Archive) -> Result<StateDict, PtError> {
    let mut tensors = StateDict::new();
    let mut room = MAX_VALUES;
    for (name, rebuild) in pickled.state_dict()? {
        let failed = |problem| PtError::Tensor { tensor: shown(name), problem };
        let view = View::parse(pickled, rebuild, archive).map_err(failed)?;
        let limit = MAX_VALUES * size_of::<f32>();
        let too_large = PtError::TooLarge { what: "all tensors together", limit };
        room = room.checked_sub(view.len()).ok_or(too_large)?;
        if tensors.insert(name.into(), view.gather().map_err(failed)?).is_some() {
            return Err(failed("occurs twice".into()));
        }
    }
    Ok(tensors)
}

impl<'a> Pickled<'a> {
    /// The state dict: each tensor's name, and the arguments that rebuild it.
    fn state_dict(&self) -> Result<Vec<(&'a str, &[Value<'a>])>, PtError> {
        let root =
            self.items(self.root).ok_or_else(|| PtError::NoStateDict("the file holds no dict".into()))?;
        let under = |name| root.iter().find(|[key, _]| matches!(key, Value::Text(text) if *text == name));
        let nested = NESTED_UNDER.into_iter().filter_map(under).filter_map(|&[_, value]| self.items(value));
        let found = std::iter::once(root).chain(nested).find_map(|items| self.tensors(items));
        found.ok_or_else(|| PtError::NoStateDict(described(root)))
    }

    /// The keys of a dict, each with its value.
    fn items(&self, value: Value<'a>) -> Option<&[[Value<'a>; 2]]> {
        let Value::Dict(dict) = value else { return None };
        Some(self.heap[dict].as_chunks().0)
    }

    /// The items of a dict, if it has any and all are tensors.
    fn tensors(&self, items: &[[Value<'a>; 2]]) -> Option<Vec<(&'a str, &[Value<'a>])>> {
        let tensor = |item: &[Value<'a>; 2]| match *item {
            [Value::Text(name), Value::Tensor(rebuild)] => Some((name, self.heap[rebuild].as_slice())),
            _ => None,
        };
        items.iter().map(tensor).collect::<Option<Vec<_>>>().filter(|tensors| !tensors.is_empty())
    }
}

/// What a dict holds that is no state dict: the first keys under which there is no tensor.
fn described(items: &[[Value<'_>; 2]]) -> String {
    let others = items.iter().filter(|[_, value]| !matches!(value, Value::Tensor(_)));
    let key = |[key, _]: &[Value<'_>; 2]| match key {
        Value::Text(text) => format!("\"{}\"", shown(text)),
        Value::Int(number) => number.to_string(),
        _ => "a key that is no text".into(),
    };
    let keys: Vec<_> = others.take(KEYS_NAMED).map(key).collect();
    match keys.as_slice() {
        _ if items.is_empty() => "the dict is empty".into(),
        [] => "a tensor's key is no text".into(),
        keys => format!("no tensor under {}", keys.join(", ")),
    }
}

/// A tensor as PyTorch saves it: a window onto a storage that it may share with others.
struct View<'a> {
    /// Little-endian float32.
    storage: &'a [[u8; 4]],
    /// Where the first value is, counted in values.
    offset: usize,
    /// Length of each axis.
    shape: Vec<usize>,
    /// How far apart the neighbours along each axis lie in the storage.
    strides: Vec<usize>,
}

impl<'a> View<'a> {
    /// Takes the arguments of PyTorch's `_rebuild_tensor_v2` apart.
    fn parse(pickled: &Pickled<'_>, rebuild: &[Value<'_>], archive: &'a Archive) -> Result<Self, String> {
        // The last two are requires_grad and hooks; a seventh would be flags such as "negated".
        let &[Value::Storage(storage), offset, Value::Tuple(shape), Value::Tuple(strides), _, _] = rebuild
        else {
            return Err("is no plain tensor, or its parts are in another order".into());
        };
        let counts = |tuple: usize| pickled.heap[tuple].iter().copied().map(count).collect::<Result<_, _>>();
        let storage = storage_values(&pickled.heap[storage], archive)?;
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
        let mut values = Vec::with_capacity(self.len());
        if self.len() > 0 {
            let axes = self.shape.iter().zip(&self.strides);
            let reach = |(&length, &stride): (&usize, &usize)| (length - 1).saturating_mul(stride);
            let last = axes.map(reach).fold(self.offset, usize::saturating_add);
            if last >= self.storage.len() {
                return Err("reaches beyond the end of its storage".into());
            }
            self.gather_axes(&self.shape, &self.strides, self.offset, &mut values);
        }
        Tensor::from_vec(values, self.shape.as_slice(), &Device::Cpu).map_err(|error| error.to_string())
    }

    /// Appends the values of the part that begins at `start` and spans some axes; [`Self::gather`] has checked the range.
    fn gather_axes(&self, shape: &[usize], strides: &[usize], start: usize, values: &mut Vec<f32>) {
        match (shape, strides) {
            ([length, shape @ ..], [stride, strides @ ..]) => {
                (0..*length).for_each(|i| self.gather_axes(shape, strides, start + i * stride, values));
            }
            _ => values.push(f32::from_le_bytes(self.storage[start])),
        }
    }
}

/// The bytes of the storage that a persistent id names, four for each value.
fn storage_values<'a>(id: &[Value<'_>], archive: &'a Archive) -> Result<&'a [[u8; 4]], String> {
    let &[Value::Text("storage"), Value::Function(kind), Value::Text(key), Value::Text(_device), length] = id
    else {
        return Err("has a storage that is named in another way than PyTorch does".into());
    };
    match kind {
        Function::StorageType("float32") => {}
        Function::StorageType(other) => {
            return Err(format!(
                "is {other}: only float32 is read; convert it with `.float()` before saving"
            ));
        }
        _ => return Err("has a storage whose type is no type".into()),
    }
    if key.len() > MAX_KEY_BYTES {
        return Err("has a storage whose name is too long".into());
    }
    let entry = format!("data/{key}");
    let missing =
        || format!("has no `{}` in the archive: it is incomplete; copy the file again", shown(&entry));
    match archive.entry(&entry).ok_or_else(missing)?.as_chunks() {
        (values, []) if values.len() == count(length)? => Ok(values),
        _ => Err("has a storage that is longer or shorter than the file says".into()),
    }
}

/// A length, an offset or a stride.
fn count(value: Value<'_>) -> Result<usize, String> {
    let Value::Int(count) = value else {
        return Err("has a size that is no number, or takes more than 32 bits".into());
    };
    usize::try_from(count).map_err(|_| "has a negative size or stride".into())
}
