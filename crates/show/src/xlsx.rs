//! Answers and rows as a workbook: numbers that one can go on calculating with.
//!
//! Text is always a string cell, never a formula. Numbers are numbers with a format; a workbook
//! holds fifteen digits, so a number of more stands as text and the first sheet says so. The first
//! sheet names the question, its filters and caveats; each table has a sheet of its own with its
//! head frozen. The rows of a figure end where the rows end, so that the sheet can be loaded again;
//! their sums are formulas on the first sheet. The same input gives the same bytes.
//!
//! Rows are written one after the other by way of a temporary file, so that memory stays bounded.

use std::collections::BTreeSet;
use std::fmt;

use domain::answer::{Asked, Figure, Interval, Table};
use domain::definition::check::model_name;
use domain::{Answer, Cell, Column, Currency, Decimal, Frame, Money, Value};
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Formula, Workbook, Worksheet,
};

use crate::number;
use crate::visible::visible;

/// Rows that a sheet holds, with its head.
const ROWS_MOST: usize = 1_048_576;
/// Columns that a sheet holds.
const COLUMNS_MOST: usize = 16_384;
/// Characters (UTF-16 units) that a cell holds.
const TEXT_MOST: usize = 32_767;
/// Digits that a number of a workbook holds exactly.
const DIGITS_MOST: usize = 15;
/// Characters of the name of a sheet.
const NAME_MOST: usize = 31;

/// Why a workbook cannot be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum XlsxError {
    /// There are more rows than a sheet holds: how many there are.
    Rows(usize),
    /// There are more columns than a sheet holds: how many there are.
    Columns(usize),
    /// The file could not be made.
    Made(String),
}

impl fmt::Display for XlsxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grouped = |n: usize| number::grouped(&n.to_string());
        match self {
            Self::Rows(n) => write!(
                f,
                "{} rows do not fit on a sheet of a workbook, which holds {}; take CSV, which \
                 holds all of them",
                grouped(*n),
                grouped(ROWS_MOST - 1)
            ),
            Self::Columns(n) => write!(
                f,
                "{} columns do not fit on a sheet of a workbook, which holds {}",
                grouped(*n),
                grouped(COLUMNS_MOST)
            ),
            Self::Made(why) => write!(f, "the workbook cannot be made: {why}"),
        }
    }
}

impl std::error::Error for XlsxError {}

impl From<rust_xlsxwriter::XlsxError> for XlsxError {
    fn from(error: rust_xlsxwriter::XlsxError) -> Self {
        Self::Made(error.to_string())
    }
}

/// Writes an answer: what was asked, its figures, and each of its tables.
pub fn answer(answer: &Answer) -> Result<Vec<u8>, XlsxError> {
    pack(std::slice::from_ref(answer))
}

/// Writes several answers as one workbook.
pub fn pack(answers: &[Answer]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Book::new(answers.first().map(|answer| &answer.asked))?;
    let mut about = About::default();
    for answer in answers {
        about.answer(answer);
        about.line("", "");
    }
    let mut sheets = Vec::new();
    for answer in answers {
        let before =
            if answers.len() > 1 { format!("{} ", answer.question) } else { String::new() };
        if !answer.figures.is_empty() {
            sheets.push((format!("{before}figures"), figures(answer)));
        }
        for table in &answer.tables {
            let own = table.id == answer.question;
            let name = if own { table.id.clone() } else { format!("{before}{}", table.id) };
            sheets.push((name, grid(table, answer)));
        }
    }
    for (name, sheet) in &mut sheets {
        *name = book.name(name);
        about.line(&format!("Sheet {name}"), &sheet.title);
    }
    if sheets.iter().any(|(_, sheet)| sheet.inexact()) {
        about.inexact();
    }
    book.about(&about)?;
    for (name, sheet) in &sheets {
        book.grid(name, sheet)?;
    }
    book.finish()
}

