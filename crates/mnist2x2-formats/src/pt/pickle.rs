//! A pickle machine that can build dicts of tensors and do nothing else.
//!
//! Python's pickle format is a program for a stack machine (the opcodes are documented in Python's `pickletools`).
//! The opcodes here are those that `torch.save` writes for checkpoints, with its protocol 2 and with 3 to 5. The program
//! itself bounds the machine: every opcode takes at least a byte and stores at most one value, so stack, memo and heap are
//! no longer than the program. Tuples, lists and dicts lie in one list and refer to each other by index, so nesting costs
//! no recursion, and a value that occurs a thousand times is stored once.

use std::collections::BTreeMap;

use super::error::{PtError, shown};
use super::names::{Function, opcode_name};

/// A value on the machine's stack.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Int(i64),
    Bool(bool),
    Text(&'a str),
    /// Index of its items in [`Pickled::heap`].
    Tuple(usize),
    /// The same.
    List(usize),
    /// Index of its keys, each with its value behind it, in [`Pickled::heap`].
    Dict(usize),
    Function(Function),
    /// A tuple that says where a storage is: `("storage", type, key, device, length, ...)`.
    Storage(usize),
    /// The arguments of the call that rebuilds a tensor: `(storage, offset, shape, strides, ...)`.
    Tensor(usize),
    /// What says nothing about a tensor: `None`, a fraction, a long integer, bytes, and what [`Function::Inert`] made,
    /// with its name if that one has any.
    Inert(&'static str),
}

/// What a program built.
pub(super) struct Pickled<'a> {
    /// The content of all tuples, lists and dicts.
    pub(super) heap: Vec<Vec<Value<'a>>>,
    /// The outermost value.
    pub(super) root: Value<'a>,
    /// How many bytes the program has.
    pub(super) len: usize,
}

