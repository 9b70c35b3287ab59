//! Touches: streamed once, resolved to account, program and channel, counted or set apart.
//!
//! A touch belongs to the account of its person, else to the account that it names. One that is
//! invalid, or a mere send where only responses count, is set apart and counted. What counts and
//! has an account is kept in some 50 bytes; all others only leave their numbers.

#![expect(clippy::indexing_slicing, reason = "dense codes index arrays of their own number")]

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use domain::Definitions;

use super::channels::{Channel, Channels, Look};
use super::days::{Day, Days, Micros};
use super::facts::{Batch, Facts};
use super::identity::Identity;
use super::names::{NONE, Names, Texts};
use super::programs::Programs;
use crate::error::LakeError;
use crate::journey::{self, Window};

/// The columns that a build reads.
pub(crate) const COLUMNS: &[&str] = &[
    "id",
    "person_id",
    "account_id",
    "at",
    "kind",
    "program_id",
    "channel",
    "source",
    "medium",
    "campaign",
    "responded",
    "invalid",
    "status",
];

/// What is kept of touches that count and have an account, one entry each.
#[derive(Default, Debug)]
pub(crate) struct TouchStore {
    pub(crate) account: Vec<u32>,
    pub(crate) at: Vec<Micros>,
    pub(crate) channel: Vec<Channel>,
    pub(crate) program: Vec<u32>,
    pub(crate) person: Vec<u32>,
    pub(crate) kind: Vec<u32>,
    pub(crate) id: Texts,
    /// Numbers of the entries by account, time and identifier.
    order: Vec<u32>,
    starts: Vec<u32>,
}

impl TouchStore {
    /// Puts the touches of each account in order of time, ties by identifier.
    pub(crate) fn finish(&mut self, n_accounts: usize) -> Result<(), LakeError> {
        let accounts = u32::try_from(n_accounts).unwrap_or(u32::MAX);
        let mut kernel = journey::TouchStore::new(accounts, None, usize::MAX, None);
        self.starts = vec![0_u32; n_accounts + 1];
        for ((&account, &at), touch) in self.account.iter().zip(&self.at).zip(0_u64..) {
            kernel.push(account, at, touch)?;
            self.starts[account as usize + 1] += 1;
        }
        for at in 1..self.starts.len() {
            self.starts[at] += self.starts[at - 1];
        }
        let whole = |account| Window { account, from: i64::MIN, to: i64::MAX };
        let windows: Vec<Window> = (0..accounts).map(whole).collect();
        let mut order = vec![0_u32; self.account.len()];
        let (starts, at, id) = (&self.starts, &self.at, &self.id);
        kernel.finish()?.visit(&windows, &mut |account, touches| {
            let own = &mut order[starts[account] as usize..starts[account + 1] as usize];
            for (slot, touch) in own.iter_mut().zip(touches) {
                // Fewer than 2^32 touches are kept, as their numbers are.
                *slot = u32::try_from(touch.payload).unwrap_or(NONE);
            }
            // The kernel breaks ties by the order of rows, which must not matter.
            for tied in own.chunk_by_mut(|a, b| at[*a as usize] == at[*b as usize]) {
                tied.sort_unstable_by(|a, b| id.get(*a as usize).cmp(id.get(*b as usize)));
            }
        })?;
        self.order = order;
        Ok(())
    }

    /// Returns the touches of an account in order of time, as numbers of entries.
    pub(crate) fn of(&self, account: u32) -> &[u32] {
        let at = account as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(&from), Some(&to)) => &self.order[from as usize..to as usize],
            _ => &[],
        }
    }

    /// Returns those touches of an account with `from <= at <= to`.
    pub(crate) fn within(&self, account: u32, from: Micros, to: Micros) -> &[u32] {
        let all = self.of(account);
        let first = all.partition_point(|touch| self.at[*touch as usize] < from);
        let last = all.partition_point(|touch| self.at[*touch as usize] <= to);
        all.get(first..last).unwrap_or(&[])
    }
}

/// Numbers of touches, by what became of them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize, serde::Deserialize)]
pub struct TouchCounts {
    /// Touches in the facts, withdrawn ones left out.
    pub read: u64,
    /// Those that count and have an account.
    pub used: u64,
    /// Those that count and have no account, although a person is named.
    pub unknown_person: u64,
    /// Those that count and have no account, because the person has none or nobody is named.
    pub nobody: u64,
    /// Mere sends, where only responses count.
    pub sends: u64,
    /// Machine clicks and others that do not count.
    pub invalid: u64,
    /// Those after the as-of day.
    pub future: u64,
    /// Those that count and fit no channel rule.
    pub unmapped: u64,
}

impl TouchCounts {
    /// Adds those of further touches.
    pub(crate) fn add(&mut self, more: &Self) {
        self.read += more.read;
        self.used += more.used;
        self.unknown_person += more.unknown_person;
        self.nobody += more.nobody;
        self.sends += more.sends;
        self.invalid += more.invalid;
        self.future += more.future;
        self.unmapped += more.unmapped;
    }
}

