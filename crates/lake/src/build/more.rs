//! What further touches change in the tables of a build, where nothing else changed.
//!
//! Only the new touches are read, and of the tables only the columns that say whom a touch belongs
//! to and where a journey lies. The outcome are changes by row: cells of rows that are there, and
//! rows to be put before others. [`crate::derived`] keeps them beside the tables, which stay as
//! they are, and merges both when a table is read.
//!
//! Touches only ever add: a journey gets further touches, a first touch an earlier one, a null path
//! ends later; whatever could take something away needs a full build.

#![expect(clippy::indexing_slicing, reason = "dense codes index arrays of their own number")]

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray,
    StringBuilder, TimestampMicrosecondArray, UInt16Array, UInt32Array,
};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType, UInt16Type, UInt32Type};
use domain::definition::{Side, SourcedBy, State};
use domain::{Column, Definitions, Frame};
use jiff::civil::Date;

use super::caveats::{BuildSummary, Notes};
use super::channels::{Channel, Channels, side_text};
use super::days::{self, Days, Micros};
use super::facts::Batch;
use super::identity::{Account, Identity, Person};
use super::journeys::{self, Journey, Reach};
use super::names::NONE;
use super::programs::{Program, Programs};
use super::tables::{OfPrograms, path_text, touch_days};
use super::touches::{Against, Gathered, InvalidStatuses};
use crate::error::LakeError;

/// The column of a change that says which row it changes.
pub(crate) const ROW: &str = "_row";
/// The column of a new row that says before which row it comes.
pub(crate) const BEFORE: &str = "_before";

/// The tables of the build before.
pub(crate) trait Base {
    /// Reads columns of a table, in the order asked for.
    fn columns(&self, table: &str, columns: &[&str]) -> Result<RecordBatch, LakeError>;
    /// Reads a table.
    fn frame(&self, table: &str) -> Result<Frame, LakeError>;
}

/// What further touches change.
#[derive(Debug)]
pub(crate) struct More {
    /// Changed cells by table, with [`ROW`].
    pub(crate) changed: BTreeMap<&'static str, Frame>,
    /// New rows by table, with [`BEFORE`]; those of `touch_days` are to be added up instead.
    pub(crate) new: BTreeMap<&'static str, Frame>,
    /// New touches of journeys, with [`BEFORE`] as the last column.
    pub(crate) hops: RecordBatch,
    /// Further touches that count.
    pub(crate) activity: RecordBatch,
    pub(crate) notes: Notes,
    pub(crate) summary: BuildSummary,
}

type Text = Option<Arc<str>>;

/// Finds a text in an ordered column.
fn find(sorted: &StringArray, text: &str) -> Option<usize> {
    let at = lower_bound(sorted, text);
    (at < sorted.len() && sorted.value(at) == text).then_some(at)
}

/// Returns the first row whose text is not less.
fn lower_bound(sorted: &StringArray, text: &str) -> usize {
    let (mut from, mut to) = (0, sorted.len());
    while from < to {
        let middle = from.midpoint(to);
        if sorted.value(middle) < text {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}

/// Whole numbers of a column; none where it is of another kind or they are missing.
fn whole(array: Option<&Int64Array>, row: usize) -> Option<i64> {
    array.filter(|array| array.is_valid(row)).map(|array| array.value(row))
}

fn place(array: Option<&Int64Array>, row: usize) -> Option<usize> {
    whole(array, row).and_then(|value| usize::try_from(value).ok())
}

fn texts(batch: &RecordBatch, column: usize) -> Result<&StringArray, LakeError> {
    typed(batch.column(column).as_string_opt(), batch, column)
}

fn typed<'a, T>(
    array: Option<&'a T>,
    batch: &'a RecordBatch,
    column: usize,
) -> Result<&'a T, LakeError> {
    let found = || batch.column(column).data_type().to_string();
    array.ok_or_else(|| LakeError::Unreadable { what: "column of a build", found: found() })
}

fn row_numbers(rows: &[usize]) -> Column {
    Column::Integer(rows.iter().map(|row| i64::try_from(*row).ok()).collect())
}

/// The people and accounts that the new touches name, numbered anew, and their rows in the tables.
struct Named {
    identity: Identity,
    person_rows: Vec<usize>,
    /// None for accounts that only new touches name.
    account_rows: Vec<Option<usize>>,
    account_of_row: HashMap<usize, u32>,
    people: RecordBatch,
    accounts: RecordBatch,
}

