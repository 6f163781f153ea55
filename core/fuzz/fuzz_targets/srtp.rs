#![no_main]
#![expect(missing_docs, reason = "the body says what it holds")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| warmline_fuzz::srtp(data));
