//! The sample exports give the figures that their maker states.
//!
//! The samples stand outside of the repository: `THROUGHLINE_SHARED` names their folder, and
//! without it the tests say that they were skipped. `fixtures.rs` bites without them.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use domain::fact::{Fact, Refusal, SourceRow};
use domain::{Cell, Decimal};
use intake::{FileSummary, Lookups, Planned, Settings, survey};

fn folder(part: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("THROUGHLINE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("data/source-samples").join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: there is no folder {}", folder.display());
    None
}

struct Samples {
    planned: Vec<Planned>,
    settings: Settings,
    lookups: Lookups,
}

struct Content {
    facts: Vec<Fact>,
    refused: Vec<Refusal>,
    summary: FileSummary,
}

impl Content {
    fn of(&self, table: &str) -> impl Iterator<Item = &Fact> {
        self.facts.iter().filter(move |fact| fact.table.name == table)
    }

    /// Deals by id, deleted ones left out, repeated rows once.
    fn deals(&self) -> BTreeMap<String, &Fact> {
        self.of("opportunity")
            .filter(|f| !f.deleted)
            .map(|f| (f.cell("id").to_string(), f))
            .collect()
    }
}

fn samples(part: &str) -> Option<Samples> {
    let settings = Settings::default();
    let (planned, _) = survey(&[folder(part)?], &settings);
    let (lookups, faults) = Lookups::gather(&planned, &settings);
    assert!(faults.is_empty(), "{faults:?}");
    Some(Samples { planned, settings, lookups })
}

impl Samples {
    #[track_caller]
    fn read(&self, name: &str) -> Content {
        let file = self
            .planned
            .iter()
            .find(|p| p.name.ends_with(name))
            .unwrap_or_else(|| panic!("{name} is not planned"));
        let (mut facts, mut refused) = (Vec::new(), Vec::new());
        let summary = file
            .read(&self.settings, &self.lookups, &mut |row| {
                match row {
                    SourceRow::Accepted { facts: more, .. } => facts.extend(more),
                    SourceRow::Refused(refusal) => refused.push(refusal),
                }
                ControlFlow::Continue(())
            })
            .unwrap_or_else(|rejected| panic!("{name}: {rejected}"));
        assert_eq!(summary.rows_read, summary.accepted + summary.n_refused(), "{name}");
        assert_eq!(summary.n_refused(), refused.len() as u64, "{name}");
        Content { facts, refused, summary }
    }
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn sum<'f>(facts: impl Iterator<Item = &'f Fact>, column: &str) -> Decimal {
    facts
        .map(|fact| match fact.cell(column) {
            Cell::Decimal(value) => *value,
            Cell::Integer(value) => Decimal::from(*value),
            _ => Decimal::ZERO,
        })
        .sum()
}

/// The amount in dollars at the rate that the samples state.
fn usd(fact: &Fact) -> Decimal {
    let Cell::Decimal(amount) = fact.cell("amount") else { return Decimal::ZERO };
    let rate =
        if fact.cell("currency").as_text() == Some("EUR") { decimal("1.08") } else { Decimal::ONE };
    (*amount * rate).round_dp(2)
}

const LAYOUTS: [&str; 6] = [
    "salesforce_dataloader_opportunity_export_all.csv",
    "salesforce_weekly_export_Opportunity.csv",
    "salesforce_report_opportunities_us.csv",
    "salesforce_report_opportunities_de_latin1.csv",
    "hubspot-crm-exports-all-deals-2026-10-02.csv",
    "hubspot-crm-exports-all-deals-2026-10-02.xlsx",
];