mod person {
    pub(super) const COLUMNS: &[&str] = &["id", "_account", "created_on", "_first_at", "_first_id"];
    pub(super) const ACCOUNT: usize = 1;
    pub(super) const CREATED: usize = 2;
    pub(super) const FIRST_AT: usize = 3;
    pub(super) const FIRST_ID: usize = 4;
}

/// Resolves an identifier to a row: its own, or that of the record that it became part of.
fn resolve(ids: &StringArray, others: &RecordBatch, id: &str) -> Result<Option<usize>, LakeError> {
    if let Some(row) = find(ids, id) {
        return Ok(Some(row));
    }
    let Some(at) = find(texts(others, 0)?, id) else { return Ok(None) };
    Ok(find(ids, texts(others, 1)?.value(at)))
}

impl Named {
    fn read(base: &dyn Base, touches: &[RecordBatch]) -> Result<Self, LakeError> {
        let mut named = Self {
            identity: Identity::default(),
            person_rows: Vec::new(),
            account_rows: Vec::new(),
            account_of_row: HashMap::new(),
            people: base.columns("leads", person::COLUMNS)?,
            accounts: base.columns("accounts", &["id", "_segment"])?,
        };
        let people = named.people.clone();
        let accounts = named.accounts.clone();
        let (people_ids, account_ids) = (texts(&people, 0)?, texts(&accounts, 0)?);
        let person_others = base.columns("person_ids", &["id", "of"])?;
        let account_others = base.columns("account_ids", &["id", "of"])?;
        let account_of = people.column(person::ACCOUNT).as_primitive_opt::<Int64Type>();
        let mut code_of_person: HashMap<usize, u32> = HashMap::new();
        for batch in touches {
            let view = Batch(batch);
            let (persons, of_accounts) = (view.texts(1), view.texts(2));
            for row in 0..batch.num_rows() {
                if let Some(id) = Batch::text(persons, row)
                    && !named.identity.person_codes.contains_key(id)
                    && let Some(found) = resolve(people_ids, &person_others, id)?
                {
                    let next = u32::try_from(named.person_rows.len()).unwrap_or(NONE);
                    let code = *code_of_person.entry(found).or_insert(next);
                    named.identity.person_codes.insert(id.into(), code);
                    if code == next {
                        let account = place(account_of, found);
                        let account = account.map_or(NONE, |row| named.account(account_ids, row));
                        named.person_rows.push(found);
                        named.identity.people.push(Person {
                            id: people_ids.value(found).into(),
                            account,
                            ..Person::default()
                        });
                    }
                }
                if let Some(id) = Batch::text(of_accounts, row)
                    && !named.identity.account_codes.contains_key(id)
                    && let Some(found) = resolve(account_ids, &account_others, id)?
                {
                    let code = named.account(account_ids, found);
                    named.identity.account_codes.insert(id.into(), code);
                }
            }
        }
        Ok(named)
    }

    /// Returns the number of the account of a row.
    fn account(&mut self, ids: &StringArray, row: usize) -> u32 {
        if let Some(&code) = self.account_of_row.get(&row) {
            return code;
        }
        let code = u32::try_from(self.identity.accounts.len()).unwrap_or(NONE);
        self.identity.accounts.push(Account {
            id: ids.value(row).into(),
            name: None,
            industry: None,
            country: None,
            segment: "unknown".into(),
            targeted: false,
            created: None,
            found: false,
        });
        self.account_rows.push(Some(row));
        self.account_of_row.insert(row, code);
        code
    }
}

