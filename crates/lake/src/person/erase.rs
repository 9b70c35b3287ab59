//! An erasure: a person is taken out of every file, live or retired, in place.
//!
//! First the catalog notes by keyed hashes whom to forget; from then on whoever opens the lake
//! finishes what was begun. Files are written anew with the same rows in the same order, so that
//! every snapshot stays readable and no sum changes; one transaction puts all of them into the
//! catalog; then the old ones are unlinked and the catalog is packed, as free pages keep what was
//! deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use domain::fact::{Kind, Personal};
use domain::person::{PersonKey, address};
use jiff::Timestamp;
use serde::Serialize;

use super::forgotten::{Forgotten, Trace, name_mark};
use crate::catalog::{self, DataFile};
use crate::chain;
use crate::error::LakeError;
use crate::lock::WriterLock;
use crate::parquet_file::{self, Scratch, TableWriter, WrittenFile, flush_folder};
use crate::schema::StoredTable;
use crate::sql::{Connection, OptionalExtension as _, params};
use crate::store::Lake;

/// Whom to forget.
#[derive(Clone, Debug)]
pub struct ErasureRequest {
    /// What was found of the person, by [`Lake::trace`].
    pub trace: Trace,
    /// When it is recorded.
    pub recorded_at: Timestamp,
    /// Who asks.
    pub author: Option<String>,
    /// Folders all of whose content can be made again, to be emptied.
    pub emptied: Vec<PathBuf>,
    /// Folders whose entries are removed where they hold the person, or cannot be looked into.
    pub searched: Vec<PathBuf>,
}

/// What an erasure did.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct ErasureReport {
    /// Its number.
    pub erasure: i64,
    /// Files that were written anew.
    pub n_files: u64,
    /// Rows that were changed, by table, over all versions.
    pub rows: BTreeMap<&'static str, u64>,
    /// Entries of the searched folders that were removed.
    pub removed: Vec<PathBuf>,
}

/// How far an erasure has come, for tests that stop it there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Noted,
    Written,
    Published,
    Unlinked,
    Emptied,
    Packed,
}

/// Is asked before each next step.
pub(crate) type Gate<'a> = &'a mut dyn FnMut(Step) -> Result<(), LakeError>;

impl Lake {
    /// Finds what is stored of a person, in all versions: from addresses (or identifiers of
    /// records) to records, over merges and conversions, to further addresses, names and numbers,
    /// until nothing more is found.
    pub fn trace(&self, asked: &[String], names: &[String]) -> Result<Trace, LakeError> {
        let mut trace = Trace::default();
        trace.names.extend(names.iter().map(|name| name.trim().to_owned()));
        for text in asked {
            match address(text) {
                Some(address) => {
                    trace.keys.extend(self.person_key().match_key(&address));
                    trace.addresses.insert(address);
                }
                None => {
                    trace.records.insert(text.trim().to_owned());
                }
            }
        }
        // An address that was erased before is found by its pseudonym.
        let sql = "SELECT pseudonym FROM forgotten WHERE kind = 'address' AND mark = ?";
        let mut pseudonyms = BTreeSet::new();
        for key in &trace.keys {
            let found = self.connection().query_row(sql, [key], |row| row.get(0)).optional()?;
            pseudonyms.extend(found);
        }
        trace.keys.extend(pseudonyms);
        let files = |table: &str| -> Result<(Arc<StoredTable>, Vec<DataFile>), LakeError> {
            let table = Arc::clone(self.table(table)?);
            let files = catalog::files_ever(&self.connection(), self.dir(), &table)?;
            Ok((table, files))
        };
        let (people, people_files) = files("person")?;
        let (identities, identity_files) = files("identity")?;
        loop {
            let before = trace.n_marks();
            let columns = ["id", "match_key", "merged_into", "converted_person_id", "kind"];
            let projection = people.projection(&columns)?;
            for file in &people_files {
                parquet_file::read(&file.path, file.bytes, &projection, &mut |batch| {
                    let texts = Texts::of(&batch);
                    for row in 0..batch.num_rows() {
                        trace.person([0, 1, 2, 3, 4].map(|column| texts.get(column, row)));
                    }
                    Ok(())
                })?;
            }
            let columns =
                ["person_id", "email", "name", "first_name", "last_name", "phone", "mobile"];
            let projection = identities.projection(&columns)?;
            for file in &identity_files {
                parquet_file::read(&file.path, file.bytes, &projection, &mut |batch| {
                    let texts = Texts::of(&batch);
                    for row in 0..batch.num_rows() {
                        let cells = [0, 1, 2, 3, 4, 5, 6].map(|column| texts.get(column, row));
                        trace.identity(self.person_key(), cells);
                    }
                    Ok(())
                })?;
            }
            if trace.n_marks() == before {
                return Ok(trace);
            }
        }
    }

