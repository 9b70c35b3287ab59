//! Two writers and eight readers: whatever is read is one committed state.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use domain::Cell;
use lake::{Lake, SnapshotId};
use tempfile::TempDir;

use super::{DEALS, check_loads, check_whole, exports, in_company, init, times};

/// What a reader saw: the snapshot, the loads in it by table, and a hash over its rows.
type Seen = BTreeMap<i64, String>;

/// Reads one state through a lake of its own.
fn look(company: &std::path::Path) -> Option<(SnapshotId, String)> {
    let lake = Lake::open(company.join(".throughline/lake")).unwrap();
    let newest = lake.newest().unwrap()?;
    let mut said = String::new();
    for table in ["opportunity", "account"] {
        let frame = lake.frame(newest, table, &["id", "name"]).unwrap();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for row in 0..frame.n_rows() {
            let Cell::Text(name) = frame.cell("name", row) else { panic!("a name") };
            *counts.entry(name.to_string()).or_default() += 1;
        }
        for (name, n) in counts {
            assert_eq!(n, DEALS, "half of {name} in {table}");
            said.push_str(&format!("{table} {name}\n"));
        }
    }
    Some((newest, said))
}

#[test]
fn readers_beside_writers_see_committed_states_only() {
    let folder = TempDir::new().unwrap();
    let company = folder.path().join("acme");
    init(&company);
    let first = exports(&company, 0, DEALS);
    in_company(&company, &["load", first.to_str().unwrap()]).content();
    let n = times(12);
    let (done, refused, reads) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let seen: Mutex<Seen> = Mutex::default();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (company, refused) = (&company, &refused);
                scope.spawn(move || {
                    for load in (1..=n).filter(|load| load % 2 == writer) {
                        let source = exports(company, load, DEALS);
                        loop {
                            let args = ["load", source.to_str().unwrap()];
                            let run = in_company(company, &args);
                            if run.code == 0 {
                                break;
                            }
                            // The other one is named, with process and host.
                            run.fails(4, "is being written by process");
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                        if load % 4 == 0 {
                            let compact = in_company(company, &["compact"]);
                            assert!([0, 4].contains(&compact.code), "{}", compact.stderr);
                        }
                    }
                })
            })
            .collect();
        for _ in 0..8 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let Some((snapshot, said)) = look(&company) else { continue };
                    assert!(snapshot.0 >= last, "a reader never goes back");
                    last = snapshot.0;
                    reads.fetch_add(1, Ordering::Relaxed);
                    let mut seen = seen.lock().unwrap();
                    let before = seen.entry(snapshot.0).or_insert_with(|| said.clone());
                    assert_eq!(*before, said, "snapshot {} is one state", snapshot.0);
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    // Each state that was seen is what its snapshot says now.
    let lake = Lake::open(company.join(".throughline/lake")).unwrap();
    let seen = seen.into_inner().unwrap();
    for (snapshot, said) in &seen {
        let rows = lake.n_rows(SnapshotId(*snapshot), "opportunity").unwrap();
        let loads = said.lines().filter(|line| line.starts_with("opportunity")).count();
        assert_eq!(usize::try_from(rows).unwrap(), loads * DEALS);
    }
    let all: Vec<usize> = (0..=n).collect();
    assert_eq!(check_loads(&company, &all), 0);
    check_whole(&company);
    println!(
        "{} reads of {} states beside {n} loads of two writers, {} turned away: all of them whole",
        reads.into_inner(),
        seen.len(),
        refused.into_inner()
    );
}
