//! A pickle machine that can build dicts of tensors and do nothing else.
//!
//! Python's pickle format is a program for a stack machine (the opcodes are documented in Python's `pickletools`).
//! The opcodes here are those that `torch.save` writes for state dicts, with its default protocol 2. The program itself
//! bounds the machine: every opcode takes at least a byte and stores at most one value, so stack, memo and heap are no
//! longer than the program. Tuples and dicts lie in one list and refer to each other by index, so nesting costs no
//! recursion, and a value that occurs a thousand times is stored once.

use std::collections::BTreeMap;

use super::error::{PtError, shown};
use super::names::{Function, opcode_name};

/// A value on the machine's stack.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Int(i64),
    Text(&'a str),
    /// Index of its items in [`Pickled::heap`].
    Tuple(usize),
    /// Index of its keys, each with its value behind it, in [`Pickled::heap`].
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
    /// The content of all tuples and dicts.
    pub(super) heap: Vec<Vec<Value<'a>>>,
    /// The outermost value.
    pub(super) root: Value<'a>,
}

/// Runs `program` to its end.
pub(super) fn run(program: &[u8]) -> Result<Pickled<'_>, PtError> {
    let mut machine = Machine { program, ..Machine::default() };
    let root = machine.run().map_err(|fault| match fault {
        Fault::Damaged(what) => PtError::Pickle { at: machine.at, what },
        Fault::Refused(error) => error,
    })?;
    Ok(Pickled { heap: machine.heap, root })
}

/// Why the machine stops before the program's end.
enum Fault {
    /// What makes no sense at the byte that it has reached.
    Damaged(&'static str),
    Refused(PtError),
}

impl From<&'static str> for Fault {
    fn from(what: &'static str) -> Self {
        Self::Damaged(what)
    }
}

