//! What is on disk stays whole: any other byte is found, an older catalog is never served.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod common;

use std::path::{Path, PathBuf};

use common::{deal, request, row};
use lake::{Lake, LakeError, verify};

const DAYS: [&str; 3] = ["2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z", "2026-03-04T08:00:00Z"];

fn load(lake: &Lake, day: usize) {
    let stage = ["open", "won", "lost"][day];
    let rows = (0..50).map(|n| (0, row(deal(&format!("d{n}"), stage, "10.5", n))));
    lake.load(request(DAYS[day], &["deals.csv"]), rows).unwrap();
}

/// A lake of three loads, closed.
fn lake() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::create(dir.path()).unwrap();
    for day in 0..3 {
        load(&lake, day);
    }
    dir
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), into);
        } else if entry.file_name() != "writer.lock" {
            into.push(entry.path());
        }
    }
    into.sort();
}

fn broken(dir: &Path) -> String {
    match Lake::open(dir) {
        Err(LakeError::Broken { found, .. }) => found,
        other => format!("not broken: {other:?}"),
    }
}

#[test]
fn a_lake_as_it_was_written_has_no_fault() {
    let dir = lake();
    let done = verify(dir.path(), false).unwrap();
    assert_eq!(done.faults, []);
    assert!(done.sealed);
    assert_eq!((done.n_changes, done.n_snapshots, done.n_leftovers), (4, 5, 0));
    // Nor after it was read and opened anew.
    let lake = Lake::open(dir.path()).unwrap();
    let newest = lake.newest().unwrap().unwrap();
    assert_eq!(lake.frame(newest, "opportunity", &["stage"]).unwrap().n_rows(), 50);
    assert_eq!(verify(dir.path(), false).unwrap(), done);
}

#[test]
fn an_older_catalog_is_found_at_open_and_no_file_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let kept = tempfile::tempdir().unwrap();
    let lake = Lake::create(dir.path()).unwrap();
    load(&lake, 0);
    drop(lake);
    copy(dir.path(), kept.path());
    load(&Lake::open(dir.path()).unwrap(), 1);
    let mut before = Vec::new();
    files(dir.path(), &mut before);
    std::fs::copy(kept.path().join("catalog.sqlite"), dir.path().join("catalog.sqlite")).unwrap();
    let found = broken(dir.path());
    assert!(found.contains("ends with change 2, and change 3 was committed"), "{found}");
    assert!(found.contains("load 2, recorded at 2026-03-03T08:00:00"), "{found}");
    let mut after = Vec::new();
    files(dir.path(), &mut after);
    assert_eq!(after, before);
    let faults = verify(dir.path(), true).unwrap().faults;
    assert!(faults.iter().any(|fault| fault.file.ends_with("catalog.sqlite")), "{faults:?}");
}

#[test]
fn a_catalog_that_is_gone_or_empty_is_no_new_lake() {
    let dir = lake();
    let catalog = dir.path().join("catalog.sqlite");
    std::fs::write(&catalog, "").unwrap();
    assert_eq!(broken(dir.path()), "`catalog.sqlite` is gone or empty");
    std::fs::remove_file(&catalog).unwrap();
    assert_eq!(broken(dir.path()), "`catalog.sqlite` is gone or empty");
    assert!(matches!(Lake::create(dir.path()), Err(LakeError::Broken { .. })));
}

#[test]
fn an_anchor_that_is_gone_cut_or_of_another_lake_is_found_at_open() {
    let dir = lake();
    let anchor = dir.path().join("anchor.log");
    let whole = std::fs::read(&anchor).unwrap();
    let line = whole.len() / 4;
    for cut in [0, line, 2 * line, 3 * line, 4 * line - 1] {
        std::fs::write(&anchor, &whole[..cut]).unwrap();
        assert!(!broken(dir.path()).starts_with("not broken"), "{cut}");
        assert_ne!(verify(dir.path(), true).unwrap().faults, [], "{cut}");
    }
    std::fs::remove_file(&anchor).unwrap();
    assert!(broken(dir.path()).contains("is gone"));
    let other = lake();
    std::fs::copy(other.path().join("anchor.log"), &anchor).unwrap();
    assert!(!broken(dir.path()).starts_with("not broken"));
    std::fs::write(&anchor, whole).unwrap();
    Lake::open(dir.path()).unwrap();
}

