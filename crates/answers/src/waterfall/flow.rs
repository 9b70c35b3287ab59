//! How leads, demand units and deals go from stage to stage.
//!
//! A cohort is what entered a stage in the period. It is asked which part goes on within a horizon:
//! the days by which nine of ten that ever went on had done so, in the whole record. A cohort that
//! was not watched so long is asked for as far as it was watched, and the cohort of a year ago for
//! as far as that, so that both have had the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::answer::{Chart, ChartForm, Entry, Interval, Mark, Role, Series, Table};
use domain::definition::State;
use domain::{Ask, Filter, Frame, Given, Period, Rows, Value};
use jiff::ToSpan;
use jiff::civil::Date;
use stats::funnel::{self, End, Transition, Wait, Within};
use stats::multiple::{self, Method};
use stats::shrinkage::Group;

use crate::chance::LEVEL;
use crate::common::{self, in_segment, row, table};
use crate::groups::{self, Outlier, hundred};
use crate::slice::{Slice, share_of};
use crate::words;

/// Stages that something goes through.
pub(super) struct Walk<'a> {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// One and many of what goes through.
    pub(super) noun: (&'static str, &'static str),
    /// The column that tells cases apart.
    key: &'static str,
    frame: &'a Frame,
    whole: Slice<'a>,
    pub(super) stops: Vec<Stop<'a>>,
    /// True where going back is on record.
    goes_back: bool,
}

/// A stage.
pub(super) struct Stop<'a> {
    id: String,
    pub(super) name: String,
    /// The rows of those that ever entered it.
    rows: Slice<'a>,
    /// The column with the day of entering.
    day: String,
    cases: Vec<Case>,
    /// Those that passed it without entering, with the day of the later stage.
    skipped: Vec<(Arc<str>, Date)>,
}

/// Something that entered a stage.
struct Case {
    id: Arc<str>,
    row: usize,
    entered: Date,
    passed: Option<Date>,
    left: Option<Date>,
}

impl Walk<'_> {
    /// How many entered the first stage in a period; nothing where nothing is on record.
    pub(super) fn came_in(&self, period: &Period) -> Option<i64> {
        let first = self.stops.first().filter(|_| self.frame.n_rows() > 0)?;
        i64::try_from(first.cohort(period).len()).ok()
    }
}

/// The stages of a lead: identifier and name.
const LEADS: [(&str, &str); 6] = [
    ("inquiry", "Inquiry"),
    ("mql", "MQL"),
    ("sal", "SAL"),
    ("sql", "SQL"),
    ("opportunity", "Opportunity"),
    ("won", "Won"),
];

/// The stages of a demand unit.
const UNITS: [(&str, &str); 7] = [
    ("target", "Target"),
    ("active", "Active"),
    ("engaged", "Engaged"),
    ("prioritized", "Prioritized"),
    ("qualified", "Qualified"),
    ("pipeline", "Pipeline"),
    ("closed", "Closed won"),
];

/// Returns the three walks.
pub(super) fn walks<'a>(ask: &Ask, given: &'a Given, until: Date) -> Vec<Walk<'a>> {
    vec![units(ask, given, until), leads(ask, given, until), deals(ask, given, until)]
}

fn leads<'a>(ask: &Ask, given: &'a Given, until: Date) -> Walk<'a> {
    let frame = given.frame("leads");
    let whole = Slice::of(given, "leads", in_segment(ask, Rows::of("lead_stages")), ask.currency);
    let (ids, stages) = (frame.texts("id"), frame.texts("stage"));
    let (entered, left) = (frame.days("entered_on"), frame.days("left_on"));
    let gone = frame.booleans("disqualified");
    let mut stops = Vec::new();
    for (stage, name) in LEADS {
        let mut cases = Vec::new();
        for row in 0..frame.n_rows() {
            if stages.get(row).and_then(Option::as_deref) != Some(stage) {
                continue;
            }
            let (Some(id), Some(entered)) = (text(ids, row), day(entered, row)) else { continue };
            let passed = day(left, row);
            let gone = gone.get(row).copied().flatten() == Some(true) && passed.is_none();
            cases.push(Case { id, row, entered, passed, left: gone.then_some(until) });
        }
        stops.push(Stop {
            id: stage.to_owned(),
            name: name.to_owned(),
            rows: whole.only(Filter::is("stage", stage)),
            day: "entered_on".to_owned(),
            cases,
            skipped: Vec::new(),
        });
    }
    skips(&mut stops);
    Walk {
        id: "leads",
        title: "Leads",
        noun: ("lead", "leads"),
        key: "id",
        frame,
        whole,
        stops,
        goes_back: false,
    }
}