/// Finds out what touches change. They are batches of [`super::touches::COLUMNS`].
pub(crate) fn more(
    base: &dyn Base,
    touches: &[RecordBatch],
    definitions: &Arc<Definitions>,
    as_of: Date,
    before: (&BuildSummary, &Notes),
) -> Result<More, LakeError> {
    let days = Days::new(definitions.calendar(), as_of);
    let end = days.end(days::number(as_of));
    let mut channels = Channels::new(Arc::clone(definitions));
    let base_programs = base.frame("programs")?;
    let mut programs = Programs::from_frame(&base_programs, &mut channels);
    let mut named = Named::read(base, touches)?;
    let created = named.people.column(person::CREATED).as_primitive_opt::<Date32Type>();
    let first_until: Vec<Micros> = named
        .person_rows
        .iter()
        .map(|&row| match created.filter(|created| created.is_valid(row)) {
            Some(created) => days.end(created.value(row) + 1),
            None => Micros::MAX,
        })
        .collect();
    let mut gathered = Gathered::default();
    gathered.first.resize(first_until.len(), None);
    let mut against = Against {
        identity: &mut named.identity,
        programs: &mut programs,
        channels: &mut channels,
        days: &days,
        responses_only: definitions.attribution.responses_only,
        invalid: InvalidStatuses::new(definitions),
        end,
        first_until: &first_until,
    };
    for batch in touches {
        gathered.take(batch, &mut against);
    }
    let kinds = gathered.settle(&mut programs);
    gathered.store.finish(named.identity.accounts.len())?;
    named.account_rows.resize(named.identity.accounts.len(), None);

    let mut summary = before.0.clone();
    summary.touches.add(&gathered.counts);
    let mut notes = before.1.clone();
    notes.further("touches", gathered.counts.future);
    let mut changes = Changes {
        base,
        named: &named,
        gathered: &gathered,
        kinds: &kinds,
        programs: &programs,
        channels: &mut channels,
        days: &days,
        definitions,
        end,
        summary,
        changed: BTreeMap::new(),
        new: BTreeMap::new(),
    };
    changes.programs(&base_programs)?;
    changes.accounts()?;
    changes.leads()?;
    let hops = changes.journeys()?;
    let by_day = touch_days(&gathered.by_day, &programs, changes.channels)?;
    changes.new.insert("touch_days", by_day);
    let activity = changes.activity()?;
    let Changes { changed, new, summary, .. } = changes;
    Ok(More { changed, new, hops, activity, notes, summary })
}

struct Changes<'a> {
    base: &'a dyn Base,
    named: &'a Named,
    gathered: &'a Gathered,
    kinds: &'a [Arc<str>],
    programs: &'a Programs,
    channels: &'a mut Channels,
    days: &'a Days,
    definitions: &'a Definitions,
    end: Micros,
    summary: BuildSummary,
    changed: BTreeMap<&'static str, Frame>,
    new: BTreeMap<&'static str, Frame>,
}

