//! What the page calls: plain numbers in and out, and bytes in the module's memory.
//!
//! A caller writes what is to be read where [`input`] says, calls [`read_drawing`] or [`read_picture`], and finds the answer at
//! [`output`]. [`learn`] and [`use_tensors`] are asked alike. All give statuses of HTTP: 200 with the answer, or 422 with
//! `{"detail": ...}`, which says why there is none. A panic is a trap; the module then needs a new instance.
#![expect(unsafe_code, reason = "that an exported name is the only one of its kind is beyond the compiler")]

use std::cell::RefCell;
use std::fmt::Display;
use std::str::from_utf8;

use candle_core::Device;
use mnist2x2_infer::api::ModelInfo;
use mnist2x2_infer::{Error, Recognizer};
use serde::Serialize;
use serde_json::json;

use crate::learning;

/// Where the model came from, for people.
const SOURCES: [&str; 2] = ["built into the page", "which learned in this browser"];

/// What the page gives the module.
#[cfg(target_family = "wasm")]
mod page {
    #[link(wasm_import_module = "page")]
    unsafe extern "C" {
        /// Is told after each step of learning what share of all has been done.
        pub(super) safe fn progress(share: f64);
    }
}

/// No page.
#[cfg(not(target_family = "wasm"))]
mod page {
    pub(super) fn progress(_: f64) {}
}

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static BUILT_IN: Recognizer = Recognizer::built_in(&Device::Cpu).expect("a test reads the built-in weights");
    /// The model that learned, if it is to read.
    static LEARNED: RefCell<Option<Recognizer>> = const { RefCell::new(None) };
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
    let learned = LEARNED.with_borrow(Option::is_some);
    respond(|recognizer, _| Ok::<_, Error>(ModelInfo::of(recognizer, SOURCES[usize::from(learned)])))
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

/// Has a copy of the built-in model learn the corrections in the input; see [`crate::learning::learn`].
#[unsafe(no_mangle)]
pub extern "C" fn learn() -> u32 {
    respond(|_, input| {
        let lines = from_utf8(input).unwrap_or_default();
        BUILT_IN.with(|base| learning::learn(base, lines, &|share| page::progress(share)))
    })
}

/// Reads with the weights in the input from now on, those of a `.safetensors` that [`learn`] gave; says
/// what the model is as [`model`] does.
#[unsafe(no_mangle)]
pub extern "C" fn use_tensors() -> u32 {
    let learned = INPUT.with_borrow(|input| BUILT_IN.with(|base| crate::with_tensors(base, input)));
    match learned {
        Ok(learned) => {
            LEARNED.set(Some(learned));
            model()
        }
        Err(error) => respond(|_, _| Err::<(), _>(error.to_string())),
    }
}

/// Makes an answer to the input the output, and gives its status.
fn respond<T: Serialize, E: Display>(answer: impl Fn(&Recognizer, &[u8]) -> Result<T, E>) -> u32 {
    let with = |recognizer: &Recognizer| INPUT.with_borrow(|input| answer(recognizer, input));
    let answer = LEARNED.with_borrow(|learned| learned.as_ref().map_or_else(|| BUILT_IN.with(with), with));
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
        assert_eq!(learn(), 422);
        assert!(said().contains("0 corrections are too few"), "{}", said());
        assert_eq!(use_tensors(), 422);
        assert!(said().contains("safetensors"), "{}", said());
    }
}
