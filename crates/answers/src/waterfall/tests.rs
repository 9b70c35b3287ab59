//! Tests of the answer `waterfall`.

use std::collections::BTreeMap;

use domain::{Column, Frame, Rows};
use jiff::ToSpan;
use jiff::civil::date;
use sample::small::{Company, Known, company_of};

use super::*;
use crate::history::drawn::{AS_OF, Past, STAGES, What, drawn, frames, state};
use crate::testing::{ask, assert_opens_by, assert_told, entry, value};

fn entry_of() -> &'static crate::Entry {
    crate::find("waterfall").unwrap()
}

/// Asks a simulated company, and checks that every value opens to itself.
fn asked(known: &Known<'_>, ask: &Ask) -> Answer {
    let entry = entry_of();
    let given = known.given(&(entry.needs)(ask));
    let answer = (entry.answer)(ask, &given);
    let mut frames: BTreeMap<String, Frame> = BTreeMap::new();
    let mut fetch = |rows: &Rows| {
        let name = &rows.relation;
        let frame = frames.entry(name.clone());
        let frame = frame.or_insert_with(|| known.relation(name).expect(name));
        for column in rows.filters.iter().map(|filter| &filter.column).chain(&rows.columns) {
            assert!(frame.column(column).is_some(), "{name}.{column}");
        }
        let found = frame.filter(&rows.filters);
        let columns: Vec<&str> = rows.columns.iter().map(String::as_str).collect();
        if columns.is_empty() { found } else { found.select(&columns) }
    };
    assert_opens_by(&answer, ask, &mut fetch);
    answer
}

fn minor(value: &Value) -> i64 {
    let Value::Money(money) = value else { panic!("{value:?} is no money") };
    money.minor
}

fn number(value: &Value) -> f64 {
    value.number().unwrap_or_else(|| panic!("{value:?} is no number"))
}

/// The last whole quarter before the company's day.
fn quarter(company: &Company) -> (Known<'_>, Ask) {
    let known = company.as_of(company.today());
    let calendar = Company::definitions().calendar();
    let period = calendar.last_complete_quarter(known.day());
    let ask = known.ask(&period.label, 7);
    (known, ask)
}

/// A company of drawn deals, with leads and units that go on after so many days each.
struct Drawn {
    opportunities: Frame,
    changes: Frame,
    visits: Frame,
    leads: Frame,
    units: Frame,
}

impl Drawn {
    fn new(seed: u64) -> Self {
        let deals = drawn(seed, 90, AS_OF);
        let (opportunities, changes) = frames(&deals, AS_OF);
        let visits = deals.iter().flat_map(stays).collect::<Vec<Stay>>();
        Self {
            opportunities,
            changes,
            visits: visit_frame(&visits),
            leads: leads(),
            units: units(),
        }
    }

    fn relation(&self, name: &str) -> &Frame {
        match name {
            "opportunities" => &self.opportunities,
            "deal_changes" => &self.changes,
            "stage_visits" => &self.visits,
            "lead_stages" => &self.leads,
            "demand_units" => &self.units,
            other => panic!("no relation `{other}`"),
        }
    }

    fn fetch(&self, rows: &Rows) -> Frame {
        let found = self.relation(&rows.relation).filter(&rows.filters);
        let columns: Vec<&str> = rows.columns.iter().map(String::as_str).collect();
        if columns.is_empty() { found } else { found.select(&columns) }
    }
}

/// A stay of a deal in a stage.
struct Stay {
    deal: String,
    segment: &'static str,
    counted: bool,
    stage: &'static str,
    state: &'static str,
    entered: Date,
    back: bool,
}

fn stays(past: &Past) -> Vec<Stay> {
    let now = past.on(AS_OF).unwrap();
    let place = |stage: &str| STAGES.iter().position(|known| *known == stage).unwrap();
    let stay = |stage: &'static str, entered: Date, back: bool| Stay {
        deal: past.id.clone(),
        segment: past.segment,
        counted: past.counted,
        stage,
        state: state(now.stage).id(),
        entered,
        back,
    };
    let mut found = vec![stay(past.stage, past.created, false)];
    let mut before = past.stage;
    for (day, what) in past.changes.iter().filter(|(day, _)| *day <= AS_OF) {
        if let What::Stage(stage) = what
            && *stage != before
        {
            found.push(stay(stage, *day, place(stage) < place(before)));
            before = stage;
        }
    }
    found
}

