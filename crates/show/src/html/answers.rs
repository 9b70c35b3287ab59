//! Pages of answers: a question, the scorecard, the board pack as page and as file.

use std::collections::BTreeMap;

use askama::Template;
use data_encoding::BASE64;
use domain::Answer;
use domain::definition::check::model_name;
use sha2::{Digest, Sha256};

use super::around::{Around, Fact, Links};
use super::draw::{self, ChartView};
use super::page::{Board, Controls, QuestionPage};
use super::shell::{Choice, Scope, Shell};
use super::view::{self, Figures, TableView};
use super::{asset, markdown, written};

/// Columns of a table of the pack; more go to a further panel.
const PACK_COLUMNS: usize = 8;

/// The bar of controls.
pub(super) struct ControlsView {
    /// What is in force, for screens where the controls are folded.
    pub(super) summary: String,
    pub(super) action: String,
    pub(super) hidden: Vec<Choice>,
    pub(super) selects: Vec<SelectView>,
    pub(super) as_of: String,
    pub(super) known_from: String,
    pub(super) known_to: String,
}

/// A list to choose from.
pub(super) struct SelectView {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) choices: Vec<Choice>,
    pub(super) chosen: String,
    /// The words for no choice; empty where there must be one.
    pub(super) first: String,
}

/// The bar of controls for an answer; without one, nothing is chosen yet.
pub(super) fn controls(
    shell: &Shell,
    controls: &Controls,
    answer: Option<&Answer>,
) -> ControlsView {
    let scope = &shell.scope;
    let asked = answer.map(|answer| &answer.asked);
    let own = |value: &Option<String>| value.clone().unwrap_or_default();
    let period = asked.map(|asked| &asked.period);
    let label = period.map(view::period).unwrap_or_default();
    let named = period.map(|period| period.label.clone()).unwrap_or_default();
    let known = |value: &str| controls.periods.iter().any(|period| period.value == value);
    let mut periods = controls.periods.clone();
    // A period that is not in the list stands in it by its days, so that the form sends it again.
    let chosen = match period {
        Some(_) if known(&named) => named,
        Some(_) if scope.period.as_deref().is_some_and(known) => own(&scope.period),
        Some(period) => {
            let value = format!("{}..{}", period.from, period.to);
            periods.insert(0, Choice::new(value.clone(), label.clone()));
            value
        }
        None => own(&scope.period),
    };
    let first = if asked.is_none() { "Latest quarter".to_owned() } else { String::new() };
    let mut selects = vec![SelectView {
        id: "c-period",
        name: "period",
        label: "Period",
        choices: periods,
        chosen,
        first,
    }];
    let before =
        asked.map_or_else(|| "Period before".to_owned(), |asked| view::period(&asked.previous));
    selects.push(SelectView {
        id: "c-compare",
        name: "compare",
        label: "Compare with",
        choices: vec![
            Choice::new("previous", &*before),
            Choice::new("year", "Year ago"),
            Choice::new("target", "Target"),
            Choice::new("previous,target", format!("{before} and target")),
            Choice::new("none", "Nothing"),
        ],
        chosen: scope.compare.join(","),
        first: "All".to_owned(),
    });
    if !controls.segments.is_empty() {
        let fixed = controls.segment_fixed;
        let chosen = asked.and_then(|asked| asked.segment.clone()).unwrap_or(own(&scope.segment));
        let mut choices = controls.segments.clone();
        choices.retain(|choice| !fixed || choice.value == chosen);
        selects.push(SelectView {
            id: "c-segment",
            name: "segment",
            label: "Segment",
            choices,
            chosen,
            first: if fixed { String::new() } else { "All".to_owned() },
        });
    }
    let model = asked.map(|asked| asked.model.clone()).unwrap_or(own(&scope.model));
    selects.push(select("c-model", "model", "Model", &controls.models, model, asked.is_none()));
    let currency = asked.map(|asked| asked.currency.to_string()).unwrap_or(own(&scope.currency));
    let mut currencies = controls.currencies.clone();
    if !currency.is_empty() && !currencies.iter().any(|choice| choice.value == currency) {
        currencies.push(Choice::new(currency.clone(), currency.clone()));
    }
    selects.push(select(
        "c-currency",
        "currency",
        "Currency",
        &currencies,
        currency,
        asked.is_none(),
    ));
    if !controls.by.is_empty() {
        let by = scope.by.join(",");
        selects.push(select("c-by", "by", "Broken down by", &controls.by, by, true));
    }
    selects.retain(|select| !select.choices.is_empty());
    let segment = asked.and_then(|asked| asked.segment.as_ref());
    let segment = segment.map_or("all segments", |id| {
        let known = controls.segments.iter().find(|choice| choice.value == *id);
        known.map_or(id, |choice| &choice.label)
    });
    let summary = asked.map_or_else(String::new, |asked| {
        let model = model_name(&asked.model);
        format!("{label} · {segment} · {model} · {} · as of {}", asked.currency, asked.as_of)
    });
    ControlsView {
        summary,
        action: shell.here.clone(),
        hidden: Vec::new(),
        selects,
        as_of: own(&scope.as_of),
        known_from: controls.known_from.map(|day| day.to_string()).unwrap_or_default(),
        known_to: controls.known_to.map(|day| day.to_string()).unwrap_or_default(),
    }
}

