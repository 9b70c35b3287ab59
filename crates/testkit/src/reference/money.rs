//! Rates, and amounts in the reporting currency.

use domain::{Currency, Decimal, Definitions, Money};
use jiff::civil::Date;

use super::files::{Exports, sheet};

/// The rates of a company.
pub(super) struct Rates {
    /// Day from which it holds, from, to, units of `to` for one unit of `from`.
    dated: Vec<(Date, Currency, Currency, Decimal)>,
    definitions: Definitions,
    as_of: Date,
}

impl Rates {
    /// Reads the dated rates: units of a currency for one unit of the corporate currency, which is
    /// the one whose rate is always 1.
    pub(super) fn read(exports: Exports<'_>, definitions: &Definitions, as_of: Date) -> Self {
        let rows: Vec<(Date, Currency, Decimal)> = sheet(exports, "DatedConversionRate")
            .iter()
            .filter_map(|row| {
                let rate = row.text("ConversionRate").parse().ok()?;
                Some((row.day("StartDate")?, row.text("IsoCode").parse().ok()?, rate))
            })
            .filter(|(day, ..)| *day <= as_of)
            .collect();
        let always_one = |currency: Currency| {
            rows.iter().filter(|row| row.1 == currency).all(|row| row.2 == Decimal::ONE)
        };
        let corporate = rows.iter().map(|row| row.1).find(|&currency| always_one(currency));
        let corporate = corporate.unwrap_or(definitions.currency);
        let dated = rows.iter().map(|&(day, to, rate)| (day, corporate, to, rate)).collect();
        Self { dated, definitions: definitions.clone(), as_of }
    }

    /// Returns an amount in minor units of the reporting currency, rounded once half to even;
    /// nothing where there is no rate.
    pub(super) fn convert(&self, amount: Decimal, from: Currency, day: Date) -> Option<i64> {
        let to = self.definitions.currency;
        let minor = |amount| Money::from_decimal(amount, to).ok().map(|money| money.minor);
        if from == to {
            return minor(amount);
        }
        let day = day.min(self.as_of);
        let latest = |one: Currency, other: Currency| {
            let fits = |rate: &&(Date, Currency, Currency, Decimal)| {
                rate.1 == one && rate.2 == other && rate.0 <= day
            };
            self.dated.iter().filter(fits).max_by_key(|rate| rate.0).map(|rate| rate.3)
        };
        if let Some(rate) = latest(from, to) {
            return minor(amount.checked_mul(rate)?);
        }
        if let Some(rate) = latest(to, from) {
            return minor(amount.checked_div(rate)?);
        }
        let fixed = self.definitions.rates.get(&from)?;
        minor(amount.checked_mul(*fixed)?)
    }
}

/// Multiplies minor units by a probability, rounded once half to even.
pub(super) fn times(minor: i64, probability: Decimal, currency: Currency) -> Option<i64> {
    let amount = Money::from_minor(minor, currency).to_decimal().checked_mul(probability)?;
    Money::from_decimal(amount, currency).ok().map(|money| money.minor)
}
