//! The few functions that a program may name, and the names of the opcodes that it may not use.

/// The functions and classes that a program may name.
#[derive(Clone, Copy)]
pub(super) enum Function {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    /// The class of storages whose numbers are of this type.
    StorageType(&'static str),
}

impl Function {
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", "FloatStorage") => Self::StorageType("float32"),
            ("torch", "DoubleStorage") => Self::StorageType("float64"),
            ("torch", "HalfStorage") => Self::StorageType("float16"),
            ("torch", "BFloat16Storage") => Self::StorageType("bfloat16"),
            ("torch", "LongStorage") => Self::StorageType("int64"),
            ("torch", "IntStorage") => Self::StorageType("int32"),
            ("torch", "ShortStorage") => Self::StorageType("int16"),
            ("torch", "CharStorage") => Self::StorageType("int8"),
            ("torch", "ByteStorage") => Self::StorageType("uint8"),
            ("torch", "BoolStorage") => Self::StorageType("bool"),
            ("torch", "ComplexFloatStorage") => Self::StorageType("complex64"),
            ("torch", "ComplexDoubleStorage") => Self::StorageType("complex128"),
            _ => return None,
        })
    }
}

/// What `pickletools` calls an opcode that the machine does not have.
pub(super) fn opcode_name(opcode: u8) -> Option<&'static str> {
    REFUSED_OPCODES.iter().find(|(code, _)| *code == opcode).map(|&(_, name)| name)
}

/// The opcodes of all protocols that the machine does not have.
#[rustfmt::skip]
const REFUSED_OPCODES: [(u8, &str); 37] = [
    (b'0', "POP"), (b'1', "POP_MARK"), (b'2', "DUP"), (b'B', "BINBYTES"), (b'C', "SHORT_BINBYTES"), (b'F', "FLOAT"),
    (b'I', "INT"), (b'L', "LONG"), (b'P', "PERSID"), (b'S', "STRING"), (b'T', "BINSTRING"),
    (b'U', "SHORT_BINSTRING"), (b'V', "UNICODE"), (b'd', "DICT"), (b'g', "GET"), (b'i', "INST"), (b'l', "LIST"),
    (b'o', "OBJ"), (b'p', "PUT"), (0x81, "NEWOBJ"), (0x82, "EXT1"), (0x83, "EXT2"), (0x84, "EXT4"), (0x8b, "LONG4"),
    (0x8c, "SHORT_BINUNICODE"), (0x8d, "BINUNICODE8"), (0x8e, "BINBYTES8"), (0x8f, "EMPTY_SET"), (0x90, "ADDITEMS"),
    (0x91, "FROZENSET"), (0x92, "NEWOBJ_EX"), (0x93, "STACK_GLOBAL"), (0x94, "MEMOIZE"), (0x95, "FRAME"),
    (0x96, "BYTEARRAY8"), (0x97, "NEXT_BUFFER"), (0x98, "READONLY_BUFFER"),
];
