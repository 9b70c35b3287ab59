//! The relations about time: changes of deals, stays in stages, and what a deal carries of them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::sync::Arc;

use domain::fact::{FactTable, Kind};
use domain::{Cell, Currency, Definitions, Frame, Rows};
use jiff::civil::{Date, date};
use lake::{BuildRequest, Built, MemoryFacts, build};

const AS_OF: Date = date(2026, 9, 30);

fn cell(kind: Kind, text: &str) -> Cell {
    match kind {
        _ if text.is_empty() || text == "-" => Cell::Null,
        Kind::Text => Cell::text(text.replace('_', " ")),
        Kind::Integer => Cell::Integer(text.parse().unwrap()),
        Kind::Boolean => Cell::Boolean(text.parse().unwrap()),
        Kind::Day => Cell::Day(text.parse().unwrap()),
        Kind::Instant if text.len() == 10 => {
            Cell::Instant(format!("{text}T10:00:00Z").parse().unwrap())
        }
        Kind::Instant => Cell::Instant(text.parse().unwrap()),
        Kind::Decimal => Cell::Decimal(text.parse().unwrap()),
    }
}

/// Adds the rows of an aligned text whose first line names the columns; `_` stands for a blank.
fn add(facts: &mut MemoryFacts, table: &str, rows: &str) {
    let table = FactTable::named(table).unwrap();
    let mut lines = rows.lines();
    let names: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let mut cells = vec![Cell::Null; table.columns.len()];
        for (name, text) in names.iter().zip(line.split_whitespace()) {
            let at = table.position(name).unwrap();
            // Names of fields and channels hold `_` themselves.
            let plain = matches!(*name, "field" | "id" | "role" | "kind") && text != "-";
            cells[at] = if plain { Cell::text(text) } else { cell(table.columns[at].kind, text) };
        }
        facts.push_row(table, cells);
    }
}

fn made(facts: &MemoryFacts, as_of: Date) -> Built {
    let (definitions, faults) = Definitions::starter();
    assert_eq!(faults, []);
    let definitions = Arc::new(definitions);
    let progress = &mut |_: &str, _, _| ();
    let request = BuildRequest { as_of, definitions: &definitions, progress };
    build(Arc::new(facts.clone()), request).unwrap()
}

fn words(frame: &Frame) -> Vec<String> {
    let word = |name: &str, row| match frame.cell(name, row) {
        Cell::Null => "-".to_owned(),
        other => other.to_string().replace(' ', "_"),
    };
    (0..frame.n_rows())
        .map(|row| {
            let words: Vec<_> = frame.names().iter().map(|name| word(name, row)).collect();
            words.join(" ")
        })
        .collect()
}

/// Compares rows with an aligned text whose first line names the columns.
#[track_caller]
fn check(built: &Built, relation: &str, expected: &str) {
    let mut lines = expected.lines();
    let names: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let expected: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    let rows = Rows::of(relation).columns(&names);
    let found = words(&built.fetch(&rows, Currency::USD).unwrap());
    assert_eq!(found.join("\n"), expected.join("\n"), "{relation}");
}

/// Three deals: one with a full record that goes back, skips, is lost and opened again; one without
/// any record; one whose record ends before its close.
fn deals() -> MemoryFacts {
    let mut facts = MemoryFacts::default();
    add(&mut facts, "account", "id name created_at\na1 Alder 2025-01-01\na2 Birch 2025-01-01");
    add(
        &mut facts,
        "opportunity",
        "id account_id name stage               amount currency created_at close_on   kind owner forecast_category
         d1 a1         One  Proposal/Price_Quote 1200  USD      2026-01-05 2026-12-01 new  Ada   commit
         d2 a2         Two  Closed_Won           500   USD      2026-02-01 2026-03-01 new  Bob   closed
         d3 a2         Tre  Closed_Lost          700   USD      2026-02-01 2026-05-01 new  Bob   omitted
         d4 a1         Fou  Prospecting          1200  USD      2026-08-01 2026-12-01 new  Ada   pipeline
         d5 a1         Fiv  Prospecting          1200  USD      2026-08-02 2026-12-01 -    Ada   pipeline",
    );
    add(
        &mut facts,
        "opportunity_event",
        "opportunity_id field    old                  new                  at                   sequence actor
         d1             created  -                    -                    2026-01-05T10:00:00Z 01       Ada
         d1             stage    -                    Prospecting          2026-01-05T10:00:00Z 02       Ada
         d1             amount   -                    1000.00              2026-01-05T10:00:00Z 02       Ada
         d1             close_on -                    2026-04-01           2026-01-05T10:00:00Z 02       Ada
         d1             stage    Prospecting          Needs_Analysis       2026-01-20T10:00:00Z 03       Ada
         d1             stage    Prospecting          Needs_Analysis       2026-01-20T10:00:01Z 04       Ada
         d1             stage    Needs_Analysis       Qualification        2026-02-10T10:00:00Z 06       Ada
         d1             amount   1000.00              1100                 2026-02-10T10:00:00Z 05       Ada
         d1             amount   1000                 1100.00              2026-02-10T10:00:02Z 07       Ada
         d1             close_on 2026-04-01           2026-06-30           2026-03-25T10:00:00Z 08       Ada
         d1             stage    Qualification        Closed_Lost          2026-07-01T10:00:00Z 09       Ada
         d1             stage    Closed_Lost          Proposal/Price_Quote 2026-07-10T10:00:00Z 10       Cy
         d1             close_on 2026-06-30           2026-12-01           2026-07-10T10:00:00Z 10       Cy
         d1             amount   1100                 1200                 2026-07-10T10:00:00Z 11       Cy
         d3             stage    Prospecting          Qualification        2026-02-15T10:00:00Z -        Bob
         d4             created  -                    -                    2026-08-01T10:00:00Z -        Ada",
    );
    facts
}

