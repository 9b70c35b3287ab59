//! The judge judged: companies are what their laws say, and know nothing of later days.

use domain::{Column, Filter};
use jiff::ToSpan;

use super::*;

const RELATIONS: &[&str] = &[
    "opportunities",
    "deal_changes",
    "stage_visits",
    "credits",
    "program_leads",
    "lead_stages",
    "leads",
    "demand_units",
    "programs",
    "spend",
    "spend_left_out",
    "touches",
    "touch_days",
    "capacity",
    "budgets",
];

/// Days that people plan and may lie ahead.
const PLANNED: &[&str] = &["close_on", "end_on", "day_old", "day_new"];

#[test]
fn no_relation_knows_a_later_day() {
    for seed in 0..6 {
        let company = company_of(seed, 150);
        let day = company.today() - 200.days();
        for name in RELATIONS {
            let frame = company.as_of(day).relation(name).unwrap();
            for (column, values) in frame.names().iter().zip(frame.columns()) {
                let Column::Day(values) = values else { continue };
                let latest = values.iter().flatten().max();
                let planned = PLANNED.contains(&&**column);
                assert!(planned || latest.is_none_or(|latest| *latest <= day), "{name}.{column}");
            }
        }
    }
}

#[test]
fn what_was_known_is_never_rewritten() {
    let company = company_of(3, 200);
    let (before, after) = (company.today() - 300.days(), company.today());
    let period = domain::Period::days(company.begins() - 1000.days(), before);
    let early = company.as_of(before).relation("deal_changes").unwrap();
    let late = company.as_of(after).relation("deal_changes").unwrap();
    let late = late.filter(&[Filter::within("day", &period)]);
    let shown = ["opportunity_id", "position", "field", "old", "new", "amount_new", "day"];
    assert!(early.n_rows() > 200);
    assert_eq!(early.select(&shown), late.select(&shown));
}

#[test]
fn the_history_of_a_deal_ends_as_the_deal_is() {
    let company = company_of(5, 200);
    let known = company.as_of(company.today());
    let deals = known.relation("opportunities").unwrap();
    let changes = known.relation("deal_changes").unwrap();
    let visits = known.relation("stage_visits").unwrap();
    for row in 0..deals.n_rows() {
        let id = deals.texts("id")[row].clone().unwrap();
        let of = changes.filter(&[Filter::is("opportunity_id", &id)]);
        let last = |column: &str, field: &str| {
            let is = |at: &usize| {
                let said = of.texts("field")[*at].as_deref();
                said == Some(field) || said == Some("created")
            };
            let at = (0..of.n_rows()).rev().find(is).unwrap();
            of.cell(column, at)
        };
        assert_eq!(last("stage_new", "stage"), deals.cell("stage", row), "{id}");
        assert_eq!(last("amount_new", "amount"), deals.cell("amount", row), "{id}");
        assert_eq!(last("day_new", "close_on"), deals.cell("close_on", row), "{id}");
        let stays = visits.filter(&[Filter::is("opportunity_id", &id)]);
        let last = stays.n_rows() - 1;
        assert_eq!(stays.cell("stage", last), deals.cell("stage", row));
        assert_eq!(stays.cell("entered_on", last), deals.cell("stage_since", row));
    }
}

#[test]
fn bookings_in_the_end_are_those_on_record() {
    let company = company_of(8, 300);
    let (from, to) = (company.begins(), company.ends());
    let deals = company.as_of(to).relation("opportunities").unwrap();
    let won = deals.filter(&[Filter::flag("won", true), Filter::flag("counted", true)]);
    let total: i64 = won.moneys("amount").iter().flatten().map(|money| money.minor).sum();
    assert!(total > 0);
    assert_eq!(company.booked(from, to).minor, total);
    let outcomes = company.outcomes();
    assert_eq!(outcomes.len(), deals.n_rows());
    assert!(outcomes.iter().all(|outcome| !(outcome.fake && outcome.won == Some(true))));
}

#[test]
fn programs_convert_and_pay_back_as_is_true_of_them() {
    let (mut n, mut expected, mut converted) = (0.0, 0.0, 0.0);
    let (mut profit, mut hoped) = (0.0, 0.0);
    let mut shares: Vec<f64> = Vec::new();
    for seed in 0..60 {
        let company = company_of(seed, 400);
        let day = company.ends() - 600.days();
        for program in company.programs(day) {
            shares.push(program.share);
            // Slow programs have not come to their end by the last simulated day.
            if program.changed_on.is_some() || program.wait.scale > 60.0 {
                continue;
            }
            let found = company.realized(&program.id, day);
            n += 1.0;
            expected += program.share * found.n_leads as f64;
            converted += found.n_converted as f64;
            profit += 0.8 * found.won.minor as f64;
            hoped += program.gain * found.cost.minor as f64;
        }
    }
    assert!(n > 300.0);
    let ratio = converted / expected;
    assert!((0.93..1.05).contains(&ratio), "converted {ratio}");
    let ratio = profit / hoped;
    assert!((0.85..1.15).contains(&ratio), "profit {ratio}");
    shares.sort_by(f64::total_cmp);
    assert!(shares[0] < 0.025 && *shares.last().unwrap() > 0.7);
}

#[test]
fn companies_differ_in_size_and_the_same_seed_is_the_same_company() {
    let mut sizes: Vec<usize> = (0..40)
        .map(|seed| {
            let company = company(seed);
            company.as_of(company.today()).relation("opportunities").unwrap().n_rows()
        })
        .collect();
    sizes.sort_unstable();
    assert!(sizes[0] >= 25 && sizes[0] < 120 && sizes[39] > 1_500, "{sizes:?}");
    let frames = |seed| {
        let company = company_of(seed, 100);
        let known = company.as_of(company.today());
        RELATIONS.iter().map(|name| known.relation(name).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(frames(7), frames(7));
    assert_ne!(frames(7), frames(8));
}

#[test]
fn relief_of_the_overloaded_station_is_worth_most() {
    let mut named = 0;
    let mut overloaded = 0;
    for seed in 100..110 {
        let company = company_of(seed, 800);
        let tight = company.law.stations.iter().position(|s| s.role.is_some() && s.load > 1.2);
        let Some(tight) = tight else { continue };
        let reliefs = company.reliefs();
        let best = reliefs.iter().find(|relief| relief.stage != "demand").unwrap();
        overloaded += 1;
        named += u32::from(best.stage == law::station_id(tight));
        assert!(best.gain > 0.01, "{reliefs:?}");
    }
    assert!(overloaded >= 4 && named + 1 >= overloaded, "{named} of {overloaded}");
}