fn units<'a>(ask: &Ask, given: &'a Given, until: Date) -> Walk<'a> {
    let frame = given.frame("units");
    let whole = Slice::of(given, "units", in_segment(ask, Rows::of("demand_units")), ask.currency);
    let columns: Vec<String> = UNITS.iter().map(|(stage, _)| format!("{stage}_on")).collect();
    let days: Vec<&[Option<Date>]> = columns.iter().map(|column| frame.days(column)).collect();
    let (ids, outcomes) = (frame.texts("id"), frame.texts("outcome"));
    let last = UNITS.len() - 1;
    let outcome = |row: usize| outcomes.get(row).and_then(Option::as_deref);
    // Closed counts where it was won.
    let on = |stage: usize, row: usize| {
        let found = days.get(stage).and_then(|days| day(days, row));
        found.filter(|_| stage < last || outcome(row) == Some("won"))
    };
    let mut stops = Vec::new();
    for (stage, (id, name)) in UNITS.into_iter().enumerate() {
        let mut cases = Vec::new();
        for row in 0..frame.n_rows() {
            let (Some(id), Some(entered)) = (text(ids, row), on(stage, row)) else { continue };
            let later = (stage + 1..=last).filter_map(|later| on(later, row)).min();
            let passed = later.map(|later| later.max(entered));
            let closed = days.last().and_then(|days| day(days, row));
            let left = match outcome(row) {
                Some("lost") => Some(closed.unwrap_or(until)),
                // Nobody wrote down when it lapsed: it is known not to have gone on by now.
                Some("lapsed") => Some(until),
                _ => None,
            };
            let left = left.filter(|_| passed.is_none()).map(|left| left.max(entered));
            cases.push(Case { id, row, entered, passed, left });
        }
        let column = format!("{id}_on");
        let mut rows = whole.only(Filter::present(&column));
        if stage == last {
            rows = rows.only(Filter::is("outcome", "won"));
        }
        stops.push(Stop {
            id: id.to_owned(),
            name: name.to_owned(),
            rows,
            day: column,
            cases,
            skipped: Vec::new(),
        });
    }
    skips(&mut stops);
    Walk {
        id: "demand",
        title: "Demand units",
        noun: ("demand unit", "demand units"),
        key: "id",
        frame,
        whole,
        stops,
        goes_back: false,
    }
}

