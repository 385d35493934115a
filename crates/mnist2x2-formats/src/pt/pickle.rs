//! A pickle machine that can build dicts of tensors and do nothing else.
//!
//! Python's pickle format is a program for a stack machine (the opcodes are documented in Python's `pickletools`).
//! The opcodes here are those that `torch.save` writes for state dicts, with its default protocol 2. The program itself
//! bounds the machine: every opcode takes at least a byte and stores at most one value, so stack, memo and heap are no
//! longer than the program. Tuples and dicts lie in one list each and refer to each other by index, so nesting costs no
//! recursion, and a value that occurs a thousand times is stored once.

use std::collections::BTreeMap;

use super::names::{Function, opcode_name};
use super::{PtError, shown};

/// A value on the machine's stack.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Int(i64),
    Text(&'a str),
    /// Index into [`Pickled::tuples`].
    Tuple(usize),
    /// Index into [`Pickled::dicts`].
    Dict(usize),
    Function(Function),
    /// A tuple that says where a storage is: `("storage", type, key, device, length)`.
    Storage(usize),
    /// The arguments of the call that rebuilds a tensor: `(storage, offset, shape, strides, ...)`.
    Tensor(usize),
    /// Its items are not kept.
    List,
    /// A boolean, a fraction, a long integer or `None`, which say nothing about a tensor.
    Other,
}

/// What a program built.
pub(super) struct Pickled<'a> {
    pub(super) tuples: Vec<Vec<Value<'a>>>,
    pub(super) dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
    /// The outermost value.
    pub(super) root: Value<'a>,
}

/// Runs `program` to its end.
pub(super) fn run(program: &[u8]) -> Result<Pickled<'_>, PtError> {
    let mut machine = Machine {
        program,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: BTreeMap::new(),
        tuples: Vec::new(),
        dicts: Vec::new(),
    };
    loop {
        match machine.byte()? {
            b'.' => break,
            opcode => machine.step(opcode)?,
        }
    }
    let root = machine.pop()?;
    Ok(Pickled { tuples: machine.tuples, dicts: machine.dicts, root })
}

struct Machine<'a> {
    program: &'a [u8],
    /// Bytes read so far.
    at: usize,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at which a tuple, or the items of a dict or list, begin.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Value<'a>>,
    tuples: Vec<Vec<Value<'a>>>,
    dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
}

impl<'a> Machine<'a> {
    fn step(&mut self, opcode: u8) -> Result<(), PtError> {
        match opcode {
            0x80 => self.take(1).map(drop)?, // the protocol: it is the opcodes that count
            b'(' => self.marks.push(self.stack.len()),
            b'N' | 0x88 | 0x89 => self.stack.push(Value::Other), // None, True, False
            b'G' => self.skip(8)?,
            b'K' => self.integer::<1>()?,
            b'M' => self.integer::<2>()?,
            b'J' => self.signed_integer()?,
            0x8a => self.long_integer()?,
            b'X' => self.text()?,
            b'c' => self.function()?,
            b')' => self.tuple_of(0)?,
            0x85..=0x87 => self.tuple_of(usize::from(opcode - 0x84))?,
            b't' => self.tuple_from_mark()?,
            b']' => self.stack.push(Value::List),
            b'a' => self.append()?,
            b'e' => self.append_from_mark()?,
            b'}' => self.new_dict(),
            b's' => self.set_item()?,
            b'u' => self.set_items_from_mark()?,
            b'q' => self.memoize::<1>()?,
            b'r' => self.memoize::<4>()?,
            b'h' => self.recall::<1>()?,
            b'j' => self.recall::<4>()?,
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            b'b' => self.set_attributes()?,
            _ => return Err(self.refused(opcode)),
        }
        Ok(())
    }

    fn integer<const BYTES: usize>(&mut self) -> Result<(), PtError> {
        let value = self.unsigned::<BYTES>()?;
        self.stack.push(Value::Int(i64::from(value)));
        Ok(())
    }

    fn signed_integer(&mut self) -> Result<(), PtError> {
        let value = self.unsigned::<4>()?.cast_signed();
        self.stack.push(Value::Int(i64::from(value)));
        Ok(())
    }

    /// An integer of more than 32 bits, which no file within our limits needs for a tensor.
    fn long_integer(&mut self) -> Result<(), PtError> {
        let length = self.byte()?;
        self.skip(usize::from(length))
    }

    /// Passes over a number of which only the place on the stack matters.
    fn skip(&mut self, bytes: usize) -> Result<(), PtError> {
        self.take(bytes)?;
        self.stack.push(Value::Other);
        Ok(())
    }

    fn text(&mut self) -> Result<(), PtError> {
        let length = self.unsigned::<4>()?;
        let bytes = self.take(length as usize)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.damaged("a text that is not UTF-8"))?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn function(&mut self) -> Result<(), PtError> {
        let (module, name) = (self.line()?, self.line()?);
        let function = Function::find(module, name)
            .ok_or_else(|| PtError::Refused { global: shown(&format!("{module}.{name}")) })?;
        self.stack.push(Value::Function(function));
        Ok(())
    }

