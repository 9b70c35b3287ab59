//! The rows behind a figure, as a page and as files; tables as files.

use std::io::{self, Write};
use std::sync::Arc;

use access::{Caller, Event, Permission};
use axum::http::StatusCode;
use domain::answer::{Evidence, Measure, Table};
use domain::{Answer, Cell, Currency, Filter, Frame, Period, Rows, Value};
use jiff::civil::Date;
use project::View;
use show::closing::closing;
use show::html::{self, RowsPage};

use super::answers::{answer as asked, find};
use super::shell;
use crate::desk::Answered;
use crate::problem::Problem;
use crate::query::not_one_of;
use crate::reply::Reply;
use crate::routes::Outcome;
use crate::site::{Site, refusal};
use crate::visit::Visit;

/// Rows on a page.
const PAGE: usize = 100;
/// Rows that are written to a file at a time.
const CHUNK: usize = 4_096;

/// A figure that is to be opened.
pub(crate) struct Figure {
    pub(crate) answered: Answered,
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) meaning: String,
    pub(crate) value: Value,
    /// The rows shown: those of the figure, or those that it is divided by.
    pub(crate) evidence: Evidence,
    pub(crate) has_per: bool,
    pub(crate) per: bool,
    /// The rows above and below the line, where the figure is a quotient.
    pub(crate) whole: Evidence,
}

impl Figure {
    /// How rows make the part that is shown and, above the line of a quotient, how both parts make
    /// the figure.
    pub(crate) fn closing(&self, site: &Site, rows: &Frame) -> Result<String, Problem> {
        let part = closing(&self.evidence, rows, &self.value);
        let Some(per) = &self.whole.per else { return Ok(part) };
        let above = site.desk.rows(&self.answered, &self.whole)?;
        let below = site.desk.rows(&self.answered, per)?;
        let made = show::closing::quotient(&self.whole, &above, &below, &self.value);
        Ok(made.map_or(part.clone(), |made| format!("{part} {}: {made}", self.label)))
    }
}

/// A figure with its rows.
pub(crate) struct Opened {
    pub(crate) figure: Figure,
    pub(crate) rows: Arc<Frame>,
}

/// Finds the figure that an address names.
pub(crate) fn figure(site: &Site, visit: &Visit, caller: &Caller) -> Result<Figure, Problem> {
    let entry = find(visit.part("question"))?;
    let answered = asked(site, entry, &visit.query, caller)?;
    let id = visit.part("figure").to_owned();
    let answer = Arc::clone(&answered.answer);
    let openable = answer.openable();
    let Some((_, value, evidence)) = openable.iter().find(|(known, ..)| *known == id) else {
        let near = openable.iter().map(|(known, ..)| known.as_str());
        let near = domain::diagnostic::nearest(&id, near);
        let problem = Problem::not_found();
        return Err(match near {
            Some(near) => problem.hint(format!("Did you mean the figure `{near}`?")),
            None => problem,
        });
    };
    let per = match visit.query.own("part") {
        None => false,
        Some("per") if evidence.per.is_some() => true,
        Some("per") => {
            return Err(Problem::bad("parameter", "this figure is not divided by other rows")
                .hint("Leave out `part`.")
                .place("part"));
        }
        Some(other) => return Err(not_one_of("part", other, &["per"])),
    };
    let shown = match &evidence.per {
        Some(denominator) if per => (**denominator).clone(),
        _ => (*evidence).clone(),
    };
    let (label, meaning) = words(&answer, &id);
    Ok(Figure {
        whole: (*evidence).clone(),
        id,
        label,
        meaning,
        value: (*value).clone(),
        has_per: evidence.per.is_some(),
        evidence: shown,
        per,
        answered,
    })
}

/// Finds the figure that an address names, and its rows.
pub(crate) fn open(site: &Site, visit: &Visit, caller: &Caller) -> Result<Opened, Problem> {
    let figure = figure(site, visit, caller)?;
    let rows = site.desk.rows(&figure.answered, &figure.evidence)?;
    let rows = sorted(site, &figure.answered, rows, visit, &figure.evidence)?;
    Ok(Opened { figure, rows })
}

/// The page of the rows.
pub(crate) fn page(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let Opened { figure, rows: all } = open(site, visit, caller)?;
    let n_rows = all.n_rows();
    let page = page_of(visit.query.page, n_rows, PAGE)?;
    let rows = slice(&all, (page - 1) * PAGE, PAGE);
    let rows = measured_first(&rows, &figure.evidence.measure);
    let closing = figure.closing(site, &all)?;
    let question = visit.part("question");
    let page = RowsPage {
        question,
        figure: &figure.id,
        label: &figure.label,
        value: &figure.value,
        meaning: &figure.meaning,
        asked: &figure.answered.answer.asked,
        rows: &rows,
        n_rows,
        page,
        page_size: PAGE,
        closing: &closing,
        has_per: figure.has_per,
        per: figure.per,
        sort: visit.query.sort.as_deref(),
    };
    Ok(Reply::page(html::rows_page(&shell(site, visit, caller), &page)))
}

