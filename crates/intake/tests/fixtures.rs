//! Small files of our own: what must hold without any folder beside the repository.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use domain::fact::{Fact, SourceRow};
use domain::{Cell, Level};
use intake::{DayOrder, FileSummary, Lookups, Mapping, Rejected, Settings, draft, survey};
use proptest::prelude::*;

type Read = Result<(Vec<Fact>, FileSummary), String>;

fn files(files: &[(&str, &[u8])], settings: &Settings) -> BTreeMap<String, Read> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let (planned, diagnostics) = survey(&[folder.path().to_owned()], settings);
    let (lookups, _) = Lookups::gather(&planned, settings);
    let mut out: BTreeMap<String, Read> = diagnostics
        .into_iter()
        .map(|d| {
            (
                d.place.map_or_else(String::new, |p| p.file.to_string()),
                Err(format!("{}: {}", d.code, d.message)),
            )
        })
        .collect();
    for file in &planned {
        let mut facts = Vec::new();
        let read = file.read(settings, &lookups, &mut |row| {
            if let SourceRow::Accepted { facts: more, .. } = row {
                facts.extend(more);
            }
            ControlFlow::Continue(())
        });
        let read = read
            .map(|summary| {
                assert_eq!(
                    summary.rows_read,
                    summary.accepted + summary.n_refused(),
                    "{}",
                    file.name
                );
                (facts, summary)
            })
            .map_err(|Rejected(d)| format!("{}: {}", d.code, d.message));
        out.insert(file.name.to_string(), read);
    }
    out
}

#[track_caller]
fn one(name: &str, text: &str, settings: &Settings) -> (Vec<Fact>, FileSummary) {
    files(&[(name, text.as_bytes())], settings)
        .remove(name)
        .unwrap()
        .unwrap_or_else(|fault| panic!("{fault}"))
}

fn column(facts: &[Fact], table: &str, column: &str) -> Vec<String> {
    facts.iter().filter(|f| f.table.name == table).map(|f| f.cell(column).to_string()).collect()
}

fn mapping(text: &str) -> Settings {
    let (mapping, faults) = Mapping::parse("my.toml", text);
    assert!(faults.is_empty(), "{faults:?}");
    Settings { mappings: vec![mapping.unwrap()], ..Settings::default() }
}

#[test]
fn segments_of_spend_are_summed_exactly_and_campaigns_become_programs() {
    let stats = "customer_id,date,id,ad_network_type,device,cost_micros,impressions,clicks,conversions\n\
        1,2026-09-01,7,SEARCH,MOBILE,1234567,10,1,0.333333\n\
        1,2026-09-01,7,SEARCH,DESKTOP,1,5,2,0.666667\n\
        1,2026-09-02,7,SEARCH,DESKTOP,1000000,5,2,\n";
    let accounts =
        "id,currency_code,auto_tagging_enabled,updated_at\n1,EUR,TRUE,2026-01-01 00:00:00\n";
    let settings = Settings::default();
    let mut read = files(
        &[("campaign_stats.csv", stats.as_bytes()), ("account_history.csv", accounts.as_bytes())],
        &settings,
    );
    let (facts, summary) = read.remove("campaign_stats.csv").unwrap().unwrap();
    assert_eq!(column(&facts, "spend", "amount"), ["1.234568", "1"]);
    assert_eq!(column(&facts, "spend", "currency"), ["EUR", "EUR"]);
    assert_eq!(column(&facts, "spend", "clicks"), ["3", "2"]);
    assert_eq!(column(&facts, "spend", "conversions"), ["1", ""]);
    assert_eq!(column(&facts, "program", "platform"), ["google_ads"]);
    assert_eq!((summary.rows_read, summary.accepted, summary.without_fact), (3, 3, 1));
}

#[test]
fn rows_that_cover_more_than_a_day_refuse_the_file_and_say_what_to_do() {
    let settings = Settings::default();
    let meta = "Reporting starts,Reporting ends,Campaign name,Campaign ID,Amount spent (EUR)\n2026-09-01,2026-09-07,A,1,5.50\n";
    let google = "Campaign,Campaign ID,Cost,Impr.,Clicks\nA,1,5.50,1,1\n";
    let read =
        files(&[("meta.csv", meta.as_bytes()), ("google.csv", google.as_bytes())], &settings);
    assert!(read["meta.csv"].as_ref().unwrap_err().starts_with("spend.not-per-day"));
    assert!(read["google.csv"].as_ref().unwrap_err().contains("`Day`"));
}

