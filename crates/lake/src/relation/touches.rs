//! `touches`: one row per touch, read from the facts again.
//!
//! The rows of a batch are made and filtered before the next one is read, so that only what is
//! asked for is held. A touch that is invalid, or a mere send where only responses count, is not
//! counted.

use std::collections::HashMap;
use std::sync::Arc;

use domain::frame::Test;
use domain::{Cell, Column, Filter, Frame};

use super::{Built, joined};
use crate::build::{
    Batch, Channels, Days, InvalidStatuses, Look, NONE, PeriodNames, Programs, TouchClasses, date,
    instant, number, side_text,
};
use crate::error::LakeError;

pub(super) const COLUMNS: &[&str] = &[
    "touch_id",
    "at",
    "day",
    "month",
    "person_id",
    "account_id",
    "account",
    "channel",
    "side",
    "program_id",
    "program",
    "kind",
    "source",
    "medium",
    "campaign",
    "status",
    "responded",
    "invalid",
    "invalid_reason",
    "counted",
    "n",
];

const FACT_COLUMNS: &[&str] = &[
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
    "invalid_reason",
];

/// What the identifiers in touches mean.
struct Lookups {
    /// Identifier of a person to its own identifier and that of its account.
    people: HashMap<Arc<str>, (Arc<str>, Text)>,
    /// Identifier of a merged account to the one that it is now.
    merged: HashMap<Arc<str>, Arc<str>>,
    names: HashMap<Arc<str>, Text>,
    programs: Programs,
    channels: Channels,
    classes: TouchClasses,
    invalid: InvalidStatuses,
}

type Text = Option<Arc<str>>;

impl Lookups {
    fn new(built: &Built) -> Result<Self, LakeError> {
        let pairs = |frame: &Frame, a: &str, b: &str| -> Vec<(Arc<str>, Text)> {
            let rows = frame.texts(a).iter().zip(frame.texts(b));
            rows.filter_map(|(a, b)| Some((a.clone()?, b.clone()))).collect()
        };
        let leads = built.table("leads")?;
        let mut people: HashMap<_, _> = pairs(&leads, "id", "account_id")
            .into_iter()
            .map(|(id, account)| (Arc::clone(&id), (id, account)))
            .collect();
        for (id, of) in pairs(&*built.table("person_ids")?, "id", "of") {
            if let Some(person) = of.and_then(|of| people.get(&of).cloned()) {
                people.insert(id, person);
            }
        }
        let merged = pairs(&*built.table("account_ids")?, "id", "of");
        let merged = merged.into_iter().filter_map(|(id, of)| Some((id, of?))).collect();
        let names = pairs(&*built.table("accounts")?, "id", "name").into_iter().collect();
        let mut channels = built.channels();
        let programs = Programs::from_frame(&*built.table("programs")?, &mut channels);
        let classes = TouchClasses::default();
        let invalid = InvalidStatuses::new(built.definitions());
        Ok(Self { people, merged, names, programs, channels, classes, invalid })
    }
}

pub(super) fn fetch(
    built: &Built,
    filters: &[Filter],
    columns: &[&str],
) -> Result<Frame, LakeError> {
    let mut lookups = Lookups::new(built)?;
    let days = built.days();
    let end = days.end(number(built.as_of()));
    let responses_only = built.definitions().attribution.responses_only;
    // The identifier is kept for the order.
    let mut kept: Vec<&str> = columns.to_vec();
    kept.push("touch_id");
    let early = Early::new(filters);
    let mut maker = Maker { days, end, responses_only, early, shared: HashMap::new() };
    // An empty part gives the columns where there is no touch.
    let mut parts = vec![Maker::none()?.select(&kept)];
    built.facts().scan("touch", FACT_COLUMNS, &mut |batch| {
        let frame = maker.part(&Batch(&batch), batch.num_rows(), &mut lookups)?;
        let rows = frame.matching(filters);
        if !rows.is_empty() {
            parts.push(frame.select(&kept).take(&rows));
        }
        Ok(())
    })?;
    let all = joined(parts)?;
    let ids = all.texts("touch_id");
    let mut order: Vec<usize> = (0..all.n_rows()).collect();
    order.sort_by(|a, b| ids.get(*a).cmp(&ids.get(*b)));
    Ok(all.take(&order).select(columns))
}

/// Makes rows of batches.
struct Maker<'a> {
    days: &'a Days,
    end: i64,
    responses_only: bool,
    early: Early<'a>,
    shared: HashMap<Box<str>, Arc<str>>,
}

/// Conditions that are looked at before the texts of a row are made, by column.
#[derive(Default)]
struct Early<'a> {
    person: Vec<&'a Test>,
    account: Vec<&'a Test>,
    channel: Vec<&'a Test>,
    program: Vec<&'a Test>,
    invalid: Vec<&'a Test>,
    counted: Vec<&'a Test>,
}

impl<'a> Early<'a> {
    fn new(filters: &'a [Filter]) -> Self {
        let of = |column: &str| {
            let here = filters.iter().filter(|filter| filter.column == column);
            here.map(|filter| &filter.test).collect()
        };
        Self {
            person: of("person_id"),
            account: of("account_id"),
            channel: of("channel"),
            program: of("program_id"),
            invalid: of("invalid"),
            counted: of("counted"),
        }
    }
}

/// True where all conditions hold; the value is only made where there is one.
fn passes(tests: &[&Test], value: impl FnOnce() -> Cell) -> bool {
    if tests.is_empty() {
        return true;
    }
    let value = value();
    tests.iter().all(|test| test.holds(&value))
}