/// Writes one table of an answer.
pub fn table(table: &Table, answer: &Answer) -> Result<Vec<u8>, XlsxError> {
    let mut book = Book::new(Some(&answer.asked))?;
    let mut about = About::default();
    about.answer(answer);
    about.line("", "");
    let sheet = grid(table, answer);
    let name = book.name(&table.id);
    about.line(&format!("Sheet {name}"), &sheet.title);
    if sheet.inexact() {
        about.inexact();
    }
    book.about(&about)?;
    book.grid(&name, &sheet)?;
    book.finish()
}

/// Writes rows, with lines about them on the first sheet. An amount `x` becomes `x` and
/// `x_currency`, as in CSV.
pub fn frame(frame: &Frame, about: &[(String, String)]) -> Result<Vec<u8>, XlsxError> {
    if frame.n_rows() >= ROWS_MOST {
        return Err(XlsxError::Rows(frame.n_rows()));
    }
    let headings = headings(frame);
    if headings.len() > COLUMNS_MOST {
        return Err(XlsxError::Columns(headings.len()));
    }
    let mut book = Book::new(None)?;
    let mut first = About::default();
    for (name, value) in about {
        first.line(name, value);
    }
    first.line("Rows", &frame.n_rows().to_string());
    let name = book.name("rows");
    sums(frame, &name, &mut first);
    if frame.columns().iter().any(|column| (0..column.len()).any(|row| long(&column.cell(row)))) {
        first.inexact();
    }
    book.about(&first)?;
    book.rows(&name, frame, &headings)?;
    book.finish()
}

/// A value of a cell as it is written.
#[derive(Clone, PartialEq, Debug)]
enum Cellular {
    Empty,
    Text(String),
    Number {
        value: f64,
        form: String,
    },
    /// A number of more digits than a workbook holds.
    Long(String),
}

/// A sheet with a head and rows.
struct Grid {
    title: String,
    headings: Vec<String>,
    rows: Vec<Vec<Cellular>>,
    notes: Vec<String>,
}

impl Grid {
    fn inexact(&self) -> bool {
        self.rows.iter().flatten().any(|cell| matches!(cell, Cellular::Long(_)))
    }
}

/// What the first sheet says: pairs of a word and a text or a formula.
#[derive(Default)]
struct About {
    lines: Vec<(String, Said)>,
}

enum Said {
    Text(String),
    Sum { formula: String, result: f64, form: String },
}

impl About {
    fn line(&mut self, name: &str, value: &str) {
        self.lines.push((name.to_owned(), Said::Text(value.to_owned())));
    }

    fn inexact(&mut self) {
        let text =
            "Numbers of more than 15 digits stand as text, since a workbook would round them.";
        self.line("Note", text);
    }

    fn answer(&mut self, answer: &Answer) {
        self.line("Question", answer.asks);
        if !answer.headline.is_empty() {
            self.line("Answer", &answer.headline);
        }
        for (name, value) in asked(&answer.asked) {
            self.line(name, &value);
        }
        for caveat in &answer.caveats {
            self.line("Caveat", &caveat.text);
        }
    }
}

/// Everything that an answer was asked for.
fn asked(asked: &Asked) -> Vec<(&'static str, String)> {
    let period = &asked.period;
    let mut all = vec![
        ("Company", asked.company.clone()),
        ("Period", period.label.clone()),
        ("From", period.from.to_string()),
        ("To", period.to.to_string()),
        ("Compared with", asked.previous.label.clone()),
        ("As of", asked.as_of.to_string()),
        ("Segment", asked.segment.clone().unwrap_or_else(|| "all".to_owned())),
    ];
    if !asked.by.is_empty() {
        all.push(("By", asked.by.join(", ")));
    }
    all.extend([
        ("Attribution model", model_name(&asked.model).to_owned()),
        ("Sourced by", asked.sourced_by.replace('_', " ")),
        ("Currency", asked.currency.to_string()),
        ("Time zone", asked.time_zone.clone()),
        ("Definitions", asked.definitions.clone()),
    ]);
    all
}

fn figures(answer: &Answer) -> Grid {
    let before = &answer.asked.previous.label;
    let headings = [
        "Figure",
        "Value",
        "Unit",
        "Of",
        "Out of",
        "Low",
        "High",
        "Level",
        before,
        "Year ago",
        "Target",
        "Meaning",
        "Identifier",
    ];
    let mut notes = Vec::new();
    let rows = answer.figures.iter().map(|figure| one_figure(figure, answer, &mut notes)).collect();
    Grid {
        title: "Figures".to_owned(),
        headings: headings.iter().map(|&heading| heading.to_owned()).collect(),
        rows,
        notes,
    }
}

