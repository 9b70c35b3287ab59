//! Dirty data of a CRM that is judged beyond the reading of a file: each test is named in
//! `tests/bad-inputs.toml` by the rows that it answers.

use serde_json::Value;

use crate::program::{Company, Run};

const DEALS: &str = "Id,Name,StageName,IsClosed,IsWon,Amount,CurrencyIsoCode,CloseDate,CreatedDate,\
                     AccountId,OwnerId,LeadSource,SystemModstamp,IsDeleted";
const ACCOUNTS: &str = "Id,Name,Industry,NumberOfEmployees,BillingCountry,CreatedDate,SystemModstamp,IsDeleted,MasterRecordId";
const CONTACTS: &str = "Id,AccountId,LastName,Email,CreatedDate,SystemModstamp";
const ACME: &str =
    "001000000000001,Acme,Tech,10,US,2025-01-01T00:00:00Z,2025-01-01T00:00:00Z,false,";

/// A deal by what a test says of it; the rest is as usual.
#[derive(Clone)]
struct Deal {
    n: u32,
    stage: &'static str,
    amount: &'static str,
    currency: &'static str,
    close: &'static str,
    created: &'static str,
    account: &'static str,
    owner: &'static str,
    source: &'static str,
    modified: &'static str,
}

const OPEN: Deal = Deal {
    n: 1,
    stage: "Prospecting",
    amount: "100.00",
    currency: "USD",
    close: "2025-06-20",
    created: "2025-01-10",
    account: "001000000000001",
    owner: "",
    source: "Web",
    modified: "2025-01-10T00:00:00Z",
};
const WON: Deal = Deal { stage: "Closed Won", close: "2025-03-20", ..OPEN };

impl Deal {
    fn line(&self) -> String {
        let Self { n, stage, amount, currency, close, created, .. } = self;
        let Self { account, owner, source, modified, .. } = self;
        let (closed, won) = (stage.contains("Closed"), stage.contains("Won"));
        format!(
            "006000000000{n:03},Deal {n},{stage},{},{won},{amount},{currency},{close},\
             {created}T00:00:00Z,{account},{owner},{source},{modified},false",
            closed || won
        )
    }
}

/// Two webinars, and credit that is shown for any number of deals.
fn with_campaigns(company: &Company) {
    let path = company.path().join("definitions/attribution.toml");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains("sample_floor = 30"), "{text}");
    let text = text.replace("sample_floor = 30", "sample_floor = 1");
    company.write("definitions/attribution.toml", text);
    let campaigns: Vec<String> = (1..=2)
        .map(|n| format!("70100000000000{n},Webinar {n},Webinar,Completed,2025-01-01,2025-01-31,0,2024-12-01T00:00:00Z"))
        .collect();
    let header = "Id,Name,Type,Status,StartDate,EndDate,BudgetedCost,CreatedDate";
    company.write("in/campaign.csv", table(header, &campaigns));
    load(company, "in/campaign.csv", "2025-01-04");
}

fn table(header: &str, lines: &[String]) -> String {
    format!("{header}\n{}\n", lines.join("\n"))
}

fn deals(rows: &[Deal]) -> String {
    table(DEALS, &rows.iter().map(Deal::line).collect::<Vec<_>>())
}

/// A company with one account.
fn company() -> Company {
    let company = Company::new();
    company.write("in/account.csv", table(ACCOUNTS, &[ACME.to_owned()]));
    load(&company, "in/account.csv", "2025-01-02");
    company
}

#[track_caller]
fn load(company: &Company, path: &str, day: &str) -> Run {
    let run = company.run(&["load", path, "--known-on", day]);
    assert!(run.code <= 1, "{}\n{}", run.stdout, run.stderr);
    run
}

/// Loads deals as known at the end of a day.
#[track_caller]
fn told(company: &Company, day: &str, rows: &[Deal]) -> Run {
    let path = format!("in/{day}.csv");
    company.write(&path, deals(rows));
    load(company, &path, day)
}

