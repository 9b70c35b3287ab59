//! The tests of loads, guards, dying writers and their properties once more, with the catalog on a
//! `PostgreSQL` server; then what only a server can do. Without a server they say so and run on
//! files.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]
#![expect(clippy::duplicate_mod, reason = "the same tests with another catalog")]

#[path = "crash.rs"]
mod crash;
#[path = "guards.rs"]
mod guards;
#[path = "load.rs"]
mod load;
#[path = "properties.rs"]
mod properties;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::Cell;
use jiff::Timestamp;
use lake::person::ErasureRequest;
use lake::place::Database;
use lake::{Lake, LakeError, Place, verify};
use testkit::postgres::{Cluster, PASSWORD};

use crate::load::common::{at, deal, fact, request, row};

const DAYS: [&str; 3] = ["2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z", "2026-03-04T08:00:00Z"];

/// A lake in a folder with its catalog in a new database.
struct Shared {
    dir: tempfile::TempDir,
    place: Place,
    database: String,
    cluster: Arc<Cluster>,
}

impl Shared {
    fn new() -> Option<Self> {
        let cluster = Cluster::shared()?;
        let dir = tempfile::tempdir().unwrap();
        let database = cluster.new_database();
        let catalog = Some(Database::new(&cluster.login(&database), None).unwrap());
        let place = Place { dir: dir.path().join("lake"), catalog };
        Lake::create(place.clone()).unwrap();
        Some(Self { dir, place, database, cluster })
    }

    fn open(&self) -> Lake {
        Lake::open(self.place.clone()).unwrap()
    }

    fn sql(&self, sql: &str) -> String {
        self.cluster.run(&self.database, sql)
    }

    /// Ends connections to the database; of writers only, where that is said.
    fn cut(&self, writers: bool) {
        let held = match writers {
            true => "AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')",
            false => "",
        };
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = '{}' AND pid <> pg_backend_pid() {held}",
            self.database
        );
        self.cluster.run("postgres", &sql);
    }

    /// The newest link of the chain in the catalog, and how many lines the anchor has.
    fn links(&self) -> (String, usize) {
        let lines = std::fs::read_to_string(self.place.dir.join("anchor.log")).unwrap();
        (self.sql("SELECT max(n) FROM lake_change"), lines.lines().count())
    }
}

fn load(lake: &Lake, day: usize) -> lake::LoadReport {
    let stage = ["open", "won", "lost"][day];
    let rows = (0..50).map(|n| (0, row(deal(&format!("d{n}"), stage, "10.5", n))));
    lake.load(request(DAYS[day], &["deals.csv"]), rows).unwrap()
}

#[test]
fn nothing_is_written_but_through_the_chain() {
    let Some(shared) = Shared::new() else { return };
    let lake = shared.open();
    load(&lake, 0);
    assert_eq!(shared.links(), ("2".to_owned(), 2));
    // Reading, and opening again, changes nothing.
    load(&shared.open(), 0);
    assert_eq!(shared.links(), ("2".to_owned(), 2));
    let done = verify(shared.place.clone(), false).unwrap();
    assert_eq!(done.faults, []);
    assert_eq!((done.sealed, done.n_changes, done.n_snapshots), (false, 2, 3));
}

#[test]
fn a_writer_that_was_cut_off_cannot_commit_after_another_has_taken_its_place() {
    let Some(shared) = Shared::new() else { return };
    let lake = shared.open();
    let mut slow = lake.begin(request(DAYS[0], &["a.csv"])).unwrap();
    slow.push(0, row(deal("a", "open", "1", 2))).unwrap();
    let slow = slow.prepare().unwrap();
    let other = shared.open();
    let refused = other.begin(request(DAYS[1], &["b.csv"])).map(drop).unwrap_err();
    let holder = format!("process {}", std::process::id());
    assert!(
        matches!(&refused, LakeError::Locked { holder: found, .. } if found.starts_with(&holder)),
        "{refused}"
    );
    shared.cut(true);
    let rows = [(0, row(deal("b", "open", "2", 2)))];
    let report = other.load(request(DAYS[1], &["b.csv"]), rows).unwrap();
    let before = shared.links();
    let late = slow.commit().unwrap_err();
    assert!(matches!(late, LakeError::Locked { .. }), "{late}");
    assert_eq!(shared.links(), before);
    let frame = other.frame(report.snapshot.unwrap(), "opportunity", &["id"]).unwrap();
    assert_eq!((frame.n_rows(), frame.cell("id", 0)), (1, Cell::text("b")));
    assert_eq!(lake.newest().unwrap(), report.snapshot);
    assert_eq!(verify(shared.place.clone(), false).unwrap().faults, []);
}

