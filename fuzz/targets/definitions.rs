//! Definitions that a user wrote: read whatever they are, and meant the same once printed.

#![no_main]

use domain::definition::parse::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: fuzz::unwind(), |data: &[u8]| fuzz::run(|| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (definitions, faults) = read(&[("a.toml", text)]);
    faults.iter().for_each(fuzz::told);
    let printed = definitions.print();
    let (again, _) = read(&[("a.toml", printed.as_str())]);
    assert_eq!(again.print(), printed, "what is printed reads back as the same");
    assert_eq!(again.identity(), definitions.identity());
    let day = jiff::civil::date(2026, 9, 30);
    let quarter = definitions.calendar().quarter_of(day);
    assert!(quarter.contains(day));
    let _goals = definitions.goals_of(&quarter);
    let _channel = definitions.channel_of(&|_| Some("google / cpc".into()));
}));
