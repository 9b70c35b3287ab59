//! Rules, calibration and figures of the hygiene answer.

use domain::Money;
use sample::small;

use super::*;

fn asked(seed: u64, deals: u32) -> (Ask, Answer) {
    let company = small::company_of(seed, deals);
    let known = company.as_of(company.today());
    let ask = known.ask("2026Q3", 1);
    let given = known.given(&needs(&ask));
    let answer = answer(&ask, &given);
    (ask, answer)
}

fn number(answer: &Answer, id: &str) -> Option<f64> {
    answer.figures.iter().find(|figure| figure.id == id)?.value.number()
}

#[test]
fn real_pipeline_is_nearer_to_what_is_won_than_the_stages_say() {
    let (mut ours, mut theirs, mut n) = (0.0, 0.0, 0);
    for seed in 0..12 {
        let company = small::company_of(seed, 900);
        let known = company.as_of(company.today());
        let ask = known.ask("2026Q3", 1);
        let given = known.given(&crate::backtest::hygiene::needs(&ask));
        let backtest = crate::backtest::hygiene::answer(&ask, &given);
        let (Some(said), Some(staged)) =
            (number(&backtest, "brier"), number(&backtest, "brier_stage"))
        else {
            continue;
        };
        n += 1;
        ours += said;
        theirs += staged;
    }
    assert!(n >= 8, "{n} companies could be replayed");
    assert!(ours < 0.95 * theirs, "Brier {ours} against {theirs} of {n}");
}

#[test]
fn the_tables_add_up_to_the_figures() {
    let (ask, answer) = asked(3, 900);
    let minor = |value: &Value| match value {
        Value::Money(money) => money.minor,
        other => panic!("{other:?} is no money"),
    };
    let figure =
        |id: &str| minor(&answer.figures.iter().find(|figure| figure.id == id).expect(id).value);
    for id in ["owners", "sources"] {
        let table = answer.tables.iter().find(|table| table.id == id).expect(id);
        let sum = |column: &str| {
            let at = table.columns.iter().position(|c| c.id == column).expect(column);
            table.rows.iter().map(|row| minor(&row.entries[at].value)).sum::<i64>()
        };
        assert_eq!(sum("with"), figure("open_pipeline"), "{id}");
        assert_eq!(sum("with") - sum("without"), figure("fauxcast"), "{id}");
        assert!((sum("real") - figure("real_pipeline")).abs() <= 20, "{id}");
    }
    let fake = answer.tables.iter().find(|table| table.id == "not_real").expect("the table");
    if fake.note.is_none() {
        let sum: i64 = fake.rows.iter().map(|row| minor(&row.entries[0].value)).sum();
        assert_eq!(sum, figure("fauxcast"));
    }
    let chart = answer.charts.first().expect("a chart");
    for at in 0..chart.points.len() {
        let strips = chart.series.iter().filter(|series| series.value(at).is_some()).count();
        assert!(strips <= 1, "{} stands in {strips} strips", chart.points[at]);
    }
    assert_eq!(ask.period.label, "2026Q3");
}

#[test]
fn each_dimension_that_is_asked_for_is_shown_and_adds_up() {
    let company = small::company_of(3, 900);
    let known = company.as_of(company.today());
    let mut ask = known.ask("2026Q3", 1);
    let plain = answer(&ask, &known.given(&needs(&ask)));
    ask.by = BY.iter().map(|id| (*id).to_owned()).collect();
    let answer = answer(&ask, &known.given(&needs(&ask)));
    assert_eq!(answer.figures, plain.figures);
    let ids = |answer: &Answer| -> Vec<String> {
        answer.tables.iter().map(|table| table.id.clone()).collect()
    };
    assert!(!ids(&plain).iter().any(|id| id.starts_with("by_")));
    let total = answer.figures.iter().find(|figure| figure.id == "open_pipeline").unwrap();
    let Value::Count(n_fake) =
        answer.figures.iter().find(|figure| figure.id == "fauxcast_deals").unwrap().value
    else {
        panic!("no count")
    };
    for id in BY {
        let id = match *id {
            "owner" | "source" => format!("{id}s"),
            id => format!("by_{id}"),
        };
        let table = answer.tables.iter().find(|table| table.id == id).expect(&id);
        let (mut with, mut fake) = (0, 0);
        for row in &table.rows {
            let [amount, _, _, deals, drawn, ..] = row.entries.as_slice() else { panic!("{id}") };
            let (Value::Money(amount), Value::Share { of, .. }) = (&amount.value, &deals.value)
            else {
                panic!("{id}: {row:?}")
            };
            with += amount.minor;
            fake += of;
            // Drawn between what was counted and what all say.
            assert!(drawn.interval.is_some(), "{id}: {row:?}");
        }
        assert_eq!(Value::Money(Money::from_minor(with, ask.currency)), total.value, "{id}");
        assert_eq!(fake, n_fake, "{id}");
    }
}

