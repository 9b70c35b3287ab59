//! What is answered from: the build in service, the next one that is being made, and what was
//! computed already.
//!
//! A load by another process and changed definitions are noticed here; the old build serves until
//! the new one is there, and goes on serving where the new one cannot be made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use answers::Entry;
use axum::http::StatusCode;
use domain::answer::{Caveat, Evidence};
use domain::{Answer, Definitions, Diagnostic, Frame};
use jiff::Timestamp;
use jiff::civil::Date;
use lake::{Lake, SnapshotId};
use project::{Failure, Kind, Moment, Project, Scope, View};
use serde_json::json;
use tokio::sync::watch;

use crate::cache::{Cache, locked};
use crate::problem::Problem;

/// How often other processes' loads and edits are looked for.
const LOOK: Duration = Duration::from_millis(700);
/// How long a reader waits for the build of an earlier day before being told to come again.
const PATIENCE: Duration = Duration::from_secs(6);
/// After how long a build that failed by no fault of the folder is tried again.
const AGAIN: Duration = Duration::from_secs(30);
/// The days of the longest period: 30 years.
const LONGEST: i64 = 10_958;
/// How many builds of other days are held.
const OTHER_DAYS: usize = 4;

/// A build in service.
pub(crate) struct Ground {
    /// Counts up with each build that goes into service; part of every key.
    pub(crate) number: u64,
    /// The lake, definitions and build.
    pub(crate) view: View,
    /// The lake.
    pub(crate) lake: Arc<Lake>,
    /// The newest snapshot when it was made.
    pub(crate) snapshot: SnapshotId,
    /// How many people had been erased then.
    n_erasures: u64,
}

/// What is being made.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// Why, as a notice says it.
    pub(crate) why: &'static str,
    /// The stages so far with rows done and in all.
    pub(crate) stages: Vec<(String, u64, u64)>,
    /// When it began.
    pub(crate) began_at: Timestamp,
}

/// Why the newest state could not be made.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The company's folder is to be corrected; what it says is for those who can.
    Folder(Arc<[Diagnostic]>),
    /// Disk, system or program: the log says what, as it tells of the server.
    Ours,
}

/// How things stand.
#[derive(Clone, Default)]
pub(crate) struct Standing {
    /// The build in service.
    pub(crate) ground: Option<Arc<Ground>>,
    /// What is being made.
    pub(crate) work: Option<Work>,
    /// Why the newest state could not be made.
    pub(crate) fault: Option<Fault>,
    /// True once it was looked at all.
    pub(crate) looked: bool,
}

/// A build of another day, being made or made.
struct Other {
    state: Mutex<Option<Result<View, Arc<Failure>>>>,
    ready: Condvar,
}

/// The desk.
pub(crate) struct Desk {
    /// The company's folder.
    pub(crate) project: Project,
    /// What was computed.
    pub(crate) cache: Cache,
    /// Where remarks go that belong to no request.
    remark: Arc<dyn Fn(&str) + Send + Sync>,
    standing: RwLock<Standing>,
    progress: watch::Sender<String>,
    others: Mutex<BTreeMap<(u64, Date), Arc<Other>>>,
    /// One build at a time: two would only slow each other down.
    building: Mutex<()>,
    /// Answers computed at a time.
    turns: Turns,
    stopped: AtomicBool,
}

/// A few may work at a time; the others wait.
struct Turns {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Turns {
    fn take<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Back<'a>(&'a Turns);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                *locked(&self.0.free) += 1;
                self.0.freed.notify_one();
            }
        }
        let mut free = locked(&self.free);
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        drop(free);
        let _back = Back(self);
        work()
    }
}

/// What a change of the world looks like from outside: cheap to look at.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Mark {
    snapshot: Option<i64>,
    n_erasures: u64,
    files: Vec<(PathBuf, u64, Option<SystemTime>)>,
}