    fn tuple_of(&mut self, length: usize) -> Result<(), PtError> {
        let start = self.stack.len().checked_sub(length).filter(|&start| start >= self.floor());
        let items = self.stack.split_off(start.ok_or_else(|| self.damaged("too few values for a tuple"))?);
        self.push_tuple(items);
        Ok(())
    }

    fn tuple_from_mark(&mut self) -> Result<(), PtError> {
        let items = self.items_from_mark()?;
        self.push_tuple(items);
        Ok(())
    }

    fn push_tuple(&mut self, items: Vec<Value<'a>>) {
        self.stack.push(Value::Tuple(self.tuples.len()));
        self.tuples.push(items);
    }

    fn append(&mut self) -> Result<(), PtError> {
        self.pop()?;
        self.check_list()
    }

    fn append_from_mark(&mut self) -> Result<(), PtError> {
        self.items_from_mark()?;
        self.check_list()
    }

    fn check_list(&self) -> Result<(), PtError> {
        match self.stack.last() {
            Some(Value::List) => Ok(()),
            _ => Err(self.damaged("items for something that is no list")),
        }
    }

    fn new_dict(&mut self) {
        self.stack.push(Value::Dict(self.dicts.len()));
        self.dicts.push(Vec::new());
    }

    fn set_item(&mut self) -> Result<(), PtError> {
        let (value, key) = (self.pop()?, self.pop()?);
        self.top_dict()?.push((key, value));
        Ok(())
    }

    fn set_items_from_mark(&mut self) -> Result<(), PtError> {
        let items = self.items_from_mark()?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.damaged("a key without a value"));
        }
        self.top_dict()?.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn top_dict(&mut self) -> Result<&mut Vec<(Value<'a>, Value<'a>)>, PtError> {
        match self.stack.last() {
            Some(&Value::Dict(dict)) => Ok(&mut self.dicts[dict]),
            _ => Err(self.damaged("keys for something that is no dict")),
        }
    }

    fn memoize<const BYTES: usize>(&mut self) -> Result<(), PtError> {
        let key = self.unsigned::<BYTES>()?;
        let value = *self.stack.last().ok_or_else(|| self.damaged("nothing to remember"))?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall<const BYTES: usize>(&mut self) -> Result<(), PtError> {
        let key = self.unsigned::<BYTES>()?;
        let value = *self.memo.get(&key).ok_or_else(|| self.damaged("a value that was never remembered"))?;
        self.stack.push(value);
        Ok(())
    }

    fn storage(&mut self) -> Result<(), PtError> {
        let Value::Tuple(id) = self.pop()? else {
            return Err(self.damaged("a storage that is no tuple"));
        };
        self.stack.push(Value::Storage(id));
        Ok(())
    }

    /// The calls of a state dict have no effect outside the machine: they make a dict, or mark arguments as a tensor's.
    fn call(&mut self) -> Result<(), PtError> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Value::Function(function), Value::Tuple(tuple)) = (function, arguments) else {
            return Err(self.damaged("a call of something that is no function"));
        };
        match (function, self.tuples[tuple].as_slice()) {
            (Function::OrderedDict, []) => self.new_dict(),
            (Function::RebuildTensor, _) => self.stack.push(Value::Tensor(tuple)),
            (Function::RebuildParameter, &[Value::Tensor(data), _, _]) => {
                self.stack.push(Value::Tensor(data));
            }
            _ => return Err(self.damaged("a call with other arguments than PyTorch writes")),
        }
        Ok(())
    }

    /// Attributes of a dict, such as a state dict's `_metadata`, are dropped.
    fn set_attributes(&mut self) -> Result<(), PtError> {
        self.pop()?;
        self.top_dict().map(drop)
    }

    fn pop(&mut self) -> Result<Value<'a>, PtError> {
        let value = if self.stack.len() > self.floor() { self.stack.pop() } else { None };
        value.ok_or_else(|| self.damaged("a value is missing"))
    }

    /// The height below which the stack belongs to an outer tuple, dict or list.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn items_from_mark(&mut self) -> Result<Vec<Value<'a>>, PtError> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("items without a beginning"))?;
        Ok(self.stack.split_off(mark))
    }

    fn byte(&mut self) -> Result<u8, PtError> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// A little-endian integer of at most four bytes.
    fn unsigned<const BYTES: usize>(&mut self) -> Result<u32, PtError> {
        let mut word = [0; 4];
        word[..BYTES].copy_from_slice(self.take(BYTES)?);
        Ok(u32::from_le_bytes(word))
    }

    /// Text up to the next line break.
    fn line(&mut self) -> Result<&'a str, PtError> {
        let length = self.program[self.at..].iter().position(|&byte| byte == b'\n');
        let line = self.take(length.ok_or_else(|| self.damaged("a name without an end"))?)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| self.damaged("a name that is not UTF-8"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PtError> {
        let rest = &self.program[self.at..];
        let taken = rest.get(..length).ok_or_else(|| self.damaged("it ends too early"))?;
        self.at += length;
        Ok(taken)
    }

    fn damaged(&self, what: &'static str) -> PtError {
        PtError::Pickle { at: self.at, what }
    }

    fn refused(&self, opcode: u8) -> PtError {
        let name = opcode_name(opcode).map_or_else(|| format!("{opcode:#04x}"), str::to_owned);
        PtError::Opcode { name, at: self.at - 1 }
    }
}
