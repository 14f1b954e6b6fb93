#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nanocurv_fuzz::targets::posterior(data));
