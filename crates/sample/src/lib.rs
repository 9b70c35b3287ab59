//! A simulated company with known truth that writes exports in the sources' own formats.
//!
//! Fennmark Industrial sells monitoring software to factories. Its accounts have a true fit, its
//! channels true effects, its deals true causes; all of that is written to `truth.json` beside the
//! exports, so that an answer can be compared with what really happened. Everything is a function
//! of the [`Plan`]: the same seed gives the same bytes on any number of threads, and each account
//! is made from a stream of its own, so memory does not grow with the touches.
//!
//! Money is in whole minor units, instants are UTC, days are civil days. Randomness is
//! `SplitMix64`.

mod ads;
mod channel;
mod clock;
mod deal;
mod deal_rows;
mod ident;
mod market;
mod people_rows;
mod programs;
mod random;
mod record;
mod rows;
mod shared;
mod sheets;
pub mod small;
mod soil;
mod story;
#[cfg(test)]
mod tests;
mod touch_rows;
mod truth;
mod world;
mod write;

use std::path::Path;

use domain::Currency;
use jiff::civil::{Date, date};

pub use crate::channel::Channel;
pub use crate::write::{Layout, WriteError, Written};

/// The name of the company.
pub const COMPANY: &str = "Fennmark Industrial";

/// The definitions and mappings of the company, as (path, text).
pub const DEFINITIONS: &[(&str, &str)] = &[
    ("throughline.toml", include_str!("../definitions/throughline.toml")),
    ("definitions/attribution.toml", include_str!("../definitions/attribution.toml")),
    ("definitions/channels.toml", include_str!("../definitions/channels.toml")),
    ("definitions/goals.toml", include_str!("../definitions/goals.toml")),
    ("definitions/segments.toml", include_str!("../definitions/segments.toml")),
    ("definitions/demand.toml", include_str!("../definitions/demand.toml")),
    ("definitions/stages.toml", include_str!("../definitions/stages.toml")),
    ("mappings/budget.toml", include_str!("../mappings/budget.toml")),
    ("mappings/capacity.toml", include_str!("../mappings/capacity.toml")),
    ("mappings/lead_history.toml", include_str!("../mappings/lead_history.toml")),
];

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What all randomness follows from.
    pub seed: u64,
    /// Wanted number of touches, 1,000 to 100,000,000; accounts, people, deals and spend follow
    /// from it.
    pub touches: u64,
    /// First simulated day.
    pub from: Date,
    /// Last simulated day, the day of the exports.
    pub to: Date,
    /// How records go wrong.
    pub dirt: Dirt,
    /// Currencies that deals may be in; other countries buy in US dollars.
    pub currencies: Vec<Currency>,
    /// A channel that does not exist, to see what the others would have done.
    pub without: Option<Channel>,
}

impl Default for Plan {
    /// Three fiscal years to 2026-09-30, about 60,000 touches, clean records, four currencies.
    fn default() -> Self {
        let currencies = ["USD", "EUR", "GBP", "JPY"];
        Self {
            seed: 1,
            touches: 60_000,
            from: date(2023, 10, 1),
            to: date(2026, 9, 30),
            dirt: Dirt::none(),
            currencies: currencies.iter().filter_map(|code| code.parse().ok()).collect(),
            without: None,
        }
    }
}

/// Ways in which records go wrong, each with a switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dirt {
    /// Some leads are entered twice with the same address.
    pub duplicate_leads: bool,
    /// Some accounts and contacts have a second record, merged away later.
    pub merged_records: bool,
    /// Some lost deals are opened again.
    pub reopened_deals: bool,
    /// Some deals signed in the first days of a quarter are dated into the one before.
    pub backdated_stages: bool,
    /// Close dates are guesses that are pushed when they pass; without this they are known.
    pub pushed_close_dates: bool,
    /// Deals are made up in the last days of quarters, without touches, and lost later.
    pub stuffed_quarters: bool,
    /// Some trade show lists are uploaded weeks after the show.
    pub late_rows: bool,
    /// A page of a CRM report with 15-character ids lies beside the exports.
    pub short_ids: bool,
    /// There are test deals, members and activities that were deleted.
    pub deleted_rows: bool,
    /// Some stage labels end in a blank.
    pub blank_labels: bool,
    /// Some deals have no amount.
    pub missing_amounts: bool,
    /// Some deals have no account.
    pub orphan_deals: bool,
}

impl Dirt {
    /// Clean records.
    pub fn none() -> Self {
        Self::default()
    }

    /// All that goes wrong.
    pub fn all() -> Self {
        Self {
            duplicate_leads: true,
            merged_records: true,
            reopened_deals: true,
            backdated_stages: true,
            pushed_close_dates: true,
            stuffed_quarters: true,
            late_rows: true,
            short_ids: true,
            deleted_rows: true,
            blank_labels: true,
            missing_amounts: true,
            orphan_deals: true,
        }
    }

    /// Returns the names of the switches that are on.
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (self.duplicate_leads, "duplicate_leads"),
            (self.merged_records, "merged_records"),
            (self.reopened_deals, "reopened_deals"),
            (self.backdated_stages, "backdated_stages"),
            (self.pushed_close_dates, "pushed_close_dates"),
            (self.stuffed_quarters, "stuffed_quarters"),
            (self.late_rows, "late_rows"),
            (self.short_ids, "short_ids"),
            (self.deleted_rows, "deleted_rows"),
            (self.blank_labels, "blank_labels"),
            (self.missing_amounts, "missing_amounts"),
            (self.orphan_deals, "orphan_deals"),
        ];
        all.into_iter().filter_map(|(on, name)| on.then_some(name)).collect()
    }
}

/// A company, ready to write its exports; its accounts are made while it writes.
#[derive(Clone, Debug)]
pub struct Company {
    world: world::World,
}

/// Makes the company of a plan.
pub fn company(plan: &Plan) -> Company {
    Company { world: world::World::new(plan) }
}

impl Company {
    /// Returns how many companies its market has.
    pub fn n_accounts(&self) -> u64 {
        self.world.n_accounts
    }

    /// Writes the exports as of the last day, and `truth.json`, into a folder that is made if
    /// needed.
    pub fn write(&self, dir: &Path) -> Result<Written, WriteError> {
        self.write_as(dir, self.world.plan.to, &Layout::default(), &mut |_, _| {})
    }

    /// Writes the exports as they were at the end of a day: only rows that existed, with the values
    /// that they had. `progress` hears the accounts done and the accounts in all.
    pub fn write_as(
        &self,
        dir: &Path,
        day: Date,
        layout: &Layout,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Written, WriteError> {
        write::write(&self.world, dir, clock::day_of(day), layout, progress)
    }

    /// Writes the exports of several days, each into a folder named after its day (`2026-03-31`).
    pub fn write_drops(&self, dir: &Path, days: &[Date]) -> Result<(), WriteError> {
        write::write_drops(self, dir, days)
    }
}
