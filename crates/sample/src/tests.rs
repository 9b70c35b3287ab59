//! What must hold for every company: exports that parse, agree with each other and with the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::{Date, date};
use serde_json::Value;

use crate::{Channel, Dirt, Layout, Plan, company};

type Table = Vec<BTreeMap<String, String>>;

/// An export read back.
struct Export {
    files: BTreeMap<String, Vec<u8>>,
    truth: Value,
}

fn plan(seed: u64, touches: u64, dirt: Dirt) -> Plan {
    Plan { seed, touches, dirt, ..Plan::default() }
}

fn written(plan: &Plan) -> Export {
    let dir = tempfile::tempdir().unwrap();
    company(plan).write(dir.path()).unwrap();
    read(dir.path())
}

#[expect(clippy::disallowed_methods, reason = "tests read back what was written")]
fn read(dir: &Path) -> Export {
    let files: BTreeMap<_, _> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    let truth = serde_json::from_slice(&files["truth.json"]).unwrap();
    Export { files, truth }
}

impl Export {
    /// Reads a file; `skip` lines stand above its header.
    fn table(&self, name: &str, skip: usize) -> Table {
        let (text, _, faulty) = encoding_rs::UTF_8.decode(&self.files[name]);
        assert!(!faulty, "{name}");
        let text = text.lines().skip(skip).collect::<Vec<_>>().join("\n");
        let separator = if text.lines().next().unwrap_or("").contains('\t') { b'\t' } else { b',' };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(skip > 0)
            .delimiter(separator)
            .from_reader(text.as_bytes());
        let headers = reader.headers().unwrap().clone();
        let cells = |row: csv::StringRecord| {
            headers.iter().map(str::to_owned).zip(row.iter().map(str::to_owned)).collect()
        };
        reader.records().map(|row| cells(row.unwrap())).collect()
    }

    fn ids(&self, name: &str) -> BTreeSet<String> {
        self.table(name, 0).into_iter().map(|row| row["Id"].clone()).collect()
    }
}

/// Returns the minor units of a plain or grouped decimal.
fn minor(text: &str) -> i64 {
    text.replace([',', '.'], "").parse().unwrap()
}

const CRM: [&str; 15] = [
    "Account.csv",
    "Campaign.csv",
    "CampaignMember.csv",
    "CampaignMemberStatus.csv",
    "Contact.csv",
    "DatedConversionRate.csv",
    "Event.csv",
    "Lead.csv",
    "LeadHistory.csv",
    "Opportunity.csv",
    "OpportunityContactRole.csv",
    "OpportunityFieldHistory.csv",
    "OpportunityHistory.csv",
    "Task.csv",
    "User.csv",
];

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let plan = plan(3, 5000, Dirt::all());
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| written(&plan).files)
    };
    assert!(on(1) == on(4));
    let other = Plan { seed: 4, ..plan.clone() };
    assert!(written(&other).files["Opportunity.csv"] != on(1)["Opportunity.csv"]);
}

#[test]
fn accounts_touches_and_deals_follow_the_scale() {
    for touches in [30_000, 120_000] {
        let made = written(&plan(2, touches, Dirt::none()));
        let ratio = |key: &str| made.truth["totals"][key].as_f64().unwrap() / touches as f64;
        assert!((0.9..1.1).contains(&ratio("touches")), "{touches}: {}", ratio("touches"));
        let deals = ratio("opportunities") * 60_000.0;
        assert!((780.0..1020.0).contains(&deals), "{touches}: {deals}");
        let accounts = made.truth["company"]["accounts_in_market"].as_f64().unwrap();
        assert!((accounts * 50.0 / touches as f64 - 1.0).abs() < 0.01);
    }
}

#[test]
fn every_file_parses_and_has_the_rows_that_the_truth_counts() {
    for (seed, dirt) in [(1, Dirt::none()), (2, Dirt::all()), (3, Dirt::all())] {
        let made = written(&plan(seed, 6000, dirt));
        for (name, rows) in made.truth["files"].as_object().unwrap() {
            let (skip, more) = match name.as_str() {
                "google_ads_campaign_report.csv" => continue,
                "linkedin_campaign_performance.csv" => (5, 1),
                "meta_ads_campaigns_by_day.csv" => (0, 1),
                "microsoft_ads_campaign_performance.csv" => (8, 1),
                _ => (0, 0),
            };
            let n = made.table(name, skip).len() as u64;
            assert_eq!(n, rows.as_u64().unwrap() + more, "{name}");
        }
    }
}

