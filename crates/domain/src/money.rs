//! Money: whole minor units of one currency, and sums over several.
//!
//! Amounts are exact. Adding two currencies is an error, a total over several is a [`MixedMoney`].
//! Rounding happens once, where a decimal amount or a converted amount becomes [`Money`]: half to
//! even, to the minor unit of the currency (ISO 4217: 2 digits for USD, 0 for JPY, 3 for KWD). A
//! rate that is quoted the other way round divides: its inverse has no end in decimals.

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use num_bigint::BigUint;
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
        let tens = i64::from(currency.digits()).saturating_sub(amount.scale().into());
        let minor = rounded(&[amount.mantissa()], &[], tens);
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
    pub fn convert(self, rate: Rate, to: Currency) -> Result<Self, MoneyError> {
        let digits = |of: &[Decimal]| of.iter().map(|part| i64::from(part.scale())).sum::<i64>();
        let tens = i64::from(to.digits())
            .saturating_sub(self.currency.digits().into())
            .saturating_add(digits(&rate.over))
            .saturating_sub(digits(&rate.times));
        let [first, second] = rate.times.map(|part| part.mantissa());
        let over = rate.over.map(|part| part.mantissa());
        let minor = rounded(&[self.minor.into(), first, second], &over, tens);
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

/// An exchange rate: units of one currency for one of another, as it was quoted, so exact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    times: [Decimal; 2],
    over: [Decimal; 2],
}

impl Rate {
    /// The rate of a currency to itself.
    pub const ONE: Self =
        Self { times: [Decimal::ONE, Decimal::ONE], over: [Decimal::ONE, Decimal::ONE] };

    /// A rate quoted this way round; nothing where it is not above zero.
    pub fn quoted(rate: Decimal) -> Option<Self> {
        let times = [rate, Decimal::ONE];
        (rate > Decimal::ZERO).then_some(Self { times, ..Self::ONE })
    }

    /// A rate quoted the other way round; nothing where it is not above zero.
    pub fn inverse(rate: Decimal) -> Option<Self> {
        let over = [rate, Decimal::ONE];
        (rate > Decimal::ZERO).then_some(Self { over, ..Self::ONE })
    }

    /// The rate of two steps; nothing where one of them is of two steps already.
    pub fn then(self, next: Self) -> Option<Self> {
        let one = |of: [Decimal; 2]| if of[1] == Decimal::ONE { Some(of[0]) } else { None };
        let times = [one(self.times)?, one(next.times)?];
        Some(Self { times, over: [one(self.over)?, one(next.over)?] })
    }
}

/// Returns `∏ times / ∏ over · 10^tens`, rounded once, half to even; nothing where it does not fit
/// or something is divided by zero. A product of decimals would be cut to 28 digits first, and so
/// be rounded twice.
fn rounded(times: &[i128], over: &[i128], tens: i64) -> Option<i64> {
    let power = |wanted: bool| {
        let tens = u32::try_from(tens.unsigned_abs()).ok().filter(|_| wanted);
        10_i128.checked_pow(tens.unwrap_or(0))
    };
    let product = |parts: &[i128], power: Option<i128>| {
        parts.iter().try_fold(power?, |product, part| product.checked_mul(*part))
    };
    let (Some(above), Some(below)) =
        (product(times, power(tens > 0)), product(over, power(tens < 0)))
    else {
        return rounded_long(times, over, tens);
    };
    let (whole, rest) = (above.checked_div_euclid(below)?, above.checked_rem_euclid(below)?);
    let up = match rest.cmp(&below.checked_sub(rest)?) {
        Ordering::Less => 0,
        Ordering::Equal => whole.checked_rem_euclid(2)?,
        Ordering::Greater => 1,
    };
    i64::try_from(whole.checked_add(up)?).ok()
}