fn one_figure(figure: &Figure, answer: &Answer, notes: &mut Vec<String>) -> Vec<Cellular> {
    let (of, total) = match &figure.value {
        Value::Share { of, total } => (written_count(*of), written_count(*total)),
        _ => (Cellular::Empty, Cellular::Empty),
    };
    // Shares of money count minor units; the parts say nothing then.
    let counted = |cell: Cellular| match &figure.evidence {
        Some(evidence) if matches!(evidence.measure, domain::Measure::Sum(_)) => Cellular::Empty,
        _ => cell,
    };
    let form = form_of(&figure.value);
    let end = |pick: fn(&Interval) -> f64| {
        figure.interval.as_ref().map_or(Cellular::Empty, |r| end_of(pick(r), &figure.value, &form))
    };
    let mut beside = |value: Option<&Value>| {
        value.map_or(Cellular::Empty, |value| written(value, answer, &figure.label, notes))
    };
    let main = beside(Some(&figure.value));
    let (previous, year_ago, target) = (
        beside(figure.previous.as_ref()),
        beside(figure.year_ago.as_ref()),
        beside(figure.target.as_ref()),
    );
    vec![
        Cellular::Text(figure.label.clone()),
        main,
        Cellular::Text(figure.value.unit().to_owned()),
        counted(of),
        counted(total),
        end(|range| range.low),
        end(|range| range.high),
        figure.interval.as_ref().map_or(Cellular::Empty, |range| float(range.level, "0%")),
        previous,
        year_ago,
        target,
        Cellular::Text(figure.meaning.clone()),
        Cellular::Text(figure.id.clone()),
    ]
}

/// A table with a column more for each end of the ranges of a column.
fn grid(table: &Table, answer: &Answer) -> Grid {
    let mut headings = vec![table.of.clone()];
    let ranged: Vec<bool> = (0..table.columns.len())
        .map(|at| {
            let entries = table.rows.iter().filter_map(|row| row.entries.get(at));
            entries.into_iter().any(|entry| entry.interval.is_some())
        })
        .collect();
    for (at, (column, ranged)) in table.columns.iter().zip(&ranged).enumerate() {
        let entries = table.rows.iter().filter_map(|row| row.entries.get(at));
        let money = entries.into_iter().any(|entry| matches!(entry.value, Value::Money(_)));
        let currency = answer.asked.currency.code();
        let label = &column.label;
        headings.push(if money { format!("{label} ({currency})") } else { label.clone() });
        if *ranged {
            headings.extend([format!("{label}, low"), format!("{label}, high")]);
        }
    }
    let mut missing = Missing::default();
    let mut rows = Vec::new();
    for row in &table.rows {
        let mut cells = vec![Cellular::Text(row.label.clone())];
        for ((entry, column), ranged) in row.entries.iter().zip(&table.columns).zip(&ranged) {
            if let Some(reason) = number::missing(&entry.value) {
                missing.add(reason, &column.label, &row.label);
            }
            cells.push(written(&entry.value, answer, "", &mut Vec::new()));
            if *ranged {
                let form = form_of(&entry.value);
                let range = entry.interval.as_ref();
                cells.push(range.map_or(Cellular::Empty, |r| end_of(r.low, &entry.value, &form)));
                cells.push(range.map_or(Cellular::Empty, |r| end_of(r.high, &entry.value, &form)));
            }
        }
        rows.push(cells);
    }
    let mut notes = missing.notes();
    notes.extend(table.note.clone());
    Grid { title: table.title.clone(), headings, rows, notes }
}

/// Why cells of a table are empty: each reason once, with its columns and rows.
#[derive(Default)]
struct Missing(Vec<(String, Vec<String>, Vec<String>)>);

