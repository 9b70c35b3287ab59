//! Runs the needs of an answer against the lake and hands in the rows.
//!
//! A build is kept under a key made of the snapshot, the day and the definitions, so that asking
//! again costs only reading it.

use std::collections::BTreeMap;
use std::sync::Arc;

use answers::Entry;
use domain::answer::{self, Evidence};
use domain::{Answer, Ask, Caveat, Definitions, Frame, Given, Rows, Value};
use jiff::civil::Date;
use lake::{BuildRequest, Built, Lake, LakeFacts, SnapshotId};

use crate::Progress;
use crate::error::{Failure, Kind};
use crate::folder::Project;
use crate::scope::{Scope, not_one_of};

/// Finds a question by its name.
pub fn question(name: &str) -> Result<&'static Entry, Failure> {
    answers::find(name).map_err(|_| unknown("question", name, answers::QUESTIONS))
}

/// Finds a backtest by the name of the question that it tests.
pub fn backtest(name: &str) -> Result<&'static Entry, Failure> {
    answers::find_backtest(name).map_err(|_| unknown("backtest", name, answers::BACKTESTS))
}

fn unknown(kind: &str, name: &str, entries: &[Entry]) -> Failure {
    let known: Vec<&str> = entries.iter().map(|entry| entry.question.id).collect();
    not_one_of(kind, name, &known)
}

/// What is asked of: a snapshot, and the day as of which.
pub struct Moment {
    /// The lake.
    pub lake: Arc<Lake>,
    /// The snapshot that was current then.
    pub snapshot: SnapshotId,
    /// The day.
    pub as_of: Date,
    /// The day of the newest load that was known then.
    known_until: Date,
}

impl Moment {
    /// Finds the snapshot that was current at the end of a day, or the newest one.
    pub fn find(
        project: &Project,
        definitions: &Definitions,
        as_of: Option<Date>,
    ) -> Result<Self, Failure> {
        let nothing = || {
            Failure::new(Kind::Found, "nothing-loaded", "nothing has been loaded yet")
                .hint("Load a folder of exports with `throughline load FOLDER`.")
        };
        if !Lake::is_at(project.lake()) {
            return Err(nothing());
        }
        let lake = Arc::new(Lake::open(project.lake())?);
        let calendar = definitions.calendar();
        let loads = lake.loads()?;
        let first = loads.iter().map(|load| load.recorded_at).min().ok_or_else(nothing)?;
        let newest = loads.iter().map(|load| load.recorded_at).max().ok_or_else(nothing)?;
        let as_of = as_of.unwrap_or_else(|| calendar.day(newest));
        let end = calendar.end_of_day(as_of);
        let snapshot = lake.snapshot_as_of(end)?;
        // Not the newest load of all: a load after the day must not change what is said as of it.
        let known_until = loads.iter().map(|load| load.recorded_at).filter(|at| *at <= end).max();
        let known_until = known_until.map_or(as_of, |at| calendar.day(at));
        let known = calendar.day(first) <= as_of;
        if let Some(snapshot) = snapshot.filter(|_| known) {
            return Ok(Self { lake, snapshot, as_of, known_until });
        }
        let message = format!(
            "nothing was known on {as_of}: the first load was recorded on {}",
            calendar.day(first)
        );
        Err(Failure::new(Kind::Found, "nothing-known", message).hint(
            "Ask as of a later day; `throughline load --known-on DAY` records old extracts under \
             their own day.",
        ))
    }

    /// Opens the build of this moment, or makes and keeps it; true where it was made.
    pub fn build(
        &self,
        project: &Project,
        definitions: &Arc<Definitions>,
        progress: Progress,
    ) -> Result<(Built, bool), Failure> {
        let facts = Arc::new(LakeFacts { lake: Arc::clone(&self.lake), snapshot: self.snapshot });
        let folder = project.derived();
        let key = lake::derived::key(&*facts, definitions, self.as_of)?;
        let kept = lake::derived::open(facts.clone(), definitions, self.as_of, &folder, &key);
        if let Some(built) = kept {
            return Ok((built, false));
        }
        let request = BuildRequest { as_of: self.as_of, definitions, progress };
        let built = lake::derived::open_or_build(facts, request, &folder)?;
        Ok((built, true))
    }
}

/// A lake as of a day with its build: what any number of questions are asked of.
#[derive(Clone)]
pub struct View {
    definitions: Arc<Definitions>,
    built: Arc<Built>,
    as_of: Date,
    known_until: Date,
}

impl View {
    /// Opens the lake as of a day, and builds where that was not done yet.
    pub fn open(
        project: &Project,
        as_of: Option<Date>,
        progress: Progress,
    ) -> Result<Self, Failure> {
        let definitions = project.definitions()?;
        Self::of(&Moment::find(project, &definitions, as_of)?, project, &definitions, progress)
    }

    /// Opens the build of a moment, or makes and keeps it.
    pub fn of(
        moment: &Moment,
        project: &Project,
        definitions: &Arc<Definitions>,
        progress: Progress,
    ) -> Result<Self, Failure> {
        let (built, _) = moment.build(project, definitions, progress)?;
        Ok(Self {
            definitions: Arc::clone(definitions),
            built: Arc::new(built),
            as_of: moment.as_of,
            known_until: moment.known_until,
        })
    }

