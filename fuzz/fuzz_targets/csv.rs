//! The reader `csv` of this crate's table.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::read("csv", bytes));