impl Missing {
    fn add(&mut self, reason: String, column: &str, row: &str) {
        let at = self.0.iter().position(|(known, ..)| *known == reason).unwrap_or_else(|| {
            self.0.push((reason, Vec::new(), Vec::new()));
            self.0.len() - 1
        });
        let Some((_, columns, rows)) = self.0.get_mut(at) else { return };
        for (names, name) in [(columns, column), (rows, row)] {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }

    fn notes(self) -> Vec<String> {
        let note = |(reason, columns, rows): (String, Vec<String>, Vec<String>)| {
            let rows = match rows.len() {
                0..=3 => rows.join(", "),
                n => format!("{n} rows"),
            };
            format!("{}, {rows}: {reason}", columns.join(", "))
        };
        self.0.into_iter().map(note).collect()
    }
}

/// An end of a range: of an amount to the minor unit, since more digits say nothing.
fn end_of(x: f64, of: &Value, form: &str) -> Cellular {
    match of {
        Value::Money(money) => {
            let unit = 10_f64.powi(i32::try_from(money.currency.digits()).unwrap_or(2));
            float((x * unit).round() / unit, form)
        }
        _ => float(x, form),
    }
}

/// Writes a value; where there is none, the cell is empty and a note says why.
fn written(value: &Value, answer: &Answer, place: &str, notes: &mut Vec<String>) -> Cellular {
    if let Some(reason) = number::missing(value) {
        notes.push(format!("{place}: {reason}"));
        return Cellular::Empty;
    }
    match value {
        Value::Money(money) => amount(*money, money.currency != answer.asked.currency),
        Value::Count(count) => written_count(*count),
        Value::Decimal(count) => decimal(*count, &form_of(value)),
        other => other.number().map_or(Cellular::Empty, |x| float(x, &form_of(other))),
    }
}

fn written_count(count: i64) -> Cellular {
    decimal(Decimal::from(count), "#,##0")
}

fn amount(money: Money, with_code: bool) -> Cellular {
    let code = if with_code { format!(" \"{}\"", money.currency_code()) } else { String::new() };
    decimal(money.to_decimal(), &(currency_form(money.currency) + &code))
}

fn decimal(exact: Decimal, form: &str) -> Cellular {
    let plain = exact.normalize();
    let digits = plain.mantissa().unsigned_abs().to_string();
    let digits = digits.trim_end_matches('0').len();
    // The text gives the nearest number, which has the same digits up to fifteen.
    match plain.to_string().parse() {
        Ok(value) if digits <= DIGITS_MOST => Cellular::Number { value, form: form.to_owned() },
        _ => Cellular::Long(plain.to_string()),
    }
}

fn float(x: f64, form: &str) -> Cellular {
    if x.is_finite() {
        Cellular::Number { value: x, form: form.to_owned() }
    } else {
        Cellular::Empty
    }
}

/// The number format of an amount.
fn currency_form(currency: Currency) -> String {
    match currency.digits() {
        0 => "#,##0".to_owned(),
        digits => format!("#,##0.{}", "0".repeat(digits as usize)),
    }
}

fn form_of(value: &Value) -> String {
    match value {
        Value::Money(money) => currency_form(money.currency),
        Value::Share { .. } => "0.0%".to_owned(),
        Value::Count(_) => "#,##0".to_owned(),
        Value::Days(_) | Value::Months(_) => "#,##0.0".to_owned(),
        Value::Decimal(_) | Value::Number(_) => "#,##0.00".to_owned(),
        Value::None(_) => "General".to_owned(),
    }
}

fn headings(frame: &Frame) -> Vec<String> {
    let mut all = Vec::new();
    for (name, column) in frame.names().iter().zip(frame.columns()) {
        all.push(name.to_string());
        if let Column::Money(_) = column {
            all.push(format!("{name}_currency"));
        }
    }
    all
}

/// Adds the sum of each column of amounts in one currency as a formula over the rows.
fn sums(frame: &Frame, sheet: &str, about: &mut About) {
    let mut at = 0_usize;
    for (name, column) in frame.names().iter().zip(frame.columns()) {
        let place = at;
        at += 1;
        let Column::Money(values) = column else { continue };
        at += 1;
        let mut sum: Option<Money> = None;
        let mut one = true;
        for money in values.iter().flatten() {
            match sum.map(|sum| sum.checked_add(*money)) {
                None => sum = Some(*money),
                Some(Ok(more)) => sum = Some(more),
                Some(Err(_)) => one = false,
            }
        }
        let (true, Some(sum)) = (one, sum) else { continue };
        let label = format!("Sum of {name} ({})", sum.currency);
        match amount(sum, false) {
            Cellular::Number { value, form } => {
                let letter = letters(place);
                let last = frame.n_rows() + 1;
                let formula = format!("=SUM('{sheet}'!{letter}2:{letter}{last})");
                about.lines.push((label, Said::Sum { formula, result: value, form }));
            }
            _ => about.line(&label, &sum.amount_text()),
        }
    }
}

/// The letters of a column, from 0.
fn letters(mut at: usize) -> String {
    let mut found = Vec::new();
    loop {
        found.push(char::from(b'A' + u8::try_from(at % 26).unwrap_or_default()));
        match (at / 26).checked_sub(1) {
            Some(more) => at = more,
            None => break,
        }
    }
    found.iter().rev().collect()
}

fn long(cell: &Cell) -> bool {
    let exact = match cell {
        Cell::Integer(value) => Decimal::from(*value),
        Cell::Decimal(value) => *value,
        Cell::Money(money) => money.to_decimal(),
        _ => return false,
    };
    matches!(decimal(exact, ""), Cellular::Long(_))
}

/// Cuts a text that is longer than a cell holds, and says so in the cell.
fn fitting(text: &str) -> String {
    if text.encode_utf16().count() <= TEXT_MOST {
        return text.to_owned();
    }
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            used += c.len_utf16();
            used <= TEXT_MOST - 64
        })
        .collect();
    let left = text.chars().count() - kept.chars().count();
    format!("{kept} … [{left} more characters; CSV holds all of them]")
}

