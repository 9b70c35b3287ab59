//! Deals: what the source says about each, as of the day.
//!
//! A deal is shown as it was at the end of the as-of day: where the history says that stage, amount
//! or close day changed later, the earlier value counts. A deal that is closed on a later day, with
//! no history to say how it stood before, is open without a stage. The state follows from the stage
//! where it is defined, else from the flags of the source, else the deal is open.

#![expect(clippy::indexing_slicing, reason = "dense codes index arrays of their own number")]

use std::collections::HashMap;
use std::sync::Arc;

use domain::definition::State;
use domain::{Currency, Decimal, Definitions, Money};
use jiff::civil::Date;

use super::changes::{self, Change, Field};
use super::days::{self, Days, Micros};
use super::facts::{self, Facts};
use super::identity::Identity;
use super::names::NONE;
use crate::error::LakeError;

/// A deal as of the day.
#[derive(Clone, Debug)]
pub(crate) struct Deal {
    pub(crate) id: Arc<str>,
    pub(crate) name: Option<Arc<str>>,
    /// Code of the account, [`NONE`] without.
    pub(crate) account: u32,
    /// The account as the deal names it.
    pub(crate) account_name: Option<Arc<str>>,
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) kind: Option<Arc<str>>,
    pub(crate) lead_source: Option<Arc<str>>,
    pub(crate) program_id: Option<Arc<str>>,
    pub(crate) program_name: Option<Arc<str>>,
    pub(crate) created: Micros,
    pub(crate) close_on: Option<Date>,
    pub(crate) state: State,
    /// Place of the stage in the definitions.
    pub(crate) stage: Option<usize>,
    /// The stage as the source writes it; none where it is not known as of the day.
    pub(crate) stage_text: Option<Arc<str>>,
    /// Highest open stage ever reached, 1 for the first.
    pub(crate) reached: Option<usize>,
    pub(crate) closed_on: Option<Date>,
    pub(crate) amount: Option<Money>,
    pub(crate) currency: Option<Currency>,
    pub(crate) currency_assumed: bool,
    /// True where the source gives an amount that cannot be held.
    pub(crate) amount_refused: bool,
    pub(crate) probability: Option<Decimal>,
    pub(crate) forecast_category: Option<Arc<str>>,
    /// Answers to qualification questions, as the source says.
    pub(crate) qualification: Option<Arc<str>>,
    /// True where it is closed on a later day than the as-of day.
    pub(crate) closes_later: bool,
    /// People on the deal: roles, and leads converted into it.
    pub(crate) people: Vec<u32>,
    /// Since when it is in its stage, where that is known.
    pub(crate) stage_since: Option<Date>,
    /// How often its close day was moved later.
    pub(crate) pushes: usize,
    /// Place of an older open deal that may be the same.
    pub(crate) duplicate_of: Option<usize>,
}

/// All deals, in order of their identifiers.
#[derive(Default, Debug)]
pub(crate) struct Deals {
    pub(crate) rows: Vec<Deal>,
    /// The changes of all deals, those of a deal together, in order.
    pub(crate) changes: Vec<Change>,
    pub(crate) n_future: u64,
}

/// Stages of the definitions, found by text once for each spelling.
pub(crate) struct Stages<'a> {
    definitions: &'a Definitions,
    known: HashMap<Box<str>, Option<usize>>,
    /// For each open stage, its place among them, from 1.
    heights: Vec<Option<usize>>,
    n_open: usize,
}

impl<'a> Stages<'a> {
    pub(crate) fn new(definitions: &'a Definitions) -> Self {
        let n_open = definitions.stages.iter().filter(|s| s.state == State::Open).count();
        let mut height = 0;
        let heights = definitions.stages.iter().map(|stage| match stage.state {
            State::Open => {
                height += 1;
                Some(height)
            }
            State::Won | State::Lost => None,
        });
        let heights = heights.collect();
        Self { definitions, known: HashMap::new(), heights, n_open }
    }

    pub(crate) fn find(&mut self, text: &str) -> Option<usize> {
        if let Some(found) = self.known.get(text) {
            return *found;
        }
        let found = self.definitions.stage(text);
        let at = found.and_then(|found| {
            self.definitions.stages.iter().position(|stage| stage.id == found.id)
        });
        self.known.insert(text.into(), at);
        at
    }

    /// Returns the identifier of a stage.
    pub(crate) fn id(&self, stage: usize) -> Option<Arc<str>> {
        self.definitions.stages.get(stage).map(|stage| Arc::clone(&stage.id))
    }

