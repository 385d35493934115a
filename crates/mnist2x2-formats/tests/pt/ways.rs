//! One small model in the ways in which people save theirs, and what is said about each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::{DType, Device};
use mnist2x2_formats::{Weights, save, to_safetensors};
use mnist2x2_model::{Config, Parameters, StateDict};
use zip::CompressionMethod::Stored;

use super::write::{self, Tensor, dict, in_archive, int, text};

/// A model whose numbers are the same in all types: they have few digits.
fn model(config: &Config) -> Parameters {
    let count = Parameters::init(config, 0, &Device::Cpu).unwrap().count();
    let values: Vec<f32> = (0..count).map(|i| ((i % 251) as f32 - 120.0) / 64.0).collect();
    Parameters::from_flat(config, &values, &Device::Cpu).unwrap()
}

fn state() -> StateDict {
    model(&Config::tiny()).state_dict().unwrap()
}

/// The types of numbers that are read: the class of their storages, and themselves.
const TYPES: [(&str, DType); 4] = [
    ("FloatStorage", DType::F32),
    ("DoubleStorage", DType::F64),
    ("HalfStorage", DType::F16),
    ("BFloat16Storage", DType::BF16),
];

/// The names of a state dict under a prefix, each with the program of its tensor; and the one storage that they share.
fn programs(prefix: &str, (class, dtype): (&str, DType)) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
    let (state, mut storage, mut offset) = (state(), Vec::new(), 0);
    let length = state.values().map(candle_core::Tensor::elem_count).sum::<usize>() as i32;
    let program = |(name, tensor): (&String, &candle_core::Tensor)| {
        let shape: Vec<i32> = tensor.dims().iter().map(|&axis| axis as i32).collect();
        // As if it had been transposed twice: its values lie column by column.
        let mut strides = vec![1; shape.len()];
        (1..shape.len()).for_each(|axis| strides[axis] = strides[axis - 1] * shape[axis - 1]);
        let turned =
            tensor.permute((0..shape.len()).rev().collect::<Vec<_>>()).unwrap().contiguous().unwrap();
        storage.extend_from_slice(&safetensors::View::data(&turned.to_dtype(dtype).unwrap()));
        let program = Tensor { class, key: "0", length, offset, shape: &shape, strides: &strides }.program();
        offset += tensor.elem_count() as i32;
        (format!("{prefix}{name}"), program)
    };
    let programs = state.iter().map(program).collect();
    (programs, storage)
}

fn as_dict(programs: &[(String, Vec<u8>)]) -> Vec<u8> {
    dict(&programs.iter().map(|(name, program)| (name.as_str(), program.clone())).collect::<Vec<_>>())
}

/// What comes of a file's bytes in a folder that says the sizes.
fn load(bytes: &[u8]) -> Result<Weights, String> {
    let folder = tempfile::tempdir().unwrap();
    save(&model(&Config::tiny()), folder.path()).unwrap();
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    fs::write(folder.path().join("pytorch_model.bin"), bytes).unwrap();
    Weights::load(folder.path(), &Device::Cpu).map_err(|error| error.to_string())
}

/// What is said of a file that is read right.
#[track_caller]
fn said(bytes: &[u8]) -> String {
    let weights = load(bytes).unwrap();
    assert!(weights.parameters.to_flat().unwrap() == model(&Config::tiny()).to_flat().unwrap());
    assert_eq!(weights.adaptation.is_none(), weights.adaptation.to_string().is_empty());
    weights.adaptation.to_string()
}

#[test]
fn all_types_of_fractions_are_read_and_converted() {
    for (kind, name) in TYPES.into_iter().zip(["", "float64", "float16", "bfloat16"]) {
        let (programs, storage) = programs("", kind);
        let expected = if name.is_empty() { String::new() } else { format!("converted {name} to float32") };
        assert_eq!(said(&in_archive(&as_dict(&programs), &storage)), expected);
        let state: StateDict =
            state().into_iter().map(|(name, it)| (name, it.to_dtype(kind.1).unwrap())).collect();
        assert_eq!(said(&safetensors::serialize(&state, None).unwrap()), expected);
    }
}

