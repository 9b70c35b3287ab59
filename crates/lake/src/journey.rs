//! Journeys: the touches of each account in order of time, cut to the window of each deal.
//!
//! One pass over columns of touches, then one visit per window. Apart from the relations because it
//! is the one place where every touch meets every deal, and the pairs are many times the rows: a
//! join and four window functions in SQL build all of them, this builds none.
//!
//! Method: touches that no window can want are dropped as they come ([`AccountSet`]); the others go
//! to one of up to 1024 partitions by the low bits of their account, so that a partition fits the
//! cache (radix partitioning; Boncz, Manegold and Kersten 1999). A visit sorts a partition by
//! account with a counting sort, each account by time (mostly it is sorted already), and finds each
//! window by binary search. The time is linear in the touches. Above the memory limit all
//! partitions are appended to one temporary file that has no name, so it is gone even after a
//! crash.
//!
//! Times are microseconds since 1970, UTC. Touches at one instant are ordered by payload, hence the
//! order of pushes, spilling and the number of threads change nothing.

pub mod credit;
mod partition;
mod spill;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::error::LakeError;
use partition::{Chunk, Partition, RECORD_BYTES, RECORDS_A_CHUNK, Scratch};
use spill::Spill;

/// A touch inside the kernel: 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Touch {
    /// When, in microseconds since 1970, UTC.
    pub at: i64,
    /// The caller's own: the row's ordinal, or channel and programme packed. It breaks ties in
    /// time. Payloads below 2^32 take 4 bytes in the store, larger ones 8.
    pub payload: u64,
}

/// The window of a deal: touches of `account` with `from <= at <= to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Ordinal of the account.
    pub account: u32,
    /// First instant, included.
    pub from: i64,
    /// Last instant, included. Before `from`: the window is empty.
    pub to: i64,
}

/// What the windows can want: for each account an interval of time, 2 bytes each.
///
/// The interval spans all windows of the account and is rounded outwards to at most 256 steps of
/// the whole span (about three days of two years), so that the test is one load and the table of a
/// million accounts stays in the cache.
#[derive(Debug, Clone)]
pub struct AccountSet {
    base: i64,
    shift: u32,
    /// First and last step; `NOTHING` where the account has no window.
    steps: Vec<[u8; 2]>,
}

/// No step lies in it.
const NOTHING: [u8; 2] = [1, 0];

impl AccountSet {
    /// Makes the set of what these windows can want.
    ///
    /// Windows that are empty, or of an account that is not below `n_accounts`, want nothing.
    pub fn from_windows(n_accounts: u32, windows: &[Window]) -> Self {
        let wanting = || windows.iter().filter(|window| window.from <= window.to);
        let base = wanting().map(|window| window.from).min().unwrap_or(0);
        let end = wanting().map(|window| window.to).max().unwrap_or(0);
        let n_bits = u64::BITS - end.abs_diff(base).leading_zeros();
        let mut set = Self {
            base,
            shift: n_bits.saturating_sub(u8::BITS),
            steps: vec![NOTHING; n_accounts as usize],
        };
        for window in wanting() {
            let (from, to) = (set.step(window.from), set.step(window.to));
            let Some(steps) = set.steps.get_mut(window.account as usize) else { continue };
            *steps = match *steps {
                NOTHING => [from, to],
                [first, last] => [first.min(from), last.max(to)],
            };
        }
        set
    }

    /// Makes the set of these accounts, wanted at any time. Accounts not below `n_accounts` are
    /// left out.
    pub fn from_accounts(n_accounts: u32, accounts: impl IntoIterator<Item = u32>) -> Self {
        let mut steps = vec![NOTHING; n_accounts as usize];
        for account in accounts {
            if let Some(steps) = steps.get_mut(account as usize) {
                *steps = [0, u8::MAX];
            }
        }
        Self { base: i64::MIN, shift: u64::BITS - u8::BITS, steps }
    }

    /// Returns whether a touch of this account at this time may be wanted.
    ///
    /// Never `false` for a touch inside a window; sometimes `true` for one shortly outside.
    #[inline]
    pub fn contains(&self, account: u32, at: i64) -> bool {
        // An instant before the base wraps to an offset beyond the end. Whether it is kept is a
        // matter of memory only, because the windows are cut exactly later.
        let step = at.wrapping_sub(self.base).cast_unsigned() >> self.shift;
        match self.steps.get(account as usize) {
            Some([first, last]) => u64::from(*first) <= step && step <= u64::from(*last),
            None => false,
        }
    }

