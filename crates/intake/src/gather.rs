//! Facts that are not made of one row each: sums of spend, what a snapshot says of every field,
//! first of a session.

use std::collections::HashMap;
use std::sync::Arc;

use domain::fact::{Fact, FactTable};
use domain::{Cell, Currency, Diagnostic, Place};
use jiff::Timestamp;

use crate::settings::Rejected;

/// Rows with the facts that they make.
pub(crate) type Rows = Vec<(Place, Vec<Fact>)>;

/// Sums the parts of spend by platform, program, day and currency.
#[derive(Default)]
pub(crate) struct Spend {
    groups: Vec<(Place, Vec<Fact>, Fact)>,
    by_key: HashMap<Arc<str>, usize>,
}

impl Spend {
    /// Takes a row; gives back what is to be handed on at once, `None` where the row waits for its
    /// sum.
    pub(crate) fn add(
        &mut self,
        place: &Place,
        facts: Vec<Fact>,
        assumed: Currency,
    ) -> Result<Option<Vec<Fact>>, Rejected> {
        let (spend, others): (Vec<_>, Vec<_>) =
            facts.into_iter().partition(|fact| fact.table.name == "spend");
        let mut waits = false;
        let mut others = Some(others);
        for mut part in spend.into_iter().filter(|part| !part.deleted) {
            if let Some(at) = part.table.position("currency")
                && let Some(slot) = part.cells.get_mut(at).filter(|cell| cell.is_null())
            {
                *slot = Cell::text(assumed.code());
            }
            let key = part.key();
            if let Some((_, _, sum)) = self.by_key.get(&key).and_then(|&at| self.groups.get_mut(at))
            {
                add_up(sum, &part).map_err(|what| {
                    Rejected::from(
                        Diagnostic::error(
                            "value.sum-limit",
                            format!("the sum of {what} is too large"),
                        )
                        .at(place.clone()),
                    )
                })?;
            } else {
                self.by_key.insert(key, self.groups.len());
                self.groups.push((place.clone(), others.take().unwrap_or_default(), part));
                waits = true;
            }
        }
        Ok(if waits { None } else { Some(others.unwrap_or_default()) })
    }

    /// Hands out the sums, and each program once, under its latest name.
    pub(crate) fn finish(self) -> Rows {
        let mut latest: HashMap<Arc<str>, (Cell, Cell)> = HashMap::new();
        for (_, _, sum) in &self.groups {
            let program: Arc<str> = sum.cell("program_id").to_string().into();
            let (day, name) = (sum.cell("day").clone(), sum.cell("program_name").clone());
            let newer = latest.get(&program).is_none_or(|(before, _)| match (before, &day) {
                (Cell::Day(before), Cell::Day(day)) => day >= before,
                _ => true,
            });
            if newer && !name.is_null() {
                latest.insert(program, (day, name));
            }
        }
        let mut told = std::collections::HashSet::new();
        let mut rows = Rows::with_capacity(self.groups.len());
        for (place, mut facts, sum) in self.groups {
            let program: Arc<str> = sum.cell("program_id").to_string().into();
            let has_program = facts.iter().any(|fact| fact.table.name == "program");
            if !has_program && told.insert(Arc::clone(&program)) {
                let name = latest.get(&program).map_or(Cell::Null, |(_, name)| name.clone());
                facts.extend(program_of(&sum, name));
            }
            facts.insert(0, sum);
            rows.push((place, facts));
        }
        rows
    }
}

fn add_up(sum: &mut Fact, part: &Fact) -> Result<(), &'static str> {
    let table = sum.table;
    for (at, column) in table.columns.iter().enumerate() {
        let (Some(into), Some(more)) = (sum.cells.get_mut(at), part.cells.get(at)) else {
            continue;
        };
        match (&mut *into, more) {
            (Cell::Decimal(a), Cell::Decimal(b)) => *a = a.checked_add(*b).ok_or(column.name)?,
            (Cell::Integer(a), Cell::Integer(b)) => *a = a.checked_add(*b).ok_or(column.name)?,
            (Cell::Null, Cell::Null) => {}
            (Cell::Null, _) => *into = more.clone(),
            _ => {}
        }
    }
    sum.carried |= part.carried;
    Ok(())
}

fn program_of(spend: &Fact, name: Cell) -> Option<Fact> {
    let table = FactTable::named("program")?;
    let mut cells = vec![Cell::Null; table.columns.len()];
    let mut carried = 0_u64;
    let given = [
        ("id", spend.cell("program_id").clone()),
        ("name", name),
        ("platform", spend.cell("platform").clone()),
        ("channel", spend.cell("channel").clone()),
        ("vendor", spend.cell("vendor").clone()),
    ];
    for (column, cell) in given {
        if let (Some(at), false) = (table.position(column), cell.is_null())
            && let Some(slot) = cells.get_mut(at)
        {
            *slot = cell;
            carried |= 1 << at;
        }
    }
    Some(Fact { table, cells, carried, place: spend.place.clone(), version: None, deleted: false })
}

