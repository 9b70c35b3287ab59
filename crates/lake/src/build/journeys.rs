//! Journeys: the touches of each deal's account from the lookback before its creation to its close.
//!
//! Both ends are included; ties in time are broken by the identifier of the touch. The touches up
//! to the creation come first (`before`), those after it follow. Milestones are places in the
//! journey: the touch that made the lead is the last one at or before the earliest creation of a
//! person on the deal; the touch that made the deal is the last one at or before its creation; the
//! touch that closed it is the last one of all, for a closed deal only.

#![expect(clippy::indexing_slicing, reason = "dense codes index arrays of their own number")]

use domain::Definitions;
use domain::definition::{Side, SourcedBy, State};

use super::channels::{Channel, Channels};
use super::days::{self, DAY_MICROS, Days, Micros};
use super::deals::Deal;
use super::identity::Identity;
use super::names::{NONE, Texts};
use super::touches::TouchStore;

/// The touches of all deals, one entry each, those of a deal together.
#[derive(Default, Debug)]
pub(crate) struct Hops {
    pub(crate) at: Vec<Micros>,
    pub(crate) channel: Vec<Channel>,
    pub(crate) program: Vec<u32>,
    pub(crate) person: Vec<u32>,
    pub(crate) kind: Vec<u32>,
    pub(crate) id: Texts,
}

/// Where the journey of a deal lies in [`Hops`], and its milestones.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Journey {
    pub(crate) start: usize,
    pub(crate) n: usize,
    /// How many of them lie at or before the creation.
    pub(crate) n_before: usize,
    pub(crate) lead: Option<usize>,
    pub(crate) close: Option<usize>,
    pub(crate) influenced: bool,
    /// Where its window ends; none where that is the end of the as-of day.
    pub(crate) until: Option<Micros>,
    /// When its first person became known, where that is in the window and not after the creation.
    pub(crate) lead_at: Option<Micros>,
}

impl Journey {
    /// Finds the milestones among the instants of the journey, which are in order.
    pub(crate) fn place(&mut self, at: &[Micros], created: Micros, state: State) {
        self.n = at.len();
        self.n_before = at.partition_point(|at| *at <= created);
        self.close = match state {
            State::Open => None,
            _ => self.n.checked_sub(1),
        };
        self.lead =
            self.lead_at.and_then(|lead_at| at.partition_point(|at| *at <= lead_at).checked_sub(1));
    }
}

/// How far journeys reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    pub(crate) lookback: Micros,
    pub(crate) influence: Micros,
    /// The end of the as-of day.
    pub(crate) end: Micros,
}

impl Reach {
    pub(crate) fn new(definitions: &Definitions, end: Micros) -> Self {
        let attribution = &definitions.attribution;
        Self {
            lookback: Micros::from(attribution.lookback_days) * DAY_MICROS,
            influence: Micros::from(attribution.influence_days) * DAY_MICROS,
            end,
        }
    }
}

/// For each account, when its people became known, in order.
pub(crate) fn people_created(identity: &Identity) -> Vec<Vec<Micros>> {
    let mut created = vec![Vec::new(); identity.accounts.len()];
    for person in &identity.people {
        if let (Some(at), true) = (person.created, person.account != NONE) {
            created[person.account as usize].push(at);
        }
    }
    for all in &mut created {
        all.sort_unstable();
    }
    created
}

/// What journeys are made of.
pub(crate) struct Ground<'a> {
    pub(crate) store: &'a TouchStore,
    pub(crate) identity: &'a Identity,
    /// From [`people_created`].
    pub(crate) created: &'a [Vec<Micros>],
    pub(crate) days: &'a Days,
    pub(crate) reach: Reach,
}

impl Hops {
    /// Appends the journey of a deal.
    pub(crate) fn add(&mut self, deal: &Deal, ground: &Ground<'_>, channels: &Channels) -> Journey {
        let Ground { store, identity, created, days, reach } = *ground;
        let mut journey = Journey { start: self.at.len(), ..Journey::default() };
        if deal.account == NONE {
            return journey;
        }
        let close = match (deal.state, deal.closed_on) {
            (State::Won | State::Lost, Some(day)) => days.end(days::number(day)).min(reach.end),
            _ => reach.end,
        };
        let from = deal.created.saturating_sub(reach.lookback);
        let to = close.max(deal.created);
        for &touch in store.within(deal.account, from, to) {
            let touch = touch as usize;
            self.at.push(store.at[touch]);
            self.channel.push(store.channel[touch]);
            self.program.push(store.program[touch]);
            self.person.push(store.person[touch]);
            self.kind.push(store.kind[touch]);
            self.id.push(store.id.get(touch));
        }
        let lead_at = if deal.people.is_empty() {
            let all = created.get(deal.account as usize).map_or(&[][..], Vec::as_slice);
            all.get(all.partition_point(|at| *at < from)).copied()
        } else {
            let people = deal.people.iter().filter_map(|p| identity.people[*p as usize].created);
            people.filter(|at| *at >= from).min()
        };
        journey.until = (deal.state != State::Open && deal.closed_on.is_some()).then_some(to);
        journey.lead_at = lead_at.filter(|at| *at <= deal.created);
        journey.place(&self.at[journey.start..], deal.created, deal.state);
        let influence =
            store.within(deal.account, deal.created.saturating_sub(reach.influence), to);
        journey.influenced = influence
            .iter()
            .any(|touch| channels.side(store.channel[*touch as usize]) == Side::Marketing);
        journey
    }

    /// Returns the channels of the touches up to the creation.
    pub(crate) fn before(&self, journey: &Journey) -> &[Channel] {
        self.channel.get(journey.start..journey.start + journey.n_before).unwrap_or(&[])
    }
}

/// The source of a deal under each rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sources {
    /// Side under each rule, in the order of [`SourcedBy::ALL`].
    pub(crate) sides: [Side; 3],
    /// Channel of the originating touch (of the lead source) under the rule in force.
    pub(crate) channel: Channel,
    /// Place of the originating touch in the journey, under the rule in force.
    pub(crate) touch: Option<usize>,
    /// True where the deal has a lead source that no rule fits.
    pub(crate) lead_source_unmapped: bool,
}

/// Finds the source of a deal under each rule; `before` are the channels of its touches up to the
/// creation.
pub(crate) fn sources(
    lead_source: Option<&str>,
    before: &[Channel],
    channels: &mut Channels,
    rule: SourcedBy,
) -> Sources {
    let lead_source = lead_source.filter(|text| !text.trim().is_empty());
    let recorded = channels.of_lead_source(lead_source);
    let first = (!before.is_empty()).then_some(0);
    let side = |touch: usize| channels.side(before[touch]);
    let marketing = (0..before.len()).find(|touch| side(*touch) == Side::Marketing);
    let sales = (0..before.len()).find(|touch| side(*touch) == Side::Sales);
    let early = marketing.filter(|marketing| sales.is_none_or(|sales| *marketing < sales));
    let pre_sales = early.or(first);
    let side_of = |touch: Option<usize>| touch.map_or(Side::Unknown, side);
    let sides = [side_of(first), channels.side(recorded), side_of(pre_sales)];
    let touch = match rule {
        SourcedBy::FirstTouch => first,
        SourcedBy::LeadSource => None,
        SourcedBy::PreSales => pre_sales,
    };
    let channel = match (rule, touch) {
        (SourcedBy::LeadSource, _) => recorded,
        (_, Some(touch)) => before[touch],
        (_, None) => channels.unknown(),
    };
    let lead_source_unmapped = lead_source.is_some() && recorded == channels.unknown();
    Sources { sides, channel, touch, lead_source_unmapped }
}
