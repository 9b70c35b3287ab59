//! A company that one can hold in the head (`tiny/`), with figures found by hand.
//!
//! Acme bought once: a visit from a paid search, a webinar, a call, a visit from a paid post, then
//! a deal, a meeting and a signature. Beta has a deal and no touch that counts; Gamma has a touch
//! and no deal. One rate halves, so that an amount converted on the wrong day shows.

use std::collections::BTreeMap;
use std::path::Path;

use domain::definition::{Side, SourcedBy, State};
use domain::{Currency, Definitions, Money, Value};
use jiff::civil::date;

use super::{Company, ProgramRow, RULES};

fn tiny() -> Company {
    let (definitions, faults) = Definitions::starter();
    assert!(faults.is_empty());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tiny");
    Company::read(&folder, &definitions, date(2026, 3, 31))
}

fn acme(company: &Company) -> &super::Opportunity {
    &company.opportunities()[0]
}

/// Credit of Acme's deal by channel in cents.
fn credit(company: &Company, model: &str) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    let id = &acme(company).id;
    for credit in company.credits(model).into_iter().filter(|credit| credit.opportunity == *id) {
        *sums.entry(credit.channel).or_default() += credit.credit.unwrap();
    }
    sums
}

#[test]
fn deals_have_the_source_stage_and_money_found_by_hand() {
    let company = tiny();
    let [acme, beta, renewal] = company.opportunities() else { panic!("three deals are left") };
    assert_eq!(acme.sources, [Side::Marketing, Side::Partner, Side::Marketing]);
    assert_eq!((acme.channel.as_str(), acme.influenced), ("paid-search", true));
    assert_eq!(acme.program.as_deref(), Some("Spring webinar"));
    // 1000 EUR at 0.80 EUR for a dollar, the rate of the close.
    assert_eq!((acme.amount, acme.expected), (Some(125_000), Some(125_000)));
    assert_eq!((acme.stage_reached, acme.cycle_days), (Some(6), Some(18)));
    assert_eq!(acme.days_from_first_touch, Some(46));
    assert_eq!((acme.segment.as_str(), acme.journey.len()), ("mid-market", 4));
    assert_eq!(acme.journey_to_close.len(), 5);

    assert_eq!(beta.sources, [Side::Unknown; 3]);
    assert_eq!((beta.channel.as_str(), beta.influenced), ("unknown", false));
    assert_eq!((beta.state, beta.stage.as_str()), (State::Open, "qualification"));
    // Once at the proposal, the fifth open stage; 99.99 × 0.20 = 19.998.
    assert_eq!((beta.stage_reached, beta.expected), (Some(5), Some(2_000)));
    assert_eq!((beta.closed_on, beta.segment.as_str()), (None, "small"));

    assert!(!renewal.counted);
}

#[test]
fn credit_by_each_model_is_the_credit_found_by_hand() {
    // What 1250.00 gives to: content of the journey in order.
    let order = ["paid-search", "webinar", "outbound", "paid-social"];
    let table: &[(&str, [i64; 4])] = &[
        ("first", [125_000, 0, 0, 0]),
        ("last", [0, 0, 0, 125_000]),
        ("last_non_direct", [0, 0, 0, 125_000]),
        // The lead came a day after the first visit, so the visit is both milestones.
        ("lead_creation", [125_000, 0, 0, 0]),
        ("opportunity_creation", [0, 0, 0, 125_000]),
        ("linear", [31_250, 31_250, 31_250, 31_250]),
        // Touches four, three, two and one half-life before: 1, 2, 4 and 8 of 15.
        ("time_decay", [8_333, 16_667, 33_333, 66_667]),
        ("u_shaped", [50_000, 12_500, 12_500, 50_000]),
        ("u_split", [125_000, 0, 0, 0]),
        ("w_shaped", [75_000, 6_250, 6_250, 37_500]),
        // The meeting before the signature is sales' as well: 22.5 of 100 and half of 10.
        ("full_path", [56_250, 6_250, 34_375, 28_125]),
        ("j_shaped", [25_000, 12_500, 12_500, 75_000]),
        ("inverse_j", [75_000, 12_500, 12_500, 25_000]),
        // Two of three paths convert. Every one of them needs the first three channels; a third of
        // the calls are the end, so without the paid post a third is left: effects 1, 1, 1 and 2/3.
        ("markov", [34_091, 34_091, 34_091, 22_727]),
        ("shapley", [31_250, 31_250, 31_250, 31_250]),
    ];
    let company = tiny();
    for (model, parts) in table {
        let expected: BTreeMap<String, i64> = order
            .iter()
            .zip(parts)
            .filter(|(_, part)| **part > 0)
            .map(|(channel, part)| ((*channel).to_owned(), *part))
            .collect();
        let mut found = credit(&company, model);
        found.retain(|_, part| *part != 0);
        assert_eq!(found, expected, "{model}");
    }
    for model in RULES.iter().chain(&["markov", "shapley"]) {
        let total: i64 = credit(&company, model).values().sum();
        assert_eq!(total, 125_000, "{model}");
    }
}

#[test]
fn a_deal_without_touches_stands_under_unknown() {
    let credits = tiny().credits("linear");
    let beta = credits.iter().find(|credit| credit.credit == Some(9_999)).unwrap();
    assert_eq!((beta.channel.as_str(), beta.n_touches), ("unknown", 0));
}