    /// Forgets a person. What was begun is finished by whoever opens the lake next.
    pub fn erase(&self, request: &ErasureRequest) -> Result<ErasureReport, LakeError> {
        self.erase_until(request, &mut |_| Ok(()))
    }

    pub(crate) fn erase_until(
        &self,
        request: &ErasureRequest,
        gate: Gate<'_>,
    ) -> Result<ErasureReport, LakeError> {
        let lock = WriterLock::take(self.place())?;
        let mut connection = self.connection();
        chain::check(self.dir(), &connection)?;
        lock.sweep(self.dir(), &connection)?;
        chain::change(self.dir(), &mut connection, &lock, "erasure begun", |connection| {
            note(connection, self.dir(), self.person_key(), request)
        })?;
        gate(Step::Noted)?;
        finish(self.dir(), &mut connection, &lock, self.tables(), self.person_key(), gate)
    }
}

impl Trace {
    fn n_marks(&self) -> usize {
        self.records.len() + self.keys.len() + self.names.len() + self.phones.len()
    }

    /// Looks at a record: its identifier, match key, the two records that it may have gone into,
    /// and its kind.
    fn person(&mut self, [id, key, merged, converted, kind]: [Option<&str>; 5]) {
        let Some(id) = id else { return };
        let is = |set: &BTreeSet<String>, text: Option<&str>| {
            text.is_some_and(|text| set.contains(text))
        };
        let went = is(&self.records, merged) || is(&self.records, converted);
        if !went && !self.records.contains(id) && !is(&self.keys, key) {
            return;
        }
        self.records.insert(id.to_owned());
        // A browser may have been that of several people: it leads to nobody else.
        if kind != Some("visitor") {
            self.keys.extend(key.map(str::to_owned));
            self.records.extend(merged.into_iter().chain(converted).map(str::to_owned));
        }
    }

    fn identity(&mut self, lake: &PersonKey, cells: [Option<&str>; 7]) {
        let [id, email, name, first, last, phone, mobile] = cells;
        let Some(id) = id else { return };
        let key = email.and_then(|email| lake.match_key(email));
        let known = key.as_ref().is_some_and(|key| self.keys.contains(key));
        if !known && !self.records.contains(id) {
            return;
        }
        self.records.insert(id.to_owned());
        self.keys.extend(key);
        self.addresses.extend(email.and_then(address));
        let both = first.zip(last).map(|(first, last)| format!("{first} {last}"));
        self.names.extend(name.map(str::to_owned).into_iter().chain(both));
        self.phones.extend([phone, mobile].into_iter().flatten().map(str::to_owned));
    }
}

/// The text columns of a batch.
struct Texts<'a>(Vec<Option<&'a StringArray>>);

impl<'a> Texts<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        Self(batch.columns().iter().map(|array| array.as_string_opt::<i32>()).collect())
    }

    fn get(&self, column: usize, row: usize) -> Option<&'a str> {
        let array = (*self.0.get(column)?)?;
        (row < array.len() && array.is_valid(row)).then(|| array.value(row))
    }
}

