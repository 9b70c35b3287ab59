//! Objects, one a line.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: fuzz::unwind(), |data: &[u8]| fuzz::run(|| {
    let settings = fuzz::settings(data.len());
    fuzz::read(&[fuzz::file("data.ndjson", data)], &settings);
}));
