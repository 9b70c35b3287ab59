//! Velocity and why it changed, and whether deals that marketing touched first close sooner.

use std::sync::Arc;

use domain::answer::{Entry, Interval, Table};
use domain::{Ask, Caveat, Figure, Filter, Frame, Money, Period, Value};
use jiff::ToSpan;
use jiff::civil::Date;
use stats::funnel::{self, End, Stratum, Wait};
use stats::velocity;

use super::bridge::{self, Scope, Step};
use crate::chance::{self, LEVEL};
use crate::common::{row, table};
use crate::history::History;
use crate::slice::Slice;
use crate::words;

/// The four factors of a period, with their rows.
pub(super) struct Velocity {
    deals: Entry,
    win_rate: Entry,
    value: Entry,
    cycle: Entry,
    /// Money in minor units a day; none where a factor rests on too few deals.
    a_day: Option<f64>,
}

impl Velocity {
    /// Deals worked in the period × win rate ÷ days, at the mean amount won.
    pub(super) fn of(
        deals: &Slice<'_>,
        history: &History,
        period: &Period,
        until: Date,
        seed: u64,
    ) -> Self {
        let to = period.to.min(until);
        let before = period.from.yesterday().unwrap_or(period.from);
        let worked: Vec<Arc<str>> = bridge::passages(history, before, to, Scope::All)
            .iter()
            .filter(|passage| {
                matches!(passage.came.0, Step::Opening | Step::Created | Step::Reopened)
            })
            .filter_map(|passage| history.id(passage.deal).cloned())
            .collect();
        let closed = deals.only(Filter::within("closed_on", &Period::days(period.from, to)));
        let won = closed.only(Filter::flag("won", true));
        let n = closed.size();
        let found = Self {
            deals: deals.among("id", &worked).count(),
            win_rate: chance::sure(chance::with_rate(closed.share("won")), n),
            value: chance::sure(chance::mean(&won, "amount", seed), won.size()),
            cycle: chance::sure(chance::median(&won, "cycle_days"), won.size()),
            a_day: None,
        };
        let factors = found.factors();
        let enough = n >= words::SMALL && won.size() > 0;
        let product = |[n, rate, value, reciprocal]: [f64; 4]| n * rate * value * reciprocal;
        Self { a_day: factors.filter(|_| enough).map(product), ..found }
    }

    /// The factors in minor units and reciprocal days.
    fn factors(&self) -> Option<[f64; 4]> {
        let value = match &self.value.value {
            Value::Money(money) => money.minor as f64,
            _ => return None,
        };
        let days = self.cycle.value.number().filter(|days| *days > 0.0)?;
        Some([self.deals.value.number()?, self.win_rate.value.number()?, value, 1.0 / days])
    }

    pub(super) fn money(&self, ask: &Ask) -> Value {
        let why = || Value::None(format!("fewer than {} closed deals", words::SMALL));
        self.a_day.and_then(|minor| whole(minor, ask)).map_or_else(why, Value::Money)
    }
}

fn whole(minor: f64, ask: &Ask) -> Option<Money> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to fit")]
    let rounded = (minor.abs() < 9e15).then(|| minor.round() as i64)?;
    Some(Money::from_minor(rounded, ask.currency))
}

const FACTORS: [(&str, &str); 4] = [
    ("deals", "Deals worked"),
    ("win_rate", "Win rate"),
    ("value", "Average won"),
    ("cycle", "Median cycle of won"),
];

/// The factors now and then, and what each gave to the change, adding up to it.
pub(super) fn told(now: &Velocity, then: Option<(&str, &Velocity)>, ask: &Ask) -> Table {
    let name = then.map_or("Before", |(name, _)| name);
    let columns = [("now", "Now"), ("before", name), ("part", "Part of the change, a day")];
    let mut found = table("velocity", "Velocity and what changed it", "Factor", &columns);
    let parts = then.and_then(|(_, then)| parts(now, then, ask));
    let none = || Entry::plain(Value::None("nothing to compare with".to_owned()));
    let of = |velocity: &Velocity| {
        [&velocity.deals, &velocity.win_rate, &velocity.value, &velocity.cycle].map(Entry::clone)
    };
    let before = then.map(|(_, then)| of(then));
    for (at, ((id, label), entry)) in FACTORS.into_iter().zip(of(now)).enumerate() {
        let before = before.as_ref().and_then(|before| before.get(at)).cloned();
        let part = parts.as_ref().and_then(|parts| parts.get(at));
        let part = part.map_or_else(none, |part| Entry::plain(Value::Money(*part)));
        found.rows.push(row(id, label, vec![entry, before.unwrap_or_else(none), part]));
    }
    let money = |velocity: &Velocity| Entry::plain(velocity.money(ask));
    let change = parts.map_or_else(none, |parts| {
        let sum = parts.iter().map(|part| part.minor).sum();
        Entry::plain(Value::Money(Money::from_minor(sum, ask.currency)))
    });
    let before = then.map_or_else(none, |(_, then)| money(then));
    found.rows.push(row("velocity", "Velocity, a day", vec![money(now), before, change]));
    found.note = Some(
        "Velocity: deals worked (open at the start or created since) × win rate (won of closed) × \
         average won ÷ median days from creation to won. The parts are those of the logarithmic mean \
         Divisia index (Ang 2004) and add up to the change."
            .to_owned(),
    );
    found
}

