//! People, each once, and the day on which they became known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use domain::definition::Side;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::Company;
use super::files::{Row, sheet};
use super::identity::{Account, end_of_chain};

/// A person: all records of one human being.
#[derive(Clone, Debug)]
pub struct Person {
    /// The record that the others lead to.
    pub id: String,
    /// All of the records, itself included.
    pub records: BTreeSet<String>,
    /// The account, merged ones followed to their master.
    pub account: Option<String>,
    /// When the first of the records was created.
    pub created_at: Timestamp,
    /// The lead source: of the lead where there is one, else of the contact.
    pub lead_source: String,
    /// Source, medium and campaign of the visit that made the lead.
    pub utm: [String; 3],
    /// True where a lead was converted.
    pub converted: bool,
    /// When the first of its leads was converted.
    pub converted_at: Option<Timestamp>,
    /// The deals that leads were converted to.
    pub converted_deals: BTreeSet<String>,
}

/// A person as a row of the relation `leads`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lead {
    /// The person.
    pub person: String,
    /// The day on which the person became known.
    pub created_on: Date,
    /// The account.
    pub account: Option<String>,
    /// The channel that brought the person; `unknown` where nothing says so.
    pub channel: String,
    /// Its side.
    pub side: Side,
    /// Name of the program that brought the person.
    pub program: Option<String>,
    /// True where a lead was converted.
    pub converted: bool,
}

/// Reads leads and contacts, and makes one person of those that are one.
pub(super) fn people(folder: &Path, company: &Company) -> Vec<Person> {
    let known = |row: &Row| created(row).is_none_or(|at| at <= company.end);
    let leads: Vec<Row> = sheet(folder, "Lead").into_iter().filter(known).collect();
    let contacts: Vec<Row> = sheet(folder, "Contact").into_iter().filter(known).collect();
    let mut next = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for (row, lead) in
        leads.iter().map(|row| (row, true)).chain(contacts.iter().map(|row| (row, false)))
    {
        let id = row.id("Id").expect("a person has an id");
        let stated = row.id("MasterRecordId").or_else(|| row.id("ConvertedContactId"));
        // A lead that was not converted is the contact with the same address, where there is one.
        let same = || if lead { of_address(row, &contacts) } else { None };
        if let Some(after) = stated.or_else(same) {
            next.insert(id.clone(), after);
        }
        ids.insert(id);
    }
    let mut own: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    // Leads stand before contacts, so that the first record that says something is the lead's.
    for row in leads.iter().chain(&contacts) {
        let id = row.id("Id").expect("a person has an id");
        own.entry(end_of_chain(&id, &next, &ids)).or_default().push(row);
    }
    let by_domain = |domain: &str| of_domain(domain, &contacts, company);
    own.into_iter().map(|(id, rows)| person(id, &rows, &by_domain, company)).collect()
}

/// Returns the contact with the address of a lead.
fn of_address(lead: &Row, contacts: &[Row]) -> Option<String> {
    let address = lead.text("Email").to_lowercase();
    let same = |row: &&Row| !address.is_empty() && row.text("Email").to_lowercase() == address;
    contacts.iter().find(same).and_then(|row| row.id("Id"))
}

fn created(row: &Row) -> Option<Timestamp> {
    row.instant("CreatedDate", &TimeZone::UTC)
}

fn person(
    id: String,
    rows: &[&Row],
    by_domain: &dyn Fn(&str) -> Option<String>,
    company: &Company,
) -> Person {
    // The record that is left speaks first, then the others in order.
    let mut order: Vec<&&Row> = rows.iter().collect();
    order.sort_by_key(|row| (row.id("Id") != Some(id.clone()), row.id("Id")));
    let stated = |column: &str| order.iter().find_map(|row| row.id(column));
    let account = stated("AccountId").or_else(|| stated("ConvertedAccountId"));
    let account = account.map(|account| company.master(&account));
    let domains = order.iter().filter_map(|row| mail_domain(row.text("Email")));
    let account = account.or_else(|| {
        domains
            .filter(|domain| !company.definitions.is_free_mail(domain))
            .find_map(|d| by_domain(&d))
    });
    let first = |column: &str| rows.iter().find_map(|row| row.maybe(column)).unwrap_or_default();
    Person {
        id,
        account,
        created_at: rows.iter().filter_map(|row| created(row)).min().unwrap_or(Timestamp::MIN),
        lead_source: first("LeadSource"),
        utm: ["UTM_Source__c", "UTM_Medium__c", "UTM_Campaign__c"].map(first),
        converted: rows.iter().any(|row| row.truth("IsConverted") == Some(true)),
        converted_at: rows.iter().filter_map(|row| converted(row, company)).min(),
        converted_deals: rows.iter().filter_map(|row| row.id("ConvertedOpportunityId")).collect(),
        records: rows.iter().filter_map(|row| row.id("Id")).collect(),
    }
}