/// The workbook under construction.
struct Book {
    file: Workbook,
    names: BTreeSet<String>,
    head: Format,
    words: Format,
}

impl Book {
    fn new(asked: Option<&Asked>) -> Result<Self, XlsxError> {
        let mut book = Workbook::new();
        // The day of the data, never that of the machine.
        let date = match asked.map(|asked| asked.as_of) {
            Some(day) => excel_day(day),
            None => None,
        };
        let date = match date {
            Some(date) => date,
            None => ExcelDateTime::from_ymd(2000, 1, 1)?,
        };
        let mut properties = DocProperties::new().set_creation_datetime(&date);
        if let Some(asked) = asked {
            properties = properties
                .set_title(format!("{}, {}", visible(&asked.company), visible(&asked.period.label)))
                .set_company(visible(&asked.company));
        }
        book.set_properties(&properties);
        let head = Format::new()
            .set_bold()
            .set_text_wrap()
            .set_align(FormatAlign::Bottom)
            .set_border_bottom(FormatBorder::Thin);
        let words = Format::new().set_text_wrap().set_align(FormatAlign::Top);
        let names = BTreeSet::from(["about".to_owned(), "history".to_owned()]);
        Ok(Self { file: book, names, head, words })
    }

    /// Makes a name that a sheet may have and that no other one has.
    fn name(&mut self, wanted: &str) -> String {
        let plain: String =
            visible(wanted)
                .chars()
                .map(|c| {
                    if matches!(c, '[' | ']' | ':' | '*' | '?' | '/' | '\\' | '\'') {
                        ' '
                    } else {
                        c
                    }
                })
                .collect();
        let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        let plain = if plain.is_empty() { "table".to_owned() } else { plain };
        for number in 1_usize.. {
            let tail = if number == 1 { String::new() } else { format!(" {number}") };
            let room = NAME_MOST - tail.len();
            let mut used = 0;
            let kept: String = plain
                .chars()
                .take_while(|c| {
                    used += c.len_utf16();
                    used <= room
                })
                .collect();
            let name = format!("{}{tail}", kept.trim_end());
            if self.names.insert(name.to_lowercase()) {
                return name;
            }
        }
        plain
    }

