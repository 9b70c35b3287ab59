//! A person with five traces in every corner of a lake, before and after an erasure.

use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray};
use domain::fact::{Fact, FactTable, Kind, Personal, Refusal, SourceRow};
use domain::{Cell, Place};

use super::erase::{ErasureRequest, Step};
use crate::error::LakeError;
use crate::load::{LoadRequest, SourceFile};
use crate::schema::QUARANTINE;
use crate::store::Lake;

const ADDRESS: &str = "quenby.zylstra@canary.example";
const OLD_ADDRESS: &str = "qz@old-canary.example";
const CANARIES: [&str; 6] =
    ["quenby.zylstra", "qz@old-canary", "zylstra", "chief canary wrangler", "01007788", "quenby"];
const DAYS: [&str; 3] = ["2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z", "2026-03-04T08:00:00Z"];

fn fact(table: &str, cells: &[(&str, &str)], line: u64) -> Fact {
    let table = FactTable::named(table).unwrap();
    let mut fact = Fact {
        table,
        cells: vec![Cell::Null; table.columns.len()],
        carried: 0,
        place: Place::line("people.csv", line),
        version: None,
        deleted: false,
    };
    for (name, text) in cells {
        let at = table.position(name).unwrap();
        fact.cells[at] = match table.columns[at].kind {
            Kind::Instant => Cell::Instant(text.parse().unwrap()),
            Kind::Decimal => Cell::Decimal(text.parse().unwrap()),
            _ => Cell::text(*text),
        };
        fact.carried |= 1 << at;
    }
    fact
}

fn accepted(facts: Vec<Fact>) -> SourceRow {
    SourceRow::Accepted { place: facts[0].place.clone(), facts }
}

fn load(lake: &Lake, when: &str, rows: Vec<SourceRow>) -> crate::LoadReport {
    let hash = *blake3::hash(format!("{when} {}", rows.len()).as_bytes()).as_bytes();
    let file = SourceFile::new(format!("{ADDRESS} {when}.csv"), hash, "test");
    let mut request = LoadRequest::new(when.parse().unwrap(), vec![file]);
    request.message = Some(format!("export of {ADDRESS}"));
    lake.load(request, rows.into_iter().map(|row| (0, row))).unwrap()
}

/// The rows of a record as intake hands them on: what the person did, and who it is.
fn record(lake: &Lake, id: &str, kind: &str, address: &str, title: &str, into: &str) -> SourceRow {
    let key = lake.person_key().match_key(address).unwrap();
    let person = [
        ("id", id),
        ("kind", kind),
        ("match_key", &key),
        ("email_domain", "canary.example"),
        ("company", "Quenby Zylstra Consulting"),
        ("converted_person_id", into),
    ];
    let identity = [
        ("person_id", id),
        ("first_name", "Quenby"),
        ("last_name", "Zylstra"),
        ("email", address),
        ("phone", "+1 (555) 0100-7788"),
        ("title", title),
    ];
    let n = if into.is_empty() { 5 } else { 6 };
    accepted(vec![fact("person", &person[..n], 2), fact("identity", &identity, 2)])
}

/// Somebody else of the same first name, who must stay as they are.
fn other(lake: &Lake) -> SourceRow {
    let key = lake.person_key().match_key("quentin@else.example").unwrap();
    accepted(vec![
        fact("person", &[("id", "003000000000OTHER1"), ("match_key", &key)], 9),
        fact(
            "identity",
            &[
                ("person_id", "003000000000OTHER1"),
                ("name", "Quentin Else"),
                ("email", "quentin@else.example"),
                ("phone", "+49 30 5550199"),
            ],
            9,
        ),
    ])
}

fn touch(id: &str, person: &str, content: &str) -> SourceRow {
    let cells = [
        ("id", id),
        ("person_id", person),
        ("at", "2026-02-01T00:00:00Z"),
        ("kind", "email"),
        ("content", content),
    ];
    accepted(vec![fact("touch", &cells, 3)])
}

/// A record whose source uses addresses in its key.
fn rating(id: &str, person: &str) -> SourceRow {
    let cells = [("id", id), ("question", "Why?"), ("answer", "Price"), ("person_id", person)];
    accepted(vec![fact("response", &cells, 5)])
}

