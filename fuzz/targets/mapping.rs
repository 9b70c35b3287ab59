//! A mapping that a user wrote, and after the line `%%` a file that it may read.

#![no_main]

use intake::Mapping;
use libfuzzer_sys::fuzz_target;

const MARK: &[u8] = b"\n%%\n";

fuzz_target!(init: fuzz::unwind(), |data: &[u8]| fuzz::run(|| {
    let at = data.windows(MARK.len()).position(|part| part == MARK);
    let (text, rows) = at.map_or((data, &[][..]), |at| (&data[..at], &data[at + MARK.len()..]));
    let Ok(text) = std::str::from_utf8(text) else { return };
    let (mapping, faults) = Mapping::parse("my.toml", text);
    faults.iter().for_each(fuzz::told);
    let Some(mapping) = mapping else {
        assert!(!faults.is_empty(), "no mapping without a word");
        return;
    };
    let mut settings = fuzz::settings(data.len());
    settings.mappings = vec![mapping];
    fuzz::read(&[fuzz::file("data.csv", rows)], &settings);
}));
