//! The tables of a build: relations without what depends on the currency asked for.
//!
//! Columns whose name starts with `_` are for the relations themselves and are never shown. The
//! touches of journeys are a record batch of their own, since there may be many millions.

#![expect(clippy::indexing_slicing, reason = "dense codes index arrays of their own number")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringBuilder, UInt16Array, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema};
use domain::definition::{SourcedBy, State};
use domain::{Column, Definitions, Frame};
use jiff::civil::Date;

use super::activity;
use super::caveats::{BuildSummary, Notes};
use super::channels::{Channel, Channels, Look, side_text};
use super::days::{self, Days, Micros, PeriodNames};
use super::deals::{Deal, Deals, Stages};
use super::identity::Identity;
use super::journeys::{self, Hops, Journey, Reach, Sources};
use super::leads::LeadStages;
use super::money::Rates;
use super::names::NONE;
use super::plan::Plan;
use super::programs::{ALSO, Program, Programs};
use super::spend::{Spend, Spends};
use super::touches::{DayCounts, Gathered};
use crate::error::LakeError;

/// Columns of the touches of journeys.
pub(crate) mod hop {
    pub(crate) const AT: usize = 0;
    pub(crate) const CHANNEL: usize = 1;
    pub(crate) const PROGRAM: usize = 2;
    pub(crate) const PERSON_ID: usize = 3;
    pub(crate) const KIND: usize = 4;
    pub(crate) const TOUCH_ID: usize = 5;
}

/// All tables.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) frames: BTreeMap<&'static str, Frame>,
    pub(crate) hops: RecordBatch,
    /// The touches of null paths.
    pub(crate) nulls: RecordBatch,
    /// All touches that count.
    pub(crate) activity: RecordBatch,
    pub(crate) notes: Notes,
    pub(crate) summary: BuildSummary,
}

/// Names of the frames.
pub(crate) const FRAMES: &[&str] = &[
    "opportunities",
    "deal_changes",
    "paths",
    "touch_days",
    "leads",
    "lead_stages",
    "capacity",
    "budgets",
    "spend",
    "spend_left_out",
    "programs",
    "rates",
    "accounts",
    "account_ids",
    "person_ids",
];

/// What the tables are made of.
pub(crate) struct Making<'a> {
    pub(crate) definitions: &'a Definitions,
    pub(crate) days: &'a Days,
    pub(crate) as_of: Date,
    pub(crate) end: Micros,
    pub(crate) identity: &'a Identity,
    pub(crate) programs: &'a Programs,
    pub(crate) deals: &'a Deals,
    pub(crate) spends: &'a Spends,
    pub(crate) gathered: &'a Gathered,
    pub(crate) kinds: &'a [Arc<str>],
    pub(crate) rates: &'a Rates,
    pub(crate) n_future_rates: u64,
    pub(crate) plan: Plan,
    pub(crate) lead_stages: LeadStages,
}

type Text = Option<Arc<str>>;

/// Lists the identifiers that mean a record with another one, in order.
fn other_ids<'a>(
    codes: &'a HashMap<Arc<str>, u32>,
    of: impl Fn(u32) -> Option<&'a Arc<str>>,
) -> Result<Frame, LakeError> {
    let pairs = codes.iter().filter_map(|(id, code)| Some((id, of(*code)?)));
    let mut others: Vec<(&Arc<str>, &Arc<str>)> = pairs.filter(|(id, of)| id != of).collect();
    others.sort_unstable();
    super::frame(vec![
        ("id", texts(&others, |(id, _)| Some(Arc::clone(id)))),
        ("of", texts(&others, |(_, of)| Some(Arc::clone(of)))),
    ])
}

fn texts<T>(rows: &[T], of: impl FnMut(&T) -> Text) -> Column {
    Column::Text(rows.iter().map(of).collect())
}

fn whole<T>(rows: &[T], mut of: impl FnMut(&T) -> Option<usize>) -> Column {
    Column::Integer(rows.iter().map(|row| of(row).and_then(|n| i64::try_from(n).ok())).collect())
}