/// Puts the column that makes the figure where it is seen without scrolling: after the name.
fn measured_first(rows: &Frame, measure: &Measure) -> Frame {
    let measured = match measure {
        Measure::Count | Measure::Stated(_) => return rows.clone(),
        Measure::CountDistinct(column)
        | Measure::Sum(column)
        | Measure::Share(column)
        | Measure::Mean(column)
        | Measure::Median(column) => column.as_str(),
    };
    let mut names: Vec<&str> = rows.names().iter().map(|name| &**name).collect();
    // Stable: the others keep their order.
    names.sort_by_key(|name| match *name {
        "id" => 0,
        "name" => 1,
        name if name == measured => 2,
        _ => 3,
    });
    rows.select(&names)
}

/// Checks that there is such a page.
pub(crate) fn page_of(page: usize, n_rows: usize, size: usize) -> Result<usize, Problem> {
    let last = n_rows.div_ceil(size.max(1)).max(1);
    if page > last {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "page",
            format!("there is no page {page}: the last one is {last}"),
        )
        .hint("Go to the first page.")
        .place("page"));
    }
    Ok(page)
}

/// Some rows of a frame.
pub(crate) fn slice(rows: &Frame, from: usize, n: usize) -> Frame {
    let wanted: Vec<usize> = (from..rows.n_rows().min(from.saturating_add(n))).collect();
    rows.take(&wanted)
}

/// The rows as CSV, written while they are sent.
pub(crate) fn csv(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let figure = figure(site, visit, caller)?;
    let name = file_name(site, &figure.answered.answer, &figure.id, "csv");
    if figure.evidence.rows.relation == "touches" && visit.query.sort.is_none() {
        let months = Months::of(site, &figure)?;
        if months.n_rows > LARGE {
            allow(site, visit, caller, months.n_rows)?;
            let writing = move |out: &mut dyn Write| months.write(out);
            return Ok(Reply::written(CSV, Box::new(writing)).file(&name));
        }
    }
    let opened = open(site, visit, caller)?;
    allow(site, visit, caller, opened.rows.n_rows())?;
    let rows = opened.rows;
    let writing = move |out: &mut dyn Write| write_csv(&rows, true, out);
    Ok(Reply::written(CSV, Box::new(writing)).file(&name))
}

/// Rows of CSV with a line of headings.
const CSV: &str = "text/csv; charset=utf-8; header=present";
/// From so many touches on, a file is read and written month by month.
const LARGE: usize = 50_000;

/// Touches, month by month: of millions of them only those of a month are held at a time.
struct Months {
    view: View,
    rows: Rows,
    currency: Currency,
    first: Date,
    last: Date,
    n_rows: usize,
}

impl Months {
    /// Looks which days there are, and how many rows.
    fn of(site: &Site, figure: &Figure) -> Result<Self, Problem> {
        let view = figure.answered.view.clone();
        let rows = figure.evidence.rows.clone();
        let currency = figure.answered.answer.asked.currency;
        let days = Rows { columns: vec!["day".to_owned()], ..rows.clone() };
        let days = site.desk.in_turn(|| view.built().fetch(&days, currency));
        let days = days.map_err(|error| Problem::fault(error.to_string()))?;
        let known = days.days("day");
        let first = known.iter().flatten().min().copied().unwrap_or(view.as_of());
        let last = known.iter().flatten().max().copied().unwrap_or(first);
        Ok(Self { view, rows, currency, first, last, n_rows: days.n_rows() })
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut from = self.first;
        loop {
            let to = from.last_of_month().min(self.last);
            let month = Filter::within("day", &Period::days(from, to));
            let rows = self.view.built().fetch(&self.rows.clone().only(month), self.currency);
            let rows = rows.map_err(|error| io::Error::other(error.to_string()))?;
            write_csv(&rows, from == self.first, out)?;
            match to.tomorrow() {
                Ok(next) if to < self.last => from = next,
                _ => return Ok(()),
            }
        }
    }
}

fn write_csv(rows: &Frame, headed: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut from = 0;
    loop {
        let part = show::csv::frame(&slice(rows, from, CHUNK));
        // The headings stand in the first part only.
        let part = match part.split_once("\r\n") {
            Some((_, rest)) if from > 0 || !headed => rest,
            _ => &part,
        };
        out.write_all(part.as_bytes())?;
        from += CHUNK;
        if from >= rows.n_rows() {
            return Ok(());
        }
    }
}