fn deal(name: &str, next: &str, amount: &str) -> SourceRow {
    let cells = [
        ("id", "006000000000DEAL01"),
        ("stage", "open"),
        ("name", name),
        ("next_step", next),
        ("qualification", "{\"champion\":\"Zylstra, Quenby\\nknows budget\"}"),
        ("amount", amount),
        ("created_at", "2026-01-01T00:00:00Z"),
    ];
    accepted(vec![fact("opportunity", &cells, 4)])
}

fn refused(excerpt: &str) -> SourceRow {
    let refusal = Refusal::new(Place::line("people.csv", 7), "value.date", "expected a date");
    SourceRow::Refused(refusal.excerpt(excerpt))
}

const LEAD: &str = "00Q0000000000LEAD1";
const CONTACT: &str = "0030000000000CONT1";

fn filled(dir: &Path) -> Lake {
    let lake = Lake::create(dir.join(".throughline/lake")).unwrap();
    let first = vec![
        record(&lake, LEAD, "lead", OLD_ADDRESS, "Chief Canary Wrangler", CONTACT),
        other(&lake),
        touch("t1", LEAD, "https://acme.example/?email=Quenby.Zylstra%40Canary.example&plan=1"),
        touch("t2", "003000000000OTHER1", "cc quenby.zylstra@canary.example: webinar"),
        deal("Acme, via Quenby Zylstra", "call +1 555 0100 7788", "10"),
        refused(&format!("{ADDRESS},Chief Canary Wrangler,31.02.2026")),
        refused("quentin@else.example,Head of Else,31.02.2026"),
        rating(&format!("[\"{ADDRESS}\",1]"), LEAD),
        rating(&format!("[\"{ADDRESS}\",2]"), LEAD),
        rating("[\"quentin@else.example\",1]", "003000000000OTHER1"),
    ];
    load(&lake, DAYS[0], first);
    let second = vec![
        record(&lake, CONTACT, "contact", ADDRESS, "Chief Canary Wrangler", ""),
        deal("Acme", "meet Zylstra, Quenby", "12"),
    ];
    load(&lake, DAYS[1], second);
    let mut gone = record(&lake, LEAD, "lead", OLD_ADDRESS, "Chief Canary Wrangler", CONTACT);
    if let SourceRow::Accepted { facts, .. } = &mut gone {
        facts.iter_mut().for_each(|fact| fact.deleted = true);
    }
    load(&lake, DAYS[2], vec![gone]);
    for (folder, file) in [("derived/key", "rows"), ("staging/1", "part.ndjson")] {
        let folder = dir.join(".throughline").join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(file), format!("x {ADDRESS}")).unwrap();
    }
    for (name, text) in [("7", ADDRESS), ("8", "quentin@else.example")] {
        let folder = dir.join(".throughline/held").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("people.csv"), format!("Email\n{text}\n")).unwrap();
    }
    lake
}

fn request(lake: &Lake, dir: &Path) -> ErasureRequest {
    let folder = dir.join(".throughline");
    ErasureRequest {
        trace: lake.trace(&[ADDRESS.to_owned()], &[]).unwrap(),
        recorded_at: "2026-03-05T08:00:00Z".parse().unwrap(),
        author: None,
        emptied: vec![folder.join("derived"), folder.join("staging")],
        searched: vec![folder.join("held")],
    }
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

/// Searches all files, Parquet also decompressed, for the canaries; returns where they stand.
fn sightings(dir: &Path) -> Vec<String> {
    let (mut files, mut found) = (Vec::new(), Vec::new());
    walk(dir, &mut files);
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        let mut text = String::from_utf8_lossy(&bytes).to_lowercase();
        if path.extension().is_some_and(|end| end == "parquet") {
            let file = std::fs::File::open(&path).unwrap();
            let reader =
                parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
                    .unwrap()
                    .build()
                    .unwrap();
            for batch in reader {
                let batch = batch.unwrap();
                for array in batch.columns().iter().filter_map(|a| a.as_string_opt::<i32>()) {
                    for row in (0..array.len()).filter(|&row| array.is_valid(row)) {
                        text.push_str(&array.value(row).to_lowercase());
                        text.push('\n');
                    }
                }
            }
        }
        let digits: String = text.chars().filter(|c| !" ()-".contains(*c)).collect();
        for canary in CANARIES {
            if text.contains(canary) || digits.contains(canary) {
                found.push(format!("{canary} in {}", path.display()));
            }
        }
    }
    found
}