fn dates<T>(rows: &[T], of: impl FnMut(&T) -> Option<Date>) -> Column {
    Column::Day(rows.iter().map(of).collect())
}

/// A deal with its journey and its sources.
pub(crate) struct Row<'a> {
    pub(crate) deal: &'a Deal,
    pub(crate) journey: Journey,
    pub(crate) sources: Sources,
}

impl Making<'_> {
    /// Makes all tables.
    pub(crate) fn tables(&self, channels: &mut Channels) -> Result<Tables, LakeError> {
        let (rows, hops) = self.journeys(channels);
        let mut frames = BTreeMap::new();
        let (paths, n_null, nulls) = self.paths(&rows, &hops, channels)?;
        let notes = self.notes(&rows);
        frames.insert("opportunities", self.opportunities(&rows, &hops, channels)?);
        let changes = super::changes::frame(&self.deals.changes, self.definitions, self.days)?;
        frames.insert("deal_changes", changes);
        frames.insert("paths", paths);
        frames.insert("touch_days", touch_days(&self.gathered.by_day, self.programs, channels)?);
        frames.insert("leads", self.leads(channels)?);
        frames.insert("lead_stages", self.lead_stages.frame.clone());
        frames.insert("capacity", self.plan.capacity.clone());
        frames.insert("budgets", self.plan.budgets.clone());
        frames.insert("spend", spend(&self.spends.rows, &[], channels)?);
        let (left, why): (Vec<Spend>, Vec<&str>) = self.spends.left_out.iter().cloned().unzip();
        frames.insert("spend_left_out", spend(&left, &why, channels)?);
        let of_programs = OfPrograms { definitions: self.definitions, days: self.days };
        frames.insert("programs", of_programs.frame(&self.programs.rows, channels)?);
        frames.insert("rates", self.rates.frame()?);
        self.lookups(&mut frames)?;
        let summary = BuildSummary {
            accounts: self.identity.accounts.len() as u64,
            people: self.identity.people.len() as u64,
            programs: self.programs.rows.iter().filter(|p| p.found).count() as u64,
            touches: self.gathered.counts,
            deals: rows.len() as u64,
            journeys: rows.iter().filter(|row| row.journey.n_before > 0).count() as u64,
            null_paths: n_null,
            hops: hops.at.len() as u64,
        };
        let places = self.identity.account_places();
        let place = |code: u32| places.get(code as usize).and_then(|at| u32::try_from(*at).ok());
        let n_people = u32::try_from(self.identity.people.len()).unwrap_or(NONE);
        let activity = activity::of(
            self.gathered,
            |code| place(code).unwrap_or(NONE),
            |code| if code < n_people { code } else { NONE },
        )?;
        Ok(Tables { frames, hops: self.hops(&hops)?, nulls, activity, notes, summary })
    }

    fn journeys(&self, channels: &mut Channels) -> (Vec<Row<'_>>, Hops) {
        let reach = Reach::new(self.definitions, self.end);
        let created = journeys::people_created(self.identity);
        let rule = self.definitions.attribution.sourced_by;
        let store = &self.gathered.store;
        let (identity, days) = (self.identity, self.days);
        let ground = journeys::Ground { store, identity, created: &created, days, reach };
        let mut hops = Hops::default();
        let mut rows = Vec::with_capacity(self.deals.rows.len());
        for deal in &self.deals.rows {
            let journey = hops.add(deal, &ground, channels);
            let lead_source = deal.lead_source.as_deref();
            let sources = journeys::sources(lead_source, hops.before(&journey), channels, rule);
            rows.push(Row { deal, journey, sources });
        }
        (rows, hops)
    }

    fn opportunities(
        &self,
        rows: &[Row<'_>],
        hops: &Hops,
        channels: &Channels,
    ) -> Result<Frame, LakeError> {
        let mut names = PeriodNames::default();
        let calendar = &self.days.calendar;
        let account = |row: &Row<'_>| self.identity.accounts.get(row.deal.account as usize);
        let open: Vec<&str> = self
            .definitions
            .stages
            .iter()
            .filter(|stage| stage.state == State::Open)
            .map(|stage| stage.name.as_str())
            .collect();
        let stage = |row: &Row<'_>| self.definitions.stages.get(row.deal.stage?);
        let stages = Stages::new(self.definitions);
        let last_activity_on = |row: &Row<'_>| {
            let last = hops.at.get((row.journey.start + row.journey.n).checked_sub(1)?)?;
            (row.journey.n > row.journey.n_before).then(|| days::date(self.days.day(*last)))
        };
        let probability = |row: &Row<'_>| match row.deal.state {
            State::Won => Some(domain::Decimal::ONE),
            State::Lost => Some(domain::Decimal::ZERO),
            State::Open => stage(row).and_then(|stage| stage.probability).or(row.deal.probability),
        };
        let created_on: Vec<Date> =
            rows.iter().map(|row| days::date(self.days.day(row.deal.created))).collect();
        let on = |row: usize| created_on.get(row).copied();
        let first_touch_on = |row: &Row<'_>| {
            (row.journey.n_before > 0)
                .then(|| days::date(self.days.day(hops.at[row.journey.start])))
        };
        let program = |row: &Row<'_>| {
            row.sources
                .touch
                .map(|touch| hops.program[row.journey.start + touch])
                .filter(|code| *code != NONE)
        };
        let primary = |row: &Row<'_>| {
            let id = row.deal.program_id.as_deref()?;
            self.programs.find(id).and_then(|code| self.programs.get(code)).filter(|p| *p.id == *id)
        };
        let own_program = |row: &Row<'_>| {
            primary(row).and_then(|p| p.name.clone()).or(row.deal.program_name.clone())
        };
        let places = self.identity.account_places();
        let side = |at: usize| texts(rows, move |row| Some(side_text(row.sources.sides[at])));
        let rule = self.definitions.attribution.sourced_by;
        let in_force = SourcedBy::ALL.iter().position(|known| *known == rule).unwrap_or(0);
        let months = created_on.iter().map(|day| Some(names.month(*day))).collect();
        let quarters = created_on.iter().map(|day| Some(names.quarter(calendar, *day))).collect();
        let days_between = |from: Option<Date>, to: Option<Date>| {
            let n = days::number(to?) - days::number(from?);
            (n >= 0).then_some(i64::from(n))
        };
        let cycle = rows.iter().zip(&created_on);
        super::frame(vec![
            ("id", texts(rows, |row| Some(Arc::clone(&row.deal.id)))),
            ("name", texts(rows, |row| row.deal.name.clone())),
            ("account_id", texts(rows, |row| account(row).map(|a| Arc::clone(&a.id)))),
            (
                "account",
                texts(rows, |row| {
                    account(row).and_then(|a| a.name.clone()).or(row.deal.account_name.clone())
                }),
            ),
            (
                "segment",
                texts(rows, |row| {
                    Some(account(row).map_or_else(|| "unknown".into(), |a| Arc::clone(&a.segment)))
                }),
            ),
            ("industry", texts(rows, |row| account(row)?.industry.clone())),
            ("country", texts(rows, |row| account(row)?.country.clone())),
            ("owner", texts(rows, |row| row.deal.owner.clone())),
            ("kind", texts(rows, |row| row.deal.kind.clone())),
            ("lead_source", texts(rows, |row| row.deal.lead_source.clone())),
            (
                "counted",
                Column::Boolean(
                    rows.iter()
                        .map(|row| Some(self.definitions.counts(row.deal.kind.as_deref())))
                        .collect(),
                ),
            ),
            (
                "stage",
                texts(rows, |row| {
                    stage(row).map(|s| Arc::clone(&s.id)).or(row.deal.stage_text.clone())
                }),
            ),
            ("state", texts(rows, |row| Some(row.deal.state.id().into()))),
            ("stage_index", whole(rows, |row| stages.height(row.deal.stage))),
            ("stage_since", dates(rows, |row| row.deal.stage_since)),
            ("n_pushes", whole(rows, |row| Some(row.deal.pushes))),
            ("forecast_category", texts(rows, |row| row.deal.forecast_category.clone())),
            ("qualification", texts(rows, |row| row.deal.qualification.clone())),
            (
                "qualification_score",
                whole(rows, |row| super::qualification::score(row.deal.qualification.as_deref()?)),
            ),
            ("n_roles", whole(rows, |row| Some(row.deal.people.len()))),
            ("last_activity_on", dates(rows, last_activity_on)),
            (
                "duplicate_of",
                texts(rows, |row| {
                    let older = self.deals.rows.get(row.deal.duplicate_of?)?;
                    Some(Arc::clone(&older.id))
                }),
            ),
            ("stage_reached", whole(rows, |row| row.deal.reached)),
            (
                "stage_reached_name",
                texts(rows, |row| {
                    open.get(row.deal.reached?.checked_sub(1)?).map(|name| Arc::from(*name))
                }),
            ),
            ("amount_native", Column::Money(rows.iter().map(|row| row.deal.amount).collect())),
            (
                "probability",
                Column::Number(
                    rows.iter()
                        .map(|row| probability(row).and_then(|p| f64::try_from(p).ok()))
                        .collect(),
                ),
            ),
            (
                "created_at",
                Column::Instant(rows.iter().map(|r| Some(days::instant(r.deal.created))).collect()),
            ),
            ("created_on", Column::Day(created_on.iter().copied().map(Some).collect())),
            ("close_on", dates(rows, |row| row.deal.close_on)),
            ("closed_on", dates(rows, |row| row.deal.closed_on)),
            (
                "won",
                Column::Boolean(
                    rows.iter()
                        .map(|row| match row.deal.state {
                            State::Open => None,
                            state => Some(state == State::Won),
                        })
                        .collect(),
                ),
            ),
            (
                "cycle_days",
                Column::Integer(
                    cycle.map(|(row, on)| days_between(Some(*on), row.deal.closed_on)).collect(),
                ),
            ),
            ("month", Column::Text(months)),
            ("quarter", Column::Text(quarters)),
            ("source_first_touch", side(0)),
            ("source_lead_source", side(1)),
            ("source_pre_sales", side(2)),
            ("source", side(in_force)),
            ("channel", texts(rows, |row| Some(channels.id(row.sources.channel)))),
            (
                "program_id",
                texts(rows, |row| match program(row) {
                    Some(code) => self.programs.id(code),
                    None => row.deal.program_id.clone(),
                }),
            ),
            (
                "program",
                texts(rows, |row| match program(row) {
                    Some(code) => self.programs.name(code),
                    None => own_program(row),
                }),
            ),
            (
                "influenced",
                Column::Boolean(rows.iter().map(|row| Some(row.journey.influenced)).collect()),
            ),
            ("n_touches", whole(rows, |row| Some(row.journey.n_before))),
            ("first_touch_on", dates(rows, first_touch_on)),
            (
                "days_from_first_touch",
                Column::Integer(
                    rows.iter()
                        .map(|row| match row.deal.state {
                            State::Won => days_between(first_touch_on(row), row.deal.closed_on),
                            _ => None,
                        })
                        .collect(),
                ),
            ),
            (
                "_rate_on",
                Column::Day(
                    rows.iter()
                        .enumerate()
                        .map(|(at, row)| row.deal.close_on.or(row.deal.closed_on).or(on(at)))
                        .collect(),
                ),
            ),
            ("_probability", Column::Decimal(rows.iter().map(probability).collect())),
            ("_start", whole(rows, |row| Some(row.journey.start))),
            ("_n", whole(rows, |row| Some(row.journey.n))),
            ("_lead", whole(rows, |row| row.journey.lead)),
            ("_close", whole(rows, |row| row.journey.close)),
            // What a following build needs to take in further touches.
            ("_account", whole(rows, |row| places.get(row.deal.account as usize).copied())),
            ("_until", Column::Integer(rows.iter().map(|r| r.journey.until).collect())),
            ("_lead_at", Column::Integer(rows.iter().map(|r| r.journey.lead_at).collect())),
            ("_program_id", texts(rows, |row| row.deal.program_id.clone())),
            ("_program", texts(rows, own_program)),
        ])
    }

    fn hops(&self, hops: &Hops) -> Result<RecordBatch, LakeError> {
        let person = |code: u32| {
            let people = &self.identity.people;
            if let Some(person) = people.get(code as usize) {
                return Some(&person.id);
            }
            let stranger = code.checked_sub(u32::try_from(people.len()).ok()?)?;
            self.gathered.strangers.text(stranger)
        };
        let mut persons = StringBuilder::new();
        let mut kinds = StringBuilder::new();
        let mut ids = StringBuilder::new();
        for at in 0..hops.at.len() {
            persons.append_option(person(hops.person[at]));
            kinds.append_option(self.kinds.get(hops.kind[at] as usize));
            ids.append_value(hops.id.get(at));
        }
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("at", Arc::new(Int64Array::from(hops.at.clone()))),
            ("channel", Arc::new(UInt16Array::from(hops.channel.clone()))),
            ("program", Arc::new(UInt32Array::from(hops.program.clone()))),
            ("person_id", Arc::new(persons.finish())),
            ("kind", Arc::new(kinds.finish())),
            ("touch_id", Arc::new(ids.finish())),
        ];
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
            .collect();
        debug_assert!(fields.get(hop::TOUCH_ID).is_some_and(|f| *f.data_type() == DataType::Utf8));
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }

    fn paths(
        &self,
        rows: &[Row<'_>],
        hops: &Hops,
        channels: &Channels,
    ) -> Result<(Frame, u64, RecordBatch), LakeError> {
        let joined = |path: &mut dyn Iterator<Item = Channel>| path_text(path, channels);
        let accounts = &self.identity.accounts;
        let mut columns: [Vec<Text>; 4] = Default::default();
        let [deal_ids, account_ids, segments, paths] = &mut columns;
        let (mut converted, mut on, mut deal_rows) = (Vec::new(), Vec::new(), Vec::new());
        let mut has_deal = vec![false; accounts.len()];
        for (at, row) in rows.iter().enumerate() {
            if let Some(account) = accounts.get(row.deal.account as usize) {
                has_deal[row.deal.account as usize] = true;
                if row.journey.n_before > 0 {
                    deal_ids.push(Some(Arc::clone(&row.deal.id)));
                    account_ids.push(Some(Arc::clone(&account.id)));
                    segments.push(Some(Arc::clone(&account.segment)));
                    paths.push(Some(joined(&mut hops.before(&row.journey).iter().copied())));
                    converted.push(Some(true));
                    on.push(Some(days::date(self.days.day(row.deal.created))));
                    deal_rows.push(i64::try_from(at).ok());
                }
            }
        }
        let store = &self.gathered.store;
        let lookback = Reach::new(self.definitions, self.end).lookback;
        let mut without: Vec<u32> =
            (0..).take(accounts.len()).filter(|code| !has_deal[*code as usize]).collect();
        without.sort_by(|a, b| accounts[*a as usize].id.cmp(&accounts[*b as usize].id));
        let mut n_null = 0;
        let mut nulls = Nulls::default();
        let places = self.identity.account_places();
        for code in without {
            let Some(&last) = store.of(code).last() else { continue };
            let until = store.at[last as usize];
            let touches = store.within(code, until.saturating_sub(lookback), until);
            let account = &accounts[code as usize];
            deal_ids.push(None);
            account_ids.push(Some(Arc::clone(&account.id)));
            segments.push(Some(Arc::clone(&account.segment)));
            let mut path = touches.iter().map(|touch| store.channel[*touch as usize]);
            for &touch in touches {
                let touch = touch as usize;
                let place = u32::try_from(places[code as usize]).unwrap_or(NONE);
                nulls.push(place, store.at[touch], store.channel[touch], store.id.get(touch));
            }
            paths.push(Some(joined(&mut path)));
            converted.push(Some(false));
            on.push(Some(days::date(self.days.day(until))));
            deal_rows.push(None);
            n_null += 1;
        }
        let [deal_ids, account_ids, segments, paths] = columns;
        let frame = super::frame(vec![
            ("opportunity_id", Column::Text(deal_ids)),
            ("account_id", Column::Text(account_ids)),
            ("segment", Column::Text(segments)),
            ("path", Column::Text(paths)),
            ("converted", Column::Boolean(converted)),
            ("created_on", Column::Day(on)),
            ("_deal", Column::Integer(deal_rows)),
        ])?;
        Ok((frame, n_null, nulls.batch()?))
    }

    fn leads(&self, channels: &mut Channels) -> Result<Frame, LakeError> {
        let people = &self.identity.people;
        let places = self.identity.account_places();
        let first = |code: usize| self.gathered.first.get(code).and_then(Option::as_ref);
        let mut from = Vec::with_capacity(people.len());
        for (person, code) in people.iter().zip(0_usize..) {
            from.push(match &self.gathered.first[code] {
                Some(first) => (first.channel, first.program),
                None => self.origin(person, channels),
            });
        }
        let mut names = PeriodNames::default();
        let calendar = &self.days.calendar;
        let on: Vec<Option<Date>> = people
            .iter()
            .map(|person| person.created.map(|at| days::date(self.days.day(at))))
            .collect();
        let months = on.iter().map(|day| day.map(|day| names.month(day))).collect();
        let quarters = on.iter().map(|day| day.map(|day| names.quarter(calendar, day))).collect();
        let account =
            |person: &super::identity::Person| self.identity.accounts.get(person.account as usize);
        super::frame(vec![
            ("id", texts(people, |person| Some(Arc::clone(&person.id)))),
            ("created_on", Column::Day(on)),
            ("month", Column::Text(months)),
            ("quarter", Column::Text(quarters)),
            ("account_id", texts(people, |person| account(person).map(|a| Arc::clone(&a.id)))),
            (
                "segment",
                texts(people, |person| {
                    let segment = account(person).map(|a| Arc::clone(&a.segment));
                    Some(segment.unwrap_or_else(|| "unknown".into()))
                }),
            ),
            ("channel", texts(&from, |(channel, _)| Some(channels.id(*channel)))),
            ("side", texts(&from, |(channel, _)| Some(side_text(channels.side(*channel))))),
            ("program_id", texts(&from, |(_, program)| self.programs.id(*program))),
            ("program", texts(&from, |(_, program)| self.programs.name(*program))),
            ("lead_source", texts(people, |person| person.lead_source.clone())),
            ("status", texts(people, |person| person.status.clone())),
            ("converted", Column::Boolean(people.iter().map(|p| Some(p.converted)).collect())),
            ("opportunity_id", texts(people, |person| person.opportunities.first().cloned())),
            ("_account", whole(people, |person| places.get(person.account as usize).copied())),
            (
                "_first_at",
                Column::Integer((0..people.len()).map(|at| Some(first(at)?.at)).collect()),
            ),
            (
                "_first_id",
                Column::Text(
                    (0..people.len()).map(|at| Some(Arc::from(&*first(at)?.id))).collect(),
                ),
            ),
        ])
    }

    /// Channel and program of a person without a touch: by the visit that made the record, else by
    /// its lead source.
    fn origin(&self, person: &super::identity::Person, channels: &mut Channels) -> (Channel, u32) {
        let [source, medium, campaign] = &person.utm;
        if person.utm.iter().any(Option::is_some) {
            let program =
                campaign.as_deref().and_then(|text| self.programs.find(text)).unwrap_or(NONE);
            let mut look = self.programs.get(program).map_or_else(Look::default, |p| p.look());
            look.source = source.as_deref();
            look.medium = medium.as_deref();
            look.campaign = campaign.as_deref();
            let channel = channels.of(&look);
            if channel != channels.unknown() {
                return (channel, program);
            }
        }
        (channels.of_lead_source(person.lead_source.as_deref()), NONE)
    }

    /// What identifiers mean, for the relation `touches`, which reads the facts again.
    fn lookups(&self, frames: &mut BTreeMap<&'static str, Frame>) -> Result<(), LakeError> {
        let mut accounts: Vec<&super::identity::Account> = self.identity.accounts.iter().collect();
        accounts.sort_by(|a, b| a.id.cmp(&b.id));
        let frame = super::frame(vec![
            ("id", texts(&accounts, |a| Some(Arc::clone(&a.id)))),
            ("name", texts(&accounts, |a| a.name.clone())),
            ("_segment", texts(&accounts, |a| Some(Arc::clone(&a.segment)))),
            ("_targeted", Column::Boolean(accounts.iter().map(|a| Some(a.targeted)).collect())),
            (
                "_created_on",
                dates(&accounts, |a| a.created.map(|at| days::date(self.days.day(at)))),
            ),
        ])?;
        frames.insert("accounts", frame);
        let Identity { accounts, account_codes, people, person_codes, .. } = self.identity;
        let account = |code: u32| accounts.get(code as usize).map(|account| &account.id);
        frames.insert("account_ids", other_ids(account_codes, account)?);
        let person = |code: u32| people.get(code as usize).map(|person| &person.id);
        frames.insert("person_ids", other_ids(person_codes, person)?);
        Ok(())
    }
}

