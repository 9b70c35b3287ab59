//! How many refusals of strangers are written down: the audit log is never shortened, so nobody
//! without a login may make it grow without end.
//!
//! From each network some rows a minute are written one by one, and some from all networks
//! together; what comes beyond is counted, and the count is one row when the minute is over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::types::Address;

/// The time of counting.
const MINUTE: Duration = Duration::from_mins(1);
/// Rows of one network in a minute.
const ROWS: u32 = 20;
/// Rows of all networks together in a minute.
const ROWS_OF_ALL: u32 = 300;
/// Networks that are told apart; those beyond are counted as one.
const NETWORKS_MOST: usize = 200;

type Network = [u8; 32];

/// The refusals of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Flood(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// None: those of no address, and of all networks that are not told apart.
    networks: HashMap<Option<Network>, Count>,
    all: Count,
}

#[derive(Debug, Default)]
struct Count {
    since: Duration,
    address: Option<Address>,
    rows: u32,
    left_out: u64,
}

impl Flood {
    /// True where a refusal is to be written down; counts it otherwise.
    pub(crate) fn admits(&self, from: Option<(Network, Address)>, now: Duration) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { networks, all } = &mut *counts;
        if now.saturating_sub(all.since) >= MINUTE {
            *all = Count { since: now, ..Count::default() };
        }
        let full = networks.len() >= NETWORKS_MOST;
        let from = from.filter(|(network, _)| !full || networks.contains_key(&Some(*network)));
        let (network, address) = from.unzip();
        let fresh = || Count { since: now, address, ..Count::default() };
        let count = networks.entry(network).or_insert_with(fresh);
        let admitted = count.rows < ROWS && all.rows < ROWS_OF_ALL;
        if admitted {
            count.rows = count.rows.saturating_add(1);
            all.rows = all.rows.saturating_add(1);
        } else {
            count.left_out = count.left_out.saturating_add(1);
        }
        admitted
    }

    /// Forgets the counts whose minute is over, and returns how many refusals they left out.
    pub(crate) fn ended(&self, now: Duration) -> Vec<(Option<Address>, u64)> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |count: &Count| now.saturating_sub(count.since) >= MINUTE;
        let ended = counts.networks.extract_if(|_, count| over(count));
        ended
            .filter(|(_, count)| count.left_out > 0)
            .map(|(_, count)| (count.address, count.left_out))
            .collect()
    }
}