    fn step(&self, at: i64) -> u8 {
        let step = at.wrapping_sub(self.base).cast_unsigned() >> self.shift;
        u8::try_from(step).unwrap_or(u8::MAX)
    }
}

/// Rows of which [`TouchStore::push_columns`] first decides which ones it keeps.
const BLOCK_ROWS: usize = 1024;

/// Touches as they come, by partition.
///
/// An account that is not below the number of accounts is nobody: its touches are dropped and its
/// windows are empty. `u32::MAX` stands for *no account* therefore.
#[derive(Debug)]
pub struct TouchStore {
    n_accounts: u32,
    wanted: Option<AccountSet>,
    partitions: Vec<Partition>,
    mask: u32,
    bits: u32,
    /// Chunks that were spilled and may be filled again.
    free: Vec<Chunk>,
    bytes: usize,
    bytes_limit: usize,
    spill_dir: Option<PathBuf>,
    spill: Option<Spill>,
    /// Files of stores that were taken in.
    spills: Vec<Spill>,
}

impl TouchStore {
    /// Makes an empty store for accounts `0..n_accounts`.
    ///
    /// What is not `wanted` is dropped at once; without a set everything is kept. Above
    /// `memory_limit_bytes` the touches go to a temporary file in `spill_dir`; without a folder
    /// they stay in memory, whatever the limit. A visit needs, beyond the limit, the largest
    /// partition once for each thread.
    pub fn new(
        n_accounts: u32,
        wanted: Option<&AccountSet>,
        memory_limit_bytes: usize,
        spill_dir: Option<&Path>,
    ) -> Self {
        // About five hundred accounts each: small enough for the cache, and few enough that the
        // open ends of all stay there while touches come.
        let n_partitions = (n_accounts >> 9).clamp(64.min(n_accounts.max(1)), 1024);
        let n_partitions = n_partitions.next_power_of_two();
        Self {
            n_accounts,
            wanted: wanted.cloned(),
            partitions: (0..n_partitions).map(|_| Partition::default()).collect(),
            mask: n_partitions - 1,
            bits: n_partitions.trailing_zeros(),
            free: Vec::new(),
            bytes: 0,
            bytes_limit: memory_limit_bytes,
            spill_dir: spill_dir.map(Path::to_owned),
            spill: None,
            spills: Vec::new(),
        }
    }

    /// Takes one touch. Fails only where the disk refuses a spill.
    #[inline]
    pub fn push(&mut self, account: u32, at: i64, payload: u64) -> Result<(), LakeError> {
        let wanted = match &self.wanted {
            Some(wanted) => wanted.contains(account, at),
            None => account < self.n_accounts,
        };
        if wanted { self.keep(account, at, payload) } else { Ok(()) }
    }

    #[inline]
    fn keep(&mut self, account: u32, at: i64, payload: u64) -> Result<(), LakeError> {
        let index = (account & self.mask) as usize;
        let local = account >> self.bits;
        match self.partitions.get_mut(index) {
            Some(partition) if partition.has_room(payload) => {
                partition.push(local, at, payload);
                Ok(())
            }
            _ => self.push_slow(index, local, Touch { at, payload }),
        }
    }

    /// Takes touches from three columns of the same length.
    pub fn push_columns(
        &mut self,
        accounts: &[u32],
        at: &[i64],
        payloads: &[u64],
    ) -> Result<(), LakeError> {
        assert!(
            accounts.len() == at.len() && at.len() == payloads.len(),
            "columns differ in length"
        );
        // First which rows, without a branch, then those: mostly two of three are dropped, and
        // guessing which ones costs more than writing an index in vain.
        let mut chosen = [0_u16; BLOCK_ROWS];
        let blocks = accounts.chunks(BLOCK_ROWS).zip(at.chunks(BLOCK_ROWS));
        for ((accounts, at), payloads) in blocks.zip(payloads.chunks(BLOCK_ROWS)) {
            let Some(wanted) = &self.wanted else {
                for ((account, at), payload) in accounts.iter().zip(at).zip(payloads) {
                    self.push(*account, *at, *payload)?;
                }
                continue;
            };
            let mut n_chosen = 0;
            for (row, (account, at)) in (0_u16..).zip(accounts.iter().zip(at)) {
                if let Some(place) = chosen.get_mut(n_chosen) {
                    *place = row;
                }
                n_chosen += usize::from(wanted.contains(*account, *at));
            }
            for row in chosen.iter().take(n_chosen).map(|row| usize::from(*row)) {
                if let (Some(account), Some(at), Some(payload)) =
                    (accounts.get(row), at.get(row), payloads.get(row))
                {
                    self.keep(*account, *at, *payload)?;
                }
            }
        }
        Ok(())
    }