/// Runs `program` to its end, where more may follow.
pub(super) fn run(program: &[u8]) -> Result<Pickled<'_>, PtError> {
    let mut machine = Machine { program, ..Machine::default() };
    let root = machine.run().map_err(|fault| match fault {
        Fault::Damaged(what) => PtError::Pickle { at: machine.at, what },
        Fault::Refused(error) => error,
    })?;
    Ok(Pickled { heap: machine.heap, root, len: machine.at })
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
            b'N' | 0x8f => Value::Inert(""), // None, an empty set
            0x88 | 0x89 => Value::Bool(opcode == 0x88),
            b'G' => self.skip(8)?,
            b'K' => Value::Int(self.unsigned(1)?.into()),
            b'M' => Value::Int(self.unsigned(2)?.into()),
            b'J' => Value::Int(self.unsigned(4)?.cast_signed().into()),
            // A long integer, or bytes: no tensor within our limits needs them.
            0x8a | b'C' => self.unsigned(1).and_then(|length| self.skip(length))?,
            b'B' => self.unsigned(4).and_then(|length| self.skip(length))?,
            b'X' => self.text(4)?,
            0x8c => self.text(1)?,
            b'c' => function([self.line()?, self.line()?].map(Value::Text))?,
            0x93 => self.last().and_then(function)?,
            b')' => self.keep(Value::Tuple, &[]),
            0x85 => self.last::<1>().map(|items| self.keep(Value::Tuple, &items))?,
            0x86 => self.last::<2>().map(|items| self.keep(Value::Tuple, &items))?,
            0x87 => self.last::<3>().map(|items| self.keep(Value::Tuple, &items))?,
            b't' => self.since_mark().map(|items| self.keep(Value::Tuple, &items))?,
            b']' => self.keep(Value::List, &[]),
            b'}' => self.keep(Value::Dict, &[]),
            0x91 => self.since_mark().map(|_| Value::Inert(""))?, // a frozen set
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            b'Q' => self.storage()?,
            b'R' | 0x81 => self.call()?,
            _ => return self.change(opcode),
        };
        self.stack.push(value);
        Ok(())
    }

    fn change(&mut self, opcode: u8) -> Result<(), Fault> {
        match opcode {
            0x80 => self.take(1).map(drop)?, // the protocol: it is the opcodes that count
            0x95 => self.take(8).map(drop)?, // a frame's length
            b'(' => self.marks.push(self.stack.len()),
            b'a' => self.last::<1>().and_then(|item| self.add_items(&item))?,
            b'e' | 0x90 => self.since_mark().and_then(|items| self.add_items(&items))?,
            b's' => self.last::<2>().and_then(|item| self.set_items(&item))?,
            b'u' => self.since_mark().and_then(|items| self.set_items(&items))?,
            b'q' => self.unsigned(1).and_then(|key| self.memoize(key))?,
            b'r' => self.unsigned(4).and_then(|key| self.memoize(key))?,
            0x94 => self.memoize(self.memo.len() as u32)?,
            // Attributes, such as a state dict's `_metadata`, are dropped.
            b'b' => self.last::<2>().map(|[object, _]| self.stack.push(object))?,
            _ => {
                let name = opcode_name(opcode).map_or_else(|| format!("{opcode:#04x}"), str::to_owned);
                return Err(Fault::Refused(PtError::Opcode { name, at: self.at - 1 }));
            }
        }
        Ok(())
    }

    /// Bytes that are of no use.
    fn skip(&mut self, length: u32) -> Result<Value<'a>, Fault> {
        self.take(length as usize).map(|_| Value::Inert(""))
    }

    /// A text behind its length, which takes so many bytes.
    fn text(&mut self, bytes: usize) -> Result<Value<'a>, Fault> {
        let length = self.unsigned(bytes)? as usize;
        let text = str::from_utf8(self.take(length)?).map_err(|_| "a text that is not UTF-8")?;
        Ok(Value::Text(text))
    }

    fn storage(&mut self) -> Result<Value<'a>, Fault> {
        match self.last()? {
            [Value::Tuple(id)] => Ok(Value::Storage(id)),
            _ => Err("a storage that is no tuple".into()),
        }
    }

    /// No call has an effect outside the machine: it makes a dict, marks arguments as a tensor's, or makes nothing.
    fn call(&mut self) -> Result<Value<'a>, Fault> {
        let [Value::Function(function), Value::Tuple(tuple)] = self.last()? else {
            return Err("a call of something that is no function".into());
        };
        match (function, self.heap[tuple].as_slice()) {
            (Function::Dict, [] | [Value::Function(_)]) => Ok(self.keep(Value::Dict, &[])),
            (Function::RebuildTensor, _) => Ok(Value::Tensor(tuple)),
            (Function::RebuildParameter, &[tensor @ Value::Tensor(_), ..]) => Ok(tensor),
            (
                Function::RebuildFromType,
                &[Value::Function(Function::RebuildTensor), _, Value::Tuple(arguments), _],
            ) => Ok(Value::Tensor(arguments)),
            (Function::Inert(what), _) => Ok(Value::Inert(what)),
            _ => Err("a call with other arguments than PyTorch writes".into()),
        }
    }

    fn keep(&mut self, kind: fn(usize) -> Value<'a>, items: &[Value<'a>]) -> Value<'a> {
        self.heap.push(items.into());
        kind(self.heap.len() - 1)
    }

    /// Adds items to the list on the stack.
    fn add_items(&mut self, items: &[Value<'a>]) -> Result<(), Fault> {
        match self.stack.last() {
            Some(&Value::List(list)) => self.heap[list].extend(items),
            Some(Value::Inert(_)) => {}
            _ => return Err("items for something that is no list".into()),
        }
        Ok(())
    }

    /// Adds keys, each with its value behind it, to the dict on the stack.
    fn set_items(&mut self, items: &[Value<'a>]) -> Result<(), Fault> {
        match self.stack.last() {
            _ if items.len() % 2 == 1 => return Err("a key without a value".into()),
            Some(&Value::Dict(dict)) => self.heap[dict].extend(items),
            Some(Value::Inert(_)) => {}
            _ => return Err("keys for something that is no dict".into()),
        }
        Ok(())
    }

    fn memoize(&mut self, key: u32) -> Result<(), Fault> {
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

/// What the name of a function, its module before it, stands for.
fn function(name: [Value<'_>; 2]) -> Result<Value<'_>, Fault> {
    let [Value::Text(module), Value::Text(name)] = name else {
        return Err("a function whose name is no text".into());
    };
    let refused = || Fault::Refused(PtError::Refused(shown(&format!("{module}.{name}"))));
    Function::find(module, name).map(Value::Function).ok_or_else(refused)
}
