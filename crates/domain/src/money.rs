//! Money: whole minor units of one currency, and sums over several.
//!
//! Amounts are exact. Adding two currencies is an error, a total over several is a [`MixedMoney`].
//! Rounding happens once, where a decimal amount or a converted amount becomes [`Money`]: half to
//! even, to the minor unit of the currency (ISO 4217: 2 digits for USD, 0 for JPY, 3 for KWD).

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

/// An ISO 4217 currency code, for example `USD`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// United States dollar, the default reporting currency.
    pub const USD: Self = Self(*b"USD");

    /// Returns the three-letter code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// Returns the number of digits after the decimal mark (ISO 4217 exponent), 2 where none is
    /// set.
    pub fn digits(self) -> u32 {
        iso_currency::Currency::from_code(self.code())
            .and_then(iso_currency::Currency::exponent)
            .map_or(2, u32::from)
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    /// Reads an upper-case ISO 4217 code that is in use; `usd`, `US$`, `XXX` and `BTC` are refused.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let refused = || MoneyError::Currency(text.chars().take(12).collect());
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| refused())?;
        let listed = iso_currency::Currency::from_code(text).ok_or_else(refused)?;
        if listed.is_special() { Err(refused()) } else { Ok(Self(code)) }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// An exact amount: `minor` units of `currency` (cents for USD, yen for JPY).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Money {
    /// Whole minor units; negative for reductions.
    pub minor: i64,
    /// The currency of the amount.
    pub currency: Currency,
}

/// Why an amount could not be made or added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MoneyError {
    /// The text is not an ISO 4217 code in use.
    Currency(String),
    /// Two amounts of different currencies were added.
    Mixed(Currency, Currency),
    /// The amount does not fit 64-bit minor units.
    Overflow,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Currency(text) => {
                write!(f, "`{text}` is not a currency code of ISO 4217, such as `USD`")
            }
            Self::Mixed(a, b) => write!(f, "amounts in {a} and {b} cannot be added"),
            Self::Overflow => write!(f, "the amount is larger than 64-bit minor units hold"),
        }
    }
}

impl std::error::Error for MoneyError {}

impl Money {
    /// Makes an amount from whole minor units.
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// No money, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Rounds a decimal amount in major units to the minor unit, half to even.
    pub fn from_decimal(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let minor = rounded(1, amount.mantissa(), currency.digits(), amount.scale());
        Ok(Self { minor: minor.ok_or(MoneyError::Overflow)?, currency })
    }

    /// Returns the amount in major units, exact.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.minor, self.currency.digits())
    }

    /// Adds two amounts of one currency.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// Subtracts an amount of the same currency.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        let minor = other.minor.checked_neg().ok_or(MoneyError::Overflow)?;
        self.checked_add(Self { minor, ..other })
    }

    /// Converts with a rate in units of `to` for one unit of this currency, rounding once.
    pub fn convert(self, rate: Decimal, to: Currency) -> Result<Self, MoneyError> {
        let scale = rate.scale().saturating_add(self.currency.digits());
        let minor = rounded(self.minor, rate.mantissa(), to.digits(), scale);
        Ok(Self { minor: minor.ok_or(MoneyError::Overflow)?, currency: to })
    }

    /// Returns the code of the currency.
    pub fn currency_code(&self) -> &str {
        self.currency.code()
    }

    /// Returns the amount as a plain decimal string with all minor digits: `1234.50`, `-0.07`,
    /// `1000`.
    pub fn amount_text(self) -> String {
        self.to_decimal().to_string()
    }
}

/// Returns `minor · factor · 10^tens / 10^scale`, rounded once, half to even; nothing where it does
/// not fit. A product of decimals would be cut to 28 digits first, and so be rounded twice.
fn rounded(minor: i64, factor: i128, tens: u32, scale: u32) -> Option<i64> {
    /// Where a factor is split in two, so that each half times the minor units fits.
    const HALF: u32 = 14;
    let minor = i128::from(minor);
    let Some(down) = scale.checked_sub(tens).filter(|down| *down > 0) else {
        let up = 10_i128.checked_pow(tens.checked_sub(scale)?)?;
        return i64::try_from(minor.checked_mul(factor)?.checked_mul(up)?).ok();
    };
    let by = 10_i128.checked_pow(down)?;
    let (whole, rest) = if let Some(product) = minor.checked_mul(factor) {
        (product.checked_div_euclid(by)?, product.checked_rem_euclid(by)?)
    } else {
        let half = 10_i128.checked_pow(HALF)?;
        let small = 10_i128.checked_pow(down.checked_sub(HALF)?)?;
        let high = minor.checked_mul(factor.checked_div_euclid(half)?)?;
        let low = minor.checked_mul(factor.checked_rem_euclid(half)?)?;
        let low = high.checked_rem_euclid(small)?.checked_mul(half)?.checked_add(low)?;
        let whole = high.checked_div_euclid(small)?.checked_add(low.checked_div_euclid(by)?)?;
        (whole, low.checked_rem_euclid(by)?)
    };
    let up = match rest.cmp(&by.checked_sub(rest)?) {
        Ordering::Less => 0,
        Ordering::Equal => whole.checked_rem_euclid(2)?,
        Ordering::Greater => 1,
    };
    i64::try_from(whole.checked_add(up)?).ok()
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount_text(), self.currency)
    }
}