#[test]
fn a_totals_row_that_does_not_agree_is_a_warning() {
    let text = "Campaign,Campaign ID,Day,Currency code,Cost,Impr.,Clicks\nA,1,2026-09-01,USD,5.50,1,1\nTotal: Campaigns,,,USD,6.00,1,1\n";
    let (_, summary) = one("google.csv", text, &Settings::default());
    assert_eq!(summary.warnings.iter().map(|w| w.code).collect::<Vec<_>>(), ["totals.mismatch"]);
}

#[test]
fn the_currency_of_a_header_is_that_of_the_spend() {
    let text = "Day,Campaign name,Campaign ID,Amount spent (ILS)\n2026-09-01,A,1,5.50\n";
    let (facts, summary) = one("meta.csv", text, &Settings::default());
    assert_eq!(column(&facts, "spend", "currency"), ["ILS"]);
    assert!(summary.warnings.is_empty());
}

#[test]
fn reports_decide_on_marks_and_orders_by_what_can_be_read_one_way_only() {
    let report = |dates: &str, amount: &str| {
        format!(
            "Opportunity ID,Stage,Amount,Close Date,Created Date,Account Name\n006000000000001,Open,\"{amount}\",{dates},A\n"
        )
    };
    let settings = Settings::default();
    let day_first = one("r.csv", &report("13/02/2026,03/02/2026", "1.234,50"), &settings).0;
    assert_eq!(column(&day_first, "opportunity", "close_on"), ["2026-02-13"]);
    assert_eq!(column(&day_first, "opportunity", "created_at"), ["2026-02-03T00:00:00Z"]);
    assert_eq!(column(&day_first, "opportunity", "amount"), ["1234.5"]);
    let open = report("3/2/2026,1/2/2026", "10.50");
    let refused = files(&[("r.csv", open.as_bytes())], &settings).remove("r.csv").unwrap();
    assert!(refused.unwrap_err().starts_with("value.date-ambiguous"));
    let told = Settings { day_order: Some(DayOrder::MonthFirst), ..Settings::default() };
    assert_eq!(column(&one("r.csv", &open, &told).0, "opportunity", "close_on"), ["2026-03-02"]);
    let doubtful = report("13/02/2026,03/02/2026", "1.234");
    let refused = files(&[("r.csv", doubtful.as_bytes())], &settings).remove("r.csv").unwrap();
    assert!(refused.unwrap_err().starts_with("value.number-ambiguous"));
}

#[test]
fn a_converted_lead_in_a_campaign_is_the_contact() {
    let text = "Id,CampaignId,LeadId,ContactId,Status,HasResponded,CreatedDate,FirstRespondedDate\n\
        00v000000000001,701000000000001,00Q000000000001,003000000000001,Sent,false,2026-01-01T10:00:00Z,\n\
        00v000000000002,701000000000001,00Q000000000002,,Responded,true,2026-01-01T10:00:00Z,2026-01-05\n";
    let (facts, _) = one("campaign_member.csv", text, &Settings::default());
    let people = column(&facts, "touch", "person_id");
    assert!(people[0].starts_with("003") && people[1].starts_with("00Q"), "{people:?}");
    assert_eq!(column(&facts, "touch", "at"), ["2026-01-01T10:00:00Z", "2026-01-05T00:00:00Z"]);
}

#[test]
fn stages_owners_and_companies_come_from_the_tables_beside() {
    let deal = "deal_id,is_deleted,deal_pipeline_stage_id,owner_id,property_dealname,property_amount,property_createdate\n1,false,closedwon,9,D,5,2026-01-01 00:00:00\n";
    let stages =
        "stage_id,pipeline_id,label,is_closed,closed_won\nclosedwon,p,Proposal sent,FALSE,FALSE\n";
    let owners = "owner_id,first_name,last_name\n9,Ada,Byron\n";
    let companies = "deal_id,company_id,type_id\n1,20,6\n1,30,5\n";
    let mut read = files(
        &[
            ("deal.csv", deal.as_bytes()),
            ("stage.csv", stages.as_bytes()),
            ("owner.csv", owners.as_bytes()),
            ("deal_company.csv", companies.as_bytes()),
        ],
        &Settings::default(),
    );
    let (facts, _) = read.remove("deal.csv").unwrap().unwrap();
    // The id says `closedwon`; the label and the flags say what is true.
    assert_eq!(column(&facts, "opportunity", "stage"), ["Proposal sent"]);
    assert_eq!(column(&facts, "opportunity", "won"), ["false"]);
    assert_eq!(column(&facts, "opportunity", "owner"), ["Ada Byron"]);
    assert_eq!(column(&facts, "opportunity", "account_id"), ["30"]);
    assert!(read["owner.csv"].as_ref().unwrap().0.is_empty(), "lookups make no facts");
}