fn deals<'a>(ask: &Ask, given: &'a Given, until: Date) -> Walk<'a> {
    let frame = given.frame("visits");
    let rows = common::counted(ask, "stage_visits");
    let whole = Slice::of(given, "visits", rows, ask.currency);
    let (ids, stages) = (frame.texts("opportunity_id"), frame.texts("stage"));
    let (entered, states) = (frame.days("entered_on"), frame.texts("state"));
    let open: Vec<&domain::definition::Stage> =
        ask.definitions.stages.iter().filter(|stage| stage.state == State::Open).collect();
    let won = ask.definitions.stages.iter().find(|stage| stage.state == State::Won);
    let named: Vec<&domain::definition::Stage> = open.into_iter().chain(won).collect();
    let lost = |stage: &str| {
        let mut stages = ask.definitions.stages.iter();
        stages.any(|known| known.state == State::Lost && &*known.id == stage)
    };
    // For each deal: the first day and row in each stage, and the day of its loss.
    let mut first: BTreeMap<&Arc<str>, Passing> = BTreeMap::new();
    for row in 0..frame.n_rows() {
        let (Some(Some(id)), Some(stage), Some(entered)) = (
            ids.get(row).map(Option::as_ref),
            stages.get(row).and_then(Option::as_deref),
            day(entered, row),
        ) else {
            continue;
        };
        let passing = first.entry(id).or_insert_with(|| Passing::of(named.len()));
        let state = states.get(row).and_then(Option::as_deref);
        if lost(stage) && state == Some("lost") {
            passing.lost = passing.lost.max(Some(entered));
        }
        let place = named.iter().position(|known| &*known.id == stage);
        if let Some(place) = place.and_then(|place| passing.first.get_mut(place))
            && place.is_none_or(|(known, _)| entered < known)
        {
            *place = Some((entered, row));
        }
    }
    let mut stops: Vec<Stop<'a>> = named
        .iter()
        .map(|stage| Stop {
            id: stage.id.to_string(),
            name: stage.name.clone(),
            rows: whole.only(Filter::is("stage", &stage.id)),
            day: "entered_on".to_owned(),
            cases: Vec::new(),
            skipped: Vec::new(),
        })
        .collect();
    for (id, passing) in &first {
        for (place, stop) in stops.iter_mut().enumerate() {
            let Some((entered, row)) = passing.first.get(place).copied().flatten() else {
                continue;
            };
            let later = passing.first.iter().skip(place + 1).flatten().map(|(day, _)| *day);
            let passed = later.min().map(|day| day.max(entered));
            let left = passing.lost.filter(|_| passed.is_none()).map(|day| day.max(entered));
            let left = left.filter(|left| *left <= until);
            stop.cases.push(Case { id: Arc::clone(*id), row, entered, passed, left });
        }
    }
    skips(&mut stops);
    Walk {
        id: "deals",
        title: "Deals",
        noun: ("deal", "deals"),
        key: "opportunity_id",
        frame,
        whole,
        stops,
        goes_back: true,
    }
}

/// The first day and row of a deal in each stage.
struct Passing {
    first: Vec<Option<(Date, usize)>>,
    lost: Option<Date>,
}

impl Passing {
    fn of(stages: usize) -> Self {
        Self { first: vec![None; stages], lost: None }
    }
}

/// Finds what passed a stage without entering it.
fn skips(stops: &mut [Stop<'_>]) {
    let mut later: BTreeMap<Arc<str>, Date> = BTreeMap::new();
    for stop in stops.iter_mut().rev() {
        let here: BTreeSet<&Arc<str>> = stop.cases.iter().map(|case| &case.id).collect();
        let passed = later.iter().filter(|(id, _)| !here.contains(id));
        stop.skipped = passed.map(|(id, day)| (Arc::clone(id), *day)).collect();
        for case in &stop.cases {
            let day = later.entry(Arc::clone(&case.id)).or_insert(case.entered);
            *day = (*day).min(case.entered);
        }
    }
}

fn text(values: &[Option<Arc<str>>], row: usize) -> Option<Arc<str>> {
    values.get(row).cloned().flatten()
}

fn day(values: &[Option<Date>], row: usize) -> Option<Date> {
    values.get(row).copied().flatten()
}

fn span(from: Date, to: Date) -> f64 {
    from.until(to).map_or(0.0, |span| f64::from(span.get_days()))
}

impl Case {
    fn wait(&self, until: Date) -> Wait {
        let (day, end) = match (self.passed, self.left) {
            (Some(day), _) => (day, End::Passed),
            (None, Some(day)) => (day, End::Left),
            (None, None) => (until, End::Waiting),
        };
        Wait { days: span(self.entered, day).max(0.0), end }
    }
}

impl Stop<'_> {
    fn cohort(&self, period: &Period) -> Vec<&Case> {
        self.cases.iter().filter(|case| period.contains(case.entered)).collect()
    }

    /// How long the cohort could be watched, whatever became of its cases: so long a fifth of them
    /// were, and ten at least.
    fn watched(&self, period: &Period, until: Date) -> Option<f64> {
        let mut ages: Vec<f64> =
            self.cohort(period).iter().map(|case| span(case.entered, until)).collect();
        ages.sort_unstable_by(|a, b| b.total_cmp(a));
        let enough = (ages.len() / 5).max(10).min(ages.len());
        ages.get(enough.checked_sub(1)?).copied()
    }

    /// The days by which nine of ten that went on had done so, in the whole record.
    fn horizon(&self, until: Date) -> Option<f64> {
        let waits: Vec<Wait> = self.cases.iter().map(|case| case.wait(until)).collect();
        let all = funnel::transition(&waits, &Within { replicates: 0, ..Within::default() });
        all.p90.map(|days| days.point.ceil().max(1.0))
    }
}