#[test]
fn a_reader_outlives_a_restart_of_the_server() {
    let Some(shared) = Shared::new() else { return };
    let lake = shared.open();
    let report = load(&lake, 0);
    shared.cut(false);
    // The first question may find the connection gone; the next one has another.
    let _lost: Result<_, LakeError> = lake.newest();
    assert_eq!(lake.newest().unwrap(), report.snapshot);
    assert_eq!(lake.snapshot_as_of(at(DAYS[0])).unwrap(), report.snapshot);
    assert_eq!(lake.snapshot_as_of(Timestamp::UNIX_EPOCH).unwrap(), None);
    // And it may write again.
    load(&lake, 1);
    assert_eq!(lake.loads().unwrap().len(), 2);
}

/// Tells the others to stop, also where its holder panics.
struct Until<'a>(&'a AtomicBool);

impl Drop for Until<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn readers_beside_two_writers_see_whole_loads_only() {
    let Some(shared) = Shared::new() else { return };
    load(&shared.open(), 0);
    let done = AtomicBool::new(false);
    let read = || {
        let _until = Until(&done);
        let mut seen = BTreeSet::new();
        while !done.load(Ordering::Relaxed) {
            let lake = shared.open();
            let newest = lake.newest().unwrap().unwrap();
            let frame = lake.frame(newest, "opportunity", &["stage"]).unwrap();
            let first = frame.cell("stage", 0);
            assert_eq!(frame.n_rows(), 50);
            assert!((1..50).all(|at| frame.cell("stage", at) == first));
            seen.insert(newest);
        }
        seen.len()
    };
    let write = |writer: &str| {
        let lake = shared.open();
        let mut n_waits = 0;
        for n in 0..6_u32 {
            let stage = format!("{writer}-{n}");
            loop {
                let rows = (0..50).map(|k| (0, row(deal(&format!("d{k}"), &stage, "1", k))));
                let mut asked = request("2026-04-01T08:00:00Z", &[&stage]);
                asked.recorded_at = lake.now().unwrap();
                match lake.load(asked, rows) {
                    Ok(_) => break,
                    Err(LakeError::Locked { .. } | LakeError::Backdated { .. }) => n_waits += 1,
                    Err(error) => panic!("{error}"),
                }
                assert!(n_waits < 1_000);
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        n_waits
    };
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3).map(|_| scope.spawn(read)).collect();
        let until = Until(&done);
        let writers: Vec<_> =
            ["a", "b"].iter().map(|name| scope.spawn(move || write(name))).collect();
        let waits: Vec<u32> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        drop(until);
        let seen: Vec<usize> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        println!("readers saw {seen:?} states; writers were told to wait {waits:?} times");
    });
    assert_eq!(shared.open().loads().unwrap().len(), 13);
    assert_eq!(verify(shared.place.clone(), false).unwrap().faults, []);
}

#[test]
fn what_another_hand_changed_is_found() {
    let Some(shared) = Shared::new() else { return };
    let lake = shared.open();
    for day in 0..3 {
        load(&lake, day);
    }
    let done = verify(shared.place.clone(), false).unwrap();
    assert_eq!((done.faults.len(), done.n_changes, done.n_files > 0), (0, 4, true));
    for (change, back) in [
        (
            "UPDATE load_ledger SET n_read = n_read + 1, n_known = n_known + 1 WHERE load_id = 2",
            "UPDATE load_ledger SET n_read = n_read - 1, n_known = n_known - 1 WHERE load_id = 2",
        ),
        (
            "UPDATE ducklake_snapshot SET snapshot_time = snapshot_time + interval '1 microsecond'
             WHERE snapshot_id = 3",
            "UPDATE ducklake_snapshot SET snapshot_time = snapshot_time - interval '1 microsecond'
             WHERE snapshot_id = 3",
        ),
    ] {
        shared.sql(change);
        let faults = verify(shared.place.clone(), false).unwrap().faults;
        assert!(faults.iter().any(|fault| fault.found.contains("not as it was")), "{faults:?}");
        shared.sql(back);
        assert_eq!(verify(shared.place.clone(), false).unwrap().faults, []);
    }
    let newest = lake.newest().unwrap().unwrap();
    let file = lake.files(newest, "opportunity").unwrap().remove(0).path;
    let whole = std::fs::read(&file).unwrap();
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(verify(shared.place.clone(), false).unwrap().faults.len(), 1);
    std::fs::write(&file, whole).unwrap();
}