#[test]
fn a_column_that_the_file_does_not_have_is_not_carried() {
    let text = "Id,Name,StageName,CloseDate,CreatedDate,IsWon,AccountId\n006000000000001,D,Open,2026-01-01,2026-01-01T00:00:00Z,false,\n";
    let (facts, _) = one("o.csv", text, &Settings::default());
    let carries = |name: &str| facts[0].carried >> facts[0].table.position(name).unwrap() & 1 == 1;
    assert!(carries("account_id") && !carries("amount") && !carries("currency"));
}

#[test]
fn ga4_sessions_become_one_touch_each_and_sums_of_sessions_none() {
    let events = "name,timestamp,user_pseudo_id,param_ga_session_id,param_source,param_medium\n\
        page_view,2026-09-01 10:05:00,u1,1,google,cpc\nsession_start,2026-09-01 10:00:00,u1,1,google,cpc\npage_view,2026-09-02 10:00:00,u1,2,(not set),(none)\n";
    let report = "# Property: x\n# Start date: 20260901\nDate,Session primary channel group (Default Channel Group),Sessions\n20260901,Direct,5\n";
    let mut read = files(
        &[("event.csv", events.as_bytes()), ("report.csv", report.as_bytes())],
        &Settings::default(),
    );
    let (facts, summary) = read.remove("event.csv").unwrap().unwrap();
    assert_eq!(column(&facts, "touch", "at"), ["2026-09-01T10:00:00Z", "2026-09-02T10:00:00Z"]);
    assert_eq!(column(&facts, "touch", "source"), ["google", ""]);
    assert_eq!((summary.accepted, summary.without_fact), (3, 1));
    assert_eq!(read["report.csv"].as_ref().unwrap().1.rows_read, 0);
}

#[test]
fn one_row_makes_several_facts_through_a_mapping() {
    let leads = mapping(
        "match.columns = [\"mql_id\", \"first_contact_date\", \"origin\"]\n\
         [[fact]]\ntable = \"person\"\n[fact.columns]\nid = \"mql_id\"\nkind = { value = \"lead\" }\ncreated_at = \"first_contact_date\"\nlead_source = \"origin\"\n\
         [[fact]]\ntable = \"touch\"\n[fact.columns]\nid = { from = \"mql_id\", prefix = \"first:\" }\nperson_id = \"mql_id\"\nat = \"first_contact_date\"\nchannel = \"origin\"\nkind = { value = \"form\" }\ncontent = \"landing_page_id\"\n",
    );
    let (facts, _) = one(
        "mql.csv",
        "mql_id,first_contact_date,landing_page_id,origin\na,2018-02-01,p,social\nb,2018-02-02,p,\n",
        &leads,
    );
    assert_eq!(column(&facts, "touch", "id"), ["first:a", "first:b"]);
    assert_eq!(column(&facts, "touch", "channel"), ["social", ""]);
    assert_eq!(column(&facts, "person", "kind"), ["lead", "lead"]);
    let deals = mapping(
        "match.columns = [\"mql_id\", \"won_date\"]\ncurrency = \"BRL\"\n\
         [[fact]]\ntable = \"opportunity\"\n[fact.columns]\nid = \"mql_id\"\nstage = { value = \"Won\" }\nclosed = { value = true }\nwon = { value = true }\ncreated_at = \"won_date\"\nclose_on = \"won_date\"\namount = { from = \"declared_monthly_revenue\", empty = [\"0.0\"] }\nowner = \"sr_id\"\n\
         [[fact]]\ntable = \"opportunity_role\"\n[fact.columns]\nopportunity_id = \"mql_id\"\nperson_id = \"mql_id\"\n",
    );
    let text = "mql_id,sr_id,won_date,declared_monthly_revenue\na,s,2018-02-26 19:58:54,0.0\nb,s,2018-03-01 10:00:00,50000.0\n";
    let (facts, _) = one("deals.csv", text, &deals);
    assert_eq!(column(&facts, "opportunity", "amount"), ["", "50000"]);
    assert_eq!(column(&facts, "opportunity", "currency"), ["BRL", "BRL"]);
    assert_eq!(column(&facts, "opportunity", "close_on"), ["2018-02-26", "2018-03-01"]);
    assert_eq!(facts.iter().filter(|f| f.table.name == "opportunity_role").count(), 2);
}