    /// The definitions that it was built with.
    pub const fn definitions(&self) -> &Arc<Definitions> {
        &self.definitions
    }

    /// The day as of which it is.
    pub const fn as_of(&self) -> Date {
        self.as_of
    }

    /// The build.
    pub fn built(&self) -> &Built {
        &self.built
    }

    /// Begins a question; what it is limited to is checked and completed.
    pub fn ask(&self, entry: &Entry, scope: &Scope) -> Result<Session, Failure> {
        check_dimensions(entry, scope)?;
        let facts = if scope.is_all() { span(&self.built, &self.definitions)? } else { None };
        let mut ask = scope.resolve(&self.definitions, self.as_of, facts)?;
        if entry.looks_ahead() && scope.period.is_none() && scope.days.is_none() {
            let next = self.as_of.tomorrow().unwrap_or(self.as_of);
            ask.period = self.definitions.calendar().quarter_of(next);
        }
        Ok(Session { ask, view: self.clone(), frames: BTreeMap::new() })
    }
}

/// A question being answered, and its figures being opened.
pub struct Session {
    ask: Ask,
    view: View,
    frames: BTreeMap<String, Frame>,
}

impl Session {
    /// Opens the lake as of the day asked for, and begins a question.
    pub fn open(
        project: &Project,
        scope: &Scope,
        entry: &Entry,
        progress: Progress,
    ) -> Result<Self, Failure> {
        check_dimensions(entry, scope)?;
        View::open(project, scope.as_of, progress)?.ask(entry, scope)
    }

    /// What is asked, with all defaults filled in.
    pub const fn asked(&self) -> &Ask {
        &self.ask
    }

    /// Answers a question.
    pub fn answer(&mut self, entry: &Entry) -> Result<Answer, Failure> {
        let mut given = Given { caveats: self.view.built.caveats(), ..Given::default() };
        if self.view.known_until < self.ask.as_of {
            let text = format!(
                "Nothing was loaded after {}: what happened since then is not known.",
                self.view.known_until
            );
            given.caveats.insert(0, Caveat::new("not_loaded", text));
            given.known_until = Some(self.view.known_until);
        }
        let refused = self.fetch(&Rows::of("quarantined"))?;
        given.caveats.extend(answers::health::doubts(entry.question.id, &self.ask, refused));
        for need in (entry.needs)(&self.ask) {
            let frame = self.fetch(&need.rows)?;
            given.frames.insert(need.name.to_owned(), frame);
        }
        Ok((entry.answer)(&self.ask, &given))
    }

    /// Fetches rows; the same rows are read once.
    pub fn fetch(&mut self, rows: &Rows) -> Result<Frame, Failure> {
        let key = format!("{rows:?}");
        if let Some(frame) = self.frames.get(&key) {
            return Ok(frame.clone());
        }
        let frame = self.view.built.fetch(rows, self.ask.currency)?;
        self.frames.insert(key, frame.clone());
        Ok(frame)
    }

    /// Computes a figure again from its rows.
    pub fn recompute(&mut self, evidence: &Evidence) -> Result<Value, Failure> {
        let currency = self.ask.currency;
        let mut failed = None;
        let value = answer::figure(
            evidence,
            &mut |rows| match self.fetch(rows) {
                Ok(frame) => frame,
                Err(failure) => {
                    failed = Some(failure);
                    Frame::default()
                }
            },
            currency,
        );
        match failed {
            Some(failure) => Err(failure),
            None => value.map_err(Failure::bug),
        }
    }
}

/// Refuses dimensions that do not exist, and those that an answer does not break down by.
fn check_dimensions(entry: &Entry, scope: &Scope) -> Result<(), Failure> {
    let every: Vec<&str> = answers::DIMENSIONS.iter().map(|(name, ..)| *name).collect();
    for by in &scope.by {
        if !every.contains(&by.as_str()) {
            return Err(not_one_of("dimension", by, &every));
        }
        if !entry.dimensions.contains(&by.as_str()) {
            let id = entry.question.id;
            return Err(Failure::usage(
                format!(
                    "`{id}` is not broken down by {by}, only by {}",
                    entry.dimensions.join(", ")
                ),
                "Limit it with `--segment`, or ask `pipeline`, which is broken down by all.",
            ));
        }
    }
    Ok(())
}

/// Finds the first and last day of the deals and the spend: the same for every question, so that
/// answers to all of them are about the same days.
fn span(built: &Built, definitions: &Definitions) -> Result<Option<(Date, Date)>, Failure> {
    let mut days = Vec::new();
    let mut add = |relation: &str, columns: &[&str]| -> Result<(), Failure> {
        let frame = built.fetch(&Rows::of(relation).columns(columns), definitions.currency)?;
        for column in columns {
            days.extend(frame.days(column).iter().flatten().copied());
        }
        Ok(())
    };
    add("opportunities", &["created_on", "closed_on"])?;
    add("spend", &["day"])?;
    Ok(days.iter().min().copied().zip(days.iter().max().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_serves_many_threads_at_once() {
        fn shared<T: Send + Sync + Clone>() {}
        shared::<View>();
    }
}
