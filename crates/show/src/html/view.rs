//! Figures, tables and notes as the templates want them: written, linked, with their exact values.

use std::collections::BTreeMap;

use domain::answer::{Asked, Entry, Figure, Interval, Table};
use domain::definition::check::model_name;
use domain::{Answer, Period, Value};

use super::around::Links;
use super::shell::Scope;
use crate::number::{self, Form, Scale};

/// Figures that are shown large at the head of a question.
const LEADS: usize = 4;
/// Columns of a table from which on print gives it a page across, and the pack splits it.
const WIDE: usize = 9;
const YEAR_AGO: &str = "a year ago";

/// A value as it is shown.
#[derive(Default)]
pub(super) struct Shown {
    /// The value without its currency; empty where there is none.
    pub(super) text: String,
    /// The currency before it.
    pub(super) unit: String,
    /// The value for programs.
    pub(super) exact: String,
    /// The exact amount in words, where the text is shortened.
    pub(super) full: String,
    /// Its range.
    pub(super) range: String,
    /// Where it opens.
    pub(super) href: String,
    /// What the link says to whoever does not see the row and column.
    pub(super) opens: String,
    /// Why there is none.
    pub(super) reason: String,
    /// The number of the note that says why there is none.
    pub(super) note: usize,
}

/// Reasons why values are missing, numbered in the order in which they are met.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) reasons: Vec<String>,
}

impl Notes {
    fn number(&mut self, reason: &str) -> usize {
        let reason = sentence(reason);
        let known = self.reasons.iter().position(|known| *known == reason);
        known.unwrap_or_else(|| {
            self.reasons.push(reason);
            self.reasons.len() - 1
        }) + 1
    }
}

/// How a value is to be written.
#[derive(Clone, Copy)]
pub(super) struct Manner<'a> {
    pub(super) scale: Scale,
    pub(super) form: Form,
    /// The currency that need not be said.
    pub(super) known: Option<&'a str>,
}

/// Writes a value.
pub(super) fn shown(
    value: &Value,
    range: Option<&Interval>,
    manner: Manner<'_>,
    notes: &mut Notes,
) -> Shown {
    let Some(text) = number::value(value, manner.scale, manner.form) else {
        let reason = number::missing(value).unwrap_or_else(|| "there is no value".to_owned());
        let note = notes.number(&reason);
        return Shown { reason, note, ..Shown::default() };
    };
    let text = minus(&text);
    let code = match value {
        Value::Money(money) if manner.known != Some(money.currency_code()) => {
            money.currency.to_string()
        }
        _ => String::new(),
    };
    let whole = whole(value);
    let range = range.and_then(|range| number::range(range, value, manner.scale, true));
    Shown {
        full: if whole == text { String::new() } else { whole },
        exact: exact(value),
        unit: code,
        range: range.map(|range| minus(&range)).unwrap_or_default(),
        text,
        ..Shown::default()
    }
}

/// The value for programs: money and counts exactly, shares from 0 to 1.
fn exact(value: &Value) -> String {
    match value {
        Value::Money(money) => money.amount_text(),
        Value::Count(count) => count.to_string(),
        Value::Decimal(count) => count.normalize().to_string(),
        other => other.number().map(|x| x.to_string()).unwrap_or_default(),
    }
}

/// The value with all its digits, for whoever points at it.
fn whole(value: &Value) -> String {
    match value {
        Value::Money(money) => {
            format!("{} {}", money.currency, minus(&number::grouped(&money.amount_text())))
        }
        Value::Count(count) => minus(&number::grouped(&count.to_string())),
        Value::Decimal(count) => minus(&number::grouped(&count.normalize().to_string())),
        // Parts of amounts are minor units, which say nothing.
        Value::Share { of, total } if *total < 1_000_000 => {
            format!(
                "{} of {}",
                number::grouped(&of.to_string()),
                number::grouped(&total.to_string())
            )
        }
        _ => String::new(),
    }
}