#[test]
fn ids_are_unique_and_carry_their_suffix() {
    let made = written(&plan(5, 6000, Dirt::all()));
    for name in CRM {
        let ids: Vec<_> = made.table(name, 0).iter().map(|row| row["Id"].clone()).collect();
        let distinct: BTreeSet<_> = ids.iter().map(|id| id.to_lowercase()).collect();
        assert_eq!(distinct.len(), ids.len(), "{name}");
        for id in ids {
            let mut suffix = String::new();
            for block in id.as_bytes()[..15].chunks(5) {
                let bits: usize =
                    (0..5).map(|i| usize::from(block[i].is_ascii_uppercase()) << i).sum();
                suffix.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits]));
            }
            assert_eq!(&id[15..], suffix, "{name}");
        }
    }
    let events: Vec<_> =
        made.table("ga4_events.csv", 0).iter().map(|row| row["_fivetran_id"].clone()).collect();
    assert_eq!(events.iter().collect::<BTreeSet<_>>().len(), events.len());
}

#[test]
fn every_reference_resolves() {
    for (seed, dirt) in [(6, Dirt::none()), (7, Dirt::all())] {
        let made = written(&plan(seed, 8000, dirt));
        let ids: BTreeMap<&str, BTreeSet<String>> =
            CRM.iter().map(|&name| (name, made.ids(name))).collect();
        let people: BTreeSet<_> = ids["Lead.csv"].union(&ids["Contact.csv"]).collect();
        for (file, column, target, optional) in [
            ("Account.csv", "OwnerId", "User.csv", false),
            ("Account.csv", "ParentId", "Account.csv", true),
            ("Account.csv", "MasterRecordId", "Account.csv", true),
            ("Contact.csv", "AccountId", "Account.csv", false),
            ("Contact.csv", "MasterRecordId", "Contact.csv", true),
            ("Lead.csv", "OwnerId", "User.csv", false),
            ("Lead.csv", "ConvertedContactId", "Contact.csv", true),
            ("Lead.csv", "ConvertedAccountId", "Account.csv", true),
            ("Lead.csv", "ConvertedOpportunityId", "Opportunity.csv", true),
            ("LeadHistory.csv", "LeadId", "Lead.csv", false),
            ("Opportunity.csv", "AccountId", "Account.csv", dirt.orphan_deals),
            ("Opportunity.csv", "OwnerId", "User.csv", false),
            ("Opportunity.csv", "CampaignId", "Campaign.csv", true),
            ("OpportunityHistory.csv", "OpportunityId", "Opportunity.csv", false),
            ("OpportunityFieldHistory.csv", "OpportunityId", "Opportunity.csv", false),
            ("OpportunityContactRole.csv", "OpportunityId", "Opportunity.csv", false),
            ("OpportunityContactRole.csv", "ContactId", "Contact.csv", false),
            ("CampaignMember.csv", "CampaignId", "Campaign.csv", false),
            ("CampaignMember.csv", "LeadId", "Lead.csv", true),
            ("CampaignMember.csv", "ContactId", "Contact.csv", true),
            ("CampaignMemberStatus.csv", "CampaignId", "Campaign.csv", false),
            ("Campaign.csv", "ParentId", "Campaign.csv", true),
            ("Campaign.csv", "OwnerId", "User.csv", false),
            ("Task.csv", "WhatId", "Opportunity.csv", true),
            ("Task.csv", "AccountId", "Account.csv", true),
            ("Event.csv", "WhatId", "Opportunity.csv", true),
            ("User.csv", "ManagerId", "User.csv", true),
        ] {
            for row in made.table(file, 0) {
                let value = &row[column];
                let known = value.is_empty() && optional || ids[target].contains(value);
                assert!(known, "{file} {column} {value:?}");
            }
        }
        for row in made.table("CampaignMember.csv", 0) {
            assert!(!row["LeadId"].is_empty() || !row["ContactId"].is_empty(), "{row:?}");
        }
        for file in ["Task.csv", "Event.csv"] {
            assert!(
                made.table(file, 0)
                    .iter()
                    .all(|row| row["WhoId"].is_empty() || people.contains(&row["WhoId"]))
            );
        }
        for row in made.table("ga4_events.csv", 0) {
            assert!(row["user_id"].is_empty() || people.contains(&row["user_id"]));
        }
    }
}

