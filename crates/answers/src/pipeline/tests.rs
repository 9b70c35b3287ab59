//! Tests of the answer `pipeline`.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::testing::*;

const ENTRY: &crate::Entry = &crate::QUESTIONS[1];

/// Twelve deals of 2026Q3, four of the quarter before, one excluded.
fn small() -> Company {
    let mut deals = Vec::new();
    let sources = ["marketing", "sales", "marketing", "unknown"];
    for (n, source) in (0_i8..12).zip(sources.into_iter().cycle()) {
        let created = date(2026, 7, 1 + n);
        let deal = Deal::new(&format!("now{n}"), source, created, 100_000 * (i64::from(n) + 1));
        deals.push(match n {
            0 | 1 => deal.closed(date(2026, 9, 1 + n), true),
            2 => deal.closed(date(2026, 9, 20), false),
            3 => Deal { amount: None, ..deal },
            _ => Deal { stage: 3, ..deal },
        });
    }
    for (n, source) in (0_i8..4).zip(["sales", "marketing"].into_iter().cycle()) {
        deals.push(Deal::new(&format!("then{n}"), source, date(2026, 5, 1 + n), 250_000));
    }
    deals.push(Deal { counted: false, ..Deal::new("renewal", "sales", date(2026, 8, 1), 900_000) });
    Company { deals, ..Company::default() }
}

#[test]
fn a_small_company_is_told_in_full() {
    let goal = "[[goal]]\nfigure = \"marketing_sourced_pipeline\"\nperiod = \"2026Q3\"\nvalue = \"50000\"\n";
    let mut ask = ask_with("2026Q3", goal);
    ask.by = vec!["channel".to_owned(), "month".to_owned()];
    assert_told(&answered_by(ENTRY, &ask, &small()), include_str!("../../goldens/pipeline.txt"));
}

#[test]
fn without_rows_it_says_that_nothing_was_loaded() {
    let answer = answered_by(ENTRY, &ask("2026Q3"), &Company::default());
    assert_eq!(answer.headline, "Nothing was loaded for this period (2026Q3).");
    assert_eq!(value(&answer, "pipeline_created"), &usd_value(0));
    // Not even columns.
    let bare = super::answer(&ask("2026Q3"), &Given::default());
    assert_eq!(bare.headline, answer.headline);
    assert_eq!(bare.figures, answer.figures);
}

#[test]
fn headlines_read_well_for_none_one_few_and_many() {
    let ours =
        |n: u32, source, day| Deal::new(&format!("{source}{n}{day}"), source, day, 1_000_000);
    let july = date(2026, 7, 10);
    let april = date(2026, 4, 10);
    let with = |deals: Vec<Deal>| {
        let company = Company { deals, ..Company::default() };
        answered_by(ENTRY, &ask("2026Q3"), &company).headline
    };
    let one = |source| ours(1, source, july);
    let many = |n: u32, source, day| (0..n).map(|n| ours(n, source, day)).collect::<Vec<_>>();
    let closed = |deals: Vec<Deal>, won: usize| {
        let close = |(at, deal): (usize, Deal)| deal.closed(date(2026, 9, 1), at < won);
        deals.into_iter().enumerate().map(close).collect::<Vec<_>>()
    };
    let table = [
        (vec![ours(1, "sales", april)], "No pipeline was created in 2026Q3. No deal was won."),
        (
            vec![one("marketing")],
            "Marketing sourced the one deal created in 2026Q3 ($10K of $10K), and none of its \
             deals closed in the period. No deal was won.",
        ),
        (
            vec![Deal { amount: None, ..one("sales") }],
            "Marketing did not source the one deal created in 2026Q3 (it carries no amount), \
             and none of its deals closed in the period. No deal was won.",
        ),
        (
            [many(2, "sales", july), closed(many(3, "marketing", july), 1)].concat(),
            "Marketing sourced 3 of the 5 deals created in 2026Q3 ($30K of $50K), and 1 of its \
             3 closed deals was won, too few to judge. One deal was won ($10K), sourced by \
             marketing.",
        ),
        (
            [
                many(6, "sales", july),
                many(6, "marketing", july),
                many(9, "sales", april),
                many(3, "marketing", april),
            ]
            .concat(),
            "Marketing sourced $60K of the $120K pipeline created in 2026Q3 (50%), up from 25% \
             in 2026Q2, and none of its deals closed in the period. No deal was won.",
        ),
        (
            [
                closed(many(40, "sales", july), 10),
                closed(many(60, "marketing", july), 16),
                many(10, "marketing", april),
            ]
            .concat(),
            "Marketing sourced $600K of the $1M pipeline created in 2026Q3 (60%), down from \
             100% in 2026Q2, and its deals win as often as sales' own (27% against 25%, \
             difference within chance). Of the $260K won, marketing sourced $160K (62%).",
        ),
        (
            [
                closed(many(50, "sales", july), 5),
                closed(many(50, "marketing", july), 40),
                many(2, "sales", april),
            ]
            .concat(),
            "Marketing sourced $500K of the $1M pipeline created in 2026Q3 (50%), by count 50 of \
             100 deals against 0 of 2 in 2026Q2, and its deals win more often than sales' own (80% \
             against 10%). Of the $450K won, marketing sourced $400K (89%).",
        ),
    ];
    for (deals, expected) in table {
        assert_eq!(with(deals), expected);
    }
}

