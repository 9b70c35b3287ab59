//! What becomes of each fact of a load: compared with what is stored and with its peers.
//!
//! All decisions rest on key, version, file and line, never on the order in which rows came.

mod refuse;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;

use domain::fact::{FactTable, Refusal};
use domain::{Cell, Diagnostic, Place};
use rayon::prelude::*;

use super::staging::{Candidate, Fate, NO_VERSION, SourceRows, Staged};
use super::{FileReport, SourceFile, TableReport, kept, write};
use crate::catalog::{self, DataFile, SnapshotId};
use crate::cells::{Builder, Hash, Hasher, View, numbered};
use crate::error::LakeError;
use crate::key_index::{self, Entry, IndexWriter, WrittenIndex};
use crate::parquet_file::{self, Scratch};
use crate::store::Lake;

/// Named at most in a remark.
const NAMED: usize = 5;

/// All tables of a load, settled.
pub(super) struct SettledLoad {
    pub(super) tables: Vec<Settled>,
    /// Rows that are refused because of other rows or of what is stored.
    /// Each with the number of its file.
    pub(super) refusals: Vec<(usize, Refusal)>,
    pub(super) remarks: Vec<Diagnostic>,
}

/// Whose the facts of a file are.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// What [`key_index::origin_of`] makes of its name; 0 where no connection is named.
    pub(super) number: u32,
    /// The file is a complete extract: what is stored without an origin becomes its own.
    pub(super) whole: bool,
}

/// How a load is settled.
pub(super) struct Terms {
    /// File by file.
    pub(super) origins: Vec<Origin>,
    /// True where exchange rates that jump are refused.
    pub(super) jumps: bool,
    /// Where files are written that are made beside stored ones; none for beside them.
    pub(super) aside: Option<PathBuf>,
}

/// One table of a load, settled.
pub(super) struct Settled {
    pub(super) staged: Staged,
    /// Positions by key, then version, file and line.
    order: Vec<u32>,
    /// Where in the order the keys stand that more than one fact of the load has, ascending.
    repeated: Vec<Range<usize>>,
    /// Where keys of the load are stored now, by their first place in `order`, ascending.
    stored: Vec<Stored>,
    /// The files of the table before the load.
    pub(super) live: Vec<DataFile>,
    /// Rows that are deleted from them already, by their place in `live`.
    pub(super) deleted: HashMap<usize, Vec<u32>>,
    /// Their indexes of keys, by their numbers in the catalog.
    pub(super) indexes: HashMap<i64, WrittenIndex>,
    /// The indexes that had to be made anew.
    pub(super) made: Vec<(i64, WrittenIndex)>,
    /// The sets of carried columns, by the numbers of the columns.
    carried: Vec<u64>,
    scratch: Scratch,
    /// File by file.
    origins: Vec<Origin>,
    aside: Option<PathBuf>,
    counts: TableReport,
}

/// Where a fact is stored now.
#[derive(Clone, Copy)]
struct Stored {
    /// First place of the key in the order.
    start: u32,
    file: u32,
    row: u32,
    /// Microseconds since the epoch, or [`NO_VERSION`].
    version: i64,
    withdrawn: bool,
    /// What [`key_index::origin_of`] makes of its origin.
    origin: u32,
    /// The fact of the load says all that the next version says.
    whole: bool,
}

impl Stored {
    fn place(self) -> (usize, usize) {
        (self.file as usize, self.row as usize)
    }
}

/// A stored row whose key the load has.
struct Hit {
    /// First place of the key in the order.
    start: u32,
    row: u32,
    entry: Entry,
    /// Columns that hold something in this row, and maybe more.
    filled: u64,
}

/// What was found in a file.
struct Found {
    hits: Vec<Hit>,
    /// Rows that are deleted, ascending.
    deleted: Vec<u32>,
    /// Its index, where that had to be made anew.
    made: Option<WrittenIndex>,
}

/// Facts of one key that together make its next version; the later come last.
pub(super) struct Patch {
    /// File and row of the version of which something may stay; none for a new key.
    pub(super) stored: Option<(usize, usize)>,
    /// Positions of the facts.
    pub(super) facts: Vec<usize>,
    /// Position of the fact whose origin it takes; none where the stored one stays.
    pub(super) origin: Option<usize>,
}

