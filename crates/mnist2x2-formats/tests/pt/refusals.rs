//! Each kind of hostile or unfit file has its own error.

use mnist2x2_formats::pt::{MAX_FILE_BYTES, PtError};
use zip::CompressionMethod::{Deflated, Stored};

use super::write::{Tensor, dict, entries_of, in_archive, int, text, zip_of};
use super::{TINY, read};

/// The error of an archive whose pickle builds `value`, beside a storage of 6 numbers.
fn error_of(value: &[u8]) -> PtError {
    read(&in_archive(value, &[0; 24])).unwrap_err()
}

/// The error of a state dict with this one tensor, `w`.
fn error_of_tensor(tensor: &Tensor) -> String {
    error_of(&dict(&[("w", tensor.program())])).to_string()
}

#[test]
fn nothing_but_plain_tensors_is_built() {
    let run = |global: &str| [b"c", global.as_bytes(), b"(", &text("echo"), b"tR"].concat();
    for (program, name) in [
        ("os\nsystem\n", "os.system"),
        ("builtins\neval\n", "builtins.eval"),
        ("torch\nload\n", "torch.load"),
        ("torch.nn.modules.linear\nLinear\n", "torch.nn.modules.linear.Linear"),
        ("os\n\u{1b}[2J\n", r"os.\u{1b}[2J"),
    ] {
        let error = error_of(&run(program));
        assert_eq!(error, PtError::Refused(name.into()));
        let (module, function) = program.trim_end().split_once('\n').unwrap();
        let by_text = [&text(module), &text(function), b"\x93)\x81".as_slice()].concat();
        assert_eq!(error_of(&by_text), error, "whichever opcodes name it");
        assert!(error.to_string().contains(&format!("asks to run `{name}`: refused")), "{error}");
    }
}

#[test]
fn other_instructions_are_refused_by_name() {
    for (opcode, name) in [(0x92, "NEWOBJ_EX"), (b'i', "INST"), (b'o', "OBJ"), (0x82, "EXT1"), (0xff, "0xff")]
    {
        assert_eq!(error_of(&[b'}', opcode]), PtError::Opcode { name: name.into(), at: 3 });
    }
}

#[test]
fn programs_that_make_no_sense_are_damaged() {
    let broken: [&[u8]; 16] = [
        b"",
        b"\x85",
        b"(\x85",
        b"t",
        b"(K\x01",
        b"h\x07",
        b"q\x01",
        b"}K\x01s",
        b"}(K\x01u",
        b"NNs",
        b"Na",
        b"NNb",
        b"NQ",
        b"N)R",
        b"X\xff\xff\xff\xff",
        b"ccollections\nOrderedDict\nK\x01\x85R",
    ];
    for program in broken {
        let error = error_of(program);
        assert!(matches!(error, PtError::Pickle { .. } | PtError::NoStateDict(_)), "{program:?}: {error}");
    }
}

#[test]
fn deep_nesting_and_doubling_cost_neither_stack_nor_memory() {
    let deep = [b")".to_vec(), vec![0x85; 1_000_000]].concat();
    assert!(matches!(error_of(&deep), PtError::NoStateDict(_)));
    let doubling = [b")".to_vec(), b"q\x00h\x00\x86".repeat(200_000)].concat();
    assert!(matches!(error_of(&doubling), PtError::NoStateDict(_)));
    let siblings = [b"](".to_vec(), vec![b'}'; 1_000_000], b"e".to_vec()].concat();
    assert!(matches!(error_of(&siblings), PtError::NoStateDict(_)));
    let marks = vec![b'('; 1_000_000];
    assert!(matches!(error_of(&marks), PtError::Pickle { .. }));
}

#[test]
fn other_content_is_named() {
    let found = |value: &[u8]| error_of(value).to_string();
    let checkpoint =
        dict(&[("epoch", int(3)), ("weights", Tensor::default().program()), ("model", b"}".into())]);
    assert!(found(&checkpoint).contains("no tensor under \"epoch\", \"model\""), "{}", found(&checkpoint));
    assert!(found(b"}").contains("empty"));
    assert!(found(&Tensor::default().program()).contains("no dict"));
    let twice = dict(&[("w", Tensor::default().program()), ("w", Tensor::default().program())]);
    assert!(found(&twice).contains("twice"));
}

#[test]
fn other_numbers_than_fractions_are_named() {
    for (class, name) in
        [("ComplexFloatStorage", "complex64"), ("QInt8Storage", "qint8"), ("LongStorage", "int64")]
    {
        let error = error_of_tensor(&Tensor { class, ..Tensor::default() });
        assert!(error.contains(&format!("tensor `w` is {name}")), "{error}");
    }
}

