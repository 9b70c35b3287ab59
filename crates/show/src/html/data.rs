//! Pages of data: rows of a figure, health, definitions, and the page of the analyst.

use askama::Template;
use domain::answer::Measure;
use domain::{Cell, Column, Frame};

use super::answers::{SelectView, controls};
use super::around::{Around, Links};
use super::page::{Analyst, BuildRow, Definitions, LoadRow, QuarantineReason, RowsPage};
use super::shell::{Choice, Shell, segment};
use super::view::{self, Manner, Notes, Shown, minus, sentence};
use super::{Instant, PagerView, ProblemView, written};
use crate::number::{self, Form, Scale, grouped};

struct ColumnView {
    name: String,
    right: bool,
    href: String,
    order: &'static str,
}

struct CellView {
    text: String,
    right: bool,
}

#[derive(Template)]
#[template(path = "rows.html")]
struct RowsView {
    around: Around,
    back: String,
    question: String,
    label: String,
    value: Shown,
    closing: String,
    meaning: String,
    asked: Vec<(&'static str, String)>,
    other: (String, &'static str),
    csv: String,
    xlsx: String,
    caption: String,
    columns: Vec<ColumnView>,
    rows: Vec<Vec<CellView>>,
    pager: PagerView,
}

/// The rows behind a figure.
pub fn rows_page(shell: &Shell, page: &RowsPage<'_>) -> String {
    let links = Links::of(shell);
    let scope = &shell.scope;
    let path = format!("/{}/rows/{}", segment(page.question), segment(page.figure));
    let part = if page.per { "per" } else { "" };
    let known = shell.questions.iter().find(|choice| choice.value == page.question);
    let question = known.map_or(page.question, |choice| &choice.label).to_owned();
    let scale = Scale::of([page.value]);
    let manner = Manner { scale, form: Form::Long, known: None };
    let sort = page.sort.unwrap_or_default();
    let at = |number: usize| {
        let number = number.to_string();
        scope.link_with(&path, &[("part", part), ("sort", sort), ("page", &number)])
    };
    let pages = page.n_rows.div_ceil(page.page_size.max(1));
    let pager = PagerView::new(page.page, pages, at);
    let first = (page.page.max(1) - 1) * page.page_size + 1;
    let last = first + page.rows.n_rows().saturating_sub(1);
    let count = |n: usize| grouped(&n.to_string());
    let caption = match (page.n_rows, pages) {
        (0, _) => "No rows".to_owned(),
        (1, _) => "1 row".to_owned(),
        (n, 0 | 1) => format!("{} rows", count(n)),
        (n, _) => format!("Rows {} to {} of {}", count(first), count(last), count(n)),
    };
    let export = |kind: &str| {
        if links.export {
            scope.link_with(&format!("{path}.{kind}"), &[("part", part), ("sort", sort)])
        } else {
            String::new()
        }
    };
    let other = match (page.has_per, page.per) {
        (_, true) => (scope.link(&path), "Back to the rows above the line"),
        (true, false) => {
            (scope.link_with(&path, &[("part", "per")]), "Open the rows that it is divided by")
        }
        _ => (String::new(), ""),
    };
    let columns =
        columns(page, |column| scope.link_with(&path, &[("part", part), ("sort", column)]));
    let home = if page.question == "scorecard" {
        "/".to_owned()
    } else {
        format!("/{}", segment(page.question))
    };
    let label = if page.per {
        format!("{}, what it is divided by", page.label)
    } else {
        page.label.to_owned()
    };
    written(&RowsView {
        around: Around::new(shell, &format!("{}, rows", page.label)),
        back: scope.link(&home),
        question,
        value: view::shown(page.value, None, manner, &mut Notes::default()),
        label,
        closing: page.closing.to_owned(),
        meaning: sentence(page.meaning),
        asked: view::asked(page.asked, scope),
        other,
        csv: export("csv"),
        xlsx: export("xlsx"),
        caption,
        rows: cells(page.rows),
        columns,
        pager,
    })
}

fn right(column: &Column) -> bool {
    matches!(column, Column::Integer(_) | Column::Number(_) | Column::Decimal(_) | Column::Money(_))
}

/// The one currency of a column of money.
fn one_currency(column: &Column) -> Option<domain::Currency> {
    let Column::Money(values) = column else { return None };
    let mut codes = values.iter().flatten().map(|money| money.currency);
    let first = codes.next()?;
    codes.all(|code| code == first).then_some(first)
}

fn columns(page: &RowsPage<'_>, link: impl Fn(&str) -> String) -> Vec<ColumnView> {
    let sort = page.sort.unwrap_or_default();
    let (sorted, down) = sort.strip_prefix('-').map_or((sort, false), |column| (column, true));
    let names = page.rows.names().iter().zip(page.rows.columns());
    let view = |(name, column): (&std::sync::Arc<str>, &Column)| {
        let order = match (&**name == sorted, down) {
            (false, _) => "",
            (true, false) => "ascending",
            (true, true) => "descending",
        };
        // A count is named `n_touches`, a day `closed_on`.
        let words = view::capital(name.strip_prefix("n_").unwrap_or(name));
        let next = if order == "ascending" { format!("-{name}") } else { name.to_string() };
        ColumnView {
            name: one_currency(column).map_or(words.clone(), |code| format!("{words} ({code})")),
            right: right(column),
            href: link(&next),
            order,
        }
    };
    names.map(view).collect()
}

fn cells(frame: &Frame) -> Vec<Vec<CellView>> {
    let columns: Vec<(&Column, bool, bool)> = frame
        .columns()
        .iter()
        .map(|column| (column, right(column), one_currency(column).is_some()))
        .collect();
    let cell = |row: usize| {
        let one = columns.iter().map(|(column, right, bare)| CellView {
            text: cell_text(&column.cell(row), *bare),
            right: *right,
        });
        one.collect()
    };
    (0..frame.n_rows()).map(cell).collect()
}

/// Exact to the minor unit, so that rows can be added up.
fn cell_text(cell: &Cell, bare: bool) -> String {
    match cell {
        Cell::Null => "–".to_owned(),
        Cell::Money(money) if bare => minus(&grouped(&money.amount_text())),
        Cell::Money(money) => {
            format!("{} {}", money.currency, minus(&grouped(&money.amount_text())))
        }
        Cell::Integer(value) => minus(&grouped(&value.to_string())),
        Cell::Decimal(value) => minus(&grouped(&value.normalize().to_string())),
        Cell::Number(value) => minus(&grouped(&value.to_string())),
        Cell::Boolean(value) => (if *value { "yes" } else { "no" }).to_owned(),
        other => other.to_string(),
    }
}

struct LoadView {
    id: i64,
    message: String,
    at: Instant,
    by: String,
    counts: [String; 5],
}

struct QuarantineView {
    reason: String,
    rule: String,
    n_rows: u64,
    n_text: String,
    money: String,
    example: String,
    hint: String,
}

struct BuildView {
    as_of: String,
    snapshot: i64,
    definitions: String,
    state: String,
}

fn count(n: u64) -> String {
    grouped(&n.to_string())
}

fn quarantine(reasons: &[QuarantineReason]) -> Vec<QuarantineView> {
    let view = |reason: &QuarantineReason| QuarantineView {
        reason: sentence(&reason.reason),
        rule: reason.rule.clone(),
        n_rows: reason.n_rows,
        n_text: count(reason.n_rows),
        money: reason.money.clone().unwrap_or_default(),
        example: reason.example.clone().unwrap_or_default(),
        hint: reason.hint.as_deref().map(sentence).unwrap_or_default(),
    };
    reasons.iter().map(view).collect()
}

fn loads(loads: &[LoadRow]) -> Vec<LoadView> {
    let view = |load: &LoadRow| LoadView {
        id: load.id,
        message: load.message.clone().unwrap_or_default(),
        at: Instant::new(load.at),
        by: load.by.clone().unwrap_or_default(),
        counts: [load.n_files, load.n_read, load.n_loaded, load.n_known, load.n_quarantined]
            .map(count),
    };
    loads.iter().map(view).collect()
}

fn builds(builds: &[BuildRow]) -> Vec<BuildView> {
    let view = |build: &BuildRow| BuildView {
        as_of: build.as_of.map(|day| day.to_string()).unwrap_or_default(),
        snapshot: build.snapshot,
        definitions: build.definitions.clone(),
        state: build.state.clone(),
    };
    builds.iter().map(view).collect()
}

struct GroupView {
    anchor: String,
    name: String,
    words: Vec<WordView>,
}

struct WordView {
    id: String,
    name: String,
    meaning: String,
    rule: String,
    here: Vec<String>,
    used: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "definitions.html")]
struct DefinitionsView {
    around: Around,
    identity: String,
    n_words: usize,
    groups: Vec<GroupView>,
}

/// What the words mean here.
pub fn definitions_page(shell: &Shell, page: &Definitions) -> String {
    let groups: Vec<GroupView> = page
        .groups
        .iter()
        .enumerate()
        .map(|(at, group)| GroupView {
            anchor: format!("group-{}", at + 1),
            name: group.name.clone(),
            words: group
                .words
                .iter()
                .map(|word| WordView {
                    id: segment(&word.id),
                    name: word.name.clone(),
                    meaning: sentence(&word.meaning),
                    rule: word.rule.clone().unwrap_or_default(),
                    here: word.here.clone(),
                    used: word
                        .used_in
                        .iter()
                        .map(|question| {
                            let path = match question.value.as_str() {
                                "scorecard" => "/".to_owned(),
                                id => format!("/{}", segment(id)),
                            };
                            (shell.scope.link(&path), question.label.clone())
                        })
                        .collect(),
                })
                .collect(),
        })
        .collect();
    written(&DefinitionsView {
        around: Around::new(shell, "Definitions"),
        identity: page.identity.clone(),
        n_words: groups.iter().map(|group| group.words.len()).sum(),
        groups,
    })
}

struct AnswerView {
    label: String,
    headline: String,
    page: String,
    json: String,
}

struct OpenableView {
    id: String,
    value: Shown,
    relation: String,
    measure: String,
    csv: String,
}

#[derive(Template)]
#[template(path = "analyst.html")]
struct AnalystView {
    around: Around,
    questions: Vec<Choice>,
    question: String,
    selects: Vec<SelectView>,
    as_of: String,
    problem: Option<ProblemView>,
    answer: Option<AnswerView>,
    command: String,
    openable: Vec<OpenableView>,
    check: Vec<String>,
    quarantine: Vec<QuarantineView>,
    loads: Vec<LoadView>,
    builds: Vec<BuildView>,
}

/// The page of the analyst.
pub fn analyst_page(shell: &Shell, page: &Analyst<'_>) -> String {
    let links = Links::of(shell);
    let bar = controls(shell, page.controls, page.answer);
    let answer = page.answer.map(|answer| {
        let path = match answer.question {
            "scorecard" => "/".to_owned(),
            id => format!("/{}", segment(id)),
        };
        let known = page.questions.iter().find(|choice| choice.value == answer.question);
        AnswerView {
            label: known.map_or(answer.question, |choice| &choice.label).to_owned(),
            headline: answer.headline.clone(),
            page: shell.scope.link(&path),
            json: shell.scope.link(&format!("/api/v1/questions/{}", segment(answer.question))),
        }
    });
    let openable = page.answer.map(|answer| {
        let one = answer.openable().into_iter().map(|(id, value, evidence)| {
            let manner = Manner { scale: Scale::of([value]), form: Form::Long, known: None };
            let mut shown = view::shown(value, None, manner, &mut Notes::default());
            // The reasons are written out on the page of the question.
            shown.note = 0;
            shown.href = links.rows(answer.question, &id);
            shown.opens = format!("{id}: open its rows");
            let path = format!("/{}/rows/{}.csv", segment(answer.question), segment(&id));
            OpenableView {
                csv: if links.export { shell.scope.link(&path) } else { String::new() },
                value: shown,
                relation: evidence.rows.relation.clone(),
                measure: made_by(&evidence.measure, evidence.per.is_some()),
                id,
            }
        });
        one.collect()
    });
    written(&AnalystView {
        around: Around::new(shell, "Analyst"),
        questions: page.questions.to_vec(),
        question: page.question.to_owned(),
        selects: bar.selects,
        as_of: bar.as_of,
        problem: page.problem.map(ProblemView::new),
        answer,
        command: page.command.to_owned(),
        openable: openable.unwrap_or_default(),
        check: page.check.to_vec(),
        quarantine: quarantine(page.quarantine),
        loads: loads(page.loads),
        builds: builds(page.builds),
    })
}

fn made_by(measure: &Measure, divided: bool) -> String {
    let made = match measure {
        Measure::Count => "count".to_owned(),
        Measure::CountDistinct(column) => format!("different {column}"),
        Measure::Sum(column) => format!("sum of {column}"),
        Measure::Share(column) => format!("share of {column}"),
        Measure::Mean(column) => format!("mean of {column}"),
        Measure::Median(column) => format!("median of {column}"),
        Measure::Stated(_) => "sum of what they were then".to_owned(),
    };
    if divided { format!("{made}, divided") } else { made }
}

/// Writes rows done of rows in all.
pub(super) fn progress(done: u64, of: Option<u64>) -> String {
    match of {
        Some(of) => format!("{} of {}", count(done), count(of)),
        None if done > 0 => count(done),
        None => String::new(),
    }
}

/// Writes a number of a page for reading.
pub(super) fn plain(n: usize) -> String {
    number::grouped(&n.to_string())
}