#[test]
fn a_prefix_that_all_names_share_is_taken_off() {
    for prefix in ["_orig_mod.", "module.", "model.", "module._orig_mod.", "a.b.c."] {
        let (programs, storage) = programs(prefix, TYPES[0]);
        let expected = format!("took `{prefix}` off all names");
        assert_eq!(said(&in_archive(&as_dict(&programs), &storage)), expected);
        let state: BTreeMap<_, _> =
            state().into_iter().map(|(name, it)| (format!("{prefix}{name}"), it)).collect();
        assert_eq!(said(&safetensors::serialize(&state, None).unwrap()), expected);
    }
    let (mut programs, storage) = programs("model.", TYPES[0]);
    programs[3].0 = programs[3].0.replace("model.", "");
    let error = load(&in_archive(&as_dict(&programs), &storage)).unwrap_err();
    assert!(error.contains("missing `") && error.contains("save the whole `model.state_dict()`"), "{error}");
}

/// How PyTorch wraps parts of a model: where in the names of its tensors which words come to stand.
fn wrapped(name: &str, places: &[(&str, &str)]) -> String {
    let wrap = |name: String, (before, wrapper): &(&str, &str)| {
        let found = name.find(before).map(|at| at + before.len());
        found.map_or(name.clone(), |at| format!("{}{wrapper}{}", &name[..at], &name[at..]))
    };
    places.iter().fold(name.to_owned(), wrap)
}

#[test]
fn wrappers_inside_names_are_taken_out() {
    const FSDP: &str = "_fsdp_wrapped_module.";
    const CHECKPOINTED: &str = "_checkpoint_wrapped_module.";
    for (places, expected) in [
        (&[("encoder.", "_orig_mod.")][..], "took `_orig_mod.` out of names"),
        (&[("decoder.", "module.")], "took `module.` out of names"),
        (&[("layers.0.", CHECKPOINTED)], "took `_checkpoint_wrapped_module.` out of names"),
        (&[("layers.0.", FSDP), ("", FSDP)], "took `_fsdp_wrapped_module.` out of names"),
        (
            &[("encoder.", "_orig_mod."), ("", "module."), ("", "net.")],
            "took `net.` off all names; took `_orig_mod.` and `module.` out of names",
        ),
    ] {
        let (mut programs, storage) = programs("", TYPES[0]);
        programs.iter_mut().map(|it| &mut it.0).for_each(|name| *name = wrapped(name, places));
        assert_eq!(said(&in_archive(&as_dict(&programs), &storage)), expected);
        let named = state().into_iter().map(|(name, it)| (wrapped(&name, places), it));
        assert_eq!(said(&safetensors::serialize(named, None).unwrap()), expected);
    }
    // Of a part that is there twice, none is taken.
    let (mut programs, storage) = programs("", TYPES[0]);
    let plain: Vec<_> = programs.iter().filter(|(name, _)| name.contains("layers.0.")).cloned().collect();
    for it in &mut programs {
        it.0 = wrapped(&it.0, &[("encoder.", "_orig_mod.")]);
    }
    programs.extend(plain.into_iter().filter(|(name, _)| name.starts_with("encoder.")));
    let error = load(&in_archive(&as_dict(&programs), &storage)).unwrap_err();
    assert!(error.contains("missing `") && error.contains("; unknown `encoder._orig_mod."), "{error}");
}

#[test]
fn what_the_model_does_not_have_is_named_and_left_alone() {
    let (mut programs, storage) = programs("module.", TYPES[0]);
    let sparse = b"ctorch._utils\n_rebuild_sparse_tensor\n)R".to_vec();
    let mask = Tensor { class: "BoolStorage", key: "absent", ..Tensor::default() }.program();
    programs.extend([("module.encoder.mask".into(), mask), ("pe".into(), sparse), ("epoch".into(), int(3))]);
    let expected = "took `module.` off all names; left alone `module.encoder.mask`, `pe`, `epoch`, which the model \
                    does not have";
    assert_eq!(said(&in_archive(&as_dict(&programs), &storage)), expected);
    let place = programs.iter().position(|(name, _)| name.ends_with("norm1.bias")).unwrap();
    programs[place].1 = programs[programs.len() - 2].1.clone();
    let error = load(&in_archive(&as_dict(&programs), &storage)).unwrap_err();
    assert!(
        error.contains("norm1.bias` is a sparse tensor, which is not read; save it as a dense"),
        "{error}"
    );
}