/// Writes down whom to forget, by hashes.
fn note(
    connection: &Connection,
    dir: &Path,
    key: &PersonKey,
    request: &ErasureRequest,
) -> Result<(), LakeError> {
    let sql = "SELECT coalesce(max(erasure_id), 0) + 1 FROM erasure";
    let id: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    let folders = Folders {
        emptied: relative(dir, &request.emptied),
        searched: relative(dir, &request.searched),
    };
    connection.execute(
        "INSERT INTO erasure VALUES (?, ?, ?, 'begun', ?)",
        params![
            id,
            catalog::instant_text(request.recorded_at),
            request.author,
            serde_json::to_string(&folders)?
        ],
    )?;
    let trace = &request.trace;
    let mut marks: BTreeSet<(&str, String)> = BTreeSet::new();
    for key in &trace.keys {
        marks.insert(("address", key.clone()));
    }
    for name in &trace.names {
        marks.extend(name_mark(key, name).map(|mark| ("name", mark)));
    }
    for phone in &trace.phones {
        marks.extend(key.phone(phone).map(|mark| ("phone", mark)));
    }
    for record in &trace.records {
        marks.insert(("record", record.clone()));
    }
    for (kind, mark) in marks {
        let known = "SELECT 1 FROM forgotten WHERE kind = ?1 AND (mark = ?2 OR pseudonym = ?2)";
        if connection.prepare_cached(known)?.exists(params![kind, mark])? {
            continue;
        }
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| {
            LakeError::disk("cannot make randomness for", dir)(std::io::Error::other(error))
        })?;
        let pseudonym = blake3::Hash::from_bytes(bytes).to_hex();
        connection.execute(
            "INSERT INTO forgotten VALUES (?, ?, ?, ?)",
            params![kind, mark, pseudonym.as_str(), id],
        )?;
    }
    Ok(())
}

/// Folders beside the lake as paths from it, so that a company's folder can be moved; others, where
/// the lake is shared, as they are.
#[derive(Serialize, serde::Deserialize, Default)]
struct Folders {
    emptied: Vec<String>,
    searched: Vec<String>,
}

fn relative(dir: &Path, folders: &[PathBuf]) -> Vec<String> {
    let from_lake = |folder: &PathBuf| {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        match dir.parent().and_then(|above| folder.strip_prefix(above).ok()) {
            Some(below) => format!("../{}", below.display()),
            None => folder.display().to_string(),
        }
    };
    folders.iter().map(from_lake).collect()
}

/// True where an erasure was begun and not finished.
pub(crate) fn pending(connection: &Connection) -> Result<bool, LakeError> {
    let sql = "SELECT 1 FROM erasure WHERE state <> 'done'";
    Ok(connection.prepare(sql)?.exists([])?)
}