    fn about(&mut self, about: &About) -> Result<(), XlsxError> {
        let sheet = self.file.add_worksheet();
        sheet.set_name("About")?;
        sheet.set_column_width(0, 22)?;
        sheet.set_column_width(1, 90)?;
        let bold = Format::new().set_bold().set_align(FormatAlign::Top);
        for ((name, said), row) in about.lines.iter().zip(0_u32..) {
            if !name.is_empty() {
                sheet.write_string_with_format(row, 0, fitting(name), &bold)?;
            }
            match said {
                Said::Text(text) if text.is_empty() => {}
                Said::Text(text) => {
                    sheet.write_string_with_format(row, 1, fitting(text), &self.words)?;
                }
                Said::Sum { formula, result, form } => {
                    let formula = Formula::new(formula).set_result(result.to_string());
                    let form = Format::new().set_num_format(form).set_align(FormatAlign::Left);
                    sheet.write_formula_with_format(row, 1, formula, &form)?;
                }
            }
        }
        Ok(())
    }

    fn grid(&mut self, name: &str, grid: &Grid) -> Result<(), XlsxError> {
        if grid.rows.len() + grid.notes.len() + 2 >= ROWS_MOST {
            return Err(XlsxError::Rows(grid.rows.len()));
        }
        if grid.headings.len() > COLUMNS_MOST {
            return Err(XlsxError::Columns(grid.headings.len()));
        }
        let sheet = self.file.add_worksheet();
        sheet.set_name(name)?;
        sheet.set_freeze_panes(1, 1)?;
        sheet.set_landscape();
        sheet.set_print_fit_to_pages(1, 0);
        sheet.set_repeat_rows(0, 0)?;
        let right = self.head.clone().set_align(FormatAlign::Right);
        for ((at, heading), column) in grid.headings.iter().enumerate().zip(0_u16..) {
            let cells = || grid.rows.iter().filter_map(|row| row.get(at));
            let text = cells().all(|cell| matches!(cell, Cellular::Text(_)));
            let head = if at == 0 || text { &self.head } else { &right };
            sheet.write_string_with_format(0, column, fitting(heading), head)?;
            sheet.set_column_width(column, width(heading, cells()))?;
        }
        let mut row = 1_u32;
        for cells in &grid.rows {
            for (cell, column) in cells.iter().zip(0_u16..) {
                put(sheet, row, column, cell)?;
            }
            row += 1;
        }
        row += 1;
        let plain = Format::new().set_italic();
        for note in &grid.notes {
            sheet.write_string_with_format(row, 0, fitting(note), &plain)?;
            row += 1;
        }
        Ok(())
    }