/// A row that a load replaces.
pub(super) struct Gone {
    /// Place of its file among the live ones.
    pub(super) file: usize,
    pub(super) row: u32,
    pub(super) withdrawn: bool,
}

/// What is to be written of a table.
pub(super) struct Plan {
    /// By position: true for a fact that makes the next version of its key as it is.
    pub(super) plain: Vec<bool>,
    pub(super) patches: Vec<Patch>,
    /// Rows that are replaced.
    pub(super) gone: Vec<Gone>,
}

/// Settles a load: first what is stored, then conflicts, then what remains.
pub(super) fn settle(
    lake: &Lake,
    staged: Vec<Staged>,
    rows: &mut SourceRows,
    files: &[FileReport],
    scratch: &Scratch,
    terms: &Terms,
) -> Result<SettledLoad, LakeError> {
    let mut tables = Vec::with_capacity(staged.len());
    for staged in staged {
        tables.push(Settled::compare(lake, staged, rows, scratch, terms)?);
    }
    let mut refusals = Vec::new();
    for table in &tables {
        table.refuse_conflicts(rows, files, &mut refusals)?;
        if terms.jumps && table.staged.table.name == "fx_rate" {
            table.refuse_jumps(lake, rows, files, &mut refusals)?;
        }
    }
    // A refused row takes its facts in other tables with it, which may leave a new key there
    // without what it needs; so until nothing more is refused.
    loop {
        let before = refusals.len();
        for table in &tables {
            table.refuse_incomplete(rows, files, &mut refusals)?;
        }
        if refusals.len() == before {
            break;
        }
    }
    let mut remarks = Vec::new();
    for table in &mut tables {
        table.decide(rows)?;
        remarks.extend(table.same_version(rows, files)?);
    }
    let refusals = kept::keep_staged(&tables, rows, refusals)?;
    Ok(SettledLoad { tables, refusals, remarks })
}

impl SettledLoad {
    /// Lists the identifiers that a manifest expects in a file and that no row of it has.
    pub(super) fn missing(
        &self,
        source: &SourceFile,
        file: usize,
        rows: &SourceRows,
    ) -> Result<Vec<String>, LakeError> {
        let ids = &source.expected.ids;
        let mut facts = source.tables.iter().filter(|table| FactTable::named(table).is_some());
        let Some(main) = facts.next().filter(|_| !ids.is_empty()) else { return Ok(Vec::new()) };
        let table = self.tables.iter().find(|table| table.staged.table.name == *main);
        let Some(table) = table else { return Ok(ids.clone()) };
        table.missing(ids, file, rows)
    }
}

impl Settled {
    /// Sorts the facts and compares each with the stored version of its key.
    fn compare(
        lake: &Lake,
        staged: Staged,
        rows: &SourceRows,
        scratch: &Scratch,
        terms: &Terms,
    ) -> Result<Self, LakeError> {
        let (order, repeated) = ordered(&staged.candidates, rows)?;
        let (live, indexes) = {
            let connection = lake.connection();
            let head = SnapshotId(catalog::head(&connection)?.snapshot);
            let live = catalog::files(&connection, lake.dir(), &staged.table, head)?;
            (live, catalog::key_indexes(&connection, lake.dir(), &staged.table)?)
        };
        let counts = TableReport {
            table: staged.table.name,
            new: 0,
            changed: 0,
            withdrawn: 0,
            inferred: 0,
            same_version: 0,
            unchanged: 0,
            repeated: 0,
            superseded: 0,
            older: 0,
            refused: 0,
        };
        let mut settled = Self {
            carried: staged.masks.iter().map(|mask| numbered(&staged.table, *mask)).collect(),
            staged,
            order,
            repeated,
            stored: Vec::new(),
            live,
            deleted: HashMap::new(),
            indexes,
            made: Vec::new(),
            scratch: scratch.clone(),
            origins: terms.origins.clone(),
            aside: terms.aside.clone(),
            counts,
        };
        settled.compare_with_stored()?;
        Ok(settled)
    }

