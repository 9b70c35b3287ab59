//! What becomes of each fact of a load: compared with what is stored and with its peers.
//!
//! All decisions rest on key, version, file and line, never on the order in which rows came.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher as StdHasher};

use arrow::array::RecordBatch;
use domain::Place;
use domain::fact::{Kind, Refusal};

use super::staging::{Candidate, Fate, Hasher, NO_VERSION, SourceRows, Staged};
use super::{FileReport, TableReport, kept, write};
use crate::catalog::{self, DataFile, SnapshotId};
use crate::cells::{Hash, View};
use crate::error::LakeError;
use crate::parquet_file;
use crate::store::Lake;

/// All tables of a load, settled.
pub(super) struct SettledLoad {
    pub(super) tables: Vec<Settled>,
    /// Rows that are refused because of other rows or of what is stored.
    /// Each with the number of its file.
    pub(super) refusals: Vec<(usize, Refusal)>,
}

/// One table of a load, settled.
pub(super) struct Settled {
    pub(super) staged: Staged,
    /// Positions by key, then version, file and line.
    order: Vec<u32>,
    /// Where keys of the load are stored now, by the first place of the key in `order`, ascending.
    stored: Vec<(usize, Stored)>,
    /// The files of the table before the load.
    pub(super) live: Vec<DataFile>,
    counts: TableReport,
}

/// Where a fact is stored now.
#[derive(Clone, Copy)]
struct Stored {
    file: u32,
    row: u32,
    withdrawn: bool,
}

impl Stored {
    fn place(self) -> (usize, usize) {
        (self.file as usize, self.row as usize)
    }
}

/// Facts of one key that together make its next version; the later come last.
pub(super) struct Patch {
    /// File and row of the version that is replaced; none for a new key.
    pub(super) stored: Option<(usize, usize)>,
    /// Positions of the facts.
    pub(super) facts: Vec<usize>,
}

