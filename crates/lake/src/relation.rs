//! Relations: the rows that answers are made of, evaluated from a build.
//!
//! One function for each relation makes all of its rows in a currency; filters and the choice of
//! columns follow. What is asked for often is kept; `touches` and `journeys`, which may have many
//! millions of rows, are never held as a whole: their filters are applied while they are read.

mod changes;
mod credits;
mod journeys;
mod opportunities;
mod program_leads;
mod record;
mod small;
mod touches;
mod units;
mod visits;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow::array::RecordBatch;
use domain::diagnostic::nearest;
use domain::{Caveat, Currency, Definitions, Frame, Rows};
use jiff::civil::Date;

use crate::build::caveats::{BuildSummary, Notes, caveats};
use crate::build::{Channels, Days, Facts, Rates, Tables};
use crate::derived::KeptBuild;
use crate::error::LakeError;

/// A relation and its columns, in the order in which they are shown.
#[derive(Clone, Copy, Debug)]
pub struct Relation {
    /// Name.
    pub name: &'static str,
    /// Columns.
    pub columns: &'static [&'static str],
}

/// All relations.
pub const RELATIONS: &[Relation] = &[
    Relation { name: "opportunities", columns: opportunities::COLUMNS },
    Relation { name: "deal_changes", columns: changes::COLUMNS },
    Relation { name: "stage_visits", columns: visits::COLUMNS },
    Relation { name: "credits", columns: credits::COLUMNS },
    Relation { name: "journeys", columns: journeys::COLUMNS },
    Relation { name: "paths", columns: small::PATHS },
    Relation { name: "program_leads", columns: program_leads::COLUMNS },
    Relation { name: "demand_units", columns: units::COLUMNS },
    Relation { name: "touches", columns: touches::COLUMNS },
    Relation { name: "touch_days", columns: small::TOUCH_DAYS },
    Relation { name: "leads", columns: small::LEADS },
    Relation { name: "lead_stages", columns: small::LEAD_STAGES },
    Relation { name: "capacity", columns: small::CAPACITY },
    Relation { name: "budgets", columns: small::BUDGETS },
    Relation { name: "spend", columns: small::SPEND },
    Relation { name: "spend_left_out", columns: small::SPEND_LEFT_OUT },
    Relation { name: "programs", columns: small::PROGRAMS },
    Relation { name: "loads", columns: record::LOADS },
    Relation { name: "sources", columns: record::SOURCES },
    Relation { name: "stored", columns: record::STORED },
    Relation { name: "quarantined", columns: record::QUARANTINED },
];

/// Rows were asked for that no relation has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestError {
    /// What is not there: relation, column or model.
    pub what: &'static str,
    /// Where it was looked for, empty for relations and models.
    pub within: String,
    /// What was asked for.
    pub given: String,
    /// What to do about it, as a sentence.
    pub hint: String,
}

impl RequestError {
    fn new<'a>(
        what: &'static str,
        within: &str,
        given: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) -> Self {
        let hint = nearest(given, known.clone()).map_or_else(
            || format!("Known are {}.", known.collect::<Vec<_>>().join(", ")),
            |near| format!("Did you mean `{near}`?"),
        );
        Self { what, within: within.to_owned(), given: given.chars().take(80).collect(), hint }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, within, given, hint } = self;
        write!(f, "{what} `{given}`")?;
        if !within.is_empty() {
            write!(f, " of relation `{within}`")?;
        }
        write!(f, " does not exist. {hint}")
    }
}

impl std::error::Error for RequestError {}