impl Changes<'_> {
    fn programs(&mut self, base: &Frame) -> Result<(), LakeError> {
        let known = base.texts("id");
        let mut row = 0;
        let (mut new, mut befores): (Vec<Program>, Vec<usize>) = Default::default();
        for program in &self.programs.rows {
            if known.get(row).and_then(Option::as_ref) == Some(&program.id) {
                row += 1;
            } else {
                new.push(program.clone());
                befores.push(row);
            }
        }
        if !new.is_empty() {
            let of = OfPrograms { definitions: self.definitions, days: self.days };
            let frame = with_first(BEFORE, row_numbers(&befores), &of.frame(&new, self.channels)?)?;
            self.new.insert("programs", frame);
        }
        Ok(())
    }

    fn accounts(&mut self) -> Result<(), LakeError> {
        let ids = texts(&self.named.accounts, 0)?;
        let rows = self.named.identity.accounts.iter().zip(&self.named.account_rows);
        let mut new: Vec<&Account> =
            rows.filter(|(_, row)| row.is_none()).map(|(account, _)| account).collect();
        if new.is_empty() {
            return Ok(());
        }
        new.sort_by(|a, b| a.id.cmp(&b.id));
        self.summary.accounts += new.len() as u64;
        let befores: Vec<usize> = new.iter().map(|account| lower_bound(ids, &account.id)).collect();
        let text = |of: fn(&Account) -> Text| Column::Text(new.iter().map(|a| of(a)).collect());
        let frame = super::frame(vec![
            (BEFORE, row_numbers(&befores)),
            ("id", text(|account| Some(Arc::clone(&account.id)))),
            ("name", text(|account| account.name.clone())),
            ("_segment", text(|account| Some(Arc::clone(&account.segment)))),
            ("_targeted", Column::Boolean(vec![Some(false); new.len()])),
            ("_created_on", Column::Day(vec![None; new.len()])),
        ])?;
        self.new.insert("accounts", frame);
        Ok(())
    }

    /// The new touches that count, with the places that accounts and people have now.
    fn activity(&self) -> Result<RecordBatch, LakeError> {
        let ids = texts(&self.named.accounts, 0)?;
        let befores = self.new.get("accounts").map(befores).unwrap_or_default();
        let mut new: Vec<&Arc<str>> = Vec::new();
        for (account, row) in self.named.identity.accounts.iter().zip(&self.named.account_rows) {
            if row.is_none() {
                new.push(&account.id);
            }
        }
        new.sort_unstable();
        let whole = |place: usize| u32::try_from(place).unwrap_or(NONE);
        let accounts = self.named.identity.accounts.iter().zip(&self.named.account_rows);
        let places: Vec<u32> = accounts
            .map(|(account, row)| {
                let known = row.map(|row| shifted(&befores, whole(row)));
                known.unwrap_or_else(|| {
                    let among = new.partition_point(|id| **id < account.id);
                    whole(lower_bound(ids, &account.id) + among)
                })
            })
            .collect();
        let people = &self.named.person_rows;
        super::activity::of(
            self.gathered,
            |code| places.get(code as usize).copied().unwrap_or(NONE),
            |code| people.get(code as usize).map_or(NONE, |row| whole(*row)),
        )
    }

    /// People whose first touch is a new one.
    fn leads(&mut self) -> Result<(), LakeError> {
        let people = &self.named.people;
        let first_at = people.column(person::FIRST_AT).as_primitive_opt::<Int64Type>();
        let first_id = people.column(person::FIRST_ID).as_string_opt::<i32>();
        let mut rows = Vec::new();
        let mut texts: [Vec<Text>; 4] = Default::default();
        for (first, &row) in self.gathered.first.iter().zip(&self.named.person_rows) {
            let Some(first) = first else { continue };
            let known = whole(first_at, row).map(|at| (at, Batch::text(first_id, row)));
            if known.is_some_and(|(at, id)| (at, id.unwrap_or("")) < (first.at, &*first.id)) {
                continue;
            }
            rows.push(row);
            let row_texts = [
                Some(self.channels.id(first.channel)),
                Some(side_text(self.channels.side(first.channel))),
                self.programs.id(first.program),
                self.programs.name(first.program),
            ];
            for (column, text) in texts.iter_mut().zip(row_texts) {
                column.push(text);
            }
        }
        let [channel, side, program_id, program] = texts;
        let frame = super::frame(vec![
            (ROW, row_numbers(&rows)),
            ("channel", Column::Text(channel)),
            ("side", Column::Text(side)),
            ("program_id", Column::Text(program_id)),
            ("program", Column::Text(program)),
        ])?;
        self.changed.insert("leads", frame);
        Ok(())
    }
}

/// Puts a column before those of a frame.
fn with_first(name: &str, column: Column, frame: &Frame) -> Result<Frame, LakeError> {
    let mut columns = vec![(name, column)];
    columns.extend(frame.names().iter().map(|name| &**name).zip(frame.columns().iter().cloned()));
    super::frame(columns)
}

/// A table with touches in the order of their owners, times and identifiers.
struct Ordered<'a> {
    base: &'a dyn Base,
    table: &'static str,
    at: Vec<Micros>,
    channel: Vec<Channel>,
    /// Read only where two touches have the same time.
    ids: OnceCell<RecordBatch>,
}

impl<'a> Ordered<'a> {
    fn new(
        base: &'a dyn Base,
        table: &'static str,
        batch: &RecordBatch,
    ) -> Result<Self, LakeError> {
        let at = batch.column(0).as_primitive_opt::<Int64Type>();
        let channel = batch.column(1).as_primitive_opt::<UInt16Type>();
        Ok(Self {
            base,
            table,
            at: typed(at, batch, 0)?.values().to_vec(),
            channel: typed(channel, batch, 1)?.values().to_vec(),
            ids: OnceCell::new(),
        })
    }

    fn id(&self, row: usize) -> Result<&str, LakeError> {
        let batch = if let Some(batch) = self.ids.get() {
            batch
        } else {
            let batch = self.base.columns(self.table, &["touch_id"])?;
            self.ids.get_or_init(|| batch)
        };
        Ok(texts(batch, 0)?.value(row))
    }

    /// Returns the first row of a range that comes after a touch.
    fn after(&self, range: &Range<usize>, at: Micros, id: &str) -> Result<usize, LakeError> {
        let all = &self.at[range.clone()];
        let mut row = range.start + all.partition_point(|known| *known < at);
        while row < range.end && self.at[row] == at && self.id(row)? < id {
            row += 1;
        }
        Ok(row)
    }
}