/// A step of a walk: what entered in the period and a year before, at the same age.
pub(super) struct Step {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) now: Transition,
    pub(super) before: Transition,
    /// The days within which shares are meant.
    within: Option<f64>,
    /// True where the cohort of the period was not watched as long as nine of ten take.
    pub(super) young: bool,
    /// Chance of such a difference from a year ago, adjusted for the number of steps.
    pub(super) p: Option<f64>,
}

impl Step {
    fn of(
        stop: &Stop<'_>,
        next: &Stop<'_>,
        ask: &Ask,
        until: Date,
        year_ago: Option<&Period>,
    ) -> Self {
        let waits = |period: &Period| -> Vec<Wait> {
            stop.cohort(period).iter().map(|case| case.wait(until)).collect()
        };
        let now = waits(&ask.period);
        let plain = Within { level: LEVEL, seed: ask.seed, ..Within::default() };
        let watched = stop.watched(&ask.period, until);
        let wanted = stop.horizon(until);
        let young = wanted.zip(watched).is_some_and(|(wanted, watched)| watched < wanted);
        let within = match (wanted, watched) {
            (Some(wanted), Some(watched)) => Some(wanted.min(watched)),
            (wanted, watched) => wanted.or(watched),
        };
        let of = |waits: &[Wait], replicates: u32| {
            funnel::transition(waits, &Within { horizon: within, replicates, ..plain })
        };
        let before = year_ago.map_or_else(Vec::new, waits);
        let (now, before) = (of(&now, plain.replicates), of(&before, 0));
        let enough = |found: &Transition| found.n >= FEW && found.mature > 0;
        let p = (enough(&now) && enough(&before))
            .then(|| funnel::difference(&now, &before, LEVEL))
            .flatten();
        Self { from: stop.name.clone(), to: next.name.clone(), now, before, within, young, p }
    }
}

const FEW: u64 = words::SMALL as u64;

/// Returns the steps of a walk; p-values are those of each step alone.
pub(super) fn steps(
    walk: &Walk<'_>,
    ask: &Ask,
    until: Date,
    year_ago: Option<&Period>,
) -> Vec<Step> {
    let pairs = walk.stops.iter().zip(walk.stops.iter().skip(1));
    pairs.map(|(stop, next)| Step::of(stop, next, ask, until, year_ago)).collect()
}

/// Adjusts the p-values of all steps together (Benjamini and Hochberg 1995).
pub(super) fn adjust(steps: &mut [Vec<Step>]) {
    let known: Vec<f64> = steps.iter().flatten().filter_map(|step| step.p).collect();
    let Some(adjusted) = multiple::adjusted(&known, Method::BenjaminiHochberg) else { return };
    let compared = steps.iter_mut().flatten().filter(|step| step.p.is_some());
    for (step, p) in compared.zip(adjusted) {
        step.p = Some(p);
    }
}

/// Of 100, with the interval; "3 of 5" below the floor.
fn of_hundred(found: &Transition) -> Entry {
    let none = |why: &str| Entry::plain(Value::None(why.to_owned()));
    match (found.n, found.share) {
        (0, _) => none("none entered"),
        (1..FEW, _) => Entry::plain(Value::Share {
            of: i64::try_from(found.passed).unwrap_or(i64::MAX),
            total: i64::try_from(found.n).unwrap_or(i64::MAX),
        }),
        (_, None) => none("too early to tell"),
        (_, Some(share)) => {
            let method = if found.mature == found.n { "Wilson" } else { "Aalen-Johansen" };
            hundred(share.point, share.low, share.high, method)
        }
    }
}