/// What a full relation depends on: its name, the currency and the model.
type Key = (&'static str, Currency, String);

/// The tables of a build, and the relations made of them.
pub struct Built {
    facts: Arc<dyn Facts>,
    definitions: Arc<Definitions>,
    as_of: Date,
    notes: Notes,
    summary: BuildSummary,
    /// Where tables that are not in memory yet are read from.
    disk: Option<KeptBuild>,
    tables: Mutex<BTreeMap<&'static str, Arc<Frame>>>,
    hops: Mutex<Option<Arc<RecordBatch>>>,
    activity: Mutex<Option<Arc<RecordBatch>>>,
    /// The touches of null paths, to be kept; none where the tables were read from disk.
    nulls: Option<RecordBatch>,
    made: Mutex<BTreeMap<Key, Arc<Frame>>>,
    days: OnceLock<Days>,
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Built").field("as_of", &self.as_of).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What the mutexes hold is complete at every moment, so a panic elsewhere spoils nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Built {
    pub(crate) fn new(
        facts: Arc<dyn Facts>,
        definitions: Arc<Definitions>,
        as_of: Date,
        tables: Tables,
    ) -> Self {
        let frames = tables.frames.into_iter().map(|(name, frame)| (name, Arc::new(frame)));
        Self {
            facts,
            definitions,
            as_of,
            notes: tables.notes,
            summary: tables.summary,
            disk: None,
            tables: Mutex::new(frames.collect()),
            hops: Mutex::new(Some(Arc::new(tables.hops))),
            activity: Mutex::new(Some(Arc::new(tables.activity))),
            nulls: Some(tables.nulls),
            made: Mutex::default(),
            days: OnceLock::new(),
        }
    }

    /// Makes a build whose tables are read from a folder when they are asked for.
    pub(crate) fn stored(
        facts: Arc<dyn Facts>,
        definitions: Arc<Definitions>,
        as_of: Date,
        notes: Notes,
        summary: BuildSummary,
        kept: KeptBuild,
    ) -> Self {
        Self {
            facts,
            definitions,
            as_of,
            notes,
            summary,
            disk: Some(kept),
            tables: Mutex::default(),
            hops: Mutex::default(),
            activity: Mutex::default(),
            nulls: None,
            made: Mutex::default(),
            days: OnceLock::new(),
        }
    }

    /// Returns the rows asked for, money in a currency.
    ///
    /// An unknown relation, column or model is an error that names the nearest one.
    pub fn fetch(&self, rows: &Rows, currency: Currency) -> Result<Frame, LakeError> {
        let relation = checked(rows)?;
        let columns: Vec<&str> = if rows.columns.is_empty() {
            relation.columns.to_vec()
        } else {
            rows.columns.iter().map(String::as_str).collect()
        };
        match relation.name {
            "touches" => touches::fetch(self, &rows.filters, &columns),
            "journeys" => journeys::fetch(self, &rows.filters, &columns),
            name => {
                let model = rows.model.as_deref().unwrap_or(&self.definitions.attribution.model);
                let all = self.whole(name, currency, model)?;
                // Columns that are not wanted are dropped before the rows are copied.
                Ok(all.select(&columns).take(&all.matching(&rows.filters)))
            }
        }
    }

    /// Returns all rows and columns of a relation that is small enough to be kept.
    fn whole(
        &self,
        name: &'static str,
        currency: Currency,
        model: &str,
    ) -> Result<Arc<Frame>, LakeError> {
        let model = if name == "credits" { model } else { "" };
        let key = (name, currency, model.to_owned());
        if let Some(frame) = locked(&self.made).get(&key) {
            return Ok(Arc::clone(frame));
        }
        let frame = Arc::new(match name {
            "opportunities" => opportunities::all(self, currency)?,
            "deal_changes" => changes::all(self, currency)?,
            "stage_visits" => visits::all(self, currency)?,
            "credits" => credits::all(self, currency, model)?,
            "program_leads" => program_leads::all(self, currency)?,
            "demand_units" => units::all(self, currency)?,
            "lead_stages" => small::lead_stages(self)?,
            "budgets" => small::budgets(self, currency)?,
            "paths" => small::paths(self, currency)?,
            "spend" | "spend_left_out" => small::spend(self, name, currency)?,
            "programs" => small::programs(self, currency)?,
            "loads" => record::loads(self)?,
            "sources" => record::sources(self)?,
            "stored" => record::stored(self)?,
            "quarantined" => record::quarantined(self, currency)?,
            // Nothing in the others depends on the currency.
            _ => return self.table(name),
        });
        locked(&self.made).insert(key, Arc::clone(&frame));
        Ok(frame)
    }

    /// Says what a reader should know about the facts.
    pub fn caveats(&self) -> Vec<Caveat> {
        caveats(&self.notes, &self.summary.touches)
    }

    /// Says how much the build holds.
    pub fn summary(&self) -> &BuildSummary {
        &self.summary
    }

    /// Returns the last day whose facts count.
    pub fn as_of(&self) -> Date {
        self.as_of
    }

    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }

    pub(crate) fn nulls(&self) -> Option<&RecordBatch> {
        self.nulls.as_ref()
    }

    pub(crate) fn definitions(&self) -> &Arc<Definitions> {
        &self.definitions
    }

    pub(crate) fn facts(&self) -> &dyn Facts {
        &*self.facts
    }

    pub(crate) fn channels(&self) -> Channels {
        Channels::new(Arc::clone(&self.definitions))
    }

    pub(crate) fn days(&self) -> &Days {
        self.days.get_or_init(|| Days::new(self.definitions.calendar(), self.as_of))
    }

    pub(crate) fn rates(&self) -> Result<Rates, LakeError> {
        Ok(Rates::from_frame(&self.definitions, &*self.table("rates")?))
    }

    /// Returns a table, read from disk where it is not in memory.
    pub(crate) fn table(&self, name: &'static str) -> Result<Arc<Frame>, LakeError> {
        if let Some(frame) = locked(&self.tables).get(name) {
            return Ok(Arc::clone(frame));
        }
        let Some(kept) = &self.disk else {
            return Err(LakeError::NoTable { table: name.to_owned() });
        };
        let frame = Arc::new(crate::derived::read_frame(&kept.dir, name)?);
        locked(&self.tables).insert(name, Arc::clone(&frame));
        Ok(frame)
    }

    /// Returns the touches of all journeys, read from disk where they are not in memory.
    pub(crate) fn hops(&self) -> Result<Arc<RecordBatch>, LakeError> {
        self.batch("hops", &self.hops, crate::derived::read_hops)
    }

    /// Returns all touches that count, read from disk where they are not in memory.
    pub(crate) fn activity(&self) -> Result<Arc<RecordBatch>, LakeError> {
        self.batch("activity", &self.activity, crate::derived::read_activity)
    }

    fn batch(
        &self,
        name: &str,
        kept: &Mutex<Option<Arc<RecordBatch>>>,
        read: fn(&Path) -> Result<RecordBatch, LakeError>,
    ) -> Result<Arc<RecordBatch>, LakeError> {
        if let Some(batch) = &*locked(kept) {
            return Ok(Arc::clone(batch));
        }
        let Some(disk) = &self.disk else {
            return Err(LakeError::NoTable { table: name.to_owned() });
        };
        let batch = Arc::new(read(&disk.dir)?);
        *locked(kept) = Some(Arc::clone(&batch));
        Ok(batch)
    }
}

