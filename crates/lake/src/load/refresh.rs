//! Complete extracts: a record that is no longer in one is gone at its source.
//!
//! Nothing is inferred from a file unless it is said to be complete. Only records that the same
//! source of the same connection has delivered are withdrawn, only behind the guards, and never
//! while rows of the extract could not be read, as one of these may be the record. What happened
//! stays: events are not undone by an extract that leaves them out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use domain::fact::{Fact, FactTable, Refusal};
use domain::{Cell, Diagnostic, Place};

use super::guard::{self, Guard, Hold};
use super::{Loading, SourceFile};
use crate::catalog::{self, SnapshotId};
use crate::cells::{Hash, Hasher, View};
use crate::error::LakeError;

/// Tables of what happened, not of what is.
const HISTORY: &[&str] = &["lifecycle_event", "opportunity_event"];

/// What complete extracts leave out.
#[derive(Default)]
pub(super) struct Refresh {
    pub(super) holds: Vec<Hold>,
    pub(super) remarks: Vec<Diagnostic>,
}

/// The rows of a file that could not be read: any of them may be a record that seems absent.
#[derive(Default)]
pub(super) struct Unread {
    n: u64,
    /// Some row was not kept in a form that shows its values.
    opaque: bool,
    /// All values of the other rows.
    values: HashSet<String>,
}

impl Unread {
    /// Begins with a file of which no row is read yet.
    pub(super) fn of(source: &SourceFile) -> Self {
        // A mapping may make an identifier of several values.
        Self { opaque: source.preset.starts_with("mapping "), ..Self::default() }
    }

    pub(super) fn add(&mut self, refusal: &Refusal) {
        self.n += 1;
        let raw = refusal.kept.as_ref().map_or("", |kept| kept.raw.as_str());
        match serde_json::from_str(raw) {
            Ok(value) => self.values_of(value),
            Err(_) => self.opaque = true,
        }
    }

    fn values_of(&mut self, value: serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                self.values.insert(text.trim().to_owned());
            }
            serde_json::Value::Array(list) => list.into_iter().for_each(|one| self.values_of(one)),
            serde_json::Value::Object(map) => {
                map.into_iter().for_each(|(_, one)| self.values_of(one));
            }
            other => {
                self.values.insert(other.to_string());
            }
        }
    }

    /// True where a row may be the record with this key. An identifier is stored as it was read, or
    /// with a little before or behind it.
    fn may_be(&self, key: &[Cell]) -> bool {
        self.n > 0
            && (self.opaque
                || key.iter().map(ToString::to_string).any(|text| {
                    let ends = text.char_indices().map(|(at, _)| at).skip(4);
                    let cuts = ends.flat_map(|at| [text.get(..at), text.get(text.len() - at..)]);
                    self.values.contains(&text)
                        || cuts.flatten().any(|part| self.values.contains(part))
                }))
    }
}

/// The files of one source of one connection that are complete together.
struct Scope {
    origin: String,
    files: Vec<usize>,
}

/// Stages a withdrawal for each record that a complete extract no longer has.
pub(super) fn withdraw_absent(loading: &mut Loading<'_>) -> Result<Refresh, LakeError> {
    let mut refresh = Refresh::default();
    let mut scopes: BTreeMap<String, Scope> = BTreeMap::new();
    for (at, source) in loading.request.files.iter().enumerate() {
        if let Some(origin) = source.origin().filter(|_| source.complete) {
            let scope = scopes.entry(origin.clone());
            scope.or_insert_with(|| Scope { origin, files: Vec::new() }).files.push(at);
        }
    }
    for scope in scopes.into_values() {
        let read = |at: &usize| loading.files.get(*at).is_some_and(|file| file.status.is_read());
        let Some(&first) = scope.files.iter().find(|at| read(at)) else { continue };
        let Some(source) = loading.request.files.get(first).cloned() else { continue };
        let tables: Vec<&'static str> = scope
            .files
            .iter()
            .filter_map(|&at| loading.request.files.get(at))
            .flat_map(|file| file.tables.iter().copied())
            .filter(|table| !HISTORY.contains(table))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        for table in tables {
            withdraw_from(loading, &scope, first, &source, table, &mut refresh)?;
        }
    }
    Ok(refresh)
}

