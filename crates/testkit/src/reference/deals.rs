//! Deals: stage, money, source under each rule, influence, and the touches of their journey.

use std::collections::{BTreeMap, BTreeSet};

use domain::definition::{Side, SourcedBy, State};
use domain::{Currency, Decimal, Money};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Company;
use super::files::{Exports, Row, sheet};
use super::money::{Rates, times};
use super::people::Person;
use super::touches::Touch;

/// A deal as a row of the relation `opportunities`.
#[derive(Clone, Debug)]
pub struct Opportunity {
    /// Identifier in the source.
    pub id: String,
    /// The account, merged ones followed to their master.
    pub account: Option<String>,
    /// Segment of the account; `other` where none fits, `unknown` without an account.
    pub segment: String,
    /// Kind as the source says.
    pub kind: String,
    /// False where the kind is excluded from pipeline.
    pub counted: bool,
    /// Id of the stage by definition; the source's own text where none is defined.
    pub stage: String,
    /// Open, won or lost.
    pub state: State,
    /// Highest open stage ever reached, 1 for the first.
    pub stage_reached: Option<usize>,
    /// Minor units of the reporting currency; missing where unknown or without a rate.
    pub amount: Option<i64>,
    /// As the source says.
    pub amount_native: Option<(Decimal, Currency)>,
    /// Chance of winning.
    pub probability: Option<Decimal>,
    /// Amount × probability.
    pub expected: Option<i64>,
    /// Creation.
    pub created_at: Timestamp,
    /// Day of creation.
    pub created_on: Date,
    /// Planned or actual close.
    pub close_on: Option<Date>,
    /// Close day of a closed deal.
    pub closed_on: Option<Date>,
    /// Days from creation to close of a closed deal; missing where negative.
    pub cycle_days: Option<i64>,
    /// Side under each rule, in the order of [`SourcedBy::ALL`].
    pub sources: [Side; 3],
    /// Side under the rule in force.
    pub source: Side,
    /// Channel of the originating touch; of the lead source under that rule.
    pub channel: String,
    /// Name of the program of the originating touch, else of the primary campaign.
    pub program: Option<String>,
    /// True with a marketing touch from the influence lookback until the close.
    pub influenced: bool,
    /// Day of the first touch of the journey.
    pub first_touch_on: Option<Date>,
    /// Days from the first touch to the close of a won deal.
    pub days_from_first_touch: Option<i64>,
    /// The people on it.
    pub people: Vec<String>,
    /// Places of the touches before the creation among the company's touches, in order.
    pub journey: Vec<usize>,
    /// The journey on to the close, or to the as-of day for an open deal.
    pub journey_to_close: Vec<usize>,
    /// Place of the touch of the lead creation among the company's touches.
    pub lead_creation: Option<usize>,
}

impl Opportunity {
    /// True where the deal is won.
    pub fn won(&self) -> bool {
        self.state == State::Won
    }

    /// Side under one rule.
    pub fn side_under(&self, rule: SourcedBy) -> Side {
        self.sources[SourcedBy::ALL.iter().position(|&one| one == rule).unwrap_or(0)]
    }
}

/// Reads the deals that were created by the end of the as-of day, in the order of their ids.
pub(super) fn opportunities(
    exports: Exports<'_>,
    company: &Company,
    rates: &Rates,
) -> Vec<Opportunity> {
    let stages = stages_shown(exports, company);
    let roles = roles(exports, company);
    let mut deals: Vec<Opportunity> = sheet(exports, "Opportunity")
        .iter()
        .filter(|row| created(row) <= company.end)
        .map(|row| opportunity(row, company, rates, &stages, &roles))
        .collect();
    deals.sort_by(|a, b| a.id.cmp(&b.id));
    deals
}

fn created(row: &Row) -> Timestamp {
    row.instant("CreatedDate", &TimeZone::UTC).expect("a deal has a creation")
}

/// Stages that a deal showed, in order: when, the row that says so, the text.
type Shown = Vec<(Timestamp, String, String)>;

/// Returns the stages that each deal ever showed, from both histories.
fn stages_shown(exports: Exports<'_>, company: &Company) -> BTreeMap<String, Shown> {
    let mut seen: BTreeMap<String, Shown> = BTreeMap::new();
    let by_end = |row: &Row| created(row) <= company.end;
    let mut add = |row: &Row, column: &str| {
        let deal = row.id("OpportunityId").unwrap_or_default();
        let shown = (created(row), row.id("Id").unwrap_or_default(), row.text(column).to_owned());
        seen.entry(deal).or_default().push(shown);
    };
    for row in sheet(exports, "OpportunityHistory").iter().filter(|row| by_end(row)) {
        add(row, "StageName");
    }
    for row in sheet(exports, "OpportunityFieldHistory").iter().filter(|row| by_end(row)) {
        if row.text("Field") == "StageName" {
            add(row, "OldValue");
            add(row, "NewValue");
        }
    }
    seen.values_mut().for_each(|shown| shown.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1))));
    seen
}

