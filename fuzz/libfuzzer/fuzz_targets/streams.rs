#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (casty_fuzz::target("streams").check)(data));