#[test]
fn an_older_state_of_the_server_is_never_served_and_can_be_gone_on_with() {
    let Some(shared) = Shared::new() else { return };
    load(&shared.open(), 0);
    let older = format!("{}_older", shared.database);
    shared.cut(false);
    let sql = format!("CREATE DATABASE {older} TEMPLATE {}", shared.database);
    shared.cluster.run("postgres", &sql);
    load(&shared.open(), 1);
    let catalog = Some(Database::new(&shared.cluster.login(&older), None).unwrap());
    let back = Place { catalog, ..shared.place.clone() };
    let refused = Lake::open(back.clone()).unwrap_err();
    assert!(refused.to_string().contains("change 3 was committed"), "{refused}");
    assert_ne!(verify(back.clone(), true).unwrap().faults, []);
    // A database without a catalog is no new lake beside files that another one knows.
    let empty = shared.cluster.new_database();
    let catalog = Some(Database::new(&shared.cluster.login(&empty), None).unwrap());
    let empty = Place { catalog, ..shared.place.clone() };
    assert!(matches!(Lake::create(empty.clone()), Err(LakeError::Broken { .. })));
    assert!(matches!(Lake::open(empty.clone()), Err(LakeError::Broken { .. })));
    assert!(Lake::is_at(empty.clone()));
    assert_ne!(verify(empty, true).unwrap().faults, []);
    // Nor a file beside them.
    assert!(matches!(Lake::open(shared.place.dir.clone()), Err(LakeError::Broken { .. })));

    let repaired = lake::backup::repair(&back).unwrap().unwrap();
    assert_eq!(repaired.lost.iter().map(|(load, _)| *load).collect::<Vec<_>>(), [2]);
    assert!(lake::backup::repair(&back).unwrap().is_none());
    let lake = Lake::open(back.clone()).unwrap();
    assert_eq!(lake.loads().unwrap().len(), 1);
    load(&lake, 2);
    assert_eq!(verify(back, false).unwrap().faults, []);
}

#[test]
fn small_files_are_merged_and_every_snapshot_stays_readable() {
    let Some(shared) = Shared::new() else { return };
    let lake = shared.open();
    let mut snapshots = Vec::new();
    for n in 0..6_u64 {
        let rows = (0..5).map(|k| (0, row(deal(&format!("d{n}-{k}"), "open", "1", k + 2))));
        let when = format!("2026-03-1{n}T08:00:00Z");
        let report = lake.load(request(&when, &["deals.csv"]), rows).unwrap();
        snapshots.push((report.snapshot.unwrap(), 5 * (n + 1)));
    }
    let done = lake.compact().unwrap();
    assert_eq!(done.tables.iter().map(|table| table.n_after).sum::<u64>(), 1);
    let other = shared.open();
    assert_eq!(other.newest().unwrap(), done.snapshot);
    for (snapshot, rows) in snapshots {
        assert_eq!(other.n_rows(snapshot, "opportunity").unwrap(), rows);
        let frame = other.frame(snapshot, "opportunity", &["id"]).unwrap();
        assert_eq!(frame.n_rows() as u64, rows);
    }
    assert_eq!(verify(shared.place.clone(), false).unwrap().faults, []);
}

#[test]
fn a_person_is_erased_from_files_and_catalog() {
    let Some(shared) = Shared::new() else { return };
    let lake = shared.open();
    let address = "quenby@canary.example";
    let key = lake.person_key().match_key(address).unwrap();
    let cells = [("id", Cell::text("p1")), ("match_key", Cell::text(key))];
    let person = fact("person", &cells, "people.csv", 2);
    let cells = [("person_id", Cell::text("p1")), ("email", Cell::text(address))];
    let identity = fact("identity", &cells, "people.csv", 2);
    let rows = [(0, row(person)), (0, row(identity))];
    let mut asked = request(DAYS[0], &["export for quenby@canary.example"]);
    asked.message = Some(format!("because of {address}"));
    let report = lake.load(asked, rows).unwrap();
    let dumped = || {
        let tables = shared.sql(
            "SELECT string_agg(format('SELECT t::text FROM %I t', tablename), ' UNION ALL ')
             FROM pg_tables WHERE schemaname = 'public'",
        );
        shared.sql(&tables)
    };
    assert!(dumped().contains("quenby@canary.example"));
    let trace = lake.trace(&[address.to_owned()], &[]).unwrap();
    let recorded_at = at(DAYS[1]);
    let derived = shared.dir.path().join("elsewhere/derived");
    std::fs::create_dir_all(&derived).unwrap();
    std::fs::write(derived.join("build"), "quenby").unwrap();
    let emptied = vec![derived.clone()];
    let request = ErasureRequest { trace, recorded_at, author: None, emptied, searched: vec![] };
    let done = lake.erase(&request).unwrap();
    assert!(done.n_files >= 1, "{done:?}");
    assert!(!dumped().contains("quenby"), "{}", dumped());
    assert_eq!(std::fs::read_dir(&derived).unwrap().count(), 0);
    let frame = lake.frame(report.snapshot.unwrap(), "identity", &["email"]).unwrap();
    assert_eq!((frame.n_rows(), frame.cell("email", 0)), (1, Cell::Null));
    assert_eq!(verify(shared.place.clone(), false).unwrap().faults, []);
    assert_eq!(shared.open().n_erasures(), 1);
}