#[test]
fn a_checkpoint_may_hold_much_else_and_nothing_of_it_is_run() {
    let (programs, storage) = programs("model.", TYPES[2]);
    let call = |name: &str, arguments: &[u8]| [b"c", name.as_bytes(), b"(", arguments, b"tR"].concat();
    let dtype = call("numpy\ndtype\n", &text("f8"));
    let others: [(&str, Vec<u8>); 8] = [
        ("epoch", int(-3)),
        ("loss", b"G?\xd0\0\0\0\0\0\0".into()),
        ("best", call("numpy.core.multiarray\nscalar\n", &[dtype, text("12345678")].concat())),
        ("args", [b"cargparse\nNamespace\n)\x81}".as_slice(), &text("lr"), b"Nsb"].concat()),
        (
            "counts",
            [b"ccollections\ndefaultdict\ncbuiltins\nlist\n\x85R".as_slice(), &text("a"), b"Ns"].concat(),
        ),
        ("set", call("builtins\nset\n", b"](K\x01K\x02e")),
        ("seen", b"\x8f(K\x01K\x02\x90".into()),
        ("state_dict", as_dict(&programs)),
    ];
    let expected =
        "took what lies under `state_dict`; took `model.` off all names; converted float16 to float32";
    assert_eq!(said(&in_archive(&dict(&others), &storage)), expected);
    let [.., (_, state)] = others;
    let evil = dict(&[("state_dict", state), ("x", call("posix\nsystem\n", &text("echo")))]);
    let error = load(&in_archive(&evil, &storage)).unwrap_err();
    assert!(error.contains("asks to run `posix.system`: refused"), "{error}");
}

