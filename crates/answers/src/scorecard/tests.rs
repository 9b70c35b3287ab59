//! Tests of the answer `scorecard`.

use jiff::ToSpan;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::testing::*;

const ENTRY: &crate::Entry = &crate::QUESTIONS[0];

/// Goals as (figure, value), for one period.
fn goals_for(period: &str, goals: &[(&str, &str)]) -> String {
    let goal = |(figure, value): &(&str, &str)| {
        format!("[[goal]]\nfigure = \"{figure}\"\nperiod = \"{period}\"\nvalue = \"{value}\"\n")
    };
    goals.iter().map(goal).collect()
}

/// A company of eight quarters: one deal more of marketing's in each, some of them won, and spend.
fn steady() -> Company {
    let mut company = Company::default();
    for quarter in 0_i8..8 {
        let first = date(2024, 10, 1).saturating_add((i32::from(quarter) * 3).months());
        for n in 0..=quarter {
            let id = format!("q{quarter}n{n}");
            let deal = Deal::new(&id, "marketing", first + n.days(), 1_000_000)
                .first_touch(first - 30.days(), "spring webinar");
            company.deals.push(if n % 2 == 0 {
                deal.closed(first + 60.days(), true)
            } else {
                deal
            });
        }
        company.deals.push(Deal::new(&format!("s{quarter}"), "sales", first, 500_000));
        for month in 0..3 {
            let day = first.saturating_add(month.months());
            company.spend.push((day, Some("spring webinar"), "webinar", Some(50_000), 0));
        }
    }
    company
}

#[test]
fn a_small_company_is_told_in_full() {
    let goals = [
        ("pipeline_created", "100000"),
        ("marketing_sourced_pipeline", "80000"),
        ("marketing_sourced_opportunities", "7.5"),
    ];
    let text = [
        goals_for("2026Q3", &goals),
        goals_for("2026Q2", &[("marketing_sourced_pipeline", "80000")]),
        goals_for("2026Q3", &[("won", "35000")]).replace("35000\"\n", "35000\"\nowner = \"CRO\"\n"),
    ];
    let answer = answered_by(ENTRY, &ask_with("2026Q3", &text.concat()), &steady());
    assert_told(&answer, include_str!("../../goldens/scorecard.txt"));
}

#[test]
fn headlines_read_well_for_every_number_of_goals_met_and_missed() {
    let told = |goals: &[(&str, &str)]| {
        answered_by(ENTRY, &ask_with("2026Q3", &goals_for("2026Q3", goals)), &steady()).headline
    };
    // Pipeline created is 85,000, marketing's 80,000 of 8 deals, won 40,000.
    let since = " Since 2026Q2, pipeline created rose from $75K to $85K and won stayed at $40K.";
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[], "No goal is set for 2026Q3, so there is no verdict."),
        (&[("won", "40000")], "On plan in 2026Q3: won is at its goal of $40K (sales)."),
        (&[("won", "50000")], "Behind plan in 2026Q3: won is $10K short of $50K (sales)."),
        (
            &[("won", "39000"), ("marketing_sourced_opportunities", "5")],
            "On plan in 2026Q3 on all 2 goals: won is $1K above $39K (sales) and \
             marketing-sourced deals are 3 above 5 (marketing).",
        ),
        (
            &[("won", "50000"), ("pipeline_created", "170000")],
            "Behind plan in 2026Q3 on all 2 goals: pipeline created is $85K short of $170K \
             (marketing and sales) and won is $10K short of $50K (sales).",
        ),
        (
            &[
                ("won", "20000"),
                ("pipeline_created", "170000"),
                ("marketing_sourced_pipeline", "90000"),
                ("marketing_sourced_won", "41000"),
                ("marketing_influenced_pipeline", "81000"),
            ],
            "Behind plan in 2026Q3 on 4 of 5 goals: pipeline created is $85K short of $170K \
             (marketing and sales), marketing-sourced pipeline is $10K short of $90K (marketing), \
             marketing-sourced won is $1K short of $41K (marketing) and 1 more; won is $20K above \
             $20K (sales).",
        ),
    ];
    for (goals, expected) in table {
        assert_eq!(told(goals), format!("{expected}{since}"));
    }
}