fn pipeline(company: &Company, period: &str, as_of: &str, more: &[&str]) -> Run {
    let args = ["ask", "pipeline", "--period", period, "--as-of", as_of, "--json"];
    company.run(&[&args, more].concat()).content()
}

/// Returns a figure: money as text, a count as its digits.
#[track_caller]
fn figure(answer: &Value, id: &str) -> String {
    let figures = answer["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["id"] == id);
    let value = &found.unwrap_or_else(|| panic!("no figure {id}"))["value"];
    value["amount"].as_str().map_or_else(|| value["value"].to_string(), str::to_owned)
}

/// The caveats of a code, one a line.
fn caveat(answer: &Value, code: &str) -> String {
    let caveats = answer["caveats"].as_array().unwrap().iter().filter(|c| c["code"] == code);
    caveats.map(|caveat| caveat["text"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The cells of a column of a table, by row.
fn column(answer: &Value, id: &str, column: &str) -> Vec<(String, Value)> {
    let tables = answer["tables"].as_array().unwrap();
    let table = tables.iter().find(|table| table["id"] == id).unwrap();
    let at = table["columns"].as_array().unwrap().iter().position(|c| c["id"] == column).unwrap();
    let rows = table["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["id"].as_str().unwrap().to_owned(), row["entries"][at]["value"].clone()))
        .collect()
}

fn cents(value: &Value) -> i64 {
    // What has no rows has no money.
    value["amount"].as_str().map_or(0, |amount| amount.replace('.', "").parse().unwrap())
}

/// The rows behind a figure, one column of them.
fn open(company: &Company, figure: &str, column: &str, period: &str, as_of: &str) -> Vec<String> {
    let args = ["open", "pipeline", figure, "--period", period, "--as-of", as_of, "--json"];
    let data = company.run(&args).content().data();
    let columns = data["rows"]["columns"].as_array().unwrap();
    let at = columns.iter().position(|c| c["name"] == column).unwrap();
    let rows = data["rows"]["rows"].as_array().unwrap().iter();
    rows.map(|row| row[at].as_str().unwrap_or("").to_owned()).collect()
}

/// What was answered as of a day stays so, byte for byte, whatever is loaded later.
#[track_caller]
fn stays(company: &Company, as_of: &str, later: impl FnOnce()) {
    let before = pipeline(company, "2025", as_of, &[]).stdout;
    later();
    assert_eq!(before, pipeline(company, "2025", as_of, &[]).stdout, "as of {as_of}");
}

#[test]
fn the_same_file_twice_is_told_and_changes_nothing() {
    let company = company();
    company.write("in/d.csv", deals(&[OPEN, Deal { n: 2, ..WON }]));
    company.run(&["load", "in/d.csv"]).content();
    let again = company.run(&["load", "in/d.csv"]).content();
    assert!(again.stdout.contains("already loaded as load 2 on 20"), "{}", again.stdout);
    let loads = company.run(&["loads", "--json"]).content().data();
    assert_eq!(loads["loads"].as_array().unwrap().len(), 2);
}

#[test]
fn a_re_export_in_another_order_of_rows_and_columns_is_known() {
    let company = company();
    let text = deals(&[OPEN, Deal { n: 2, ..WON }, Deal { n: 3, ..WON }]);
    company.write("in/d.csv", &text);
    company.run(&["load", "in/d.csv"]).content();
    let turned: Vec<String> =
        text.lines().map(|line| line.split(',').rev().collect::<Vec<_>>().join(",")).collect();
    let mut lines = vec![turned[0].clone()];
    lines.extend(turned[1..].iter().rev().cloned());
    company.write("in/turned.csv", lines.join("\n") + "\n");
    let again = company.run(&["load", "in/turned.csv", "--json"]).content().data();
    assert_eq!(again["load_id"], Value::Null);
    let table = &again["tables"][0];
    assert_eq!((&table["new"], &table["changed"]), (&0.into(), &0.into()));
    assert_eq!(table["unchanged"], 3);
}

#[test]
fn one_id_twice_counts_once_or_goes_to_quarantine_where_nobody_can_tell() {
    let company = company();
    let later = "2025-02-01T00:00:00Z";
    let rows = [
        OPEN,
        OPEN,
        Deal { n: 2, amount: "5.00", ..OPEN },
        Deal { n: 2, amount: "7.00", modified: later, ..OPEN },
        Deal { n: 3, amount: "1.00", ..OPEN },
        Deal { n: 3, amount: "2.00", ..OPEN },
    ];
    let run = told(&company, "2025-02-28", &rows);
    assert!(run.stdout.contains("read 6 = loaded 2 + known 2 + quarantined 2"), "{}", run.stdout);
    let answer = pipeline(&company, "2025", "2025-02-28", &[]).data();
    assert_eq!(figure(&answer, "pipeline_created"), "107.00");
    let refused = company.run(&["quarantine", "--csv"]).content().stdout;
    assert_eq!(refused.matches("crm.conflict").count(), 2, "{refused}");
}

#[test]
fn two_deals_alike_are_suspected_and_both_count() {
    let company = company();
    let twin = Deal { n: 2, close: "2025-06-23", ..OPEN };
    let other = Deal { n: 3, close: "2025-09-23", ..OPEN };
    told(&company, "2025-02-28", &[OPEN, twin, other]);
    let answer = pipeline(&company, "2025", "2025-02-28", &[]).data();
    let said = caveat(&answer, "deals-alike");
    assert!(said.contains("2 deals") && said.contains("same account"), "{said}");
    assert_eq!(figure(&answer, "pipeline_created"), "300.00", "nothing is taken away");
}

#[test]
fn a_merged_account_keeps_its_deals_under_the_one_that_stayed() {
    let company = company();
    let beta = "001000000000002,Beta,Tech,10,US,2025-01-01T00:00:00Z,2025-01-01T00:00:00Z,false,";
    company.write("in/beta.csv", table(ACCOUNTS, &[beta.to_owned()]));
    load(&company, "in/beta.csv", "2025-01-03");
    let deal = Deal { account: "001000000000002", ..OPEN };
    told(&company, "2025-01-31", &[OPEN, Deal { n: 2, ..deal }]);
    let names = |day| {
        let mut names = open(&company, "pipeline_created", "account", "2025", day);
        names.sort();
        names
    };
    assert_eq!(names("2025-01-31"), ["Acme", "Beta"]);
    stays(&company, "2025-01-31", || {
        let merged = beta.replace("false,", "true,001000000000001").replacen(
            "2025-01-01T00:00:00Z,true",
            "2025-02-10T00:00:00Z,true",
            1,
        );
        company.write("in/merged.csv", table(ACCOUNTS, &[merged]));
        load(&company, "in/merged.csv", "2025-02-28");
    });
    assert_eq!(names("2025-02-28"), ["Acme", "Acme"]);
    assert_eq!(names("2025-01-31"), ["Acme", "Beta"]);
    let totals = ["2025-01-31", "2025-02-28"]
        .map(|day| figure(&pipeline(&company, "2025", day, &[]).data(), "pipeline_created"));
    assert_eq!(totals, ["200.00", "200.00"]);
}

#[test]
fn a_chain_of_merges_ends_at_its_end_and_a_circle_is_told() {
    let company = company();
    let account = |n: u32, into: &str| {
        let gone = !into.is_empty();
        format!(
            "00100000000000{n},A{n},Tech,10,US,2025-01-01T00:00:00Z,2025-01-02T00:00:00Z,{gone},{into}"
        )
    };
    let rows = [
        account(2, "001000000000003"),
        account(3, "001000000000001"),
        account(4, "001000000000005"),
        account(5, "001000000000004"),
    ];
    company.write("in/more.csv", table(ACCOUNTS, &rows));
    load(&company, "in/more.csv", "2025-01-03");
    let of = |n, account| Deal { n, account, ..OPEN };
    told(&company, "2025-01-31", &[of(1, "001000000000002"), of(2, "001000000000004")]);
    let answer = pipeline(&company, "2025", "2025-01-31", &[]).data();
    assert!(caveat(&answer, "merge-circle").contains("2 accounts"), "{}", answer["caveats"]);
    assert_eq!(figure(&answer, "pipeline_created"), "200.00");
    let names = open(&company, "pipeline_created", "account", "2025", "2025-01-31");
    assert!(names.contains(&"Acme".to_owned()), "{names:?}");
}

#[test]
fn a_deal_won_twice_counts_once_where_it_was_won_last() {
    let company = company();
    told(&company, "2025-03-31", &[WON]);
    let won = |period: &str, day: &str| figure(&pipeline(&company, period, day, &[]).data(), "won");
    assert_eq!(won("2025Q1", "2025-03-31"), "100.00");
    stays(&company, "2025-03-31", || {
        let reopened = Deal {
            stage: "Negotiation/Review",
            close: "2025-09-15",
            modified: "2025-05-02T00:00:00Z",
            ..OPEN
        };
        told(&company, "2025-06-30", &[reopened]);
        let again =
            Deal { amount: "150.00", close: "2025-09-10", modified: "2025-09-10T00:00:00Z", ..WON };
        told(&company, "2025-09-30", &[again]);
    });
    assert_eq!(won("2025", "2025-06-30"), "0.00");
    let found = ["2025Q1", "2025Q3", "2025"].map(|period| won(period, "2025-09-30"));
    assert_eq!(found, ["0.00", "150.00", "150.00"]);
    assert_eq!(won("2025Q1", "2025-03-31"), "100.00");
}

#[test]
fn what_was_answered_stays_when_a_won_deal_is_lost_moved_or_held_in_other_money() {
    let company = company();
    let rates = "Id,IsoCode,ConversionRate,StartDate\n";
    company.write("in/rate.csv", format!("{rates}1,EUR,0.5,2025-01-01\n2,USD,1,2025-01-01\n"));
    load(&company, "in/rate.csv", "2025-01-04");
    let rows = [WON, Deal { n: 2, ..WON }, Deal { n: 3, ..WON }, Deal { n: 4, ..OPEN }];
    let euros = Deal { n: 5, currency: "EUR", ..WON };
    told(&company, "2025-03-31", &[&rows[..], &[euros]].concat());
    let first = pipeline(&company, "2025", "2025-03-31", &[]).data();
    assert_eq!(figure(&first, "won"), "500.00");
    let modified = "2025-05-01T00:00:00Z";
    let lost = Deal { stage: "Closed Lost", modified, ..WON };
    let other_money = Deal { n: 3, currency: "EUR", modified, ..WON };
    let into_the_past = Deal { n: 4, close: "2025-03-01", modified, ..WON };
    for (day, deal) in
        [("2025-05-01", lost), ("2025-05-02", other_money), ("2025-05-03", into_the_past)]
    {
        stays(&company, "2025-03-31", || {
            told(&company, day, &[deal]);
        });
    }
    let won = |day| figure(&pipeline(&company, "2025", day, &[]).data(), "won");
    let found = ["2025-05-01", "2025-05-02", "2025-05-03"].map(won);
    assert_eq!(found, ["400.00", "500.00", "600.00"]);
    stays(&company, "2025-03-31", || {
        company.write("in/rate2.csv", format!("{rates}1,EUR,0.25,2025-01-01\n"));
        load(&company, "in/rate2.csv", "2025-05-04");
    });
    assert_eq!(won("2025-05-04"), "1000.00", "the rate of the past was restated");
    assert_eq!(won("2025-05-03"), "600.00");
}

#[test]
fn an_event_that_is_entered_or_arrives_late_leaves_yesterday_alone() {
    let company = company();
    told(&company, "2025-03-31", &[OPEN]);
    let stage = |day| open(&company, "pipeline_created", "stage", "2025", day);
    let before = stage("2025-03-31");
    stays(&company, "2025-03-31", || {
        // Entered on the first of April, said to have happened twenty and forty days before.
        let history = "Id,OpportunityId,Field,OldValue,NewValue,CreatedDate,CreatedById\n\
            017000000000001,006000000000001,StageName,Prospecting,Qualification,2025-02-20T09:00:00Z,x\n\
            017000000000002,006000000000001,StageName,Qualification,Negotiation/Review,2025-03-12T09:00:00Z,x\n";
        company.write("in/history.csv", history);
        load(&company, "in/history.csv", "2025-04-01");
        let now = Deal { stage: "Negotiation/Review", modified: "2025-03-12T09:00:00Z", ..OPEN };
        told(&company, "2025-04-02", &[now]);
    });
    assert_eq!(stage("2025-03-31"), before);
    assert_ne!(stage("2025-04-02"), before);
    let answer = pipeline(&company, "2025", "2025-04-02", &[]).data();
    let reached = column(&answer, "stages", "all");
    let negotiation = reached.iter().find(|(id, _)| id == "negotiation").unwrap();
    assert_eq!(negotiation.1["value"], 1, "by its own time it is in the past");
}

#[test]
fn steps_back_skipped_and_in_one_second_give_the_same_whatever_the_order() {
    let events = [
        "017000000000003,006000000000001,StageName,Qualification,Proposal/Price Quote,2025-02-03T09:00:00Z,x",
        "017000000000002,006000000000001,StageName,Prospecting,Qualification,2025-02-03T09:00:00Z,x",
        "017000000000004,006000000000001,StageName,Proposal/Price Quote,Prospecting,2025-02-20T09:00:00Z,x",
        "017000000000005,006000000000001,StageName,Prospecting,Closed Won,2025-03-20T09:00:00Z,x",
    ];
    let header = "Id,OpportunityId,Field,OldValue,NewValue,CreatedDate,CreatedById";
    let mut seen: Option<String> = None;
    // Each order in three files, some of it twice.
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let company = company();
        let lines: Vec<String> = order.iter().map(|&at| events[at].to_owned()).collect();
        company.write("in/new/deals.csv", deals(&[Deal { n: 2, ..OPEN }, WON]));
        company.write("in/new/h1.csv", table(header, &lines[..2]));
        company.write("in/new/h2.csv", table(header, &lines[1..3]));
        company.write("in/new/h3.csv", table(header, &lines[2..]));
        load(&company, "in/new", "2025-03-31");
        let answers = ["2025-02-10", "2025-03-31"].map(|day| {
            company.run(&["ask", "pipeline", "--period", "2025", "--as-of", day, "--json"])
        });
        let answer = answers[1].data();
        let reached: Vec<i64> = column(&answer, "stages", "all")
            .iter()
            .map(|(_, value)| value["value"].as_i64().unwrap())
            .collect();
        assert!(reached.is_sorted_by(|a, b| a >= b), "passed or reached: {reached:?}");
        let days: f64 = figure(&answer, "cycle_days_median").parse().unwrap();
        assert!(days >= 0.0, "{days}");
        let all = answers.map(|run| run.stdout).concat();
        if let Some(before) = &seen {
            assert_eq!(*before, all, "{order:?}");
        }
        seen = Some(all);
    }
}

#[test]
fn the_owner_at_the_day_has_the_deal_and_the_owners_add_up() {
    let company = company();
    let owned = |n, owner, modified| Deal { n, owner, modified, ..OPEN };
    let early = "2025-01-10T00:00:00Z";
    told(&company, "2025-02-10", &[owned(1, "Kim", early), owned(2, "Lou", early)]);
    let by_owner = |day: &str| {
        let answer = pipeline(&company, "2025", day, &["--by", "owner"]).data();
        let rows = column(&answer, "by_owner", "pipeline");
        let rows: Vec<(String, i64)> =
            rows.into_iter().map(|(owner, value)| (owner, cents(&value))).collect();
        let total: i64 = rows.iter().map(|(_, n)| n).sum();
        assert_eq!(total, 20_000, "the owners add up: {rows:?}");
        assert_eq!(figure(&answer, "pipeline_created"), "200.00");
        rows
    };
    let kim = |rows: &[(String, i64)]| {
        rows.iter().filter(|(owner, _)| owner.contains("Kim")).map(|(_, n)| n).sum::<i64>()
    };
    let before = by_owner("2025-02-10");
    assert_eq!(kim(&before), 10_000);
    told(&company, "2025-03-01", &[owned(1, "Lou", "2025-02-20T00:00:00Z")]);
    let after = by_owner("2025-03-01");
    assert_eq!(kim(&after), 0);
    assert_eq!(by_owner("2025-02-10"), before, "both days can be had");
}

#[test]
fn a_renamed_stage_is_told_with_its_deals_and_nothing_is_lost() {
    let company = company();
    told(&company, "2025-03-31", &[WON, Deal { n: 2, ..WON }]);
    let renamed = Deal { stage: "Won - Signed", modified: "2025-04-02T00:00:00Z", ..WON };
    told(&company, "2025-04-30", &[renamed]);
    let answer = pipeline(&company, "2025", "2025-04-30", &[]).data();
    assert_eq!(figure(&answer, "won"), "200.00");
    let said = caveat(&answer, "stages-undefined");
    assert!(said.contains("`Won - Signed`: 1 deal (100.00 USD)"), "{said}");
}

#[test]
fn touches_outside_of_a_deal_are_counted_apart_and_credit_is_whole() {
    let company = company();
    with_campaigns(&company);
    let contacts =
        ["003000000000001,001000000000001,A,a@acme.com,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z"];
    company.write("in/contact.csv", table(CONTACTS, &contacts.map(str::to_owned)));
    load(&company, "in/contact.csv", "2025-01-05");
    let touch = |n: u32, contact: &str, day: &str| {
        format!(
            "00v00000000000{n},701000000000001,{contact},Responded,true,{day}T10:00:00Z,{day}T10:00:00Z"
        )
    };
    let header = "Id,CampaignId,ContactId,Status,HasResponded,FirstRespondedDate,CreatedDate";
    let rows = [
        touch(1, "003000000000001", "2025-01-06"),
        touch(2, "003000000000001", "2025-03-25"),
        touch(3, "", "2025-01-07"),
        touch(4, "003000000000001", "1970-01-01"),
    ];
    company.write("in/member.csv", table(header, &rows));
    let run = load(&company, "in/member.csv", "2025-03-31");
    assert!(run.stdout.contains("quarantined 1"), "1970 is no year of ours: {}", run.stdout);
    told(&company, "2025-04-01", &[WON, Deal { n: 2, account: "", ..WON }]);
    let args = ["ask", "attribution", "--period", "2025", "--as-of", "2025-04-01", "--json"];
    let answer = company.run(&args).content().data();
    assert!(
        caveat(&answer, "touches-without-account").contains("1 touch"),
        "{}",
        answer["caveats"]
    );
    for model in ["first", "last", "linear", "w_shaped", "u_shaped"] {
        let rows = column(&answer, "credit", model);
        let total = rows.iter().find(|(id, _)| id == "all").unwrap();
        let parts: i64 = rows.iter().filter(|(id, _)| id != "all").map(|(_, v)| cents(v)).sum();
        assert_eq!(cents(&total.1), parts, "{model}: {rows:?}");
        assert_eq!(parts, 20_000, "{model}: {rows:?}");
        let of = |channel: &str| {
            rows.iter().filter(|(id, _)| id == channel).map(|(_, v)| cents(v)).sum::<i64>()
        };
        let found = (of("webinar"), of("unknown"));
        assert_eq!(found, (10_000, 10_000), "a deal without touches is unattributed: {rows:?}");
    }
}

#[test]
fn people_and_campaigns_joined_to_a_deal_do_not_multiply_it() {
    let company = company();
    with_campaigns(&company);
    told(&company, "2025-03-31", &[WON, Deal { n: 2, amount: "0.01", ..WON }]);
    let plain = pipeline(&company, "2025", "2025-03-31", &[]).data();
    let contacts: Vec<String> = (1..=5)
        .map(|n| format!("00300000000000{n},001000000000001,P{n},p{n}@acme.com,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z"))
        .collect();
    company.write("in/contact.csv", table(CONTACTS, &contacts));
    let roles: Vec<String> = (1..=5)
        .map(|n| format!("00K00000000000{n},006000000000001,00300000000000{n},Influencer,false,2025-01-11T00:00:00Z"))
        .collect();
    let header = "Id,OpportunityId,ContactId,Role,IsPrimary,CreatedDate";
    company.write("in/role.csv", table(header, &roles));
    let members: Vec<String> = (1..=5)
        .flat_map(|n| {
            (1..=2).map(move |campaign| {
                format!("00v0000000000{n}{campaign},70100000000000{campaign},00300000000000{n},Responded,true,2025-01-0{n}T10:00:00Z,2025-01-0{n}T10:00:00Z")
            })
        })
        .collect();
    let header = "Id,CampaignId,ContactId,Status,HasResponded,FirstRespondedDate,CreatedDate";
    company.write("in/member.csv", table(header, &members));
    for file in ["contact", "role", "member"] {
        load(&company, &format!("in/{file}.csv"), "2025-04-01");
    }
    let joined = pipeline(&company, "2025", "2025-04-01", &[]).data();
    for id in ["won", "pipeline_created", "won_opportunities", "opportunities_created"] {
        assert_eq!(figure(&plain, id), figure(&joined, id), "{id}");
    }
    let args = ["ask", "attribution", "--period", "2025", "--as-of", "2025-04-01", "--json"];
    let answer = company.run(&args).content().data();
    for model in ["first", "linear", "time_decay", "w_shaped", "markov"] {
        let rows = column(&answer, "credit_won", model);
        let parts: i64 = rows.iter().filter(|(id, _)| id != "all").map(|(_, v)| cents(v)).sum();
        assert_eq!(parts, 10_001, "{model}: {rows:?}");
        let webinar = rows.iter().find(|(id, _)| id == "webinar").unwrap();
        assert_eq!(cents(&webinar.1), 10_001, "{model}");
    }
}

#[test]
fn every_breakdown_of_odd_cents_sums_to_the_whole() {
    let company = company();
    let rows: Vec<Deal> = [("33.33", "Web"), ("33.33", "Partner"), ("33.33", "Cold"), ("0.01", "")]
        .iter()
        .zip(1..)
        .zip(["Kim", "Lou", "Mo", "Kim"])
        .map(|(((amount, source), n), owner)| Deal { n, amount, source, owner, ..WON })
        .collect();
    told(&company, "2025-03-31", &rows);
    for by in ["channel", "segment", "owner", "kind", "country"] {
        let answer = pipeline(&company, "2025", "2025-03-31", &["--by", by]).data();
        assert_eq!(figure(&answer, "won"), "100.00");
        let mut n_compared = 0;
        for table in answer["tables"].as_array().unwrap() {
            let columns = table["columns"].as_array().unwrap();
            let Some(at) = columns.iter().position(|c| c["id"] == "won") else { continue };
            if table["id"] == "history" {
                continue;
            }
            let rows = table["rows"].as_array().unwrap();
            let (whole, parts): (Vec<&Value>, Vec<&Value>) =
                rows.iter().partition(|row| row["id"] == "all" || row["id"] == "total");
            let sum = |rows: &[&Value]| -> i64 {
                rows.iter().map(|row| cents(&row["entries"][at]["value"])).sum()
            };
            assert_eq!(sum(&parts), 10_000, "{by}: {table}");
            if !whole.is_empty() {
                assert_eq!(sum(&whole), 10_000, "{by}: {table}");
            }
            n_compared += 1;
        }
        assert!(n_compared >= 2, "{by}: {n_compared} tables");
    }
}

#[test]
fn without_a_new_time_of_change_the_later_load_wins() {
    let company = company();
    told(&company, "2025-02-28", &[OPEN]);
    let run = told(&company, "2025-03-31", &[Deal { amount: "120.00", ..OPEN }]);
    assert!(run.stdout.contains("1 changed"), "the difference is told: {}", run.stdout);
    let created = |day| figure(&pipeline(&company, "2025", day, &[]).data(), "pipeline_created");
    assert_eq!(["2025-02-28", "2025-03-31"].map(created), ["100.00", "120.00"]);
}

#[test]
fn spellings_of_one_value_are_one_and_the_raw_text_stays() {
    let company = company();
    let sources = ["Web", "web ", "WEB", "Weeb"];
    let rows: Vec<Deal> =
        sources.iter().zip(1..).map(|(source, n)| Deal { n, source, ..OPEN }).collect();
    told(&company, "2025-02-28", &rows);
    let answer = pipeline(&company, "2025", "2025-02-28", &[]).data();
    let sources_of = column(&answer, "rules", "marketing");
    let lead_source = sources_of.iter().find(|(id, _)| id == "lead_source").unwrap();
    assert_eq!(cents(&lead_source.1), 30_000, "three spellings are one value");
    let said = caveat(&answer, "lead-sources-unmapped");
    assert_eq!(said, "Lead sources that fit no channel rule: `Weeb` (1).");
    let lake = lake::Lake::open(company.path().join(".throughline/lake")).unwrap();
    let snapshot = lake.newest().unwrap().unwrap();
    let kept = lake.frame(snapshot, "opportunity", &["lead_source"]).unwrap();
    let mut kept: Vec<String> =
        (0..kept.n_rows()).map(|row| kept.cell("lead_source", row).to_string()).collect();
    kept.sort();
    assert_eq!(kept, ["WEB", "Web", "Weeb", "web "]);
}

#[test]
fn a_deal_without_a_rate_stays_in_its_money_and_is_told() {
    let company = company();
    told(&company, "2025-03-31", &[WON, Deal { n: 2, currency: "SEK", ..WON }]);
    let answer = pipeline(&company, "2025", "2025-03-31", &[]).data();
    assert_eq!(figure(&answer, "won"), "100.00");
    assert_eq!(figure(&answer, "won_opportunities"), "2", "it is not dropped");
    let said = caveat(&answer, "deals-not-converted");
    assert_eq!(said, "1 deal not converted for want of a rate: 100.00 SEK.");
}

#[test]
fn a_time_in_the_future_is_told_and_not_counted_before_it_comes() {
    let company = company();
    let ahead = Deal { n: 2, created: "2025-04-02", ..OPEN };
    let run = told(&company, "2025-03-31", &[OPEN, ahead]);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("time in the future"), "{said}");
    let created = |day| figure(&pipeline(&company, "2025", day, &[]).data(), "pipeline_created");
    assert_eq!(["2025-03-31", "2025-04-02"].map(created), ["100.00", "200.00"]);
    let answer = pipeline(&company, "2025", "2025-03-31", &[]).data();
    assert!(caveat(&answer, "future").contains("1 of deals"), "{}", answer["caveats"]);
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_a_load_or_turn_its_order() {
    let company = company();
    let lake = lake::Lake::open(company.path().join(".throughline/lake")).unwrap();
    // As if the clock had been an hour ahead when this was loaded.
    let ahead = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let place = domain::Place::line("x.csv", 2);
    let refusal = domain::fact::Refusal::new(place, "csv.field-count", "expected 2, found 1");
    let file = lake::SourceFile::new("x.csv", [1; 32], "test");
    let request = lake::LoadRequest::new(ahead, vec![file]);
    lake.load(request, [(0, domain::fact::SourceRow::Refused(refusal))]).unwrap();
    drop(lake);
    company.write("in/d.csv", deals(&[OPEN]));
    company.run(&["load", "in/d.csv"]).content();
    let loads = company.run(&["loads", "--json"]).content().data();
    let at: Vec<&str> = loads["loads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|load| load["recorded_at"].as_str().unwrap())
        .collect();
    assert!(at.len() == 3 && at.is_sorted(), "{at:?}");
}
