//! The rows of one planned file become facts or refusals.
//!
//! Invariant: `rows_read = accepted + refused`, where blank lines are no rows and totals, titles
//! and footers are refused rows with a rule of their own. When an error is returned, whatever was
//! handed out before must be thrown away: a file counts as a whole or not at all.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use domain::fact::{Fact, FactTable, Kept, Refusal, SourceRow};
use domain::{Cell, Decimal, Diagnostic, Place};

use crate::format::{Format, Item, Row, RowFault};
use crate::gather::{Changes, Earliest, Spend, statements};
use crate::kept;
use crate::lookups::Lookups;
use crate::preset::{Read, Shape, Totals};
use crate::recipe::{BoundFact, BoundWhen, DateRule, NumberRule, Positions, Recipe, cell_at};
use crate::settings::{DayOrder, Rejected, Settings};
use crate::survey::Planned;
use crate::value::date::{self, DateStyle, OrderEvidence};
use crate::value::number::{self, Evidence, NumberStyle};
use crate::value::{Fault, Raw, boolean, shown};

mod cells;

pub(crate) use cells::{Cells, constant};

/// What takes the rows of a file; `Break` stops the reading.
pub type Sink<'s> = dyn FnMut(SourceRow) -> ControlFlow<()> + 's;

/// Sum and count of one money column over the accepted facts of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Control {
    /// Table of the facts.
    pub table: &'static str,
    /// Money column.
    pub column: &'static str,
    /// Currency as the facts say; empty where it is assumed.
    pub currency: String,
    /// Facts with an amount.
    pub rows: u64,
    /// Exact sum in major units.
    pub sum: Decimal,
}

/// What reading a file gave.
#[derive(Clone, Default, Debug)]
pub struct FileSummary {
    /// Rows read, blank lines not counted.
    pub rows_read: u64,
    /// Rows accepted.
    pub accepted: u64,
    /// Accepted rows that make no fact of their own: parts of a sum.
    pub without_fact: u64,
    /// Facts made, by table.
    pub facts: BTreeMap<&'static str, u64>,
    /// Rows refused, by rule.
    pub refused: BTreeMap<&'static str, u64>,
    /// Control totals.
    pub controls: Vec<Control>,
    /// What a reader should know: assumed currencies, odd scales, totals that do not agree.
    pub warnings: Vec<Diagnostic>,
}

