//! Tests of the answer `health`.

use domain::answer::{figure, measure};
use domain::{Column, Currency, Measure, Money};
use jiff::civil::{Date, date};

use super::*;
use crate::testing::{ask, value};

const USD: Currency = Currency::USD;

fn text(values: &[Option<&str>]) -> Column {
    Column::Text(values.iter().map(|value| value.map(std::sync::Arc::from)).collect())
}

fn whole(values: &[i64]) -> Column {
    Column::Integer(values.iter().copied().map(Some).collect())
}

fn days(values: &[Option<Date>]) -> Column {
    Column::Day(values.to_vec())
}

/// Two loads, three sources of which one is old, four refused rows.
fn record() -> Given {
    let loads = Frame::new(vec![
        ("load_id", whole(&[1, 2])),
        ("recorded_on", days(&[Some(date(2026, 8, 31)), Some(date(2026, 10, 15))])),
        ("month", text(&[Some("2026-08"), Some("2026-10")])),
        ("n_files", whole(&[2, 1])),
        ("n_read", whole(&[100, 50])),
        ("n_loaded", whole(&[97, 9])),
        ("n_known", whole(&[0, 40])),
        ("n_quarantined", whole(&[3, 1])),
    ]);
    let sources = Frame::new(vec![
        (
            "source",
            text(&[
                Some("ga4.sessions"),
                Some("salesforce.account"),
                Some("salesforce.opportunity"),
            ]),
        ),
        ("age_days", whole(&[45, 14, 0])),
        ("n_loads", whole(&[1, 1, 1])),
        ("n_files", whole(&[1, 1, 1])),
        ("n_read", whole(&[60, 40, 50])),
        ("n_loaded", whole(&[58, 39, 9])),
        ("n_known", whole(&[0, 0, 40])),
        ("n_quarantined", whole(&[2, 1, 1])),
    ]);
    let stored = Frame::new(vec![
        ("table", text(&[Some("account"), Some("touch"), Some("opportunity")])),
        ("n_rows", whole(&[39, 58, 9])),
        ("n_withdrawn", whole(&[0, 0, 2])),
        ("age_days", whole(&[14, 45, 0])),
        ("newest_age_days", Column::Integer(vec![None, Some(46), Some(1)])),
    ]);
    let money = |minor| Some(Money { minor, currency: USD });
    let quarantined = Frame::new(vec![
        ("load_id", whole(&[1, 1, 1, 2])),
        ("file", text(&[Some("a.csv"), Some("d.csv"), Some("d.csv"), Some("x.csv")])),
        ("line", whole(&[4, 7, 9, 2])),
        (
            "rule",
            text(&[
                Some("csv.field-count"),
                Some("money.format"),
                Some("money.format"),
                Some("csv.field-count"),
            ]),
        ),
        ("table", text(&[Some("touch"), Some("opportunity"), Some("opportunity"), None])),
        ("amount", Column::Money(vec![None, money(4_400_000), money(1_050), None])),
    ]);
    let frames =
        [("loads", loads), ("sources", sources), ("stored", stored), ("quarantined", quarantined)];
    let frames = frames.into_iter().map(|(name, frame)| (name.to_owned(), frame.unwrap()));
    Given { frames: frames.collect(), ..Given::default() }
}

fn fetch<'a>(given: &'a Given) -> impl FnMut(&Rows) -> Frame + 'a {
    |rows| given.frame(&rows.relation).filter(&rows.filters)
}

#[test]
fn every_value_opens_to_itself() {
    let (ask, given) = (ask("2026Q3"), record());
    let answer = answer(&ask, &given);
    let openable = answer.openable();
    assert!(openable.len() > 40, "{}", openable.len());
    for (id, value, evidence) in openable {
        let again = figure(evidence, &mut fetch(&given), USD).unwrap();
        assert_eq!(again, *value, "{id}");
    }
}

#[test]
fn it_says_what_is_missing_and_what_is_old() {
    let answer = answer(&ask("2026Q3"), &record());
    assert_eq!(
        answer.headline,
        "4 of 150 rows are in quarantine and in no figure (they state $44K); every answer rests on \
         such rows. 1 of 3 sources was not loaded for more than 14 days."
    );
    assert_eq!(*value(&answer, "rows_quarantined"), Value::Count(4));
    assert_eq!(
        *value(&answer, "quarantined_amount"),
        Value::Money(Money { minor: 4_401_050, currency: USD })
    );
    assert_eq!(*value(&answer, "quarantined_share"), Value::Share { of: 4, total: 150 });
    assert_eq!(*value(&answer, "old_sources"), Value::Count(1));
}

#[test]
fn rows_read_are_those_with_something_new_nothing_new_and_refused() {
    let answer = answer(&ask("2026Q3"), &record());
    for table in answer.tables.iter().filter(|table| ["sources", "months"].contains(&&*table.id)) {
        for row in &table.rows {
            let of = |id: &str| {
                let at = table.columns.iter().position(|column| column.id == id).unwrap();
                count(&row.entries[at])
            };
            assert_eq!(of("read"), of("loaded") + of("known") + of("quarantined"), "{}", row.id);
        }
    }
}

#[test]
fn an_answer_tells_of_the_refused_rows_that_it_rests_on_and_of_no_others() {
    let given = record();
    let said = |question: &str| -> Vec<String> {
        let refused = given.frame("quarantined").clone();
        doubts(question, &ask("2026Q3"), refused).into_iter().map(|caveat| caveat.text).collect()
    };
    assert_eq!(
        said("pipeline"),
        [
            "2 rows of deals are in quarantine and in no figure (they state $44K).",
            "1 row of touches is in quarantine and in no figure.",
            "1 row is in quarantine and in no figure.",
        ]
    );
    let spend = given.frame("quarantined").filter(&[Filter::is("table", "spend")]);
    assert!(doubts("pipeline", &ask("2026Q3"), spend).is_empty());
    assert!(said("health").is_empty());
    // A line of totals is no record that a figure would miss.
    let mut totals = given.frame("quarantined").clone();
    let names: Vec<String> = totals.names().iter().map(|name| name.to_string()).collect();
    let rules = text(&[Some("totals-row"), Some("footer"), Some("footer"), Some("totals-row")]);
    let column = |name: &String| match name.as_str() {
        "rule" => rules.clone(),
        name => totals.column(name).unwrap().clone(),
    };
    let columns = names.iter().map(|name| (name.as_str(), column(name))).collect();
    totals = Frame::new(columns).unwrap();
    assert!(doubts("pipeline", &ask("2026Q3"), totals).is_empty());
}

#[test]
fn a_part_of_the_company_sees_no_counts() {
    let mut asked = ask("2026Q3");
    asked.segment = Some("enterprise".to_owned());
    assert!(needs(&asked).is_empty());
    let answer = answer(&asked, &Given::default());
    assert!(answer.figures.is_empty() && answer.tables.is_empty());
    let refused = record().frame("quarantined").clone();
    let said = doubts("pipeline", &asked, refused);
    assert!(said.len() == 1 && said[0].rows.is_none() && !said[0].text.contains(char::is_numeric));
}

#[test]
fn nothing_loaded_is_said_plainly() {
    let answer = answer(&ask("2026Q3"), &Given::default());
    assert_eq!(answer.headline, "Nothing had been loaded on 2026-10-15.");
    assert!(answer.tables.is_empty());
    let none = measure(&Frame::default(), &Measure::Count, USD).unwrap();
    assert_eq!(*value(&answer, "rows_quarantined"), none);
}