/// Writes a minus where a hyphen stands before a digit.
pub fn minus(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let starts = matches!(before, ' ' | '(' | '>' | '~');
        let digit = chars.peek().is_some_and(char::is_ascii_digit);
        out.push(if c == '-' && starts && digit { '−' } else { c });
        before = c;
    }
    out
}

/// The name of a column, question or dimension as words: `closed_on` is `Closed on`.
pub(super) fn capital(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut chars = words.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars.as_str().chars()).collect()
}

/// Begins with a capital letter and ends with a full stop.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    let stop = if text.is_empty() || text.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    first.chain(chars).chain(stop.chars()).collect()
}

/// A figure with what it is compared with.
pub(super) struct FigureView {
    /// Unique in the page.
    pub(super) anchor: String,
    pub(super) label: String,
    pub(super) meaning: String,
    pub(super) word: String,
    pub(super) value: Shown,
    pub(super) money: bool,
    pub(super) target: Option<TargetView>,
    pub(super) compared: Vec<Compared>,
    /// A small line over the last periods.
    pub(super) spark: String,
}

impl FigureView {
    /// The comparison with a period, where there is one.
    pub(super) fn with(&self, with: &str) -> Option<&Compared> {
        self.compared.iter().find(|one| one.with == with)
    }
}

/// How a value stands to its target.
pub(super) struct TargetView {
    pub(super) text: String,
    /// Which part of it is reached, `67%`.
    pub(super) part: String,
    /// The word: below, on or above target.
    pub(super) word: &'static str,
    /// The shape beside the word.
    pub(super) shape: &'static str,
    pub(super) class: &'static str,
    /// What is missing, in words: `1,312,916 short`.
    pub(super) gap: String,
}

/// How a value stands to an earlier one.
pub(super) struct Compared {
    /// `2026Q3`, or `a year ago`.
    pub(super) with: String,
    pub(super) text: String,
    pub(super) change: String,
    /// `up`, `down`, `unchanged`; empty where no change can be told.
    pub(super) word: &'static str,
}

/// The figures of an answer: the first ones large, the others as a list.
pub(super) struct Figures {
    pub(super) leads: Vec<FigureView>,
    pub(super) others: Vec<FigureView>,
    /// Columns of the list that hold anything.
    pub(super) has: Columns,
    /// The caption of the list, with the currency that is not repeated in it.
    pub(super) title: String,
    pub(super) notes: Vec<String>,
}

#[derive(Default)]
pub(super) struct Columns {
    pub(super) range: bool,
    pub(super) target: bool,
    pub(super) spark: bool,
    /// What is compared with, and the heading of its column.
    pub(super) compared: Vec<(String, String)>,
}

/// Writes the figures of an answer; `prefix` makes anchors unique where several answers share a
/// page.
pub(super) fn figures(answer: &Answer, links: &Links<'_>, prefix: &str, all_lead: bool) -> Figures {
    let leading = leading(answer, if all_lead { 2 * LEADS } else { LEADS });
    let mut notes = Notes::default();
    let (mut leads, mut others) = (Vec::new(), Vec::new());
    for (at, figure) in answer.figures.iter().enumerate() {
        let lead = leading.contains(&at);
        let form = if lead { Form::Short } else { Form::Long };
        let view = one_figure(figure, answer, links, prefix, form, &mut notes);
        if lead { leads.push(view) } else { others.push(view) }
    }
    let mut compared: Vec<(String, String)> = Vec::new();
    for one in others.iter().flat_map(|figure: &FigureView| &figure.compared) {
        if !compared.iter().any(|(with, _)| *with == one.with) {
            let heading = if one.with == YEAR_AGO { "Year ago" } else { &one.with };
            compared.push((one.with.clone(), heading.to_owned()));
        }
    }
    let has = Columns {
        range: others.iter().any(|figure| !figure.value.range.is_empty()),
        target: others.iter().any(|figure| figure.target.is_some()),
        spark: others.iter().any(|figure| !figure.spark.is_empty()),
        compared,
    };
    let money = others.iter().any(|figure| figure.money && figure.value.unit.is_empty());
    let currency = if money { answer.asked.currency.code() } else { "" };
    let title = with_unit("More figures", currency);
    Figures { leads, others, has, title, notes: notes.reasons }
}

