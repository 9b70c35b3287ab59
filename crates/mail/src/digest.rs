//! The digest: the headline of each answer with its first figures, and a link to the same page.
//!
//! Pure. Figures are written by the same functions as on every other surface; nothing is computed.
//! Text from data is data: the template engine escapes it, and what is invisible is made visible.
//! No picture, font or script is fetched from anywhere, so opening the mail tells nobody.

use askama::Template;
use domain::{Answer, Figure, Value};
use outbound::base_url;
use show::number::{self, Form, Scale};
use show::table::{Grid, Kind, Part, wrap};
use show::visible::visible;
use url::Url;

/// Columns of the plain text, as mail programs like it (RFC 3676, section 4.2).
const WIDTH: usize = 72;
/// Figures of an answer that stand in the digest; the others are on the page.
const FIGURES_SHOWN: usize = 6;
/// The answer that holds the figures of all others.
const SCORECARD: &str = "scorecard";

/// Where the pages are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Links {
    base: Url,
}

/// A digest, ready to be put into an envelope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Digest {
    /// The subject: company and period, and no figure, since subjects are read over shoulders.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

impl Links {
    /// Links below the address of the pages: https, or http on this machine; `None` for anything
    /// else.
    pub fn new(base: &str) -> Option<Self> {
        base_url(base).map(|base| Self { base })
    }

    pub(crate) const fn of(base: Url) -> Self {
        Self { base }
    }

    fn to(&self, path: &str) -> Url {
        // The base ends with `/` and the path is a plain name, so they always join.
        self.base.join(path).unwrap_or_else(|_| self.base.clone())
    }

    /// The page of an answer, with everything that it was asked for, so that it shows the same.
    pub fn page(&self, answer: &Answer) -> String {
        let asked = &answer.asked;
        let mut url = self.to(answer.question);
        let mut query = url.query_pairs_mut();
        if asked.period.label.contains(" to ") {
            query.append_pair("from", &asked.period.from.to_string());
            query.append_pair("to", &asked.period.to.to_string());
        } else {
            query.append_pair("period", &asked.period.label);
        }
        if let Some(segment) = &asked.segment {
            query.append_pair("segment", segment);
        }
        if !asked.by.is_empty() {
            query.append_pair("by", &asked.by.join(","));
        }
        query.append_pair("model", &asked.model);
        query.append_pair("currency", &asked.currency.to_string());
        query.append_pair("as_of", &asked.as_of.to_string());
        drop(query);
        url.into()
    }
}

#[derive(Template)]
#[template(path = "digest.html")]
struct Html<'a> {
    title: &'a str,
    asked: &'a str,
    answers: &'a [Section],
    settings: &'a str,
}

#[derive(Template)]
#[template(path = "digest.txt")]
struct Text<'a> {
    title: &'a str,
    asked: &'a [String],
    answers: &'a [Section],
    settings: &'a str,
}

/// An answer as it stands in the digest.
struct Section {
    asks: String,
    headline: String,
    /// The headline, broken into lines for plain text.
    headline_lines: Vec<String>,
    figures: Vec<Line>,
    /// The figures laid out for plain text.
    figure_lines: Vec<String>,
    remarks: String,
    page: String,
}

/// A figure as it stands in the digest.
struct Line {
    label: String,
    value: String,
    /// Range, change and part of target, in words.
    beside: String,
}

/// Writes the digest of some answers, in their order.
pub fn digest(answers: &[Answer], links: &Links) -> Digest {
    // The scorecard holds the figures that matter; other answers are a sentence and a link.
    let scorecard = answers.iter().any(|answer| answer.question == SCORECARD);
    let most = |answer: &Answer| match answer.question {
        SCORECARD => answer.figures.len(),
        _ if scorecard => 0,
        _ => FIGURES_SHOWN,
    };
    let sections: Vec<Section> =
        answers.iter().map(|answer| section(answer, links, most(answer))).collect();
    let first = answers.first();
    let company = first.map_or("", |answer| answer.asked.company.as_str());
    let company = if company.trim().is_empty() { "Throughline" } else { company };
    let title = first.map_or_else(
        || company.to_owned(),
        |answer| format!("{company}: {}", answer.asked.period.label),
    );
    let title = visible(&title).into_owned();
    let asked = first.map_or_else(String::new, asked);
    let settings: String = links.to("settings").into();
    let asked_lines = wrap(&asked, WIDTH);
    let (title, asked, answers) = (title.as_str(), asked.as_str(), sections.as_slice());
    let settings = settings.as_str();
    Digest {
        subject: title.to_owned(),
        // Writing into a string does not fail, and the templates call nothing that does.
        text: Text { title, asked: &asked_lines, answers, settings }.render().unwrap_or_default(),
        html: Html { title, asked, answers, settings }.render().unwrap_or_default(),
    }
}

