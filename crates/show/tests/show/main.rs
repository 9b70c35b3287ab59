//! What an answer looks like, at every width and for hostile texts.

#![expect(
    clippy::unwrap_used,
    clippy::assigning_clones,
    reason = "samples are made to be right, not fast"
)]

mod gallery;
mod sample;
mod svg;

use domain::Frame;
use domain::answer::{
    Annotation, Chart, ChartForm, Entry, Interval, Mark, Role, Series, Table, TableColumn, TableRow,
};
use domain::{Caveat, Cell, Column, Currency, Decimal, Evidence, Figure, Money, Rows, Value};
use proptest::prelude::*;
use show::Style;
use unicode_width::UnicodeWidthStr;

fn style(width: usize) -> Style {
    Style { width, ..Style::default() }
}

#[track_caller]
fn fits(text: &str, width: usize) {
    for line in text.lines() {
        assert!(line.width() <= width, "{} > {width}: {line:?}\n{text}", line.width());
        assert_eq!(line, line.trim_end(), "blanks at the end");
    }
    assert!(!text.contains("\n\n\n") && text.ends_with('\n') && !text.ends_with("\n\n"), "{text}");
}

#[test]
fn an_answer_is_readable_at_every_width() {
    for width in [40, 60, 80, 100, 120, 200] {
        let text = show::text::answer(&sample::pipeline(), &style(width));
        println!("{text}\n{}", "=".repeat(width));
        fits(&text, width);
        insta::assert_snapshot!(format!("answer_{width:03}"), text);
    }
}

#[test]
fn a_period_that_is_not_over_has_no_verdict() {
    let mut answer = sample::pipeline();
    answer.headline = String::new();
    assert!(show::text::answer(&answer, &style(80)).contains("(83%, below target)"));
    answer.asked.as_of = answer.asked.period.from;
    let text = show::text::answer(&answer, &style(80));
    assert!(text.contains("(83%, so far)") && !text.contains("below target"), "{text}");
}

#[test]
fn without_unicode_only_ascii_is_drawn() {
    let text = show::text::answer(
        &sample::pipeline(),
        &Style { unicode: false, full: true, ..style(100) },
    );
    println!("{text}");
    let names = ["東京 展示会", "Grün & Söhne"];
    let drawn = names.iter().fold(text.clone(), |text, name| text.replace(name, ""));
    assert!(drawn.is_ascii(), "{drawn}");
    insta::assert_snapshot!("answer_ascii_full", text);
}

#[test]
fn every_form_of_chart_is_drawn_with_letters() {
    for unicode in [true, false] {
        let style = Style { unicode, ..style(100) };
        let mut text = String::new();
        for chart in gallery::charts() {
            text += &format!("{}\n", chart.title);
            for line in show::chart::lines(&chart, &style) {
                text += &format!("  {}\n", line.text);
            }
            text.push('\n');
        }
        insta::assert_snapshot!(if unicode { "charts" } else { "charts_ascii" }, text);
    }
}

#[test]
fn colour_carries_no_meaning() {
    let plain = show::text::answer(&sample::pipeline(), &style(100));
    let mut colored = show::text::answer(&sample::pipeline(), &Style { color: true, ..style(100) });
    for code in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m"] {
        colored = colored.replace(code, "");
    }
    assert_eq!(colored, plain);
}

#[test]
fn rows_are_shown_to_the_cent() {
    for width in [40, 80, 120] {
        let text = show::text::frame(&sample::deals(), &style(width), Some(3));
        println!("{text}");
        fits(&text, width);
        insta::assert_snapshot!(format!("frame_{width:03}"), text);
    }
    assert_eq!(show::text::frame(&Frame::default(), &style(80), None), "no rows\n");
}

#[test]
fn an_answer_in_json_has_stable_keys_and_no_float_for_money() {
    insta::assert_snapshot!(
        "answer_json",
        show::json::pretty(&show::json::answer(&sample::small()))
    );
}

#[test]
fn csv_reads_back_as_the_same_values() {
    let frame = sample::deals();
    let text = show::csv::frame(&frame);
    insta::assert_snapshot!("deals_csv", text.replace("\r\n", "\n"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headings = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), frame.n_rows());
    for (name, column) in frame.names().iter().zip(frame.columns()) {
        let at = headings.iter().position(|h| h == &**name).unwrap();
        for (row, record) in rows.iter().enumerate() {
            let field = record.get(at).unwrap();
            match column.cell(row) {
                Cell::Money(money) => {
                    let read: Decimal = field.parse().unwrap();
                    let currency = record.get(at + 1).unwrap().parse::<Currency>().unwrap();
                    assert_eq!(Money::from_decimal(read, currency), Ok(money));
                }
                Cell::Text(text) => assert_eq!(show::csv::original(field), &*text),
                Cell::Number(x) => assert_eq!(field.parse::<f64>(), Ok(x)),
                other => assert_eq!(field, other.to_string()),
            }
        }
    }
}