fn days_of(days: Option<funnel::Days>, n: u64) -> Entry {
    let Some(days) = days.filter(|_| n >= FEW) else {
        return Entry::plain(Value::None("too few went on".to_owned()));
    };
    let interval = days.limits.map(|(low, high)| Interval {
        low: low.min(days.point),
        high: high.max(days.point),
        level: LEVEL,
        method: "bootstrap over cases",
    });
    Entry { interval, ..Entry::plain(Value::Days(days.point)) }
}

/// The table of a walk: a row for each stage.
pub(super) fn told(walk: &Walk<'_>, steps: &[Step], ask: &Ask, year_ago: Option<&Period>) -> Table {
    let mut columns = vec![
        ("entered", "Entered"),
        ("year_ago", "A year ago"),
        ("went_on", "Went on so far"),
        ("left", "Left"),
        ("waiting", "Still there"),
        ("of_100", "Of 100 go on"),
        ("of_100_year_ago", "A year ago"),
        ("within", "Within"),
        ("median", "Median days"),
        ("p90", "Nine of ten within"),
        ("skipped", "Passed it by"),
    ];
    if walk.goes_back {
        columns.push(("came_back", "Came back to it"));
    }
    let mut found = table(walk.id, walk.title, "Stage", &columns);
    for (at, stop) in walk.stops.iter().enumerate() {
        let cohort = stop.cohort(&ask.period);
        let within = |period: &Period| stop.rows.only(Filter::within(&stop.day, period));
        let rows = within(&ask.period);
        let some = |rows: &Slice<'_>, wanted: &dyn Fn(&Case) -> bool| {
            let ids: Vec<Arc<str>> = cohort
                .iter()
                .filter(|case| wanted(case))
                .map(|case| Arc::clone(&case.id))
                .collect();
            rows.among(walk.key, &ids).distinct(walk.key)
        };
        let entered = |period: &Period| {
            let ids: Vec<Arc<str>> =
                stop.cohort(period).iter().map(|case| Arc::clone(&case.id)).collect();
            within(period).among(walk.key, &ids).distinct(walk.key)
        };
        let nothing = |why: &str| Entry::plain(Value::None(why.to_owned()));
        let ago = year_ago.map_or_else(|| nothing("not known"), &entered);
        let mut entries = vec![entered(&ask.period), ago];
        if let Some(step) = steps.get(at) {
            entries.extend([
                some(&rows, &|case| case.passed.is_some()),
                some(&rows, &|case| case.passed.is_none() && case.left.is_some()),
                some(&rows, &|case| case.passed.is_none() && case.left.is_none()),
                of_hundred(&step.now),
                of_hundred(&step.before),
                step.within.map_or_else(
                    || nothing("none went on"),
                    |days| Entry::plain(Value::Days(days)),
                ),
                days_of(step.now.median, step.now.passed),
                days_of(step.now.p90, step.now.passed),
            ]);
        } else {
            entries.extend((0..8).map(|_| nothing("the last stage")));
        }
        let skipped: Vec<Arc<str>> = stop
            .skipped
            .iter()
            .filter(|(_, day)| ask.period.contains(*day))
            .map(|(id, _)| Arc::clone(id))
            .collect();
        entries.push(walk.whole.among(walk.key, &skipped).distinct(walk.key));
        if walk.goes_back {
            entries.push(rows.only(Filter::is("move", "backward")).count());
        }
        found.rows.push(row(&stop.id, &stop.name, entries));
    }
    found.note = Some(format!(
        "Rows: {} that entered the stage in the period, once each. Any stage that is later counts as \
         going on, so what passes a stage by has gone on from the one before. Of 100 go on: within \
         the days beside it, freed of those that are still on their way.",
        walk.noun.1
    ));
    found
}

