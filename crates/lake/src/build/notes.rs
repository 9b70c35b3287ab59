//! What is noticed while the tables are made: counts and money behind the caveats.

use std::collections::BTreeMap;

use domain::definition::State;
use domain::{Currency, MixedMoney, Money};
use jiff::civil::Date;

use super::caveats::{Notes, Pile};
use super::days;
use super::names::NONE;
use super::spend::Spend;
use super::tables::{Making, Row};

/// Sums amounts by currency into a text.
fn pile(amounts: impl Iterator<Item = Option<Money>>) -> Pile {
    let mut found = Pile::default();
    let mut total = MixedMoney::default();
    for money in amounts {
        found.n += 1;
        // A sum beyond 64 bits of cents stays out of the text; the rows show it.
        if let Some(money) = money {
            drop(total.add(money));
        }
    }
    let parts: Vec<String> = total.amounts().map(|money| money.to_string()).collect();
    found.amounts = parts.join(", ");
    found
}

/// Days within which two deals of one account and amount close that may be one deal entered twice.
const ALIKE_DAYS: i64 = 7;

/// So many of them are listed one by one.
const ALIKE_SHOWN: usize = 500;

/// Finds deals that may stand twice in the source: one account, one amount, closing within a week.
fn alike(rows: &[Row<'_>]) -> Vec<(String, Money)> {
    let mut groups: BTreeMap<(u32, Currency, i64), Vec<(Date, &str, Money)>> = BTreeMap::new();
    for Row { deal, .. } in rows {
        if let (Some(amount), Some(close_on)) = (deal.amount, deal.close_on)
            && deal.account != NONE
            && amount.minor != 0
        {
            let key = (deal.account, amount.currency, amount.minor);
            groups.entry(key).or_default().push((close_on, &deal.id, amount));
        }
    }
    let mut found = Vec::new();
    for mut deals in groups.into_values().filter(|deals| deals.len() > 1) {
        deals.sort_unstable_by_key(|(day, id, _)| (*day, *id));
        let near = |at: usize, other: Option<usize>| {
            let day = |at: usize| deals.get(at).map(|(day, ..)| i64::from(days::number(*day)));
            let other = other.and_then(day);
            day(at).zip(other).is_some_and(|(a, b)| (a - b).abs() <= ALIKE_DAYS)
        };
        for (at, (_, id, amount)) in deals.iter().enumerate() {
            if near(at, at.checked_sub(1)) || near(at, Some(at + 1)) {
                found.push(((*id).to_owned(), *amount));
            }
        }
    }
    found
}

/// How facts are called that lie after the as-of day, in the order in which they are said.
const KINDS_OF_FACTS: [&str; 6] =
    ["accounts and people", "programs", "deals", "touches", "spend", "rates"];

impl Notes {
    /// Counts further facts of a kind that lie after the as-of day.
    pub(crate) fn further(&mut self, kind: &str, n: u64) {
        if n == 0 {
            return;
        }
        if let Some((_, all)) = self.future.iter_mut().find(|(known, _)| known == kind) {
            *all += n;
            return;
        }
        self.future.push((kind.to_owned(), n));
        self.future.sort_by_key(|(kind, _)| KINDS_OF_FACTS.iter().position(|known| known == kind));
    }
}

impl Making<'_> {
    pub(crate) fn notes(&self, rows: &[Row<'_>]) -> Notes {
        let of = |test: &dyn Fn(&Row<'_>) -> bool| {
            pile(rows.iter().filter(|row| test(row)).map(|row| row.deal.amount))
        };
        let account = |row: &Row<'_>| self.identity.accounts.get(row.deal.account as usize);
        let reporting = self.definitions.currency;
        let mut stages: BTreeMap<String, Vec<Option<Money>>> = BTreeMap::new();
        let mut lead_sources: BTreeMap<String, u64> = BTreeMap::new();
        for row in rows {
            if let (None, Some(text)) = (row.deal.stage, &row.deal.stage_text) {
                stages.entry(text.to_string()).or_default().push(row.deal.amount);
            }
            if let (true, Some(text)) = (row.sources.lead_source_unmapped, &row.deal.lead_source) {
                *lead_sources.entry(text.to_string()).or_default() += 1;
            }
        }
        let converts = |money: Money, day: Date| {
            let day = days::number(day.min(self.as_of));
            self.rates.convert(money, reporting, day).is_some()
        };
        let future = [
            self.identity.n_future,
            self.programs.n_future,
            self.deals.n_future,
            self.gathered.counts.future,
            self.spends.n_future,
            self.n_future_rates,
        ];
        let spend_native =
            |rows: &mut dyn Iterator<Item = &Spend>| pile(rows.map(|row| row.amount));
        let closes_later = of(&|row| row.deal.closes_later);
        let changes_later = future.iter().any(|n| *n > 0)
            || closes_later.n > 0
            || self.identity.converts_later
            || self.spends.costs_later
            || self.plan.later
            || self.lead_stages.later;
        let alike = alike(rows);
        Notes {
            changes_later,
            alike: pile(alike.iter().map(|(_, money)| Some(*money))),
            alike_ids: if alike.len() > ALIKE_SHOWN {
                Vec::new()
            } else {
                alike.into_iter().map(|(id, _)| id).collect()
            },
            not_converted: of(&|row| {
                let created = days::date(self.days.day(row.deal.created));
                let day = row.deal.close_on.or(row.deal.closed_on).unwrap_or(created);
                row.deal.amount.is_some_and(|money| !converts(money, day))
            }),
            amount_unknown: of(&|row| row.deal.amount.is_none() && !row.deal.amount_refused).n,
            amount_refused: of(&|row| row.deal.amount_refused).n,
            currency_assumed: of(&|row| row.deal.currency_assumed),
            stages_undefined: stages
                .into_iter()
                .map(|(stage, amounts)| (stage, pile(amounts.into_iter())))
                .collect(),
            closes_later,
            closed_without_day: of(&|row| {
                row.deal.state != State::Open && row.deal.closed_on.is_none()
            }),
            no_account: of(&|row| account(row).is_none()),
            account_not_found: of(&|row| account(row).is_some_and(|account| !account.found)),
            lead_sources_unmapped: lead_sources.into_iter().collect(),
            spend_not_converted: spend_native(
                &mut self
                    .spends
                    .rows
                    .iter()
                    .filter(|row| row.amount.is_none_or(|money| !converts(money, row.day))),
            ),
            spend_currency_assumed: self.spends.n_currency_assumed,
            spend_left_out: spend_native(&mut self.spends.left_out.iter().map(|(row, _)| row)),
            account_cycles: self.identity.n_account_cycles,
            person_cycles: self.identity.n_person_cycles,
            future: KINDS_OF_FACTS
                .into_iter()
                .zip(future)
                .filter(|(_, n)| *n > 0)
                .map(|(table, n)| (table.to_owned(), n))
                .collect(),
        }
    }
}
