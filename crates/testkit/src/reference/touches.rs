//! Touches: campaign members, calls, mails and meetings, visits.

use std::collections::BTreeMap;

use domain::definition::Side;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Company;
use super::files::{Exports, Row, sheet};

/// One contact between us and a person or account.
#[derive(Clone, Debug)]
pub struct Touch {
    /// Identifier in the source.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// The day of it.
    pub day: Date,
    /// `campaign_member`, `call`, `meeting`, `sales_email`, `web_session`.
    pub kind: &'static str,
    /// Who was touched.
    pub person: Option<String>,
    /// The account of the person; the touch's own where no person's account is known.
    pub account: Option<String>,
    /// The channel; `unknown` where no rule fits.
    pub channel: String,
    /// Whose channel it is.
    pub side: Side,
    /// True for a channel without a known origin.
    pub direct: bool,
    /// Name of the program.
    pub program: Option<String>,
    /// False for touches that machines made.
    pub valid: bool,
    /// True where it counts: valid, and with a response where only responses count.
    pub counted: bool,
}

/// What a source says of a touch.
#[derive(Default)]
struct Said {
    id: String,
    at: Option<Timestamp>,
    kind: &'static str,
    record: Option<String>,
    account: Option<String>,
    campaign_id: Option<String>,
    source: String,
    medium: String,
    campaign: String,
    responded: Option<bool>,
    invalid: bool,
}

/// Reads all touches that happened by the end of the as-of day, in order of time, then id.
pub(super) fn touches(exports: Exports<'_>, company: &Company) -> Vec<Touch> {
    let zone = TimeZone::get(&company.definitions.source_time_zone).unwrap_or(TimeZone::UTC);
    let mut said: Vec<Said> = Vec::new();
    said.extend(sheet(exports, "CampaignMember").iter().map(|row| member(row, &zone)));
    said.extend(sheet(exports, "Task").iter().map(|row| task(row, &zone)));
    let parents = |row: &Row| row.truth("IsChild") != Some(true);
    let events = sheet(exports, "Event");
    said.extend(events.iter().filter(|row| parents(row)).map(|row| meeting(row, &zone)));
    said.extend(visits(&sheet(exports, "ga4_events"), &zone, company.end));
    let mut touches: Vec<Touch> =
        said.into_iter().filter_map(|said| touch(said, company)).collect();
    touches.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    touches
}

fn member(row: &Row, zone: &TimeZone) -> Said {
    let responded = row.instant("FirstRespondedDate", zone);
    Said {
        id: row.id("Id").expect("a member has an id"),
        at: responded.or_else(|| row.instant("CreatedDate", zone)),
        kind: "campaign_member",
        record: row.id("ContactId").or_else(|| row.id("LeadId")),
        campaign_id: row.id("CampaignId"),
        responded: row.truth("HasResponded"),
        invalid: row.text("Status").to_lowercase().contains("bot"),
        ..Said::default()
    }
}

fn task(row: &Row, zone: &TimeZone) -> Said {
    let stated = row.maybe("TaskSubtype").unwrap_or_else(|| row.text("Type").to_owned());
    let at = ["CompletedDateTime", "ActivityDate", "CreatedDate"];
    Said {
        id: row.id("Id").expect("a task has an id"),
        at: at.iter().find_map(|column| row.instant(column, zone)),
        kind: match stated.as_str() {
            "Call" => "call",
            "Email" => "sales_email",
            _ => "task",
        },
        record: row.id("WhoId"),
        account: row.id("AccountId"),
        ..Said::default()
    }
}

fn meeting(row: &Row, zone: &TimeZone) -> Said {
    let at = ["StartDateTime", "ActivityDate", "CreatedDate"];
    Said {
        id: row.id("Id").expect("a meeting has an id"),
        at: at.iter().find_map(|column| row.instant(column, zone)),
        kind: "meeting",
        record: row.id("WhoId"),
        account: row.id("AccountId"),
        ..Said::default()
    }
}

/// Reads the visits: one touch a session, whatever happened in it, as its first event tells it. A
/// visit without any engagement is a machine's. All visits of one browser belong to the person whom
/// its first event with a name names, also those before it.
fn visits(rows: &[Row], zone: &TimeZone, end: Timestamp) -> Vec<Said> {
    let mut named: BTreeMap<&str, (Timestamp, String)> = BTreeMap::new();
    for row in rows {
        let (Some(user), Some(at)) = (row.id("user_id"), row.instant("timestamp", zone)) else {
            continue;
        };
        let known = named.entry(row.text("user_pseudo_id")).or_insert_with(|| (at, user.clone()));
        if at < known.0 {
            *known = (at, user);
        }
    }
    named.retain(|_, (at, _)| *at <= end);
    let mut sessions: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let session = (row.text("user_pseudo_id"), row.text("param_ga_session_id"));
        sessions.entry(session).or_default().push(row);
    }
    sessions
        .into_values()
        .filter_map(|events| {
            let at = |row: &&&Row| row.instant("timestamp", zone);
            let engaged = |row: &&Row| {
                row.text("param_engagement_time_msec") != "0"
                    || row.truth("param_session_engaged") == Some(true)
            };
            let first = events.iter().min_by_key(at)?;
            let person = named.get(first.text("user_pseudo_id")).map(|(_, user)| user.clone());
            Some(visit(first, person, !events.iter().any(engaged), zone))
        })
        .collect()
}

fn visit(row: &Row, person: Option<String>, machine: bool, zone: &TimeZone) -> Said {
    let given = |column: &str| {
        const NOTHING: [&str; 4] =
            ["(not set)", "(none)", "(not provided)", "(data not available)"];
        row.maybe(column).filter(|text| !NOTHING.contains(&text.as_str())).unwrap_or_default()
    };
    Said {
        id: format!("{}/{}", row.text("user_pseudo_id"), row.text("param_ga_session_id")),
        at: row.instant("timestamp", zone),
        kind: "web_session",
        record: person,
        source: given("param_source"),
        medium: given("param_medium"),
        campaign: given("param_campaign"),
        invalid: machine,
        ..Said::default()
    }
}

fn touch(said: Said, company: &Company) -> Option<Touch> {
    let at = said.at.filter(|&at| at <= company.end)?;
    let person = said.record.and_then(|record| company.person(&record));
    let account = person
        .and_then(|person| person.account.clone())
        .or_else(|| said.account.map(|account| company.master(&account)));
    let program = match &said.campaign_id {
        Some(id) => company.campaign(id),
        None if said.campaign.is_empty() => None,
        None => company.campaign_named(&said.campaign),
    };
    let (program_kind, program_name, platform) = program.map_or(("", "", ""), |program| {
        (program.kind.as_str(), program.name.as_str(), program.platform.as_str())
    });
    let channel = company.channel(&[
        ("kind", said.kind),
        ("source", &said.source),
        ("medium", &said.medium),
        ("campaign", &said.campaign),
        ("program_kind", program_kind),
        ("program_name", program_name),
        ("platform", platform),
    ]);
    let channel = channel.unwrap_or_else(|| "unknown".to_owned());
    let responded = said.responded != Some(false);
    Some(Touch {
        id: said.id,
        at,
        day: company.calendar.day(at),
        kind: said.kind,
        person: person.map(|person| person.id.clone()),
        account,
        side: company.side(&channel),
        direct: company.definitions.channel(&channel).is_some_and(|channel| channel.direct),
        channel,
        program: program.map(|program| program.name.clone()).or(said.campaign_id),
        valid: !said.invalid,
        counted: !said.invalid && (responded || !company.definitions.attribution.responses_only),
    })
}
