//! What a reader should know about the facts before believing a figure, counted during the build.

use std::collections::BTreeMap;

use domain::frame::Test;
use domain::{Caveat, Cell, Filter, Rows};
use serde::{Deserialize, Serialize};

use super::touches::TouchCounts;

/// How much a build holds.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct BuildSummary {
    /// Accounts after merges.
    pub accounts: u64,
    /// People after merges and conversions.
    pub people: u64,
    /// Programs with a record of their own.
    pub programs: u64,
    /// Touches, by what became of them.
    pub touches: TouchCounts,
    /// Deals.
    pub deals: u64,
    /// Deals with at least one touch before their creation.
    pub journeys: u64,
    /// Accounts with touches and no deal.
    pub null_paths: u64,
    /// Pairs of a deal and a touch of its journey.
    pub hops: u64,
}

/// A number of rows and their amounts by currency, as text: `12,000.00 USD and 3.00 SEK`.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Pile {
    pub(crate) n: u64,
    pub(crate) amounts: String,
}

/// What was noticed during a build.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Notes {
    pub(crate) not_converted: Pile,
    pub(crate) amount_unknown: u64,
    pub(crate) amount_refused: u64,
    pub(crate) currency_assumed: Pile,
    pub(crate) stages_undefined: Vec<(String, Pile)>,
    pub(crate) closes_later: Pile,
    pub(crate) closed_without_day: Pile,
    pub(crate) no_account: Pile,
    pub(crate) account_not_found: Pile,
    pub(crate) lead_sources_unmapped: Vec<(String, u64)>,
    pub(crate) spend_not_converted: Pile,
    pub(crate) spend_currency_assumed: u64,
    pub(crate) spend_left_out: Pile,
    pub(crate) account_cycles: u64,
    pub(crate) person_cycles: u64,
    pub(crate) future: Vec<(String, u64)>,
    /// True where the same facts may say something else on a later day.
    pub(crate) changes_later: bool,
    /// Deals that may stand twice, with their money, and the deals themselves while they are few.
    pub(crate) alike: Pile,
    pub(crate) alike_ids: Vec<String>,
}

fn count(n: u64, one: &str, many: &str) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if n == 1 { one } else { many })
}

fn deals(n: u64) -> String {
    count(n, "deal", "deals")
}

fn worth(pile: &Pile) -> String {
    if pile.amounts.is_empty() { String::new() } else { format!(" ({})", pile.amounts) }
}

fn texts(values: impl Iterator<Item = String>) -> Test {
    Test::In(values.map(|value| Cell::Text(value.into())).collect())
}

fn is(column: &str, test: Test) -> Filter {
    Filter { column: column.to_owned(), test }
}

/// Says what was noticed, the gravest first.
pub(crate) fn caveats(notes: &Notes, touches: &TouchCounts) -> Vec<Caveat> {
    let mut said = Vec::new();
    of_deals(notes, &mut said);
    of_touches(touches, &mut said);
    of_spend(notes, &mut said);
    for (n, what) in [(notes.account_cycles, "accounts"), (notes.person_cycles, "people")] {
        if n > 0 {
            let text = format!("{n} {what} are merged in a circle and stay apart.");
            said.push(Caveat::new("merge-circle", text));
        }
    }
    if !notes.future.is_empty() {
        let parts: Vec<String> =
            notes.future.iter().map(|(table, n)| format!("{n} of {table}")).collect();
        let text = format!("Facts after the as-of day are left out: {}.", parts.join(", "));
        said.push(Caveat::new("future", text));
    }
    said
}

