//! The messages of a tap, and then the files that they were staged as.

#![no_main]

use std::collections::BTreeMap;

use intake::singer::{Delivery, Options, Trouble};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: fuzz::unwind(), |data: &[u8]| fuzz::run(|| {
    let settings = fuzz::settings(data.len());
    let folder = fuzz::folder().join("singer");
    std::fs::create_dir_all(&folder).expect("a folder");
    for old in std::fs::read_dir(&folder).expect("the folder").flatten() {
        std::fs::remove_file(old.path()).expect("an old file");
    }
    let options = Options {
        folder,
        connection: "tap".into(),
        batch_folder: fuzz::folder().join("empty"),
        known_keys: BTreeMap::new(),
    };
    let mut delivery = Delivery::new(options, &settings);
    let mut whole = true;
    for line in data.split(|byte| *byte == b'\n') {
        match delivery.line(line) {
            Ok(_) => {}
            Err(Trouble::Rejected(rejected)) => {
                fuzz::told(&rejected.0);
                whole = false;
                break;
            }
            Err(Trouble::Disk { path, source }) => panic!("{}: {source}", path.display()),
        }
    }
    if !whole && let Err(trouble) = delivery.cut() {
        panic!("{trouble:?}");
    }
    delivery.remarks().iter().for_each(fuzz::told);
    let taken = delivery.take(whole).unwrap_or_else(|trouble| panic!("{trouble:?}"));
    let staged: u64 = taken.files.iter().filter(|file| !file.lookup).map(|file| file.rows).sum();
    assert_eq!(staged, taken.n_records, "each record stands in a file");
    if let Some(state) = &taken.state {
        assert!(!state.contains('\n'), "a state is one line");
    }
    let files: Vec<_> =
        taken.files.iter().map(|file| (file.path.clone(), file.name.clone())).collect();
    for file in &taken.files {
        let text = std::fs::read(&file.path).expect("the staged file");
        let lines = text.iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(lines, file.rows, "a record is one line");
    }
    fuzz::read(&files, &settings);
}));