/// The parts in whole minor units; they add up to the difference of the rounded velocities.
fn parts(now: &Velocity, then: &Velocity, ask: &Ask) -> Option<Vec<Money>> {
    let explained = velocity::explain(
        &then.factors().filter(|_| then.a_day.is_some())?,
        &now.factors().filter(|_| now.a_day.is_some())?,
    )?;
    let mut parts: Vec<Money> =
        explained.parts.iter().map(|part| whole(*part, ask)).collect::<Option<_>>()?;
    let change = whole(explained.after, ask)?.minor - whole(explained.before, ask)?.minor;
    let rest = change - parts.iter().map(|part| part.minor).sum::<i64>();
    let largest = parts.iter_mut().max_by_key(|part| part.minor.abs())?;
    largest.minor += rest;
    Some(parts)
}

/// Fewest deals on a side of a stratum that is compared.
const LEAST: usize = 5;

/// Whether deals whose first touch before the creation was marketing's stay open longer than others
/// of the same segment and size.
pub(super) fn touched(
    deals: &Slice<'_>,
    frame: &Frame,
    until: Date,
) -> Option<(Figure, Table, Caveat)> {
    let from = until.saturating_sub(730.days());
    let window = Period::days(from, until);
    let recent = deals.only(Filter::within("created_on", &window));
    let ours = recent.only(Filter::is("source_first_touch", "marketing"));
    let (created, closed) = (frame.days("created_on"), frame.days("closed_on"));
    let (segments, amounts) = (frame.texts("segment"), frame.moneys("amount"));
    let first = frame.texts("source_first_touch");
    let rows: Vec<usize> = (0..frame.n_rows())
        .filter(|row| created.get(*row).copied().flatten().is_some_and(|day| window.contains(day)))
        .collect();
    let amount = |row: usize| amounts.get(row).copied().flatten().map(|money| money.minor);
    let mut sizes: Vec<i64> = rows.iter().filter_map(|row| amount(*row)).collect();
    sizes.sort_unstable();
    let bound = |part: usize| sizes.get(sizes.len() * part / 3).copied().unwrap_or(0);
    let (low, high) = (bound(1), bound(2));
    let size = |row: usize| match amount(row) {
        None => 0,
        Some(minor) if minor < low => 1,
        Some(minor) if minor < high => 2,
        Some(_) => 3,
    };
    let mut strata: std::collections::BTreeMap<(&str, u8), Stratum> =
        std::collections::BTreeMap::new();
    let mut longest = [0.0_f64; 2];
    for row in rows {
        let Some(begun) = created.get(row).copied().flatten() else { continue };
        let ended = closed.get(row).copied().flatten().filter(|day| *day <= until);
        let days = begun.until(ended.unwrap_or(until)).map_or(0, |span| span.get_days());
        let end = if ended.is_some() { End::Passed } else { End::Waiting };
        let wait = Wait { days: f64::from(days.max(0)), end };
        let segment = segments.get(row).and_then(Option::as_deref).unwrap_or("");
        let empty = || Stratum { with: Vec::new(), without: Vec::new() };
        let stratum = strata.entry((segment, size(row))).or_insert_with(empty);
        let with = first.get(row).and_then(Option::as_deref) == Some("marketing");
        let (side, place) = if with { (&mut stratum.with, 0) } else { (&mut stratum.without, 1) };
        side.push(wait);
        if let Some(longest) = longest.get_mut(place) {
            *longest = longest.max(wait.days);
        }
    }
    let horizon = longest.into_iter().fold(365.0, f64::min);
    let strata: Vec<Stratum> = strata.into_values().collect();
    let found = funnel::longer(&strata, horizon, LEAST, LEVEL)
        .filter(|found| found.with >= 10 && found.without >= 10)?;
    let interval = Interval {
        low: found.days.low,
        high: found.days.high,
        level: LEVEL,
        method: "restricted means, standardized",
    };
    let figure = Figure::new(
        "touched_days_longer",
        "Days longer with marketing first",
        Value::Days(found.days.point),
        &format!(
            "How many days longer deals stay open whose first touch before the creation was \
             marketing's than other deals of the same segment and size, counted up to {horizon:.0} \
             days; below zero they close sooner. A comparison, not an effect."
        ),
    )
    .interval(Some(interval));
    let columns =
        [("deals", "Deals"), ("closed", "Closed"), ("cycle_median", "Median cycle of closed")];
    let mut told = table(
        "touched",
        "Deals with and without a first touch of marketing before they were created",
        "Deals",
        &columns,
    );
    let others = recent.only(Filter {
        column: "source_first_touch".to_owned(),
        test: domain::Test::IsNot(domain::Cell::Text("marketing".into())),
    });
    for (id, label, part) in
        [("with", "Marketing touched them first", &ours), ("without", "All others", &others)]
    {
        let closed = part.only(Filter::present("closed_on"));
        let median = chance::sure(chance::median(&closed, "cycle_days"), closed.size());
        told.rows.push(row(id, label, vec![part.count(), closed.count(), median]));
    }
    told.note = Some(format!(
        "Created from {from} to {until}. The medians are of closed deals only, so those of young \
         deals are too short; the figure above counts open deals as far as they were watched, and \
         compares within {} groups of segment and size.",
        found.strata
    ));
    let text = "That marketing touched deals first is no experiment: who reads and comes to events \
                may buy sooner anyway, and sales may choose whom to invite. Segment and size are held \
                equal; urgency, budget and who knew us before are not. Only touches before the \
                creation count, since a deal that stays open longer collects more of them.";
    Some((figure, told, Caveat::new("touched_not_caused", text)))
}