impl Desk {
    /// A desk for a company's folder; [`Desk::watch`] fills it.
    pub(crate) fn new(
        project: Project,
        cache_bytes: usize,
        remark: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Arc<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Arc::new(Self {
            project,
            remark,
            cache: Cache::new(cache_bytes),
            standing: RwLock::default(),
            progress: watch::channel(String::new()).0,
            others: Mutex::default(),
            building: Mutex::default(),
            turns: Turns { free: Mutex::new(cores.max(2)), freed: Condvar::new() },
            stopped: AtomicBool::new(false),
        })
    }

    /// Looks for what other processes change, on a thread of its own, until the desk is stopped.
    pub(crate) fn watch(self: &Arc<Self>) {
        let desk = Arc::clone(self);
        std::thread::spawn(move || {
            let mut lake: Option<Arc<Lake>> = None;
            let mut seen: Option<Mark> = None;
            let mut again: Option<Instant> = None;
            while !desk.stopped.load(Ordering::Relaxed) {
                let mark = desk.mark(&mut lake);
                let due = again.is_some_and(|at| Instant::now() >= at);
                if due || seen.as_ref() != Some(&mark) {
                    // A fault of the surroundings may pass by itself.
                    let passing = desk.renewed(seen.as_ref(), &mark);
                    again = passing.then(|| Instant::now() + AGAIN);
                    seen = Some(mark);
                }
                std::thread::sleep(LOOK);
            }
        });
    }