fn of_deals(notes: &Notes, said: &mut Vec<Caveat>) {
    let rows = || Rows::of("opportunities");
    let mut say = |code, text: String, rows| said.push(Caveat::new(code, text).rows(rows));
    let pile = &notes.not_converted;
    if pile.n > 0 {
        let (n, money) = (deals(pile.n), &pile.amounts);
        let text = format!("{n} not converted for want of a rate: {money}.");
        let rows = rows().only(Filter::missing("amount")).only(Filter::present("amount_native"));
        say("deals-not-converted", text, rows);
    }
    if notes.amount_unknown > 0 {
        let text = format!("{} without an amount; they add nothing.", deals(notes.amount_unknown));
        say("deals-amount-unknown", text, rows().only(Filter::missing("amount_native")));
    }
    if notes.amount_refused > 0 {
        let n = deals(notes.amount_refused);
        let text = format!("{n} with an amount or currency that cannot be held.");
        say("deals-amount-refused", text, rows().only(Filter::missing("amount_native")));
    }
    if notes.currency_assumed.n > 0 {
        let pile = &notes.currency_assumed;
        let text = format!(
            "{} without a currency{}; the reporting currency is assumed.",
            deals(pile.n),
            worth(pile)
        );
        said.push(Caveat::new("deals-currency-assumed", text));
    }
    let mut say = |code, text: String, rows| said.push(Caveat::new(code, text).rows(rows));
    if !notes.stages_undefined.is_empty() {
        let parts: Vec<String> = notes
            .stages_undefined
            .iter()
            .map(|(stage, pile)| format!("`{stage}`: {}{}", deals(pile.n), worth(pile)))
            .collect();
        let text = format!(
            "Stages that are not defined, so that the flags of the source decide: {}.",
            parts.join("; ")
        );
        let stages = texts(notes.stages_undefined.iter().map(|(stage, _)| stage.clone()));
        say("stages-undefined", text, rows().only(is("stage", stages)));
    }
    if notes.closes_later.n > 0 {
        let pile = &notes.closes_later;
        let text = format!(
            "{}{} closed after the as-of day count as open, without a stage.",
            deals(pile.n),
            worth(pile)
        );
        say("deals-close-later", text, rows().only(Filter::missing("stage")));
    }
    if notes.closed_without_day.n > 0 {
        let pile = &notes.closed_without_day;
        let text =
            format!("{}{} closed without a day; no period has them.", deals(pile.n), worth(pile));
        let closed = Filter::present("won");
        let rows = rows().only(closed).only(Filter::missing("closed_on"));
        say("deals-without-close-day", text, rows);
    }
    if notes.no_account.n > 0 {
        let pile = &notes.no_account;
        let text = format!("{}{} without an account.", deals(pile.n), worth(pile));
        say("deals-without-account", text, rows().only(Filter::missing("account_id")));
    }
    if notes.account_not_found.n > 0 {
        let pile = &notes.account_not_found;
        let text = format!("{}{} of accounts that were not loaded.", deals(pile.n), worth(pile));
        let rows =
            rows().only(Filter::present("account_id")).only(Filter::is("segment", "unknown"));
        say("deals-account-not-found", text, rows);
    }
    if notes.alike.n > 0 {
        let pile = &notes.alike;
        let text = format!(
            "{}{} may stand twice: same account, same amount, closing within a week of another. All \
             of them count until the source says otherwise.",
            deals(pile.n),
            worth(pile)
        );
        let ids = texts(notes.alike_ids.iter().cloned());
        if notes.alike_ids.is_empty() {
            said.push(Caveat::new("deals-alike", text));
        } else {
            said.push(Caveat::new("deals-alike", text).rows(rows().only(is("id", ids))));
        }
    }
    let mut say = |code, text: String, rows| said.push(Caveat::new(code, text).rows(rows));
    if !notes.lead_sources_unmapped.is_empty() {
        // Spellings that differ in case and blanks are one value; the rows have each as it stands.
        let mut values: BTreeMap<String, (&str, u64)> = BTreeMap::new();
        for (value, n) in &notes.lead_sources_unmapped {
            values.entry(value.trim().to_lowercase()).or_insert((value.trim(), 0)).1 += n;
        }
        let parts: Vec<String> =
            values.values().map(|(value, n)| format!("`{value}` ({n})")).collect();
        let text = format!("Lead sources that fit no channel rule: {}.", parts.join(", "));
        let values = texts(notes.lead_sources_unmapped.iter().map(|(value, _)| value.clone()));
        say("lead-sources-unmapped", text, rows().only(is("lead_source", values)));
    }
}

fn of_touches(touches: &TouchCounts, said: &mut Vec<Caveat>) {
    let rows = || Rows::of("touches");
    let mut say = |code, text: String, rows| said.push(Caveat::new(code, text).rows(rows));
    let n = |n| count(n, "touch", "touches");
    if touches.invalid > 0 {
        let text = format!("{} set apart as invalid.", n(touches.invalid));
        say("touches-invalid", text, rows().only(Filter::flag("invalid", true)));
    }
    if touches.sends > 0 {
        let text = format!("{} set apart as mere sends.", n(touches.sends));
        let rows = rows()
            .only(Filter::flag("responded", false))
            .only(is("invalid", Test::Is(Cell::Boolean(false))));
        say("touches-sends", text, rows);
    }
    let no_account = touches.unknown_person + touches.nobody;
    if no_account > 0 {
        let text = format!(
            "{} belong to no known account ({} name a person who is not known).",
            n(no_account),
            touches.unknown_person
        );
        let rows = rows().only(Filter::missing("account_id")).only(Filter::flag("counted", true));
        say("touches-without-account", text, rows);
    }
    if touches.unmapped > 0 {
        let text = format!("{} fit no channel rule.", n(touches.unmapped));
        let rows =
            rows().only(Filter::is("channel", "unknown")).only(Filter::flag("counted", true));
        say("touches-unmapped", text, rows);
    }
}

fn of_spend(notes: &Notes, said: &mut Vec<Caveat>) {
    let n = |n| count(n, "row of spend", "rows of spend");
    let pile = &notes.spend_not_converted;
    if pile.n > 0 {
        let text = format!("{} not converted for want of a rate: {}.", n(pile.n), pile.amounts);
        let rows = Rows::of("spend").only(Filter::missing("amount"));
        said.push(Caveat::new("spend-not-converted", text).rows(rows));
    }
    if notes.spend_currency_assumed > 0 {
        let n = count(notes.spend_currency_assumed, "campaign cost", "campaign costs");
        let text = format!("{n} without a currency; the reporting currency is assumed.");
        said.push(Caveat::new("spend-currency-assumed", text));
    }
    let pile = &notes.spend_left_out;
    if pile.n > 0 {
        let text = format!(
            "{}{} typed in at campaigns is left out, since an ad platform delivers the same money.",
            n(pile.n),
            worth(pile)
        );
        said.push(Caveat::new("spend-left-out", text).rows(Rows::of("spend_left_out")));
    }
}