/// Everything that is counted: all cells of all snapshots that say nothing of a person, and how
/// many rows share a match key.
fn figures(lake: &Lake) -> Vec<String> {
    let mut out = Vec::new();
    for snapshot in lake.snapshots().unwrap() {
        for table in lake.tables() {
            let columns: Vec<&str> = table
                .columns
                .iter()
                .filter(|column| {
                    let plain = table.personal(column.name) == Personal::Stray;
                    let key = table.name == "response" && column.name == "id";
                    plain && !key && !["match_key", "load_id"].contains(&column.name)
                })
                .map(|column| column.name)
                .collect();
            let frame = lake.frame(snapshot.id, table.name, &columns).unwrap();
            for row in 0..frame.n_rows() {
                let cells: Vec<String> =
                    columns.iter().map(|name| frame.cell(name, row).to_string()).collect();
                out.push(format!("{:?} {} {}", snapshot.id, table.name, cells.join("|")));
            }
        }
        let keys = lake.frame(snapshot.id, "person", &["match_key", "withdrawn"]).unwrap();
        let mut counts = std::collections::BTreeMap::new();
        for row in 0..keys.n_rows() {
            *counts.entry(keys.cell("match_key", row).to_string()).or_insert(0) += 1;
        }
        let mut counts: Vec<i32> = counts.into_values().collect();
        counts.sort_unstable();
        out.push(format!("{:?} shared keys {counts:?}", snapshot.id));
    }
    out
}

#[test]
fn nothing_is_left_of_a_person_and_every_snapshot_counts_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let lake = filled(dir.path());
    assert!(sightings(dir.path()).len() > 10);
    let before = figures(&lake);
    let request = request(&lake, dir.path());
    assert_eq!(
        request.trace.records.iter().map(String::as_str).collect::<Vec<_>>(),
        [CONTACT, LEAD]
    );
    assert_eq!(request.trace.addresses.len(), 2);
    let report = lake.erase(&request).unwrap();
    assert_eq!(report.removed.len(), 1, "{report:?}");
    assert_eq!(sightings(dir.path()), Vec::<String>::new());
    assert_eq!(figures(&lake), before);
    // The rest of texts stays, and everybody else.
    let newest = lake.newest().unwrap().unwrap();
    let ratings = lake.frame(newest, "response", &["id"]).unwrap();
    let mut ids: Vec<String> = (0..3).map(|row| ratings.cell("id", row).to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "rows of one key stay one, of two stay two: {ids:?}");
    assert!(ids.contains(&"[\"quentin@else.example\",1]".to_owned()));
    let touches = lake.frame(newest, "touch", &["id", "content"]).unwrap();
    let mut contents: Vec<String> =
        (0..2).map(|row| touches.cell("content", row).to_string()).collect();
    contents.sort();
    assert_eq!(contents, ["cc [erased]: webinar", "https://acme.example/?email=[erased]&plan=1"]);
    let who = lake.frame(newest, "identity", &["person_id", "name", "email", "phone"]).unwrap();
    let names: Vec<String> =
        (0..who.n_rows()).map(|row| who.cell("name", row).to_string()).collect();
    assert!(names.contains(&"Quentin Else".to_owned()), "{names:?}");
    let refused = lake.quarantine(None).unwrap();
    let excerpts: Vec<String> =
        (0..2).map(|row| refused.cell("excerpt", row).to_string()).collect();
    assert_eq!(excerpts, ["[erased]", "quentin@else.example,Head of Else,31.02.2026"]);
    assert!(dir.path().join(".throughline/held/8/people.csv").is_file());
    // It opens again in order, and erasing again finds nothing to do.
    drop(lake);
    let lake = Lake::open(dir.path().join(".throughline/lake")).unwrap();
    let again =
        ErasureRequest { trace: lake.trace(&[ADDRESS.to_owned()], &[]).unwrap(), ..request };
    assert_eq!(lake.erase(&again).unwrap().n_files, 0);
    assert_eq!(figures(&lake), before);
}