    /// Takes in another store of the same number of accounts, as a second thread has filled it.
    pub fn append(&mut self, other: Self) {
        assert_eq!(self.n_accounts, other.n_accounts, "stores of different accounts");
        let n_spills = self.spills.len();
        // Own file last, so that the numbers given out before stay what they are.
        let own = other.spill.map(|spill| (other.spills.len(), spill));
        self.spills.extend(other.spills);
        let own_at = n_spills + own.as_ref().map_or(0, |(before, _)| *before);
        self.spills.extend(own.map(|(_, spill)| spill));
        for (partition, others) in self.partitions.iter_mut().zip(other.partitions) {
            partition.append(others, n_spills, own_at);
        }
        self.bytes += other.bytes;
    }

    /// Ends the pushes.
    pub fn finish(self) -> Result<Journeys, LakeError> {
        let mut spills: Vec<Mutex<Spill>> = self.spills.into_iter().map(Mutex::new).collect();
        let own_at = spills.len();
        spills.extend(self.spill.map(Mutex::new));
        let mut partitions = self.partitions;
        for partition in &mut partitions {
            partition.own_spill_is(own_at);
        }
        Ok(Journeys {
            partitions,
            mask: self.mask,
            bits: self.bits,
            n_locals: (self.n_accounts >> self.bits) as usize + 1,
            wanted: self.wanted,
            spills,
        })
    }

    /// Returns the number of accounts that it was made for.
    pub fn n_accounts(&self) -> u32 {
        self.n_accounts
    }

    /// Returns how many touches were kept.
    pub fn n_touches(&self) -> u64 {
        self.partitions.iter().map(Partition::n_touches).sum()
    }

    #[cold]
    #[inline(never)]
    fn push_slow(&mut self, index: usize, local: u32, touch: Touch) -> Result<(), LakeError> {
        let chunk_bytes = RECORDS_A_CHUNK * RECORD_BYTES;
        if self.partitions.get(index).is_some_and(Partition::needs_chunk) {
            if self.bytes > 0 && self.bytes + chunk_bytes > self.bytes_limit {
                self.spill_all()?;
            }
            let chunk = self.free.pop().unwrap_or_else(Chunk::with_room);
            self.bytes += chunk_bytes;
            if let Some(partition) = self.partitions.get_mut(index) {
                partition.open(chunk);
            }
        }
        if let Some(partition) = self.partitions.get_mut(index) {
            self.bytes += partition.push_wide(local, touch.at, touch.payload);
        }
        Ok(())
    }

    /// Moves every touch in memory to the file; nothing happens without a folder.
    fn spill_all(&mut self) -> Result<(), LakeError> {
        let Some(dir) = &self.spill_dir else { return Ok(()) };
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(Spill::new(dir)?),
        };
        for partition in &mut self.partitions {
            partition.spill(spill, &mut self.free)?;
        }
        self.bytes = 0;
        Ok(())
    }
}

/// All touches, ready to be visited by window; as often as needed.
#[derive(Debug)]
pub struct Journeys {
    partitions: Vec<Partition>,
    mask: u32,
    bits: u32,
    n_locals: usize,
    wanted: Option<AccountSet>,
    spills: Vec<Mutex<Spill>>,
}

/// The partitions of a fold make at most so many groups, whatever the number of threads.
const N_GROUPS: usize = 64;

impl Journeys {
    /// Calls `visit` with the index of each window and its touches, sorted by time and payload.
    ///
    /// Windows without touches are visited with none. The order is by partition, then by account,
    /// then by index. Every window must lie inside what was wanted when the touches were taken.
    pub fn visit(
        &mut self,
        windows: &[Window],
        visit: &mut impl FnMut(usize, &[Touch]),
    ) -> Result<(), LakeError> {
        let by_partition = self.by_partition(windows);
        let mut scratch = Scratch::default();
        for partition in 0..self.partitions.len() {
            self.visit_partition(partition, windows, &by_partition, &mut scratch, visit)?;
        }
        Ok(())
    }

