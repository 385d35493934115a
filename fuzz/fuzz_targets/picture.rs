//! The reader `picture` of `mnist2x2-fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mnist2x2_fuzz::read("picture", bytes));