/// Which figures are shown large: the first ones. Each answer has those first that tell most.
pub fn leading(answer: &Answer, most: usize) -> Vec<usize> {
    (0..answer.figures.len().min(most)).collect()
}

fn one_figure(
    figure: &Figure,
    answer: &Answer,
    links: &Links<'_>,
    prefix: &str,
    form: Form,
    notes: &mut Notes,
) -> FigureView {
    let scope = links.scope;
    let beside = [&figure.previous, &figure.year_ago, &figure.target];
    let scale = Scale::of(beside.into_iter().flatten().chain([&figure.value]));
    // A large figure says its currency, a list says it once.
    let known = (form == Form::Long).then(|| answer.asked.currency.code());
    let manner = Manner { scale, form, known };
    let mut value = shown(&figure.value, figure.interval.as_ref(), manner, notes);
    if figure.evidence.is_some() {
        value.href = links.rows(answer.question, &figure.id);
        value.opens = format!("{}: open its rows", figure.label);
    }
    let before = period(&answer.asked.previous);
    let compared = [
        (figure.previous.as_ref(), before.as_str(), "previous"),
        (figure.year_ago.as_ref(), YEAR_AGO, "year"),
    ];
    let compared = compared
        .into_iter()
        .filter(|(_, _, word)| scope.compares(word))
        .filter_map(|(other, with, _)| compare(&figure.value, other?, with, scale, form))
        .collect();
    let target = figure.target.as_ref().filter(|_| scope.compares("target"));
    let mut meaning = sentence(&figure.meaning);
    if let Some(range) = &figure.interval {
        let level = number::number(range.level * 100.0, 0).unwrap_or_default();
        meaning = format!(
            "{meaning} Its range holds the true value with {level}% probability ({}).",
            range.method
        );
    }
    FigureView {
        anchor: format!("{prefix}{}", figure.id),
        label: figure.label.clone(),
        meaning,
        word: links.word(&figure.id),
        money: matches!(figure.value, Value::Money(_)),
        target: target.and_then(|target| against(figure, target, &answer.asked, scale, form)),
        compared,
        spark: super::draw::spark(figure, &format!("t-{prefix}{}", figure.id)),
        value,
    }
}

fn compare(now: &Value, other: &Value, with: &str, scale: Scale, form: Form) -> Option<Compared> {
    let text = minus(&number::value(other, scale, form)?);
    let change = number::change(now, other).map(|change| minus(&change)).unwrap_or_default();
    let word = match change.chars().next() {
        Some('+') => "up",
        Some('−') => "down",
        Some('0' | '~') => "unchanged",
        _ => "",
    };
    Some(Compared { with: with.to_owned(), text, change, word })
}

fn against(
    figure: &Figure,
    target: &Value,
    asked: &Asked,
    scale: Scale,
    form: Form,
) -> Option<TargetView> {
    let text = minus(&number::value(target, scale, form)?);
    let (part, word) = number::standing(&figure.value, target, asked)?;
    let below = figure.value.number()? < target.number()?;
    let (shape, class) = match word {
        "below target" => ("▼", "below"),
        "on target" => ("●", "on"),
        "above target" => ("▲", "above"),
        _ => ("◐", "off"),
    };
    let more = match (below, class) {
        (_, "on") => None,
        (true, "off") => Some("to go"),
        (true, _) => Some("short"),
        (false, _) => Some("more"),
    };
    let gap = difference(&figure.value, target, scale, form);
    let gap = gap.zip(more).map(|(gap, more)| format!("{gap} {more}")).unwrap_or_default();
    Some(TargetView { text, part, word, shape, class, gap })
}