    fn compare_with_stored(&mut self) -> Result<(), LakeError> {
        if self.live.is_empty() {
            return Ok(());
        }
        let keys = KeyTable::new(self.groups().filter_map(|(start, group)| {
            Some((self.candidate(*group.first()?)?.key, u32::try_from(start).ok()?))
        }));
        let live = std::mem::take(&mut self.live);
        let numbered: Vec<(u32, &DataFile)> = (0..).zip(&live).collect();
        for files in numbered.chunks(rayon::current_num_threads().max(1)) {
            let found = files.par_iter().map(|(_, file)| self.find(file, &keys));
            let found: Vec<Found> = found.collect::<Result<_, _>>()?;
            for (&(number, file), found) in files.iter().zip(found) {
                self.compare_with_file(number, file, found)?;
            }
        }
        self.stored.par_sort_unstable_by_key(|stored| stored.start);
        self.live = live;
        Ok(())
    }

    /// Finds the keys of the load among the rows of a file: in its index, which is made anew where
    /// it is missing or damaged.
    fn find(&self, file: &DataFile, keys: &KeyTable) -> Result<Found, LakeError> {
        let deleted = parquet_file::deleted(file)?;
        let find = |index: &WrittenIndex| {
            let mut deleted = deleted.iter().peekable();
            let mut hits = Vec::new();
            let each = |row: u32, entry: Entry, filled: u64| {
                while deleted.next_if(|gone| **gone < row).is_some() {}
                if deleted.peek() == Some(&&row) {
                    return;
                }
                let key = |start: u32| Some(self.candidate(*self.order.get(start as usize)?)?.key);
                let (first, _) = entry.key.halves();
                if let Some(start) = keys.starts(first).find(|start| key(*start) == Some(entry.key))
                {
                    hits.push(Hit { start, row, entry, filled });
                }
            };
            let wanted = |key| keys.starts(key).next().is_some();
            // One that is whole may still be the index of another file.
            parquet_file::check_hash(&index.path, index.bytes, Some(&index.hash)).ok()?;
            key_index::search(&index.path, index.bytes, file.n_stored, wanted, each)?;
            Some(hits)
        };
        if let Some(hits) = self.indexes.get(&file.id).and_then(find) {
            return Ok(Found { hits, deleted, made: None });
        }
        let table = &self.staged.table;
        parquet_file::check_content(file)?;
        let beside = key_index::path_of(&file.path);
        let path = match (&self.aside, beside.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => beside,
        };
        let mut writer = IndexWriter::create(path, &self.scratch)?;
        parquet_file::read(&file.path, file.bytes, &table.schema, &mut |batch| {
            writer.add_batch(table, &batch)
        })?;
        let made = writer.finish()?;
        let unreadable = || LakeError::Unreadable {
            what: "index of keys",
            found: made.path.display().to_string(),
        };
        let hits = find(&made).ok_or_else(unreadable)?;
        Ok(Found { hits, deleted, made: Some(made) })
    }

    /// Compares the facts of a load with those that a file holds.
    fn compare_with_file(
        &mut self,
        number: u32,
        file: &DataFile,
        found: Found,
    ) -> Result<(), LakeError> {
        self.made.extend(found.made.map(|made| (file.id, made)));
        if !found.deleted.is_empty() {
            self.deleted.insert(number as usize, found.deleted);
        }
        // Rows of which the index does not tell whether they hold what a fact says.
        let mut unsure: Vec<(u32, u32)> = Vec::new();
        for hit in &found.hits {
            if !self.compare_group(hit) {
                unsure.push((hit.row, hit.start));
            }
            self.stored.push(Stored {
                start: hit.start,
                file: number,
                row: hit.row,
                version: hit.entry.version,
                withdrawn: hit.entry.withdrawn,
                origin: hit.entry.origin,
                whole: self.is_whole(hit),
            });
        }
        if unsure.is_empty() {
            return Ok(());
        }
        let table = std::sync::Arc::clone(&self.staged.table);
        let mut bytes = Vec::new();
        let rows: Vec<u32> = unsure.iter().map(|(row, _)| *row).collect();
        let mut starts = unsure.iter().map(|(_, start)| *start);
        parquet_file::check_content(file)?;
        let said = self.staged.masks.iter().fold(0, |said, mask| said | mask);
        let wanted = |at: usize| at < 64 && said & 1 << at != 0;
        let DataFile { path, bytes: size, .. } = file;
        parquet_file::read_rows(path, *size, &table.schema, &rows, &wanted, &mut |batch| {
            let hasher = Hasher::new(&table, &batch)?;
            for (row, start) in (0..batch.num_rows()).zip(starts.by_ref()) {
                self.compare_row(start as usize, &hasher, row, &mut bytes);
            }
            Ok(())
        })
    }

