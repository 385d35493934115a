//! The functions and classes that a program may name, and the names of the opcodes that it may not use.

/// What a name that a program may use stands for. None of them is run: each says what the machine makes of a call.
#[derive(Clone, Copy)]
pub(super) enum Function {
    /// A dict, whose keys follow.
    Dict,
    /// A tensor from a storage, an offset, a shape and strides.
    RebuildTensor,
    /// A parameter from its tensor.
    RebuildParameter,
    /// A tensor with attributes, from the function that rebuilds it and that one's arguments.
    RebuildFromType,
    /// The class of storages whose numbers are of this type and take so many bytes.
    Storage(&'static str, usize),
    /// Something that holds no weights: the machine keeps no more of it than what it is called.
    Inert(&'static str),
}

impl Function {
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict" | "defaultdict") => Self::Dict,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Self::RebuildParameter
            }
            ("torch._tensor", "_rebuild_from_type_v2") => Self::RebuildFromType,
            ("torch", class) if class.ends_with("Storage") => {
                let &(_, numbers, bytes) = STORAGES.iter().find(|(known, ..)| *known == class)?;
                Self::Storage(numbers, bytes)
            }
            _ => Self::Inert(inert(module, name)?),
        })
    }
}

/// The classes of storages: the type of their numbers, and its bytes.
const STORAGES: [(&str, &str, usize); 15] = [
    ("FloatStorage", "float32", 4),
    ("DoubleStorage", "float64", 8),
    ("HalfStorage", "float16", 2),
    ("BFloat16Storage", "bfloat16", 2),
    ("LongStorage", "int64", 8),
    ("IntStorage", "int32", 4),
    ("ShortStorage", "int16", 2),
    ("CharStorage", "int8", 1),
    ("ByteStorage", "uint8", 1),
    ("BoolStorage", "bool", 1),
    ("ComplexFloatStorage", "complex64", 8),
    ("ComplexDoubleStorage", "complex128", 16),
    ("QInt8Storage", "qint8", 1),
    ("QUInt8Storage", "quint8", 1),
    ("QInt32Storage", "qint32", 4),
];

/// What else training programs save beside weights: of tensors that are not read what they are, in words, of all else
/// nothing. All of it is plain data: what makes it is never run here, and what it makes is dropped.
fn inert(module: &str, name: &str) -> Option<&'static str> {
    let is_type =
        module == "torch" && (name.starts_with("float8_") || STORAGES.iter().any(|it| it.1 == name));
    let is_plain =
        is_type || PLAIN.iter().any(|(modules, names)| modules.contains(&module) && names.contains(&name));
    let foreign =
        FOREIGN.iter().find(|(modules, names, _)| modules.contains(&module) && names.contains(&name));
    foreign.map(|&(.., what)| what).or(is_plain.then_some(""))
}

/// Names that stand for the same, in any of these modules.
type Names = (&'static [&'static str], &'static [&'static str]);

const PLAIN: [Names; 9] = [
    (&["torch"], &["Tensor", "device", "Size", "per_tensor_affine", "per_channel_affine"]),
    (&["torch.nn.parameter"], &["Parameter"]),
    (&["torch.storage", "torch.serialization"], &["UntypedStorage", "_get_layout"]),
    (&["_codecs"], &["encode"]),
    (&["collections"], &["Counter"]),
    (&["argparse"], &["Namespace"]),
    (&["__builtin__", "builtins"], &["set", "frozenset", "list", "dict", "bytearray", "complex"]),
    (&["pathlib", "pathlib._local"], &["PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"]),
    (&["datetime"], &["datetime", "date", "timedelta"]),
];

/// The same, and what they make.
const FOREIGN: [(&[&str], &[&str], &str); 6] = [
    (&["torch._utils"], &["_rebuild_sparse_tensor", "_rebuild_sparse_csr_tensor"], "a sparse tensor"),
    (&["torch._utils"], &["_rebuild_qtensor"], "a quantized tensor"),
    (&["torch._utils"], &["_rebuild_meta_tensor_no_storage"], "a tensor without numbers, of device meta"),
    (&["torch._utils"], &["_rebuild_tensor_v3"], "a tensor of another type of numbers"),
    (&["numpy"], &["dtype", "ndarray"], "a NumPy array"),
    (&["numpy.core.multiarray", "numpy._core.multiarray"], &["_reconstruct", "scalar"], "a NumPy array"),
];

/// What `pickletools` calls an opcode that the machine does not have.
pub(super) fn opcode_name(opcode: u8) -> Option<&'static str> {
    REFUSED_OPCODES.iter().find(|(code, _)| *code == opcode).map(|&(_, name)| name)
}

/// The opcodes of all protocols that the machine does not have.
#[rustfmt::skip]
const REFUSED_OPCODES: [(u8, &str); 26] = [
    (b'0', "POP"), (b'1', "POP_MARK"), (b'2', "DUP"), (b'F', "FLOAT"), (b'I', "INT"), (b'L', "LONG"), (b'P', "PERSID"),
    (b'S', "STRING"), (b'T', "BINSTRING"), (b'U', "SHORT_BINSTRING"), (b'V', "UNICODE"), (b'd', "DICT"), (b'g', "GET"),
    (b'i', "INST"), (b'l', "LIST"), (b'o', "OBJ"), (b'p', "PUT"), (0x82, "EXT1"), (0x83, "EXT2"), (0x84, "EXT4"),
    (0x8b, "LONG4"), (0x8d, "BINUNICODE8"), (0x8e, "BINBYTES8"), (0x92, "NEWOBJ_EX"), (0x96, "BYTEARRAY8"),
    (0x97, "NEXT_BUFFER"),
];