/// Does what erasures that were begun still have to do. Doing it twice does it once.
pub(crate) fn finish(
    dir: &Path,
    connection: &mut Connection,
    lock: &WriterLock,
    tables: &[Arc<StoredTable>],
    key: &PersonKey,
    gate: Gate<'_>,
) -> Result<ErasureReport, LakeError> {
    let sql = "SELECT max(erasure_id) FROM erasure WHERE state <> 'done'";
    let erasure: Option<i64> = connection.query_row(sql, [], |row| row.get(0))?;
    let mut report = ErasureReport { erasure: erasure.unwrap_or(0), ..ErasureReport::default() };
    let forgotten = Forgotten::read(connection, key)?.unwrap_or_else(|| Forgotten::none(*key));
    let scratch = Scratch::default();
    let prefix = format!("e{:05}-{}", report.erasure, catalog::random_name()?);
    let mut rewritten = Vec::new();
    for table in tables {
        let folder = dir.join("main").join(table.name);
        let indexes = catalog::key_indexes(connection, dir, table)?;
        let mut any = false;
        for file in catalog::files_ever(connection, dir, table)? {
            let prefix = format!("{prefix}-{}", file.id);
            let index = indexes.get(&file.id).map(|index| index.path.clone());
            let mut writer =
                TableWriter::new(Arc::clone(table), folder.clone(), prefix, scratch.clone());
            if index.is_none() {
                writer = writer.without_index();
            }
            if let Some((written, n_rows)) = rewrite(table, &file, &forgotten, writer)? {
                *report.rows.entry(table.name).or_default() += n_rows;
                report.n_files += 1;
                rewritten.push((Arc::clone(table), file, written, index));
                any = true;
            }
        }
        if any {
            flush_folder(&folder)?;
        }
    }
    gate(Step::Written)?;
    chain::change(dir, connection, lock, "erasure", |connection| {
        for (table, file, written, _) in &rewritten {
            catalog::replace_file(connection, table, file.id, written)?;
        }
        let mut touched: Vec<&Arc<StoredTable>> =
            rewritten.iter().map(|(table, ..)| table).collect();
        touched.dedup_by_key(|table| table.id);
        for table in touched {
            catalog::narrow_table(connection, table)?;
        }
        redact_catalog(connection, &forgotten)?;
        // What older snapshots say has changed, and so has what their links cover.
        chain::relink(connection)?;
        scratch.keep();
        Ok(())
    })?;
    gate(Step::Published)?;
    for (_, file, _, index) in &rewritten {
        remove(&file.path)?;
        index.iter().try_for_each(|index| remove(index))?;
    }
    for table in tables {
        flush_folder(&dir.join("main").join(table.name))?;
    }
    gate(Step::Unlinked)?;
    let sql = "SELECT folders FROM erasure WHERE state <> 'done'";
    let folders: Vec<String> =
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for folders in folders {
        let folders: Folders = serde_json::from_str(&folders)?;
        for folder in &folders.emptied {
            for entry in entries(&dir.join(folder))? {
                remove(&entry)?;
            }
        }
        for folder in &folders.searched {
            for entry in entries(&dir.join(folder))? {
                if holds(&entry, &forgotten)? {
                    remove(&entry)?;
                    report.removed.push(entry);
                }
            }
        }
    }
    gate(Step::Emptied)?;
    chain::unsealed(dir, connection, lock, |connection| catalog::pack(connection, dir))?;
    gate(Step::Packed)?;
    chain::change(dir, connection, lock, "erasure done", |connection| {
        connection.execute("UPDATE erasure SET state = 'done' WHERE state <> 'done'", [])?;
        Ok(())
    })?;
    Ok(report)
}

/// Writes a file anew without the forgotten; none where nothing changes.
fn rewrite(
    table: &StoredTable,
    file: &DataFile,
    forgotten: &Forgotten,
    mut writer: TableWriter,
) -> Result<Option<(WrittenFile, u64)>, LakeError> {
    let texts: Vec<&str> =
        table.columns.iter().filter(|c| c.kind == Kind::Text).map(|c| c.name).collect();
    let mut n_rows = 0;
    parquet_file::check_content(file)?;
    parquet_file::read(&file.path, file.bytes, &table.projection(&texts)?, &mut |batch| {
        n_rows += redact(table, &batch, forgotten)?.map_or(0, |(_, n)| n);
        Ok(())
    })?;
    if n_rows == 0 {
        return Ok(None);
    }
    parquet_file::read(&file.path, file.bytes, &table.schema, &mut |batch| match redact(
        table, &batch, forgotten,
    )? {
        Some((batch, _)) => writer.write(&batch),
        None => writer.write(&batch),
    })?;
    let mut written = writer.finish()?;
    match (written.pop(), written.is_empty()) {
        (Some(one), true) if one.rows == file.n_stored => Ok(Some((one, n_rows))),
        _ => Err(LakeError::Unreadable {
            what: "file that was to be redacted",
            found: file.path.display().to_string(),
        }),
    }
}