/// The distance of a value to its target, without sign.
fn difference(value: &Value, target: &Value, scale: Scale, form: Form) -> Option<String> {
    let gap = match (value, target) {
        (Value::Money(now), Value::Money(then)) => {
            let gap = then.checked_sub(*now).ok()?;
            let minor = gap.minor.checked_abs()?;
            Value::Money(domain::Money::from_minor(minor, gap.currency))
        }
        (Value::Count(now), Value::Count(then)) => {
            Value::Count(then.checked_sub(*now)?.checked_abs()?)
        }
        (Value::Decimal(now), Value::Decimal(then)) => Value::Decimal((*then - *now).abs()),
        _ => return None,
    };
    number::value(&gap, scale, form)
}

/// A table as it is shown.
pub(super) struct TableView {
    pub(super) anchor: String,
    pub(super) title: String,
    pub(super) of: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<RowView>,
    pub(super) note: String,
    pub(super) notes: Vec<String>,
    pub(super) csv: String,
    pub(super) xlsx: String,
    /// True where print gives it a page across.
    pub(super) wide: bool,
}

pub(super) struct RowView {
    pub(super) label: String,
    pub(super) cells: Vec<Shown>,
    /// True for the row that the others add up to.
    pub(super) total: bool,
}

/// Writes a table; `most` columns at once, the rest in further panels.
pub(super) fn table(
    table: &Table,
    answer: &Answer,
    links: &Links<'_>,
    prefix: &str,
    most: Option<usize>,
) -> Vec<TableView> {
    let mut notes = Notes::default();
    let currency = answer.asked.currency.to_string();
    let column_values = |at: usize| {
        table.rows.iter().filter_map(move |row| row.entries.get(at)).map(|entry| &entry.value)
    };
    let scales: Vec<Scale> =
        (0..table.columns.len()).map(|at| Scale::of(column_values(at))).collect();
    let form = if table.columns.len() > WIDE { Form::Short } else { Form::Long };
    let mut money = false;
    let last = table.rows.len().saturating_sub(1);
    let mut rows = Vec::new();
    for (at, row) in table.rows.iter().enumerate() {
        let cells = row.entries.iter().zip(&table.columns).zip(&scales);
        let cells = cells.map(|((entry, column), scale)| {
            money |= matches!(entry.value, Value::Money(_));
            let manner = Manner { scale: *scale, form, known: Some(&currency) };
            let mut cell = one_entry(entry, manner, &mut notes);
            if entry.evidence.is_some() {
                let id = format!("{}.{}.{}", table.id, row.id, column.id);
                cell.href = links.rows(answer.question, &id);
                cell.opens = format!("{}, {}: open its rows", row.label, column.label);
            }
            cell
        });
        rows.push(RowView {
            label: row.label.clone(),
            cells: cells.collect(),
            total: at == last && matches!(row.id.as_str(), "all" | "total"),
        });
    }
    let title = with_unit(&table.title, if money { &currency } else { "" });
    let view = TableView {
        anchor: format!("{prefix}table-{}", table.id),
        title,
        of: table.of.clone(),
        columns: table.columns.iter().map(|column| column.label.clone()).collect(),
        rows,
        note: table.note.clone().unwrap_or_default(),
        notes: notes.reasons,
        csv: links.table(answer.question, &table.id, "csv"),
        xlsx: links.table(answer.question, &table.id, "xlsx"),
        wide: table.columns.len() >= WIDE,
    };
    match most {
        Some(most) if view.columns.len() > most => panels(view, most),
        _ => vec![view],
    }
}

fn one_entry(entry: &Entry, manner: Manner<'_>, notes: &mut Notes) -> Shown {
    shown(&entry.value, entry.interval.as_ref(), manner, notes)
}