impl FileSummary {
    /// Returns the number of refused rows.
    pub fn n_refused(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// One kind of remark, counted.
#[derive(Clone, Debug)]
struct Remark {
    count: u64,
    first: Place,
    message: String,
}

/// A totals row as the file declares it.
struct Declared {
    place: Place,
    amount: Decimal,
}

/// The state of reading one file.
struct Reading<'r> {
    planned: &'r Planned,
    recipe: &'r Recipe,
    settings: &'r Settings,
    cells: Cells<'r>,
    summary: FileSummary,
    controls: BTreeMap<(&'static str, &'static str, Arc<str>), (u64, Decimal)>,
    positions: Vec<(&'static FactTable, Positions)>,
    no_currency: Arc<str>,
    remarks: BTreeMap<&'static str, Remark>,
    first_faults: Vec<String>,
    last_fault: Option<(u64, &'static str)>,
    declared: Vec<Declared>,
    spend: Spend,
    changes: Changes,
    earliest: Earliest,
    stopped: bool,
    sink: &'r mut Sink<'r>,
}

impl Planned {
    /// Reads the file and hands out its rows in order; rows whose facts are sums or changes come at
    /// the end.
    ///
    /// Files for lookups hand out what they hold as facts of an internal table; files that make no
    /// facts read nothing.
    pub(crate) fn read_rows(
        &self,
        settings: &Settings,
        lookups: &Lookups,
        sink: &mut Sink<'_>,
    ) -> Result<FileSummary, Rejected> {
        let recipe = &self.recipe;
        if let Shape::Skip(_) = recipe.shape {
            return Ok(FileSummary::default());
        }
        let (numbers, dates) = self.decide(settings)?;
        let mut forward = |row: SourceRow| sink(row);
        let mut reading = Reading {
            planned: self,
            recipe,
            settings,
            cells: Cells::new(recipe, settings, lookups, numbers, dates),
            summary: FileSummary::default(),
            controls: BTreeMap::new(),
            positions: Vec::new(),
            no_currency: "".into(),
            remarks: BTreeMap::new(),
            first_faults: Vec::new(),
            last_fault: None,
            declared: Vec::new(),
            spend: Spend::default(),
            changes: Changes::default(),
            earliest: Earliest::default(),
            stopped: false,
            sink: &mut forward,
        };
        let (tail, unknown) = self.each_item(settings, &mut |item| reading.item(item))?;
        reading.finish(tail.open, &unknown)
    }

    /// Decides on the decimal mark and the order of day and month, where the layout leaves them
    /// open.
    fn decide(&self, settings: &Settings) -> Result<(NumberStyle, DateStyle), Rejected> {
        let recipe = &self.recipe;
        let mut style = DateStyle {
            order: None,
            zone: recipe.zone.clone(),
            day_zone: settings.zone.clone(),
            epoch_milliseconds: recipe.epoch_milliseconds,
            epoch_seconds: recipe.epoch_seconds,
            compact: recipe.compact,
            spreadsheet: recipe.spreadsheet,
        };
        let decide_numbers = matches!(recipe.numbers, NumberRule::Decide);
        let decide_dates = matches!(recipe.dates, DateRule::Decide);
        let mut numbers = match recipe.numbers {
            NumberRule::Style(style) => style,
            NumberRule::Decide => NumberStyle::POINT,
        };
        if let DateRule::Order(order) = recipe.dates {
            style.order = order;
        }
        if !decide_numbers && !decide_dates {
            return Ok((numbers, style));
        }
        let mut seen = Seen::default();
        let columns: Vec<(usize, Read)> = recipe
            .facts
            .iter()
            .flat_map(|fact| &fact.columns)
            .flat_map(|column| column.sources.iter().map(|&at| (at, column.read)))
            .collect();
        self.each_item(settings, &mut |item| {
            if let Item::Row(row) = item
                && (row.len() == self.header.len() || !self.delimited())
            {
                for &(at, read) in &columns {
                    if let Raw::Text(text) = row.get(at) {
                        seen.look(text, read, row.line);
                    }
                }
            }
            Ok(true)
        })?;
        if decide_numbers {
            numbers = match (&seen.point, &seen.comma, &seen.open_number) {
                (Some((a, line_a)), Some((b, line_b)), _) => {
                    return Err(self.doubt(
                        "csv.decimal-mixed",
                        format!("`{a}` in line {line_a} has a decimal point, `{b}` in line {line_b} a decimal comma"),
                        "Export the file again in one language, or write a mapping with `decimal`.",
                    ));
                }
                (None, Some(_), _) => NumberStyle::COMMA,
                (Some(_), None, _) | (None, None, None) => NumberStyle::POINT,
                (None, None, Some((text, line))) => {
                    return Err(self.doubt(
                        "value.number-ambiguous",
                        format!("ambiguous number `{text}` in line {line}: the mark may be decimal or thousands"),
                        "Say which decimal mark the file uses: `decimal = \".\"` or `\",\"` in a mapping.",
                    ));
                }
            };
        }
        if decide_dates {
            style.order = match (&seen.day_first, &seen.month_first, &seen.open_date) {
                (Some((a, line_a)), Some((b, line_b)), _) => {
                    return Err(self.doubt(
                        "value.date-mixed",
                        format!("`{a}` in line {line_a} has the day first, `{b}` in line {line_b} the month"),
                        "Export the file again in one language.",
                    ));
                }
                (Some(_), None, _) => Some(DayOrder::DayFirst),
                (None, Some(_), _) => Some(DayOrder::MonthFirst),
                (None, None, Some((text, line))) if settings.day_order.is_none() => {
                    return Err(self.doubt(
                        "value.date-ambiguous",
                        format!("ambiguous date `{text}` in line {line}: no date of the file has a day above 12"),
                        "Say which comes first with the day order of the load.",
                    ));
                }
                _ => settings.day_order,
            };
        }
        Ok((numbers, style))
    }

    fn doubt(&self, code: &'static str, message: String, hint: &str) -> Rejected {
        Diagnostic::error(code, message).at(Place::file(Arc::clone(&self.name))).hint(hint).into()
    }
}

/// What was seen of numbers and dates that need a decision.
#[derive(Default)]
struct Seen {
    point: Option<(String, u64)>,
    comma: Option<(String, u64)>,
    open_number: Option<(String, u64)>,
    day_first: Option<(String, u64)>,
    month_first: Option<(String, u64)>,
    open_date: Option<(String, u64)>,
}

impl Seen {
    fn look(&mut self, text: &str, read: Read, line: u64) {
        let text = text.trim();
        let slot = match read {
            Read::Amount
            | Read::Micros
            | Read::Count
            | Read::Percent
            | Read::Fraction
            | Read::Rate
            | Read::Integer => {
                if !text.bytes().any(|b| b.is_ascii_digit()) {
                    return;
                }
                match number::evidence(text) {
                    Evidence::Point => &mut self.point,
                    Evidence::Comma => &mut self.comma,
                    // A whole number has no decimals: its mark stands between thousands.
                    Evidence::Open if read == Read::Integer && text.contains(',') => {
                        &mut self.point
                    }
                    Evidence::Open if read == Read::Integer => &mut self.comma,
                    Evidence::Open => &mut self.open_number,
                    Evidence::None => return,
                }
            }
            Read::Day | Read::Instant | Read::Month => match date::evidence(text) {
                OrderEvidence::DayFirst if !text.contains('.') => &mut self.day_first,
                OrderEvidence::MonthFirst if !text.contains('.') => &mut self.month_first,
                OrderEvidence::Open if !text.contains('.') => &mut self.open_date,
                _ => return,
            },
            _ => return,
        };
        if slot.is_none() {
            *slot = Some((shown(text), line));
        }
    }
}

impl Reading<'_> {
    fn place(&self, line: u64) -> Place {
        Place::line(Arc::clone(&self.planned.name), line)
    }

    fn item(&mut self, item: Item<'_>) -> Result<bool, Rejected> {
        self.summary.rows_read += 1;
        match item {
            Item::Fault(fault) => self.unreadable(fault),
            Item::Row(row) => self.row(&row)?,
        }
        Ok(!self.stopped)
    }

    fn row(&mut self, row: &Row<'_>) -> Result<(), Rejected> {
        if let Some((rule, message)) = self.no_data(row) {
            let refusal = Refusal::new(self.place(row.line), rule, message)
                .hint("Nothing is missing: this row is no record. Export details only to leave it out.")
                .excerpt(&row.excerpt())
                .kept(Kept { raw: self.raw(row), ..Kept::default() });
            self.refuse(refusal, false);
            return Ok(());
        }
        let expected = self.planned.header.len();
        if self.planned.delimited() && row.len() != expected {
            let refusal = Refusal::new(
                self.place(row.line),
                "csv.field-count",
                format!("expected {expected} fields, found {}", row.len()),
            )
            .hint("Put quotes around fields that contain the separator; values are never moved into other columns.")
            .excerpt(&row.excerpt())
            .kept(Kept { raw: self.raw(row), table: self.table(None), ..Kept::default() });
            self.last_fault = (row.len() < expected).then_some((row.line, "csv.field-count"));
            self.refuse(refusal, true);
            return Ok(());
        }
        self.last_fault = None;
        if let Some(refusal) = self.faulty(row) {
            self.refuse(refusal, true);
            return Ok(());
        }
        match self.facts(row) {
            Ok(facts) => self.accept(row, facts),
            Err((fault, source)) if fault.fatal => {
                Err(Diagnostic::error(fault.rule, fault.message)
                    .at(self.place(row.line))
                    .hint(self.with_column(fault.hint, source))
                    .into())
            }
            Err((fault, source)) => {
                let mut refusal = Refusal::new(self.place(row.line), fault.rule, fault.message);
                if let Some(name) = source.and_then(|at| self.planned.header.get(at)) {
                    refusal = refusal.column(Arc::clone(name));
                }
                refusal.hint = fault.hint;
                let excerpt =
                    source.map_or_else(|| row.excerpt(), |at| shown(&row.get(at).to_plain()));
                let kept = self.keep(row);
                self.refuse(refusal.excerpt(&excerpt).kept(kept), true);
                Ok(())
            }
        }
    }

    /// Writes a row as it is kept.
    fn raw(&self, row: &Row<'_>) -> String {
        match self.planned.format {
            Format::Delimited(separator) if row.len() != self.planned.header.len() => {
                kept::line(row, char::from(separator))
            }
            _ => kept::pairs(&self.planned.header, row),
        }
    }

    /// Names the table that a row is for: the first of the layout whose condition it meets.
    fn table(&self, row: Option<&Row<'_>>) -> Option<&'static str> {
        let meant = |fact: &&BoundFact| row.is_none_or(|row| holds(fact.when.as_ref(), row));
        let name = self.recipe.facts.iter().find(meant).map(|fact| fact.table.name);
        match name {
            Some("lookup") => None,
            Some("snapshot") => Some("opportunity_event"),
            name => name,
        }
    }

    /// Keeps a row whose columns are known, with the money that it states.
    fn keep(&mut self, row: &Row<'_>) -> Kept {
        let mut kept = Kept { raw: self.raw(row), table: self.table(Some(row)), ..Kept::default() };
        let recipe = self.recipe;
        let Some(fact) = recipe.facts.iter().find(|fact| Some(fact.table.name) == kept.table)
        else {
            return kept;
        };
        let mut read = |to: Option<usize>| {
            let column = fact.columns.iter().find(|column| Some(column.to) == to)?;
            self.cells.value(column, row, &mut Vec::new()).ok()
        };
        if let Some(Cell::Decimal(amount)) = read(fact.at.amount) {
            kept.amount = Some(amount);
        }
        if let Some(Cell::Text(currency)) = read(fact.at.currency) {
            kept.currency = Some(currency);
        }
        kept
    }

    /// Says what is wrong with a row that was found faulty when it was staged.
    fn faulty(&mut self, row: &Row<'_>) -> Option<Refusal> {
        let (fault, property) = self.recipe.fault?;
        let fault = row.get(fault);
        let message = fault.as_text()?;
        let refusal = Refusal::new(self.place(row.line), "singer.record", message)
            .hint("Mend the record at its source, or the schema that the tap states for it.")
            .excerpt(&row.excerpt())
            .kept(self.keep(row));
        let property = property.and_then(|at| row.get(at).as_text().map(Arc::from));
        Some(match property {
            Some(property) => refusal.column(property),
            None => refusal,
        })
    }

    fn with_column(&self, hint: Option<String>, source: Option<usize>) -> String {
        let name = source.and_then(|at| self.planned.header.get(at));
        match (hint, name) {
            (Some(hint), Some(name)) => format!("{hint} The column is `{name}`."),
            (Some(hint), None) => hint,
            (None, Some(name)) => format!("Look at the column `{name}`."),
            (None, None) => String::new(),
        }
    }

    /// Recognizes rows that are no records: totals, titles, footers.
    fn no_data(&mut self, row: &Row<'_>) -> Option<(&'static str, String)> {
        match self.recipe.totals {
            Totals::None => None,
            Totals::Report => {
                if row.len() != 1 || self.planned.header.len() < 3 {
                    return None;
                }
                let text = row.get(0).to_plain();
                let text = text.trim();
                let id = matches!(text.len(), 15 | 18)
                    && text.bytes().all(|b| b.is_ascii_alphanumeric());
                if id {
                    return None;
                }
                let lower = text.to_lowercase();
                let total = ["grand total", "total", "subtotal", "gesamtsumme", "summe"]
                    .iter()
                    .any(|t| lower.starts_with(t));
                if total {
                    let counted: String = lower.chars().filter(char::is_ascii_digit).collect();
                    let counted: Option<u64> =
                        if lower.contains("record") { counted.parse().ok() } else { None };
                    if let Some(counted) = counted.filter(|&n| n != self.summary.rows_read - 1) {
                        let place = self.place(row.line);
                        let read = self.summary.rows_read - 1;
                        self.remark("totals.mismatch", &place, || {
                            format!("the totals row counts {counted} records, {read} were read")
                        });
                    }
                    return Some(("totals-row", format!("a totals row: `{}`", shown(text))));
                }
                Some(("footer", format!("a line of text around the report: `{}`", shown(text))))
            }
            Totals::Ads => self.ads_totals(row),
        }
    }

    fn ads_totals(&mut self, row: &Row<'_>) -> Option<(&'static str, String)> {
        let spend = self.recipe.facts.iter().find(|fact| fact.table.name == "spend")?;
        let source = |name: &str| {
            let to = spend.table.position(name)?;
            spend.columns.iter().find(|column| column.to == to)
        };
        let empty = |name: &str| {
            source(name).is_some_and(|column| {
                !column.sources.is_empty()
                    && column
                        .sources
                        .iter()
                        .all(|&at| self.cells.empty(row.get(at), &column.empties))
            })
        };
        let first = row.get(0).to_plain();
        let label = first.trim().to_lowercase();
        if label.starts_with('©') || label.starts_with("(c) ") {
            return Some((
                "footer",
                format!("a line of text around the report: `{}`", shown(&first)),
            ));
        }
        let named =
            ["total", "grand total", "gesamt", "totales"].iter().any(|t| label.starts_with(t));
        let nameless = empty("program_id") && !row.is_empty() && row.len() > 1;
        let total = nameless || (named && empty("day"));
        if !total {
            return None;
        }
        // Parts of a total, such as `Total: Search`, are not compared.
        let whole = matches!(
            label.as_str(),
            "total" | "grand total" | "total: account" | "total: campaigns" | "gesamt" | "totales"
        ) || !named;
        let to = spend.table.position("amount")?;
        let column = spend.columns.iter().find(|column| column.to == to)?;
        if whole && let Ok(Cell::Decimal(amount)) = self.cells.value(column, row, &mut Vec::new()) {
            self.declared.push(Declared { place: self.place(row.line), amount });
        }
        Some(("totals-row", "a totals row, not the spend of a day".into()))
    }

    /// Makes the facts of a row, or says which value stands against it.
    fn facts(&mut self, row: &Row<'_>) -> Result<Vec<Fact>, (Fault, Option<usize>)> {
        let place = self.place(row.line);
        let mut deleted = false;
        if let Some(at) = self.recipe.deleted {
            deleted = match row.get(at) {
                Raw::Missing => false,
                Raw::Boolean(value) => value,
                Raw::Text(text) if text.trim().is_empty() => false,
                // A time of deletion says as much as a `true`.
                raw => raw.as_text().is_none_or(|text| boolean(text).unwrap_or(true)),
            };
        }
        if let Some(at) = self.recipe.current {
            let history = self.recipe.shape == Shape::Snapshots;
            let old = row.get(at).as_text().is_some_and(|text| boolean(text) == Ok(false))
                || row.get(at) == Raw::Boolean(false);
            if old && !history {
                return Ok(Vec::new());
            }
        }
        let version = self
            .recipe
            .version
            .iter()
            .find_map(|&at| self.cells.instant(row.get(at)).ok().flatten());
        let mut facts = Vec::with_capacity(self.recipe.facts.len());
        let mut remarks = Vec::new();
        for rule in &self.recipe.facts {
            if !holds(rule.when.as_ref(), row) {
                continue;
            }
            if let Some((to, at)) = rule.split {
                for part in parts(row.get(at)) {
                    let mut fact = self.cells.fact(rule, row, &place, &mut remarks)?;
                    if let Some(cell) = fact.cells.get_mut(to) {
                        *cell = Cell::text(part);
                    }
                    fact.version = version;
                    fact.deleted = deleted;
                    if !skipped(rule, &fact) {
                        facts.push(fact);
                    }
                }
                continue;
            }
            let mut fact = self.cells.fact(rule, row, &place, &mut remarks)?;
            fact.version = version;
            fact.deleted = deleted || rule.withdraws;
            if skipped(rule, &fact) {
                continue;
            }
            self.cells.complete(rule, &mut fact, row, &mut remarks)?;
            if self.recipe.shape == Shape::Changes && !self.rewrite(rule, &mut fact)? {
                continue;
            }
            facts.push(fact);
        }
        if let (Some(until), Shape::Spend) = (self.recipe.until, self.recipe.shape) {
            self.cells.one_day(row, until, &facts)?;
        }
        for (rule, message) in remarks {
            self.remark(rule, &place, || message);
        }
        Ok(facts)
    }

    /// Brings the values of a change into the form of its field; false where it says nothing.
    fn rewrite(&self, rule: &BoundFact, fact: &mut Fact) -> Result<bool, (Fault, Option<usize>)> {
        let field = fact.cell("field").to_string();
        for name in ["old", "new"] {
            let Some(at) = fact.table.position(name) else { continue };
            let Some(Cell::Text(text)) = fact.cells.get(at).cloned() else { continue };
            let source =
                rule.columns.iter().find(|c| c.to == at).and_then(|c| c.sources.first().copied());
            match self.cells.change(&field, &text).map_err(|fault| (fault, source))? {
                None => return Ok(false),
                Some(cell) => {
                    if let Some(slot) = fact.cells.get_mut(at) {
                        *slot = cell;
                    }
                }
            }
        }
        Ok(true)
    }

    fn accept(&mut self, row: &Row<'_>, facts: Vec<Fact>) -> Result<(), Rejected> {
        let place = self.place(row.line);
        self.summary.accepted += 1;
        match self.recipe.shape {
            Shape::Spend => {
                if let Some(facts) = self.spend.add(&place, facts, self.settings.currency)? {
                    self.emit(place, facts)?;
                }
            }
            Shape::Snapshots => self.emit(place, statements(facts))?,
            Shape::Changes => {
                let facts = self.changes.add(facts);
                self.emit(place, facts)?;
            }
            Shape::Earliest => {
                if let Some(facts) = self.earliest.add(&place, facts) {
                    self.emit(place, facts)?;
                }
            }
            _ => self.emit(place, facts)?,
        }
        Ok(())
    }

    /// Hands out an accepted row and adds its money to the control totals.
    fn emit(&mut self, place: Place, facts: Vec<Fact>) -> Result<(), Rejected> {
        if facts.is_empty() {
            self.summary.without_fact += 1;
        }
        for fact in &facts {
            *self.summary.facts.entry(fact.table.name).or_default() += 1;
            if fact.deleted {
                continue;
            }
            let known = self.positions.iter().find(|(table, _)| std::ptr::eq(*table, fact.table));
            let at = if let Some((_, at)) = known {
                *at
            } else {
                let at = Positions::of(fact.table);
                self.positions.push((fact.table, at));
                at
            };
            if let Cell::Instant(when) = cell_at(&fact.cells, at.effective)
                && self.settings.now.is_some_and(|now| *when > now)
            {
                self.remark("value.time-future", &place, || {
                    format!("time in the future: `{when}`; it counts from that day on")
                });
            }
            for (name, position) in at.money {
                let Cell::Decimal(amount) = cell_at(&fact.cells, position) else { continue };
                let currency = match cell_at(&fact.cells, at.currency) {
                    Cell::Text(code) => Arc::clone(code),
                    _ => Arc::clone(&self.no_currency),
                };
                let key = (fact.table.name, name, currency);
                let slot = self.controls.entry(key).or_insert((0, Decimal::ZERO));
                slot.0 += 1;
                slot.1 = slot.1.checked_add(*amount).ok_or_else(|| {
                    Rejected::from(
                        Diagnostic::error(
                            "value.sum-limit",
                            "the sum of the amounts is beyond 28 digits",
                        )
                        .at(place.clone()),
                    )
                })?;
            }
        }
        if let ControlFlow::Break(()) = (self.sink)(SourceRow::Accepted { place, facts }) {
            self.stopped = true;
        }
        Ok(())
    }

    fn unreadable(&mut self, fault: RowFault) {
        let message = fault.message.clone();
        let mut refusal = Refusal::new(self.place(fault.line), fault.rule, message);
        let name = fault
            .column
            .clone()
            .or_else(|| fault.cell.and_then(|at| self.planned.header.get(at)).map(Arc::clone));
        if let Some(name) = name {
            refusal = refusal.column(name);
        }
        refusal.hint.clone_from(&fault.hint);
        self.last_fault = Some((fault.line, fault.rule));
        let raw = kept::broken(&self.planned.header, &fault);
        let kept = Kept { raw, table: self.table(None), ..Kept::default() };
        self.refuse(refusal.excerpt(&fault.excerpt).kept(kept), true);
    }

    fn refuse(&mut self, refusal: Refusal, counts: bool) {
        *self.summary.refused.entry(refusal.rule).or_default() += 1;
        if counts && self.first_faults.len() < 5 {
            let column =
                refusal.column.as_deref().map(|c| format!(", column `{c}`")).unwrap_or_default();
            self.first_faults
                .push(format!("line {}{column}: {}", refusal.place.line, refusal.message));
        }
        if let ControlFlow::Break(()) = (self.sink)(SourceRow::Refused(refusal)) {
            self.stopped = true;
        }
    }

    fn remark(&mut self, rule: &'static str, place: &Place, message: impl FnOnce() -> String) {
        if let Some(remark) = self.remarks.get_mut(rule) {
            remark.count += 1;
        } else {
            let remark = Remark { count: 1, first: place.clone(), message: message() };
            self.remarks.insert(rule, remark);
            self.cells.remarked.push(rule);
        }
    }

    fn finish(mut self, open_end: bool, unknown: &[String]) -> Result<FileSummary, Rejected> {
        if !self.stopped {
            for (place, facts) in std::mem::take(&mut self.spend).finish() {
                self.emit(place, facts)?;
            }
            for (place, facts) in std::mem::take(&mut self.earliest).finish() {
                self.emit(place, facts)?;
            }
        }
        let name = Arc::clone(&self.planned.name);
        let cut = self
            .last_fault
            .filter(|(_, rule)| matches!(*rule, "csv.field-count" | "ndjson.syntax"));
        if let (true, Some((line, _))) = (open_end, cut) {
            let what = "file may be truncated: its last line is incomplete";
            let place = Place::line(Arc::clone(&name), line);
            let hint = "Export the file again and compare the number of rows.";
            if self.settings.strict {
                return Err(Diagnostic::error("csv.truncated", what).at(place).hint(hint).into());
            }
            self.summary
                .warnings
                .push(Diagnostic::warning("csv.truncated", what).at(place).hint(hint));
        }
        let faults: u64 = self
            .summary
            .refused
            .iter()
            .filter(|(rule, _)| !matches!(**rule, "totals-row" | "footer"))
            .map(|(_, count)| count)
            .sum();
        let limits = &self.settings.limits;
        let share = faults as f64 / (self.summary.rows_read.max(1)) as f64;
        if faults > limits.refused_floor && share > limits.refused_share {
            return Err(Diagnostic::error(
                "intake.too-many-refused",
                format!(
                    "{faults} of {} rows cannot be read, more than {} percent; {}",
                    self.summary.rows_read,
                    limits.refused_share * 100.0,
                    self.first_faults.join("; ")
                ),
            )
            .at(Place::file(name))
            .hint("Mend the export or the mapping; nothing of this file was loaded.")
            .into());
        }
        if self.summary.rows_read == 0 {
            self.summary.warnings.push(
                Diagnostic::warning("intake.no-rows", "the file has a header and no rows")
                    .at(Place::file(Arc::clone(&name))),
            );
        }
        for (rule, remark) in std::mem::take(&mut self.remarks) {
            let more = match remark.count {
                1 => String::new(),
                n => format!(" (and {} more)", n - 1),
            };
            self.summary.warnings.push(
                Diagnostic::warning(rule, format!("{}{more}", remark.message)).at(remark.first),
            );
        }
        let spent: Decimal = self
            .controls
            .iter()
            .filter(|((table, column, _), _)| *table == "spend" && *column == "amount")
            .fold(Decimal::ZERO, |sum, (_, (_, part))| sum + part);
        for declared in &self.declared {
            if declared.amount != spent {
                self.summary.warnings.push(
                    Diagnostic::warning(
                        "totals.mismatch",
                        format!(
                            "the totals row says {}, the rows add up to {spent}",
                            declared.amount
                        ),
                    )
                    .at(declared.place.clone())
                    .hint("Look for rows that the export left out."),
                );
            }
        }
        if !unknown.is_empty() {
            self.summary.warnings.push(
                Diagnostic::warning(
                    "intake.new-columns",
                    format!(
                        "keys that the head of the file does not have are not read: {}",
                        unknown.join(", ")
                    ),
                )
                .at(Place::file(name)),
            );
        }
        self.summary.controls = self
            .controls
            .into_iter()
            .map(|((table, column, currency), (rows, sum))| Control {
                table,
                column,
                currency: currency.to_string(),
                rows,
                sum,
            })
            .collect();
        Ok(self.summary)
    }
}

/// True where a row makes the fact of a rule.
fn holds(when: Option<&BoundWhen>, row: &Row<'_>) -> bool {
    let truth = |at: &usize| match row.get(*at) {
        Raw::Boolean(value) => value,
        raw => raw.as_text().is_some_and(|text| boolean(text) == Ok(true)),
    };
    match when {
        None => true,
        Some(BoundWhen::True(columns)) => columns.iter().any(truth),
        Some(BoundWhen::NotTrue(columns)) => !columns.iter().any(truth),
        Some(BoundWhen::OneOf(at, texts)) => {
            let text = row.get(*at).to_plain();
            texts.iter().any(|t| t.eq_ignore_ascii_case(text.trim()))
        }
        Some(BoundWhen::NotOneOf(at, texts)) => {
            let text = row.get(*at).to_plain();
            !texts.iter().any(|t| t.eq_ignore_ascii_case(text.trim()))
        }
    }
}

/// True where a fact lacks what it cannot be without.
fn skipped(rule: &BoundFact, fact: &Fact) -> bool {
    rule.needs.iter().any(|&at| fact.cells.get(at).is_none_or(Cell::is_null))
}

/// Splits a list of identifiers: `1;2;3`, a number, or a JSON list.
fn parts(raw: Raw<'_>) -> Vec<String> {
    let text = raw.to_plain();
    text.trim_matches(['[', ']'])
        .split([';', ','])
        .map(|part| part.trim().trim_matches('"').to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// Interns texts of few values, so that a column of stages holds each stage once.
#[derive(Default)]
pub(crate) struct Interner {
    known: HashMap<Box<str>, Arc<str>>,
    full: bool,
}

impl Interner {
    pub(crate) fn get(&mut self, text: &str) -> Arc<str> {
        self.get_or(text, |text| Arc::<str>::from(text))
    }

    /// Interns what a function makes of texts, so that it is asked once for each.
    pub(crate) fn get_or<T: Into<Arc<str>>>(
        &mut self,
        text: &str,
        make: impl FnOnce(&str) -> T,
    ) -> Arc<str> {
        if self.full || text.len() > 64 {
            return make(text).into();
        }
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = make(text).into();
        self.known.insert(text.into(), Arc::clone(&shared));
        if self.known.len() >= 4096 {
            // A column of identifiers: remembering more costs more than it saves.
            self.known.clear();
            self.full = true;
        }
        shared
    }
}
