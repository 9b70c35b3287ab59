//! Tests of the answer `programs`.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::common::of_period;
use crate::testing::*;

const ENTRY: &crate::Entry = &crate::QUESTIONS[3];

/// A webinar that takes 30 days to a deal and 100 to a customer, and a trade fair that won
/// nothing.
fn small() -> Company {
    let webinar = Some("spring webinar");
    let deal = |id: &str, created: Date| {
        Deal::new(id, "marketing", created, 1_200_000)
            .first_touch(created - 30.days(), "spring webinar")
    };
    let won = |id: &str, account, created: Date| Deal {
        account,
        ..deal(id, created).closed(created + 70.days(), true)
    };
    Company {
        deals: vec![
            won("a", Some("acorn"), date(2026, 5, 1)),
            won("b", Some("birch"), date(2026, 5, 20)),
            won("c", Some("birch"), date(2026, 6, 1)),
            deal("d", date(2026, 8, 1)),
            Deal { program: None, ..deal("e", date(2026, 8, 2)) },
            Deal::new("f", "sales", date(2026, 8, 3), 500_000),
        ],
        spend: vec![
            // Spend is on record before the days that 2026Q3 is set against, not before those
            // of the quarter before.
            (date(2026, 3, 1), None, "display", Some(10_000), 0),
            (date(2026, 4, 10), webinar, "webinar", Some(600_000), 0),
            (date(2026, 6, 10), webinar, "webinar", Some(300_000), 2),
            (date(2026, 8, 10), webinar, "webinar", Some(100_000), 1),
            (date(2026, 8, 11), webinar, "webinar", None, 1),
            (date(2026, 9, 1), Some("trade fair"), "event", Some(400_000), 0),
            (date(2026, 9, 2), None, "display", Some(50_000), 3),
        ],
        left_out: vec![(date(2026, 9, 2), webinar, "webinar", Some(70_000), 0)],
        touches: vec![
            (date(2026, 8, 1), webinar, "webinar", 40, 2),
            (date(2026, 8, 2), None, "direct", 5, 9),
        ],
        leads: vec![
            (date(2026, 8, 1), webinar, "webinar", "enterprise"),
            (date(2026, 8, 2), webinar, "webinar", "small"),
        ],
    }
}

#[test]
fn a_small_company_is_told_in_full() {
    let answer = answered_by(ENTRY, &ask("2026Q3"), &small());
    assert_told(&answer, include_str!("../../goldens/programs.txt"));
}

#[test]
fn spend_is_moved_by_the_medians_and_set_against_what_it_brought() {
    let answer = answered_by(ENTRY, &ask("2026Q3"), &small());
    let of = |column| entry(&answer, "programs", "spring webinar", column);
    assert_eq!(value(&answer, "days_to_won_median"), &Value::Days(100.0));
    // 1,000 of the quarter by 2 leads.
    assert_eq!(of("cost_per_lead"), &usd_value(50_000));
    // 30 days earlier: 2 June to 31 August holds 3,000 + 1,000, by 1 deal of the program.
    assert_eq!(of("cost_per_opportunity"), &usd_value(400_000));
    // 100 days earlier: 23 March to 22 June holds 6,000 + 3,000, by 2 customers.
    assert_eq!(of("cac"), &usd_value(450_000));
    // 36,000 won at a margin of 0.8 for 9,000.
    assert!((of("roi").number().unwrap() - (36.0 * 0.8 / 9.0 - 1.0)).abs() < 1e-12);
    // 4,500 for a customer who brings 18,000 × 0.8 in 12 months.
    assert!(
        (of("payback_months").number().unwrap() - 4500.0 / (18_000.0 * 0.8 / 12.0)).abs() < 1e-12
    );
    assert_eq!(of("payback_months").unit(), "months");
}

#[test]
fn the_return_of_the_company_takes_the_credit_of_marketing_alone() {
    let mut company = small();
    company.deals.push(
        Deal::new("call", "sales", date(2026, 6, 1), 9_900_000)
            .first_touch(date(2026, 5, 2), "spring webinar")
            .closed(date(2026, 8, 10), true),
    );
    let roi = |company: &Company| {
        let answer = answered_by(ENTRY, &ask("2026Q3"), company);
        assert_eq!(entry(&answer, "programs", "all", "roi"), value(&answer, "roi"));
        value(&answer, "roi").clone()
    };
    assert_eq!(roi(&company), roi(&small()));
    let answer = answered_by(ENTRY, &ask("2026Q3"), &company);
    assert_eq!(value(&answer, "won_credit"), &usd_value(3_600_000 + 9_900_000));
}

