//! When the next digest is due, and what happens then.
//!
//! A week is named after the ISO week of the day on which its digest is due, so a change of day or
//! hour never sends a second one. A program that was off at the hour sends within a day of it;
//! after that the week is left out. Everything that must survive a restart is in the [`Ledger`].

use std::path::Path;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use domain::Answer;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::digest::{Links, digest};
use crate::error::Error;
use crate::ledger::{Ledger, State};
use crate::letter::{Letter, Reader};
use crate::post::{Fate, Post};
use crate::settings::Settings;

/// A digest is sent so long after its hour, and then no more.
const LATE_MOST: SignedDuration = SignedDuration::from_hours(24);
/// The wait after the first failure; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_mins(2);
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_hours(4);
/// Attempts in all.
const ATTEMPTS_MOST: u32 = 8;

/// The hour of the week at which digests are due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The day.
    pub day: Weekday,
    /// The full hour, from 0.
    pub hour: i8,
    /// The zone in which day and hour are meant.
    pub zone: TimeZone,
}

impl Slot {
    /// Returns the last time at or before `now`, with the name of its week, such as `2026-W47`.
    /// Where the clock skips the hour, it is the hour after; where it comes twice, the first.
    pub fn last(&self, now: Timestamp) -> Option<(Timestamp, String)> {
        let today = now.to_zoned(self.zone.clone()).date();
        let back = today.weekday().since(self.day);
        [back, back.saturating_add(7)].into_iter().find_map(|days| {
            let day = today.checked_sub(i64::from(days).days()).ok()?;
            let at = day.at(self.hour, 0, 0, 0).to_zoned(self.zone.clone()).ok()?.timestamp();
            let week = day.iso_week_date();
            (at <= now).then(|| (at, format!("{:04}-W{:02}", week.year(), week.week())))
        })
    }

    /// Returns the first time after `now`.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let today = now.to_zoned(self.zone.clone()).date();
        let ahead = today.weekday().until(self.day);
        [ahead, ahead.saturating_add(7)].into_iter().find_map(|days| {
            let day = today.checked_add(i64::from(days).days()).ok()?;
            let at = day.at(self.hour, 0, 0, 0).to_zoned(self.zone.clone()).ok()?.timestamp();
            (at > now).then_some(at)
        })
    }
}

/// What happened to a digest, for the log and the audit log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The account.
    pub account: String,
    /// The week.
    pub week: String,
    /// How far it is.
    pub state: State,
    /// Which attempt this was, from 1.
    pub attempt: u32,
    /// Why it was not sent; empty where it was.
    pub why: String,
}

/// Sends what is due, once.
#[derive(Debug)]
pub struct Schedule {
    slot: Slot,
    links: Links,
    ledger: Ledger,
    post: Post,
    settings: Settings,
}

impl Schedule {
    /// Opens the ledger in a folder. `zone` is the company's. Digests that were due before the
    /// first call are not sent.
    pub fn open(
        folder: &Path,
        settings: Settings,
        zone: TimeZone,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let ledger = Ledger::open(folder)?;
        ledger.begun(now)?;
        Ok(Self {
            slot: Slot { day: settings.day, hour: settings.hour, zone },
            links: Links::of(settings.base.clone()),
            post: Post::new(settings.clone()),
            ledger,
            settings,
        })
    }

    /// Waits so long for the mail server, instead of 20 seconds.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.post = self.post.patience(patience);
        self
    }

    /// What the settings say.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The ledger of what was sent.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns when the next digest is due.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.slot.next(now)
    }

    /// Returns the week whose digest is to be sent by now, if any.
    pub fn due(&self, now: Timestamp) -> Result<Option<String>, Error> {
        let begun = self.ledger.begun(now)?;
        let last = self.slot.last(now);
        Ok(last
            .filter(|(at, _)| *at >= begun && now.duration_since(*at) <= LATE_MOST)
            .map(|(_, week)| week))
    }

    /// Sends the digest that is due to each reader who has not had it, and returns what happened;
    /// nothing where none is due. Blocks while mail is sent. Call it every minute: what failed is
    /// tried again after growing waits, eight times at most.
    ///
    /// `answers` computes the answers under the rights of a reader, or says why it cannot.
    pub fn run_due(
        &self,
        now: Timestamp,
        readers: &[Reader],
        answers: &mut dyn FnMut(&Reader) -> Result<Vec<Answer>, String>,
    ) -> Result<Vec<Event>, Error> {
        match self.due(now)? {
            Some(week) => self.send_week(&week, now, readers, answers),
            None => Ok(Vec::new()),
        }
    }

    /// Sends the digest of a week to each reader who has not had it, due or not.
    pub fn send_week(
        &self,
        week: &str,
        now: Timestamp,
        readers: &[Reader],
        answers: &mut dyn FnMut(&Reader) -> Result<Vec<Answer>, String>,
    ) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        for reader in readers {
            if self.ledger.open_for(&reader.account, week, now)? {
                events.extend(self.send_one(week, now, reader, answers(reader))?);
            }
        }
        Ok(events)
    }

    /// Returns the name of the week that a moment lies in, seen from the slot.
    pub fn week(&self, now: Timestamp) -> String {
        self.slot.last(now).map(|(_, week)| week).unwrap_or_default()
    }

    fn send_one(
        &self,
        week: &str,
        now: Timestamp,
        reader: &Reader,
        answers: Result<Vec<Answer>, String>,
    ) -> Result<Option<Event>, Error> {
        let Some(attempt) = self.ledger.claim(&reader.account, week, now)? else {
            return Ok(None);
        };
        let (state, why) = match self.attempt(week, now, reader, answers) {
            Fate::Taken => (State::Sent, String::new()),
            Fate::Again(why) if attempt < ATTEMPTS_MOST => (State::Again, why),
            Fate::Again(why) | Fate::Refused(why) => (State::GivenUp, why),
            Fate::Unconfirmed(why) => (State::Unconfirmed, why),
        };
        let next = now.checked_add(wait(attempt)).unwrap_or(now);
        self.ledger.finish(&reader.account, week, state, now, next)?;
        let (account, week) = (reader.account.clone(), week.to_owned());
        Ok(Some(Event { account, week, state, attempt, why }))
    }

    /// Everything that can go wrong with a reader's letter is a fate, so that the next reader gets
    /// theirs.
    fn attempt(
        &self,
        week: &str,
        now: Timestamp,
        reader: &Reader,
        answers: Result<Vec<Answer>, String>,
    ) -> Fate {
        let answers = match answers {
            Ok(answers) => answers,
            Err(why) => return Fate::Again(why),
        };
        let digest = digest(&answers, &self.links);
        let letter = match Letter::write(&digest, reader, &self.settings, week, now) {
            Ok(letter) => letter,
            // The event goes into logs that hold no addresses.
            Err(Error::Address { why, .. }) => {
                return Fate::Refused(format!("the reader's address {why}"));
            }
            Err(error) => return Fate::Refused(error.to_string()),
        };
        // A password that is missing today may be there in an hour.
        self.post.send(&letter).unwrap_or_else(|error| Fate::Again(error.to_string()))
    }
}

/// Returns how long to wait after the attempt of this number: two minutes, four, eight, …
fn wait(attempt: u32) -> Duration {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_max_times(ATTEMPTS_MOST as usize)
        .build()
        .nth(attempt.saturating_sub(1) as usize)
        .unwrap_or(LONGEST_WAIT)
}