#[test]
fn histories_end_in_the_present() {
    for (seed, dirt) in [(8, Dirt::none()), (9, Dirt::all())] {
        let made = written(&plan(seed, 8000, dirt));
        let mut last: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for row in made.table("OpportunityHistory.csv", 0) {
            let id = row["OpportunityId"].clone();
            if let Some(before) = last.insert(id, row.clone()) {
                assert!(before["CreatedDate"] < row["CreatedDate"], "{row:?}");
                assert!(before["Id"] < row["Id"]);
                let closed = before["StageName"].starts_with("Closed");
                assert!(!closed || dirt.reopened_deals, "{row:?}");
            }
        }
        let mut fields: BTreeMap<(String, String), String> = BTreeMap::new();
        for row in made.table("OpportunityFieldHistory.csv", 0) {
            let key = (row["OpportunityId"].clone(), row["Field"].clone());
            if let Some(before) = fields.insert(key, row["NewValue"].clone()) {
                assert_eq!(before, row["OldValue"]);
            }
        }
        for row in made.table("Opportunity.csv", 0) {
            let end = &last[&row["Id"]];
            assert_eq!(end["StageName"], row["StageName"].trim_end());
            for same in
                ["Amount", "CloseDate", "Probability", "ExpectedRevenue", "ForecastCategory"]
            {
                assert_eq!(end[same], row[same], "{same}");
            }
            for (field, column) in [("StageName", "StageName"), ("Amount", "Amount")] {
                if let Some(value) = fields.get(&(row["Id"].clone(), field.to_owned())) {
                    assert_eq!(value, row[column].trim_end());
                }
            }
            if !dirt.pushed_close_dates && row["IsClosed"] == "false" {
                assert!(row["CloseDate"].as_str() > "2026-09-30");
            }
            assert!(dirt.missing_amounts || !row["Amount"].is_empty());
            assert!(dirt.blank_labels || !row["StageName"].ends_with(' '));
        }
    }
}

#[test]
fn the_exports_add_up_to_the_truth() {
    let made = written(&plan(10, 12_000, Dirt::all()));
    let deals = made.table("Opportunity.csv", 0);
    let quarter = |day: &str| {
        let (year, month): (i64, i64) = (day[..4].parse().unwrap(), day[5..7].parse().unwrap());
        format!("{}Q{}", (year * 12 + month + 2) / 12, (month + 2) % 12 / 3 + 1)
    };
    let mut sums: BTreeMap<(String, &str, String), (u64, i64)> = BTreeMap::new();
    for row in deals.iter().filter(|row| row["IsDeleted"] == "false") {
        let mut add = |day: &str, kind| {
            let key = (quarter(day), kind, row["CurrencyIsoCode"].clone());
            let sum = sums.entry(key).or_default();
            sum.0 += 1;
            sum.1 += if row["Amount"].is_empty() { 0 } else { minor(&row["Amount"]) };
        };
        add(&row["CreatedDate"], "created");
        match (row["IsClosed"].as_str(), row["IsWon"].as_str()) {
            ("true", "true") => add(&row["CloseDate"], "won"),
            ("true", _) => add(&row["CloseDate"], "lost"),
            _ => {}
        }
    }
    let mut counted = 0;
    for (name, quarter) in made.truth["quarters"].as_object().unwrap() {
        for kind in ["created", "won", "lost"] {
            for (currency, sum) in quarter[kind]["by_currency"].as_object().unwrap() {
                let (n, total) = sums[&(name.clone(), kind, currency.clone())];
                assert_eq!(n, sum["n"].as_u64().unwrap(), "{name} {kind} {currency}");
                assert_eq!(total, minor(sum["amount"].as_str().unwrap()), "{name} {kind}");
                counted += 1;
            }
        }
    }
    assert_eq!(counted, sums.len());
    let causes = made.truth["opportunities"].as_array().unwrap();
    assert_eq!(causes.len() as u64, made.truth["totals"]["opportunities"].as_u64().unwrap());
    let live = |file: &str| {
        made.table(file, 0).iter().filter(|row| row["IsDeleted"] == "false").count() as u64
    };
    let web = made.table("ga4_events.csv", 0);
    let visits = web.iter().filter(|row| row["name"] == "session_start").count() as u64;
    assert_eq!(
        live("CampaignMember.csv") + live("Task.csv") + live("Event.csv") + visits,
        made.truth["totals"]["touches"].as_u64().unwrap()
    );
}