#[test]
fn the_same_27_deals_stand_in_every_layout() {
    let Some(samples) = samples("ui-exports") else { return };
    for name in LAYOUTS {
        let content = samples.read(name);
        let deals = content.deals();
        assert_eq!(deals.len(), 27, "{name}");
        let folded: BTreeSet<String> =
            deals.keys().map(|id| id.get(..15).unwrap_or(id).to_lowercase()).collect();
        assert_eq!(folded.len(), if name.starts_with("salesforce") { 26 } else { 27 }, "{name}");
        let total: Decimal = sum(deals.values().copied(), "amount");
        assert_eq!(total, decimal("1588778.36"), "{name}");
        let euros = deals.values().filter(|f| f.cell("currency").as_text() == Some("EUR")).count();
        assert_eq!(euros, 4, "{name}");
        let unknown: Vec<_> = deals.values().filter(|f| f.cell("amount").is_null()).collect();
        assert_eq!(unknown.len(), 1, "{name}");
        // Created and closed on the same days in every layout.
        let close: BTreeSet<String> =
            deals.values().map(|f| f.cell("close_on").to_string()).collect();
        assert!(close.contains("2026-09-22"), "{name}");
    }
}

#[test]
fn won_lost_and_open_deals_and_their_money_agree() {
    let Some(samples) = samples("ui-exports") else { return };
    for name in LAYOUTS.iter().filter(|name| !name.contains("_de_")) {
        let content = samples.read(name);
        let deals = content.deals();
        let of = |closed: bool, won: bool| {
            deals
                .values()
                .copied()
                .filter(move |f| {
                    *f.cell("closed") == Cell::Boolean(closed)
                        && *f.cell("won") == Cell::Boolean(won)
                })
                .collect::<Vec<_>>()
        };
        for (closed, won, count, money) in [
            (true, true, 8, "426996.46"),
            (true, false, 9, "503262.64"),
            (false, false, 10, "683532.26"),
        ] {
            let found = of(closed, won);
            assert_eq!(found.len(), count, "{name}");
            assert_eq!(found.iter().map(|f| usd(f)).sum::<Decimal>(), decimal(money), "{name}");
        }
        let open = of(false, false);
        for (category, money) in
            [("pipeline", "345168.97"), ("best_case", "151531.10"), ("commit", "186832.19")]
        {
            let part: Decimal = open
                .iter()
                .filter(|f| f.cell("forecast_category").as_text() == Some(category))
                .map(|f| usd(f))
                .sum();
            assert_eq!(part, decimal(money), "{name} {category}");
        }
        let past_due =
            open.iter().filter(|f| f.cell("close_on").to_string().as_str() < "2026-10-02").count();
        assert_eq!(past_due, 1, "{name}");
    }
    let report = samples.read(LAYOUTS[2]);
    assert_eq!(report.summary.accepted, 28);
    assert_eq!(report.summary.refused, BTreeMap::from([("footer", 5)]));
    let loader = samples.read(LAYOUTS[0]);
    assert_eq!(loader.of("opportunity").count(), 28);
    let deleted: Vec<String> =
        loader.of("opportunity").filter(|f| f.deleted).map(|f| f.cell("id").to_string()).collect();
    assert_eq!(deleted, ["006Hs00000O2HUWIA3"]);
    let deals = loader.deals();
    let with_campaign: Vec<_> =
        deals.values().filter(|f| !f.cell("program_id").is_null()).collect();
    assert_eq!(with_campaign.len(), 18);
    assert_eq!(with_campaign.iter().map(|f| usd(f)).sum::<Decimal>(), decimal("1060749.67"));
    let owners: BTreeSet<String> = deals.values().map(|f| f.cell("owner").to_string()).collect();
    assert_eq!(owners.len(), 4);
    assert!(owners.contains("Zoé Lambert"), "{owners:?}");
    let broken = deals
        .get("006Hs000007RgVl")
        .or_else(|| deals.iter().find(|(id, _)| id.starts_with("006Hs000007RgVl")).map(|(_, f)| f));
    assert!(broken.unwrap().cell("name").to_string().contains('\n'));
    let days: Vec<i64> = {
        let mut days: Vec<i64> = deals
            .values()
            .filter(|f| *f.cell("won") == Cell::Boolean(true))
            .map(|f| match (f.cell("created_at"), f.cell("close_on")) {
                (Cell::Instant(at), Cell::Day(day)) => {
                    let created = at.to_zoned(jiff::tz::TimeZone::UTC).date();
                    i64::from(created.until(*day).unwrap().get_days())
                }
                _ => panic!("no dates"),
            })
            .collect();
        days.sort_unstable();
        days
    };
    assert_eq!(days, [51, 53, 65, 72, 77, 88, 93, 95]);
    assert!(deals.values().any(|f| f.cell("qualification").to_string().contains("economic_buyer")));
}