#[test]
fn values_are_mapped_defaults_fill_and_conditions_choose() {
    let pipeline = mapping(
        "table = \"opportunity\"\nmatch.file = \"sales_*.csv\"\ncurrency = \"USD\"\nwhen = { column = \"deal_stage\", not = [\"Draft\"] }\n\
         [columns]\nid = \"opportunity_id\"\nstage = \"deal_stage\"\naccount_id = \"account\"\nowner = \"sales_agent\"\namount = \"close_value\"\nclose_on = \"close_date\"\n\
         created_at = { from = \"engage_date\", default = \"2016-10-20\" }\n\
         closed = { from = \"deal_stage\", map = { Won = true, Lost = true, Engaging = false } }\nwon = { from = \"deal_stage\", map = { Won = true, Lost = false, Engaging = false } }\n",
    );
    let text = "opportunity_id,sales_agent,account,deal_stage,engage_date,close_date,close_value\n1,A,Acme,Won,2016-10-21,2017-03-01,1054\n2,B,Acme,Engaging,,,\n3,B,Acme,Draft,,,\n";
    let (facts, summary) = one("sales_pipeline.csv", text, &pipeline);
    assert_eq!(column(&facts, "opportunity", "closed"), ["true", "false"]);
    assert_eq!(
        column(&facts, "opportunity", "created_at"),
        ["2016-10-21T00:00:00Z", "2016-10-20T00:00:00Z"]
    );
    assert_eq!((summary.accepted, summary.without_fact), (3, 1));
    assert_eq!(facts[1].cell("amount"), &Cell::Null);
}

#[test]
fn faults_of_a_mapping_name_their_place_and_the_nearest_word() {
    let text = "table = \"oportunity\"\nmatch.colums = [\"a\"]\nzone = \"Mars/Base\"\n[columns]\nid = \"x\"\n";
    let (found, faults) = Mapping::parse("my.toml", text);
    assert!(found.is_none());
    let said: Vec<String> = faults
        .iter()
        .filter(|d| d.level == Level::Error)
        .map(|d| {
            format!("{} {} {}", d.place.as_ref().unwrap(), d.code, d.hint.as_deref().unwrap_or(""))
        })
        .collect();
    assert!(
        said.contains(&"my.toml:1:9 mapping.unknown-key Did you mean `opportunity`?".to_owned()),
        "{said:#?}"
    );
    assert!(
        said.contains(&"my.toml:2:7 mapping.unknown-key Did you mean `columns`?".to_owned()),
        "{said:#?}"
    );
    assert!(said.iter().any(|s| s.starts_with("my.toml:3:8 mapping.value")), "{said:#?}");
    let (_, faults) = Mapping::parse(
        "my.toml",
        "table = \"budget\"\nmatch.file = \"*\"\n[columns]\nmonht = \"m\"\namount = \"a\"\n",
    );
    assert_eq!(faults[0].hint.as_deref(), Some("Did you mean `month`?"));
    assert_eq!(faults.len(), 2, "{faults:?}");
    let (_, faults) = Mapping::parse("my.toml", "table = ");
    assert_eq!(faults[0].code, "mapping.syntax");
}