fn converted(row: &Row, company: &Company) -> Option<Timestamp> {
    let zone = TimeZone::get(&company.definitions.source_time_zone).unwrap_or(TimeZone::UTC);
    row.instant("ConvertedDate", &zone).filter(|at| *at <= company.end)
}

fn mail_domain(address: &str) -> Option<String> {
    address.trim().rsplit_once('@').map(|(_, domain)| domain.to_lowercase())
}

/// Returns the one account of a mail domain: the one whose site it is; where no account has that
/// domain, the one without a site of its own whose contacts alone use it.
fn of_domain(domain: &str, contacts: &[Row], company: &Company) -> Option<String> {
    let sites = company.accounts.iter().filter(|account| account.domain.as_deref() == Some(domain));
    let owners: BTreeSet<String> = sites.map(|account| account.master.clone()).collect();
    if !owners.is_empty() {
        return if owners.len() == 1 { owners.into_iter().next() } else { None };
    }
    let uses =
        contacts.iter().filter(|row| mail_domain(row.text("Email")).as_deref() == Some(domain));
    let users: BTreeSet<String> =
        uses.filter_map(|row| row.id("AccountId")).map(|id| company.master(&id)).collect();
    let alone = if users.len() == 1 { users.into_iter().next() } else { None };
    alone.filter(|id| company.account(id).is_none_or(|account| account.domain.is_none()))
}

impl Company {
    /// Returns the account that an account was merged into, at the end of the chain.
    pub(super) fn master(&self, id: &str) -> String {
        let found = self.accounts.iter().find(|account| account.id == id);
        found.map_or_else(|| id.to_owned(), |account| account.master.clone())
    }

    pub(super) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    /// Returns the person to whom a record belongs.
    pub(super) fn person(&self, record: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.records.contains(record))
    }

    /// Returns a person with what brought it: the first touch that counts until the day after it
    /// became known, else the visit that made the lead, else the lead source.
    pub(super) fn lead(&self, person: &Person) -> Lead {
        let created_on = self.calendar.day(person.created_at);
        let until = created_on.saturating_add(1.day());
        let first = self.touches.iter().find(|touch| {
            touch.counted && touch.person.as_deref() == Some(&person.id) && touch.day <= until
        });
        let [source, medium, campaign] = &person.utm;
        let named = self.campaign_named(campaign).filter(|_| !campaign.is_empty());
        let (channel, program) = if let Some(touch) = first {
            (Some(touch.channel.clone()), touch.program.clone())
        } else {
            let stated = || self.channel(&[("lead_source", person.lead_source.as_str())]);
            let channel = self.visit(source, medium, campaign).or_else(stated);
            (channel, named.map(|campaign| campaign.name.clone()))
        };
        let channel = channel.unwrap_or_else(|| "unknown".to_owned());
        Lead {
            person: person.id.clone(),
            created_on,
            account: person.account.clone(),
            side: self.side(&channel),
            channel,
            program,
            converted: person.converted,
        }
    }

    /// Returns the channel of a visit by its source, medium and campaign.
    fn visit(&self, source: &str, medium: &str, campaign: &str) -> Option<String> {
        if source.is_empty() && medium.is_empty() && campaign.is_empty() {
            return None;
        }
        let program = self.campaign_named(campaign).filter(|_| !campaign.is_empty());
        let (kind, name, platform) = program.map_or(("", "", ""), |program| {
            (program.kind.as_str(), program.name.as_str(), program.platform.as_str())
        });
        self.channel(&[
            ("source", source),
            ("medium", medium),
            ("campaign", campaign),
            ("program_kind", kind),
            ("program_name", name),
            ("platform", platform),
        ])
    }
}