#[test]
fn changes_are_told_once_in_order_and_a_deal_begins_with_what_it_was() {
    let built = made(&deals(), AS_OF);
    check(&built, "deal_changes", include_str!("relations/deal_changes.txt"));
    check(
        &built,
        "opportunities",
        "id stage_index stage_since n_pushes n_roles forecast_category duplicate_of
         d1 5           2026-07-10  2        0       commit            -
         d2 -           2026-03-01  0        0       closed            -
         d3 -           -           0        0       omitted           -
         d4 1           2026-08-01  0        0       pipeline          d1
         d5 1           -           0        0       pipeline          -",
    );
}

#[test]
fn stays_follow_from_the_changes_and_say_how_they_were_entered() {
    let built = made(&deals(), AS_OF);
    check(&built, "stage_visits", include_str!("relations/stage_visits.txt"));
}

#[test]
fn nothing_after_the_day_is_told() {
    let built = made(&deals(), date(2026, 3, 31));
    check(
        &built,
        "stage_visits",
        "opportunity_id stage          entered_on left_on    next
         d1             prospecting    2026-01-05 2026-01-20 needs-analysis
         d1             needs-analysis 2026-01-20 2026-02-10 qualification
         d1             qualification  2026-02-10 -          -
         d2             won            2026-03-01 -          -
         d3             prospecting    2026-02-01 2026-02-15 qualification
         d3             qualification  2026-02-15 -          -",
    );
    check(
        &built,
        "opportunities",
        "id state stage         stage_index stage_since n_pushes close_on
         d1 open  qualification 2           2026-02-10  1        2026-06-30
         d2 won   won           -           2026-03-01  0        2026-03-01
         d3 open  -             -           -           0        2026-05-01",
    );
}

#[test]
fn the_last_activity_is_a_touch_after_the_creation_and_before_the_close() {
    let mut facts = deals();
    add(
        &mut facts,
        "person",
        "id kind account_id created_at\np1 contact a1 2025-12-01\np2 contact a2 2025-12-01",
    );
    add(
        &mut facts,
        "touch",
        "id person_id at         kind responded
         t1 p1        2026-01-04 web  true
         t2 p1        2026-02-04 web  true
         t3 p2        2026-02-20 web  true
         t4 p2        2026-03-04 web  true",
    );
    add(&mut facts, "opportunity_role", "opportunity_id person_id role\nd1 p1 Buyer\nd1 p2 User");
    check(
        &made(&facts, AS_OF),
        "opportunities",
        "id last_activity_on n_roles
         d1 2026-02-04       2
         d2 2026-02-20       0
         d3 2026-03-04       0
         d4 -                0
         d5 -                0",
    );
}