/// Takes the forgotten out of rows; none where nothing changes, else with how many rows changed.
fn redact(
    table: &StoredTable,
    batch: &RecordBatch,
    forgotten: &Forgotten,
) -> Result<Option<(RecordBatch, u64)>, LakeError> {
    let schema = batch.schema();
    let texts = Texts::of(batch);
    let at = |name: &str| schema.index_of(name).ok();
    let key = table.fact.map_or(&[][..], |fact| fact.key);
    let mut changed_rows = vec![false; batch.num_rows()];
    let mut new: BTreeMap<usize, Vec<Option<String>>> = BTreeMap::new();
    let n_rows = batch.num_rows();
    let old = |column: usize| -> Vec<Option<String>> {
        (0..n_rows).map(|row| texts.get(column, row).map(str::to_owned)).collect()
    };
    let mut put = |column: usize, row: usize, text: Option<String>| {
        if texts.get(column, row) != text.as_deref() {
            let values = new.entry(column).or_insert_with(|| old(column));
            if let (Some(slot), Some(flag)) = (values.get_mut(row), changed_rows.get_mut(row)) {
                *slot = text;
                *flag = true;
            }
        }
    };
    let columns: Vec<(usize, Personal, bool)> = table
        .columns
        .iter()
        .filter(|column| column.kind == Kind::Text)
        .filter_map(|column| {
            Some((at(column.name)?, table.personal(column.name), key.contains(&column.name)))
        })
        .collect();
    let of_record: Vec<usize> =
        columns.iter().filter(|(_, p, _)| *p == Personal::Record).map(|(at, ..)| *at).collect();
    let owner = at("person_id").filter(|_| table.name == "identity");
    let email = at("email").filter(|_| table.name == "identity");
    for row in 0..n_rows {
        let owned =
            owner.and_then(|at| texts.get(at, row)).is_some_and(|id| forgotten.knows_record(id))
                || email
                    .and_then(|at| texts.get(at, row))
                    .is_some_and(|email| forgotten.knows_address(email));
        for &(column, personal, in_key) in &columns {
            let Some(text) = texts.get(column, row) else { continue };
            match personal {
                Personal::Record => {}
                Personal::Identity if owned => put(column, row, None),
                Personal::Identity => {}
                Personal::Free | Personal::Stray => {
                    let free = personal == Personal::Free;
                    if let Some(new) = forgotten.cell(text, in_key, free) {
                        put(column, row, Some(new));
                    }
                }
            }
        }
        if !of_record.is_empty() {
            let record: Vec<Option<&str>> =
                of_record.iter().map(|&column| texts.get(column, row)).collect();
            for (&column, text) in
                of_record.iter().zip(forgotten.record(&record).unwrap_or_default())
            {
                put(column, row, text);
            }
        }
    }
    let n_changed = changed_rows.iter().filter(|changed| **changed).count() as u64;
    if n_changed == 0 {
        return Ok(None);
    }
    let arrays: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .enumerate()
        .map(|(at, array)| match new.remove(&at) {
            Some(values) => Arc::new(StringArray::from(values)) as ArrayRef,
            None => Arc::clone(array),
        })
        .collect();
    Ok(Some((RecordBatch::try_new(schema, arrays)?, n_changed)))
}

/// Takes the forgotten out of what the catalog itself holds: names of files, messages, totals.
fn redact_catalog(connection: &Connection, forgotten: &Forgotten) -> Result<(), LakeError> {
    for (table, column) in catalog::text_columns(connection)? {
        if ["forgotten", "erasure"].contains(&table.as_str()) {
            continue;
        }
        let sql =
            format!("SELECT DISTINCT \"{column}\" FROM \"{table}\" WHERE \"{column}\" IS NOT NULL");
        let texts: Vec<String> =
            connection.prepare(&sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let free = !table.starts_with("ducklake_") || table == "ducklake_snapshot_changes";
        for text in texts {
            if let Some(new) = forgotten.text(&text, free) {
                let sql = format!("UPDATE \"{table}\" SET \"{column}\" = ? WHERE \"{column}\" = ?");
                connection.execute(&sql, [&new, &text])?;
            }
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, LakeError> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(LakeError::disk("cannot list", folder)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(LakeError::disk("cannot list", folder)(error)),
    }
}

fn remove(path: &Path) -> Result<(), LakeError> {
    let removed =
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LakeError::disk("cannot remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// True where a file, or one in a folder, speaks of the forgotten or is no text that can be read.
fn holds(path: &Path, forgotten: &Forgotten) -> Result<bool, LakeError> {
    if path.is_dir() {
        for entry in entries(path)? {
            if holds(&entry, forgotten)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let bytes = std::fs::read(path).map_err(LakeError::disk("cannot read", path))?;
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(true) };
    Ok(text.lines().any(|line| forgotten.mentions(line)))
}