/// Touches of a program, channel and day.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct DayCounts {
    pub(crate) counted: u64,
    pub(crate) invalid: u64,
    pub(crate) sends: u64,
}

/// The first touch of a person that counts, by time and identifier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct FirstTouch {
    pub(crate) at: Micros,
    pub(crate) id: Box<str>,
    pub(crate) channel: Channel,
    pub(crate) program: u32,
}

/// A touch that counts, of a person without an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lone {
    pub(crate) person: u32,
    pub(crate) at: Micros,
    pub(crate) channel: Channel,
    pub(crate) program: u32,
}

/// What a touch says, by the values that decide channel and program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class {
    pub(crate) channel: Channel,
    pub(crate) program: u32,
    pub(crate) kind: u32,
}

/// Finds channel and program of touches; each distinct set of values is looked at once.
#[derive(Default, Debug)]
pub(crate) struct Classes {
    known: HashMap<Vec<u8>, Class>,
    key: Vec<u8>,
    /// Kinds of touches.
    pub(crate) kinds: Names,
}

/// The most sets of values that are remembered.
const CLASSES_MAX: usize = 1 << 20;

impl Classes {
    /// Finds the class of a touch with these values; `look` has no program yet.
    pub(crate) fn of(
        &mut self,
        look: &Look<'_>,
        program_id: Option<&str>,
        programs: &mut Programs,
        channels: &mut Channels,
    ) -> Class {
        self.key.clear();
        let parts =
            [look.kind, look.source, look.medium, look.campaign, look.channel_text, program_id];
        for part in parts {
            self.key.extend_from_slice(part.unwrap_or("").as_bytes());
            self.key.push(0x1f);
        }
        if let Some(class) = self.known.get(&self.key) {
            return *class;
        }
        let program = programs.of_touch(program_id, look.campaign, channels);
        let mut full = *look;
        if let Some(program) = programs.get(program) {
            full.program_kind = program.kind.as_deref();
            full.program_name = program.name.as_deref();
            full.platform = program.platform.as_deref();
            full.channel_text = full.channel_text.or(program.channel_text.as_deref());
        }
        let kind = look.kind.map_or(NONE, |kind| self.kinds.code(kind));
        let class = Class { channel: channels.of(&full), program, kind };
        if self.known.len() < CLASSES_MAX {
            self.known.insert(self.key.clone(), class);
        }
        class
    }
}

/// All that is gathered from the touches.
#[derive(Default, Debug)]
pub(crate) struct Gathered {
    pub(crate) store: TouchStore,
    pub(crate) counts: TouchCounts,
    days: HashMap<(u32, Channel, Day), DayCounts>,
    /// The same in order, from [`Gathered::settle`].
    pub(crate) by_day: Vec<((u32, Channel, Day), DayCounts)>,
    /// By code of the person.
    pub(crate) first: Vec<Option<FirstTouch>>,
    pub(crate) classes: Classes,
    /// Touches of people without an account.
    pub(crate) lone: Vec<Lone>,
    /// Identifiers of persons that no record knows, of touches that name an account.
    pub(crate) strangers: Names,
}

/// Which statuses the definitions hold to be invalid, each looked up once.
#[derive(Clone, Debug)]
pub(crate) struct InvalidStatuses {
    definitions: Arc<Definitions>,
    known: HashMap<Box<str>, bool>,
}

impl InvalidStatuses {
    /// Those of the definitions.
    pub(crate) fn new(definitions: &Arc<Definitions>) -> Self {
        Self { definitions: Arc::clone(definitions), known: HashMap::new() }
    }

    /// True where a touch with this status does not count.
    pub(crate) fn holds(&mut self, status: &str) -> bool {
        if self.definitions.invalid_statuses.is_empty() {
            return false;
        }
        if let Some(&invalid) = self.known.get(status) {
            return invalid;
        }
        let invalid = self.definitions.is_invalid_status(status);
        self.known.insert(status.into(), invalid);
        invalid
    }
}

/// What the touches are resolved against.
pub(crate) struct Against<'a> {
    pub(crate) identity: &'a mut Identity,
    pub(crate) programs: &'a mut Programs,
    pub(crate) channels: &'a mut Channels,
    pub(crate) days: &'a Days,
    pub(crate) responses_only: bool,
    pub(crate) invalid: InvalidStatuses,
    pub(crate) end: Micros,
    /// By code of the person: the last instant at which its first touch can be.
    pub(crate) first_until: &'a [Micros],
}

impl Gathered {
    /// Streams the touches.
    pub(crate) fn read(
        &mut self,
        facts: &dyn Facts,
        against: &mut Against<'_>,
        total: u64,
        progress: &mut dyn FnMut(&str, u64, u64),
    ) -> Result<(), LakeError> {
        self.first.resize(against.first_until.len(), None);
        facts.scan("touch", COLUMNS, &mut |batch| {
            self.take(&batch, against);
            progress("touches", self.counts.read, total.max(self.counts.read));
            Ok(())
        })
    }