/// The rows as a workbook.
pub(crate) fn xlsx(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let Opened { figure, rows } = open(site, visit, caller)?;
    allow(site, visit, caller, rows.n_rows())?;
    let answer = &figure.answered.answer;
    let mut about = about(answer);
    about.push(("Figure".to_owned(), format!("{} ({})", figure.label, figure.id)));
    about.push(("Rows".to_owned(), figure.closing(site, &rows)?));
    let bytes = site.desk.in_turn(|| show::xlsx::frame(&rows, &about));
    let bytes = bytes.map_err(|error| unwritable(&error))?;
    let name = file_name(site, answer, &figure.id, "xlsx");
    Ok(Reply::new(XLSX, bytes).file(&name))
}

/// A workbook.
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Why a workbook could not be made: it has more rows than a sheet holds.
pub(crate) fn unwritable(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "workbook", error.to_string())
        .hint("Take the CSV file, which holds any number of rows.")
}

/// A table of an answer as CSV.
pub(crate) fn table_csv(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let (answered, at) = table(site, visit, caller)?;
    let table = answered.answer.tables.get(at).ok_or_else(Problem::not_found)?;
    allow(site, visit, caller, table.rows.len())?;
    let text = show::csv::table(table, &answered.answer);
    let name = file_name(site, &answered.answer, &table.id, "csv");
    let mut reply = Reply::new(CSV, text);
    reply.marked = false;
    Ok(reply.file(&name))
}

/// A table of an answer as a workbook.
pub(crate) fn table_xlsx(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let (answered, at) = table(site, visit, caller)?;
    let table = answered.answer.tables.get(at).ok_or_else(Problem::not_found)?;
    allow(site, visit, caller, table.rows.len())?;
    let bytes = site.desk.in_turn(|| show::xlsx::table(table, &answered.answer));
    let bytes = bytes.map_err(|error| unwritable(&error))?;
    let name = file_name(site, &answered.answer, &table.id, "xlsx");
    Ok(Reply::new(XLSX, bytes).file(&name))
}

fn table(site: &Site, visit: &Visit, caller: &Caller) -> Result<(Answered, usize), Problem> {
    let entry = find(visit.part("question"))?;
    let answered = asked(site, entry, &visit.query, caller)?;
    let wanted = visit.part("table");
    let named = |table: &Table| table.id == wanted;
    let at = answered.answer.tables.iter().position(named).ok_or_else(Problem::not_found)?;
    Ok((answered, at))
}

/// Refuses more rows than a role may take away, and writes down what is taken.
pub(crate) fn allow(
    site: &Site,
    visit: &Visit,
    caller: &Caller,
    rows: usize,
) -> Result<(), Problem> {
    allow_of(site, visit, caller, rows, rows)
}

/// The same where `n_taken` of the rows are taken at a time: the limit is for all of them.
pub(crate) fn allow_of(
    site: &Site,
    visit: &Visit,
    caller: &Caller,
    rows: usize,
    n_taken: usize,
) -> Result<(), Problem> {
    let most = site.settings.export_rows;
    let most = if caller.may(Permission::Analyze) { most.saturating_mul(10) } else { most };
    if rows > most {
        let what = format!("{rows} rows are more than the {most} that your role may take away");
        let problem = Problem::new(StatusCode::FORBIDDEN, "export-limit", what)
            .hint("Limit the period or the segment, or ask an analyst.");
        site.refused(visit, Some(caller), &problem);
        return Err(problem);
    }
    if visit.method == axum::http::Method::HEAD {
        return Ok(());
    }
    let filter = format!("{}?{:?}", visit.path, visit.query.scope);
    let rows = u64::try_from(n_taken).unwrap_or(u64::MAX);
    let event = Event::export(taken(visit), &filter, rows);
    // What cannot be written down is not given away.
    site.access.record(Some(caller), Some(visit.address), &event).map_err(refusal)
}

/// What is taken away, for the log: question and figure or table, and of which period and segment.
/// Of a cell only its table is named, since names of rows are data.
fn taken(visit: &Visit) -> String {
    let figure = visit.part("figure");
    let figure = figure.split_once('.').map_or(figure, |(table, _)| table);
    let mut object = visit.route.path.replace("{question}", visit.part("question"));
    object = object.replace("{figure}", figure).replace("{table}", visit.part("table"));
    let scope = &visit.query.said;
    let said = [
        ("period", &scope.period),
        ("from", &scope.from),
        ("to", &scope.to),
        ("segment", &scope.segment),
        ("as_of", &scope.as_of),
    ];
    for (name, value) in said {
        // What was answered is known to be a name or a day, and no longer than one.
        if let Some(value) = value {
            object.push_str(&format!(" {name}={value}"));
        }
    }
    object
}