/// People, programs and touches of two accounts and of one person without an account.
fn demand() -> MemoryFacts {
    let mut facts = MemoryFacts::default();
    add(
        &mut facts,
        "account",
        "id name  created_at targeted
         a1 Alder 2024-01-01 true
         a2 Birch 2024-01-01 -
         a3 Cedar 2024-01-01 true",
    );
    add(
        &mut facts,
        "person",
        "id kind    account_id created_at status
         p1 lead    a1         2025-06-01 Converted
         p2 contact a1         2025-06-01 -
         p3 lead    a2         2026-01-01 Unqualified
         p4 lead    -          2026-01-01 Open",
    );
    add(
        &mut facts,
        "program",
        "id  name    channel created_at
         c01 Webinar webinar 2024-01-01
         c02 Fair    event   2024-01-01",
    );
    add(
        &mut facts,
        "opportunity",
        "id account_id name stage       amount currency created_at close_on   kind
         d1 a1         One  Closed_Won  900    USD      2025-09-01 2025-11-01 new
         d2 a1         Two  Prospecting 800    USD      2026-08-01 2026-12-01 new
         d3 -          Tre  Prospecting 100    USD      2026-08-05 2026-12-01 new",
    );
    add(
        &mut facts,
        "touch",
        "id  person_id at         program_id account_id kind
         t01 p1        2025-06-01 c01        -          x
         t02 p1        2025-06-10 c01        -          x
         t03 p2        2025-07-01 c02        -          x
         t04 p1        2025-12-01 c02        -          x
         t05 p2        2026-09-01 c01        -          x
         t06 p3        2025-01-10 c01        -          x
         t07 p3        2026-03-10 c01        -          x
         t08 -         2026-03-11 c02        a2         x
         t09 p4        2026-03-10 c01        -          x",
    );
    add(
        &mut facts,
        "lifecycle_event",
        "person_id stage               at
         p1        Marketing_Qualified 2025-08-01
         p1        Sales_Accepted      2025-08-10
         p1        Converted           2025-09-01
         p3        Marketing_Qualified 2026-03-20
         p3        Marketing_Qualified 2026-04-20
         p3        Sales_Accepted      2026-10-05",
    );
    add(&mut facts, "opportunity_role", "opportunity_id person_id role\nd1 p1 Buyer\nd1 p2 User");
    facts
}

#[test]
fn a_lead_of_a_program_counts_from_its_first_touch_and_converts_with_the_next_deal() {
    let built = made(&demand(), AS_OF);
    // 180 days of lookback: the touches of December do not reach the deal of August.
    check(
        &built,
        "program_leads",
        "program_id program id account_id entered_on converted_on won_on     amount opportunity_id
         c01        Webinar p1 a1         2025-06-01 2025-09-01   2025-11-01 900.00 d1
         c01        Webinar p2 a1         2026-09-01 -            -          -      -
         c01        Webinar p3 a2         2025-01-10 -            -          -      -
         c01        Webinar p4 -          2026-03-10 -            -          -      -
         c02        Fair    a2 a2         2026-03-11 -            -          -      -
         c02        Fair    p1 a1         2025-12-01 -            -          -      -
         c02        Fair    p2 a1         2025-07-01 2025-09-01   2025-11-01 900.00 d1",
    );
}

#[test]
fn stages_of_leads_come_from_the_record_or_follow_from_deals() {
    let built = made(&demand(), AS_OF);
    check(
        &built,
        "lead_stages",
        "id stage       stage_index entered_on left_on    how     account_id created_on disqualified
         p1 inquiry     1           2025-06-01 2025-08-01 derived a1         2025-06-01 false
         p1 mql         2           2025-08-01 2025-08-10 record  a1         2025-06-01 false
         p1 sal         3           2025-08-10 2025-09-01 record  a1         2025-06-01 false
         p1 sql         4           2025-09-01 2025-09-01 record  a1         2025-06-01 false
         p1 opportunity 5           2025-09-01 2025-11-01 derived a1         2025-06-01 false
         p1 won         6           2025-11-01 -          derived a1         2025-06-01 false
         p2 inquiry     1           2025-06-01 2025-09-01 derived a1         2025-06-01 false
         p2 opportunity 5           2025-09-01 2025-11-01 derived a1         2025-06-01 false
         p2 won         6           2025-11-01 -          derived a1         2025-06-01 false
         p3 inquiry     1           2026-01-01 2026-03-20 derived a2         2026-01-01 true
         p3 mql         2           2026-03-20 -          record  a2         2026-01-01 true
         p4 inquiry     1           2026-01-01 -          derived -          2026-01-01 false",
    );
}

#[test]
fn people_of_an_account_in_one_purchase_are_one_unit() {
    let built = made(&demand(), AS_OF);
    check(&built, "demand_units", include_str!("relations/demand_units.txt"));
}

#[test]
fn capacity_and_budgets_are_by_month_up_to_the_day() {
    let mut facts = MemoryFacts::default();
    add(
        &mut facts,
        "capacity",
        "month      role  headcount units_per_head
         2026-10-01 sdr   9         40
         2026-09-01 SDR   8         -
         2026-09-01 chef  1         2.5",
    );
    add(
        &mut facts,
        "budget",
        "month      owner channel program_id amount  currency
         2026-09-01 Ada   webinar -          1000.50 USD
         2026-08-01 Bob   other   c7         10      XYZ
         2027-01-01 Ada   webinar -          1       USD",
    );
    let built = made(&facts, AS_OF);
    check(
        &built,
        "capacity",
        "month   day        role headcount units_per_head stage
         2026-09 2026-09-01 SDR  8         -              mql
         2026-09 2026-09-01 chef 1         2.5            -",
    );
    check(
        &built,
        "budgets",
        "month   day        owner channel program_id amount
         2026-08 2026-08-01 Bob   other   c7         -
         2026-09 2026-09-01 Ada   webinar -          1000.50",
    );
}