/// Settles a load: first what is stored, then conflicts, then what remains.
pub(super) fn settle(
    lake: &Lake,
    staged: Vec<Staged>,
    rows: &mut SourceRows,
    files: &[FileReport],
) -> Result<SettledLoad, LakeError> {
    let mut tables = Vec::with_capacity(staged.len());
    for staged in staged {
        tables.push(Settled::compare(lake, staged, rows)?);
    }
    let mut refusals = Vec::new();
    for table in &tables {
        table.refuse_conflicts(rows, files, &mut refusals)?;
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
    for table in &mut tables {
        table.decide(rows)?;
    }
    let refusals = kept::keep_staged(&tables, rows, refusals)?;
    Ok(SettledLoad { tables, refusals })
}

impl Settled {
    /// Sorts the facts and compares each with the stored version of its key.
    fn compare(lake: &Lake, staged: Staged, rows: &SourceRows) -> Result<Self, LakeError> {
        let n = u32::try_from(staged.candidates.len())
            .map_err(|_| LakeError::TooLarge { limit: u32::MAX.into() })?;
        let mut order: Vec<u32> = (0..n).collect();
        {
            let at = |position: u32| staged.candidates.get(position as usize);
            let tie = |position: u32| {
                at(position).and_then(|candidate| {
                    let row = rows.get(candidate.row)?;
                    Some((candidate.version, row.file, row.line, candidate.row, position))
                })
            };
            order.sort_unstable_by(|&a, &b| {
                let keys = at(a).map(|c| c.key).cmp(&at(b).map(|c| c.key));
                keys.then_with(|| tie(a).cmp(&tie(b)))
            });
        }
        let live = {
            let connection = lake.connection();
            let head = SnapshotId(catalog::head(&connection)?.snapshot);
            catalog::files(&connection, lake.dir(), &staged.table, head)?
        };
        let counts = TableReport {
            table: staged.table.name,
            new: 0,
            changed: 0,
            withdrawn: 0,
            unchanged: 0,
            repeated: 0,
            superseded: 0,
            older: 0,
            refused: 0,
        };
        let mut settled = Self { staged, order, stored: Vec::new(), live, counts };
        settled.compare_with_stored()?;
        Ok(settled)
    }

    fn compare_with_stored(&mut self) -> Result<(), LakeError> {
        if self.live.is_empty() {
            return Ok(());
        }
        let groups: HashMap<Hash, usize, BuildHasherDefault<FirstHalf>> = self
            .groups()
            .filter_map(|(start, group)| Some((self.candidate(*group.first()?)?.key, start)))
            .collect();
        let table = std::sync::Arc::clone(&self.staged.table);
        let key_names: Vec<&str> = self.staged.fact.key.to_vec();
        let key_columns = table.projection(&key_names)?;
        let mut names: Vec<&str> = self.staged.fact.columns.iter().map(|c| c.name).collect();
        let width = names.len();
        names.extend(["version_at", "withdrawn"]);
        let all_columns = table.projection(&names)?;
        let live = std::mem::take(&mut self.live);
        let mut bytes = Vec::new();
        for (number, file) in (0..).zip(&live) {
            // Row and group, in the order of the rows.
            let mut found: Vec<(usize, usize)> = Vec::new();
            let mut first_row = 0;
            parquet_file::read(&file.path, file.bytes, &key_columns, &mut |batch| {
                let kinds = self.staged.key.iter().filter_map(|&at| table.columns.get(at));
                let views = kinds.zip(batch.columns()).map(|(c, array)| View::of(c.kind, array));
                let hasher = Hasher::of(views.collect::<Result<_, _>>()?);
                for row in 0..batch.num_rows() {
                    let key = hasher.columns(row, 0..key_names.len(), &mut bytes);
                    if let Some(&start) = groups.get(&key) {
                        found.push((first_row + row, start));
                    }
                }
                first_row += batch.num_rows();
                Ok(())
            })?;
            if found.is_empty() {
                continue;
            }
            let mut found = found.into_iter().peekable();
            let mut first_row = 0;
            parquet_file::read(&file.path, file.bytes, &all_columns, &mut |batch| {
                let end = first_row + batch.num_rows();
                if found.peek().is_some_and(|(row, _)| *row < end) {
                    let stored = StoredBatch::new(&table, &batch, width)?;
                    while let Some((row, start)) = found.next_if(|(row, _)| *row < end) {
                        let place = Stored {
                            file: number,
                            row: u32::try_from(row).unwrap_or(u32::MAX),
                            withdrawn: stored.withdrawn(row - first_row),
                        };
                        self.compare_group(start, place, &stored, row - first_row, &mut bytes);
                        self.stored.push((start, place));
                    }
                }
                first_row = end;
                Ok(())
            })?;
        }
        self.stored.sort_unstable_by_key(|(start, _)| *start);
        self.live = live;
        Ok(())
    }

    fn compare_group(
        &mut self,
        start: usize,
        place: Stored,
        stored: &StoredBatch<'_>,
        row: usize,
        bytes: &mut Vec<u8>,
    ) {
        let version = stored.version(row);
        let end = self.group_end(start);
        let mut known: Option<(u16, Hash)> = None;
        for &position in self.order.get(start..end).unwrap_or_default() {
            let Some(candidate) = self.staged.candidates.get_mut(position as usize) else {
                continue;
            };
            let older = candidate.version != NO_VERSION && candidate.version < version;
            candidate.fate = if older {
                Fate::Older
            } else {
                let content = match known {
                    Some((mask, content)) if mask == candidate.mask => content,
                    _ => {
                        let columns = self.staged.masks.get(usize::from(candidate.mask));
                        stored.hasher.masked(row, columns.copied().unwrap_or(0), bytes)
                    }
                };
                known = Some((candidate.mask, content));
                if content == candidate.content && candidate.deleted == place.withdrawn {
                    Fate::Unchanged
                } else {
                    Fate::Changed
                }
            };
        }
    }

    fn candidate(&self, position: u32) -> Option<&Candidate> {
        self.staged.candidates.get(position as usize)
    }

    fn stored_at(&self, start: usize) -> Option<Stored> {
        let at = self.stored.binary_search_by_key(&start, |(start, _)| *start).ok()?;
        self.stored.get(at).map(|(_, stored)| *stored)
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

    /// Refuses rows that give one version of a key two contents.
    fn refuse_conflicts(
        &self,
        rows: &mut SourceRows,
        files: &[FileReport],
        refusals: &mut Vec<(u32, Refusal)>,
    ) -> Result<(), LakeError> {
        // Position of a fact, and of another one that contradicts it.
        let mut conflicts: Vec<(u32, u32)> = Vec::new();
        for (_, group) in self.groups().filter(|(_, group)| group.len() > 1) {
            // Also where a later version is stored: a row is judged alike whenever it comes.
            let dated = |position: &&u32| {
                self.candidate(**position).is_some_and(|c| c.version != NO_VERSION)
            };
            let group: Vec<u32> = group.iter().filter(dated).copied().collect();
            let version = |position: &u32| self.candidate(*position).map(|c| c.version);
            for same in group.chunk_by(|a, b| version(a) == version(b)) {
                for &position in same {
                    let contradicts = |other: &&u32| {
                        let pair = self.candidate(position).zip(self.candidate(**other));
                        pair.is_some_and(|(a, b)| {
                            a.mask == b.mask && (a.content, a.deleted) != (b.content, b.deleted)
                        })
                    };
                    if let Some(&other) = same.iter().find(contradicts) {
                        conflicts.push((position, other));
                    }
                }
            }
        }
        let keys = self.keys(conflicts.iter().map(|(position, _)| *position))?;
        for (position, other) in conflicts {
            let place = |position| {
                let row = self.candidate(position).and_then(|c| rows.get(c.row));
                row.map_or(Place::file(""), |row| place(files, row.file, row.line))
            };
            let (at, other) = (place(position), place(other));
            let table = self.staged.table.name;
            let key = keys.get(&position).map_or("", String::as_str);
            let message = format!(
                "`{table}` `{key}` has two contents of the same version, the other one in {other}"
            );
            let refusal = Refusal::new(at, "crm.conflict", message)
                .hint("Export the record again, or keep the row that is right.");
            self.refuse(position, rows, refusal, refusals);
        }
        Ok(())
    }

    /// Refuses rows that would make a fact without what the table requires.
    fn refuse_incomplete(
        &self,
        rows: &mut SourceRows,
        files: &[FileReport],
        refusals: &mut Vec<(u32, Refusal)>,
    ) -> Result<(), LakeError> {
        let columns = self.staged.fact.columns;
        let required =
            (0_u32..).zip(columns).filter(|(_, c)| c.required).fold(0, |m, (at, _)| m | 1 << at);
        if self.staged.masks.iter().all(|mask| mask & required == required) {
            return Ok(());
        }
        let mut incomplete: Vec<(u32, u64)> = Vec::new();
        for (start, group) in self.groups() {
            if self.stored_at(start).is_some() {
                continue;
            }
            let facts: Vec<(u32, &Candidate)> = group
                .iter()
                .filter_map(|&position| Some((position, self.candidate(position)?)))
                .filter(|(_, candidate)| !rows.refused(candidate.row))
                .collect();
            let carried = facts.iter().fold(0, |mask, (_, fact)| mask | self.mask(fact));
            let missing = required & !carried;
            if missing != 0 && facts.last().is_some_and(|(_, last)| !last.deleted) {
                incomplete.extend(facts.iter().map(|(position, _)| (*position, missing)));
            }
        }
        let keys = self.keys(incomplete.iter().map(|(position, _)| *position))?;
        for (position, missing) in incomplete {
            let row = self.candidate(position).and_then(|c| rows.get(c.row));
            let at = row.map_or(Place::file(""), |row| place(files, row.file, row.line));
            let table = self.staged.table.name;
            let key = keys.get(&position).map_or("", String::as_str);
            let name = columns.get(missing.trailing_zeros() as usize).map_or("", |c| c.name);
            let message = format!("new `{table}` `{key}` has no `{name}`, expected a value");
            let refusal = Refusal::new(at, "fact.missing", message)
                .column(name)
                .hint(format!("Add `{name}` to the export, or load the full records first."));
            self.refuse(position, rows, refusal, refusals);
        }
        Ok(())
    }

    fn refuse(
        &self,
        position: u32,
        rows: &mut SourceRows,
        refusal: Refusal,
        refusals: &mut Vec<(u32, Refusal)>,
    ) {
        let number = self.candidate(position).map(|candidate| candidate.row);
        let row = number.and_then(|number| rows.get_mut(number));
        if let Some((row, number)) = row.zip(number).filter(|(row, _)| !row.refused) {
            row.refused = true;
            refusals.push((number, refusal));
        }
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
                Fate::Unchanged => counts.unchanged += 1,
                Fate::Older => counts.older += 1,
                Fate::Repeated => counts.repeated += 1,
                Fate::Superseded => counts.superseded += 1,
            }
            if matches!(candidate.fate, Fate::New | Fate::Changed) {
                row.loaded = true;
                counts.withdrawn += u64::from(candidate.deleted);
            }
        }
        Ok(())
    }

    /// Settles which facts of a load say nothing, as a later one says it again or otherwise.
    fn settle_overlaps(&mut self, rows: &SourceRows) {
        let mut start = 0;
        while start < self.order.len() {
            let end = self.group_end(start);
            let group = self.order.get(start..end).unwrap_or_default();
            start = end;
            if group.len() == 1 {
                continue;
            }
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
        for &(start, stored) in &self.stored {
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
        let width = self.staged.fact.columns.len();
        let said_rows = write::gather_staged(&self.staged, &positions)?;
        let stored_rows = write::gather_live(&self.staged.table, &self.live, &places)?;
        let said = Hasher::new(&self.staged.table, &said_rows, width)?;
        let kept = Hasher::new(&self.staged.table, &stored_rows, width)?;
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

    /// Splits the facts to be written: positions of facts that alone make a new key, and patches.
    pub(super) fn to_write(&self, rows: &SourceRows) -> (Vec<bool>, Vec<Patch>) {
        let mut plain = vec![false; self.staged.candidates.len()];
        let mut patches = Vec::new();
        for (start, group) in self.groups() {
            let facts: Vec<usize> = self.heard(group, rows).map(|at| at as usize).collect();
            let writes = facts.iter().any(|&position| {
                let fate = self.staged.candidates.get(position).map(|candidate| candidate.fate);
                matches!(fate, Some(Fate::New | Fate::Changed))
            });
            let stored = self.stored_at(start).map(Stored::place);
            match (facts.as_slice(), stored) {
                _ if !writes => {}
                ([position], None) => {
                    if let Some(plain) = plain.get_mut(*position) {
                        *plain = true;
                    }
                }
                _ => patches.push(Patch { stored, facts }),
            }
        }
        (plain, patches)
    }

    pub(super) fn report(&self) -> TableReport {
        self.counts
    }
}

/// The columns of a stored batch that comparisons need.
struct StoredBatch<'a> {
    hasher: Hasher<'a>,
    versions: Option<View<'a>>,
    withdrawn: Option<View<'a>>,
}

impl<'a> StoredBatch<'a> {
    fn new(
        table: &crate::schema::StoredTable,
        batch: &'a RecordBatch,
        width: usize,
    ) -> Result<Self, LakeError> {
        let view = |at: usize, kind| batch.columns().get(at).map(|a| View::of(kind, a)).transpose();
        Ok(Self {
            hasher: Hasher::new(table, batch, width)?,
            versions: view(width, Kind::Instant)?,
            withdrawn: view(width + 1, Kind::Boolean)?,
        })
    }

    fn version(&self, row: usize) -> i64 {
        match self.versions.as_ref().map(|view| view.cell(row)) {
            Some(domain::Cell::Instant(at)) => at.as_microsecond(),
            _ => NO_VERSION,
        }
    }

    fn withdrawn(&self, row: usize) -> bool {
        self.withdrawn.as_ref().map(|view| view.cell(row)) == Some(domain::Cell::Boolean(true))
    }
}

fn place(files: &[FileReport], file: u32, line: u64) -> Place {
    let name = files.get(file as usize).map(|file| std::sync::Arc::clone(&file.name));
    Place::line(name.unwrap_or_default(), line)
}

/// Takes the first half of a hash as the hash of it.
#[derive(Default)]
struct FirstHalf(u64);

impl StdHasher for FirstHalf {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 ^= number;
    }
}
