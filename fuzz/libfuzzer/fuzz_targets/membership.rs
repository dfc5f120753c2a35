#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (casty_fuzz::target("membership").check)(data));
