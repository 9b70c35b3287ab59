//! The reference model: a company read from its exports, and its answers by plain loops.
//!
//! Money is in minor units of the reporting currency and exact; a share is a quotient of whole
//! numbers. What the words mean is `docs/spec/relations.md`; where that leaves a choice, the choice
//! is written where it is made.

mod answers;
mod chain;
mod credit;
mod deals;
mod files;
mod identity;
mod money;
mod people;
mod spend;
#[cfg(test)]
mod tests;
mod time;
mod touches;
mod units;

use std::path::{Path, PathBuf};

use domain::definition::Side;
use domain::{Definitions, FiscalCalendar};
use jiff::Timestamp;
use jiff::civil::Date;

pub use answers::ProgramRow;
pub use credit::{Credit, RULES, split};
pub use deals::Opportunity;
pub use people::{Lead, Person};
pub use spend::{Campaign, Spend};
pub use touches::Touch;

/// A company as its exports tell it, as of a day.
#[derive(Debug)]
pub struct Company {
    definitions: Definitions,
    calendar: FiscalCalendar,
    as_of: Date,
    /// The last instant that is known.
    end: Timestamp,
    accounts: Vec<identity::Account>,
    account_chains: identity::Chains,
    people: Vec<Person>,
    campaigns: Vec<Campaign>,
    touches: Vec<Touch>,
    leads: Vec<Lead>,
    opportunities: Vec<Opportunity>,
    spend: Vec<Spend>,
    spend_left_out: Vec<Spend>,
    moves: Vec<time::Move>,
    lifecycle: Vec<time::Step>,
}

impl Company {
    /// Reads the exports of a folder as of a day.
    ///
    /// # Panics
    ///
    /// Where an export cannot be read: this is for tests.
    pub fn read(folder: &Path, definitions: &Definitions, as_of: Date) -> Self {
        Self::read_all(&[folder.to_owned()], definitions, as_of)
    }

    /// Reads a series of extracts, oldest first, each a folder, as of a day.
    ///
    /// # Panics
    ///
    /// Where an export cannot be read.
    pub fn read_all(folders: &[PathBuf], definitions: &Definitions, as_of: Date) -> Self {
        let folder = files::Exports(folders);
        let calendar = definitions.calendar();
        let mut company = Self {
            definitions: definitions.clone(),
            end: calendar.end_of_day(as_of),
            calendar,
            as_of,
            accounts: Vec::new(),
            account_chains: identity::Chains::default(),
            people: Vec::new(),
            campaigns: Vec::new(),
            touches: Vec::new(),
            leads: Vec::new(),
            opportunities: Vec::new(),
            spend: Vec::new(),
            spend_left_out: Vec::new(),
            moves: Vec::new(),
            lifecycle: Vec::new(),
        };
        let rates = money::Rates::read(folder, definitions, as_of);
        (company.accounts, company.account_chains) = identity::accounts(folder, company.end);
        company.people = people::people(folder, &company);
        let ads = spend::ads(folder, as_of);
        company.campaigns = spend::campaigns(folder, &ads, &company);
        company.touches = touches::touches(folder, &company);
        company.leads = company.people.iter().map(|person| company.lead(person)).collect();
        company.opportunities = deals::opportunities(folder, &company, &rates);
        company.moves = time::moves(folder, &company);
        company.lifecycle = time::lifecycle(folder, &company);
        (company.spend, company.spend_left_out) = spend::spend(&ads, &company, &rates);
        company
    }

    /// Returns the deals, in the order of their ids.
    pub fn opportunities(&self) -> &[Opportunity] {
        &self.opportunities
    }

    /// Returns the touches, in order of time, then id.
    pub fn touches(&self) -> &[Touch] {
        &self.touches
    }

    /// Returns the people, each once, in the order of their ids.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Returns the people with the day on which they became known and what brought them.
    pub fn leads(&self) -> &[Lead] {
        &self.leads
    }

    /// Returns the spend, by platform, program and day; typed-in costs by month.
    pub fn spend(&self) -> &[Spend] {
        &self.spend
    }

    /// Returns the typed-in costs that a platform delivers as well.
    pub fn spend_left_out(&self) -> &[Spend] {
        &self.spend_left_out
    }

    /// Returns the campaigns, each name once.
    pub fn campaigns(&self) -> &[Campaign] {
        &self.campaigns
    }

    /// Returns the side of a channel; unknown where it is not declared.
    fn side(&self, channel: &str) -> Side {
        self.definitions.channel(channel).map_or(Side::Unknown, |channel| channel.side)
    }

    /// Returns the channel that the rules give to the fields that are not empty.
    fn channel(&self, fields: &[(&str, &str)]) -> Option<String> {
        let value_of = |field: &str| {
            let found =
                fields.iter().find(|(name, value)| *name == field && !value.trim().is_empty());
            found.map(|(_, value)| (*value).into())
        };
        self.definitions.channel_of(&value_of).map(|channel| channel.id.to_string())
    }

    fn campaign(&self, id: &str) -> Option<&Campaign> {
        self.campaigns.iter().find(|campaign| campaign.ids.iter().any(|own| own == id))
    }

    fn campaign_named(&self, name: &str) -> Option<&Campaign> {
        let folded = name.trim().to_lowercase();
        self.campaigns.iter().find(|campaign| campaign.name.trim().to_lowercase() == folded)
    }
}