#[test]
fn spend_adds_up_to_the_truth_and_to_the_totals_of_the_reports() {
    let made = written(&plan(11, 4000, Dirt::none()));
    let (google, _, _) =
        encoding_rs::UTF_16LE.decode(&made.files["google_ads_campaign_report.csv"]);
    let lines: Vec<Vec<&str>> =
        google.lines().skip(3).map(|line| line.split('\t').collect()).collect();
    let (totals, days): (Vec<_>, Vec<_>) =
        lines.iter().partition(|cells| cells[0].starts_with("Total: "));
    let sum = |platform: &str, costs: Vec<i64>| {
        let truth = &made.truth["spend"][platform];
        assert_eq!(costs.len() as u64, truth["rows"].as_u64().unwrap(), "{platform}");
        let total = costs.iter().sum::<i64>();
        assert_eq!(total, minor(truth["total"].as_str().unwrap()), "{platform}");
        let campaigns = truth["campaigns"].as_object().unwrap();
        let parts: i64 = campaigns.values().map(|c| minor(c["spend"].as_str().unwrap())).sum();
        assert_eq!(total, parts);
        total
    };
    let total = sum("google_ads", days.iter().map(|cells| minor(cells[5])).collect());
    assert!(totals.len() == 2 && totals.iter().all(|cells| minor(cells[5]) == total));
    for (file, skip, key, money, platform) in [
        ("linkedin_campaign_performance.csv", 5, "Campaign ID", "Total Spent", "linkedin_ads"),
        ("meta_ads_campaigns_by_day.csv", 0, "Campaign ID", "Amount spent (EUR)", "meta_ads"),
        ("microsoft_ads_campaign_performance.csv", 8, "CampaignId", "Spend", "microsoft_ads"),
    ] {
        let rows = made.table(file, skip);
        let kept = rows.iter().filter(|row| row.get(key).is_some_and(|id| !id.is_empty()));
        sum(platform, kept.map(|row| minor(&row[money])).collect());
    }
}

#[test]
fn a_drop_is_the_history_up_to_its_day() {
    let days: Vec<Date> = vec![date(2026, 3, 31), date(2026, 6, 30), date(2026, 9, 30)];
    for dirt in [Dirt::none(), Dirt::all()] {
        let company = company(&plan(12, 8000, dirt));
        let dir = tempfile::tempdir().unwrap();
        company.write_drops(dir.path(), &days).unwrap();
        let whole = read(&dir.path().join("2026-09-30"));
        for day in &days {
            let limit = format!("{day}T99");
            let drop = read(&dir.path().join(day.to_string()));
            for file in CRM {
                for row in drop.table(file, 0) {
                    for stamp in ["CreatedDate", "SystemModstamp", "LastModifiedDate"] {
                        assert!(
                            row.get(stamp).is_none_or(|at| *at < limit),
                            "{file} {stamp} {row:?}"
                        );
                    }
                }
                let gone: Vec<_> = drop.ids(file).difference(&whole.ids(file)).cloned().collect();
                assert!(gone.is_empty(), "{file} {gone:?}");
            }
            let mut opened: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
            for row in whole.table("OpportunityHistory.csv", 0) {
                if row["CreatedDate"] < limit {
                    opened.insert(row["OpportunityId"].clone(), row);
                }
            }
            let rows = drop.table("Opportunity.csv", 0);
            assert_eq!(rows.len(), opened.len());
            for row in rows {
                let then = &opened[&row["Id"]];
                assert_eq!(then["StageName"], row["StageName"].trim_end());
                assert_eq!(then["Amount"], row["Amount"]);
                assert_eq!(then["CloseDate"], row["CloseDate"]);
            }
            for row in drop.table("Lead.csv", 0) {
                let converted = row["IsConverted"] == "true";
                assert_eq!(converted, row["Status"] == "Converted");
                assert!(row["ConvertedDate"].as_str() < limit.as_str());
            }
        }
    }
}