#[test]
fn a_period_that_is_not_over_is_not_judged() {
    let mut company = steady();
    company.deals.push(Deal::new("new", "marketing", date(2026, 10, 2), 700_000));
    let text = goals_for("2026Q4", &[("marketing_sourced_pipeline", "80000"), ("won", "1000")]);
    let answer = answered_by(ENTRY, &ask_with("2026Q4", &text), &company);
    assert_eq!(
        answer.headline,
        "No verdict yet: 15 of the 92 days of 2026Q4 have passed. So far, won is at $0 of $1K \
         (sales) and marketing-sourced pipeline is at $7K of $80K (marketing)."
    );
    let gap = entry(&answer, "goals", "won", "gap");
    assert_eq!(gap, &Value::None("15 of the 92 days of 2026Q4 have passed".to_owned()));
    let ends: Vec<_> = answer.charts[0].series[0].marks.last().copied().into_iter().collect();
    assert_eq!(ends, [domain::answer::Mark::Unfinished]);
    let ahead =
        answered_by(ENTRY, &ask_with("2027Q1", &goals_for("2027Q1", &[("won", "1")])), &company);
    assert_eq!(ahead.headline, "2027Q1 has not begun by 2026-10-15. Choose an earlier period.");
    assert!(ahead.tables.is_empty() && ahead.figures.iter().all(|f| f.target.is_none()));
}

#[test]
fn a_period_that_is_loaded_in_part_is_not_judged() {
    let ask = ask_with("2026Q3", &goals_for("2026Q3", &[("won", "50000")]));
    let mut given = steady().given(&needs(&ask));
    given.known_until = Some(date(2026, 9, 10));
    let answer = super::answer(&ask, &given);
    assert_eq!(
        answer.headline,
        "No verdict yet: 2026Q3 is loaded only until 2026-09-10. So far, won is at $40K of $50K \
         (sales)."
    );
}

#[test]
fn a_segment_and_another_currency_have_no_verdict_and_nothing_is_nothing() {
    let text = goals_for("2026Q3", &[("won", "1")]);
    let told = |ask: &Ask| answered_by(ENTRY, ask, &steady()).headline;
    let segment = Ask { segment: Some("enterprise".to_owned()), ..ask_with("2026Q3", &text) };
    assert!(told(&segment).starts_with(
        "Segment Enterprise: The goals of 2026Q3 are for the whole company, so a segment has no \
         verdict. Since 2026Q2,"
    ));
    let bare = answered_by(ENTRY, &ask("2026Q3"), &Company::default());
    assert_eq!(bare.headline, "Nothing was loaded for this period (2026Q3).");
    assert_eq!(super::answer(&ask("2026Q3"), &Given::default()).headline, bare.headline);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_figure_is_that_of_the_answer_it_comes_from(
        seed in any::<u64>(), n in 0_u64..100, segment in any::<bool>(),
        period in prop::sample::select(vec!["2026Q3", "2026", "2026-09", "2026Q4", "2027Q1", "2025Q1"]),
    ) {
        let company = Company::drawn(seed, n);
        let mut ask = ask_with(period, &goals_for(period, &[("won", "70000")]));
        ask.segment = segment.then(|| "enterprise".to_owned());
        let answer = answered_by(ENTRY, &ask, &company);
        let others = [1, 3].map(|at| answered_by(&crate::QUESTIONS[at], &ask, &company));
        // What has not begun has none.
        let n = if period == "2027Q1" { 0 } else { FIGURES.len() };
        prop_assert_eq!(answer.figures.len(), n);
        for figure in &answer.figures {
            let same = others.iter().find_map(|other| of_period(&other.figures, &figure.id));
            prop_assert_eq!(Some(figure), same, "{}", figure.id);
        }
    }

    #[test]
    fn trends_are_the_answers_of_their_periods(seed in any::<u64>(), n in 1_u64..100) {
        let company = Company::drawn(seed, n);
        let answer = answered_by(ENTRY, &ask("2026Q3"), &company);
        for label in Periods::of(&ask("2026Q3")).earlier.iter().map(|period| &*period.label) {
            let then = answered_by(ENTRY, &ask(label), &company);
            for (figure, then) in answer.figures.iter().zip(&then.figures) {
                let Some(trend) = &figure.trend else { continue };
                let at = trend.points.iter().position(|point| point == label);
                // Spend that is recorded only from a later day is no comparison.
                if let Some(at) = at.filter(|_| then.id != "spend") {
                    prop_assert_eq!(trend.values[at], then.value.number(), "{} {}", &figure.id, label);
                }
            }
        }
    }

    #[test]
    fn the_order_of_rows_changes_nothing_and_money_scales(
        seed in any::<u64>(), n in 0_u64..80, k in 2_i64..9,
    ) {
        let ask = ask("2026Q3");
        let company = Company::drawn(seed, n);
        let once = answered_by(ENTRY, &ask, &company);
        prop_assert_eq!(&once, &answered_by(ENTRY, &ask, &company.shuffled(seed)));
        assert_scales(&once, &answered_by(ENTRY, &ask, &company.scaled(k)), k);
    }
}
