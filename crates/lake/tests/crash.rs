//! A writer that dies at any point loses nothing that was acknowledged and leaves no half load.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "each test binary uses a part")]
mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{deal, request, row};
use lake::LakeError;

const MONDAY: &str = "2026-03-02T08:00:00Z";
const TUESDAY: &str = "2026-03-03T08:00:00Z";

/// Where the child is killed.
const POINTS: &[&str] = &["while rows come", "before the commit", "after the commit"];

/// Not a test of its own: the process that the test below starts and that kills itself.
#[test]
fn the_writer_that_dies() {
    let (Ok(dir), Ok(point)) = (std::env::var("LAKE_CRASH_DIR"), std::env::var("LAKE_CRASH_POINT"))
    else {
        return;
    };
    let dir = PathBuf::from(dir);
    let lake = common::open(&dir).unwrap();
    let n_files = parquet_files(&dir).len();
    let mut loading = lake.begin(request(TUESDAY, &["deals.csv"])).unwrap();
    for n in 0..20_000 {
        loading.push(0, row(deal(&format!("d{n}"), "won", "2", n))).unwrap();
    }
    if point == POINTS[0] {
        // Rows are written beside the reading: the dead writer leaves something of them.
        let before = Instant::now();
        while parquet_files(&dir).len() == n_files && before.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::process::abort();
    }
    let prepared = loading.prepare().unwrap();
    if point == POINTS[1] {
        std::process::abort();
    }
    prepared.commit().unwrap();
    std::process::abort();
}

#[test]
fn a_killed_load_leaves_the_old_snapshot_and_the_next_open_sweeps_its_files() {
    for point in POINTS {
        let dir = tempfile::tempdir().unwrap();
        let lake = common::create(dir.path()).unwrap();
        let rows = (0..10).map(|n| (0, row(deal(&format!("d{n}"), "open", "1", n))));
        let first = lake.load(request(MONDAY, &["deals.csv"]), rows).unwrap().snapshot.unwrap();
        let files = parquet_files(dir.path());
        drop(lake);

        // The tests of this file stand in a module of their own where a server has the catalog.
        let module = module_path!().split_once("::").map_or("", |(_, module)| module);
        let name = format!("{module}::the_writer_that_dies");
        let mut child = Command::new(std::env::current_exe().unwrap());
        if let Some((cluster, database)) = common::database(dir.path()) {
            child.env(common::CATALOG, cluster.login(&database));
        }
        let status = child
            .args(["--exact", name.trim_start_matches("::"), "--nocapture"])
            .env("LAKE_CRASH_DIR", dir.path())
            .env("LAKE_CRASH_POINT", point)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!status.success(), "{point}");

        let committed = *point == "after the commit";
        assert!(parquet_files(dir.path()).len() > files.len(), "{point}");
        let lake = common::open(dir.path()).unwrap();
        let newest = lake.newest().unwrap().unwrap();
        assert_eq!(newest != first, committed, "{point}");
        let expected = if committed { 20_000 } else { 10 };
        assert_eq!(lake.n_rows(newest, "opportunity").unwrap(), expected, "{point}");
        assert_eq!(lake.frame(first, "opportunity", &["id"]).unwrap().n_rows(), 10, "{point}");
        assert_eq!(lake.loads().unwrap().len(), if committed { 2 } else { 1 }, "{point}");
        if !committed {
            assert_eq!(parquet_files(dir.path()), files, "{point}");
        }
        // The same load again goes through, or is known.
        let rows = (0..20_000).map(|n| (0, row(deal(&format!("d{n}"), "won", "2", n))));
        let report = lake.load(request(TUESDAY, &["deals.csv"]), rows).unwrap();
        assert_eq!(report.rows.loaded, if committed { 0 } else { 20_000 }, "{point}");
    }
}

#[test]
fn a_lake_whose_maker_died_can_be_made_again() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("catalog.sqlite"), "").unwrap();
    assert!(matches!(common::open(dir.path()), Err(LakeError::Missing { .. })));
    common::create(dir.path()).unwrap();
    common::open(dir.path()).unwrap();
}

#[test]
fn a_lake_that_was_moved_or_made_by_an_older_model_is_brought_up_when_opened() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    let lake = common::create(&old).unwrap();
    let rows = [(0, row(deal("a", "open", "1", 2)))];
    let snapshot = lake.load(request(MONDAY, &["deals.csv"]), rows).unwrap().snapshot.unwrap();
    drop(lake);
    common::rename(&old, &new);
    // As if the model had got a table and a column since.
    let sql =
        "DELETE FROM ducklake_column WHERE column_name IN ('next_step', 'headcount', 'month', \
               'role', 'units_per_head') AND table_id IN (SELECT table_id FROM ducklake_table \
               WHERE table_name IN ('capacity', 'opportunity'));
               DELETE FROM ducklake_column WHERE table_id IN (SELECT table_id FROM ducklake_table \
               WHERE table_name = 'capacity');
               DELETE FROM ducklake_table WHERE table_name = 'capacity';";
    common::tamper(&new, sql);

    let lake = common::open(&new).unwrap();
    assert_eq!(lake.n_rows(snapshot, "opportunity").unwrap(), 1);
    assert_eq!(lake.newest().unwrap(), Some(snapshot));
    let ids: Vec<i64> =
        lake.table("opportunity").unwrap().columns.iter().map(|column| column.id).collect();
    assert_eq!(ids.iter().max(), Some(&(i64::try_from(ids.len()).unwrap() + 1)));
    let rows = [(0, row(deal("b", "open", "1", 2)))];
    let report = lake.load(request(TUESDAY, &["deals.csv"]), rows).unwrap();
    let frame = lake.frame(report.snapshot.unwrap(), "opportunity", &["id", "next_step"]).unwrap();
    assert_eq!(frame.n_rows(), 2);
    let again = common::open(&new).unwrap();
    assert_eq!(again.newest().unwrap(), report.snapshot);
}

fn parquet_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir.join("main"))
        .unwrap()
        .flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
}