#[test]
fn files_can_be_split_and_compressed() {
    use std::io::Read;

    let company = company(&plan(13, 4000, Dirt::none()));
    let (plain, packed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let day = date(2026, 9, 30);
    company.write_as(plain.path(), day, &Layout::default(), &mut |_, _| {}).unwrap();
    let layout = Layout { gzip: true, rows_per_file: Some(300) };
    let mut heard = Vec::new();
    let written = company
        .write_as(packed.path(), day, &layout, &mut |done, all| heard.push((done, all)))
        .unwrap();
    assert_eq!(heard.last(), Some(&(company.n_accounts(), company.n_accounts())));
    let (plain, packed) = (read(plain.path()), read(packed.path()));
    let mut joined = Vec::new();
    for part in 1.. {
        let Some(bytes) = packed.files.get(&format!("CampaignMember-{part}.csv.gz")) else { break };
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut text).unwrap();
        let body = text.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        joined.extend_from_slice(if part == 1 { &text } else { &text[body..] });
        assert!(written.files[&format!("CampaignMember-{part}.csv.gz")] > 0);
    }
    assert!(joined == plain.files["CampaignMember.csv"]);
    assert!(packed.files.contains_key("CampaignMember-2.csv.gz"));
}

#[test]
fn a_channel_without_effect_is_not_missed_and_one_with_effect_is() {
    let made = written(&plan(14, 60_000, Dirt::none()));
    let lost = |channel: Channel| {
        made.truth["without"][channel.key()]["opportunities_lost"].as_i64().unwrap()
    };
    assert_eq!(lost(Channel::Display), 0);
    assert_eq!(lost(Channel::Direct), 0);
    assert!(lost(Channel::Webinar) > 40, "{}", lost(Channel::Webinar));
    let gone = written(&Plan { without: Some(Channel::Webinar), ..plan(14, 6000, Dirt::none()) });
    assert_eq!(gone.truth["channels"]["webinar"]["touches"]["members"], 0);
}

#[test]
fn the_company_has_deals_of_every_kind() {
    let made = written(&plan(15, 60_000, Dirt::all()));
    let causes = made.truth["causes"].as_object().unwrap();
    for cause in ["webinar", "event", "partner", "sdr_outbound", "none", "renewal", "stuffed"] {
        assert!(causes[cause]["opportunities"].as_u64().unwrap() > 8, "{cause}");
    }
    assert!(!causes.contains_key("display") && !causes.contains_key("direct"));
    let rows = made.table("Opportunity.csv", 0);
    let has = |test: &dyn Fn(&BTreeMap<String, String>) -> bool| rows.iter().any(test);
    for currency in ["USD", "EUR", "GBP", "JPY"] {
        assert!(has(&|row| row["CurrencyIsoCode"] == currency), "{currency}");
    }
    assert!(has(&|row| row["IsDeleted"] == "true") && has(&|row| row["Amount"].is_empty()));
    assert!(
        has(&|row| row["AccountId"].is_empty()) && has(&|row| row["StageName"] == "Closed Won ")
    );
    let accounts = made.table("Account.csv", 0);
    assert!(
        accounts.iter().any(|row| row["IsDeleted"] == "true" && !row["MasterRecordId"].is_empty())
    );
    let members = made.table("CampaignMember.csv", 0);
    let late = |row: &&BTreeMap<String, String>| {
        !row["FirstRespondedDate"].is_empty()
            && row["FirstRespondedDate"].as_str() < &row["CreatedDate"][..10]
    };
    assert!(members.iter().filter(late).count() > 20);
    let report = made.table("report_open_opportunities.csv", 0);
    assert!(report.iter().all(|row| row["Opportunity ID"].len() == 15));
}