    /// Visits every window on all threads of the current pool and folds what they made.
    ///
    /// Each of at most 64 groups of partitions starts with an `empty` state; `join` receives the
    /// states in the order of the groups. The groups do not depend on the number of threads, so
    /// even a sum of floats is always the same. At most four states for each thread exist at a
    /// time.
    pub fn fold<T: Send>(
        &self,
        windows: &[Window],
        empty: impl Fn() -> T + Sync,
        visit: impl Fn(&mut T, usize, &[Touch]) + Sync,
        mut join: impl FnMut(&mut T, T),
    ) -> Result<T, LakeError> {
        let by_partition = self.by_partition(windows);
        let n_partitions = self.partitions.len();
        let step = n_partitions.div_ceil(N_GROUPS);
        let starts: Vec<usize> = (0..n_partitions).step_by(step).collect();
        let mut all = empty();
        for wave in starts.chunks(4 * rayon::current_num_threads()) {
            let states: Vec<Result<T, LakeError>> = wave
                .par_iter()
                .map_init(Scratch::default, |scratch, start| {
                    let mut state = empty();
                    let mut visit = |window: usize, touches: &[Touch]| {
                        visit(&mut state, window, touches);
                    };
                    for partition in *start..n_partitions.min(start + step) {
                        self.visit_partition(
                            partition,
                            windows,
                            &by_partition,
                            scratch,
                            &mut visit,
                        )?;
                    }
                    Ok(state)
                })
                .collect();
            for state in states {
                join(&mut all, state?);
            }
        }
        Ok(all)
    }

    /// Returns how many touches were kept.
    pub fn n_touches(&self) -> u64 {
        self.partitions.iter().map(Partition::n_touches).sum()
    }

    /// Returns how many bytes went to temporary files.
    pub fn bytes_spilled(&self) -> u64 {
        let size =
            |spill: &Mutex<Spill>| spill.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.spills.iter().map(size).sum()
    }

    /// Sorts the windows by partition (counting sort).
    fn by_partition(&self, windows: &[Window]) -> ByPartition {
        let mut starts = vec![0_usize; self.partitions.len() + 2];
        let index_of = |window: &Window| (window.account & self.mask) as usize;
        for window in windows {
            let kept = self.wanted.as_ref().is_none_or(|wanted| {
                window.from > window.to
                    || window.account as usize >= wanted.steps.len()
                    || (window.from >= wanted.base
                        && wanted.contains(window.account, window.from)
                        && wanted.contains(window.account, window.to))
            });
            assert!(kept, "{window:?} lies outside of what was kept");
            if let Some(count) = starts.get_mut(index_of(window) + 2) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut order = vec![0; windows.len()];
        for (index, window) in windows.iter().enumerate() {
            if let Some(next) = starts.get_mut(index_of(window) + 1) {
                if let Some(place) = order.get_mut(*next) {
                    *place = index;
                }
                *next += 1;
            }
        }
        ByPartition { order, starts }
    }

    fn visit_partition(
        &self,
        index: usize,
        windows: &[Window],
        by_partition: &ByPartition,
        scratch: &mut Scratch,
        visit: &mut impl FnMut(usize, &[Touch]),
    ) -> Result<(), LakeError> {
        let (Some(partition), order) = (self.partitions.get(index), by_partition.of(index)) else {
            return Ok(());
        };
        if order.is_empty() {
            return Ok(());
        }
        scratch.load(partition, self.n_locals, &self.spills)?;
        let mut order: Vec<(u32, usize)> = order
            .iter()
            .filter_map(|window| Some((windows.get(*window)?.account >> self.bits, *window)))
            .collect();
        order.sort_unstable();
        let mut sorted = None;
        for (local, index) in order {
            let Some(window) = windows.get(index) else { continue };
            let touches = scratch.account_mut(local as usize);
            if sorted != Some(local) {
                // The stable sort, because it merges runs that are sorted already: those of two
                // threads, or of two files.
                if !touches.is_sorted() {
                    touches.sort();
                }
                sorted = Some(local);
            }
            let end = touches.partition_point(|touch| touch.at <= window.to);
            let touches = touches.get(..end).unwrap_or_default();
            let start = touches.partition_point(|touch| touch.at < window.from);
            visit(index, touches.get(start..).unwrap_or_default());
        }
        Ok(())
    }
}

/// Indices of windows, those of each partition together.
#[derive(Debug)]
struct ByPartition {
    order: Vec<usize>,
    starts: Vec<usize>,
}

impl ByPartition {
    fn of(&self, partition: usize) -> &[usize] {
        match self.starts.get(partition..partition + 2) {
            Some([start, end]) => self.order.get(*start..*end).unwrap_or_default(),
            _ => &[],
        }
    }
}