fn visit_frame(stays: &[Stay]) -> Frame {
    let text = |of: &dyn Fn(&Stay) -> String| {
        Column::Text(stays.iter().map(|stay| Some(of(stay).into())).collect())
    };
    Frame::new(vec![
        ("opportunity_id", text(&|stay| stay.deal.clone())),
        ("segment", text(&|stay| stay.segment.to_owned())),
        ("stage", text(&|stay| stay.stage.to_owned())),
        ("state", text(&|stay| stay.state.to_owned())),
        ("move", text(&|stay| if stay.back { "backward" } else { "forward" }.to_owned())),
        ("counted", Column::Boolean(stays.iter().map(|stay| Some(stay.counted)).collect())),
        ("entered_on", Column::Day(stays.iter().map(|stay| Some(stay.entered)).collect())),
    ])
    .unwrap()
}

/// Three leads in each two days; each fourth is an MQL after 9 days, of these each second a SAL
/// after 5 more, and each third that is no MQL is disqualified.
fn leads() -> Frame {
    let mut rows: Vec<(i64, &str, Date, Option<Date>, bool)> = Vec::new();
    let known = |day: Date| (day <= AS_OF).then_some(day);
    for lead in 0..900_i64 {
        let born = date(2025, 3, 1).saturating_add((lead * 2 / 3).days());
        let Some(born) = known(born) else { continue };
        let mql = (lead % 4 == 0).then(|| born.saturating_add(9.days())).and_then(known);
        let sal = (lead % 8 == 0).then(|| born.saturating_add(14.days())).and_then(known);
        let bad = mql.is_none() && lead % 3 == 0;
        rows.push((lead, "inquiry", born, mql, bad));
        if let Some(mql) = mql {
            rows.push((lead, "mql", mql, sal, false));
        }
        if let Some(sal) = sal {
            rows.push((lead, "sal", sal, None, false));
        }
    }
    let text = |of: &dyn Fn(&(i64, &str, Date, Option<Date>, bool)) -> String| {
        Column::Text(rows.iter().map(|row| Some(of(row).into())).collect())
    };
    let segment = |lead: i64| if lead % 5 < 2 { "enterprise" } else { "small" };
    Frame::new(vec![
        ("id", text(&|row| format!("l{}", row.0))),
        ("stage", text(&|row| row.1.to_owned())),
        ("segment", text(&|row| segment(row.0).to_owned())),
        ("entered_on", Column::Day(rows.iter().map(|row| Some(row.2)).collect())),
        ("left_on", Column::Day(rows.iter().map(|row| row.3).collect())),
        ("disqualified", Column::Boolean(rows.iter().map(|row| Some(row.4)).collect())),
    ])
    .unwrap()
}

/// A unit each three days: active at once, each second in the pipeline after 30 days without the
/// stages between, of these each second won and each fourth lost after 60 more.
fn units() -> Frame {
    let born = |unit: i64| date(2025, 3, 1).saturating_add((unit * 3).days());
    let ids: Vec<i64> = (0..240).filter(|unit| born(*unit) <= AS_OF).collect();
    let day = |of: &dyn Fn(i64) -> Option<Date>| {
        Column::Day(ids.iter().map(|unit| of(*unit).filter(|day| *day <= AS_OF)).collect())
    };
    let after = |unit: i64, days: i64| Some(born(unit).saturating_add(days.days()));
    let pipeline = |unit: i64| if unit % 2 == 0 { after(unit, 30) } else { None };
    let closed = |unit: i64| if unit % 4 == 0 { after(unit, 90) } else { None };
    let outcome = |unit: i64| match closed(unit).filter(|day| *day <= AS_OF) {
        Some(_) if unit % 8 == 0 => "lost",
        Some(_) => "won",
        None if unit % 2 == 1 && born(unit) < date(2026, 5, 1) => "lapsed",
        None => "open",
    };
    let text = |of: &dyn Fn(i64) -> String| {
        Column::Text(ids.iter().map(|unit| Some(of(*unit).into())).collect())
    };
    Frame::new(vec![
        ("id", text(&|unit| format!("u{unit}"))),
        ("segment", text(&|unit| if unit % 3 == 0 { "enterprise" } else { "small" }.to_owned())),
        ("target_on", day(&|unit| after(unit, 0))),
        ("active_on", day(&|unit| after(unit, 0))),
        ("engaged_on", day(&|_| None)),
        ("prioritized_on", day(&|_| None)),
        ("qualified_on", day(&|unit| if unit % 6 == 0 { after(unit, 20) } else { None })),
        ("pipeline_on", day(&pipeline)),
        ("closed_on", day(&closed)),
        ("outcome", text(&|unit| outcome(unit).to_owned())),
    ])
    .unwrap()
}

#[test]
fn a_drawn_company_is_told_in_full() {
    let company = Drawn::new(11);
    let mut ask = ask("2026Q3");
    ask.by = vec!["segment".to_owned()];
    let entry = entry_of();
    let needs = (entry.needs)(&ask);
    let frames = needs.iter().map(|need| (need.name.to_owned(), company.fetch(&need.rows)));
    let given = Given { frames: frames.collect(), ..Given::default() };
    let answer = (entry.answer)(&ask, &given);
    assert_opens_by(&answer, &ask, &mut |rows| company.fetch(rows));
    assert_told(&answer, include_str!("../../goldens/waterfall.txt"));
}