    /// Compares the facts of a key with what the index says of the stored one; false where it does
    /// not say enough.
    fn compare_group(&mut self, hit: &Hit) -> bool {
        let start = hit.start as usize;
        let end = self.group_end(start);
        let mut sure = true;
        for &position in self.order.get(start..end).unwrap_or_default() {
            let Some(candidate) = self.staged.candidates.get_mut(position as usize) else {
                continue;
            };
            let carried = self.carried.get(usize::from(candidate.mask)).copied().unwrap_or(0);
            let older = candidate.version != NO_VERSION && candidate.version < hit.entry.version;
            candidate.fate = if older {
                Fate::Older
            } else if candidate.deleted != hit.entry.withdrawn
                || candidate.version > hit.entry.version
            {
                // Also where it says the same: what lies between the versions may come later.
                Fate::Changed
            } else if candidate.content == hit.entry.content {
                Fate::Unchanged
            } else if hit.filled & !carried == 0 {
                Fate::Changed
            } else {
                // Columns that the fact does not speak of may make the difference.
                sure = false;
                Fate::Unsure
            };
        }
        sure
    }

    /// Compares the facts of a key that are not settled yet with the stored row itself.
    fn compare_row(&mut self, start: usize, stored: &Hasher<'_>, row: usize, bytes: &mut Vec<u8>) {
        let end = self.group_end(start);
        for &position in self.order.get(start..end).unwrap_or_default() {
            let Some(candidate) = self.staged.candidates.get_mut(position as usize) else {
                continue;
            };
            if candidate.fate == Fate::Unsure {
                let mask = self.staged.masks.get(usize::from(candidate.mask)).copied().unwrap_or(0);
                let same = stored.content(row, mask, bytes) == candidate.content;
                candidate.fate = if same { Fate::Unchanged } else { Fate::Changed };
            }
        }
    }

    /// True where a key has one fact in the load, which says all that the next version says:
    /// nothing of the stored one stays.
    fn is_whole(&self, hit: &Hit) -> bool {
        let start = hit.start as usize;
        let mut group = self.order.get(start..self.group_end(start)).unwrap_or_default().iter();
        let (Some(&only), None) = (group.next(), group.next()) else { return false };
        self.candidate(only).is_some_and(|candidate| {
            let carried = self.carried.get(usize::from(candidate.mask)).copied().unwrap_or(0);
            let dated = candidate.version != NO_VERSION || hit.entry.version == NO_VERSION;
            dated && hit.filled & !carried == 0
        })
    }

    fn candidate(&self, position: u32) -> Option<&Candidate> {
        self.staged.candidates.get(position as usize)
    }

    fn stored_at(&self, start: usize) -> Option<Stored> {
        let start = u32::try_from(start).ok()?;
        let at = self.stored.binary_search_by_key(&start, |stored| stored.start).ok()?;
        self.stored.get(at).copied()
    }

    fn mask(&self, candidate: &Candidate) -> u64 {
        self.staged.masks.get(usize::from(candidate.mask)).copied().unwrap_or(0)
    }

    /// Returns the facts of each key, with their first place in the order.
    fn groups(&self) -> impl Iterator<Item = (usize, &[u32])> {
        let key = |position: &u32| self.candidate(*position).map(|candidate| candidate.key);
        let mut start = 0;
        self.order.chunk_by(move |a, b| key(a) == key(b)).map(move |group| {
            let first = start;
            start += group.len();
            (first, group)
        })
    }