#[test]
fn stage_moves_are_the_same_from_reports_history_and_fields() {
    let Some(samples) = samples("ui-exports") else { return };
    // A row of the history says what the stage is; a move is where it is another than before.
    let moves = |content: &Content| -> BTreeMap<String, usize> {
        let told = content.of("opportunity_event").filter(|f| !f.deleted);
        let mut told: Vec<[String; 4]> = told
            .filter(|fact| fact.cell("field").as_text() == Some("stage"))
            .map(|fact| {
                ["opportunity_id", "at", "sequence", "new"].map(|name| fact.cell(name).to_string())
            })
            .collect();
        told.sort();
        let mut moves = BTreeMap::new();
        let mut before: Option<&[String; 4]> = None;
        for one in &told {
            if before.is_none_or(|before| before[0] != one[0] || before[3] != one[3]) {
                *moves.entry(one[3].clone()).or_default() += 1;
            }
            before = Some(one);
        }
        moves
    };
    let expected: BTreeMap<String, usize> = [
        ("Prospecting", 27),
        ("Qualification", 25),
        ("Needs Analysis", 24),
        ("Proposal/Price Quote", 20),
        ("Negotiation/Review", 16),
        ("Closed Won", 8),
        ("Closed Lost", 9),
    ]
    .map(|(stage, count)| (stage.to_owned(), count))
    .into();
    let report = samples.read("salesforce_report_opportunity_history_us.csv");
    assert_eq!(report.summary.accepted, 129);
    assert_eq!(moves(&report), expected);
    let history = samples.read("salesforce_dataloader_opportunity_history.csv");
    assert_eq!(history.summary.accepted, 145);
    assert_eq!(moves(&history), expected);
    let fields = samples.read("salesforce_dataloader_opportunity_field_history.csv");
    assert_eq!(fields.summary.accepted, 145);
    let count = |field: &str| {
        fields.of("opportunity_event").filter(|f| f.cell("field").as_text() == Some(field)).count()
    };
    assert_eq!((count("stage"), count("created"), count("close_on")), (102, 28, 15));
    for push in
        fields.of("opportunity_event").filter(|f| f.cell("field").as_text() == Some("close_on"))
    {
        let day =
            |column: &str| push.cell(column).to_string().parse::<jiff::civil::Date>().unwrap();
        assert_eq!(day("old").until(day("new")).unwrap().get_days(), 30);
    }
    // The deal that went backwards keeps all its moves of one day, in order.
    let back: Vec<String> = report
        .of("opportunity_event")
        .filter(|f| f.cell("opportunity_id").to_string().starts_with("006Hs00000LVIbo"))
        .map(|f| f.cell("new").to_string())
        .collect();
    assert_eq!(
        &back[..5],
        ["Prospecting", "Qualification", "Needs Analysis", "Qualification", "Needs Analysis"]
    );
}