    pub(crate) fn height(&self, stage: Option<usize>) -> Option<usize> {
        self.heights.get(stage?).copied().flatten()
    }

    pub(crate) fn state(&self, stage: usize) -> State {
        self.definitions.stages.get(stage).map_or(State::Open, |stage| stage.state)
    }
}

/// Reads deals, their history and the people on them.
pub(crate) fn read(
    source: &dyn Facts,
    definitions: &Definitions,
    days: &Days,
    as_of: Date,
    identity: &mut Identity,
) -> Result<Deals, LakeError> {
    let end = days.end(days::number(as_of));
    let mut stages = Stages::new(definitions);
    let mut deals = Deals::default();
    let histories = changes::histories(source, end, &mut deals.n_future)?;
    let columns = [
        "id",
        "account_id",
        "account_name",
        "name",
        "stage",
        "amount",
        "currency",
        "probability",
        "forecast_category",
        "qualification",
        "created_at",
        "close_on",
        "closed",
        "won",
        "kind",
        "lead_source",
        "program_id",
        "program_name",
        "owner",
    ];
    let frame = facts::frame(source, "opportunity", &columns)?;
    let text = |column: &str, row: usize| frame.texts(column).get(row).cloned().flatten();
    let flag = |column: &str, row: usize| frame.booleans(column).get(row).copied().flatten();
    let names = account_names(identity);
    for row in 0..frame.n_rows() {
        let created = frame.instants("created_at").get(row).copied().flatten();
        let (Some(id), Some(created)) = (text("id", row), created) else { continue };
        if created.as_microsecond() > end {
            deals.n_future += 1;
            continue;
        }
        let past = histories.get(&*id);
        let earlier = |field: Field| past.and_then(|past| past.earlier(field));

        let written = text("stage", row);
        let (stage_text, flags) = match earlier(Field::Stage) {
            Some("") => (None, None),
            Some(earlier) => (Some(earlier.into()), None),
            None => (written, Some((flag("closed", row), flag("won", row)))),
        };
        let stage = stage_text.as_ref().and_then(|text| stages.find(text));
        let state = match (stage, flags) {
            (Some(stage), _) => stages.state(stage),
            (None, Some((_, Some(true)))) => State::Won,
            (None, Some((Some(true), _))) => State::Lost,
            _ => State::Open,
        };
        let close_on = match earlier(Field::CloseOn) {
            Some(earlier) => earlier.get(..10).and_then(|text| text.parse().ok()),
            None => frame.days("close_on").get(row).copied().flatten(),
        };
        let amount = match earlier(Field::Amount) {
            Some(earlier) => earlier.trim().parse().ok(),
            None => frame.decimals("amount").get(row).copied().flatten(),
        };
        let code = text("currency", row);
        let currency = match &code {
            Some(code) => super::money::currency(code),
            None => Some(definitions.currency),
        };
        let money = native(amount, currency);
        let account_id = text("account_id", row);
        let account_name = text("account_name", row);
        let account = match (&account_id, &account_name) {
            (Some(id), _) => identity.account(id),
            (None, Some(name)) => names.get(&name.trim().to_lowercase()).copied().unwrap_or(NONE),
            (None, None) => NONE,
        };
        let mut deal = Deal {
            name: text("name", row),
            account,
            account_name,
            owner: text("owner", row),
            kind: text("kind", row),
            lead_source: text("lead_source", row),
            program_id: text("program_id", row),
            program_name: text("program_name", row),
            created: created.as_microsecond(),
            close_on,
            state,
            stage,
            stage_text,
            reached: None,
            closed_on: None,
            amount: money,
            currency,
            currency_assumed: code.is_none() && amount.is_some(),
            amount_refused: money.is_none() && amount.is_some(),
            probability: frame.decimals("probability").get(row).copied().flatten(),
            forecast_category: match earlier(Field::ForecastCategory) {
                Some(earlier) => Some(earlier.into()).filter(|_| !earlier.is_empty()),
                None => text("forecast_category", row),
            },
            qualification: text("qualification", row),
            closes_later: false,
            people: Vec::new(),
            stage_since: None,
            pushes: 0,
            duplicate_of: None,
            id,
        };
        let (past_reached, closed_at) = past.map_or((None, None), |past| past.reached(&mut stages));
        close(&mut deal, closed_at.map(|at| days::date(days.day(at))), as_of);
        // After the close is settled: a deal that is won later has not reached the last stage yet.
        let won = (deal.state == State::Won).then_some(stages.n_open).filter(|n| *n > 0);
        let height = stages.height(deal.stage);
        deal.reached = past_reached.max(height).max(won);
        deals.rows.push(deal);
    }
    deals.rows.sort_by(|a, b| a.id.cmp(&b.id));
    people(source, identity, &mut deals, end)?;
    let Deals { rows, changes, .. } = &mut deals;
    for (place, deal) in rows.iter_mut().enumerate() {
        let past = histories.get(&*deal.id);
        changes.extend(changes::of(deal, place, past, &mut stages, days));
    }
    duplicates(rows);
    Ok(deals)
}