#[test]
fn a_period_ahead_has_nothing_to_compare_and_one_that_runs_is_told_so_far() {
    let goal = |period| {
        format!(
            "[[goal]]\nfigure = \"marketing_sourced_pipeline\"\nperiod = \"{period}\"\nvalue = \"50000\"\n"
        )
    };
    let ahead = answered_by(ENTRY, &ask_with("2027Q1", &goal("2027Q1")), &small());
    assert_eq!(ahead.headline, "2027Q1 has not begun by 2026-10-15. Choose an earlier period.");
    assert!(ahead.figures.iter().all(|f| f.previous.is_none() && f.year_ago.is_none()));
    assert!(ahead.figures.iter().all(|f| f.target.is_none()));
    assert!(!ahead.caveats.iter().any(|caveat| caveat.code == "no_target"));
    let mut company = small();
    for n in 0..12 {
        company.deals.push(Deal::new(&format!("q4{n}"), "marketing", date(2026, 10, 2), 400_000));
    }
    let runs = answered_by(ENTRY, &ask_with("2026Q4", &goal("2026Q4")), &company);
    assert_eq!(
        runs.headline,
        "Marketing sourced $48K of the $48K pipeline created in 2026Q4 so far (100%), and none \
         of its deals closed in the period. No deal was won. Marketing-sourced pipeline is so far \
         $2K short of its target of $50K."
    );
    let ask = Ask { segment: Some("small".to_owned()), ..ask("2027Q1") };
    let text = answered_by(ENTRY, &ask, &company).headline;
    assert_eq!(
        text,
        "Segment Small business: 2027Q1 has not begun by 2026-10-15. Choose an earlier period."
    );
}

#[test]
fn a_step_is_judged_by_the_deals_that_have_left_it() {
    let deal = |n: i8, stage| {
        let deal = Deal::new(&format!("d{n}"), "sales", date(2026, 7, 1 + n), 100_000);
        Deal { stage, ..deal }
    };
    let title = |deals: Vec<Deal>| {
        let company = Company { deals, ..Company::default() };
        let answer = answered_by(ENTRY, &ask("2026Q3"), &company);
        answer.charts.iter().find(|chart| chart.id == "stages").unwrap().title.clone()
    };
    // Five went on to the second step, twenty are still at the first: none has failed to.
    let young: Vec<Deal> = (0..25).map(|n| deal(n, if n < 5 { 2 } else { 1 })).collect();
    assert_eq!(title(young.clone()), "Of the 25 that began, 25 are still open");
    // Closed as lost, a deal stands at the second step.
    let close = |deal: Deal| Deal { stage: 1, ..deal.closed(date(2026, 9, 1), false) };
    let lost: Vec<Deal> = young
        .into_iter()
        .enumerate()
        .map(|(n, d)| if n < 15 && n > 4 { close(d) } else { d })
        .collect();
    assert_eq!(
        title(lost),
        "Fewest go on from Prospecting to Qualification: 5 of the 15 that have left it"
    );
}

#[test]
fn a_deal_that_is_more_than_a_fifth_of_the_pipeline_is_named() {
    let deal = |n: i8| Deal::new(&format!("d{n}"), "sales", date(2026, 7, 1 + n), 100_000);
    let mut deals: Vec<Deal> = (0..12).map(deal).collect();
    let named = |deals: &[Deal]| {
        let company = Company { deals: deals.to_vec(), ..Company::default() };
        let answer = answered_by(ENTRY, &ask("2026Q3"), &company);
        let found = answer.caveats.into_iter().find(|caveat| caveat.code == "large_deal");
        found.map(|caveat| caveat.text)
    };
    assert_eq!(named(&deals), None);
    deals.push(Deal::new("test", "sales", date(2026, 8, 1), 600_000));
    let text = "One deal, test, is 33% of the pipeline created ($6K).".to_owned();
    assert_eq!(named(&deals), Some(text));
}

