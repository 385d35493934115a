//! Reading `.pt` files: honest ones (here), a model in all the ways in which people save one (`ways`), hostile ones
//! (`refusals`), damaged ones (`mutations`).

mod mutations;
mod refusals;
mod ways;
mod write;

use std::collections::BTreeMap;

use mnist2x2_formats::pt::{self, PtError};
use write::{Tensor, dict, in_archive, zip_of};
use zip::CompressionMethod::{Deflated, Stored};

/// Written by `make_tiny_pt.py` beside it, in torch.save's layout.
const TINY: &[u8] = include_bytes!("../fixtures/tiny.pt");

/// Written by PyTorch itself; `make_forms.py` beside them says what each is.
const FORMS: [&[u8]; 3] = [
    include_bytes!("../fixtures/legacy.pt"),
    include_bytes!("../fixtures/protocol4.pt"),
    include_bytes!("../fixtures/checkpoint.ckpt"),
];

/// A tensor that can be compared.
#[derive(Clone, Debug, PartialEq)]
struct Raw {
    shape: Vec<usize>,
    values: Vec<f32>,
}

fn tensor(shape: &[usize], values: &[f32]) -> Raw {
    Raw { shape: shape.into(), values: values.into() }
}

fn read(bytes: &[u8]) -> Result<BTreeMap<String, Raw>, PtError> {
    let values = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
    let tensors = pt::read(bytes)?.into_iter();
    Ok(tensors.map(|(name, it)| (name, tensor(it.dims(), &values(&it)))).collect())
}

#[test]
fn every_layout_of_a_tensor_comes_out_in_row_major_order() {
    let permuted: Vec<f32> = (0..30).map(|i| (i % 15 * 2 + i / 15) as f32).collect(); // [2, 3, 5]
    let expected = [
        ("empty", tensor(&[0, 4], &[])),
        ("last_row", tensor(&[3], &[1.5, 2.0, 2.5])),
        ("permuted", tensor(&[2, 3, 5], &permuted)),
        ("plain", tensor(&[2, 3], &[0.0, 0.5, 1.0, 1.5, 2.0, 2.5])),
        ("scalar", tensor(&[], &[-1.25])),
        ("transposed", tensor(&[3, 2], &[0.0, 1.5, 0.5, 2.0, 1.0, 2.5])),
    ];
    assert_eq!(read(TINY), Ok(expected.map(|(name, tensor)| (name.into(), tensor)).into()));
}

#[test]
fn every_form_by_pytorch_itself_gives_the_same_tensors() {
    let expected = [
        ("plain", tensor(&[2, 3], &[0.0, 0.5, 1.0, 1.5, 2.0, 2.5])),
        ("turned", tensor(&[3, 2], &[0.0, 1.5, 0.5, 2.0, 1.0, 2.5])),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(name, tensor)| (name.into(), tensor)).into();
    for form in FORMS {
        assert_eq!(read(form), Ok(expected.clone()));
    }
}

#[test]
fn a_deflated_archive_reads_as_a_stored_one() {
    let entries = write::entries_of(TINY);
    let (stored, deflated) = (zip_of(&entries, Stored), zip_of(&entries, Deflated));
    assert_ne!(stored, deflated);
    assert_eq!(read(&stored), read(TINY));
    assert_eq!(read(&deflated), read(TINY));
}

#[test]
fn every_bit_pattern_of_a_number_survives() {
    let numbers = [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0, -0.0, f32::MAX];
    let storage: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let program =
        dict(&[("x", Tensor { length: 5, shape: &[5], strides: &[1], ..Tensor::default() }.program())]);
    let read = read(&in_archive(&program, &storage)).unwrap();
    let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&read["x"].values), bits(&numbers));
}

#[test]
fn the_state_dict_may_stand_in_a_training_checkpoint() {
    let state = dict(&[("w", Tensor::default().program())]);
    let bare = read(&in_archive(&state, &[0; 24])).unwrap();
    for key in ["state_dict", "model_state_dict", "model"] {
        let checkpoint =
            dict(&[("epoch", write::int(3)), (key, state.clone()), ("history", b"](K\x01K\x02e".into())]);
        assert_eq!(read(&in_archive(&checkpoint, &[0; 24])), Ok(bare.clone()), "{key}");
    }
}

#[test]
fn numbers_may_begin_with_their_highest_byte() {
    let mut entries = write::entries_of(TINY);
    for (name, content) in &mut entries {
        match name.as_str() {
            "tiny/byteorder" => *content = b"big".into(),
            name if name.starts_with("tiny/data/") => content.chunks_exact_mut(4).for_each(<[u8]>::reverse),
            _ => {}
        }
    }
    assert_eq!(read(&zip_of(&entries, Stored)), read(TINY));
}

#[test]
fn archives_without_a_byte_order_are_little_endian() {
    let mut entries = write::entries_of(TINY);
    entries.retain(|(name, _)| !name.ends_with("byteorder"));
    assert_eq!(read(&zip_of(&entries, Stored)), read(TINY));
}