#[test]
fn people_and_campaigns_agree() {
    let Some(samples) = samples("ui-exports") else { return };
    let leads = samples.read("salesforce_dataloader_lead.csv");
    let converted =
        leads.of("person").filter(|f| !f.cell("converted_opportunity_id").is_null()).count();
    assert_eq!((leads.of("person").count(), converted), (33, 19));
    assert_eq!(samples.read("salesforce_dataloader_contact.csv").of("person").count(), 42);
    assert_eq!(
        samples
            .read("salesforce_dataloader_opportunity_contact_role.csv")
            .of("opportunity_role")
            .count(),
        42
    );
    let members = samples.read("salesforce_dataloader_campaign_member.csv");
    let responded =
        members.of("touch").filter(|f| *f.cell("responded") == Cell::Boolean(true)).count();
    assert_eq!((members.of("touch").count(), responded), (33, 26));
    let contacts =
        members.of("touch").filter(|f| f.cell("person_id").to_string().starts_with("003")).count();
    assert!(contacts >= 12, "{contacts}");
    let campaigns = samples.read("salesforce_dataloader_campaign.csv");
    assert_eq!(campaigns.of("program").count(), 8);
    assert_eq!(sum(campaigns.of("program"), "actual_cost"), decimal("338471.47"));
    assert_eq!(samples.read("salesforce_dataloader_account.csv").of("account").count(), 20);
    // Facts hold the key of an address; the address stands in the identity alone.
    for name in
        ["salesforce_dataloader_lead.csv", "hubspot-crm-exports-todos-contactos-2026-10-02.csv"]
    {
        for fact in samples.read(name).of("person") {
            assert!(fact.cells.iter().all(|cell| !cell.to_string().contains('@')), "{name}");
            assert_eq!(fact.cell("match_key").to_string().len(), 64, "{name}");
        }
    }
    let contacts = samples.read("hubspot-crm-exports-all-contacts-2026-10-02.csv");
    assert_eq!(contacts.of("person").count(), 42);
    let stages: BTreeSet<String> =
        contacts.of("lifecycle_event").map(|f| f.cell("stage").to_string()).collect();
    assert!(stages.contains("Marketing Qualified Lead"), "{stages:?}");
}

#[test]
fn ad_spend_is_exact_and_totals_rows_are_checked_not_added() {
    let Some(samples) = samples("ui-exports") else { return };
    for (name, rows, spend, impressions, clicks, totals) in [
        ("google_ads_campaign_report_utf16.csv", 21, "18630.40", 282_608, 3_777, 2),
        ("linkedin_campaign_performance.csv", 14, "8456.39", 50_651, 413, 1),
        ("meta_ads_campaigns_by_day.csv", 14, "2181.86", 197_456, 1_235, 1),
    ] {
        let content = samples.read(name);
        assert_eq!(content.of("spend").count(), rows, "{name}");
        assert_eq!(sum(content.of("spend"), "amount"), decimal(spend), "{name}");
        assert_eq!(sum(content.of("spend"), "impressions"), Decimal::from(impressions), "{name}");
        assert_eq!(sum(content.of("spend"), "clicks"), Decimal::from(clicks), "{name}");
        assert_eq!(content.summary.refused, BTreeMap::from([("totals-row", totals)]), "{name}");
        assert!(content.refused.iter().all(|r| r.hint.is_some()), "{name}");
        assert!(content.summary.warnings.is_empty(), "{name}: {:?}", content.summary.warnings);
        assert!(content.of("spend").all(|f| f.cell("currency").as_text() == Some("USD")), "{name}");
    }
    let google = samples.read("google_ads_campaign_report_utf16.csv");
    assert_eq!(sum(google.of("spend"), "conversions"), decimal("10.66"));
    assert_eq!(google.of("program").count(), 3);
}

#[test]
fn warehouse_tables_are_all_recognized_and_read() {
    let Some(samples) = samples("fivetran-tables") else { return };
    let folder = folder("fivetran-tables").unwrap();
    let files = walk(&folder);
    assert_eq!(samples.planned.len(), files, "every table is recognized");
    for file in &samples.planned {
        let content = samples.read(&file.name);
        if let Some(line) = content.refused.first() {
            println!("{} {:?} first: {line:?}", file.name, content.summary.refused);
        }
    }
    let stats = samples.read("campaign_stats.csv");
    assert_eq!(sum(stats.of("spend"), "amount"), decimal("231.33"));
    let linkedin = samples.read("ad_analytics_by_campaign.csv");
    assert_eq!(sum(linkedin.of("spend"), "amount"), decimal("530.62"));
    assert!(linkedin.of("spend").all(|f| f.cell("currency").as_text() == Some("USD")));
    let contacts = samples.read("hubspot/contact.csv");
    let merged: Vec<_> =
        contacts.of("person").filter(|f| !f.cell("merged_into").is_null()).collect();
    assert_eq!(merged.len(), 3);
    assert!(
        contacts.of("person").all(|f| f.cell("match_key").is_null()),
        "hashes are no addresses"
    );
}

fn walk(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { walk(&path) } else { 1 })
        .sum()
}