    /// Ends the watching, and tells who listens.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.progress.send_modify(|_| {});
    }

    /// True once the server is to stop.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// How things stand now.
    pub(crate) fn standing(&self) -> Standing {
        self.standing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells of changes, each as a line of JSON.
    pub(crate) fn progress(&self) -> watch::Receiver<String> {
        self.progress.subscribe()
    }

    fn set(&self, change: impl FnOnce(&mut Standing)) {
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut standing);
        let told = told(&standing);
        drop(standing);
        self.progress.send_replace(told);
    }

    fn mark(&self, lake: &mut Option<Arc<Lake>>) -> Mark {
        if lake.is_none() && Lake::is_at(self.project.lake()) {
            *lake = Lake::open(self.project.lake()).ok().map(Arc::new);
        }
        let newest = lake.as_ref().map(|lake| lake.newest());
        let snapshot = if let Some(Ok(newest)) = newest {
            newest.map(|id| id.0)
        } else {
            *lake = None;
            None
        };
        let mut files = Vec::new();
        let root = self.project.root();
        note(&root.join("throughline.toml"), &mut files);
        let entries = std::fs::read_dir(root.join("definitions")).into_iter().flatten().flatten();
        for entry in entries {
            note(&entry.path(), &mut files);
        }
        files.sort();
        let n_erasures = lake.as_ref().map_or(0, |lake| lake.n_erasures());
        Mark { snapshot, n_erasures, files }
    }

    /// Makes the build of what is there now, also where that panics; true where it is worth another
    /// try.
    fn renewed(&self, seen: Option<&Mark>, mark: &Mark) -> bool {
        if let Ok(passing) = caught(|| self.renew(seen, mark)) {
            return passing;
        }
        (self.remark)("build: a panic; it is tried again in half a minute");
        self.set(|standing| {
            standing.fault = Some(Fault::Ours);
            (standing.work, standing.looked) = (None, true);
        });
        true
    }

    /// Makes the build of what is there now and puts it into service; true where a fault may pass
    /// by itself.
    fn renew(&self, seen: Option<&Mark>, mark: &Mark) -> bool {
        let why = match seen {
            None => "first",
            Some(seen) if (seen.snapshot, seen.n_erasures) == (mark.snapshot, mark.n_erasures) => {
                "definitions"
            }
            Some(_) => "load",
        };
        match self.make(why) {
            Ok(Some(ground)) => {
                self.set(|standing| {
                    *standing = Standing {
                        ground: Some(Arc::new(ground)),
                        work: None,
                        fault: None,
                        looked: true,
                    };
                });
                // What is still asked of the old build is computed again under its own key.
                self.cache.clear();
                locked(&self.others).clear();
                self.prepare();
                false
            }
            Ok(None) => {
                self.set(|standing| {
                    (standing.work, standing.fault, standing.looked) = (None, None, true);
                });
                false
            }
            Err(failure) => {
                let ours = matches!(failure.kind, Kind::World | Kind::Bug);
                if ours {
                    (self.remark)(&format!("build: {:?}", failure.diagnostics));
                }
                let fault =
                    if ours { Fault::Ours } else { Fault::Folder(failure.diagnostics.into()) };
                self.set(|standing| {
                    standing.fault = Some(fault);
                    (standing.work, standing.looked) = (None, true);
                });
                ours
            }
        }
    }

    /// Answers what is asked first, before anybody asks.
    fn prepare(&self) {
        for entry in answers::QUESTIONS {
            if !self.stopped() {
                // What fails is told to whoever asks.
                let _told: Result<Answered, Problem> = self.answer(entry, &Scope::default(), None);
            }
        }
    }

    /// `None` where the same build is in service already, or nothing is loaded.
    fn make(&self, why: &'static str) -> Result<Option<Ground>, Failure> {
        let definitions = self.project.definitions()?;
        let moment = match Moment::find(&self.project, &definitions, None) {
            Ok(moment) => moment,
            Err(failure) if failure.kind == Kind::Found => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let standing = self.standing();
        if let Some(ground) = &standing.ground
            && ground.snapshot == moment.snapshot
            && ground.n_erasures == moment.lake.n_erasures()
            && **ground.view.definitions() == *definitions
        {
            return Ok(None);
        }
        let work = Work { why, stages: Vec::new(), began_at: Timestamp::now() };
        self.set(|standing| standing.work = Some(work));
        let mut told = Instant::now();
        let progress = &mut |stage: &str, done: u64, total: u64| {
            let new = self.step(stage, done, total);
            if new || done == total || told.elapsed() > Duration::from_millis(200) {
                told = Instant::now();
                self.set(|_| {});
            }
        };
        let _alone = locked(&self.building);
        let (n_erasures, snapshot) = (moment.lake.n_erasures(), moment.snapshot);
        let view = View::of(&moment, &self.project, &definitions, progress)?;
        let number = standing.ground.map_or(1, |ground| ground.number + 1);
        Ok(Some(Ground { number, view, lake: moment.lake, snapshot, n_erasures }))
    }

    /// Notes how far a stage is; true where it is a new one.
    fn step(&self, stage: &str, done: u64, total: u64) -> bool {
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        let Some(work) = &mut standing.work else { return false };
        if let Some(last) = work.stages.last_mut().filter(|(name, ..)| name == stage) {
            (last.1, last.2) = (done, total);
            return false;
        }
        work.stages.push((stage.to_owned(), done, total));
        true
    }

    /// The build to answer from, as of a day where one is named.
    pub(crate) fn view(&self, as_of: Option<Date>) -> Result<(u64, View), Problem> {
        let standing = self.standing();
        let Some(ground) = standing.ground else { return Err(self.why_not()) };
        match as_of {
            Some(day) if day != ground.view.as_of() => {
                Ok((ground.number, self.other(&ground, day)?))
            }
            _ => Ok((ground.number, ground.view.clone())),
        }
    }

    /// Why there is nothing to answer from.
    pub(crate) fn why_not(&self) -> Problem {
        let standing = self.standing();
        if matches!(standing.fault, Some(Fault::Ours)) {
            return Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not-built",
                "the figures could not be prepared",
            )
            .hint("It is tried again in half a minute; the log of the server says why.")
            .retry_after(30);
        }
        if let Some(Fault::Folder(fault)) = &standing.fault {
            let mut problem = Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "definitions",
                "the company's folder has faults, and nothing was built before",
            )
            .hint("Correct them; `throughline check` lists them with file and line.")
            .retry_after(10);
            problem.more = fault.to_vec();
            return problem;
        }
        if standing.work.is_some() || !standing.looked {
            return building();
        }
        Problem::new(StatusCode::NOT_FOUND, "nothing-loaded", "nothing has been loaded yet")
            .hint("Load a folder of exports with `throughline load FOLDER`.")
    }

    /// The build of another day: made once, on a thread of its own, while readers wait a little.
    fn other(&self, ground: &Arc<Ground>, day: Date) -> Result<View, Problem> {
        let today = ground.view.definitions().calendar().day(Timestamp::now());
        if day > today.max(ground.view.as_of()) {
            return Err(Problem::bad("parameter", format!("`as_of` lies in the future: {day}"))
                .hint("Name a day that is over, or leave it out.")
                .place("as_of"));
        }
        let key = (ground.number, day);
        let (other, first) = {
            let mut others = locked(&self.others);
            let known = others.get(&key).cloned();
            if known.is_none() && others.len() >= OTHER_DAYS {
                let done = |other: &Arc<Other>| locked(&other.state).is_some();
                let old = others.iter().find(|(_, other)| done(other)).map(|(key, _)| *key);
                let Some(old) = old else { return Err(building()) };
                others.remove(&old);
            }
            let first = known.is_none();
            let other = known.unwrap_or_else(|| {
                Arc::new(Other { state: Mutex::new(None), ready: Condvar::new() })
            });
            others.insert(key, Arc::clone(&other));
            (other, first)
        };
        if first {
            let project = self.project.clone();
            let definitions = Arc::clone(ground.view.definitions());
            let other = Arc::clone(&other);
            std::thread::spawn(move || {
                // Who waits is told, also where it panics.
                let made = caught(|| at(&project, &definitions, day));
                let panicked = || Failure::new(Kind::Bug, "panic", "making a build panicked");
                let made = made.unwrap_or_else(|()| Err(panicked())).map_err(Arc::new);
                *locked(&other.state) = Some(made);
                other.ready.notify_all();
            });
        }
        let state = locked(&other.state);
        let waited = other.ready.wait_timeout_while(state, PATIENCE, |state| state.is_none());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &*state {
            Some(Ok(view)) => Ok(view.clone()),
            Some(Err(failure)) => {
                let told = Failure { kind: failure.kind, diagnostics: failure.diagnostics.clone() };
                drop(state);
                locked(&self.others).remove(&key);
                Err(told.into())
            }
            None => Err(building()),
        }
    }

    /// Answers a question, once for all who ask the same with the same right to rows: `limit` is
    /// the one segment that the caller sees. An answer depends on no other right.
    pub(crate) fn answer(
        &self,
        entry: &'static Entry,
        scope: &Scope,
        limit: Option<&str>,
    ) -> Result<Answered, Problem> {
        let (number, view) = self.view(scope.as_of)?;
        let key = format!("{number}|{}|{limit:?}|{scope:?}", entry.question.id);
        let answered = self.cache.get(&format!("answer|{key}"), weight, || {
            self.turns.take(|| {
                let mut session = view.ask(entry, scope)?;
                let days = session.asked().period.n_days();
                if days > LONGEST {
                    let what = format!("a period of {days} days is longer than 30 years");
                    return Err(Failure::usage(what, "Ask for a shorter one."));
                }
                let mut answer = session.answer(entry)?;
                if limit.is_some() {
                    // What was noticed in all the facts counts those of others too.
                    let whole = view.built().caveats();
                    let of_all = |caveat: &&mut Caveat| {
                        whole.iter().any(|one| one.code == caveat.code && one.text == caveat.text)
                    };
                    answer
                        .caveats
                        .iter_mut()
                        .filter(of_all)
                        .for_each(crate::pages::about::uncounted);
                }
                Ok(answer)
            })
        });
        Ok(Answered { answer: answered.map_err(asked)?, view, key, scope: scope.clone(), entry })
    }

    /// Fetches the rows of an answer's figure, once for all who open it.
    pub(crate) fn rows(
        &self,
        answered: &Answered,
        evidence: &Evidence,
    ) -> Result<Arc<Frame>, Problem> {
        let key = format!("rows|{}|{:?}", answered.key, evidence.rows);
        let fetched = self.cache.get(&key, frame_weight, || {
            self.turns.take(|| {
                let mut session = answered.view.ask(answered.entry, &answered.scope)?;
                session.fetch(&evidence.rows)
            })
        });
        fetched.map_err(asked)
    }

    /// Runs work that takes a processor for a while in its turn.
    pub(crate) fn in_turn<T>(&self, work: impl FnOnce() -> T) -> T {
        self.turns.take(work)
    }
}