/// Days, day of knowledge, segment and version of the words.
fn asked(answer: &Answer) -> String {
    let asked = &answer.asked;
    let mut parts = vec![
        format!("{} to {}", asked.period.from, asked.period.to),
        format!("as of {}", asked.as_of),
    ];
    parts.extend(asked.segment.as_ref().map(|segment| format!("segment {segment}")));
    parts.push(asked.currency.to_string());
    parts.push(format!("definitions {}", asked.definitions));
    visible(&parts.join(" · ")).into_owned()
}

fn section(answer: &Answer, links: &Links, most: usize) -> Section {
    let headline = if answer.headline.is_empty() { answer.asks } else { &answer.headline };
    let headline = visible(headline).into_owned();
    let figures: Vec<Line> =
        answer.figures.iter().take(most).map(|figure| line(figure, answer)).collect();
    let more = answer.figures.len().saturating_sub(most);
    let remarks = [(more, "more figure"), (answer.caveats.len(), "note")];
    let remarks: Vec<String> = remarks
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}{}", if n == 1 { "" } else { "s" }))
        .collect();
    Section {
        asks: answer.asks.to_owned(),
        headline_lines: wrap(&headline, WIDTH),
        headline,
        figure_lines: laid_out(&figures),
        figures,
        remarks: remarks.join(" and "),
        page: links.page(answer),
    }
}

fn laid_out(figures: &[Line]) -> Vec<String> {
    let mut grid = Grid::bare();
    grid.column("", Kind::Words);
    grid.column("", Kind::Numbers);
    for figure in figures {
        grid.row(vec![
            show::table::Content::same(figure.label.clone()),
            show::table::Content::same(figure.value.clone()),
        ]);
    }
    let rows = grid.unwrapped(WIDTH, true);
    let rows: Vec<String> = match rows {
        Some(rows) => rows
            .into_iter()
            .filter(|line| line.part == Part::Body)
            .map(|line| line.text.trim_end().to_owned())
            .collect(),
        None => Vec::new(),
    };
    let aligned = rows.len() == figures.len();
    let mut out = Vec::new();
    for (at, figure) in figures.iter().enumerate() {
        match rows.get(at).filter(|_| aligned) {
            Some(row) => out.push(row.clone()),
            None => out.extend(wrap(&format!("{}: {}", figure.label, figure.value), WIDTH)),
        }
        let beside = wrap(&figure.beside, WIDTH - 4).into_iter();
        out.extend(beside.filter(|part| !part.is_empty()).map(|part| format!("    {part}")));
    }
    out
}

fn line(figure: &Figure, answer: &Answer) -> Line {
    let group = [&figure.previous, &figure.year_ago, &figure.target];
    let scale = Scale::of(group.into_iter().flatten().chain([&figure.value]));
    let mut beside = Vec::new();
    let value = written(&figure.value, scale).unwrap_or_else(|| {
        beside.extend(number::missing(&figure.value));
        "–".to_owned()
    });
    if let Some(range) = &figure.interval
        && let Some(text) = number::range(range, &figure.value, scale, true)
    {
        let level = number::number((range.level * 100.0).round(), 0).unwrap_or_default();
        beside.push(format!("{level}% range {text}"));
    }
    let compared = [
        (figure.previous.as_ref(), answer.asked.previous.label.as_str()),
        (figure.year_ago.as_ref(), "a year ago"),
    ];
    for (before, when) in compared {
        let change = before.and_then(|before| number::change(&figure.value, before));
        beside.extend(change.map(|change| format!("{change} against {when}")));
    }
    if let Some(target) = &figure.target
        && let Some((part, word)) = number::standing(&figure.value, target, &answer.asked)
        && let Some(target) = written(target, scale)
    {
        beside.push(format!("{word} ({part} of {target})"));
    }
    Line {
        label: visible(&figure.label).into_owned(),
        value,
        beside: visible(&beside.join(" · ")).into_owned(),
    }
}

fn written(value: &Value, scale: Scale) -> Option<String> {
    let text = number::value(value, scale, Form::Short)?;
    Some(match value {
        Value::Money(money) => format!("{} {text}", money.currency),
        _ => text,
    })
}