/// The name of a file: company, question, what, period, segment, as of which day.
pub(crate) fn file_name(_site: &Site, answer: &Answer, what: &str, ending: &str) -> String {
    let asked = &answer.asked;
    let mut parts = vec![
        asked.company.clone(),
        answer.question.to_owned(),
        what.to_owned(),
        asked.period.label.clone(),
    ];
    parts.extend(asked.segment.clone());
    // Rows are loaded elsewhere, so what they were asked for stands in the name of the file.
    parts.push(asked.model.clone());
    parts.push(asked.currency.to_string());
    parts.push(format!("as of {}", asked.as_of));
    parts.retain(|part| !part.is_empty());
    format!("{}.{ending}", parts.join(" "))
}

/// What an answer was asked for, as lines of a sheet.
fn about(answer: &Answer) -> Vec<(String, String)> {
    let asked = &answer.asked;
    let period = &asked.period;
    let line = |name: &str, text: String| (name.to_owned(), text);
    vec![
        line("Company", asked.company.clone()),
        line("Question", answer.asks.to_owned()),
        line("Period", format!("{} ({} to {})", period.label, period.from, period.to)),
        line("Segment", asked.segment.clone().unwrap_or_else(|| "all".to_owned())),
        line("Model", domain::definition::check::model_name(&asked.model).to_owned()),
        line("Currency", asked.currency.to_string()),
        line("As of", asked.as_of.to_string()),
        line("Time zone", asked.time_zone.clone()),
        line("Definitions", asked.definitions.clone()),
    ]
}

/// The name of a figure, and what the word means.
pub(crate) fn words(answer: &Answer, id: &str) -> (String, String) {
    if let Some(figure) = answer.figures.iter().find(|figure| figure.id == id) {
        return (figure.label.clone(), figure.meaning.clone());
    }
    for table in &answer.tables {
        for row in &table.rows {
            for column in &table.columns {
                if id == format!("{}.{}.{}", table.id, row.id, column.id) {
                    return (format!("{}, {}", column.label, row.label), String::new());
                }
            }
        }
    }
    (id.to_owned(), String::new())
}

/// The rows in the order that an address asks for; what has no value comes last.
fn sorted(
    site: &Site,
    answered: &Answered,
    rows: Arc<Frame>,
    visit: &Visit,
    evidence: &Evidence,
) -> Result<Arc<Frame>, Problem> {
    let Some(sort) = &visit.query.sort else { return Ok(rows) };
    let (name, down) = match sort.strip_prefix('-') {
        Some(name) => (name, true),
        None => (sort.as_str(), false),
    };
    let Some(column) = rows.column(name) else {
        let known: Vec<&str> = rows.names().iter().map(|name| &**name).collect();
        return Err(not_one_of("sort", name, &known));
    };
    let key = format!("sorted|{sort}|{}|{:?}", answered.key, evidence.rows);
    let size = |rows: &Frame| 1_024 + rows.n_rows() * rows.columns().len() * 24;
    site.desk.cache.get(&key, size, || {
        let cells: Vec<Cell> = (0..rows.n_rows()).map(|row| column.cell(row)).collect();
        let mut order: Vec<usize> = (0..rows.n_rows()).collect();
        let cell = |row: usize| cells.get(row).unwrap_or(&Cell::Null);
        order.sort_by(|a, b| compare(cell(*a), cell(*b), down));
        Ok(rows.take(&order))
    })
}

fn compare(a: &Cell, b: &Cell, down: bool) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    match (a.is_null(), b.is_null()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let order = match (a, b) {
        (Cell::Money(a), Cell::Money(b)) => a.to_decimal().cmp(&b.to_decimal()),
        (Cell::Integer(a), Cell::Integer(b)) => a.cmp(b),
        (Cell::Number(a), Cell::Number(b)) => a.total_cmp(b),
        (Cell::Decimal(a), Cell::Decimal(b)) => a.cmp(b),
        (Cell::Day(a), Cell::Day(b)) => a.cmp(b),
        (Cell::Instant(a), Cell::Instant(b)) => a.cmp(b),
        (Cell::Boolean(a), Cell::Boolean(b)) => a.cmp(b),
        (a, b) => a.to_string().to_lowercase().cmp(&b.to_string().to_lowercase()),
    };
    if down { order.reverse() } else { order }
}