/// The chart of a walk.
pub(super) fn chart(walk: &Walk<'_>, table: &Table, steps: &[Step], title: String) -> Chart {
    let rows: Vec<&domain::answer::TableRow> = table.rows.iter().collect();
    let lag = |of: &dyn Fn(&Step) -> Option<f64>| {
        std::iter::once(None).chain(steps.iter().map(of)).collect::<Vec<Option<f64>>>()
    };
    // What a young step has shown so far is no rate: the drawing says nothing, the table the days.
    let told = |step: &Step| step.now.n >= FEW && !step.young;
    let share = lag(&|step| step.now.share.filter(|_| told(step)).map(|share| share.point));
    let days =
        lag(&|step| step.now.median.filter(|_| step.now.passed >= FEW).map(|days| days.point));
    let marks = lag(&|step| step.young.then_some(1.0));
    let marks = marks.iter().map(|mark| mark.map_or(Mark::Plain, |_| Mark::Unfinished)).collect();
    Chart::new(&format!("{}_flow", walk.id), title, ChartForm::Funnel, "count")
        .points(table.rows.iter().map(|row| row.label.clone()))
        .with(common::series_of(table, "entered", words::sentence(walk.noun.1).as_str(), &rows))
        .with(common::series_of(table, "year_ago", "A year ago", &rows).role(Role::Previous))
        .with(Series::new("Go on", share).role(Role::Conversion).marks(marks))
        .with(Series::new("Median days", days).role(Role::Days))
}

/// Identifiers of cases.
type Ids = Vec<Arc<str>>;

/// One table for a dimension: the steps of each group, drawn towards each other, from those that
/// entered in the year up to the end of the period and had the days that nine of ten take.
pub(super) fn by_dimension(
    walk: &Walk<'_>,
    ask: &Ask,
    until: Date,
    dimension: (&str, &str, &str),
) -> Option<(Table, Vec<Outlier>)> {
    let (id, column, heading) = dimension;
    walk.frame.column(column)?;
    let values = walk.frame.texts(column);
    let year = Period::days(
        ask.period.to.saturating_sub(364.days()).min(ask.period.from),
        ask.period.to.min(until),
    );
    let mut columns: Vec<(String, String)> = Vec::new();
    let mut cells: BTreeMap<Arc<str>, Vec<(Entry, Entry)>> = BTreeMap::new();
    let mut tests: Vec<Outlier> = Vec::new();
    let pairs: Vec<(&Stop<'_>, &Stop<'_>)> =
        walk.stops.iter().zip(walk.stops.iter().skip(1)).collect();
    let unknown: Arc<str> = common::NONE.into();
    let value = |case: &Case| text(values, case.row).unwrap_or_else(|| Arc::clone(&unknown));
    let label = |group: &str| common::label(ask, id, group, &[]);
    for (place, (stop, next)) in pairs.iter().enumerate() {
        columns.push((stop.id.clone(), format!("{} to {}: seen", stop.name, next.name)));
        columns.push((format!("{}_of_100", stop.id), "Of 100 go on".to_owned()));
        let horizon = stop.horizon(until).unwrap_or(1.0);
        let ripe =
            |case: &&Case| year.contains(case.entered) && span(case.entered, until) >= horizon;
        let went =
            |case: &Case| case.passed.is_some_and(|passed| span(case.entered, passed) <= horizon);
        let mut members: BTreeMap<Arc<str>, (Ids, Ids)> = BTreeMap::new();
        for case in stop.cases.iter().filter(ripe) {
            let (all, passed) = members.entry(value(case)).or_default();
            all.push(Arc::clone(&case.id));
            if went(case) {
                passed.push(Arc::clone(&case.id));
            }
        }
        let counts: Vec<Group> = members
            .values()
            .map(|(all, passed)| Group { k: passed.len() as u64, n: all.len() as u64 })
            .collect();
        let drawn = groups::drawn(&counts, "none that old");
        for ((group, (all, passed)), drawn) in members.iter().zip(drawn) {
            let rows = stop.rows.only(Filter::within(&stop.day, &year));
            let rows = match &**group {
                common::NONE => rows.only(Filter::missing(column)),
                group => rows.only(Filter::is(column, group)),
            };
            let of = |ids: &[Arc<str>]| rows.among(walk.key, ids).distinct(walk.key);
            let seen = share_of(&of(passed), &of(all), "none that old");
            let line = cells.entry(Arc::clone(group)).or_default();
            while line.len() < place {
                line.push(blank());
            }
            line.push((seen, drawn));
        }
        let names: Vec<String> = members.keys().map(|group| label(group)).collect();
        tests.extend(groups::compared(&counts, |at, more| {
            let (name, than) =
                (names.get(at).map_or("", |name| name), if more { "more" } else { "fewer" });
            format!("{name}: {than} go on from {} to {}", stop.name, next.name)
        }));
    }
    let headings: Vec<(&str, &str)> =
        columns.iter().map(|(id, label)| (id.as_str(), label.as_str())).collect();
    let title = format!("{} by {}", walk.title, heading.to_lowercase());
    let mut found = table(&format!("{}_by_{id}", walk.id), &title, heading, &headings);
    for (group, mut line) in cells {
        line.resize_with(pairs.len(), blank);
        let entries = line.into_iter().flat_map(|(seen, drawn)| [seen, drawn]).collect();
        found.rows.push(row(&group, &label(&group), entries));
    }
    found.note = Some(format!(
        "Entered from {} to {}, and at least as long ago as nine of ten take. Of 100 go on: the \
         group's rate drawn towards those of all groups, the more the fewer were seen.",
        year.from, year.to
    ));
    Some((found, tests))
}