#[test]
fn what_was_not_loaded_is_not_told_as_nothing() {
    let goal = "[[goal]]\nfigure = \"won\"\nperiod = \"2026-10\"\nvalue = \"50000\"\n";
    let ask = ask_with("2026-10", goal);
    let mut given = small().given(&(ENTRY.needs)(&ask));
    given.known_until = Some(date(2026, 10, 10));
    let reaching = super::answer(&ask, &given).headline;
    assert!(reaching.starts_with("No pipeline was created in 2026-10 so far."), "{reaching}");
    given.known_until = Some(date(2026, 9, 30));
    let answer = super::answer(&ask, &given);
    assert_eq!(answer.headline, "Nothing of 2026-10 is known as of 2026-10-15.");
    assert!(answer.figures.iter().all(|f| f.target.is_none() && f.previous.is_none()));
    assert!(!answer.caveats.iter().any(|caveat| caveat.code == "no_target"));
}

#[test]
fn a_segment_limits_everything_and_takes_no_target() {
    let goal = "[[goal]]\nfigure = \"won\"\nperiod = \"2026Q3\"\nvalue = \"1\"\n";
    let mut company = small();
    company
        .deals
        .push(Deal { segment: "small", ..Deal::new("other", "marketing", date(2026, 7, 7), 700) });
    let ask = Ask { segment: Some("small".to_owned()), ..ask_with("2026Q3", goal) };
    let answer = answered_by(ENTRY, &ask, &company);
    assert_eq!(value(&answer, "pipeline_created"), &usd_value(700));
    assert!(answer.headline.starts_with("Segment Small business: Marketing sourced the one deal"));
    assert!(answer.figures.iter().all(|figure| figure.target.is_none()));
    assert!(answer.caveats.iter().any(|caveat| caveat.code == "no_target"));
}

/// Returns the sum of a column over the rows of a table and the value of its last row.
fn column(answer: &Answer, table: &str, column: &str) -> (f64, f64) {
    let rows = &answer.tables.iter().find(|t| t.id == table).unwrap().rows;
    let of = |row: &str| entry(answer, table, row, column).number().unwrap();
    let parts = rows.iter().filter(|row| row.id != "all").map(|row| of(&row.id)).sum();
    (parts, of("all"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_figure_opens_and_the_sides_partition_deals_and_money(
        seed in any::<u64>(), n in 0_u64..120, segment in any::<bool>(),
        period in prop::sample::select(vec!["2026Q3", "2026", "2026-09", "2026Q4", "2026-08-05..2026-09-10"]),
    ) {
        let company = Company::drawn(seed, n);
        let mut ask = ask(period);
        ask.by = crate::DIMENSIONS.iter().map(|(id, ..)| (*id).to_owned()).collect();
        ask.segment = segment.then(|| "enterprise".to_owned());
        let answer = answered_by(ENTRY, &ask, &company);
        for id in ["opportunities", "pipeline", "won_opportunities", "won", "open_expected"] {
            let (parts, whole) = column(&answer, "sources", id);
            prop_assert!((parts - whole).abs() < 1e-6, "{id}: {parts} {whole}");
        }
        for (id, _, _) in crate::DIMENSIONS {
            for (column, figure) in [
                ("opportunities", "opportunities_created"), ("pipeline", "pipeline_created"),
                ("won", "won"), ("marketing_sourced", "marketing_sourced_pipeline"),
            ] {
                let table = format!("by_{id}");
                let rows = &answer.tables.iter().find(|t| t.id == table).unwrap().rows;
                let parts: f64 =
                    rows.iter().map(|r| entry(&answer, &table, &r.id, column).number().unwrap()).sum();
                let whole = value(&answer, figure).number().unwrap();
                prop_assert!((parts - whole).abs() < 1e-6, "{id} {column}: {parts} {whole}");
            }
        }
        let rule = entry(&answer, "rules", "first_touch", "marketing");
        prop_assert_eq!(rule, value(&answer, "marketing_sourced_pipeline"));
    }

    #[test]
    fn the_order_of_rows_changes_nothing(seed in any::<u64>(), n in 0_u64..80) {
        let ask = ask("2026");
        let company = Company::drawn(seed, n);
        prop_assert_eq!(
            answered_by(ENTRY, &ask, &company),
            answered_by(ENTRY, &ask, &company.shuffled(seed))
        );
    }

    #[test]
    fn money_scales_and_nothing_else_does(seed in any::<u64>(), n in 0_u64..80, k in 2_i64..9) {
        let ask = ask("2026Q3");
        // Whole multiples of 60, so that means and fifths are not rounded.
        let company = Company::drawn(seed, n).scaled(5);
        let once = answered_by(ENTRY, &ask, &company);
        let scaled = answered_by(ENTRY, &ask, &company.scaled(k));
        assert_scales(&once, &scaled, k);
    }
}
