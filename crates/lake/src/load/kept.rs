//! Rows that the lake itself refuses, kept as the facts that were made of them.
//!
//! The row as its file holds it is gone by then; what it says is not. The form is in
//! `docs/spec/quarantine.md`: `{"facts":[{"table","version","withdrawn","cells":[[name, text]]}]}`,
//! with the columns that the source carries.

use std::collections::HashMap;

use domain::fact::{Fact, FactTable, Kept, Kind, Refusal};
use domain::{Cell, Decimal};
use serde_json::{Value, json};

use super::resolve::Settled;
use super::staging::{Candidate, NO_VERSION, SourceRows};
use super::write;
use crate::cells::View;
use crate::error::LakeError;

/// What is known of a refused row while its facts are gathered.
#[derive(Default)]
struct Said {
    facts: Vec<Value>,
    table: Option<&'static str>,
    amount: Option<Decimal>,
    currency: Option<std::sync::Arc<str>>,
}

impl Said {
    fn add(
        &mut self,
        table: &'static FactTable,
        cells: &[Cell],
        carried: u64,
        version: Option<jiff::Timestamp>,
        withdrawn: bool,
    ) {
        let all = table.columns.iter().zip(cells).enumerate();
        let carried: Vec<Value> = all
            .filter(|(at, (column, _))| {
                carried & (1 << at) != 0 || table.key.contains(&column.name)
            })
            .map(|(_, (column, cell))| match cell {
                Cell::Null => json!([column.name, null]),
                cell => json!([column.name, cell.to_string()]),
            })
            .collect();
        self.facts.push(json!({
            "table": table.name,
            "version": version.map(|at| at.to_string()),
            "withdrawn": withdrawn,
            "cells": carried,
        }));
        let cell = |name: &str| table.position(name).and_then(|at| cells.get(at));
        self.table.get_or_insert(table.name);
        if let (None, Some(Cell::Decimal(amount))) = (self.amount, cell("amount")) {
            self.amount = Some(*amount);
            if let Some(Cell::Text(currency)) = cell("currency") {
                self.currency = Some(std::sync::Arc::clone(currency));
            }
        }
    }

    fn kept(self) -> Kept {
        Kept {
            raw: json!({ "facts": self.facts }).to_string(),
            table: self.table,
            amount: self.amount,
            currency: self.currency,
        }
    }
}

/// Keeps the facts of a row with its refusal.
pub(super) fn keep_facts(refusal: Refusal, facts: &[Fact]) -> Refusal {
    let mut said = Said::default();
    for fact in facts {
        said.add(fact.table, &fact.cells, fact.carried, fact.version, fact.deleted);
    }
    refusal.kept(said.kept())
}

/// Keeps the staged facts of rows with their refusals.
pub(super) fn keep_staged(
    tables: &[Settled],
    rows: &SourceRows,
    refusals: Vec<(u32, Refusal)>,
) -> Result<Vec<(usize, Refusal)>, LakeError> {
    if refusals.is_empty() {
        return Ok(Vec::new());
    }
    let mut said: HashMap<u32, Said> = HashMap::with_capacity(refusals.len());
    for Settled { staged, .. } in tables {
        let refused = staged.candidates.iter().enumerate().filter(|(_, c)| rows.refused(c.row));
        let (positions, refused): (Vec<usize>, Vec<&Candidate>) = refused.unzip();
        if positions.is_empty() {
            continue;
        }
        let batch = write::gather_staged(staged, &positions)?;
        let kinds = staged.fact.columns.iter().map(|column| column.kind);
        let views: Vec<View<'_>> = kinds
            .zip(batch.columns())
            .map(|(kind, array)| View::of(kind, array))
            .collect::<Result<_, _>>()?;
        for (at, candidate) in refused.into_iter().enumerate() {
            let cells: Vec<Cell> = views.iter().map(|view| view.cell(at)).collect();
            let carried = staged.masks.get(usize::from(candidate.mask)).copied().unwrap_or(0);
            let version = (candidate.version != NO_VERSION)
                .then(|| jiff::Timestamp::from_microsecond(candidate.version).ok())
                .flatten();
            said.entry(candidate.row).or_default().add(
                staged.fact,
                &cells,
                carried,
                version,
                candidate.deleted,
            );
        }
    }
    let keep = |(row, refusal): (u32, Refusal)| {
        let file = rows.get(row).map_or(0, |row| row.file as usize);
        match said.remove(&row) {
            Some(said) => (file, refusal.kept(said.kept())),
            None => (file, refusal),
        }
    };
    Ok(refusals.into_iter().map(keep).collect())
}
/// Reads facts back that were kept; none where the text is of another form or was cut.
pub(super) fn facts(raw: &str, place: &domain::Place) -> Option<Vec<Fact>> {
    let value: Value = serde_json::from_str(raw).ok()?;
    value.get("facts")?.as_array()?.iter().map(|fact| self::fact(fact, place)).collect()
}

fn fact(value: &Value, place: &domain::Place) -> Option<Fact> {
    let table = FactTable::named(value.get("table")?.as_str()?)?;
    let mut cells = vec![Cell::Null; table.columns.len()];
    let mut carried = 0_u64;
    for pair in value.get("cells")?.as_array()? {
        let name = pair.get(0)?.as_str()?;
        let at = table.position(name)?;
        carried |= 1 << at;
        if let Some(text) = pair.get(1)?.as_str() {
            *cells.get_mut(at)? = cell(table.columns.get(at)?.kind, text)?;
        }
    }
    let version = match value.get("version")?.as_str() {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    let deleted = value.get("withdrawn")?.as_bool()?;
    Some(Fact { table, cells, carried, place: place.clone(), version, deleted })
}

fn cell(kind: Kind, text: &str) -> Option<Cell> {
    Some(match kind {
        Kind::Text => Cell::text(text),
        Kind::Integer => Cell::Integer(text.parse().ok()?),
        Kind::Boolean => Cell::Boolean(text.parse().ok()?),
        Kind::Day => Cell::Day(text.parse().ok()?),
        Kind::Instant => Cell::Instant(text.parse().ok()?),
        Kind::Decimal => Cell::Decimal(text.parse().ok()?),
    })
}