    fn group_end(&self, start: usize) -> usize {
        let key = |place: usize| {
            self.order.get(place).and_then(|&position| self.candidate(position)).map(|c| c.key)
        };
        let first = key(start);
        let mut end = start + 1;
        while end < self.order.len() && key(end) == first {
            end += 1;
        }
        end
    }

    /// Reads the keys of some facts, as text.
    fn keys(
        &self,
        positions: impl Iterator<Item = u32>,
    ) -> Result<HashMap<u32, String>, LakeError> {
        let mut positions: Vec<u32> = positions.collect();
        positions.sort_unstable();
        positions.dedup();
        let places: Vec<usize> = positions.iter().map(|&position| position as usize).collect();
        let batch = write::gather_staged(&self.staged, &places)?;
        let mut keys = HashMap::new();
        for (row, position) in positions.into_iter().enumerate() {
            let mut parts = Vec::new();
            for &at in &self.staged.key {
                if let Some((column, array)) =
                    self.staged.table.columns.get(at).zip(batch.columns().get(at))
                {
                    parts.push(View::of(column.kind, array)?.cell(row).to_string());
                }
            }
            keys.insert(position, parts.join(" "));
        }
        Ok(keys)
    }

    /// Gives each fact its fate, now that the refused rows are known.
    fn decide(&mut self, rows: &mut SourceRows) -> Result<(), LakeError> {
        self.settle_overlaps(rows);
        self.settle_mixed(rows)?;
        for candidate in &self.staged.candidates {
            let Some(row) = rows.get_mut(candidate.row) else { continue };
            let counts = &mut self.counts;
            if row.refused {
                counts.refused += 1;
                continue;
            }
            match candidate.fate {
                Fate::New => counts.new += 1,
                Fate::Changed => counts.changed += 1,
                Fate::Unchanged | Fate::Unsure => counts.unchanged += 1,
                Fate::Older => counts.older += 1,
                Fate::Repeated => counts.repeated += 1,
                Fate::Superseded => counts.superseded += 1,
            }
            if matches!(candidate.fate, Fate::New | Fate::Changed) {
                row.loaded = true;
                counts.withdrawn += u64::from(candidate.deleted);
                counts.inferred += u64::from(row.inferred);
            }
        }
        Ok(())
    }

    /// Settles which facts of a load say nothing, as a later one says it again or otherwise.
    fn settle_overlaps(&mut self, rows: &SourceRows) {
        for places in &self.repeated {
            let group = self.order.get(places.clone()).unwrap_or_default();
            let mut covered = 0;
            let mut later: Option<(u16, Hash, bool)> = None;
            for &position in group.iter().rev() {
                let Some(candidate) = self.staged.candidates.get_mut(position as usize) else {
                    continue;
                };
                if rows.refused(candidate.row) {
                    continue;
                }
                let mask = self.staged.masks.get(usize::from(candidate.mask)).copied().unwrap_or(0);
                if candidate.fate == Fate::Older {
                    // What it says is stored, or was overruled: either way it has been heard.
                    covered |= mask;
                    continue;
                }
                let said = (candidate.mask, candidate.content, candidate.deleted);
                if mask & !covered == 0 {
                    let same = later == Some(said);
                    candidate.fate = if same { Fate::Repeated } else { Fate::Superseded };
                } else {
                    covered |= mask;
                    later = Some(said);
                }
            }
        }
    }

