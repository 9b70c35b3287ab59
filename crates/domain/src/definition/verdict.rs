//! The bounds of the rule by which a program is scaled, kept, mended or stopped.
//!
//! Without a section `[verdict]` the published rule holds; it is printed, and takes part in the
//! identity, where it differs.

use rust_decimal::Decimal;

/// The bounds of the verdict on a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerdictBounds {
    /// The return of the next money from which on more should go in.
    pub hurdle: Decimal,
    /// The return from which on what does not pay back is close enough to be mended.
    pub close: Decimal,
    /// The chance that counts as sure: to scale, and to keep.
    pub sure: Decimal,
    /// Stop where the chance that what was spent comes back is at most this,
    pub stop: Decimal,
    /// and the chance that the next money comes back is at most this.
    pub stop_next: Decimal,
    /// Fewer accounts than this say nothing.
    pub least_accounts: u32,
    /// Stop only where more mean wins than this are missing.
    pub lucky_wins: u32,
    /// Days within which the evidence must decide for a day to be announced.
    pub horizon_days: u32,
}

impl Default for VerdictBounds {
    fn default() -> Self {
        Self {
            hurdle: Decimal::new(15, 1),
            close: Decimal::new(75, 2),
            sure: Decimal::new(9, 1),
            stop: Decimal::new(2, 2),
            stop_next: Decimal::new(5, 2),
            least_accounts: 10,
            lucky_wins: 3,
            horizon_days: 730,
        }
    }
}

/// A bound that is a decimal: its key and the least and most that it may be.
pub(super) type Bound = (&'static str, Decimal, Decimal);

/// Keys that hold a decimal, in the order of [`VerdictBounds::decimals`].
pub(super) const DECIMALS: [Bound; 5] = [
    ("hurdle", Decimal::ONE, Decimal::ONE_HUNDRED),
    ("close", Decimal::ZERO, Decimal::ONE),
    ("sure", Decimal::from_parts(5, 0, 0, false, 1), Decimal::from_parts(999, 0, 0, false, 3)),
    ("stop", Decimal::from_parts(1, 0, 0, false, 3), Decimal::from_parts(4, 0, 0, false, 1)),
    ("stop_next", Decimal::from_parts(1, 0, 0, false, 3), Decimal::from_parts(4, 0, 0, false, 1)),
];

/// Keys that hold a whole number with the least and most that it may be, in the order of
/// [`VerdictBounds::numbers`].
pub(super) const NUMBERS: [(&str, u32, u32); 3] =
    [("least_accounts", 1, 1000), ("lucky_wins", 1, 100), ("horizon_days", 30, 1460)];

impl VerdictBounds {
    /// The decimals, in the order of their keys.
    pub(super) fn decimals(&mut self) -> [&mut Decimal; 5] {
        let Self { hurdle, close, sure, stop, stop_next, .. } = self;
        [hurdle, close, sure, stop, stop_next]
    }

    /// The whole numbers, in the order of their keys.
    pub(super) fn numbers(&mut self) -> [&mut u32; 3] {
        let Self { least_accounts, lucky_wins, horizon_days, .. } = self;
        [least_accounts, lucky_wins, horizon_days]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Definitions, parse};
    use super::*;

    fn read(text: &str) -> (Definitions, Vec<String>) {
        let (definitions, faults) = parse::read(&[("x.toml", text)]);
        let said = |fault: &crate::Diagnostic| {
            format!("{} | {}", fault.message, fault.hint.as_deref().unwrap_or(""))
        };
        (definitions, faults.iter().map(said).collect())
    }

    #[test]
    fn without_a_section_the_published_rule_holds_and_it_changes_no_identity() {
        let (none, _) = read("");
        assert_eq!(none.verdict, VerdictBounds::default());
        let (same, faults) = read("[verdict]\nhurdle = \"1.50\"\nleast_accounts = 10\n");
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!((none.identity(), none.print()), (same.identity(), same.print()));
    }

    #[test]
    fn a_bound_is_read_printed_and_part_of_the_identity() {
        let text = "[verdict]\nhurdle = 2\nsure = \"0.80\"\nstop = 0.01\nhorizon_days = 365\n";
        let (found, faults) = read(text);
        assert!(faults.is_empty(), "{faults:?}");
        let expected = VerdictBounds {
            hurdle: Decimal::TWO,
            sure: Decimal::new(8, 1),
            stop: Decimal::new(1, 2),
            horizon_days: 365,
            ..VerdictBounds::default()
        };
        assert_eq!(found.verdict, expected);
        assert_ne!(found.identity(), read("").0.identity());
        let (again, _) = read(&found.print());
        assert_eq!((again.verdict, again.identity()), (expected, found.identity()));
    }

    #[test]
    fn a_bound_out_of_reach_is_told_with_what_is_expected() {
        let table = [
            ("[verdict]\nhurdle = \"0.9\"\n", "`hurdle` is 0.9, expected from 1 to 100"),
            ("[verdict]\nsure = 90\n", "`sure` is 90, expected from 0.5 to 0.999"),
            ("[verdict]\nleast_accounts = 0\n", "expected a whole number from 1 to 1000"),
            ("[verdict]\nhurdel = 2\n", "Did you mean `hurdle`?"),
        ];
        for (text, expected) in table {
            let (found, faults) = read(text);
            assert_eq!(found.verdict, VerdictBounds::default(), "{text}");
            assert!(faults.iter().any(|fault| fault.contains(expected)), "{text}\n{faults:#?}");
        }
    }
}
