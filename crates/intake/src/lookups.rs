//! What one file must know of others: names of users, stages, currencies of ad accounts.
//!
//! Gathered in a first pass over the planned files, so that the order of files does not matter.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use domain::fact::{Fact, SourceRow};
use domain::{Cell, Diagnostic};

use crate::preset::{LookupKind, Shape};
use crate::settings::Settings;
use crate::survey::Planned;

/// A stage of a pipeline.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its label.
    pub label: Option<Arc<str>>,
    /// True where it ends a deal.
    pub closed: Option<bool>,
    /// True where it ends a deal well.
    pub won: Option<bool>,
}

/// A value with the time from which it holds: the newest stands.
type Versioned = (Option<jiff::Timestamp>, Arc<str>);

/// Values by key, from the lookup files of a load.
#[derive(Clone, Default, Debug)]
pub struct Lookups {
    users: BTreeMap<Arc<str>, Arc<str>>,
    stages: BTreeMap<Arc<str>, Stage>,
    ad_currencies: BTreeMap<(&'static str, Arc<str>), Versioned>,
    ad_campaigns: BTreeMap<Arc<str>, Versioned>,
    deal_companies: BTreeMap<Arc<str>, (bool, Arc<str>)>,
    engagement_contacts: BTreeMap<Arc<str>, Arc<str>>,
    engagement_companies: BTreeMap<Arc<str>, Arc<str>>,
    /// By campaign, then status.
    responses: BTreeMap<Arc<str>, BTreeMap<Arc<str>, bool>>,
}

impl Lookups {
    /// Reads the lookup files among the planned ones.
    pub fn gather(planned: &[Planned], settings: &Settings) -> (Self, Vec<Diagnostic>) {
        let mut lookups = Self::default();
        let mut diagnostics = Vec::new();
        for file in planned {
            let Shape::Lookup(kind) = file.shape() else { continue };
            let none = Self::default();
            let read = file.read_rows(settings, &none, &mut |row| {
                if let SourceRow::Accepted { facts, .. } = row {
                    for fact in facts.iter().filter(|fact| !fact.deleted) {
                        lookups.take(kind, fact);
                    }
                }
                ControlFlow::Continue(())
            });
            if let Err(rejected) = read {
                diagnostics.push(*rejected.0);
            }
        }
        (lookups, diagnostics)
    }

    fn take(&mut self, kind: LookupKind, fact: &Fact) {
        let text = |column: &str| match fact.cell(column) {
            Cell::Text(text) => Some(Arc::clone(text)),
            _ => None,
        };
        let boolean = |column: &str| match fact.cell(column) {
            Cell::Boolean(value) => Some(*value),
            _ => None,
        };
        let Some(key) = text("key") else { return };
        let at = match fact.cell("at") {
            Cell::Instant(at) => Some(*at),
            _ => None,
        };
        let newer = |old: Option<&Versioned>| old.is_none_or(|(before, _)| at >= *before);
        match kind {
            LookupKind::User => {
                let joined = [text("first"), text("last")];
                let joined: Vec<&str> = joined.iter().flatten().map(AsRef::as_ref).collect();
                let name =
                    text("value").or_else(|| (!joined.is_empty()).then(|| joined.join(" ").into()));
                if let Some(name) = name {
                    self.users.insert(key, name);
                }
            }
            LookupKind::Stage => {
                let stage =
                    Stage { label: text("value"), closed: boolean("closed"), won: boolean("won") };
                self.stages.insert(key, stage);
            }
            LookupKind::AdAccount(platform) => {
                if let Some(currency) = text("value") {
                    let key = (platform, key);
                    if newer(self.ad_currencies.get(&key)) {
                        self.ad_currencies.insert(key, (at, currency));
                    }
                }
            }
            LookupKind::Ad => {
                if let Some(campaign) = text("value")
                    && newer(self.ad_campaigns.get(&key))
                {
                    self.ad_campaigns.insert(key, (at, campaign));
                }
            }
            LookupKind::DealCompany => {
                if let Some(company) = text("value") {
                    // Type 5 is the primary company of a deal.
                    let primary = text("first").as_deref() == Some("5");
                    if primary || !self.deal_companies.contains_key(&key) {
                        self.deal_companies.insert(key, (primary, company));
                    }
                }
            }
            LookupKind::EngagementContact => {
                if let Some(contact) = text("value") {
                    self.engagement_contacts.entry(key).or_insert(contact);
                }
            }
            LookupKind::EngagementCompany => {
                if let Some(company) = text("value") {
                    self.engagement_companies.entry(key).or_insert(company);
                }
            }
            LookupKind::MemberStatus => {
                if let (Some(label), Some(counts)) = (text("value"), boolean("won")) {
                    self.responses.entry(key).or_default().insert(label, counts);
                }
            }
        }
    }

    /// Returns the name of a user.
    pub fn user(&self, id: &str) -> Option<&Arc<str>> {
        self.users.get(id)
    }

    /// Returns a stage by its id.
    pub fn stage(&self, id: &str) -> Option<&Stage> {
        self.stages.get(id)
    }

    /// Returns the currency of an ad account; where all known accounts of the platform share one
    /// currency, that of an account that is not known is the same.
    pub fn ad_currency(&self, platform: &'static str, account: &str) -> Option<&Arc<str>> {
        if let Some((_, currency)) = self.ad_currencies.get(&(platform, account.into())) {
            return Some(currency);
        }
        let mut known =
            self.ad_currencies.iter().filter(|((p, _), _)| *p == platform).map(|(_, (_, c))| c);
        let first = known.next()?;
        known.all(|other| other == first).then_some(first)
    }

    /// Returns the campaign of an ad.
    pub fn ad_campaign(&self, ad: &str) -> Option<&Arc<str>> {
        self.ad_campaigns.get(ad).map(|(_, campaign)| campaign)
    }

    /// Returns the company of a HubSpot deal, the primary one where it is known.
    pub fn deal_company(&self, deal: &str) -> Option<&Arc<str>> {
        self.deal_companies.get(deal).map(|(_, company)| company)
    }

    /// Returns the first contact of a HubSpot engagement.
    pub fn engagement_contact(&self, engagement: &str) -> Option<&Arc<str>> {
        self.engagement_contacts.get(engagement)
    }

    /// Returns the first company of a HubSpot engagement.
    pub fn engagement_company(&self, engagement: &str) -> Option<&Arc<str>> {
        self.engagement_companies.get(engagement)
    }

    /// Says whether a member status of a campaign counts as a response.
    pub fn counts_as_response(&self, campaign: &str, status: &str) -> Option<bool> {
        self.responses.get(campaign)?.get(status).copied()
    }
}