#[test]
fn the_order_of_texts_is_that_of_files_in_a_database_of_another_language() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = format!("{}_icu", cluster.new_database());
    let sql = format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'
         LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"
    );
    cluster.run("postgres", &sql);
    let dir = tempfile::tempdir().unwrap();
    let catalog = Some(Database::new(&cluster.login(&name), None).unwrap());
    let lake = Lake::create(Place { dir: dir.path().to_owned(), catalog }).unwrap();
    let alone = Lake::create(dir.path().join("alone")).unwrap();
    for lake in [&lake, &alone] {
        let mut asked = request(DAYS[0], &["a.csv", "B.csv", "ä.csv"]);
        for (file, preset) in asked.files.iter_mut().zip(["b", "A-c", "a"]) {
            file.preset = preset.to_owned();
        }
        let rows = (0..3).map(|n| (n, row(deal(&format!("d{n}"), "open", "1", 2))));
        lake.load(asked, rows).unwrap();
    }
    assert_eq!(lake.presets(1).unwrap(), alone.presets(1).unwrap());
    assert_eq!(lake.presets(1).unwrap(), ["A-c", "a", "b"]);
}

#[test]
fn a_server_that_refuses_is_said_plainly() {
    let Some(shared) = Shared::new() else { return };
    let at = |address: &str| Place {
        catalog: Some(Database::new(address, None).unwrap()),
        ..shared.place.clone()
    };
    let wrong = shared.cluster.login(&shared.database).replace("correct", "battery");
    let refused = Lake::open(at(&wrong)).unwrap_err();
    assert!(refused.to_string().contains("password authentication failed"), "{refused}");
    assert!(!format!("{refused:?}").contains("battery"), "{refused:?}");
    assert!(refused.hint().unwrap().contains("password"), "{refused:?}");
    shared.sql("CREATE ROLE reader LOGIN PASSWORD 'x'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
    let address =
        format!("postgres://reader:x@127.0.0.1:{}/{}", shared.cluster.port, shared.database);
    let reader = Lake::open(at(&address)).unwrap();
    let refused = reader.begin(request(DAYS[0], &["a.csv"])).map(drop).unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
    let copied = lake::backup::copy(&shared.place, &shared.dir.path().join("copy"), None);
    assert!(matches!(copied, Err(LakeError::OnServer { .. })));
    assert!(!Path::new(&shared.dir.path().join("copy")).exists());
}

#[test]
fn duckdb_reads_the_lake_through_the_server() {
    let python = std::env::var("THROUGHLINE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let Some(shared) = Shared::new() else { return };
    let lake = shared.open();
    for (when, stage) in [(DAYS[0], "open"), (DAYS[1], "won")] {
        let rows = (0..100).map(|n| (0, row(deal(&format!("d{n}"), stage, "10.25", n + 2))));
        lake.load(request(when, &["deals.csv"]), rows).unwrap();
    }
    let snapshots = lake.snapshots().unwrap();
    let theirs = shared.cluster.new_database();
    let asked = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/duckdb_postgres.py"))
        .args([&shared.cluster.port.to_string(), &shared.database, &theirs])
        .args(snapshots.iter().map(|snapshot| snapshot.id.0.to_string()))
        .env("PGPASSWORD", PASSWORD)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&asked.stdout);
    if said.starts_with("skipped") {
        print!("{said}");
        return;
    }
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let expected = "layout same\n100 1025.00 open\n100 1025.00 won\n";
    assert_eq!(said.replace("1025.0000000000", "1025.00"), expected);
}