#[test]
fn what_spend_does_not_cover_is_not_compared() {
    let answer = answered_by(ENTRY, &ask("2026Q3"), &small());
    let before = |id: &str| answer.figures.iter().find(|f| f.id == id).unwrap().previous.clone();
    let none = Some(Value::None("spend is recorded only from 2026-03-01".to_owned()));
    assert_eq!(
        [before("cac"), before("roi"), before("payback_months")],
        [none.clone(), none.clone(), none]
    );
    let few = Some(Value::None("fewer than 10 deals".to_owned()));
    assert_eq!(before("cost_per_opportunity"), few);
}

#[test]
fn a_cost_without_spend_or_without_anything_to_divide_by_is_empty_and_says_why() {
    let answer = answered_by(ENTRY, &ask("2026Q3"), &small());
    let none = |reason: &str| Value::None(reason.to_owned());
    let fair = |column| entry(&answer, "programs", "trade fair", column);
    assert_eq!(fair("cost_per_lead"), &none("no leads"));
    // The fair was paid in September: no spend lies 30 or 100 days earlier.
    assert_eq!(fair("cost_per_opportunity"), &none("no spend"));
    assert_eq!(fair("roi"), &none("no spend"));
    assert_eq!(fair("payback_months"), &none("no spend"));
    let mut bare = ask("2026Q3");
    Arc::make_mut(&mut bare.definitions).gross_margin = None;
    let answer = answered_by(ENTRY, &bare, &small());
    assert_eq!(value(&answer, "roi"), &none("no gross margin is defined"));
}

/// Twelve customers of the webinar, with as many that came from search, which nothing was spent on,
/// and three programs that did nothing but write to people.
fn large() -> Company {
    let mut company = small();
    for n in 0_i64..12 {
        let created = date(2026, 5, 1) + n.days();
        let won = |id: &str| {
            let deal = Deal::new(&format!("{id}{n}"), "marketing", created, 1_200_000);
            Deal { account: Some("cedar"), ..deal }
        };
        let webinar = won("w").first_touch(created - 30.days(), "spring webinar");
        company.deals.push(webinar.closed(created + 70.days(), true));
        let search = Deal { channel: "paid-search", touches: 1, ..won("s") };
        company.deals.push(search.closed(created + 70.days(), true));
    }
    for name in ["letter", "postcard", "poster"] {
        company.touches.push((date(2026, 8, 3), Some(name), "email", 7, 1));
    }
    company
}

#[test]
fn credit_that_nothing_was_spent_on_is_told_and_left_out_of_a_return_of_its_own() {
    let answer = answered_by(ENTRY, &ask("2026Q3"), &large());
    let [all, paid] =
        ["roi", "roi_of_channels_with_spend"].map(|id| value(&answer, id).number().unwrap());
    // 15 deals of the webinar and 12 of search, 12,000 each at a margin of 0.8, for 9,000.
    assert!((all - (27.0 * 12.0 * 0.8 / 9.0 - 1.0)).abs() < 1e-9, "{all}");
    assert!((paid - (15.0 * 12.0 * 0.8 / 9.0 - 1.0)).abs() < 1e-9, "{paid}");
    let note = answer.caveats.iter().find(|caveat| caveat.code == "credit_without_spend").unwrap();
    assert_eq!(
        note.text,
        "$144K of marketing's won credit went to channels without recorded spend (Paid search). \
         ROI counts it; ROI of channels with spend does not."
    );
    let told = "; without the credit of channels that no spend is recorded for, 15.00)";
    assert!(answer.headline.contains(told), "{}", answer.headline);
}

#[test]
fn programs_that_did_nothing_but_touch_share_one_row_and_all_adds_up() {
    let answer = answered_by(ENTRY, &ask("2026Q3"), &large());
    let table = answer.tables.iter().find(|table| table.id == "programs").unwrap();
    let labels: Vec<&str> = table.rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "trade fair",
            "spring webinar",
            "3 programs without spend, credit or deals",
            "No program",
            "All"
        ]
    );
    assert_eq!(entry(&answer, "programs", "(idle)", "touches"), &Value::Count(21));
}