    /// Settles keys of which several facts remain, each with other columns: exactly, by the columns
    /// that each has the last word on. They are few, so their rows are read into memory.
    fn settle_mixed(&mut self, rows: &SourceRows) -> Result<(), LakeError> {
        let mut mixed: Vec<(Stored, Vec<u32>)> = Vec::new();
        for &stored in &self.stored {
            let start = stored.start as usize;
            let group = self.order.get(start..self.group_end(start)).unwrap_or_default();
            let facts: Vec<u32> = self.heard(group, rows).collect();
            let older = |at: &u32| self.candidate(*at).is_some_and(|c| c.fate == Fate::Older);
            if facts.len() > 1 && !facts.iter().all(older) {
                mixed.push((stored, facts));
            }
        }
        if mixed.is_empty() {
            return Ok(());
        }
        let mut positions: Vec<usize> =
            mixed.iter().flat_map(|(_, facts)| facts.iter().map(|&at| at as usize)).collect();
        positions.sort_unstable();
        let mut places: Vec<(usize, usize)> =
            mixed.iter().map(|(stored, _)| stored.place()).collect();
        places.sort_unstable();
        let said_rows = write::gather_staged(&self.staged, &positions)?;
        let stored_rows = write::gather_live(&self.staged.table, &self.live, &places, &|_| true)?;
        let said = Hasher::new(&self.staged.table, &said_rows)?;
        let kept = Hasher::new(&self.staged.table, &stored_rows)?;
        let mut fates = Vec::new();
        for (stored, facts) in &mixed {
            let Ok(stored_row) = places.binary_search(&stored.place()) else { continue };
            let mut covered = 0;
            for (later, &position) in facts.iter().rev().enumerate() {
                let Some(candidate) = self.candidate(position) else { continue };
                let own = self.mask(candidate) & !covered;
                covered |= own;
                if candidate.fate == Fate::Older {
                    continue;
                }
                let Ok(row) = positions.binary_search(&(position as usize)) else { continue };
                let flag = later > 0 || candidate.deleted == stored.withdrawn;
                let flag = flag && (later > 0 || candidate.version <= stored.version);
                let equal = flag && said.equal(row, &kept, stored_row, own);
                fates.push((position, if equal { Fate::Unchanged } else { Fate::Changed }));
            }
        }
        for (position, fate) in fates {
            if let Some(candidate) = self.staged.candidates.get_mut(position as usize) {
                candidate.fate = fate;
            }
        }
        Ok(())
    }

