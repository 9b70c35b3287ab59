//! The file of accounts is sealed when it is closed, and every other byte is found.

use std::fs;

use access::{Action, Event, verify_state};

use crate::{Company, settings};

/// A company whose file is closed, with a log that is long enough to have anchors.
fn closed() -> tempfile::TempDir {
    let Company { folder, access, .. } = Company::with(settings());
    for n in 0..300 {
        access.record_console(&Event::done(Action::Load, format!("load {n}"))).unwrap();
    }
    drop(access);
    folder
}

#[test]
fn a_file_that_was_closed_is_sealed_and_whoever_writes_breaks_the_seal() {
    let company = Company::with(settings());
    let seal = company.folder.path().join(".throughline/state.seal");
    assert!(!seal.exists());
    let Company { folder, access, clock } = company;
    let open = verify_state(folder.path()).unwrap();
    assert_eq!((open.sealed, open.faults), (false, Vec::new()));
    drop(access);
    let done = verify_state(folder.path()).unwrap();
    assert_eq!((done.sealed, done.faults), (true, Vec::new()));
    // Who only reads leaves it.
    let access = access::Access::open(folder.path(), settings(), clock.clone()).unwrap();
    access.audit(access::Actor::Console, None, 10).unwrap();
    drop(access);
    assert!(verify_state(folder.path()).unwrap().sealed);
    let access = access::Access::open(folder.path(), settings(), clock).unwrap();
    access.record_console(&Event::done(Action::Load, "load 1")).unwrap();
    assert!(!seal.exists());
    drop(access);
    let done = verify_state(folder.path()).unwrap();
    assert_eq!((done.sealed, done.faults), (true, Vec::new()));
}

#[test]
fn every_changed_byte_and_cut_of_the_file_of_accounts_is_found() {
    let tries = std::env::var("THROUGHLINE_TORTURE").ok().and_then(|n| n.parse().ok());
    let tries: usize = tries.unwrap_or(40);
    let folder = closed();
    let mut seed = 11_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for n in 0..tries {
        let names = ["state.sqlite", "state.sqlite", "audit-anchor.log", "state.seal"];
        let path = folder.path().join(".throughline").join(names[n % names.len()]);
        let whole = fs::read(&path).unwrap();
        let mut other = whole.clone();
        let at = random(whole.len());
        let what = if n % 5 == 4 {
            other.truncate(at);
            format!("{} cut at {at}", path.display())
        } else {
            other[at] ^= u8::try_from(1 + random(255)).unwrap();
            format!("{} byte {at}", path.display())
        };
        fs::write(&path, other).unwrap();
        let found = verify_state(folder.path()).unwrap().faults;
        assert_ne!(found, [], "{what}");
        fs::write(&path, whole).unwrap();
        for beside in ["state.sqlite-wal", "state.sqlite-shm"] {
            drop(fs::remove_file(folder.path().join(".throughline").join(beside)));
        }
    }
    assert_eq!(verify_state(folder.path()).unwrap().faults, []);
    println!("{tries} of {tries} changes of the file of accounts were found");
}