mod deal {
    pub(super) const COLUMNS: &[&str] = &[
        "_account",
        "created_at",
        "_until",
        "_lead_at",
        "state",
        "closed_on",
        "influenced",
        "_n",
        "n_touches",
        "lead_source",
        "_program_id",
        "_program",
    ];
}

/// Typed columns of the table of deals.
struct DealRows<'a> {
    account: Option<&'a Int64Array>,
    created: Option<&'a TimestampMicrosecondArray>,
    until: Option<&'a Int64Array>,
    lead_at: Option<&'a Int64Array>,
    state: Option<&'a StringArray>,
    closed_on: Option<&'a Date32Array>,
    influenced: Option<&'a BooleanArray>,
    n: Option<&'a Int64Array>,
    n_before: Option<&'a Int64Array>,
    lead_source: Option<&'a StringArray>,
    program_id: Option<&'a StringArray>,
    program: Option<&'a StringArray>,
}

impl<'a> DealRows<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let whole = |column: usize| batch.column(column).as_primitive_opt::<Int64Type>();
        let text = |column: usize| batch.column(column).as_string_opt();
        Self {
            account: whole(0),
            created: batch.column(1).as_primitive_opt::<TimestampMicrosecondType>(),
            until: whole(2),
            lead_at: whole(3),
            state: text(4),
            closed_on: batch.column(5).as_primitive_opt::<Date32Type>(),
            influenced: batch.column(6).as_boolean_opt(),
            n: whole(7),
            n_before: whole(8),
            lead_source: text(9),
            program_id: text(10),
            program: text(11),
        }
    }
}

/// Changed cells of the table of deals.
#[derive(Default)]
struct DealChanges {
    rows: Vec<usize>,
    sides: [Vec<Text>; 3],
    channel: Vec<Text>,
    program_id: Vec<Text>,
    program: Vec<Text>,
    influenced: Vec<Option<bool>>,
    first_on: Vec<Option<Date>>,
    days_from_first: Vec<Option<i64>>,
    last_on: Vec<Option<Date>>,
    n: Vec<usize>,
    n_before: Vec<usize>,
    lead: Vec<Option<i64>>,
    close: Vec<Option<i64>>,
}

impl DealChanges {
    fn frame(self) -> Result<Frame, LakeError> {
        let [first, pre, source] = self.sides;
        super::frame(vec![
            (ROW, row_numbers(&self.rows)),
            ("source_first_touch", Column::Text(first)),
            ("source_pre_sales", Column::Text(pre)),
            ("source", Column::Text(source)),
            ("channel", Column::Text(self.channel)),
            ("program_id", Column::Text(self.program_id)),
            ("program", Column::Text(self.program)),
            ("influenced", Column::Boolean(self.influenced)),
            ("n_touches", row_numbers(&self.n_before)),
            ("first_touch_on", Column::Day(self.first_on)),
            ("days_from_first_touch", Column::Integer(self.days_from_first)),
            ("last_activity_on", Column::Day(self.last_on)),
            ("_n", row_numbers(&self.n)),
            ("_lead", Column::Integer(self.lead)),
            ("_close", Column::Integer(self.close)),
        ])
    }
}

/// Changed and new rows of the table of paths.
#[derive(Default)]
struct PathChanges {
    rows: Vec<usize>,
    paths: Vec<Text>,
    on: Vec<Option<Date>>,
    befores: Vec<usize>,
    new_ids: [Vec<Text>; 3],
    new_paths: Vec<Text>,
    new_converted: Vec<Option<bool>>,
    new_on: Vec<Option<Date>>,
    new_deals: Vec<Option<i64>>,
}

impl PathChanges {
    fn change(&mut self, row: usize, path: Arc<str>, on: Date) {
        self.rows.push(row);
        self.paths.push(Some(path));
        self.on.push(Some(on));
    }

    fn add(
        &mut self,
        before: usize,
        ids: [Text; 3],
        path: Arc<str>,
        on: Date,
        deal: Option<usize>,
    ) {
        self.befores.push(before);
        for (column, id) in self.new_ids.iter_mut().zip(ids) {
            column.push(id);
        }
        self.new_paths.push(Some(path));
        self.new_converted.push(Some(deal.is_some()));
        self.new_on.push(Some(on));
        self.new_deals.push(deal.and_then(|deal| i64::try_from(deal).ok()));
    }
}