/// Makes the table of touches by program, channel and day.
pub(crate) fn touch_days(
    by_day: &[((u32, Channel, days::Day), DayCounts)],
    programs: &Programs,
    channels: &Channels,
) -> Result<Frame, LakeError> {
    let mut rows = by_day.to_vec();
    // Programs are numbered by identifier, none last; channels by identifier here.
    rows.sort_by_cached_key(|((program, channel, day), _)| (*program, channels.id(*channel), *day));
    let mut names = PeriodNames::default();
    let months = rows.iter().map(|((_, _, day), _)| Some(names.month(days::date(*day)))).collect();
    let count = |of: fn(&DayCounts) -> u64| {
        Column::Integer(rows.iter().map(|(_, n)| i64::try_from(of(n)).ok()).collect())
    };
    super::frame(vec![
        ("program_id", texts(&rows, |((program, _, _), _)| programs.id(*program))),
        ("program", texts(&rows, |((program, _, _), _)| programs.name(*program))),
        ("channel", texts(&rows, |((_, channel, _), _)| Some(channels.id(*channel)))),
        ("side", texts(&rows, |((_, c, _), _)| Some(side_text(channels.side(*c))))),
        ("day", dates(&rows, |((_, _, day), _)| Some(days::date(*day)))),
        ("month", Column::Text(months)),
        ("n_touches", count(|n| n.counted)),
        ("n_invalid", count(|n| n.invalid)),
        ("n_sends", count(|n| n.sends)),
    ])
}