    /// Returns the facts of a key that may have the last word on some column, the latest last. An
    /// older fact has it where the stored value stays.
    fn heard<'a>(
        &'a self,
        group: &'a [u32],
        rows: &'a SourceRows,
    ) -> impl Iterator<Item = u32> + 'a {
        group.iter().copied().filter(|&position| {
            self.candidate(position).is_some_and(|candidate| {
                !matches!(candidate.fate, Fate::Repeated | Fate::Superseded)
                    && !rows.refused(candidate.row)
            })
        })
    }

    /// Plans what is to be written, now that all fates are known.
    pub(super) fn plan(&self, rows: &SourceRows) -> Plan {
        let writes = |candidate: &Candidate| {
            matches!(candidate.fate, Fate::New | Fate::Changed) && !rows.refused(candidate.row)
        };
        // Most facts stand alone: their key is not stored, and no other fact of the load has it.
        let mut plan = Plan {
            plain: self.staged.candidates.iter().map(writes).collect(),
            patches: Vec::new(),
            gone: Vec::new(),
        };
        let mut stored = self.stored.iter().peekable();
        let mut repeated = self.repeated.iter().peekable();
        loop {
            let of_stored = stored.peek().map(|stored| stored.start as usize);
            let of_repeated = repeated.peek().map(|places| places.start);
            let Some(start) = of_stored.into_iter().chain(of_repeated).min() else { break };
            let stored = stored.next_if(|stored| stored.start as usize == start).copied();
            let end = repeated.next_if(|places| places.start == start).map(|places| places.end);
            let group = self.order.get(start..end.unwrap_or(start + 1)).unwrap_or_default();
            let facts: Vec<usize> = self.heard(group, rows).map(|at| at as usize).collect();
            let writes = facts.iter().any(|&at| plan.plain.get(at) == Some(&true));
            for &position in group {
                if let Some(plain) = plan.plain.get_mut(position as usize) {
                    *plain = false;
                }
            }
            // What is stored keeps its origin, unless it was withdrawn in the meantime.
            let keeps = stored.is_some_and(|stored| stored.origin != 0 && !stored.withdrawn);
            let origin_at = |position: usize| {
                let candidate = self.staged.candidates.get(position)?;
                self.origins.get(rows.get(candidate.row)?.file as usize).copied()
            };
            let last = |wanted: &dyn Fn(Origin) -> bool| {
                let mut facts = facts.iter().rev().copied();
                facts.find(|&position| origin_at(position).is_some_and(wanted))
            };
            let origin = if keeps { None } else { last(&|origin| origin.number != 0) };
            let claims = stored.is_some_and(|stored| stored.origin == 0)
                && last(&|origin| origin.number != 0 && origin.whole).is_some();
            if !writes && !claims {
                continue;
            }
            if let Some(Stored { file, row, withdrawn, .. }) = stored {
                plan.gone.push(Gone { file: file as usize, row, withdrawn });
            }
            // A fact that stands as it is brings its own origin.
            let own = |position: usize| origin_at(position).map_or(0, |origin| origin.number);
            let fits = |position: usize| match stored {
                None => true,
                Some(stored) if keeps => stored.origin == own(position),
                Some(stored) => stored.origin == 0 || own(position) != 0,
            };
            match (facts.as_slice(), stored) {
                (&[position], None | Some(Stored { whole: true, .. }))
                    if writes && fits(position) =>
                {
                    if let Some(plain) = plan.plain.get_mut(position) {
                        *plain = true;
                    }
                }
                _ => plan.patches.push(Patch { stored: stored.map(Stored::place), facts, origin }),
            }
        }
        plan
    }

    /// Returns the number of the origin that a fact brings.
    pub(super) fn origin_of(&self, candidate: &Candidate, rows: &SourceRows) -> u32 {
        let row = rows.get(candidate.row);
        let origin = row.and_then(|row| self.origins.get(row.file as usize));
        origin.map_or(0, |origin| origin.number)
    }

    /// Counts and names what a source changed without saying so: the later load wins.
    fn same_version(
        &mut self,
        rows: &SourceRows,
        files: &[FileReport],
    ) -> Result<Option<Diagnostic>, LakeError> {
        let mut same: Vec<u32> = Vec::new();
        for stored in self.stored.iter().filter(|s| !s.withdrawn && s.version != NO_VERSION) {
            let start = stored.start as usize;
            let group = self.order.get(start..self.group_end(start)).unwrap_or_default();
            same.extend(group.iter().filter(|&&position| {
                self.candidate(position).is_some_and(|candidate| {
                    candidate.fate == Fate::Changed
                        && candidate.version == stored.version
                        && !candidate.deleted
                        && !rows.refused(candidate.row)
                })
            }));
        }
        self.counts.same_version = same.len() as u64;
        let Some(&first) = same.first() else { return Ok(None) };
        let keys = self.keys(same.iter().take(NAMED).copied())?;
        let names: Vec<&str> =
            same.iter().take(NAMED).filter_map(|at| Some(keys.get(at)?.as_str())).collect();
        let more = match same.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "{} records of `{}` changed without a new modified time, the later load wins: {}{more}",
            same.len(),
            self.staged.table.name,
            names.join(", ")
        );
        let row = self.candidate(first).and_then(|candidate| rows.get(candidate.row));
        let at = row.map_or(Place::file(""), |row| place(files, row.file, row.line));
        let hint = "Formula fields change so; only a complete extract finds all of them.";
        Ok(Some(Diagnostic::warning("crm.same-version", message).at(at).hint(hint)))
    }

    /// Lists the identifiers that no fact of a file has as its key.
    fn missing(
        &self,
        ids: &[String],
        file: usize,
        rows: &SourceRows,
    ) -> Result<Vec<String>, LakeError> {
        let (Some(&at), 1) = (self.staged.key.first(), self.staged.key.len()) else {
            return Ok(Vec::new());
        };
        let Some(column) = self.staged.table.columns.get(at) else { return Ok(Vec::new()) };
        let mut builder = Builder::new(column.kind);
        for id in ids {
            builder.append(&Cell::text(id.as_str()));
        }
        let array = builder.finish();
        let hasher = Hasher::of_key(vec![View::of(column.kind, &array)?]);
        let here: HashSet<Hash> = self
            .staged
            .candidates
            .iter()
            .filter(|candidate| {
                rows.get(candidate.row)
                    .is_some_and(|row| row.file as usize == file && !row.refused && !row.inferred)
            })
            .map(|candidate| candidate.key)
            .collect();
        let mut bytes = Vec::new();
        let mut missing = Vec::new();
        for (row, id) in ids.iter().enumerate() {
            if !here.contains(&hasher.key(row, &[0], &mut bytes)) {
                missing.push(id.clone());
            }
        }
        Ok(missing)
    }

    pub(super) fn report(&self) -> TableReport {
        self.counts
    }
}