/// Touches that journeys get.
#[derive(Default)]
struct NewHops {
    at: Vec<Micros>,
    channel: Vec<Channel>,
    program: Vec<u32>,
    person: StringBuilder,
    kind: StringBuilder,
    id: StringBuilder,
    before: Vec<i64>,
}

impl Changes<'_> {
    /// Deals and null paths; returns the new touches of journeys.
    fn journeys(&mut self) -> Result<RecordBatch, LakeError> {
        let batch = self.base.columns("hops", &["at", "channel", "program"])?;
        let hops = Ordered::new(self.base, "hops", &batch)?;
        let program = batch.column(2).as_primitive_opt::<UInt32Type>();
        let hop_programs = typed(program, &batch, 2)?;
        let shifted = self.shifts();
        let deals = self.base.columns("opportunities", deal::COLUMNS)?;
        let rows = DealRows::of(&deals);
        let reach = Reach::new(self.definitions, self.end);
        let rule = self.definitions.attribution.sourced_by;
        let in_force = SourcedBy::ALL.iter().position(|known| *known == rule).unwrap_or(0);
        let store = &self.gathered.store;
        let account_ids = texts(&self.named.accounts, 0)?;
        let segments = texts(&self.named.accounts, 1)?;
        let mut has_deal = vec![false; account_ids.len()];
        let mut changes = DealChanges::default();
        let mut paths = PathChanges::default();
        let mut new = NewHops::default();
        let (mut start, mut n_paths) = (0, 0);
        let mut deal_ids = None;
        for row in 0..deals.num_rows() {
            let n = place(rows.n, row).unwrap_or(0);
            let n_before = place(rows.n_before, row).unwrap_or(0);
            let range = start..start + n;
            start = range.end;
            let Some(account_row) = place(rows.account, row) else { continue };
            if let Some(has) = has_deal.get_mut(account_row) {
                *has = true;
            }
            let path_row = n_paths;
            n_paths += usize::from(n_before > 0);
            let Some(&account) = self.named.account_of_row.get(&account_row) else { continue };
            let created = typed(rows.created, &deals, 1)?.value(row);
            let state = match Batch::text(rows.state, row) {
                Some("won") => State::Won,
                Some("lost") => State::Lost,
                _ => State::Open,
            };
            // The day may be a later one than that of the tables.
            let until = whole(rows.until, row).unwrap_or_else(|| self.end.max(created));
            let influencing = created.saturating_sub(reach.influence);
            let known = Batch::flag(rows.influenced, row) == Some(true);
            let influenced = known
                || store.within(account, influencing, until).iter().any(|touch| {
                    self.channels.side(store.channel[*touch as usize]) == Side::Marketing
                });
            let touches = store.within(account, created.saturating_sub(reach.lookback), until);
            if touches.is_empty() && influenced == known {
                continue;
            }
            let merged = self.merged(&hops, &range, touches)?;
            for (place, touch) in &merged {
                if let Some(touch) = touch {
                    new.push(self, *touch, *place);
                }
            }
            let at: Vec<Micros> = merged
                .iter()
                .map(|(place, touch)| touch.map_or_else(|| hops.at[*place], |t| store.at[t]))
                .collect();
            let channel: Vec<Channel> = merged
                .iter()
                .map(|(place, t)| t.map_or_else(|| hops.channel[*place], |t| store.channel[t]))
                .collect();
            let mut journey = Journey { lead_at: whole(rows.lead_at, row), ..Journey::default() };
            journey.place(&at, created, state);
            let before = &channel[..journey.n_before];
            let lead_source = Batch::text(rows.lead_source, row);
            let sources = journeys::sources(lead_source, before, self.channels, rule);
            let origin = sources.touch.map(|touch| match merged[touch] {
                (_, Some(touch)) => store.program[touch],
                (place, None) => shifted(hop_programs.value(place)),
            });
            let own = |array| Batch::text(array, row).map(Arc::from);
            let (program_id, program) = match origin.filter(|code| *code != NONE) {
                Some(code) => (self.programs.id(code), self.programs.name(code)),
                None => (own(rows.program_id), own(rows.program)),
            };
            let first_on = (journey.n_before > 0).then(|| self.days.day(at[0]));
            let closed = rows.closed_on.filter(|closed| closed.is_valid(row));
            let closed = closed.map(|closed| closed.value(row)).filter(|_| state == State::Won);
            let from_first = first_on.zip(closed).map(|(first, closed)| closed - first);

            let number = |place: Option<usize>| place.and_then(|place| i64::try_from(place).ok());
            changes.rows.push(row);
            for (column, rule) in changes.sides.iter_mut().zip([0, 2, in_force]) {
                column.push(Some(side_text(sources.sides[rule])));
            }
            changes.channel.push(Some(self.channels.id(sources.channel)));
            changes.program_id.push(program_id);
            changes.program.push(program);
            changes.influenced.push(Some(influenced));
            changes.first_on.push(first_on.map(days::date));
            changes.days_from_first.push(from_first.filter(|n| *n >= 0).map(i64::from));
            let last = at.last().filter(|_| journey.n > journey.n_before);
            changes.last_on.push(last.map(|at| days::date(self.days.day(*at))));
            changes.n.push(journey.n);
            changes.n_before.push(journey.n_before);
            changes.lead.push(number(journey.lead));
            changes.close.push(number(journey.close));
            if journey.n_before > n_before {
                let path = path_text(before.iter().copied(), self.channels);
                let on = days::date(self.days.day(created));
                if n_before > 0 {
                    paths.change(path_row, path, on);
                } else {
                    self.summary.journeys += 1;
                    if deal_ids.is_none() {
                        deal_ids = Some(self.base.columns("opportunities", &["id"])?);
                    }
                    let id = match &deal_ids {
                        Some(ids) => texts(ids, 0)?.value(row).into(),
                        None => continue,
                    };
                    let account = account_ids.value(account_row).into();
                    let segment = segments.value(account_row).into();
                    let ids = [Some(id), Some(account), Some(segment)];
                    paths.add(path_row, ids, path, on, Some(row));
                }
            }
        }
        self.changed.insert("opportunities", changes.frame()?);
        self.nulls(&mut paths, n_paths, &has_deal, reach.lookback)?;
        self.paths(paths)?;
        self.summary.hops += new.at.len() as u64;
        new.batch()
    }

    /// Returns how the codes of programs in the tables before become those of now.
    fn shifts(&self) -> impl Fn(u32) -> u32 + use<> {
        let befores = self.new.get("programs").map(befores).unwrap_or_default();
        move |code| shifted(&befores, code)
    }

    /// Puts new touches among those of a range: the row or the one before which it comes, and the
    /// new touch.
    fn merged(
        &self,
        known: &Ordered<'_>,
        range: &Range<usize>,
        touches: &[u32],
    ) -> Result<Vec<(usize, Option<usize>)>, LakeError> {
        let store = &self.gathered.store;
        let mut merged = Vec::with_capacity(range.len() + touches.len());
        let mut row = range.start;
        for &touch in touches {
            let touch = touch as usize;
            let before = known.after(range, store.at[touch], store.id.get(touch))?;
            merged.extend((row..before).map(|row| (row, None)));
            row = before;
            merged.push((before, Some(touch)));
        }
        merged.extend((row..range.end).map(|row| (row, None)));
        Ok(merged)
    }

    /// Paths of accounts without a deal.
    fn nulls(
        &mut self,
        paths: &mut PathChanges,
        first_row: usize,
        has_deal: &[bool],
        lookback: Micros,
    ) -> Result<(), LakeError> {
        let batch = self.base.columns("nulls", &["at", "channel", "account"])?;
        let known = Ordered::new(self.base, "nulls", &batch)?;
        let account = batch.column(2).as_primitive_opt::<UInt32Type>();
        let account = typed(account, &batch, 2)?.values();
        // Where the touches of each account start; accounts are in order.
        let mut starts: Vec<(usize, usize)> = Vec::new();
        for (row, &account) in account.iter().enumerate() {
            if starts.last().is_none_or(|(last, _)| *last != account as usize) {
                starts.push((account as usize, row));
            }
        }
        let store = &self.gathered.store;
        let ids = texts(&self.named.accounts, 0)?;
        let segments = texts(&self.named.accounts, 1)?;
        let mut order: Vec<u32> = (0..).take(self.named.identity.accounts.len()).collect();
        let id = |code: u32| &self.named.identity.accounts[code as usize].id;
        order.sort_by(|a, b| id(*a).cmp(id(*b)));
        for code in order {
            let account_row = self.named.account_rows[code as usize];
            let Some(&last) = store.of(code).last() else { continue };
            if account_row.is_some_and(|row| has_deal.get(row) == Some(&true)) {
                continue;
            }
            let place = account_row.unwrap_or_else(|| lower_bound(ids, id(code)));
            let at = starts.partition_point(|(account, _)| *account < place);
            let own = starts.get(at).filter(|(account, _)| Some(*account) == account_row);
            let range = own.map_or(0..0, |(_, start)| {
                *start..starts.get(at + 1).map_or(known.at.len(), |(_, next)| *next)
            });
            let last_known = range.end.checked_sub(1).filter(|_| own.is_some());
            let until = last_known.map(|row| known.at[row]).max(Some(store.at[last as usize]));
            let until = until.unwrap_or(0);
            let from = until.saturating_sub(lookback);
            let touches = store.within(code, from, until);
            if touches.is_empty() {
                continue;
            }
            let skipped = known.at[range.clone()].partition_point(|at| *at < from);
            let merged = self.merged(&known, &(range.start + skipped..range.end), touches)?;
            let channels = merged
                .iter()
                .map(|(place, t)| t.map_or_else(|| known.channel[*place], |t| store.channel[t]));
            let path = path_text(channels, self.channels);
            let on = days::date(self.days.day(until));
            if own.is_some() {
                paths.change(first_row + at, path, on);
            } else {
                self.summary.null_paths += 1;
                let segment = account_row.map_or("unknown", |row| segments.value(row));
                let ids = [None, Some(Arc::clone(id(code))), Some(segment.into())];
                paths.add(first_row + at, ids, path, on, None);
            }
        }
        Ok(())
    }

    fn paths(&mut self, paths: PathChanges) -> Result<(), LakeError> {
        let changed = super::frame(vec![
            (ROW, row_numbers(&paths.rows)),
            ("path", Column::Text(paths.paths)),
            ("created_on", Column::Day(paths.on)),
        ])?;
        self.changed.insert("paths", changed);
        let [deals, accounts, segments] = paths.new_ids;
        let new = super::frame(vec![
            (BEFORE, row_numbers(&paths.befores)),
            ("opportunity_id", Column::Text(deals)),
            ("account_id", Column::Text(accounts)),
            ("segment", Column::Text(segments)),
            ("path", Column::Text(paths.new_paths)),
            ("converted", Column::Boolean(paths.new_converted)),
            ("created_on", Column::Day(paths.new_on)),
            ("_deal", Column::Integer(paths.new_deals)),
        ])?;
        self.new.insert("paths", new);
        Ok(())
    }

    fn person_id(&self, code: u32) -> Option<&Arc<str>> {
        let people = &self.named.identity.people;
        if let Some(person) = people.get(code as usize) {
            return Some(&person.id);
        }
        self.gathered.strangers.text(code.checked_sub(u32::try_from(people.len()).ok()?)?)
    }
}