    /// Takes in a batch of [`COLUMNS`].
    pub(crate) fn take(&mut self, batch: &RecordBatch, against: &mut Against<'_>) {
        let view = Batch(batch);
        let ids = view.texts(0);
        let persons = view.texts(1);
        let accounts = view.texts(2);
        let instants = view.instants(3);
        let (kinds, programs, channel_texts) = (view.texts(4), view.texts(5), view.texts(6));
        let (sources, mediums, campaigns) = (view.texts(7), view.texts(8), view.texts(9));
        let (responded, invalid) = (view.booleans(10), view.booleans(11));
        let statuses = view.texts(12);
        for row in 0..batch.num_rows() {
            self.counts.read += 1;
            let Some(at) = Batch::instant(instants, row).filter(|at| *at <= against.end) else {
                self.counts.future += 1;
                continue;
            };
            let look = Look {
                kind: Batch::text(kinds, row),
                source: Batch::text(sources, row),
                medium: Batch::text(mediums, row),
                campaign: Batch::text(campaigns, row),
                channel_text: Batch::text(channel_texts, row),
                ..Look::default()
            };
            let program_id = Batch::text(programs, row);
            let class = self.classes.of(&look, program_id, against.programs, against.channels);
            let day = against.days.day(at);
            let day_counts = self.days.entry((class.program, class.channel, day)).or_default();
            let refused =
                Batch::text(statuses, row).is_some_and(|status| against.invalid.holds(status));
            if refused || Batch::flag(invalid, row) == Some(true) {
                self.counts.invalid += 1;
                day_counts.invalid += 1;
                continue;
            }
            if Batch::flag(responded, row) == Some(false) {
                day_counts.sends += 1;
                if against.responses_only {
                    self.counts.sends += 1;
                    continue;
                }
            }
            day_counts.counted += 1;
            if class.channel == against.channels.unknown() {
                self.counts.unmapped += 1;
            }
            let id = Batch::text(ids, row).unwrap_or("");
            self.count(
                id,
                at,
                class,
                Batch::text(persons, row),
                Batch::text(accounts, row),
                against,
            );
        }
    }

    /// Takes in a touch that counts.
    fn count(
        &mut self,
        id: &str,
        at: Micros,
        class: Class,
        person_id: Option<&str>,
        account_id: Option<&str>,
        against: &mut Against<'_>,
    ) {
        let person = person_id.and_then(|id| against.identity.person_codes.get(id)).copied();
        let mut account = NONE;
        if let Some(person) = person {
            account = against.identity.people[person as usize].account;
            let first = &mut self.first[person as usize];
            if at <= against.first_until[person as usize]
                && first.as_ref().is_none_or(|first| (at, id) < (first.at, &*first.id))
            {
                let Class { channel, program, .. } = class;
                *first = Some(FirstTouch { at, id: id.into(), channel, program });
            }
        }
        if let (NONE, Some(id)) = (account, account_id) {
            account = against.identity.account(id);
        }
        if account == NONE {
            if let Some(person) = person {
                let Class { channel, program, .. } = class;
                self.lone.push(Lone { person, at, channel, program });
            }
            if person_id.is_some() && person.is_none() {
                self.counts.unknown_person += 1;
            } else {
                self.counts.nobody += 1;
            }
            return;
        }
        self.counts.used += 1;
        // Strangers are numbered behind the people.
        let n_people = u32::try_from(against.identity.people.len()).unwrap_or(NONE);
        let person = person.unwrap_or_else(|| match person_id {
            Some(id) => n_people.saturating_add(self.strangers.code(id)),
            None => NONE,
        });
        self.store.account.push(account);
        self.store.at.push(at);
        self.store.channel.push(class.channel);
        self.store.program.push(class.program);
        self.store.person.push(person);
        self.store.kind.push(class.kind);
        self.store.id.push(id);
    }

    /// Renumbers programs and kinds in order of their texts, so that the order in which they were
    /// met changes nothing. Returns the kinds.
    pub(crate) fn settle(&mut self, programs: &mut Programs) -> Vec<Arc<str>> {
        let places = programs.sort();
        let renumber = |code: &mut u32| {
            *code = places.get(*code as usize).copied().unwrap_or(NONE);
        };
        self.store.program.iter_mut().for_each(renumber);
        for first in self.first.iter_mut().flatten() {
            renumber(&mut first.program);
        }
        self.lone.iter_mut().for_each(|touch| renumber(&mut touch.program));
        self.by_day = std::mem::take(&mut self.days).into_iter().collect();
        for ((program, _, _), _) in &mut self.by_day {
            renumber(program);
        }
        self.by_day.sort_unstable_by_key(|(key, _)| *key);
        let (kinds, places) = self.classes.kinds.sorted();
        for kind in &mut self.store.kind {
            *kind = places.get(*kind as usize).copied().unwrap_or(NONE);
        }
        kinds
    }
}
