//! People, each once, and the day on which they became known.

use std::collections::{BTreeMap, BTreeSet};

use domain::definition::Side;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::Company;
use super::files::{Exports, Row, sheet};
use super::identity::{Account, Chains};

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

/// Records of people by the record that they lead to.
type Groups<'a> = BTreeMap<String, Vec<&'a Row>>;

/// Reads leads and contacts, and makes one person of those that are one: merged records, a lead and
/// the contact that it became, a lead and a contact of one account with one address.
pub(super) fn people(exports: Exports<'_>, company: &Company) -> Vec<Person> {
    let known = |row: &Row| created(row).is_none_or(|at| at <= company.end);
    let leads: Vec<Row> = sheet(exports, "Lead").into_iter().filter(known).collect();
    let contacts: Vec<Row> = sheet(exports, "Contact").into_iter().filter(known).collect();
    let rows: Vec<&Row> = contacts.iter().chain(&leads).collect();
    let left = rows.iter().filter(|row| row.truth("IsDeleted") != Some(true));
    let mut chains = Chains { next: BTreeMap::new(), left: left.map(|row| id(row)).collect() };
    for row in &rows {
        let after = row.id("MasterRecordId").or_else(|| row.id("ConvertedContactId"));
        chains.next.extend(after.map(|after| (id(row), after)));
    }
    let mut groups = Groups::new();
    for row in rows {
        groups.entry(chains.end(&id(row))).or_default().push(row);
    }
    // What was merged into nobody that is left is nobody.
    groups.retain(|master, _| chains.left.contains(master));
    let accounts = accounts(&groups, company);
    let leads: BTreeSet<String> = leads.iter().map(id).collect();
    let mut people = Groups::new();
    for (master, rows) in &groups {
        let contact = Some(master).filter(|master| leads.contains(*master));
        let contact = contact.and_then(|lead| same_address(lead, &leads, &groups, &accounts));
        people.entry(contact.unwrap_or_else(|| master.clone())).or_default().extend(rows);
    }
    let mut people: Vec<Person> =
        people.into_iter().map(|(id, rows)| person(&id, rows, &accounts, company)).collect();
    // A record that is not there is the one under which those merged into it stand.
    for missing in chains.next.values() {
        let end = chains.end(missing);
        if let Some(person) = people.iter_mut().find(|person| person.records.contains(&end)) {
            person.records.insert(missing.clone());
        }
    }
    people
}

fn id(row: &Row) -> String {
    row.id("Id").expect("a person has an id")
}

fn created(row: &Row) -> Option<Timestamp> {
    row.instant("CreatedDate", &TimeZone::UTC)
}

fn address(row: &Row) -> Option<String> {
    row.maybe("Email").map(|address| address.to_lowercase())
}

fn mail_domain(row: &Row) -> Option<String> {
    address(row)?.rsplit_once('@').map(|(_, domain)| domain.to_owned())
}

/// Returns the account of each person: the one that its own record names, else its other records;
/// a contact names its account, a lead the one that it became. Where none is named, the account of
/// a mail domain, in the same order.
fn accounts(groups: &Groups<'_>, company: &Company) -> BTreeMap<String, String> {
    let in_order = |master: &String, rows: &[&'_ Row]| -> Vec<Row> {
        let mut rows: Vec<Row> = rows.iter().map(|row| (*row).clone()).collect();
        rows.sort_by_key(|row| (id(row) != *master, id(row)));
        rows
    };
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (master, rows) in groups {
        let named = in_order(master, rows)
            .iter()
            .find_map(|row| row.id("AccountId").or_else(|| row.id("ConvertedAccountId")));
        found.extend(named.map(|account| (master.clone(), company.master(&account))));
    }
    let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (master, rows) in groups {
        let Some(account) = found.get(master) else { continue };
        for domain in rows.iter().filter_map(|row| mail_domain(row)) {
            users.entry(domain).or_default().insert(account.clone());
        }
    }
    for (master, rows) in
        groups.iter().filter(|(master, _)| !found.contains_key(*master)).collect::<Vec<_>>()
    {
        let rows = in_order(master, rows);
        let domains = rows.iter().filter_map(mail_domain);
        let mut business = domains.filter(|domain| !company.definitions.is_free_mail(domain));
        let account = business.find_map(|domain| of_domain(&domain, &users, company));
        found.extend(account.map(|account| (master.clone(), account)));
    }
    found
}

/// Returns the one account of a mail domain: the one whose site it is, or that of a record that was
/// merged into it; where no account has that domain, the one without a site whose people alone use
/// it.
fn of_domain(
    domain: &str,
    users: &BTreeMap<String, BTreeSet<String>>,
    company: &Company,
) -> Option<String> {
    let left = &company.account_chains.left;
    let sites = |account: &str| -> BTreeSet<String> {
        if !left.contains(account) {
            return BTreeSet::new();
        }
        let own = company.accounts.iter().filter(|one| company.master(&one.id) == account);
        own.filter_map(|one| one.domain.clone()).collect()
    };
    let only = |accounts: BTreeSet<String>| -> Option<String> {
        if accounts.len() == 1 { accounts.into_iter().next() } else { None }
    };
    let owners: BTreeSet<String> =
        left.iter().filter(|id| sites(id).contains(domain)).cloned().collect();
    if !owners.is_empty() {
        return only(owners);
    }
    only(users.get(domain).cloned().unwrap_or_default()).filter(|account| sites(account).is_empty())
}

/// Returns the person of a contact that has an address of a lead and belongs to the same account.
fn same_address(
    lead: &String,
    leads: &BTreeSet<String>,
    groups: &Groups<'_>,
    accounts: &BTreeMap<String, String>,
) -> Option<String> {
    let account = accounts.get(lead)?;
    let mut contacts: Vec<(String, Option<String>, &String)> = Vec::new();
    for (master, rows) in groups.iter().filter(|(other, _)| accounts.get(*other) == Some(account)) {
        let own = rows.iter().filter(|row| !leads.contains(&id(row)));
        contacts.extend(own.map(|row| (id(row), address(row), master)));
    }
    contacts.sort();
    let mut own: Vec<&&Row> = groups[lead].iter().collect();
    own.sort_by_key(|row| id(row));
    let addresses = own.into_iter().filter_map(|row| address(row));
    let same = |wanted: String| {
        contacts
            .iter()
            .find(|(_, address, _)| *address == Some(wanted.clone()))
            .map(|found| found.2)
    };
    addresses.filter_map(same).next().cloned()
}

/// Makes a person of its records; of what several say, the one that was created first counts.
fn person(
    master: &str,
    mut rows: Vec<&Row>,
    accounts: &BTreeMap<String, String>,
    company: &Company,
) -> Person {
    rows.sort_by_key(|row| (created(row), id(row)));
    let utm = |row: &&Row| {
        ["UTM_Source__c", "UTM_Medium__c", "UTM_Campaign__c"].map(|name| row.text(name).to_owned())
    };
    let said = |utm: &[String; 3]| utm.iter().any(|text| !text.is_empty());
    Person {
        id: master.to_owned(),
        account: accounts.get(master).cloned(),
        created_at: rows.iter().filter_map(|row| created(row)).min().unwrap_or(Timestamp::MIN),
        lead_source: rows.iter().find_map(|row| row.maybe("LeadSource")).unwrap_or_default(),
        utm: rows.iter().map(utm).find(said).unwrap_or_default(),
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

impl Company {
    /// Returns the account that an account was merged into, at the end of the chain.
    pub(super) fn master(&self, id: &str) -> String {
        self.account_chains.end(id)
    }

    pub(super) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id && !account.gone)
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