fn text_cell(text: &Text) -> Cell {
    text.as_ref().map_or(Cell::Null, |text| Cell::Text(Arc::clone(text)))
}

/// The most texts that are kept to be shared.
const SHARED_MAX: usize = 100_000;

impl Maker<'_> {
    fn share(&mut self, text: Option<&str>) -> Text {
        let text = text?;
        if let Some(shared) = self.shared.get(text) {
            return Some(Arc::clone(shared));
        }
        let made: Arc<str> = text.into();
        if self.shared.len() < SHARED_MAX {
            self.shared.insert(text.into(), Arc::clone(&made));
        }
        Some(made)
    }

    fn none() -> Result<Frame, LakeError> {
        assembled(Default::default(), Vec::new(), &[], Default::default())
    }

    fn part(
        &mut self,
        view: &Batch<'_>,
        n_rows: usize,
        lookups: &mut Lookups,
    ) -> Result<Frame, LakeError> {
        let fact = |column: usize, row: usize| Batch::text(view.texts(column), row);
        let mut texts: [Vec<Text>; 14] = Default::default();
        let mut instants = Vec::new();
        let mut on = Vec::new();
        let mut flags: [Vec<Option<bool>>; 3] = Default::default();
        for row in 0..n_rows {
            let Some(at) = Batch::instant(view.instants(3), row).filter(|at| *at <= self.end)
            else {
                continue;
            };
            let refused = fact(12, row).filter(|status| lookups.invalid.holds(status));
            let invalid = refused.is_some() || Batch::flag(view.booleans(11), row) == Some(true);
            let responded = Batch::flag(view.booleans(10), row);
            let counted = !(invalid || self.responses_only && responded == Some(false));
            let person = fact(1, row).and_then(|id| lookups.people.get(id));
            let account = person.and_then(|(_, account)| account.clone()).or_else(|| {
                let id = fact(2, row)?;
                Some(lookups.merged.get(id).cloned().unwrap_or_else(|| id.into()))
            });
            let person =
                person.map(|(id, _)| Arc::clone(id)).or_else(|| fact(1, row).map(Arc::from));
            if !(passes(&self.early.account, || text_cell(&account))
                && passes(&self.early.person, || text_cell(&person))
                && passes(&self.early.invalid, || Cell::Boolean(invalid))
                && passes(&self.early.counted, || Cell::Boolean(counted)))
            {
                continue;
            }
            let look = Look {
                kind: fact(4, row),
                source: fact(7, row),
                medium: fact(8, row),
                campaign: fact(9, row),
                channel_text: fact(6, row),
                ..Look::default()
            };
            let Lookups { programs, channels, classes, .. } = lookups;
            let class = classes.of(&look, fact(5, row), programs, channels);
            let name = account.as_ref().and_then(|id| lookups.names.get(id).cloned().flatten());
            let program = (class.program != NONE).then_some(class.program);
            let program_id = program.and_then(|code| lookups.programs.id(code));
            let channel = lookups.channels.id(class.channel);
            if !(passes(&self.early.channel, || Cell::Text(Arc::clone(&channel)))
                && passes(&self.early.program, || text_cell(&program_id)))
            {
                continue;
            }
            let row_texts = [
                fact(0, row).map(Arc::from),
                person,
                account,
                name,
                Some(channel),
                Some(side_text(lookups.channels.side(class.channel))),
                program_id,
                program.and_then(|code| lookups.programs.name(code)),
                self.share(look.kind),
                self.share(look.source),
                self.share(look.medium),
                self.share(look.campaign),
                self.share(fact(12, row)),
                self.share(fact(13, row).or(refused)),
            ];
            for (column, text) in texts.iter_mut().zip(row_texts) {
                column.push(text);
            }
            instants.push(Some(instant(at)));
            on.push(self.days.day(at));
            for (column, flag) in flags.iter_mut().zip([responded, Some(invalid), Some(counted)]) {
                column.push(flag);
            }
        }
        assembled(texts, instants, &on, flags)
    }
}

fn assembled(
    texts: [Vec<Text>; 14],
    instants: Vec<Option<jiff::Timestamp>>,
    on: &[i32],
    flags: [Vec<Option<bool>>; 3],
) -> Result<Frame, LakeError> {
    let mut names = PeriodNames::default();
    let months = on.iter().map(|day| Some(names.month(date(*day)))).collect();
    let [
        ids,
        persons,
        account_ids,
        accounts,
        channel,
        side,
        program_ids,
        programs,
        kinds,
        sources,
        mediums,
        campaigns,
        statuses,
        reasons,
    ] = texts;
    let [responded, invalid, counted] = flags;
    Ok(Frame::new(vec![
        ("touch_id", Column::Text(ids)),
        ("at", Column::Instant(instants)),
        ("day", Column::Day(on.iter().map(|day| Some(date(*day))).collect())),
        ("month", Column::Text(months)),
        ("person_id", Column::Text(persons)),
        ("account_id", Column::Text(account_ids)),
        ("account", Column::Text(accounts)),
        ("channel", Column::Text(channel)),
        ("side", Column::Text(side)),
        ("program_id", Column::Text(program_ids)),
        ("program", Column::Text(programs)),
        ("kind", Column::Text(kinds)),
        ("source", Column::Text(sources)),
        ("medium", Column::Text(mediums)),
        ("campaign", Column::Text(campaigns)),
        ("status", Column::Text(statuses)),
        ("responded", Column::Boolean(responded)),
        ("invalid", Column::Boolean(invalid)),
        ("invalid_reason", Column::Text(reasons)),
        ("counted", Column::Boolean(counted)),
        ("n", Column::Integer(vec![Some(1); on.len()])),
    ])?)
}