/// What the table of programs depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfPrograms<'a> {
    pub(crate) definitions: &'a Definitions,
    pub(crate) days: &'a Days,
}

impl OfPrograms<'_> {
    /// Makes the table of programs.
    pub(crate) fn frame(self, rows: &[Program], channels: &Channels) -> Result<Frame, LakeError> {
        let currency = |program: &Program| match &program.currency {
            Some(code) => super::money::currency(code),
            None => Some(self.definitions.currency),
        };
        let money = |of: fn(&Program) -> Option<domain::Decimal>| {
            let native = |p| super::deals::native(of(p), currency(p));
            Column::Money(rows.iter().map(native).collect())
        };
        let rate_on = |program: &Program| {
            let created = program.created.map(|at| days::date(self.days.day(at)));
            program.start.or(created)
        };
        super::frame(vec![
            ("id", texts(rows, |p| Some(Arc::clone(&p.id)))),
            ("name", texts(rows, |p| p.name.clone())),
            ("channel", texts(rows, |p| Some(channels.id(p.channel)))),
            ("side", texts(rows, |p| Some(side_text(channels.side(p.channel))))),
            ("kind", texts(rows, |p| p.kind.clone())),
            ("platform", texts(rows, |p| p.platform.clone())),
            ("owner", texts(rows, |p| p.owner.clone())),
            ("status", texts(rows, |p| p.status.clone())),
            ("start_on", dates(rows, |p| p.start)),
            ("end_on", dates(rows, |p| p.end)),
            ("_budget", money(|p| p.budget)),
            ("_actual_cost", money(|p| p.actual_cost)),
            ("_rate_on", dates(rows, rate_on)),
            ("_found", Column::Boolean(rows.iter().map(|p| Some(p.found)).collect())),
            ("_channel_text", texts(rows, |p| p.channel_text.clone())),
            ("_also", texts(rows, |p| (!p.also.is_empty()).then(|| p.also.join(ALSO).into()))),
        ])
    }
}