fn select(
    id: &'static str,
    name: &'static str,
    label: &'static str,
    choices: &[Choice],
    chosen: String,
    open: bool,
) -> SelectView {
    let nothing = if name == "by" { "Nothing more" } else { "As defined" };
    let first = if open { nothing.to_owned() } else { String::new() };
    SelectView { id, name, label, choices: choices.to_vec(), chosen, first }
}

#[derive(Template)]
#[template(path = "question.html")]
struct Question {
    around: Around,
    /// The address that shows the same tomorrow: nothing in it is left to a default.
    link: String,
    asks: String,
    headline: (String, String),
    controls: ControlsView,
    asked: Vec<(&'static str, String)>,
    figures: Figures,
    charts: Vec<ChartView>,
    tables: Vec<TableView>,
    caveats: Vec<String>,
    help: String,
}

/// The page of a question.
pub fn question_page(shell: &Shell, page: &QuestionPage<'_>) -> String {
    question(shell, page, &title(shell, page.answer), false)
}

/// The home page: the scorecard, with all of its figures large.
pub fn scorecard_page(shell: &Shell, page: &QuestionPage<'_>) -> String {
    question(shell, page, &format!("Scorecard {}", view::period(&page.answer.asked.period)), true)
}

fn question(shell: &Shell, page: &QuestionPage<'_>, title: &str, all_lead: bool) -> String {
    let answer = page.answer;
    let part = Part::of(answer, &Links::of(shell), "", None, all_lead);
    written(&Question {
        around: Around::of(shell, title, answer),
        link: lasting(shell, answer),
        asks: part.asks,
        headline: part.headline,
        controls: controls(shell, page.controls, Some(answer)),
        asked: view::asked(&answer.asked, &shell.scope),
        figures: part.figures,
        charts: part.charts,
        tables: part.tables,
        caveats: part.caveats,
        help: markdown::html(body(page.help)),
    })
}

/// The address of a page with everything in it that was asked for.
fn lasting(shell: &Shell, answer: &Answer) -> String {
    let asked = &answer.asked;
    let (from, to) = (asked.period.from.to_string(), asked.period.to.to_string());
    let (currency, as_of) = (asked.currency.to_string(), asked.as_of.to_string());
    // A period that has no name is said by its days.
    let own_days = asked.period.label.contains(' ') || shell.scope.from.is_some();
    let days = if own_days {
        [("period", ""), ("from", &*from), ("to", &*to)]
    } else {
        [("period", &*asked.period.label), ("from", ""), ("to", "")]
    };
    let rest = [
        ("segment", asked.segment.as_deref().unwrap_or_default()),
        ("model", &*asked.model),
        ("currency", &*currency),
        ("as_of", &*as_of),
    ];
    shell.scope.link_with(&shell.here, &[&days[..], &rest[..]].concat())
}

/// The explanation without its first line, which is the question that stands above already.
fn body(help: &str) -> &str {
    help.split_once("\n\n").map_or(help, |(_, body)| body)
}

fn title(shell: &Shell, answer: &Answer) -> String {
    let known = shell.questions.iter().find(|choice| choice.value == answer.question);
    let name = known.map_or(answer.question, |choice| &choice.label);
    format!("{name} {}", view::period(&answer.asked.period))
}

/// An answer as a part of a page.
pub(super) struct Part {
    pub(super) anchor: String,
    /// The question in a word.
    pub(super) name: String,
    /// What makes anchors unique.
    pub(super) prefix: String,
    pub(super) href: String,
    pub(super) asks: String,
    pub(super) headline: (String, String),
    pub(super) figures: Figures,
    pub(super) charts: Vec<ChartView>,
    pub(super) tables: Vec<TableView>,
    pub(super) caveats: Vec<String>,
}

impl Part {
    fn of(
        answer: &Answer,
        links: &Links<'_>,
        prefix: &str,
        most: Option<usize>,
        all_lead: bool,
    ) -> Self {
        let charts = answer.charts.iter().filter(|chart| !chart.points.is_empty());
        Self {
            anchor: format!("{prefix}part"),
            name: view::capital(answer.question),
            prefix: prefix.to_owned(),
            href: links.question(answer.question),
            asks: answer.asks.to_owned(),
            headline: view::headline(answer),
            figures: view::figures(answer, links, prefix, all_lead),
            charts: charts.map(|chart| draw::chart(chart, answer, links, prefix)).collect(),
            tables: answer
                .tables
                .iter()
                .flat_map(|table| view::table(table, answer, links, prefix, most))
                .collect(),
            caveats: answer.caveats.iter().map(|caveat| view::sentence(&caveat.text)).collect(),
        }
    }
}

/// The pack.
struct Pack {
    company: String,
    period: String,
    asked: Vec<(&'static str, String)>,
    controls: Option<ControlsView>,
    files: Vec<(String, &'static str)>,
    parts: Vec<Part>,
    /// What the notes of several answers say alike, once.
    caveats: Vec<String>,
    words: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "board.html")]
struct BoardOnline {
    around: Around,
    board: Pack,
}

#[derive(Template)]
#[template(path = "board_file.html")]
struct BoardAlone {
    title: String,
    hash: String,
    styles: String,
    sample: bool,
    company: String,
    facts: Vec<Fact>,
    board: Pack,
}

fn pack(company: &str, page: &Board<'_>, links: &Links<'_>) -> Pack {
    let first = page.answers.first();
    let part = |answer: &Answer| {
        let prefix = format!("{}-", answer.question);
        let all_lead = answer.question == "scorecard";
        Part::of(answer, links, &prefix, Some(PACK_COLUMNS), all_lead)
    };
    let mut parts: Vec<Part> = page.answers.iter().map(part).collect();
    let caveats = shared_caveats(&mut parts);
    Pack {
        company: company.to_owned(),
        period: first.map(|answer| view::period(&answer.asked.period)).unwrap_or_default(),
        asked: first.map(|answer| view::asked(&answer.asked, links.scope)).unwrap_or_default(),
        controls: None,
        files: Vec::new(),
        parts,
        caveats,
        words: view::meanings(page.answers, page.words),
    }
}

/// Takes the notes that several parts have in common out of them.
fn shared_caveats(parts: &mut [Part]) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut order = Vec::new();
    for caveat in parts.iter().flat_map(|part| &part.caveats) {
        let count = counts.entry(caveat.clone()).or_default();
        *count += 1;
        if *count == 2 {
            order.push(caveat.clone());
        }
    }
    for part in parts {
        part.caveats.retain(|caveat| !order.contains(caveat));
    }
    order
}

/// The board pack as a page.
pub fn board_page(shell: &Shell, page: &Board<'_>) -> String {
    let links = Links::of(shell);
    let mut board = pack(&shell.company, page, &links);
    board.controls = Some(controls(shell, page.controls, page.answers.first()));
    if links.export {
        let file = |kind| shell.scope.link(&format!("/board.{kind}"));
        board.files =
            vec![(file("pdf"), "PDF"), (file("xlsx"), "XLSX"), (file("html"), "One HTML file")];
    }
    let name = format!("Board pack {}", board.period);
    let around = match page.answers.first() {
        Some(answer) => Around::of(shell, &name, answer),
        None => Around::new(shell, &name),
    };
    written(&BoardOnline { around, board })
}

/// The board pack as one file that needs nothing else: styles and fonts are in it, and its own
/// policy forbids everything else.
///
/// `base` is the address of the server without a final slash, for links to rows; `None` leaves them
/// out.
pub fn board_file(shell: &Shell, page: &Board<'_>, base: Option<&str>) -> String {
    let none = Scope::default();
    let base = base.map(|base| base.trim_end_matches('/'));
    let safe = base.filter(|base| base.starts_with("http://") || base.starts_with("https://"));
    let links = Links {
        origin: safe.unwrap_or_default(),
        scope: if safe.is_some() { &shell.scope } else { &none },
        rows: safe.is_some(),
        export: false,
        words: safe.is_some(),
    };
    let board = pack(&shell.company, page, &links);
    let title = format!("Board pack {} · {}", board.period, shell.company);
    let around = page.answers.first().map(|answer| Around::of(shell, "", answer));
    let mut facts = around.map(|around| around.facts).unwrap_or_default();
    facts.retain(|fact| !fact.value.is_empty());
    let beyond_latin = page.answers.iter().any(|answer| {
        let mut texts = answer.tables.iter().flat_map(|table| &table.rows).map(|row| &row.label);
        texts.any(|text| needs_more(text)) || needs_more(&answer.headline)
    });
    let styles = asset::styles_alone(beyond_latin || needs_more(&shell.company));
    let hash = BASE64.encode(&Sha256::digest(styles.as_bytes()));
    written(&BoardAlone {
        title,
        hash,
        styles,
        sample: shell.sample,
        company: shell.company.clone(),
        facts,
        board,
    })
}

/// True where a text needs the fonts for Greek and Cyrillic.
fn needs_more(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{180}'..='\u{52f}' | '\u{1e00}'..='\u{1eff}'))
}