impl Serialize for Money {
    /// Serializes as `{"amount": "1234.50", "currency": "USD"}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("Money", 2)?;
        out.serialize_field("amount", &self.amount_text())?;
        out.serialize_field("currency", &self.currency)?;
        out.end()
    }
}

/// An honest total over several currencies: one amount for each, in code order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct MixedMoney(BTreeMap<Currency, i64>);

impl MixedMoney {
    /// Adds one amount to the total of its currency.
    pub fn add(&mut self, money: Money) -> Result<(), MoneyError> {
        let total = self.0.entry(money.currency).or_default();
        *total = total.checked_add(money.minor).ok_or(MoneyError::Overflow)?;
        Ok(())
    }

    /// Returns the amounts in order of their currency code; currencies that sum to zero stay.
    pub fn amounts(&self) -> impl Iterator<Item = Money> {
        self.0.iter().map(|(&currency, &minor)| Money { minor, currency })
    }

    /// True where nothing was added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(text: &str, currency: &str) -> Money {
        Money::from_decimal(text.parse().unwrap(), currency.parse().unwrap()).unwrap()
    }

    #[test]
    fn rounding_is_half_to_even_at_the_minor_unit_of_the_currency() {
        for (text, currency, minor) in [
            ("1.005", "USD", 100),
            ("1.015", "USD", 102),
            ("-1.005", "USD", -100),
            ("1000.50", "JPY", 1000),
            ("1001.50", "JPY", 1002),
            ("1.2345", "KWD", 1234),
        ] {
            assert_eq!(money(text, currency).minor, minor, "{text} {currency}");
        }
    }

    #[test]
    fn only_currencies_in_use_are_read() {
        for text in ["US$", "usd ", "usd", "XXX", "BTC", "", "EURO"] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
        assert_eq!("EUR".parse::<Currency>().unwrap().code(), "EUR");
    }

    #[test]
    fn two_currencies_do_not_add_and_overflow_is_an_error() {
        let usd = Money::from_minor(1, Currency::USD);
        assert!(matches!(usd.checked_add(money("1", "EUR")), Err(MoneyError::Mixed(..))));
        let most = Money::from_minor(i64::MAX, Currency::USD);
        assert_eq!(most.checked_add(usd), Err(MoneyError::Overflow));
    }

    #[test]
    fn conversion_rounds_once() {
        let eur = money("100.01", "EUR");
        assert_eq!(eur.convert("1.08".parse().unwrap(), Currency::USD), Ok(money("108.01", "USD")));
    }

    #[test]
    fn long_numbers_are_rounded_once_too() {
        // A product of decimals has 28 digits: these would become 1.515 and half a unit before.
        assert_eq!(money("1.5149999999999999999999999999", "USD").minor, 151);
        for (minor, rate, expected) in [
            (
                9_000_000_000_000_000_005,
                "0.5000000000000000000000000001",
                4_500_000_000_000_000_003,
            ),
            (
                -9_000_000_000_000_000_005,
                "0.5000000000000000000000000001",
                -4_500_000_000_000_000_003,
            ),
            (i64::MAX, "0.9999999999999999999999999999", i64::MAX),
            (1_000_000_000_000_000_001, "0.5000000000000000000000000000", 500_000_000_000_000_000),
            (1_000_000_000_000_000_003, "0.5000000000000000000000000000", 500_000_000_000_000_002),
        ] {
            let found = Money::from_minor(minor, Currency::USD)
                .convert(rate.parse().unwrap(), Currency::USD);
            assert_eq!(found, Ok(Money::from_minor(expected, Currency::USD)), "{minor} at {rate}");
        }
        let most = Money::from_minor(i64::MAX, Currency::USD);
        assert_eq!(most.convert(Decimal::MAX, Currency::USD), Err(MoneyError::Overflow));
    }

    proptest! {
        #[test]
        fn the_text_of_an_amount_reads_back_as_the_same_amount(minor in any::<i64>()) {
            for currency in ["USD", "JPY", "KWD"] {
                let currency = currency.parse().unwrap();
                let before = Money::from_minor(minor, currency);
                let text: Decimal = before.amount_text().parse().unwrap();
                prop_assert_eq!(Money::from_decimal(text, currency), Ok(before));
            }
        }
    }
}