/// Returns the positions by key, then version, file and line, and where in that order the keys
/// stand that more than one fact has.
///
/// Halves of keys are sorted first, side by side in memory: they are spread so well that few meet.
fn ordered(
    candidates: &[Candidate],
    rows: &SourceRows,
) -> Result<(Vec<u32>, Vec<Range<usize>>), LakeError> {
    let n = u32::try_from(candidates.len())
        .map_err(|_| LakeError::TooLarge { limit: u32::MAX.into() })?;
    let mut halves: Vec<(u64, u32)> =
        candidates.iter().zip(0..n).map(|(candidate, at)| (candidate.key.halves().0, at)).collect();
    halves.sort_unstable();
    let key = |position: u32| candidates.get(position as usize).map(|candidate| candidate.key);
    let rest = |position: u32| {
        let candidate = candidates.get(position as usize)?;
        let row = rows.get(candidate.row)?;
        Some((candidate.version, row.file, row.line, candidate.row, position))
    };
    let mut repeated = Vec::new();
    let mut start = 0;
    for alike in halves.chunk_by_mut(|a, b| a.0 == b.0) {
        let mut first = start;
        start += alike.len();
        if alike.len() == 1 {
            continue;
        }
        alike.sort_by_cached_key(|(_, position)| (key(*position), rest(*position)));
        for same in alike.chunk_by(|a, b| key(a.1) == key(b.1)) {
            if same.len() > 1 {
                repeated.push(first..first + same.len());
            }
            first += same.len();
        }
    }
    Ok((halves.into_iter().map(|(_, position)| position).collect(), repeated))
}

fn place(files: &[FileReport], file: u32, line: u64) -> Place {
    let name = files.get(file as usize).map(|file| std::sync::Arc::clone(&file.name));
    Place::line(name.unwrap_or_default(), line)
}

/// The keys of a load, to be looked up by the first half of their hash, which is spread evenly: its
/// first bits say where among the sorted keys it can stand.
struct KeyTable {
    shift: u32,
    /// Where in `keys` those begin whose first bits are this number.
    begins: Vec<u32>,
    keys: Vec<(u64, u32)>,
}

impl KeyTable {
    /// Takes keys, each with its first place in the order, ascending by key.
    fn new(keys: impl Iterator<Item = (Hash, u32)>) -> Self {
        let keys: Vec<(u64, u32)> = keys.map(|(key, start)| (key.halves().0, start)).collect();
        // More places than keys, so that most of those that are not wanted hit an empty one.
        let bits = (keys.len().max(1).ilog2() + 2).min(24);
        let shift = 64 - bits;
        let mut begins = Vec::with_capacity((1 << bits) + 1);
        let mut at = 0;
        for bucket in 0..1_u64 << bits {
            begins.push(at);
            let own = keys.iter().skip(at as usize).take_while(|(key, _)| key >> shift == bucket);
            at += u32::try_from(own.count()).unwrap_or(0);
        }
        begins.push(at);
        Self { shift, begins, keys }
    }

    /// Returns the places of the keys whose hash begins so.
    fn starts(&self, key: u64) -> impl Iterator<Item = u32> {
        let bucket = usize::try_from(key >> self.shift).unwrap_or(usize::MAX - 1);
        let place = |at: usize| self.begins.get(at).map_or(0, |&at| at as usize);
        let own = self.keys.get(place(bucket)..place(bucket + 1)).unwrap_or_default();
        own.iter().filter(move |(own, _)| *own == key).map(|(_, start)| *start)
    }
}