/// Returns what a snapshot of a deal says of each of its fields at that time, beside the other
/// facts of its row.
///
/// A statement has no old value: what a field was before may stand in another file, in a later load
/// or in a history of changes, so what changed is found where all of them are known.
pub(crate) fn statements(facts: Vec<Fact>) -> Vec<Fact> {
    let (snapshots, mut facts): (Vec<_>, Vec<_>) =
        facts.into_iter().partition(|fact| fact.table.name == "snapshot");
    for snapshot in &snapshots {
        for field in ["stage", "amount", "close_on", "forecast_category", "owner"] {
            let carried =
                snapshot.table.position(field).is_some_and(|at| snapshot.carried & (1 << at) != 0);
            facts.extend(carried.then(|| statement(snapshot, field)).flatten());
        }
    }
    facts
}

fn statement(snapshot: &Fact, field: &str) -> Option<Fact> {
    let table = FactTable::named("opportunity_event")?;
    let mut cells = vec![Cell::Null; table.columns.len()];
    for (column, cell) in [
        ("opportunity_id", snapshot.cell("opportunity_id").clone()),
        ("field", Cell::text(field)),
        ("old", Cell::Null),
        ("new", Cell::text(snapshot.cell(field).to_string())),
        ("at", snapshot.cell("at").clone()),
        ("actor", snapshot.cell("actor").clone()),
        ("sequence", snapshot.cell("sequence").clone()),
        ("snapshot", snapshot.cell("sequence").clone()),
    ] {
        let slot = table.position(column).and_then(|at| cells.get_mut(at))?;
        *slot = cell;
    }
    Some(Fact {
        table,
        cells,
        carried: (1 << table.columns.len()) - 1,
        place: snapshot.place.clone(),
        version: snapshot.version,
        deleted: snapshot.deleted,
    })
}

/// Drops changes that change nothing and numbers those that have no id, by deal and time, so that
/// a change has the same number in another export.
#[derive(Default)]
pub(crate) struct Changes {
    numbers: HashMap<(Arc<str>, Option<Timestamp>), u32>,
}

impl Changes {
    /// Takes the facts of a row and gives back those that are changes.
    pub(crate) fn add(&mut self, mut facts: Vec<Fact>) -> Vec<Fact> {
        facts.retain(|fact| fact.cell("old").is_null() || fact.cell("old") != fact.cell("new"));
        for fact in &mut facts {
            let Some(at) = fact.table.position("sequence") else { continue };
            let deal: Arc<str> = fact.cell("opportunity_id").to_string().into();
            let when = match fact.cell("at") {
                Cell::Instant(at) => Some(*at),
                _ => None,
            };
            if let Some(slot) = fact.cells.get_mut(at).filter(|cell| cell.is_null()) {
                let number = self.numbers.entry((deal, when)).or_default();
                *number += 1;
                *slot = Cell::text(format!("{number:06}"));
                fact.carried |= 1 << at;
            }
        }
        facts
    }
}

/// Keeps of the facts with one key the one that happened first, also over files and loads: their
/// version is the later, the earlier they happened.
#[derive(Default)]
pub(crate) struct Earliest {
    rows: Vec<(Place, Vec<Fact>)>,
    /// Table and key to the row and the fact in it.
    by_key: HashMap<(&'static str, Arc<str>), (usize, usize)>,
}

impl Earliest {
    /// Takes a row; gives back what is to be handed on at once, `None` where the row waits because
    /// it is the first with one of its keys.
    pub(crate) fn add(&mut self, place: &Place, facts: Vec<Fact>) -> Option<Vec<Fact>> {
        let at = |fact: &Fact| match fact.cell(fact.table.effective) {
            Cell::Instant(at) => Some(*at),
            _ => None,
        };
        let mut waiting = Vec::new();
        for fact in facts {
            let key = (fact.table.name, fact.key());
            let held = self.by_key.get(&key).and_then(|&(row, within)| {
                let (_, facts) = self.rows.get_mut(row)?;
                facts.get_mut(within)
            });
            match held {
                Some(before) if at(before) > at(&fact) => *before = fact,
                Some(_) => {}
                None => {
                    self.by_key.insert(key, (self.rows.len(), waiting.len()));
                    waiting.push(fact);
                }
            }
        }
        if waiting.is_empty() {
            return Some(Vec::new());
        }
        self.rows.push((place.clone(), waiting));
        None
    }

    /// Hands out the facts that stood.
    pub(crate) fn finish(mut self) -> Rows {
        for fact in self.rows.iter_mut().flat_map(|(_, facts)| facts) {
            if let Cell::Instant(at) = fact.cell(fact.table.effective) {
                let mirrored = Timestamp::MAX.as_microsecond().checked_sub(at.as_microsecond());
                fact.version = mirrored.and_then(|at| Timestamp::from_microsecond(at).ok());
            }
        }
        self.rows
    }
}
