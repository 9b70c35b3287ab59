//! Rates between currencies, and amounts as a build keeps them: native, with the day of their rate.
//!
//! The rate of a pair on a day is the one with the latest day on or before it. Where the pair has
//! none, the inverse pair serves, then the way through the reporting currency, then the fixed rates
//! of the definitions. An amount is rounded to the minor unit of its own currency and then, once,
//! to that of the currency asked for; without a rate it is missing.

use std::collections::BTreeMap;

use domain::{Cell, Column, Currency, Decimal, Definitions, Frame, Money, Rate};

use super::days::{self, Day};
use super::facts::{self, Facts};
use crate::error::LakeError;

/// All rates that hold on or before the as-of day.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    reporting: Currency,
    fixed: BTreeMap<Currency, Decimal>,
    dated: BTreeMap<(Currency, Currency), Vec<(Day, Decimal)>>,
}

impl Rates {
    /// Reads the rates up to a day; returns also how many lie after it.
    pub(crate) fn read(
        source: &dyn Facts,
        definitions: &Definitions,
        as_of: Day,
    ) -> Result<(Self, u64), LakeError> {
        let frame = facts::frame(source, "fx_rate", &["from", "to", "day", "rate"])?;
        let mut rates = Self::fixed(definitions);
        let mut n_future = 0;
        for row in 0..frame.n_rows() {
            let (Cell::Text(from), Cell::Text(to), Cell::Day(day), Cell::Decimal(rate)) = (
                frame.cell("from", row),
                frame.cell("to", row),
                frame.cell("day", row),
                frame.cell("rate", row),
            ) else {
                continue;
            };
            if days::number(day) > as_of {
                n_future += 1;
            } else if let (Some(from), Some(to)) = (currency(&from), currency(&to)) {
                rates.add(from, to, days::number(day), rate);
            }
        }
        rates.sort();
        Ok((rates, n_future))
    }

    /// Starts with the fixed rates of the definitions.
    pub(crate) fn fixed(definitions: &Definitions) -> Self {
        Self {
            reporting: definitions.currency,
            fixed: definitions.rates.clone(),
            dated: BTreeMap::new(),
        }
    }

    /// Adds a rate; [`Self::sort`] makes it effective.
    pub(crate) fn add(&mut self, from: Currency, to: Currency, day: Day, rate: Decimal) {
        if rate > Decimal::ZERO {
            self.dated.entry((from, to)).or_default().push((day, rate));
        }
    }

    pub(crate) fn sort(&mut self) {
        for rates in self.dated.values_mut() {
            rates.sort_unstable();
        }
    }

    /// Returns the units of `to` for one unit of `from` on a day.
    pub(crate) fn rate(&self, from: Currency, to: Currency, day: Day) -> Option<Rate> {
        if from == to {
            return Some(Rate::ONE);
        }
        self.dated(from, to, day).or_else(|| {
            let reporting = self.reporting_for(from, day)?;
            reporting.then(self.of_reporting(to, day)?)
        })
    }

    fn reporting_for(&self, from: Currency, day: Day) -> Option<Rate> {
        if from == self.reporting {
            return Some(Rate::ONE);
        }
        let fixed = || Rate::quoted(*self.fixed.get(&from)?);
        self.dated(from, self.reporting, day).or_else(fixed)
    }

    fn of_reporting(&self, to: Currency, day: Day) -> Option<Rate> {
        if to == self.reporting {
            return Some(Rate::ONE);
        }
        let fixed = || Rate::inverse(*self.fixed.get(&to)?);
        self.dated(self.reporting, to, day).or_else(fixed)
    }

    fn dated(&self, from: Currency, to: Currency, day: Day) -> Option<Rate> {
        let latest = |from, to| {
            let rates = self.dated.get(&(from, to))?;
            let n = rates.partition_point(|(since, _)| *since <= day);
            rates.get(n.checked_sub(1)?).map(|(_, rate)| *rate)
        };
        let direct = latest(from, to).and_then(Rate::quoted);
        direct.or_else(|| latest(to, from).and_then(Rate::inverse))
    }