#[test]
fn of_two_models_the_one_in_the_usual_place_is_read_or_none() {
    let (programs, storage) = programs("", TYPES[0]);
    let sure = dict(&[("ema", as_dict(&programs)), ("model", as_dict(&programs))]);
    assert_eq!(said(&in_archive(&sure, &storage)), "took what lies under `model`");
    let nested = dict(&[("best", [b"(K\x01".as_slice(), &as_dict(&programs), b"t"].concat())]);
    assert_eq!(said(&in_archive(&nested, &storage)), "took what lies under `best.1`");
    for places in [["ema", "raw"], ["student", "teacher"]] {
        let unsure = dict(&places.map(|place| (place, as_dict(&programs))));
        let error = load(&in_archive(&unsure, &storage)).unwrap_err();
        let expected =
            format!("more than once, under `{}`, `{}`; save the one that is meant", places[0], places[1]);
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn every_form_of_tensor_and_of_pickle_is_read() {
    let (programs, storage) = programs("", TYPES[0]);
    let change = |change: &dyn Fn(&[u8]) -> Vec<u8>| {
        let changed: Vec<_> = programs.iter().map(|(name, it)| (name.clone(), change(it))).collect();
        said(&in_archive(&as_dict(&changed), &storage))
    };
    let hooks = b"\x89ccollections\nOrderedDict\n)R";
    let function = b"ctorch._utils\n_rebuild_tensor_v2\n(";
    let parameter = |it: &[u8]| [b"ctorch._utils\n_rebuild_parameter\n(", it, hooks, b"tR"].concat();
    assert_eq!(change(&parameter), "");
    let with_state =
        |it: &[u8]| [b"ctorch._utils\n_rebuild_parameter_with_state\n(", it, hooks, b"}tR"].concat();
    assert_eq!(change(&with_state), "");
    let old = |it: &[u8]| {
        let arguments = &it[function.len()..it.len() - hooks.len() - 2];
        [b"ctorch._utils\n_rebuild_tensor\n(", arguments, b"tR"].concat()
    };
    assert_eq!(change(&old), "");
    let with_attributes = |it: &[u8]| {
        let arguments = &it[function.len() - 1..it.len() - 1];
        let head =
            b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n";
        [head.as_slice(), arguments, b"}tR"].concat()
    };
    assert_eq!(change(&with_attributes), "");
    let newer = |it: &[u8]| {
        let named = [&text("torch._utils")[..], &text("_rebuild_tensor_v2"), b"\x93\x94("].concat();
        let framed = [b"\x95\0\0\0\0\0\0\0\0".as_slice(), &named, &it[function.len()..]];
        framed.concat()
    };
    assert_eq!(change(&newer), "");
}

#[test]
fn the_form_before_the_archive_is_read() {
    let (programs, storage) = programs("module.", TYPES[3]);
    let key = "94803241865568";
    let program = as_dict(&programs);
    let replaced: Vec<u8> = {
        let (from, to) = (text("0"), text(key));
        let mut out = Vec::new();
        let mut rest = program.as_slice();
        while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
            out.extend([&rest[..at], &to].concat());
            rest = &rest[at + from.len()..];
        }
        [out, rest.into()].concat()
    };
    let pickle = |value: &[u8]| [b"\x80\x02", value, b"."].concat();
    let legacy = |machine: &[u8], length: u64| {
        let keys = [b"]", text(key).as_slice(), b"a"].concat();
        let head = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
        let pickles = [pickle(machine), pickle(&replaced), pickle(&keys)].concat();
        [head, pickles, length.to_le_bytes().into(), storage.clone()].concat()
    };
    let machine = dict(&[("protocol_version", int(1001)), ("little_endian", b"\x88".into())]);
    let whole = legacy(&machine, storage.len() as u64 / 2);
    assert_eq!(said(&whole), "took `module.` off all names; converted bfloat16 to float32");
    for damaged in [&whole[..whole.len() - 1], &whole[..200], &legacy(&machine, u64::MAX), &legacy(b"N", 3)] {
        assert!(load(damaged).is_err());
    }
    let error = load(&whole[..whole.len() - 1]).unwrap_err();
    assert!(error.contains("ends before its last storage"), "{error}");
}

/// A folder with these files, and what is said of it.
fn in_folder(files: &[(&str, &[u8])]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let loaded = Weights::load(folder.path(), &Device::Cpu);
    loaded.map(|weights| weights.adaptation.to_string()).map_err(|error| error.to_string())
}

#[test]
fn folders_of_other_programs_are_of_the_published_architecture() {
    let published = to_safetensors(&model(&Config::reference())).unwrap();
    let (foreign, tensors) = (b"{\"model_type\": \"x\"}".as_slice(), published.as_slice());
    let without = in_folder(&[("model.safetensors", tensors)]).unwrap();
    assert_eq!(without, "it has no config.json; read with the published architecture");
    let said = in_folder(&[("model.safetensors", tensors), ("config.json", foreign)]).unwrap();
    let expected =
        "its config.json has no `format`, so it is another program's; read with the published architecture";
    assert_eq!(said, expected);
    let small = to_safetensors(&model(&Config::tiny())).unwrap();
    let error = in_folder(&[("model.safetensors", small.as_slice())]).unwrap_err();
    assert!(
        error.contains("it has no config.json, and the published architecture does not fit: missing"),
        "{error}"
    );
    let error = in_folder(&[("run 2/model.safetensors", tensors), ("notes.txt", b"x")]).unwrap_err();
    assert!(error.contains("without `model.safetensors`; name what is in it, such as `"), "{error}");
    assert!(error.ends_with("run 2`"), "{error}");
}

#[test]
fn a_file_is_what_its_content_is() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).unwrap();
        Weights::load(&folder.path().join(name), &Device::Cpu).map_err(|error| error.to_string())
    };
    let published = to_safetensors(&model(&Config::reference())).unwrap();
    for name in ["model.bin", "model.pt", "model"] {
        assert!(load(name, &published).unwrap().adaptation.is_none(), "{name}");
    }
    let archive = write::zip_of(&write::entries_of(super::TINY), Stored);
    assert!(
        load("weights.safetensors", &archive)
            .unwrap_err()
            .contains("missing `feature_extractor.proj.weight`")
    );
    for (bytes, expected) in [
        (b"".as_slice(), "is empty; copy or download it again"),
        (b"<!DOCTYPE html>", "is a web page; download the file itself"),
        (b"version https://git-lfs.github.com/spec/v1\n", "fetch the file with `git lfs pull`"),
        (b"GGUF", "`torch.save(model.state_dict(), path)` writes what is read"),
    ] {
        let error = load("model.ckpt", bytes).unwrap_err();
        assert!(error.contains("model.ckpt: ") && error.contains(expected), "{error}");
    }
    let error = Weights::load(Path::new("no/such/model"), &Device::Cpu).unwrap_err().to_string();
    assert_eq!(error, "no/such/model: is not there; check the path");
}
