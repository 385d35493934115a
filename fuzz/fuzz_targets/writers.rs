//! The reader `writers` of this crate's table.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::read("writers", bytes));