/// Finds the relation, and checks that it has the columns and the model that are asked for.
fn checked(rows: &Rows) -> Result<&'static Relation, RequestError> {
    let names = RELATIONS.iter().map(|relation| relation.name);
    let relation = RELATIONS
        .iter()
        .find(|relation| relation.name == rows.relation)
        .ok_or_else(|| RequestError::new("relation", "", &rows.relation, names))?;
    let asked = rows.filters.iter().map(|filter| &filter.column).chain(&rows.columns);
    for column in asked {
        if !relation.columns.contains(&column.as_str()) {
            let known = relation.columns.iter().copied();
            return Err(RequestError::new("column", relation.name, column, known));
        }
    }
    if let Some(model) = &rows.model {
        let known = domain::definition::check::MODELS;
        if !known.contains(&model.as_str()) {
            return Err(RequestError::new("model", "", model, known.iter().copied()));
        }
    }
    Ok(relation)
}

/// Puts frames with the same columns one below the other.
fn joined(frames: Vec<Frame>) -> Result<Frame, LakeError> {
    use domain::Column;
    let mut frames = frames.into_iter();
    let Some(first) = frames.next() else { return Ok(Frame::default()) };
    let names: Vec<Arc<str>> = first.names().to_vec();
    let mut columns: Vec<Column> = first.columns().to_vec();
    for frame in frames {
        for (all, more) in columns.iter_mut().zip(frame.columns()) {
            match (all, more) {
                (Column::Text(all), Column::Text(more)) => all.extend_from_slice(more),
                (Column::Integer(all), Column::Integer(more)) => all.extend_from_slice(more),
                (Column::Number(all), Column::Number(more)) => all.extend_from_slice(more),
                (Column::Boolean(all), Column::Boolean(more)) => all.extend_from_slice(more),
                (Column::Day(all), Column::Day(more)) => all.extend_from_slice(more),
                (Column::Instant(all), Column::Instant(more)) => all.extend_from_slice(more),
                (Column::Decimal(all), Column::Decimal(more)) => all.extend_from_slice(more),
                (Column::Money(all), Column::Money(more)) => all.extend_from_slice(more),
                _ => {}
            }
        }
    }
    Ok(Frame::new(names.iter().map(|name| &**name).zip(columns).collect())?)
}
