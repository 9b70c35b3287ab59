//! A Parquet file or a workbook: what the process does that tries it, then what a load does.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: fuzz::unwind(), |data: &[u8]| fuzz::run(|| {
    let settings = fuzz::settings(data.len());
    let file = fuzz::file("data.parquet", data);
    // A load reads only what the trial let through.
    if intake::trial::decode(&file.0, &settings.limits).is_ok() {
        fuzz::read(&[file], &settings);
    }
}));