#[test]
fn bridges_add_up_and_their_parts_are_those_of_the_rows() {
    for seed in 0..6 {
        let company = company_of(seed, 120);
        let (known, mut ask) = quarter(&company);
        ask.by = ["segment", "owner", "channel"].map(str::to_owned).to_vec();
        let answer = asked(&known, &ask);
        for table in ["bridge", "bridge_due"] {
            let of = |step: Step| minor(entry(&answer, table, step.id(), "amount"));
            let moved: i64 =
                Step::ALL.into_iter().filter(|step| *step != Step::Closing).map(of).sum();
            assert_eq!(moved, of(Step::Closing), "{table} of {seed}");
        }
        // Each dimension divides each step.
        for table in answer.tables.iter().filter(|table| table.id.starts_with("bridge_by_")) {
            for (at, step) in Step::ALL.into_iter().enumerate() {
                let sum: i64 = table.rows.iter().map(|row| minor(&row.entries[at].value)).sum();
                let whole = minor(entry(&answer, "bridge", step.id(), "amount"));
                assert_eq!(sum, whole, "{} {}", table.id, step.id());
            }
        }
        // The closing as of the last day is what a company of that day says is open.
        let to = ask.period.to;
        let then = company.as_of(to).relation("opportunities").unwrap();
        let open: i64 = (0..then.n_rows())
            .filter(|row| then.texts("state")[*row].as_deref() == Some("open"))
            .filter(|row| then.booleans("counted")[*row] == Some(true))
            .filter_map(|row| then.moneys("amount")[row])
            .map(|money| money.minor)
            .sum();
        let closing = minor(value(&answer, "bridge_closing"));
        assert_eq!(closing, open, "{seed}");
    }
}

#[test]
fn stages_are_counted_as_by_a_plain_loop() {
    let company = company_of(3, 200);
    let (known, ask) = quarter(&company);
    let answer = asked(&known, &ask);
    let leads = known.relation("lead_stages").unwrap();
    for stage in ["inquiry", "mql", "sal", "sql", "opportunity", "won"] {
        let mut cases: Vec<(f64, bool, bool)> = Vec::new();
        for row in 0..leads.n_rows() {
            let entered = leads.days("entered_on")[row].unwrap();
            if leads.texts("stage")[row].as_deref() != Some(stage) || !ask.period.contains(entered)
            {
                continue;
            }
            let passed = leads.days("left_on")[row];
            let gone = leads.booleans("disqualified")[row] == Some(true);
            let until = passed.unwrap_or(ask.as_of);
            let days = f64::from(entered.until(until).unwrap().get_days());
            cases.push((days, passed.is_some(), gone && passed.is_none()));
        }
        let count = |column: &str| entry(&answer, "leads", stage, column).clone();
        assert_eq!(count("entered"), Value::Count(cases.len().try_into().unwrap()), "{stage}");
        if stage == "won" {
            continue;
        }
        let passed = cases.iter().filter(|(_, passed, _)| *passed).count();
        let left = cases.iter().filter(|(.., left)| *left).count();
        assert_eq!(count("went_on"), Value::Count(passed.try_into().unwrap()), "{stage}");
        assert_eq!(count("left"), Value::Count(left.try_into().unwrap()), "{stage}");
        let waiting = cases.len() - passed - left;
        assert_eq!(count("waiting"), Value::Count(waiting.try_into().unwrap()), "{stage}");
        // The product-limit estimate by hand: those that left stay at risk for ever, since they
        // can be known to go on by no day.
        if cases.len() < 10 {
            continue;
        }
        let horizon = number(&count("within"));
        let mut days: Vec<f64> = cases
            .iter()
            .filter(|(days, passed, _)| *passed && *days <= horizon)
            .map(|c| c.0)
            .collect();
        days.sort_by(f64::total_cmp);
        days.dedup();
        // Leaving happens at the as-of day, the last of all, so it takes nobody from the risk set
        // before the others of the same age.
        let (mut waits, mut share) = (1.0, 0.0);
        for day in days {
            let at_risk = cases.iter().filter(|case| case.0 >= day).count() as f64;
            let here =
                cases.iter().filter(|(at, passed, _)| *passed && (*at - day).abs() < 0.5).count()
                    as f64;
            let gone = cases.iter().filter(|(at, _, left)| *left && (*at - day).abs() < 0.5).count()
                as f64;
            share += waits * here / at_risk;
            waits *= 1.0 - (here + gone) / at_risk;
        }
        let gone_between = cases.iter().any(|(days, _, left)| *left && *days <= horizon);
        let found = number(&count("of_100"));
        if !gone_between {
            assert!((found - 100.0 * share).abs() < 1e-6, "{stage}: {found} {share}");
        }
    }
}

