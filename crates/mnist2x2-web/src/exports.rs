//! What the page calls: plain numbers in and out, and bytes in the module's memory.
//!
//! A caller writes what is to be read where [`input`] says, calls [`read_drawing`] or [`read_picture`], and finds the answer at
//! [`output`]. These give statuses of HTTP: 200 with the answer, or 422 with `{"detail": ...}`, which says why there is none. A
//! panic is a trap; the module then needs a new instance.
#![expect(unsafe_code, reason = "that an exported name is the only one of its kind is beyond the compiler")]

use std::cell::RefCell;
use std::str::from_utf8;

use candle_core::Device;
use mnist2x2_infer::api::ModelInfo;
use mnist2x2_infer::{Error, Recognizer};
use serde::Serialize;
use serde_json::json;

/// Where the model came from, for people.
const SOURCE: &str = "built into the page";

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static RECOGNIZER: Recognizer = Recognizer::built_in(&Device::Cpu).expect("a test reads the built-in weights");
}

/// Room for an input of so many bytes, in place of the one before.
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    INPUT.set(vec![0; length]);
    INPUT.with_borrow_mut(Vec::as_mut_ptr)
}

/// Where the last answer begins.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    OUTPUT.with_borrow(Vec::as_ptr)
}

/// How many bytes the last answer has.
#[unsafe(no_mangle)]
pub extern "C" fn output_length() -> usize {
    OUTPUT.with_borrow(Vec::len)
}

/// Says what the model is: a [`ModelInfo`].
#[unsafe(no_mangle)]
pub extern "C" fn model() -> u32 {
    respond(|recognizer, _| Ok(ModelInfo::of(recognizer, SOURCE)))
}

/// Reads the input as a drawing; see [`crate::read_drawing`].
#[unsafe(no_mangle)]
pub extern "C" fn read_drawing() -> u32 {
    respond(crate::read_drawing)
}

/// Reads the input as a picture: a layout of so many bytes, then the file; see [`crate::read_picture`].
#[unsafe(no_mangle)]
pub extern "C" fn read_picture(layout: usize) -> u32 {
    respond(|recognizer, input| {
        let (layout, file) = input.split_at(layout.min(input.len()));
        crate::read_picture(recognizer, from_utf8(layout).unwrap_or_default(), file)
    })
}

/// Makes an answer to the input the output, and gives its status.
fn respond<T: Serialize>(answer: impl Fn(&Recognizer, &[u8]) -> Result<T, Error>) -> u32 {
    let answer = INPUT.with_borrow(|input| RECOGNIZER.with(|recognizer| answer(recognizer, input)));
    let (status, json) = match answer {
        Ok(answer) => (200, serde_json::to_vec(&answer)),
        Err(error) => (422, serde_json::to_vec(&json!({ "detail": error.to_string() }))),
    };
    OUTPUT.set(json.expect("answers are numbers and texts, which JSON has"));
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_weights_are_there_and_what_cannot_be_read_is_said() {
        let said = || OUTPUT.with_borrow(|output| String::from_utf8(output.clone()).unwrap());
        assert_eq!(model(), 200);
        assert!(said().contains("\"rows\":2,\"cols\":2,\"calibrated\":true"), "{}", said());
        assert_eq!((read_drawing(), output_length()), (422, said().len()));
        assert!(said().starts_with("{\"detail\":\""), "{}", said());
        assert!(!input(3).is_null());
        assert_eq!(read_picture(9), 422);
        assert_eq!((said().is_empty(), output().is_null()), (false, false));
    }
}