#[test]
fn what_a_writer_left_between_commit_and_mark_is_settled_by_the_next() {
    let dir = lake();
    let anchor = dir.path().join("anchor.log");
    let whole = std::fs::read(&anchor).unwrap();
    let last = whole.len() / 4 * 3;
    // Committed, not yet marked.
    let mut pending = whole.clone();
    pending[last] = b'p';
    std::fs::write(&anchor, &pending).unwrap();
    let lake = Lake::open(dir.path()).unwrap();
    assert_eq!(lake.loads().unwrap().len(), 3);
    let rows = [(0, row(deal("new", "open", "1", 1)))];
    lake.load(request("2026-03-05T08:00:00Z", &["more.csv"]), rows).unwrap();
    drop(lake);
    assert_eq!(verify(dir.path(), false).unwrap().faults, []);
    // Announced, and never committed: half a line, and a whole one.
    let whole = std::fs::read(&anchor).unwrap();
    let mut next = pending[last..].to_vec();
    next[2..14].copy_from_slice(b"000000000006");
    for length in [100, next.len()] {
        std::fs::write(&anchor, [&whole[..], &next[..length]].concat()).unwrap();
        let lake = Lake::open(dir.path()).unwrap();
        assert_eq!(lake.loads().unwrap().len(), 4);
        let at = format!("2026-03-06T08:00:00.{length:06}Z");
        let rows = [(0, row(deal(&at, "open", "1", 1)))];
        if length == next.len() {
            lake.load(request(&at, &["last.csv"]), rows).unwrap();
            drop(lake);
            assert_eq!(verify(dir.path(), false).unwrap().faults, []);
        }
    }
}

#[test]
fn a_changed_byte_of_a_file_is_found_when_it_is_read() {
    let dir = lake();
    let lake = Lake::open(dir.path()).unwrap();
    let newest = lake.newest().unwrap().unwrap();
    let file = lake.files(newest, "opportunity").unwrap().remove(0);
    let mut bytes = std::fs::read(&file.path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file.path, bytes).unwrap();
    let read = lake.frame(newest, "opportunity", &["id"]).unwrap_err();
    assert!(matches!(&read, LakeError::Damaged { dir: of, .. } if of == lake.dir()), "{read}");
    assert!(read.to_string().contains("has other bytes than were written"), "{read}");
    let fault = verify(dir.path(), false).unwrap().faults.remove(0);
    assert_eq!(fault.table.as_deref(), Some("opportunity"));
    assert_eq!(fault.snapshots, Some((newest.0, None)));
    assert_eq!(verify(dir.path(), true).unwrap().faults, []);
}

#[test]
fn a_lake_of_a_newer_layout_is_refused_with_both_versions() {
    let dir = lake();
    let catalog = rusqlite::Connection::open(dir.path().join("catalog.sqlite")).unwrap();
    catalog.execute("UPDATE lake_info SET value = '7' WHERE key = 'layout'", []).unwrap();
    drop(catalog);
    let refused = Lake::open(dir.path()).unwrap_err();
    assert!(matches!(refused, LakeError::Newer { found: 7, known: 1, .. }), "{refused}");
}

/// Random numbers that are the same each time.
fn random(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap()
}

#[test]
fn every_changed_byte_cut_and_swap_is_found() {
    let tries = std::env::var("THROUGHLINE_TORTURE").ok().and_then(|n| n.parse().ok());
    let tries: usize = tries.unwrap_or(60);
    let dir = lake();
    let mut all = Vec::new();
    files(dir.path(), &mut all);
    let mut seed = 7;
    for n in 0..tries {
        let of = random(&mut seed) % all.len();
        let whole = std::fs::read(&all[of]).unwrap();
        let other = all.iter().cycle().skip(of + 1).take(all.len()).find(|other| {
            other.extension() == all[of].extension() && std::fs::read(other).unwrap() != whole
        });
        let (bytes, what) = match (n % 6, other) {
            (4, _) => {
                let cut = random(&mut seed) % whole.len();
                (whole[..cut].to_vec(), format!("cut to {cut}"))
            }
            (5, Some(other)) if other != &all[of] => {
                (std::fs::read(other).unwrap(), format!("{other:?} in its place"))
            }
            _ => {
                let at = random(&mut seed) % whole.len();
                let mut bytes = whole.clone();
                bytes[at] ^= u8::try_from(1 + random(&mut seed) % 255).unwrap();
                (bytes, format!("byte {at}"))
            }
        };
        std::fs::write(&all[of], bytes).unwrap();
        let found = verify(dir.path(), false).unwrap().faults;
        assert_ne!(found, [], "{:?}: {what}", all[of]);
        std::fs::write(&all[of], whole).unwrap();
    }
    assert_eq!(verify(dir.path(), false).unwrap().faults, []);
    println!("{tries} of {tries} changes of the lake were found");
}
