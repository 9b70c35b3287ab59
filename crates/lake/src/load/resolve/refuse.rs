//! Rows that are refused for what other rows or the stored ones say.

use std::collections::{BTreeMap, HashMap};

use domain::fact::Refusal;
use domain::{Cell, Decimal, Place};
use jiff::civil::Date;

use super::{Settled, place};
use crate::catalog::{self, SnapshotId};
use crate::cells::View;
use crate::error::LakeError;
use crate::load::guard::{self, Guard};
use crate::load::staging::{Candidate, Fate, NO_VERSION, SourceRows};
use crate::load::{FileReport, write};
use crate::store::Lake;

impl Settled {
    /// Refuses rows that give one version of a key two contents.
    pub(super) fn refuse_conflicts(
        &self,
        rows: &mut SourceRows,
        files: &[FileReport],
        refusals: &mut Vec<(u32, Refusal)>,
    ) -> Result<(), LakeError> {
        // Position of a fact, and of another one that contradicts it.
        let mut conflicts: Vec<(u32, u32)> = Vec::new();
        for group in self.repeated.iter().filter_map(|places| self.order.get(places.clone())) {
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
    pub(super) fn refuse_incomplete(
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

    pub(super) fn refuse(
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

    /// Refuses exchange rates that are many times the one before of the same pair.
    pub(super) fn refuse_jumps(
        &self,
        lake: &Lake,
        rows: &mut SourceRows,
        files: &[FileReport],
        refusals: &mut Vec<(u32, Refusal)>,
    ) -> Result<(), LakeError> {
        const COLUMNS: [&str; 4] = ["from", "to", "day", "rate"];
        let head = SnapshotId(catalog::head(&lake.connection())?.snapshot);
        let stored = lake.frame(head, "fx_rate", &COLUMNS)?;
        let mut known: HashMap<(String, String), BTreeMap<Date, Decimal>> = HashMap::new();
        let rate = |cells: [Cell; 4]| match cells {
            [from, to, Cell::Day(day), Cell::Decimal(rate)] => {
                Some(((from.to_string(), to.to_string()), day, rate))
            }
            _ => None,
        };
        for row in 0..stored.n_rows() {
            if let Some((pair, day, rate)) = rate(COLUMNS.map(|name| stored.cell(name, row))) {
                known.entry(pair).or_default().insert(day, rate);
            }
        }
        let said: Vec<u32> = self
            .order
            .iter()
            .copied()
            .filter(|&position| {
                self.candidate(position).is_some_and(|candidate| {
                    matches!(candidate.fate, Fate::New | Fate::Changed)
                        && !candidate.deleted
                        && !rows.refused(candidate.row)
                })
            })
            .collect();
        let mut places: Vec<usize> = said.iter().map(|&position| position as usize).collect();
        places.sort_unstable();
        let batch = write::gather_staged(&self.staged, &places)?;
        let views: Vec<View<'_>> = COLUMNS
            .iter()
            .map(|name| {
                let at = self.staged.table.position(name).unwrap_or_default();
                View::of(self.staged.table.column(name)?.kind, batch.column(at))
            })
            .collect::<Result<_, _>>()?;
        let mut fresh = Vec::new();
        // Of rates of one day the last one counts; days come in order.
        for (turn, position) in said.into_iter().enumerate() {
            let Ok(row) = places.binary_search(&(position as usize)) else { continue };
            let cells: Vec<Cell> = views.iter().map(|view| view.cell(row)).collect();
            if let Some((pair, day, rate)) = <[Cell; 4]>::try_from(cells).ok().and_then(rate) {
                fresh.push((day, turn, position, pair, rate));
            }
        }
        fresh.sort_by_key(|(day, turn, ..)| (*day, *turn));
        for (day, _, position, pair, rate) in fresh {
            let of_pair = known.entry(pair.clone()).or_default();
            let before = of_pair.range(..day).next_back().map(|(day, rate)| (*day, *rate));
            match before {
                Some((last, old)) if guard::jumps(old, rate) => {
                    let row = self.candidate(position).and_then(|c| rows.get(c.row));
                    let at = row.map_or(Place::file(""), |row| place(files, row.file, row.line));
                    let (from, to) = &pair;
                    let message = format!(
                        "rate of `{from}` to `{to}` on {day} is {rate}, on {last} it was {old}"
                    );
                    let refusal = Refusal::new(at, Guard::FxJump.code(), message)
                        .column("rate")
                        .hint(Guard::FxJump.hint());
                    self.refuse(position, rows, refusal, refusals);
                }
                _ => {
                    of_pair.insert(day, rate);
                }
            }
        }
        Ok(())
    }
}