/// Returns when a deal was closed the last time, as its history tells.
fn closed_at(shown: &Shown, company: &Company) -> Option<Timestamp> {
    let is_closed = |text: &str| {
        company.definitions.stage(text).is_some_and(|stage| stage.state != State::Open)
    };
    let mut closed = None;
    for (at, _, text) in shown {
        closed = if is_closed(text) { closed.or(Some(*at)) } else { None };
    }
    closed
}

/// Returns the records of the people on each deal.
fn roles(exports: Exports<'_>, company: &Company) -> BTreeMap<String, BTreeSet<String>> {
    let mut roles: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in
        sheet(exports, "OpportunityContactRole").iter().filter(|row| created(row) <= company.end)
    {
        if let (Some(deal), Some(contact)) = (row.id("OpportunityId"), row.id("ContactId")) {
            roles.entry(deal).or_default().insert(contact);
        }
    }
    roles
}

fn opportunity(
    row: &Row,
    company: &Company,
    rates: &Rates,
    stages: &BTreeMap<String, Shown>,
    roles: &BTreeMap<String, BTreeSet<String>>,
) -> Opportunity {
    let definitions = &company.definitions;
    let id = row.id("Id").expect("a deal has an id");
    let account = row.id("AccountId").map(|account| company.master(&account));
    let on_deal = people_on(company, &id, roles);
    let account = account.or_else(|| account_of_all(&on_deal));
    let created_at = created(row);
    let created_on = company.calendar.day(created_at);

    let stage = definitions.stage(row.raw("StageName"));
    let state = match (stage, row.truth("IsClosed"), row.truth("IsWon")) {
        (Some(stage), ..) => stage.state,
        (None, _, Some(true)) => State::Won,
        (None, Some(true), _) => State::Lost,
        (None, ..) => State::Open,
    };
    let open: Vec<_> =
        definitions.stages.iter().filter(|stage| stage.state == State::Open).collect();
    let place = |text: &str| {
        let stage = definitions.stage(text)?;
        open.iter().position(|one| one.id == stage.id).map(|place| place + 1)
    };
    let shown = stages.get(&id).into_iter().flatten().map(|shown| shown.2.as_str());
    let reached = shown.chain([row.text("StageName")]).filter_map(place).max();
    let stage_reached = if state == State::Won { Some(open.len()) } else { reached };

    // A closed deal without a close day was closed when its history says so.
    let told = || {
        let at = stages.get(&id).and_then(|shown| closed_at(shown, company));
        at.filter(|_| state != State::Open).map(|at| company.calendar.day(at))
    };
    let close_on = row.day("CloseDate");
    let closed_on = close_on.or_else(told).filter(|_| state != State::Open);
    let amount_native = row.maybe("Amount").and_then(|amount| {
        let currency = row.maybe("CurrencyIsoCode").map_or(Ok(definitions.currency), |c| c.parse());
        // Kept to the minor unit of its own currency.
        let money = Money::from_decimal(amount.parse().ok()?, currency.ok()?).ok()?;
        Some((money.to_decimal(), money.currency))
    });
    let amount = amount_native.and_then(|(amount, currency)| {
        rates.convert(amount, currency, close_on.or(closed_on).unwrap_or(created_on))
    });
    let stated = || row.text("Probability").parse::<Decimal>().ok().map(|p| p / Decimal::from(100));
    let probability = match state {
        State::Won => Some(Decimal::ONE),
        State::Lost => Some(Decimal::ZERO),
        State::Open => stage.and_then(|stage| stage.probability).or_else(stated),
    };
    let expected =
        amount.zip(probability).and_then(|(amount, p)| times(amount, p, definitions.currency));

    let window = |from: Timestamp, to: Timestamp| -> Vec<usize> {
        let at_account = |touch: &Touch| account.is_some() && touch.account == account;
        let fits = |touch: &Touch| {
            touch.counted && at_account(touch) && from <= touch.at && touch.at <= to
        };
        (0..company.touches.len()).filter(|&place| fits(&company.touches[place])).collect()
    };
    let attribution = &definitions.attribution;
    let since = before(created_at, attribution.lookback_days);
    let end =
        closed_on.map_or(company.end, |day| company.calendar.end_of_day(day).min(company.end));
    let journey = window(since, created_at);
    let influences = window(before(created_at, attribution.influence_days), end);
    let influenced = influences.iter().any(|&place| company.touches[place].side == Side::Marketing);

    let lead_source = company.channel(&[("lead_source", row.text("LeadSource"))]);
    let first = journey.first().map(|&place| &company.touches[place]);
    let sources = [
        first.map_or(Side::Unknown, |touch| touch.side),
        lead_source.as_ref().map_or(Side::Unknown, |channel| company.side(channel)),
        pre_sales(journey.iter().map(|&place| company.touches[place].side)),
    ];
    let channel = match attribution.sourced_by {
        SourcedBy::LeadSource => lead_source,
        _ => first.map(|touch| touch.channel.clone()),
    };
    let primary = || {
        row.id("CampaignId").map(|id| company.campaign(&id).map_or(id.clone(), |c| c.name.clone()))
    };
    let first_touch_on = first.map(|touch| touch.day);
    let kind = row.text("Type").to_owned();
    let people = on_deal.iter().map(|person| person.id.clone()).collect();
    let segment = account.as_ref().map_or("unknown", |id| segment(company, id)).to_owned();
    let lead_creation = lead_creation(company, on_deal, account.as_ref(), (since, created_at))
        .and_then(|at| journey.iter().copied().rfind(|&place| company.touches[place].at <= at));
    let mut opportunity = Opportunity {
        segment,
        counted: !definitions
            .excluded_kinds
            .iter()
            .any(|one| one.to_lowercase() == kind.to_lowercase()),
        kind,
        stage: stage.map_or_else(|| row.text("StageName").to_owned(), |stage| stage.id.to_string()),
        state,
        stage_reached,
        amount,
        amount_native,
        probability,
        expected,
        created_at,
        created_on,
        close_on,
        closed_on,
        cycle_days: closed_on
            .map(|closed| days_between(created_on, closed))
            .filter(|&days| days >= 0),
        sources,
        source: Side::Unknown,
        channel: channel.unwrap_or_else(|| "unknown".to_owned()),
        program: first.and_then(|touch| touch.program.clone()).or_else(primary),
        influenced,
        first_touch_on,
        days_from_first_touch: first_touch_on
            .zip(closed_on)
            .filter(|_| state == State::Won)
            .map(|(first, closed)| days_between(first, closed))
            .filter(|&days| days >= 0),
        people,
        // A close that was dated back before the creation takes nothing from the journey.
        journey_to_close: window(since, end.max(created_at)),
        journey,
        lead_creation,
        account,
        id,
    };
    opportunity.source = opportunity.side_under(attribution.sourced_by);
    opportunity
}