/// Texts that a spreadsheet takes for a formula, or might.
const HOSTILE: [&str; 44] = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\0=1",
    "\tx",
    "\rx",
    "\nx",
    "\0x",
    "＝1+1",
    "＋1",
    "－1",
    "＠A1",
    "﹦1",
    "﹢1",
    "﹣1",
    "﹫A1",
    "−1",
    " =1",
    "  +1",
    "\u{a0}=1",
    "\u{200b}=1",
    "\u{feff}=1",
    "\u{202e}=1",
    "\u{2060}-1",
    "\u{ad}=1",
    "\u{3000}=1",
    "\u{200b} \u{feff}@x",
    "'=1",
    "''=1",
    "' =1",
    "=cmd|' /C calc'!A0",
    "=HYPERLINK(\"http://x\",\"y\")",
    "=1,2;3",
    "=\"a\"\"b\"",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+9)*cmd|' /C calc'!A0",
    "\n\n=1",
    "\u{2066}=1\u{2069}",
    "+49 30 1234",
    "=\u{1b}[2J",
];

#[test]
fn hostile_texts_are_neutralised_and_read_back() {
    let values = HOSTILE.iter().map(|text| Some((*text).into())).collect();
    let numbers = (0_i64..).map(|n| Some(-n)).take(HOSTILE.len()).collect();
    let frame =
        Frame::new(vec![("=name", Column::Text(values)), ("n", Column::Integer(numbers))]).unwrap();
    let text = show::csv::frame(&frame);
    assert!(text.starts_with("\"'=name\",n\r\n"));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), HOSTILE.len() + 1);
    for (nth, (record, hostile)) in records.iter().skip(1).zip(HOSTILE).enumerate() {
        let field = record.get(0).unwrap();
        assert!(field.starts_with('\''), "{field:?}");
        assert!(
            text.contains(&format!("\"{}\",-{nth}\r\n", field.replace('"', "\"\""))) || nth == 0
        );
        assert_eq!(show::csv::original(field), hostile);
        assert_eq!(
            record.get(1).unwrap(),
            if nth == 0 { "0".to_owned() } else { format!("-{nth}") }
        );
    }
    // The same texts cannot steer a terminal.
    let shown = show::text::frame(&frame, &style(60), None);
    assert!(!shown.replace('\n', "").chars().any(show::visible::hidden));
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,30}",
        "[a-z]{1,12}( [a-z]{1,12}){0,8}",
        "[東京展示会営業部]{1,40}",
        "[אבגדהוزحطعرب ]{1,40}",
        "(👍🏽|👩‍💻|🇩🇪|❤️|🙂| |a){1,20}",
        "[a-z]{300}",
        "(e\u{301}|o\u{308}\u{323}|\u{301}){1,30}",
        "\\PC{0,40}",
        any::<String>(),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let currency = prop_oneof![Just("USD"), Just("JPY"), Just("KWD")];
    prop_oneof![
        (any::<i64>(), currency).prop_map(|(minor, code)| Value::Money(Money::from_minor(
            minor,
            code.parse().unwrap()
        ))),
        (-5_000_000_i64..500_000_000)
            .prop_map(|m| Value::Money(Money::from_minor(m, Currency::USD))),
        any::<i64>().prop_map(Value::Count),
        (0_i64..50, 0_i64..50).prop_map(|(of, more)| Value::Share { of, total: of + more }),
        any::<f64>().prop_map(Value::Days),
        (-100.0..1000.0).prop_map(Value::Number),
        (0.0..90.0).prop_map(Value::Months),
        texts().prop_map(Value::None),
    ]
}

fn figures() -> impl Strategy<Value = Figure> {
    let optional = || proptest::option::of(values());
    (
        texts(),
        texts(),
        values(),
        optional(),
        optional(),
        optional(),
        proptest::option::of(any::<(f64, f64)>()),
    )
        .prop_map(|(id, label, value, previous, year_ago, target, range)| {
            let evidence = Evidence::count(Rows::of("opportunities"));
            let range =
                range.map(|(low, high)| Interval { low, high, level: 0.95, method: "Wilson" });
            let mut figure =
                Figure::new(&id, &label, value, &label).interval(range).evidence(evidence);
            (figure.previous, figure.year_ago, figure.target) = (previous, year_ago, target);
            figure
        })
}

fn tables() -> impl Strategy<Value = Table> {
    let columns = proptest::collection::vec(texts(), 0..6);
    let rows = proptest::collection::vec((texts(), proptest::collection::vec(values(), 6)), 0..16);
    (texts(), texts(), columns, rows).prop_map(|(title, of, columns, rows)| Table {
        id: "t".to_owned(),
        note: Some(title.clone()).filter(|title| !title.is_empty()),
        title,
        of,
        rows: rows
            .into_iter()
            .map(|(label, values)| TableRow {
                id: label.clone(),
                label,
                entries: values.into_iter().take(columns.len()).map(Entry::plain).collect(),
            })
            .collect(),
        columns: columns
            .into_iter()
            .map(|label| TableColumn { id: "c".to_owned(), label })
            .collect(),
    })
}