#[test]
fn a_draft_is_a_mapping_that_reads_and_shows_no_person() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zoho.csv");
    std::fs::write(
        &path,
        "Record Id,Deal Name,Stage,Amount,Closing Date,Created Time,Account Name.id,Contact Email\nz1,D,Open,5,2026-01-01,2026-01-01T00:00:00Z,a1,ann@example.com\n",
    )
    .unwrap();
    let text = draft(&path, &Settings::default()).unwrap();
    assert!(text.contains("table = \"opportunity\"") && !text.contains("ann"), "{text}");
    let settings = mapping(&text);
    let (facts, _) = one("zoho.csv", &std::fs::read_to_string(&path).unwrap(), &settings);
    assert_eq!(column(&facts, "opportunity", "id"), ["z1"]);
    assert_eq!(column(&facts, "opportunity", "close_on"), ["2026-01-01"]);
}

#[test]
fn a_draft_drops_guesses_that_the_values_forbid_and_sees_the_decimal_comma() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crm.csv");
    let text = "Deal Nr;Company;Deal title;Phase;Value;Curr;Closed?;Start;End;Rep\n\
                1001;Acme GmbH;Big deal;Won;12.500,00;EUR;yes;03.02.2026;15.05.2026;Ann\n\
                1002;Beta AG;Small;Open;1.000,50;EUR;no;10.02.2026;;Bob\n";
    std::fs::write(&path, text).unwrap();
    let drafted = draft(&path, &Settings::default()).unwrap();
    for line in [
        "decimal = \",\"",
        "group = \".\"",
        "closed = \"Closed?\"",
        "close_on = \"End\"",
        "id = \"Deal Nr\"",
    ] {
        assert!(drafted.lines().any(|l| l.starts_with(line)), "{line}:\n{drafted}");
    }
    let (facts, _) = one("crm.csv", text, &mapping(&drafted));
    assert_eq!(column(&facts, "opportunity", "amount"), ["12500", "1000.5"]);
    for (name, bytes) in
        [("empty.csv", &b""[..]), ("noise.csv", &[0xC3, 0x28, 0x0F, 0xFE, b'|'].repeat(99))]
    {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        assert!(draft(&folder.path().join(name), &Settings::default()).is_err(), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn links_that_leave_the_folder_are_not_followed() {
    let (outside, inside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = outside.path().join("o.csv");
    std::fs::write(&secret, "Id,Username,Name\n1,u,n\n").unwrap();
    std::os::unix::fs::symlink(&secret, inside.path().join("link.csv")).unwrap();
    let (planned, faults) = survey(&[inside.path().to_owned()], &Settings::default());
    assert!(planned.is_empty());
    assert_eq!(faults[0].code, "intake.link");
}

/// Starts of files from which random bytes go on, so that they reach the readers.
const STARTS: [&[u8]; 9] = [
    b"",
    b"Id,Name,StageName,Amount,CloseDate,CreatedDate,IsWon,AccountId\n",
    b"Opportunity ID,Stage,Amount,Close Date,Created Date,Account Name\n",
    b"Day,Campaign name,Campaign ID,Amount spent (USD)\n",
    b"{\"Id\":\"1\",\"Name\":\"D\",\"StageName\":\"Open\",\"CloseDate\":\"2026-01-01\",\"IsWon\":true}\n",
    b"PK\x03\x04",
    b"PAR1",
    b"\xff\xfe",
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(
        start in 0..STARTS.len(),
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        tail in any::<bool>(),
    ) {
        let mut all = STARTS[start].to_vec();
        all.extend(bytes);
        if tail {
            all.extend(if start == 5 { &b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x10\0\0\0\0\0\0\0\0\0"[..] } else { &b"\x10\0\0\0PAR1"[..] });
        }
        let read = files(&[("file.csv", &all)], &Settings::default());
        prop_assert!(read.len() <= 1);
    }

    #[test]
    fn no_text_of_rows_makes_it_panic(start in 1..4_usize, rows in proptest::collection::vec("[0-9a-zA-Z,;\"\n./:€ -]{0,60}", 0..20)) {
        let mut all = STARTS[start].to_vec();
        all.extend(rows.join("\n").bytes());
        let settings = Settings { day_order: Some(DayOrder::DayFirst), ..Settings::default() };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file.csv"), &all).unwrap();
        drop(draft(&folder.path().join("file.csv"), &settings));
        prop_assert!(files(&[("file.csv", &all)], &settings).len() <= 1);
    }

    #[test]
    fn no_text_of_a_mapping_makes_it_panic(text in "[a-z=.\"\\[\\]{}\n ,_0-9]{0,120}") {
        drop(Mapping::parse("m.toml", &text));
    }
}