#[test]
fn the_person_comes_again_and_counts_without_identity() {
    let dir = tempfile::tempdir().unwrap();
    let lake = filled(dir.path());
    lake.erase(&request(&lake, dir.path())).unwrap();
    let rows = || {
        vec![
            record(&lake, CONTACT, "contact", ADDRESS, "Chief Canary Wrangler", ""),
            // A new lead of the same address.
            record(&lake, "00Q0000000000LEAD2", "lead", ADDRESS, "Canary", ""),
            touch("t3", CONTACT, "Re: Quenby Zylstra <quenby.zylstra@canary.example>"),
            refused(&format!("{ADDRESS},Chief Canary Wrangler,30.02.2026")),
        ]
    };
    let report = load(&lake, "2026-03-06T08:00:00Z", rows());
    // The contact says what is stored already.
    let counts = (report.rows.read, report.rows.known, report.rows.quarantined);
    assert_eq!(counts, (4, 1, 1), "{report:?}");
    let mut left = sightings(dir.path());
    // The name of the file and the message are what the one who loads calls them.
    left.retain(|found| !found.contains("catalog.sqlite"));
    assert_eq!(left, Vec::<String>::new());
    let newest = lake.newest().unwrap().unwrap();
    let people = lake.frame(newest, "person", &["id", "match_key"]).unwrap();
    let key = |id: &str| {
        let row = (0..people.n_rows()).find(|&row| people.cell("id", row) == Cell::text(id));
        people.cell("match_key", row.unwrap()).to_string()
    };
    assert_eq!(key(CONTACT), key("00Q0000000000LEAD2"));
    assert_ne!(Some(key(CONTACT)), lake.person_key().match_key(ADDRESS));
    // The same extract again is known, row by row.
    let mut again = rows();
    again.pop();
    let report = load(&lake, "2026-03-07T08:00:00Z", again);
    assert_eq!((report.rows.read, report.rows.known), (3, 3));
}

#[test]
fn whoever_opens_the_lake_finishes_what_was_begun() {
    for step in
        [Step::Noted, Step::Written, Step::Published, Step::Unlinked, Step::Emptied, Step::Packed]
    {
        let dir = tempfile::tempdir().unwrap();
        let lake = filled(dir.path());
        let before = figures(&lake);
        let request = request(&lake, dir.path());
        let stopped = lake.erase_until(&request, &mut |now| {
            if now == step {
                return Err(LakeError::NoSnapshot { id: -1 });
            }
            Ok(())
        });
        assert!(matches!(stopped, Err(LakeError::NoSnapshot { id: -1 })), "{stopped:?}");
        drop(lake);
        let lake = Lake::open(dir.path().join(".throughline/lake")).unwrap();
        assert_eq!(sightings(dir.path()), Vec::<String>::new(), "{step:?}");
        assert_eq!(figures(&lake), before, "{step:?}");
        assert!(!super::erase::pending(&lake.connection()).unwrap());
    }
}

#[test]
fn a_request_of_access_gives_all_of_one_person_and_nothing_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let lake = filled(dir.path());
    let trace = lake.trace(&[ADDRESS.to_owned()], &[]).unwrap();
    let rows = lake.rows_of(&trace).unwrap();
    let n = |table: &str| rows.iter().find(|(t, _)| *t == table).map_or(0, |(_, r)| r.n_rows());
    // Lead and contact; the files of both loads and of the withdrawal.
    assert!(n("person") >= 3 && n("identity") >= 3, "{}", n("person"));
    assert_eq!((n("touch"), n(QUARANTINE), n("opportunity")), (1, 1, 0));
    for (table, rows) in &rows {
        let text = format!("{rows:?}");
        assert!(!text.to_lowercase().contains("quentin"), "{table}");
        assert!(rows.column("current").is_some());
    }
    let nobody = lake.trace(&["nobody@else.example".to_owned()], &[]).unwrap();
    assert!(lake.rows_of(&nobody).unwrap().is_empty());
}

#[test]
fn the_key_of_the_lake_is_private_its_own_and_needed() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Lake::open(dir.path().join(".throughline/lake"));
    let lake = filled(dir.path());
    let path = dir.path().join(".throughline/lake/person.key");
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&path).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }
    let key = *lake.person_key();
    drop(lake);
    assert_eq!(*open().unwrap().person_key(), key);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(['0', '1', '2', '3'], "f")).unwrap();
    assert!(matches!(
        open(),
        Err(LakeError::PersonKey { found: "is the key of another lake", .. })
    ));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(open(), Err(LakeError::PersonKey { found: "is missing", .. })));
    let other = Lake::create(dir.path().join("other")).unwrap();
    assert_ne!(*other.person_key(), key);
}