/// An answer and what it was made from.
pub(crate) struct Answered {
    /// The answer.
    pub(crate) answer: Arc<Answer>,
    /// The build.
    pub(crate) view: View,
    /// Everything that it depends on.
    pub(crate) key: String,
    scope: Scope,
    entry: &'static Entry,
}

/// A failure of a question: a slip in the address is a 400 that says so.
fn asked(failure: Failure) -> Problem {
    failure.into()
}

/// Runs work whose panic ends nothing else: what it shares with others is whole at every moment.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, ()> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(drop)
}

fn at(project: &Project, definitions: &Arc<Definitions>, day: Date) -> Result<View, Failure> {
    let moment = Moment::find(project, definitions, Some(day))?;
    View::of(&moment, project, definitions, &mut |_, _, _| {})
}

fn building() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "building", "the figures are being prepared")
        .hint("Come back in a few seconds.")
        .retry_after(5)
}

fn note(path: &Path, files: &mut Vec<(PathBuf, u64, Option<SystemTime>)>) {
    if let Ok(about) = std::fs::metadata(path)
        && about.is_file()
    {
        files.push((path.to_path_buf(), about.len(), about.modified().ok()));
    }
}

/// Roughly how many bytes an answer takes.
fn weight(answer: &Answer) -> usize {
    let entries: usize =
        answer.tables.iter().flat_map(|table| &table.rows).map(|row| row.entries.len()).sum();
    let marks: usize =
        answer.charts.iter().flat_map(|chart| &chart.series).map(|s| s.values.len()).sum();
    4_096 + (entries + answer.figures.len()) * 1_200 + marks * 80
}

fn frame_weight(frame: &Frame) -> usize {
    1_024 + frame.n_rows() * frame.columns().len() * 24
}

/// How things stand, as the page's script is told.
fn told(standing: &Standing) -> String {
    let stages = standing.work.as_ref().map(|work| {
        let stage = |(name, done, of): &(String, u64, u64)| {
            json!({ "name": name, "done": done, "of": of, "over": done >= of && *of > 0 })
        };
        work.stages.iter().map(stage).collect::<Vec<_>>()
    });
    json!({
        "over": standing.work.is_none() && standing.ground.is_some(),
        "number": standing.ground.as_ref().map(|ground| ground.number),
        "stages": stages,
        "text": standing.work.as_ref().map(Work::said),
        "fault": standing.fault.is_some(),
    })
    .to_string()
}

impl Work {
    /// What is being done, in a sentence.
    pub(crate) fn said(&self) -> String {
        let why = if self.why == "definitions" { "Changed definitions" } else { "Newer data" };
        let stage = self.stages.last().map_or_else(String::new, |(name, done, of)| {
            if *of > 0 { format!(": {name}, {done} of {of}") } else { format!(": {name}") }
        });
        format!("{why} are being prepared{stage}. Until then figures are as before.")
    }
}