#[test]
fn the_paths_are_one_that_converts_and_one_that_does_not() {
    let paths = tiny().paths();
    let texts: Vec<(String, bool)> =
        paths.into_iter().map(|(path, converted)| (path.join(" > "), converted)).collect();
    let acme = "paid-search > webinar > outbound > paid-social";
    // The renewal of Acme is a deal after the same touches and the meeting.
    let renewal = format!("{acme} > outbound");
    let expected = [(acme.to_owned(), true), (renewal, true), ("paid-search".to_owned(), false)];
    assert_eq!(texts, expected);
}

#[test]
fn the_figures_of_the_pipeline_are_those_found_by_hand() {
    let company = tiny();
    let period = company.calendar.period("2026Q1").unwrap();
    let money = |minor| Value::Money(Money::from_minor(minor, Currency::USD));
    let expected = [
        ("pipeline_created", money(134_999)),
        ("opportunities_created", Value::Count(2)),
        ("marketing_sourced_pipeline", money(125_000)),
        ("marketing_sourced_opportunities", Value::Count(1)),
        ("marketing_influenced_pipeline", money(125_000)),
        ("marketing_influenced_opportunities", Value::Count(1)),
        ("won", money(125_000)),
        ("won_opportunities", Value::Count(1)),
        ("marketing_sourced_won", money(125_000)),
    ];
    let found = company.pipeline(&period);
    for (id, value) in expected {
        assert_eq!(found[id], value, "{id}");
    }
    let sides = company.sides(&period, SourcedBy::LeadSource);
    assert_eq!(sides[&Side::Partner], [1, 125_000, 1, 125_000]);
    assert_eq!(sides[&Side::Unknown], [1, 9_999, 0, 0]);
    assert_eq!(sides.values().map(|side| side[1]).sum::<i64>(), 134_999);
    assert_eq!(company.expected()[&Side::Unknown], 2_000);
    assert_eq!(company.attribution(&period, "w_shaped")["paid-search"], (75_000, 75_000));
}

#[test]
fn the_figures_of_the_scorecard_are_those_found_by_hand() {
    let company = tiny();
    let money = |minor| Value::Money(Money::from_minor(minor, Currency::USD));
    let of = |period: &str| company.scorecard(&company.calendar.period(period).unwrap());
    let quarter = of("2026Q1");
    let share = Value::Share { of: 125_000, total: 134_999 };
    assert_eq!(quarter["marketing_sourced_share"], share);
    assert_eq!(quarter["win_rate"], Value::Share { of: 1, total: 1 });
    // The webinar, the paid post and the paid search.
    assert_eq!(quarter["spend"], money(10_000 + 101_050 + 200_000));
    // 46 days before the quarter began nothing was recorded yet.
    assert!(quarter["cac"].is_none() && quarter["roi"].is_none());
    // 46 days before 7 March is the day on which the webinar's costs begin.
    let days = of("2026-03-07..2026-03-31");
    assert_eq!((&days["spend"], &days["cac"]), (&money(0), &money(311_050)));
    let Value::Number(roi) = days["roi"] else { panic!("{:?}", days["roi"]) };
    // The call is sales' own; 80% of the rest is gross profit.
    assert!((roi - ((125_000.0 - 6_250.0) * 0.8 / 311_050.0 - 1.0)).abs() < 1e-12);
}

#[test]
fn people_are_counted_once_with_what_brought_them() {
    let company = tiny();
    let leads = company.leads();
    let found: Vec<_> = leads
        .iter()
        .map(|lead| {
            let account = lead.account.as_deref().map(|id| &id[14..15]);
            (lead.created_on.to_string(), account, lead.channel.as_str(), lead.program.as_deref())
        })
        .collect();
    let expected = [
        // A contact and the lead that it was; its second card was merged into it.
        ("2026-01-24".to_owned(), Some("1"), "paid-search", None),
        ("2026-01-02".to_owned(), Some("4"), "unknown", None),
        // Invited only, so the lead source says it; the account by the mail domain.
        ("2026-02-01".to_owned(), Some("3"), "webinar", None),
        // Free mail is nobody's company.
        ("2026-02-03".to_owned(), None, "paid-social", Some("LI_Push")),
    ];
    assert_eq!(found, expected);
}

#[test]
fn programs_have_the_spend_and_credit_found_by_hand() {
    let company = tiny();
    let period = company.calendar.period("2026Q1").unwrap();
    let programs = company.programs(&period);
    // 100.00 over 12 days of January and 10 of February.
    let months = company.spend_by_month(&period);
    let month = |program: &str, platform: &str, month: &str| {
        months[&(platform.to_owned(), program.to_owned(), month.to_owned())]
    };
    assert_eq!(month("Spring webinar", "crm", "2026-01"), 5_455);
    assert_eq!(month("Spring webinar", "crm", "2026-02"), 4_545);
    assert_eq!(month("LI_Push", "linkedin_ads", "2026-02"), 101_050);
    // 1000 EUR at 0.50 EUR for a dollar.
    assert_eq!(month("Brand", "google_ads", "2026-02"), 200_000);
    let expected = ProgramRow {
        spend: 10_000,
        touches: 1,
        leads: 0,
        invalid_touches: 0,
        opportunities: 1,
        pipeline: 125_000,
        won_opportunities: 1,
        won: 125_000,
        won_credit: 6_250,
    };
    assert_eq!(programs["Spring webinar"], expected);
    let push = &programs["LI_Push"];
    assert_eq!((push.spend, push.touches, push.invalid_touches), (101_050, 1, 1));
    assert_eq!((push.leads, push.won_credit), (1, 37_500));
    assert_eq!(programs.values().map(|row| row.won_credit).sum::<i64>(), 125_000);
}