#[test]
fn tensors_that_leave_their_storage_are_refused() {
    let check = |tensor: Tensor, part: &str| {
        let error = error_of_tensor(&tensor);
        assert!(error.contains(part), "{error}");
    };
    let honest = Tensor::default;
    check(Tensor { offset: 1, ..honest() }, "beyond the end");
    check(Tensor { strides: &[4, 1], ..honest() }, "beyond the end");
    check(Tensor { strides: &[i32::MAX; 2], offset: i32::MAX, ..honest() }, "beyond the end");
    check(Tensor { strides: &[3, -1], ..honest() }, "negative");
    check(Tensor { offset: -1, ..honest() }, "negative");
    check(Tensor { strides: &[1], ..honest() }, "one stride for each");
    check(Tensor { shape: &[1; 9], strides: &[1; 9], ..honest() }, "too many axes");
    check(Tensor { shape: &[1 << 30, 1 << 30], strides: &[0, 0], ..honest() }, "all tensors together");
    check(Tensor { shape: &[i32::MAX; 8], strides: &[0; 8], ..honest() }, "all tensors together");
    check(Tensor { length: 5, ..honest() }, "longer or shorter");
    check(Tensor { length: -1, ..honest() }, "negative");
    check(Tensor { key: "1", ..honest() }, "no `data/1`");
    check(Tensor { key: &"0".repeat(100), ..honest() }, "too long");
}

#[test]
fn many_views_of_one_storage_count_each() {
    let large = Tensor { shape: &[1 << 23], strides: &[0], ..Tensor::default() }.program();
    let program = dict(&[("a", large.clone()), ("b", large.clone()), ("c", large)]);
    let error = error_of(&program);
    assert!(matches!(error, PtError::TooLarge { what: "all tensors together", .. }), "{error:?}");
}

#[test]
fn files_that_are_no_archive_say_what_to_do() {
    assert_eq!(read(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M"), Err(PtError::BarePickle));
    assert!(PtError::BarePickle.to_string().contains("torch.save(model.state_dict(), path)"));
    for bytes in [b"".as_slice(), b"not weights", b"PK", b"PK\x03\x04", &TINY[..TINY.len() / 2]] {
        assert!(matches!(read(bytes), Err(PtError::Archive(_))));
    }
    assert!(matches!(read(&vec![0; MAX_FILE_BYTES + 1]), Err(PtError::TooLarge { what: "the file", .. })));
}

#[test]
fn an_unknown_byte_order_or_an_incomplete_archive_is_refused() {
    let mut entries = entries_of(TINY);
    entries[1].1 = b"middle".into();
    assert_eq!(read(&zip_of(&entries, Stored)), Err(PtError::ByteOrder("middle".into())));
    entries.remove(0);
    entries[0].1 = b"little".into();
    assert_eq!(read(&zip_of(&entries, Stored)), Err(PtError::Missing("data.pkl")));
}

#[test]
fn two_folders_in_one_archive_are_ambiguous() {
    let mut entries = entries_of(TINY);
    entries.push(("other/data.pkl".into(), b"}.".into()));
    assert!(read(&zip_of(&entries, Stored)).unwrap_err().to_string().contains("two folders hold `data.pkl`"));
}

#[test]
fn archives_that_unpack_to_more_than_the_limit_are_refused() {
    let with = |name: &str, content: Vec<u8>| {
        let mut entries = entries_of(TINY);
        entries.retain(|(other, _)| other != name);
        entries.push((name.into(), content));
        let zip = zip_of(&entries, Deflated);
        assert!(zip.len() < 1 << 20);
        read(&zip).unwrap_err()
    };
    let unpacked = with("tiny/data/9", vec![0; (64 << 20) + 1]);
    assert!(matches!(unpacked, PtError::TooLarge { what: "the unpacked archive", .. }));
    let program = with("tiny/data.pkl", vec![b'('; (1 << 20) + 1]);
    assert!(matches!(program, PtError::TooLarge { what: "data.pkl", .. }));
}

#[test]
fn a_directory_too_large_to_hold_is_refused() {
    let entries: Vec<_> = (0..30_000).map(|index| (format!("root/data/{index}"), Vec::new())).collect();
    assert!(matches!(read(&zip_of(&entries, Stored)), Err(PtError::Archive(_))));
    let mut claim = zip_of(&entries_of(TINY), Stored);
    claim.extend(b"PK\x06\x06");
    claim.extend([0; 28]);
    claim.extend(1_000_000_u64.to_le_bytes());
    assert!(read(&claim).unwrap_err().to_string().contains("claims more than"));
}

#[test]
fn encryption_and_other_methods_are_errors() {
    // Bytes 6 and 8 of a local header, 8 and 10 of a directory entry, are the flags and the method.
    let patched = |offset: usize, value: u8| {
        let mut zip = TINY.to_vec();
        zip[offset] = value;
        let directory = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        zip[directory + offset + 2] = value;
        read(&zip).unwrap_err().to_string()
    };
    assert!(patched(6, 1).contains("Password"), "{}", patched(6, 1));
    assert!(patched(8, 12).contains("method"), "{}", patched(8, 12));
}

#[test]
fn a_flipped_bit_in_the_numbers_is_noticed() {
    let mut zip = TINY.to_vec();
    let number = zip.windows(4).position(|window| window == 2.5_f32.to_le_bytes()).unwrap();
    zip[number] ^= 1;
    assert!(read(&zip).unwrap_err().to_string().contains("data/0"));
}