/// Any chart, whatever series it has.
fn charts() -> impl Strategy<Value = Chart> {
    const ROLES: [Role; 8] = [
        Role::Measured,
        Role::Projected,
        Role::Target,
        Role::Previous,
        Role::Across,
        Role::Size,
        Role::Conversion,
        Role::Days,
    ];
    const MARKS: [Mark; 4] = [Mark::Plain, Mark::Total, Mark::Unfinished, Mark::Extrapolated];
    let values = || {
        let one = prop_oneof![any::<f64>(), -1e6..1e6, 0.0..1.0];
        proptest::collection::vec(proptest::option::of(one), 0..30)
    };
    let unit = || proptest::sample::select(&["USD", "count", "share", "days", "months", "number"]);
    let range = proptest::option::of((0.0..1.0, values(), values()));
    let marks = proptest::collection::vec(proptest::sample::select(&MARKS), 0..30);
    let opens = proptest::collection::vec(proptest::option::of(texts()), 0..30);
    let role = prop_oneof![3 => Just(Role::Measured), 1 => proptest::sample::select(&ROLES)];
    let series = (texts(), role, proptest::option::of(unit()), values(), range, marks, opens)
        .prop_map(|(name, role, unit, values, range, marks, opens)| {
            let series = Series::new(name, values).role(role).marks(marks).opens(opens);
            let series = unit.iter().fold(series.clone(), |series, unit| series.unit(unit));
            range.into_iter().fold(series, |s, (level, low, high)| s.range(level, low, high))
        });
    let points = proptest::collection::vec(texts(), 0..30);
    let series = proptest::collection::vec(series, 0..5);
    let form = proptest::sample::select(&ChartForm::ALL);
    (texts(), form, unit(), points, series, proptest::option::of(texts())).prop_map(
        |(title, form, unit, points, series, said)| Chart {
            annotations: points
                .first()
                .zip(said)
                .map(|(point, text)| Annotation { point: point.clone(), text })
                .into_iter()
                .collect(),
            points,
            series,
            ..Chart::new("c", title, form, unit)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_wider_than_the_width_and_nothing_steers_the_terminal(
        headline in texts(),
        figures in proptest::collection::vec(figures(), 0..4),
        tables in proptest::collection::vec(tables(), 0..2),
        charts in proptest::collection::vec(charts(), 0..3),
        caveats in proptest::collection::vec(texts(), 0..3),
        unicode: bool,
        full: bool,
    ) {
        let mut answer = sample::empty();
        answer.headline = headline;
        answer.figures = figures;
        answer.tables = tables;
        answer.charts = charts;
        answer.caveats = caveats.into_iter().map(|text| Caveat::new("x", text)).collect();
        for width in [40, 60, 80, 120, 200] {
            let text = show::text::answer(&answer, &Style { width, color: false, unicode, full });
            for line in text.lines() {
                prop_assert!(line.width() <= width, "{} > {}: {:?}", line.width(), width, line);
                prop_assert!(!line.chars().any(show::visible::hidden), "{:?}", line);
            }
        }
        let json = show::json::line(&show::json::answer(&answer));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    }

    #[test]
    fn every_letter_of_a_table_is_shown_at_every_width(table in tables()) {
        let mut answer = sample::empty();
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let labels: Vec<String> = table.rows.iter().map(|row| row.label.clone()).collect();
        answer.tables = vec![table];
        for width in [40, 200] {
            let text = show::text::answer(&answer, &Style { full: true, ..style(width) });
            for label in &labels {
                // A label that is wrapped stands in several lines; each of its words is there.
                let count = |text: &str| letters(text).chars().filter(|c| c.is_alphanumeric()).count();
                prop_assert!(count(&text) >= count(&show::visible::visible(label)));
            }
        }
    }

    #[test]
    fn csv_of_any_text_reads_back(values in proptest::collection::vec(any::<String>(), 1..8)) {
        let column = values.iter().map(|text| Some(text.as_str().into())).collect();
        let frame = Frame::new(vec![("x", Column::Text(column))]).unwrap();
        let text = show::csv::frame(&frame);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let read: Vec<String> = reader
            .records()
            .map(|record| show::csv::original(record.unwrap().get(0).unwrap()).to_owned())
            .collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn a_diagnostic_fits_and_marks_within_the_line(line in texts(), column in 0_u64..400, marked in 1_u64..400) {
        let mut diagnostic = domain::Diagnostic::error("a.b", line.clone()).hint(line.clone());
        diagnostic.place = Some(domain::Place { file: "f.toml".into(), line: 12, column });
        diagnostic.excerpt = Some(domain::diagnostic::Excerpt { line, width: marked });
        for width in [40, 80] {
            let text = show::diagnostic::render(&diagnostic, &style(width));
            for line in text.lines() {
                prop_assert!(line.width() <= width, "{:?}", line);
                prop_assert!(!line.chars().any(show::visible::hidden), "{:?}", line);
            }
        }
    }
}