#[test]
fn figures_of_few_deals_have_no_range_and_no_comparison() {
    let few = answered_by(ENTRY, &ask("2026Q3"), &small());
    let many = answered_by(ENTRY, &ask("2026Q3"), &large());
    let sure = |answer: &Answer| of_period(&answer.figures, "roi").unwrap().interval.is_some();
    assert_eq!([sure(&few), sure(&many)], [false, true]);
}

#[test]
fn a_segment_has_no_costs() {
    let ask = Ask { segment: Some("small".to_owned()), ..ask("2026Q3") };
    let answer = answered_by(ENTRY, &ask, &small());
    assert!(value(&answer, "spend").is_none() && value(&answer, "cac").is_none());
    assert_eq!(value(&answer, "leads"), &Value::Count(1));
    assert_eq!(
        answer.headline,
        "Small business in 2026Q3: 1 lead, no deals created ($0) and no deals won ($0). What it \
         cost is not recorded by segment."
    );
}

#[test]
fn headlines_read_well_without_spend_and_with_little() {
    let told = |company: &Company| answered_by(ENTRY, &ask("2026Q3"), company).headline;
    let spend = |amount| (date(2026, 8, 1), None, "display", Some(amount), 0);
    let before = (date(2026, 4, 1), None, "display", Some(100), 0);
    let one = Company { spend: vec![spend(120_000), before], ..Company::default() };
    assert_eq!(
        told(&one),
        "$1.2K was spent outside any program in 2026Q3, up from $1 in 2026Q2. It cannot be set \
         against leads, deals or customers. Under W-shaped credit, no gross profit is credited to \
         marketing yet."
    );
    let leads = vec![(date(2026, 8, 1), None, "direct", "small")];
    let free = Company { leads: leads.clone(), ..Company::default() };
    assert_eq!(
        told(&free),
        "No spend is recorded in 2026Q3. Without a known cost: 1 lead, no deals created ($0) and \
         no deals won ($0)."
    );
    let both = Company { leads: leads.clone(), ..one };
    assert!(told(&both).contains(". Blended, whoever sourced them, a lead cost $1.2K. Under"));
    let late = Company { leads, spend: vec![spend(120_000)], ..Company::default() };
    assert!(told(&late).starts_with("$1.2K was spent outside any program in 2026Q3. It cannot"));
    assert!(told(&late).ends_with(
        " It cannot be set against leads, deals or customers: spend is recorded only from \
         2026-08-01."
    ));
    assert_eq!(told(&Company::default()), "Nothing was loaded for this period (2026Q3).");
    let bare = super::answer(&ask("2026Q3"), &Given::default());
    assert_eq!(bare.headline, "Nothing was loaded for this period (2026Q3).");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_figure_opens_and_the_rows_add_up_to_the_last(
        seed in any::<u64>(), n in 0_u64..100, segment in any::<bool>(),
        period in prop::sample::select(vec!["2026Q3", "2026", "2026-09", "2026Q4"]),
    ) {
        let mut ask = ask(period);
        ask.segment = segment.then(|| "enterprise".to_owned());
        let answer = answered_by(ENTRY, &ask, &Company::drawn(seed, n));
        for table in ["programs", "channels"] {
            let rows = &answer.tables.iter().find(|t| t.id == table).unwrap().rows;
            let costs = ["roi", "cac", "payback_months", "cost_per_lead", "cost_per_opportunity"];
            let additive = COLUMNS.iter().map(|(id, _)| *id).filter(|id| !costs.contains(id));
            for column in additive {
                let of = |row: &str| entry(&answer, table, row, column).number();
                let parts: f64 =
                    rows.iter().filter(|row| row.id != "all").filter_map(|row| of(&row.id)).sum();
                let whole = of("all").unwrap_or(0.0);
                prop_assert!((parts - whole).abs() < 1e-6, "{table} {column}: {parts} {whole}");
                prop_assert_eq!(entry(&answer, table, "all", column), value(&answer, column));
            }
        }
    }

    #[test]
    fn the_order_of_rows_changes_nothing_and_money_scales(
        seed in any::<u64>(), n in 0_u64..80, k in 2_i64..9,
    ) {
        let ask = ask("2026");
        let company = Company::drawn(seed, n);
        let once = answered_by(ENTRY, &ask, &company);
        prop_assert_eq!(&once, &answered_by(ENTRY, &ask, &company.shuffled(seed)));
        assert_scales(&once, &answered_by(ENTRY, &ask, &company.scaled(k)), k);
    }
}