#[test]
fn figures_open_to_themselves_and_sentences_read_well() {
    for seed in 0..6 {
        let company = small::company_of(seed, 600);
        let known = company.as_of(company.today());
        let ask = known.ask("2026Q3", 1);
        for (needs, answer) in [
            (needs as fn(&Ask) -> Vec<Need>, answer as fn(&Ask, &Given) -> Answer),
            (crate::backtest::hygiene::needs, crate::backtest::hygiene::answer),
        ] {
            let answer = answer(&ask, &known.given(&needs(&ask)));
            for (id, value, evidence) in answer.openable() {
                let mut fetch = |rows: &Rows| known.fetch(rows);
                let again = domain::answer::figure(evidence, &mut fetch, ask.currency);
                assert_eq!(again.as_ref(), Ok(value), "{id} of {seed}");
            }
            crate::testing::assert_intervals_contain(&answer);
            crate::testing::assert_reads_well(&answer.headline);
            for caveat in &answer.caveats {
                crate::testing::assert_reads_well(&caveat.text);
            }
        }
    }
}

#[test]
fn the_order_of_the_rows_changes_nothing() {
    let company = small::company_of(5, 500);
    let known = company.as_of(company.today());
    let ask = known.ask("2026Q3", 1);
    let given = known.given(&needs(&ask));
    let mut turned = given.clone();
    let deals = turned.frames.get_mut("deals").expect("deals");
    let back: Vec<usize> = (0..deals.n_rows()).rev().collect();
    *deals = deals.take(&back);
    let (one, other) = (answer(&ask, &given), answer(&ask, &turned));
    assert_eq!(one.headline, other.headline);
    assert_eq!(one.figures, other.figures);
    assert_eq!(one.tables, other.tables);
}

#[test]
fn with_few_deals_the_stages_stand_and_it_is_said() {
    let (_, answer) = asked(1, 25);
    assert!(number(&answer, "real_pipeline").is_none());
    let codes: Vec<&str> = answer.caveats.iter().map(|caveat| caveat.code).collect();
    assert!(
        answer.figures.is_empty() || codes.contains(&"too_little_history"),
        "{} {codes:?}",
        answer.headline
    );
}

#[test]
fn a_later_change_is_not_known_on_an_earlier_day() {
    let company = small::company_of(9, 400);
    let known = company.as_of(company.today());
    let ask = known.ask("2026Q3", 1);
    let given = known.given(&needs(&ask));
    let past = later(ask.as_of, -120);
    let earlier = company.as_of(past);
    let then = earlier.given(&needs(&ask));
    let calendar = || ask.definitions.calendar();
    let frames =
        |given: &Given| ["deals", "changes", "touches"].map(|name| given.frame(name).clone());
    let ([d1, c1, t1], [d2, c2, t2]) = (frames(&given), frames(&then));
    let (now, at_the_time) =
        (Record::of(&d1, &c1, &t1, calendar()), Record::of(&d2, &c2, &t2, calendar()));
    let (open_now, open_then) = (now.open_on(past), at_the_time.open_on(past));
    let twice = (now.twice(&open_now), at_the_time.twice(&open_then));
    let mut compared = 0;
    for (deal, snapshot) in &open_now {
        let Some(id) = now.history.id(*deal) else { continue };
        let Some(other) = at_the_time.history.find(id) else { continue };
        if !snapshot.recorded {
            continue;
        }
        let Some(then) = open_then.iter().find(|(deal, _)| *deal == other) else {
            panic!("{id} was not open then")
        };
        let (a, b) = (
            now.held(*deal, past, snapshot, &twice.0),
            at_the_time.held(other, past, &then.1, &twice.1),
        );
        for ((sign, a), b) in SIGNS.iter().zip(&a).zip(&b) {
            assert!(sign.of_today || a == b, "{id} {}: {a:?} now, {b:?} then", sign.id);
        }
        compared += 1;
    }
    assert!(compared >= 10, "{compared} deals were compared");
}