/// Finds open deals of one account, amount and kind: each but the oldest may be that one.
fn duplicates(deals: &mut [Deal]) {
    let mut oldest: HashMap<(u32, Currency, i64, String), usize> = HashMap::new();
    let mut by_age: Vec<usize> = (0..deals.len()).collect();
    by_age.sort_by_key(|place| (deals[*place].created, *place));
    for place in by_age {
        let deal = &deals[place];
        let Some(amount) = deal.amount.filter(|amount| amount.minor != 0) else { continue };
        if deal.account == NONE || deal.state != State::Open {
            continue;
        }
        let kind = deal.kind.as_deref().unwrap_or("").trim().to_lowercase();
        let first =
            *oldest.entry((deal.account, amount.currency, amount.minor, kind)).or_insert(place);
        deals[place].duplicate_of = (first != place).then_some(first);
    }
}

/// Rounds an amount to the minor unit of its currency.
pub(crate) fn native(amount: Option<Decimal>, currency: Option<Currency>) -> Option<Money> {
    Money::from_decimal(amount?, currency?).ok()
}

/// Gives a closed deal its close day; one that closes after the as-of day is open.
fn close(deal: &mut Deal, closed_in_history: Option<Date>, as_of: Date) {
    if deal.state == State::Open {
        return;
    }
    let day = deal.close_on.or(closed_in_history);
    if day.is_some_and(|day| day > as_of) {
        deal.closes_later = true;
        deal.state = State::Open;
        deal.stage = None;
        deal.stage_text = None;
        deal.probability = None;
        return;
    }
    deal.closed_on = day;
}

/// Accounts by name, where only one has it.
fn account_names(identity: &Identity) -> HashMap<String, u32> {
    let mut names: HashMap<String, u32> = HashMap::new();
    let mut shared: Vec<String> = Vec::new();
    for (account, code) in identity.accounts.iter().zip(0..) {
        let Some(name) = &account.name else { continue };
        let name = name.trim().to_lowercase();
        if names.insert(name.clone(), code).is_some() {
            shared.push(name);
        }
    }
    for name in shared {
        names.remove(&name);
    }
    names
}

/// Finds the people on each deal, and through them the account where the deal names none.
fn people(
    source: &dyn Facts,
    identity: &Identity,
    deals: &mut Deals,
    end: Micros,
) -> Result<(), LakeError> {
    let rows: HashMap<Arc<str>, usize> =
        deals.rows.iter().enumerate().map(|(at, deal)| (Arc::clone(&deal.id), at)).collect();
    let roles =
        facts::frame(source, "opportunity_role", &["opportunity_id", "person_id", "created_at"])?;
    for row in 0..roles.n_rows() {
        let created = roles.instants("created_at").get(row).copied().flatten();
        if created.is_some_and(|at| at.as_microsecond() > end) {
            deals.n_future += 1;
            continue;
        }
        let text = |column: &str| roles.texts(column).get(row).and_then(Option::as_ref);
        if let (Some(deal), Some(person)) = (text("opportunity_id"), text("person_id"))
            && let (Some(&deal), Some(&person)) =
                (rows.get(deal), identity.person_codes.get(person))
        {
            deals.rows[deal].people.push(person);
        }
    }
    for (person, code) in identity.people.iter().zip(0..) {
        for &deal in person.opportunities.iter().filter_map(|id| rows.get(id)) {
            deals.rows[deal].people.push(code);
        }
    }
    for deal in &mut deals.rows {
        deal.people.sort_unstable();
        deal.people.dedup();
        if deal.account == NONE {
            let mut accounts: Vec<u32> = deal
                .people
                .iter()
                .map(|person| identity.people[*person as usize].account)
                .filter(|account| *account != NONE)
                .collect();
            accounts.dedup();
            if let [account] = accounts[..] {
                deal.account = account;
            }
        }
    }
    Ok(())
}
