#![no_main]
#[path = "../checks/pseudonymize.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