/// Joins the channels of a path.
pub(crate) fn path_text(path: impl Iterator<Item = Channel>, channels: &Channels) -> Arc<str> {
    let mut text = String::new();
    for channel in path {
        if !text.is_empty() {
            text.push_str(" > ");
        }
        text.push_str(channels.id_of(channel));
    }
    text.into()
}

/// The touches of null paths: place of the account, time, channel, identifier of the touch.
#[derive(Default, Debug)]
struct Nulls {
    account: Vec<u32>,
    at: Vec<Micros>,
    channel: Vec<Channel>,
    id: StringBuilder,
}

impl Nulls {
    fn push(&mut self, account: u32, at: Micros, channel: Channel, id: &str) {
        self.account.push(account);
        self.at.push(at);
        self.channel.push(channel);
        self.id.append_value(id);
    }

    fn batch(mut self) -> Result<RecordBatch, LakeError> {
        Ok(RecordBatch::try_from_iter(vec![
            ("account", Arc::new(UInt32Array::from(self.account)) as ArrayRef),
            ("at", Arc::new(Int64Array::from(self.at))),
            ("channel", Arc::new(UInt16Array::from(self.channel))),
            ("touch_id", Arc::new(self.id.finish())),
        ])?)
    }
}

fn spend(rows: &[Spend], reasons: &[&str], channels: &Channels) -> Result<Frame, LakeError> {
    let mut names = PeriodNames::default();
    let months = rows.iter().map(|row| Some(names.month(row.day))).collect();
    let count = |of: fn(&Spend) -> Option<i64>| Column::Integer(rows.iter().map(of).collect());
    let mut columns = vec![
        ("day", dates(rows, |row| Some(row.day))),
        ("month", Column::Text(months)),
        ("platform", texts(rows, |row| Some(Arc::clone(&row.platform)))),
        ("program_id", texts(rows, |row| Some(Arc::clone(&row.program_id)))),
        ("program", texts(rows, |row| row.program.clone())),
        ("channel", texts(rows, |row| Some(channels.id(row.channel)))),
        ("side", texts(rows, |row| Some(side_text(channels.side(row.channel))))),
        ("amount_native", Column::Money(rows.iter().map(|row| row.amount).collect())),
        ("impressions", count(|row| row.impressions)),
        ("clicks", count(|row| row.clicks)),
        ("invalid_clicks", count(|row| row.invalid_clicks)),
        ("n", count(|_| Some(1))),
    ];
    if reasons.len() == rows.len() {
        columns.push(("reason", texts(reasons, |reason| Some(Arc::from(*reason)))));
    }
    super::frame(columns)
}