/// Young cohorts are not failed ones: what is said of a quarter at its end covers what became of
/// it.
#[test]
fn a_young_cohort_is_told_by_what_it_will_do_and_not_by_what_it_did() {
    let (mut covered, mut total, mut naive) = (0, 0, 0);
    for seed in 0..12 {
        let company = company_of(seed, 150);
        let today = company.today();
        let calendar = Company::definitions().calendar();
        let period = calendar.last_complete_quarter(today.saturating_sub(400.days()));
        let known = company.as_of(period.to);
        let ask = known.ask(&period.label, 7);
        assert_eq!(ask.period, period);
        let entry_ = entry_of();
        let answer = (entry_.answer)(&ask, &known.given(&(entry_.needs)(&ask)));
        let leads = company.as_of(today).relation("lead_stages").unwrap();
        for stage in ["inquiry", "mql", "sal"] {
            let table = answer.tables.iter().find(|table| table.id == "leads").unwrap();
            let row = table.rows.iter().find(|row| row.id == stage).unwrap();
            let (Value::Number(_), Some(interval)) =
                (&row.entries[5].value, &row.entries[5].interval)
            else {
                continue;
            };
            let within = number(&row.entries[7].value);
            let (mut n, mut went) = (0_u32, 0_u32);
            for at in 0..leads.n_rows() {
                let entered = leads.days("entered_on")[at].unwrap();
                if leads.texts("stage")[at].as_deref() != Some(stage) || !period.contains(entered) {
                    continue;
                }
                n += 1;
                went += u32::from(leads.days("left_on")[at].is_some_and(|left| {
                    f64::from(entered.until(left).unwrap().get_days()) <= within
                }));
            }
            let truth = 100.0 * f64::from(went) / f64::from(n.max(1));
            total += 1;
            covered += u32::from(interval.low - 1e-9 <= truth && truth <= interval.high + 1e-9);
            let so_far = 100.0 * number(&row.entries[2].value) / number(&row.entries[0].value);
            naive += u32::from(interval.low - 1e-9 <= so_far && so_far <= interval.high + 1e-9);
        }
    }
    // The truth here is that of the cohort itself, so intervals for the rate behind it cover more.
    assert!(total >= 20 && covered * 100 >= total * 90, "{covered} of {total}, so far {naive}");
}

#[test]
fn the_parts_of_velocity_add_up_to_its_change() {
    let mut n_told = 0;
    for seed in 0..6 {
        let company = company_of(seed, 300);
        let (known, ask) = quarter(&company);
        let answer = asked(&known, &ask);
        let at = |row: &str, column: &str| entry(&answer, "velocity", row, column).clone();
        let Value::Money(change) = at("velocity", "part") else { continue };
        let parts: i64 = ["deals", "win_rate", "value", "cycle"]
            .map(|factor| minor(&at(factor, "part")))
            .iter()
            .sum();
        let (now, before) = (minor(&at("velocity", "now")), minor(&at("velocity", "before")));
        assert_eq!((change.minor, parts), (now - before, now - before));
        let product = number(&at("deals", "now"))
            * number(&at("win_rate", "now"))
            * minor(&at("value", "now")) as f64
            / number(&at("cycle", "now"));
        assert!((product - now as f64).abs() <= 1.0);
        n_told += 1;
    }
    assert!(n_told >= 3, "{n_told}");
}

#[test]
fn without_rows_it_says_that_nothing_was_loaded() {
    let ask = ask("2026Q3");
    let answer = super::answer(&ask, &Given::default());
    assert_eq!(answer.headline, "Nothing was loaded for this period (2026Q3).");
    assert!(answer.figures.is_empty() && answer.tables.is_empty());
    let later = Ask { as_of: date(2026, 6, 1), ..ask };
    let answer = super::answer(&later, &Given::default());
    assert!(answer.headline.contains("has not begun"), "{}", answer.headline);
}

#[test]
fn few_cases_are_told_as_counts() {
    let company = company_of(5, 60);
    let (known, ask) = quarter(&company);
    let answer = asked(&known, &ask);
    let mut n_few = 0;
    for table in ["leads", "demand", "deals"] {
        let table = answer.tables.iter().find(|found| found.id == table).unwrap();
        for row in &table.rows {
            let n = number(&row.entries[0].value);
            match &row.entries[5].value {
                Value::Share { total, .. } => {
                    assert!(
                        n < 10.0
                            && (*total as f64 - n).abs() < 0.5
                            && row.entries[5].interval.is_none()
                    );
                    n_few += 1;
                }
                Value::Number(_) => assert!(n >= 10.0),
                _ => {}
            }
        }
    }
    assert!(n_few > 0);
}
