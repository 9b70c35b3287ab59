//! A delimited text, or whatever a file of that name may be: survey, rows, the draft of a mapping.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: fuzz::unwind(), |data: &[u8]| fuzz::run(|| {
    let settings = fuzz::settings(data.len());
    let file = fuzz::file("data.csv", data);
    fuzz::read(std::slice::from_ref(&file), &settings);
    // A draft compares all names with all names: one input in sixteen is enough of that.
    if data.len() % 16 == 7
        && let Ok(text) = intake::draft(&file.0, &settings)
    {
        let (_, faults) = intake::Mapping::parse("draft.toml", &text);
        let syntax = faults.iter().find(|fault| fault.code.ends_with("syntax"));
        assert!(syntax.is_none(), "a draft is TOML: {syntax:?}\n{text}");
    }
}));