    /// Converts an amount by the rate of a day; none without a rate or where it does not fit.
    pub(crate) fn convert(&self, money: Money, to: Currency, day: Day) -> Option<Money> {
        if money.currency == to {
            return Some(money);
        }
        money.convert(self.rate(money.currency, to, day)?, to).ok()
    }

    /// Returns the dated rates as rows.
    pub(crate) fn frame(&self) -> Result<Frame, LakeError> {
        let rows = || {
            self.dated.iter().flat_map(|((from, to), rates)| {
                rates.iter().map(move |(day, rate)| (*from, *to, *day, *rate))
            })
        };
        Ok(Frame::new(vec![
            ("from", Column::Text(rows().map(|row| Some(row.0.code().into())).collect())),
            ("to", Column::Text(rows().map(|row| Some(row.1.code().into())).collect())),
            ("day", Column::Day(rows().map(|row| Some(days::date(row.2))).collect())),
            ("rate", Column::Decimal(rows().map(|row| Some(row.3)).collect())),
        ])?)
    }

    /// Reads the rows of [`Self::frame`] back.
    pub(crate) fn from_frame(definitions: &Definitions, frame: &Frame) -> Self {
        let mut rates = Self::fixed(definitions);
        for row in 0..frame.n_rows() {
            if let (Cell::Text(from), Cell::Text(to), Cell::Day(day), Cell::Decimal(rate)) = (
                frame.cell("from", row),
                frame.cell("to", row),
                frame.cell("day", row),
                frame.cell("rate", row),
            ) && let (Some(from), Some(to)) = (currency(&from), currency(&to))
            {
                rates.add(from, to, days::number(day), rate);
            }
        }
        rates.sort();
        rates
    }
}

/// Reads a currency code, blanks and case forgiven.
pub(crate) fn currency(text: &str) -> Option<Currency> {
    text.trim().to_ascii_uppercase().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rate_in_time_wins_and_the_ways_are_tried_in_order() {
        let (mut definitions, _) = Definitions::starter();
        definitions.rates.insert(currency("CHF").unwrap(), "1.1".parse().unwrap());
        let mut rates = Rates::fixed(&definitions);
        for (from, to, day, rate) in
            [("EUR", "USD", 10, "1.2"), ("EUR", "USD", 20, "1.25"), ("USD", "JPY", 10, "160")]
        {
            rates.add(currency(from).unwrap(), currency(to).unwrap(), day, rate.parse().unwrap());
        }
        rates.sort();
        // What 10,000 units are in the other currency.
        let table = [
            ("EUR", "USD", 9, None),
            ("EUR", "USD", 10, Some("12000")),
            ("EUR", "USD", 19, Some("12000")),
            ("EUR", "USD", 99, Some("12500")),
            ("USD", "EUR", 20, Some("8000")),
            ("EUR", "JPY", 10, Some("1920000")),
            ("JPY", "USD", 10, Some("62.5")),
            ("CHF", "USD", 0, Some("11000")),
            ("CHF", "JPY", 10, Some("1760000")),
            ("SEK", "USD", 10, None),
            ("SEK", "SEK", 10, Some("10000")),
        ];
        for (from, to, day, expected) in table {
            let [from, to] = [from, to].map(|code| currency(code).unwrap());
            let amount = Money::from_decimal(Decimal::from(10_000), from).unwrap();
            let found = rates.convert(amount, to, day).map(Money::to_decimal);
            let expected: Option<Decimal> = expected.map(|text| text.parse().unwrap());
            assert_eq!(found, expected, "{from} {to} {day}");
        }
        let again = Rates::from_frame(&definitions, &rates.frame().unwrap());
        assert_eq!(again.dated, rates.dated);
    }
}