/// Splits a table into panels of so many columns, each with the names of the rows.
fn panels(view: TableView, most: usize) -> Vec<TableView> {
    let n = view.columns.len().div_ceil(most);
    // Panels of the same width look better than a narrow last one.
    let each = view.columns.len().div_ceil(n);
    let mut columns = view.columns.into_iter();
    let mut rows: Vec<(String, bool, std::vec::IntoIter<Shown>)> =
        view.rows.into_iter().map(|row| (row.label, row.total, row.cells.into_iter())).collect();
    let mut out = Vec::new();
    for at in 0..n {
        let last = at + 1 == n;
        let rows = rows.iter_mut().map(|(label, total, cells)| RowView {
            label: label.clone(),
            total: *total,
            cells: cells.by_ref().take(each).collect(),
        });
        out.push(TableView {
            anchor: format!("{}-{}", view.anchor, at + 1),
            title: format!("{}, part {} of {n}", view.title, at + 1),
            of: view.of.clone(),
            columns: columns.by_ref().take(each).collect(),
            rows: rows.collect(),
            note: if last { view.note.clone() } else { String::new() },
            notes: if last { view.notes.clone() } else { Vec::new() },
            csv: if at == 0 { view.csv.clone() } else { String::new() },
            xlsx: if at == 0 { view.xlsx.clone() } else { String::new() },
            wide: false,
        });
    }
    out
}

/// Adds a currency to a title; other units are seen at the values.
pub(super) fn with_unit(title: &str, unit: &str) -> String {
    let currency = unit.len() == 3 && unit.bytes().all(|byte| byte.is_ascii_uppercase());
    if currency && !title.contains(unit) { format!("{title} ({unit})") } else { title.to_owned() }
}

/// The name of a period; a single day stands once.
pub(super) fn period(period: &Period) -> String {
    if period.from == period.to { period.from.to_string() } else { period.label.clone() }
}

/// What an answer was asked for, as words with their names.
pub(super) fn asked(asked: &Asked, scope: &Scope) -> Vec<(&'static str, String)> {
    let label = period(&asked.period);
    let period = if asked.period.label.contains(" to ") || asked.period.from == asked.period.to {
        label
    } else {
        format!("{label}, {} to {}", asked.period.from, asked.period.to)
    };
    let compared = [
        ("previous", self::period(&asked.previous)),
        ("year", YEAR_AGO.to_owned()),
        ("target", "target".to_owned()),
    ];
    let compared: Vec<String> = compared
        .into_iter()
        .filter(|(with, _)| scope.compares(with))
        .map(|(_, words)| words)
        .collect();
    let compared = if compared.is_empty() { "nothing".to_owned() } else { compared.join(", ") };
    let mut items = vec![
        ("Period", period),
        ("Compared with", compared),
        ("Segment", asked.segment.clone().unwrap_or_else(|| "All".to_owned())),
    ];
    if !asked.by.is_empty() {
        items.push(("By", asked.by.join(", ")));
    }
    items.push(("Model", model_name(&asked.model).to_owned()));
    items.push(("Sourced by", asked.sourced_by.replace('_', " ")));
    items.push(("Currency", asked.currency.to_string()));
    items.push(("As of", asked.as_of.to_string()));
    items.push(("Definitions", asked.definitions.clone()));
    items
}

/// The first sentence of a headline, and the rest.
pub fn headline(answer: &Answer) -> (String, String) {
    let text = if answer.headline.is_empty() { answer.asks } else { answer.headline.trim() };
    // A sentence ends where a capital letter or a sign of money begins the next one.
    let end = text.char_indices().find(|&(at, c)| {
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        let next = rest.strip_prefix(' ').and_then(|rest| rest.chars().next());
        matches!(c, '.' | '!' | '?') && next.is_some_and(|next| next.is_uppercase() || next == '$')
    });
    match end {
        Some((at, c)) => {
            let (first, rest) = text.split_at(at + c.len_utf8());
            (first.to_owned(), rest.trim_start().to_owned())
        }
        None => (text.to_owned(), String::new()),
    }
}

/// Words and what they mean, each once, over several answers.
pub(super) fn meanings(answers: &[Answer], more: &[(String, String)]) -> Vec<(String, String)> {
    let mut words = BTreeMap::new();
    for figure in answers.iter().flat_map(|answer| &answer.figures) {
        words.entry(figure.label.clone()).or_insert_with(|| sentence(&figure.meaning));
    }
    for (word, meaning) in more {
        words.entry(word.clone()).or_insert_with(|| sentence(meaning));
    }
    words.into_iter().filter(|(_, meaning)| !meaning.is_empty()).collect()
}