    fn rows(&mut self, name: &str, frame: &Frame, headings: &[String]) -> Result<(), XlsxError> {
        let head = self.head.clone();
        let sheet = self.file.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        sheet.set_freeze_panes(1, 0)?;
        let mut at = 0_u16;
        let mut forms = Vec::new();
        for column in frame.columns() {
            let width: f64 = match column {
                Column::Text(_) => 26.0,
                Column::Money(_) => 16.0,
                Column::Instant(_) => 22.0,
                _ => 13.0,
            };
            sheet.set_column_width(at, width)?;
            at += 1;
            if let Column::Money(values) = column {
                sheet.set_column_width(at, 10)?;
                at += 1;
                let digits = values.iter().flatten().map(|m| m.currency.digits()).max();
                let form = digits
                    .filter(|n| *n > 0)
                    .map_or("#,##0".to_owned(), |n| format!("#,##0.{}", "0".repeat(n as usize)));
                forms.push(Format::new().set_num_format(form));
            } else {
                forms.push(match column {
                    Column::Integer(_) => Format::new().set_num_format("0"),
                    Column::Day(_) => Format::new().set_num_format("yyyy-mm-dd"),
                    _ => Format::new(),
                });
            }
        }
        for (heading, column) in headings.iter().zip(0_u16..) {
            sheet.write_string_with_format(0, column, fitting(heading), &head)?;
        }
        for (row, line) in (0..frame.n_rows()).zip(1_u32..) {
            let mut at = 0_u16;
            for (column, form) in frame.columns().iter().zip(&forms) {
                let cell = column.cell(row);
                one_cell(sheet, line, at, &cell, form)?;
                at += 1;
                if let Column::Money(_) = column {
                    if let Cell::Money(money) = cell {
                        sheet.write_string(line, at, money.currency_code())?;
                    }
                    at += 1;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, XlsxError> {
        Ok(self.file.save_to_buffer()?)
    }
}

fn one_cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell,
    form: &Format,
) -> Result<(), XlsxError> {
    let exact = match cell {
        Cell::Null => return Ok(()),
        Cell::Text(text) => {
            sheet.write_string(row, column, fitting(text))?;
            return Ok(());
        }
        Cell::Boolean(value) => {
            sheet.write_boolean(row, column, *value)?;
            return Ok(());
        }
        Cell::Number(value) => {
            if value.is_finite() {
                sheet.write_number(row, column, *value)?;
            }
            return Ok(());
        }
        Cell::Day(day) => {
            match excel_day(*day) {
                Some(date) => sheet.write_datetime_with_format(row, column, &date, form)?,
                None => sheet.write_string(row, column, day.to_string())?,
            };
            return Ok(());
        }
        // An instant names its zone, which a date of a workbook cannot.
        Cell::Instant(at) => {
            sheet.write_string(row, column, at.to_string())?;
            return Ok(());
        }
        Cell::Integer(value) => Decimal::from(*value),
        Cell::Decimal(value) => *value,
        Cell::Money(money) => money.to_decimal(),
    };
    match decimal(exact, "") {
        Cellular::Number { value, .. } => {
            sheet.write_number_with_format(row, column, value, form)?;
        }
        Cellular::Long(text) => {
            sheet.write_string(row, column, text)?;
        }
        _ => {}
    }
    Ok(())
}

fn put(sheet: &mut Worksheet, row: u32, column: u16, cell: &Cellular) -> Result<(), XlsxError> {
    match cell {
        Cellular::Empty => {}
        Cellular::Text(text) => {
            sheet.write_string(row, column, fitting(text))?;
        }
        Cellular::Number { value, form } => {
            let form = Format::new().set_num_format(form);
            sheet.write_number_with_format(row, column, *value, &form)?;
        }
        Cellular::Long(text) => {
            let right = Format::new().set_align(FormatAlign::Right);
            sheet.write_string_with_format(row, column, text, &right)?;
        }
    }
    Ok(())
}

/// A width that shows most cells whole.
fn width<'a>(heading: &str, cells: impl Iterator<Item = &'a Cellular>) -> f64 {
    let word = heading.split(' ').map(|word| word.chars().count()).max().unwrap_or_default();
    let widest = cells
        .map(|cell| match cell {
            Cellular::Empty => 0,
            Cellular::Text(text) | Cellular::Long(text) => text.chars().count(),
            // Digits, marks between thousands and decimals.
            Cellular::Number { value, form } => {
                format!("{:.0}", value.abs()).len() * 4 / 3 + form.len().saturating_sub(5) + 1
            }
        })
        .max()
        .unwrap_or_default();
    widest.max(word).clamp(8, 60) as f64 + 2.0
}

/// A day as a date of a workbook, which begins in 1900.
fn excel_day(day: jiff::civil::Date) -> Option<ExcelDateTime> {
    let part = |x: i8| u8::try_from(x).ok();
    let year = u16::try_from(day.year()).ok().filter(|year| *year >= 1900)?;
    ExcelDateTime::from_ymd(year, part(day.month())?, part(day.day())?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stands_once_and_ends_of_ranges_are_cents() {
        let mut missing = Missing::default();
        for row in ["A", "B", "C", "D"] {
            missing.add("no spend".to_owned(), "CAC", row);
            missing.add("no spend".to_owned(), "ROI", row);
        }
        missing.add("no deal".to_owned(), "Win rate", "A");
        assert_eq!(missing.notes(), ["CAC, ROI, 4 rows: no spend", "Win rate, A: no deal"]);
        let money = Value::Money(Money::from_minor(1, Currency::USD));
        let end = end_of(38_433.654_787_740_68, &money, "0");
        assert_eq!(end, Cellular::Number { value: 38_433.65, form: "0".to_owned() });
    }
}
