//! Rates of many groups side by side: drawn towards each other, and which stand out from the rest.
//!
//! Drawn: beta-binomial posterior of all groups together ([`stats::shrinkage`]). Standing out:
//! Fisher's exact test of each group against all others, adjusted over all comparisons that are
//! shown together (Benjamini and Hochberg 1995).

use domain::answer::{Entry, Interval};
use domain::{Caveat, Value};
use stats::multiple::{self, Method};
use stats::shrinkage::{self, Group};
use stats::two_rates::{self, Trials};

use crate::chance::LEVEL;
use crate::words;

/// Cases below which a group is not compared.
const FEW: u64 = words::SMALL as u64;
/// Share of false ones among groups that are said to stand out.
const FALSE: f64 = 0.05;

/// A group and how its rate compares with that of all others.
pub(crate) struct Outlier {
    /// What the group is and what was counted of it, as in "Ann: more go on from A to B".
    pub(crate) told: String,
    pub(crate) rate: f64,
    pub(crate) others: f64,
    /// Chance of such a difference, were the group like the others.
    p: f64,
}

/// Returns the rates of groups in a hundred, drawn towards each other; `unknown` says why there is
/// none.
pub(crate) fn drawn(counts: &[Group], unknown: &str) -> Vec<Entry> {
    let rates = shrinkage::rates(counts, LEVEL);
    let entry = |at: usize| {
        let one = rates.as_ref().and_then(|rates| rates.groups.get(at));
        one.map_or_else(
            || Entry::plain(Value::None(unknown.to_owned())),
            |one| {
                let (low, high) = (one.low.min(one.mean), one.high.max(one.mean));
                hundred(one.mean, low, high, "beta-binomial posterior")
            },
        )
    };
    (0..counts.len()).map(entry).collect()
}

/// A rate in a hundred with its interval.
pub(crate) fn hundred(point: f64, low: f64, high: f64, method: &'static str) -> Entry {
    let interval = Interval { low: 100.0 * low, high: 100.0 * high, level: LEVEL, method };
    Entry { interval: Some(interval), ..Entry::plain(Value::Number(100.0 * point)) }
}

/// Compares each group with all others together, where both sides are enough; `told` gets the place
/// of the group and whether its rate is higher.
pub(crate) fn compared(counts: &[Group], told: impl Fn(usize, bool) -> String) -> Vec<Outlier> {
    let total = counts.iter().fold((0, 0), |(k, n), group| (k + group.k, n + group.n));
    let one = |(at, group): (usize, &Group)| {
        let rest = Trials { k: total.0 - group.k, n: total.1 - group.n };
        if group.n < FEW || rest.n < FEW {
            return None;
        }
        let p = two_rates::fisher(Trials { k: group.k, n: group.n }, rest)?;
        let rate = |k: u64, n: u64| k as f64 / n as f64;
        let (rate, others) = (rate(group.k, group.n), rate(rest.k, rest.n));
        Some(Outlier { told: told(at, rate > others), rate, others, p })
    };
    counts.iter().enumerate().filter_map(one).collect()
}

/// Keeps what is beyond chance also after so many comparisons, the surest first.
pub(crate) fn beyond_chance(compared: Vec<Outlier>) -> Vec<Outlier> {
    let p: Vec<f64> = compared.iter().map(|one| one.p).collect();
    let Some(adjusted) = multiple::adjusted(&p, Method::BenjaminiHochberg) else {
        return Vec::new();
    };
    let pairs = compared.into_iter().zip(adjusted).filter(|(_, p)| *p <= FALSE);
    let mut found: Vec<Outlier> = pairs.map(|(one, _)| one).collect();
    found.sort_by(|a, b| a.p.total_cmp(&b.p));
    found
}

/// Says which groups stand out.
pub(crate) fn standing_out(outliers: &[Outlier]) -> Option<Caveat> {
    let one = |outlier: &Outlier| {
        format!(
            "{} ({} against {} of the others)",
            outlier.told,
            words::percent(outlier.rate),
            words::percent(outlier.others)
        )
    };
    let said: Vec<String> = outliers.iter().take(3).map(one).collect();
    let more = outliers.len().saturating_sub(said.len());
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    (!said.is_empty()).then(|| {
        let text =
            format!("Beyond chance, also after so many comparisons: {}{rest}.", said.join("; "));
        Caveat::new("stands_out", text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(counts: &[(u64, u64)]) -> Vec<String> {
        let counts: Vec<Group> = counts.iter().map(|&(k, n)| Group { k, n }).collect();
        let told = |at: usize, more: bool| format!("{at}{}", if more { '+' } else { '-' });
        beyond_chance(compared(&counts, told)).into_iter().map(|one| one.told).collect()
    }

    #[test]
    fn one_of_many_must_be_further_off_than_one_of_few() {
        // Alone against the rest, 14 of 40 against a fifth is beyond chance at 5%.
        assert_eq!(found(&[(14, 40), (80, 400)]), ["0+", "1-"]);
        // Among twenty such groups it is not.
        let mut many = vec![(14, 40)];
        many.extend(vec![(8, 40); 19]);
        assert!(found(&many).is_empty());
        // What is far off still stands out, and few cases never do.
        many.extend([(30, 40), (5, 5)]);
        assert_eq!(found(&many), ["20+"]);
        assert!(found(&[]).is_empty() && found(&[(3, 30)]).is_empty());
    }

    #[test]
    fn few_cases_are_drawn_further() {
        let counts = [(5, 5), (50, 100), (40, 100)].map(|(k, n)| Group { k, n });
        let entries = drawn(&counts, "none");
        let rate = |at: usize| entries[at].value.number().unwrap();
        assert!(rate(0) < 90.0 && (rate(1) - 50.0).abs() < 6.0, "{} {}", rate(0), rate(1));
        for entry in &entries {
            let interval = entry.interval.as_ref().unwrap();
            let point = entry.value.number().unwrap();
            assert!(interval.low <= point && point <= interval.high);
        }
        assert!(drawn(&[Group { k: 0, n: 0 }], "none")[0].interval.is_none());
    }
}