#[derive(Default)]
struct Machine<'a> {
    program: &'a [u8],
    /// Bytes read so far.
    at: usize,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at which a tuple, or the items of a dict or list, begin.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Value<'a>>,
    heap: Vec<Vec<Value<'a>>>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Value<'a>, Fault> {
        loop {
            match self.take(1)?[0] {
                b'.' => return self.last().map(|[root]| root),
                opcode => self.step(opcode)?,
            }
        }
    }

    /// Takes a step that pushes a value; [`Self::change`] takes the others.
    fn step(&mut self, opcode: u8) -> Result<(), Fault> {
        let value = match opcode {
            b'N' | 0x88 | 0x89 => Value::Other, // None, True, False
            b'G' => self.take(8).map(|_| Value::Other)?,
            b'K' => Value::Int(self.unsigned(1)?.into()),
            b'M' => Value::Int(self.unsigned(2)?.into()),
            b'J' => Value::Int(self.unsigned(4)?.cast_signed().into()),
            0x8a => self.long_integer()?,
            b'X' => self.text()?,
            b'c' => self.function()?,
            b')' => self.keep(Value::Tuple, &[]),
            0x85 => self.last::<1>().map(|items| self.keep(Value::Tuple, &items))?,
            0x86 => self.last::<2>().map(|items| self.keep(Value::Tuple, &items))?,
            0x87 => self.last::<3>().map(|items| self.keep(Value::Tuple, &items))?,
            b't' => self.since_mark().map(|items| self.keep(Value::Tuple, &items))?,
            b']' => Value::List,
            b'}' => self.keep(Value::Dict, &[]),
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            _ => return self.change(opcode),
        };
        self.stack.push(value);
        Ok(())
    }

    fn change(&mut self, opcode: u8) -> Result<(), Fault> {
        match opcode {
            0x80 => self.take(1).map(drop)?, // the protocol: it is the opcodes that count
            b'(' => self.marks.push(self.stack.len()),
            b'a' => self.last::<1>().and_then(|_| self.check_list())?,
            b'e' => self.since_mark().and_then(|_| self.check_list())?,
            b's' => self.last::<2>().and_then(|item| self.set_items(&item))?,
            b'u' => self.since_mark().and_then(|items| self.set_items(&items))?,
            b'q' => self.memoize(1)?,
            b'r' => self.memoize(4)?,
            // Attributes of a dict, such as a state dict's `_metadata`, are dropped.
            b'b' => self.last::<1>().and_then(|_| self.set_items(&[]))?,
            _ => {
                let name = opcode_name(opcode).map_or_else(|| format!("{opcode:#04x}"), str::to_owned);
                return Err(Fault::Refused(PtError::Opcode { name, at: self.at - 1 }));
            }
        }
        Ok(())
    }

    /// An integer of more than 32 bits, which no file within our limits needs for a tensor.
    fn long_integer(&mut self) -> Result<Value<'a>, Fault> {
        let length = self.unsigned(1)? as usize;
        self.take(length).map(|_| Value::Other)
    }

    fn text(&mut self) -> Result<Value<'a>, Fault> {
        let length = self.unsigned(4)? as usize;
        let text = str::from_utf8(self.take(length)?).map_err(|_| "a text that is not UTF-8")?;
        Ok(Value::Text(text))
    }

    fn function(&mut self) -> Result<Value<'a>, Fault> {
        let (module, name) = (self.line()?, self.line()?);
        let refused = || Fault::Refused(PtError::Refused(shown(&format!("{module}.{name}"))));
        Function::find(module, name).map(Value::Function).ok_or_else(refused)
    }

    fn storage(&mut self) -> Result<Value<'a>, Fault> {
        match self.last()? {
            [Value::Tuple(id)] => Ok(Value::Storage(id)),
            _ => Err("a storage that is no tuple".into()),
        }
    }

    /// The calls of a state dict have no effect outside the machine: they make a dict, or mark arguments as a tensor's.
    fn call(&mut self) -> Result<Value<'a>, Fault> {
        let [Value::Function(function), Value::Tuple(tuple)] = self.last()? else {
            return Err("a call of something that is no function".into());
        };
        match (function, self.heap[tuple].as_slice()) {
            (Function::OrderedDict, []) => Ok(self.keep(Value::Dict, &[])),
            (Function::RebuildTensor, _) => Ok(Value::Tensor(tuple)),
            (Function::RebuildParameter, &[tensor @ Value::Tensor(_), _, _]) => Ok(tensor),
            _ => Err("a call with other arguments than PyTorch writes".into()),
        }
    }

    fn keep(&mut self, kind: fn(usize) -> Value<'a>, items: &[Value<'a>]) -> Value<'a> {
        self.heap.push(items.into());
        kind(self.heap.len() - 1)
    }

    fn check_list(&self) -> Result<(), Fault> {
        match self.stack.last() {
            Some(Value::List) => Ok(()),
            _ => Err("items for something that is no list".into()),
        }
    }

    /// Adds keys, each with its value behind it, to the dict on the stack.
    fn set_items(&mut self, items: &[Value<'a>]) -> Result<(), Fault> {
        let Some(&Value::Dict(dict)) = self.stack.last() else {
            return Err("keys for something that is no dict".into());
        };
        if items.len() % 2 == 1 {
            return Err("a key without a value".into());
        }
        self.heap[dict].extend(items);
        Ok(())
    }

    fn memoize(&mut self, bytes: usize) -> Result<(), Fault> {
        let key = self.unsigned(bytes)?;
        self.memo.insert(key, *self.stack.last().ok_or("nothing to remember")?);
        Ok(())
    }

    fn recall(&mut self, bytes: usize) -> Result<Value<'a>, Fault> {
        let key = self.unsigned(bytes)?;
        Ok(*self.memo.get(&key).ok_or("a value that was never remembered")?)
    }

    /// Takes the uppermost values from the stack, none of which may belong to an outer tuple, dict or list.
    fn last<const N: usize>(&mut self) -> Result<[Value<'a>; N], Fault> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let values = *self.stack[floor..].last_chunk().ok_or("a value is missing")?;
        self.stack.truncate(self.stack.len() - N);
        Ok(values)
    }

    fn since_mark(&mut self) -> Result<Vec<Value<'a>>, Fault> {
        let mark = self.marks.pop().ok_or("items without a beginning")?;
        Ok(self.stack.split_off(mark))
    }

    /// A little-endian integer of at most four bytes.
    fn unsigned(&mut self, bytes: usize) -> Result<u32, Fault> {
        let bytes = self.take(bytes)?;
        Ok(bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)))
    }

    /// Text up to the next line break.
    fn line(&mut self) -> Result<&'a str, Fault> {
        let rest = &self.program[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or("a name without an end")?;
        let line = &self.take(length + 1)?[..length];
        Ok(str::from_utf8(line).map_err(|_| "a name that is not UTF-8")?)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let taken = self.program[self.at..].get(..length).ok_or("it ends too early")?;
        self.at += length;
        Ok(taken)
    }
}