/// Reads before which rows new ones come.
pub(crate) fn befores(new: &Frame) -> Vec<usize> {
    let rows = new.integers(BEFORE).iter().flatten();
    rows.filter_map(|row| usize::try_from(*row).ok()).collect()
}

/// Returns the number of a row after others came before it.
pub(crate) fn shifted(befores: &[usize], code: u32) -> u32 {
    if code == NONE || befores.is_empty() {
        return code;
    }
    let n = befores.partition_point(|before| *before <= code as usize);
    code.saturating_add(u32::try_from(n).unwrap_or(0))
}

impl NewHops {
    fn push(&mut self, changes: &Changes<'_>, touch: usize, before: usize) {
        let store = &changes.gathered.store;
        self.at.push(store.at[touch]);
        self.channel.push(store.channel[touch]);
        self.program.push(store.program[touch]);
        self.person.append_option(changes.person_id(store.person[touch]));
        self.kind.append_option(changes.kinds.get(store.kind[touch] as usize));
        self.id.append_value(store.id.get(touch));
        self.before.push(i64::try_from(before).unwrap_or(i64::MAX));
    }

    fn batch(mut self) -> Result<RecordBatch, LakeError> {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("at", Arc::new(Int64Array::from(self.at))),
            ("channel", Arc::new(UInt16Array::from(self.channel))),
            ("program", Arc::new(UInt32Array::from(self.program))),
            ("person_id", Arc::new(self.person.finish())),
            ("kind", Arc::new(self.kind.finish())),
            ("touch_id", Arc::new(self.id.finish())),
            (BEFORE, Arc::new(Int64Array::from(self.before))),
        ];
        Ok(RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )?)
    }
}