fn withdraw_from(
    loading: &mut Loading<'_>,
    scope: &Scope,
    first: usize,
    source: &SourceFile,
    table: &'static str,
    refresh: &mut Refresh,
) -> Result<(), LakeError> {
    let Some(fact) = FactTable::named(table) else { return Ok(()) };
    let (mut present, mut delivered) = (HashSet::new(), HashSet::new());
    let at = loading.lake.tables().iter().position(|stored| stored.name == table);
    if let Some(staging) = at.and_then(|at| loading.staged.get_mut(at)?.as_mut()) {
        for candidate in staging.candidates()? {
            present.insert(candidate.key);
            let row = loading.rows.get(candidate.row);
            if !candidate.deleted
                && row.is_some_and(|row| scope.files.contains(&(row.file as usize)))
            {
                delivered.insert(candidate.key);
            }
        }
    }
    let Stored { count, n_absent, absent } = stored_of(loading, scope, fact, &present)?;
    let n_delivered = delivered.len() as u64;
    if let Some(hold) = guard::judge_count(table, source, count, n_absent, n_delivered) {
        let allowed = loading.request.allow.contains(&hold.guard);
        refresh.holds.push(hold);
        if !allowed {
            return Ok(());
        }
    }
    if absent.is_empty() {
        return Ok(());
    }
    let unread = || scope.files.iter().filter_map(|&at| loading.unread.get(at));
    let n_unread: u64 = unread().map(|unread| unread.n).sum();
    let may_be = |key: &Vec<Cell>| unread().any(|unread| unread.may_be(key));
    let (kept, absent): (Vec<_>, Vec<_>) = absent.into_iter().partition(may_be);
    if !kept.is_empty() {
        let message = format!(
            "{} records of `{table}` are not in this complete extract, and {n_unread} of its rows \
             could not be read: they are not withdrawn, as these rows may be the records",
            kept.len()
        );
        refresh.remarks.push(
            Diagnostic::warning("load.not-inferred", message)
                .at(Place::file(Arc::clone(&source.name)))
                .hint("Mend the rows (`throughline quarantine`) and load the extract again."),
        );
    }
    for key in absent {
        let row = loading.rows.add_inferred(first)?;
        let mut cells = vec![Cell::Null; fact.columns.len()];
        for (name, value) in fact.key.iter().zip(key) {
            if let Some(cell) = fact.position(name).and_then(|at| cells.get_mut(at)) {
                *cell = value;
            }
        }
        let withdrawal = Fact {
            table: fact,
            cells,
            carried: 0,
            place: Place::file(Arc::clone(&source.name)),
            version: None,
            deleted: true,
        };
        loading.stage(first, row, &withdrawal)?;
    }
    Ok(())
}

/// The stored records of a source.
#[derive(Default)]
struct Stored {
    count: u64,
    /// Those that are not in the load.
    n_absent: u64,
    /// Their keys; not all of them where they are more than the guards let pass.
    absent: Vec<Vec<Cell>>,
}

fn stored_of(
    loading: &Loading<'_>,
    scope: &Scope,
    fact: &'static FactTable,
    present: &HashSet<Hash>,
) -> Result<Stored, LakeError> {
    let head = SnapshotId(catalog::head(&loading.lake.connection())?.snapshot);
    let table = loading.lake.table(fact.name)?;
    let mut columns: Vec<&str> = fact.key.to_vec();
    columns.push("origin");
    let kinds = columns.iter().map(|name| Ok(table.column(name)?.kind));
    let kinds = kinds.collect::<Result<Vec<_>, LakeError>>()?;
    let all = loading.lake.n_rows(head, fact.name)?;
    let allow = &loading.request.allow;
    let bounded = !allow.contains(&Guard::Shrink) && !allow.contains(&Guard::Empty);
    let mut stored = Stored::default();
    let key: Vec<usize> = (0..fact.key.len()).collect();
    let mut bytes = Vec::new();
    let origin = Cell::text(scope.origin.as_str());
    loading.lake.scan(head, fact.name, &columns, &mut |batch| {
        let views = kinds.iter().zip(batch.columns()).map(|(kind, array)| View::of(*kind, array));
        let views = views.collect::<Result<Vec<_>, _>>()?;
        let of_source: Vec<usize> = (0..batch.num_rows())
            .filter(|row| views.last().is_some_and(|view| view.cell(*row) == origin))
            .collect();
        let hasher = Hasher::of_key(views);
        for row in of_source {
            stored.count += 1;
            let hash = hasher.key(row, &key, &mut bytes);
            if !present.contains(&hash) {
                stored.n_absent += 1;
                if !bounded || !guard::too_many(stored.n_absent, all) {
                    stored.absent.push(hasher.cells(row, fact.key.len()));
                }
            }
        }
        Ok(())
    })?;
    Ok(stored)
}
