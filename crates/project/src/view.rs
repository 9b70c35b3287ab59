//! Runs the needs of an answer against the lake and hands in the rows.
//!
//! The one place where facts, definitions and questions meet. A build is kept under a key made of
//! the snapshot, the day and the definitions, so that asking again costs only reading it.

use std::collections::BTreeMap;
use std::sync::Arc;

use answers::Entry;
use domain::answer::{self, Evidence};
use domain::{Answer, Ask, Caveat, Definitions, Frame, Given, Rows, Value};
use jiff::civil::Date;
use lake::{BuildRequest, Built, Lake, LakeFacts, SnapshotId};

use crate::cli::Scope;
use crate::error::{Failure, Kind};
use crate::output::Output;
use crate::progress::Progress;
use crate::project::Project;

/// Finds a question by its name.
pub(crate) fn question(name: &str) -> Result<&'static Entry, Failure> {
    answers::find(name).map_err(|_| {
        let known: Vec<&str> = answers::QUESTIONS.iter().map(|entry| entry.question.id).collect();
        crate::cli::not_one_of("question", name, &known)
    })
}

/// A lake as of a day, ready to be asked.
pub(crate) struct Session {
    ask: Ask,
    built: Built,
    known_until: Date,
    frames: BTreeMap<String, Frame>,
}

/// What is asked of: a snapshot, and the day as of which.
pub(crate) struct Moment {
    pub(crate) lake: Arc<Lake>,
    pub(crate) snapshot: SnapshotId,
    pub(crate) as_of: Date,
    /// The day of the newest load that was known then.
    known_until: Date,
}

impl Moment {
    /// Finds the snapshot that was current at the end of a day, or the newest one.
    pub(crate) fn find(
        project: &Project,
        definitions: &Definitions,
        as_of: Option<Date>,
    ) -> Result<Self, Failure> {
        let nothing = || {
            Failure::new(Kind::Found, "nothing-loaded", "nothing has been loaded yet")
                .hint("Load a folder of exports with `throughline load FOLDER`.")
        };
        if !project.lake().join("catalog.sqlite").is_file() {
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
    pub(crate) fn build(
        &self,
        project: &Project,
        definitions: &Arc<Definitions>,
        output: &Output,
    ) -> Result<(Built, bool), Failure> {
        let facts = Arc::new(LakeFacts { lake: Arc::clone(&self.lake), snapshot: self.snapshot });
        let folder = project.derived();
        let key = lake::derived::key(&*facts, definitions, self.as_of)?;
        let kept = lake::derived::open(facts.clone(), definitions, self.as_of, &folder, &key);
        if let Some(built) = kept {
            return Ok((built, false));
        }
        let mut progress = Progress::new(output);
        let request = BuildRequest {
            as_of: self.as_of,
            definitions,
            progress: &mut |stage, done, total| progress.step(stage, done, total),
        };
        let built = lake::derived::open_or_build(facts, request, &folder)?;
        progress.finish();
        Ok((built, true))
    }
}

impl Session {
    /// Opens the lake as of the day asked for.
    pub(crate) fn open(
        project: &Project,
        scope: &Scope,
        entry: &Entry,
        output: &Output,
    ) -> Result<Self, Failure> {
        check_dimensions(entry, scope)?;
        let definitions = project.definitions()?;
        let moment = Moment::find(project, &definitions, scope.as_of())?;
        let (built, _) = moment.build(project, &definitions, output)?;
        let spends = (entry.needs)(&scope.resolve(&definitions, moment.as_of, None)?)
            .iter()
            .any(|need| need.rows.relation == "spend");
        let facts = if scope.is_all() { span(&built, &definitions, spends)? } else { None };
        let ask = scope.resolve(&definitions, moment.as_of, facts)?;
        Ok(Self { ask, built, known_until: moment.known_until, frames: BTreeMap::new() })
    }

    /// Answers a question.
    pub(crate) fn answer(&mut self, entry: &Entry) -> Result<Answer, Failure> {
        let mut given = Given { caveats: self.built.caveats(), ..Given::default() };
        if self.known_until < self.ask.as_of {
            let text = format!(
                "Nothing was loaded after {}: what happened since then is not known.",
                self.known_until
            );
            given.caveats.insert(0, Caveat::new("not_loaded", text));
            given.known_until = Some(self.known_until);
        }
        for need in (entry.needs)(&self.ask) {
            let frame = self.fetch(&need.rows)?;
            given.frames.insert(need.name.to_owned(), frame);
        }
        Ok((entry.answer)(&self.ask, &given))
    }

    /// Fetches rows; the same rows are read once.
    pub(crate) fn fetch(&mut self, rows: &Rows) -> Result<Frame, Failure> {
        let key = format!("{rows:?}");
        if let Some(frame) = self.frames.get(&key) {
            return Ok(frame.clone());
        }
        let frame = self.built.fetch(rows, self.ask.currency)?;
        self.frames.insert(key, frame.clone());
        Ok(frame)
    }

    /// Computes a figure again from its rows.
    pub(crate) fn recompute(&mut self, evidence: &Evidence) -> Result<Value, Failure> {
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
    for by in scope.by() {
        if !every.contains(&by.as_str()) {
            return Err(crate::cli::not_one_of("dimension", by, &every));
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

/// Finds the first and last day of the deals, and of the spend where an answer is about it.
fn span(
    built: &Built,
    definitions: &Definitions,
    spends: bool,
) -> Result<Option<(Date, Date)>, Failure> {
    let mut days = Vec::new();
    let mut add = |relation: &str, columns: &[&str]| -> Result<(), Failure> {
        let frame = built.fetch(&Rows::of(relation).columns(columns), definitions.currency)?;
        for column in columns {
            days.extend(frame.days(column).iter().flatten().copied());
        }
        Ok(())
    };
    add("opportunities", &["created_on", "closed_on"])?;
    if spends {
        add("spend", &["day"])?;
    }
    Ok(days.iter().min().copied().zip(days.iter().max().copied()))
}