pub(super) fn before(at: Timestamp, days: u32) -> Timestamp {
    at.checked_sub(SignedDuration::from_hours(i64::from(days) * 24)).expect("an instant")
}

fn days_between(from: Date, to: Date) -> i64 {
    i64::from((to - from).get_days())
}

fn segment<'a>(company: &'a Company, account: &str) -> &'a str {
    let Some(account) = company.account(account) else { return "unknown" };
    let definitions = &company.definitions;
    definitions
        .segment_of(&account.industry, &account.country, account.employees, account.targeted)
        .map_or("other", |segment| &segment.id)
}

/// Marketing where a marketing touch precedes the first sales touch, or there is no sales touch;
/// else the side of the first touch.
fn pre_sales(sides: impl Iterator<Item = Side>) -> Side {
    let sides: Vec<Side> = sides.collect();
    let sales = sides.iter().position(|&side| side == Side::Sales).unwrap_or(sides.len());
    if sides[..sales].contains(&Side::Marketing) {
        return Side::Marketing;
    }
    sides.first().copied().unwrap_or(Side::Unknown)
}

/// Returns the people on a deal: those with a role, and those whose lead was converted to it.
fn people_on<'a>(
    company: &'a Company,
    deal: &str,
    roles: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<&'a Person> {
    let has_role = |person: &Person| {
        roles.get(deal).is_some_and(|records| !records.is_disjoint(&person.records))
    };
    let on_deal = |person: &&Person| has_role(person) || person.converted_deals.contains(deal);
    company.people.iter().filter(on_deal).collect()
}

/// Returns the account of a deal that names none: the one that all people on it belong to.
fn account_of_all(people: &[&Person]) -> Option<String> {
    let accounts: BTreeSet<&String> =
        people.iter().filter_map(|person| person.account.as_ref()).collect();
    if accounts.len() == 1 { accounts.into_iter().next().cloned() } else { None }
}

/// Returns when the first of the people on the deal became known, where that lies in the window;
/// where nobody is on it, the first of all people of the account.
fn lead_creation(
    company: &Company,
    on_deal: Vec<&Person>,
    account: Option<&String>,
    (since, until): (Timestamp, Timestamp),
) -> Option<Timestamp> {
    let own = |person: &&Person| account.is_some() && person.account.as_ref() == account;
    let people =
        if on_deal.is_empty() { company.people.iter().filter(own).collect() } else { on_deal };
    let created = people.iter().map(|person| person.created_at);
    created.filter(|&at| since <= at && at <= until).min()
}