/// As [`rounded`], for products of more than 38 digits; nothing is divided by less than zero.
#[expect(clippy::arithmetic_side_effects, reason = "long numbers have no bounds")]
fn rounded_long(times: &[i128], over: &[i128], tens: i64) -> Option<i64> {
    let product = |parts: &[i128], wanted: bool| {
        let tens = u32::try_from(tens.unsigned_abs()).ok()?;
        let power = BigUint::from(10_u8).pow(if wanted { tens } else { 0 });
        Some(parts.iter().fold(power, |product, part| product * part.unsigned_abs()))
    };
    let (above, below) = (product(times, tens > 0)?, product(over, tens < 0)?);
    if below == BigUint::ZERO {
        return None;
    }
    let (whole, rest) = (&above / &below, &above % &below);
    let up = match (&rest + &rest).cmp(&below) {
        Ordering::Less => false,
        Ordering::Equal => whole.bit(0),
        Ordering::Greater => true,
    };
    // Half to even is the same on both sides of zero.
    let size = i128::try_from(whole + u8::from(up)).ok()?;
    let negative = times.iter().filter(|part| part.is_negative()).count() % 2 == 1;
    i64::try_from(if negative { size.checked_neg()? } else { size }).ok()
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

    fn quoted(rate: &str) -> Rate {
        Rate::quoted(rate.parse().unwrap()).unwrap()
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
        assert_eq!(eur.convert(quoted("1.08"), Currency::USD), Ok(money("108.01", "USD")));
    }

    #[test]
    fn a_rate_that_is_quoted_the_other_way_round_divides() {
        // 6894 / 144 is 47.875 exactly; times 0.0069444 cut somewhere it is a little less.
        let rate = Rate::inverse("144.000000".parse().unwrap()).unwrap();
        assert_eq!(money("6894", "JPY").convert(rate, Currency::USD), Ok(money("47.88", "USD")));
        // Yen to euro by way of the dollar: 6894 / 144 · 0.9.
        let through = rate.then(quoted("0.9")).unwrap();
        let euro = "EUR".parse().unwrap();
        assert_eq!(money("6894", "JPY").convert(through, euro), Ok(money("43.09", "EUR")));
        for none in ["0", "-1.1"] {
            assert_eq!(Rate::inverse(none.parse().unwrap()), None, "{none}");
            assert_eq!(Rate::quoted(none.parse().unwrap()), None, "{none}");
        }
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
            let found =
                Money::from_minor(minor, Currency::USD).convert(quoted(rate), Currency::USD);
            assert_eq!(found, Ok(Money::from_minor(expected, Currency::USD)), "{minor} at {rate}");
        }
        let most = Money::from_minor(i64::MAX, Currency::USD);
        let huge = Rate::quoted(Decimal::MAX).unwrap();
        assert_eq!(most.convert(huge, Currency::USD), Err(MoneyError::Overflow));
        let tiny = Rate::inverse("0.0000000000000000000000000001".parse().unwrap()).unwrap();
        assert_eq!(
            most.convert(tiny.then(tiny).unwrap(), Currency::USD),
            Err(MoneyError::Overflow)
        );
    }

    proptest! {
        #[test]
        fn the_long_way_finds_what_the_short_one_finds(
            minor in -1_000_000_000_000_i64..1_000_000_000_000,
            times in 1_i128..1_000_000_000,
            over in 1_i128..1_000_000_000,
            tens in -3_i64..4,
        ) {
            let times = [minor.into(), times];
            prop_assert_eq!(rounded(&times, &[over], tens), rounded_long(&times, &[over], tens));
        }

        #[test]
        fn what_is_converted_is_within_half_a_unit_of_the_fraction(
            minor in -1_000_000_000_i64..1_000_000_000,
            times in 1_i64..1_000_000,
            over in 1_i64..1_000_000,
        ) {
            let decimal = |number: i64| Decimal::new(number, 4);
            let rate = Rate::quoted(decimal(times)).unwrap();
            let rate = rate.then(Rate::inverse(decimal(over)).unwrap()).unwrap();
            let found = Money::from_minor(minor, Currency::USD).convert(rate, Currency::USD);
            let found = i128::from(found.unwrap().minor);
            let (exact, over) = (i128::from(minor) * i128::from(times), i128::from(over));
            prop_assert!(2 * (found * over - exact).abs() <= over);
        }

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