fn blank() -> (Entry, Entry) {
    let none = || Entry::plain(Value::None("none that old".to_owned()));
    (none(), none())
}

/// How many of each month's deals were won by so many months after; what is not over is marked.
pub(super) fn cohorts(deals: &Slice<'_>, ask: &Ask, until: Date) -> (Table, Chart) {
    const MONTHS: i64 = 12;
    let calendar = ask.definitions.calendar();
    let mut months = vec![calendar.month_of(ask.period.to.min(until))];
    while months.len() < 12 {
        let Some(last) = months.last() else { break };
        months.push(calendar.previous(last));
    }
    months.reverse();
    let names: Vec<(String, String)> =
        (1..=MONTHS).map(|n| (format!("m{n}"), n.to_string())).collect();
    let headings: Vec<(&str, &str)> = std::iter::once(("created", "Deals created"))
        .chain(names.iter().map(|(id, label)| (id.as_str(), label.as_str())))
        .collect();
    let mut found =
        table("cohorts", "Deals won by months since they were created", "Created in", &headings);
    let mut chart = Chart::new(
        "cohorts_won",
        "How many of each month's deals are won, by months since",
        ChartForm::HeatMap,
        "share",
    )
    .points(names.iter().map(|(_, label)| label.clone()));
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for month in months {
        if !seen.insert(month.label.clone()) {
            continue;
        }
        let created = deals.only(Filter::within("created_on", &month));
        let all = created.count();
        let won = created.only(Filter::flag("won", true));
        let mut entries = vec![all.clone()];
        let (mut values, mut marks, mut opens) = (Vec::new(), Vec::new(), Vec::new());
        for n in 1..=MONTHS {
            // Thirty days each; a cell is over when its youngest deal has had them.
            let begun = month.from.saturating_add((30 * (n - 1)).days()) <= until;
            let over = month.to.saturating_add((30 * n).days()) <= until;
            let by_then = won.only(Filter {
                column: "cycle_days".to_owned(),
                test: domain::Test::Between(
                    domain::Cell::Integer(0),
                    domain::Cell::Integer(30 * n),
                ),
            });
            let entry = if begun {
                share_of(&by_then.count(), &all, "no deals were created")
            } else {
                Entry::plain(Value::None("not yet".to_owned()))
            };
            values.push(entry.value.number());
            marks.push(if over || !begun { Mark::Plain } else { Mark::Unfinished });
            let open = entry.evidence.is_some();
            opens.push(open.then(|| format!("cohorts.{}.m{n}", month.label)));
            entries.push(entry);
        }
        chart = chart.with(Series::new(month.label.clone(), values).marks(marks).opens(opens));
        found.rows.push(row(&month.label, &month.label, entries));
    }
    found.note = Some(
        "Months of 30 days. A cell counts what was won by then; where it is not over for all deals \
         of the month, it may still grow."
            .to_owned(),
    );
    (found, chart)
}
