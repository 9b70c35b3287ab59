//! Small facts for tests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::fact::{Fact, FactTable, SourceRow};
use domain::{Cell, Place};
use jiff::Timestamp;
use lake::place::Database;
use lake::{Lake, LakeError, LoadRequest, SourceFile};
use testkit::postgres::Cluster;

/// The server for as long as a test lasts, and the databases of its folders.
#[derive(Default)]
struct Held {
    cluster: Option<Arc<Cluster>>,
    databases: BTreeMap<PathBuf, String>,
}

thread_local! {
    static HELD: RefCell<Held> = RefCell::default();
}

/// The database of a folder, in the tests of `on_postgres`; none elsewhere, and where there is no
/// server.
pub(crate) fn database(dir: &Path) -> Option<(Arc<Cluster>, String)> {
    let program = std::env::current_exe().unwrap();
    if !program.file_name().unwrap().to_string_lossy().starts_with("on_postgres") {
        return None;
    }
    HELD.with_borrow_mut(|Held { cluster, databases }| {
        if cluster.is_none() {
            *cluster = Cluster::shared();
        }
        let cluster = Arc::clone(cluster.as_ref()?);
        let key = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let name = databases.entry(key).or_insert_with(|| cluster.new_database());
        Some((cluster, name.clone()))
    })
}

/// Where the lake of a folder is: all of it there, or its catalog in a database of its own.
pub(crate) fn home(dir: impl AsRef<Path>) -> lake::Place {
    let dir = dir.as_ref();
    // A process that a test started uses what the test uses.
    let address = std::env::var(CATALOG).ok().or_else(|| {
        let (cluster, name) = database(dir)?;
        Some(cluster.login(&name))
    });
    let catalog = address.map(|address| Database::new(&address, None).unwrap());
    lake::Place { dir: dir.to_owned(), catalog }
}

/// How many cases of a property are tried: fewer where each needs databases of its own.
pub(crate) fn cases(usual: u32) -> u32 {
    let program = std::env::current_exe().unwrap();
    let server = program.file_name().unwrap().to_string_lossy().starts_with("on_postgres");
    if server { usual / 8 } else { usual }
}

/// The variable that names the catalog for a process that a test starts.
pub(crate) const CATALOG: &str = "LAKE_TEST_CATALOG";

/// Makes a lake in a folder.
pub(crate) fn create(dir: impl AsRef<Path>) -> Result<Lake, LakeError> {
    std::fs::create_dir_all(dir.as_ref()).unwrap();
    Lake::create(home(dir))
}

/// Opens the lake of a folder.
pub(crate) fn open(dir: impl AsRef<Path>) -> Result<Lake, LakeError> {
    Lake::open(home(dir))
}

/// Moves the folder of a lake.
pub(crate) fn rename(from: &Path, to: &Path) {
    HELD.with_borrow_mut(|Held { databases, .. }| {
        if let Some(name) = databases.remove(&from.canonicalize().unwrap()) {
            let folder = to.parent().unwrap().canonicalize().unwrap();
            databases.insert(folder.join(to.file_name().unwrap()), name);
        }
    });
    std::fs::rename(from, to).unwrap();
}

/// Runs statements in the catalog of a folder, as nobody should.
pub(crate) fn tamper(dir: &Path, sql: &str) {
    if let Some((cluster, name)) = database(dir) {
        cluster.run(&name, sql);
    } else {
        let catalog = rusqlite::Connection::open(dir.join("catalog.sqlite")).unwrap();
        catalog.execute_batch(sql).unwrap();
    }
}

/// Reads an instant.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Makes a request for files with these names, whose content is their name and the instant.
pub(crate) fn request(recorded_at: &str, files: &[&str]) -> LoadRequest {
    let files = files.iter().map(|name| {
        let hash = *blake3::hash(format!("{name} {recorded_at}").as_bytes()).as_bytes();
        SourceFile::new(*name, hash, "test")
    });
    let mut request = LoadRequest::new(at(recorded_at), files.collect());
    request.author = Some("analyst".to_owned());
    request
}

/// Makes a fact with the columns given; the others are not carried.
pub(crate) fn fact(table: &str, cells: &[(&str, Cell)], file: &str, line: u64) -> Fact {
    let table = FactTable::named(table).unwrap();
    let mut fact = Fact {
        table,
        cells: vec![Cell::Null; table.columns.len()],
        carried: 0,
        place: Place::line(file, line),
        version: None,
        deleted: false,
    };
    for (name, cell) in cells {
        let column = table.position(name).unwrap();
        *fact.cells.get_mut(column).unwrap() = cell.clone();
        fact.carried |= 1 << column;
    }
    fact
}

/// Makes a row of one fact.
pub(crate) fn row(fact: Fact) -> SourceRow {
    SourceRow::Accepted { place: fact.place.clone(), facts: vec![fact] }
}

/// Makes a deal.
pub(crate) fn deal(id: &str, stage: &str, amount: &str, line: u64) -> Fact {
    fact(
        "opportunity",
        &[
            ("id", Cell::text(id)),
            ("stage", Cell::text(stage)),
            ("amount", Cell::Decimal(amount.parse().unwrap())),
            ("created_at", Cell::Instant(at("2026-01-05T10:00:00Z"))),
        ],
        "deals.csv",
        line,
    )
}

/// The same with a version.
pub(crate) fn versioned(mut fact: Fact, version: &str) -> Fact {
    fact.version = Some(at(version));
    fact
}
