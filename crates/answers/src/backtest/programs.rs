//! How right were the verdicts on programs?
//!
#![doc = include_str!("programs.md")]
//!
//! For: CMO, CFO, analysts. Grain: one row per verdict. Method: `programs::verdict` as of past
//! days.

use std::collections::BTreeMap;

use domain::answer::Entry;
use domain::{Answer, Ask, Caveat, Given, Need, Question, Value};
use jiff::ToSpan;
use jiff::civil::Date;
use stats::decision::{Rule, Verdict};

use crate::common::{self, figure, row, table};
use crate::programs::verdict::{self, Decide, Record, judged};
use crate::words;

/// The question.
pub const QUESTION: Question = Question {
    id: "programs",
    asks: "How right were the verdicts on programs?",
    readers: &["CMO", "CFO", "analyst"],
    help: include_str!("programs.md"),
};

/// Quarters back from the day of the question that are replayed, the latest first.
const BACK: std::ops::RangeInclusive<i64> = 2..=8;
const QUARTER: i64 = 91;
/// Of every second one, what was announced is followed to its day.
const FOLLOWED: i64 = 2;
/// The frame of what is true of programs, which only simulated companies have: `program_id` and
/// `gain`, the return by the law of the program.
const TRUTH: &str = "program_truth";

/// The rows of the verdicts themselves.
pub fn needs(ask: &Ask) -> Vec<Need> {
    verdict::needs(ask)
}

/// What became of the leads of a day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    Paid,
    Lost,
    Open,
}

/// A verdict of a past day.
struct Replayed {
    id: String,
    verdict: Verdict,
    /// True where it had paid back by that day.
    paid_then: bool,
    came: Came,
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let mut answer = Answer::new(&QUESTION, ask);
    let margin = ask.definitions.gross_margin.and_then(crate::programs::fraction);
    let Some((up, down)) = margin else {
        "No gross margin is defined, so no verdict can be replayed."
            .clone_into(&mut answer.headline);
        return answer;
    };
    let margin = up as f64 / down as f64;
    let rule = verdict::rule(&ask.definitions);
    let days = BACK.map(|quarters| ask.as_of.saturating_sub((quarters * QUARTER).days()));
    let replayed: Vec<Replayed> =
        days.flat_map(|then| replay(ask, given, then, margin, &rule)).collect();
    if replayed.is_empty() {
        "No deal of a program with a cost was won early enough: there is no verdict to replay."
            .clone_into(&mut answer.headline);
        return answer;
    }
    tell(&mut answer, &replayed);
    let days = BACK.filter(|quarters| quarters % FOLLOWED == 0);
    let (fell, all) = days
        .map(|quarters| {
            let then = ask.as_of.saturating_sub((quarters * QUARTER).days());
            announced(ask, given, then, margin, &rule)
        })
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    answer.figures.push(figure(
        "decided_when_announced",
        "Decided when announced",
        Entry::plain(Value::Share { of: fell, total: all }),
        "Of the programs that were too early with a day that has come since, those decided on it.",
    ));
    by_law(&mut answer, given, &replayed, &rule);
    common::caveats(&mut answer, ask, given);
    answer
}

fn replay(ask: &Ask, given: &Given, then: Date, margin: f64, rule: &Rule) -> Vec<Replayed> {
    let before = judged(&Record::of(given, then, margin), rule, ask.seed, false);
    let after = judged(&Record::cohort(given, ask.as_of, then, margin), rule, ask.seed, false);
    before
        .iter()
        .filter_map(|one| {
            let now = after.iter().find(|now| now.id == one.id)?;
            let came = if now.so_far >= 1.0 {
                Came::Paid
            } else if now.outlook.to_come <= 1.0 - rule.ripe || now.outlook.pays <= 0.001 {
                Came::Lost
            } else {
                Came::Open
            };
            let paid_then = one.so_far >= 1.0;
            Some(Replayed { id: one.id.clone(), verdict: one.verdict, paid_then, came })
        })
        .collect()
}

/// Of the days that were announced and have come: on how many the verdict fell, and how many.
fn announced(ask: &Ask, given: &Given, then: Date, margin: f64, rule: &Rule) -> (i64, i64) {
    let mut by_day: BTreeMap<Date, Vec<String>> = BTreeMap::new();
    for one in judged(&Record::of(given, then, margin), rule, ask.seed, true) {
        if let Some(Decide::In(days)) = one.decide {
            let day = then.saturating_add(verdict::whole(days).days());
            if day <= ask.as_of {
                by_day.entry(day).or_default().push(one.id);
            }
        }
    }
    let (mut fell, mut all) = (0, 0);
    for (day, ids) in by_day {
        let found = judged(&Record::of(given, day, margin), rule, ask.seed, false);
        let decided = |id: &&String| {
            found.iter().any(|one| one.id == **id && one.verdict != Verdict::TooEarly)
        };
        fell += size(ids.iter().filter(decided).count());
        all += size(ids.len());
    }
    (fell, all)
}

const COLUMNS: &[(&str, &str)] = &[
    ("verdicts", "Verdicts"),
    ("paid_back", "Paid back"),
    ("did_not", "Did not"),
    ("open", "Open"),
];

const ALL: [Verdict; 5] =
    [Verdict::Scale, Verdict::Keep, Verdict::Fix, Verdict::Stop, Verdict::TooEarly];

fn size(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn tell(answer: &mut Answer, replayed: &[Replayed]) {
    let counts = |of: &dyn Fn(&Replayed) -> bool| {
        let n = |came: Option<Came>| {
            let these = replayed.iter().filter(|one| of(one));
            size(these.filter(|one| came.is_none_or(|came| one.came == came)).count())
        };
        [n(None), n(Some(Came::Paid)), n(Some(Came::Lost)), n(Some(Came::Open))]
    };
    let entries = |counts: [i64; 4]| counts.map(|n| Entry::plain(Value::Count(n))).to_vec();
    let mut verdicts = table("verdicts", "What became of verdicts", "Verdict", COLUMNS);
    for verdict in ALL {
        let found = counts(&|one| one.verdict == verdict);
        if found != [0; 4] {
            verdicts.rows.push(row(verdict.word(), verdict.word(), entries(found)));
        }
    }
    let naive = counts(&|one| !one.paid_then);
    verdicts.rows.push(row(
        "naive_stop",
        "naive rule: stop what has not paid back",
        entries(naive),
    ));
    verdicts.rows.push(row("all", "All", entries(counts(&|_| true))));
    answer.tables.push(verdicts);

    let [_, stop_paid, stop_lost, _] = counts(&|one| one.verdict == Verdict::Stop);
    let [_, scale_paid, scale_lost, _] = counts(&|one| one.verdict == Verdict::Scale);
    let [_, naive_paid, naive_lost, _] = naive;
    let [all, ..] = counts(&|_| true);
    let [early, ..] = counts(&|one| one.verdict == Verdict::TooEarly);
    let share = |of: i64, total: i64| Entry::plain(Value::Share { of, total });
    answer.figures = vec![
        figure(
            "stop_wrong",
            "Wrong stop",
            share(stop_paid, stop_paid + stop_lost),
            "Of the programs called stop and settled since, those that paid back.",
        ),
        figure(
            "scale_wrong",
            "Wrong scale",
            share(scale_lost, scale_paid + scale_lost),
            "Of the programs called scale and settled since, those that did not pay back.",
        ),
        figure(
            "naive_stop_wrong",
            "Wrong stop of the naive rule",
            share(naive_paid, naive_paid + naive_lost),
            "Of the programs that had not paid back by a day, those that did later.",
        ),
        figure(
            "decided",
            "Decided",
            share(all - early, all),
            "Verdicts other than too early, of all that were given again.",
        ),
    ];
    let part = |of: i64, total: i64| match total {
        0 => "none was settled since".to_owned(),
        total if total < words::SMALL => format!("{of} of {total}"),
        total => words::percent(of as f64 / total as f64),
    };
    answer.headline = format!(
        "Of {} given again as of past days, {} too early. Called stop but paid back: {}; called scale \
         but did not pay back: {}. Stopping whatever had not paid back by then would have been wrong for {}.",
        words::count(all, "verdict", "verdicts"),
        if early == 1 { "1 was".to_owned() } else { format!("{} were", words::grouped(early)) },
        part(stop_paid, stop_paid + stop_lost),
        part(scale_lost, scale_paid + scale_lost),
        part(naive_paid, naive_paid + naive_lost),
    );
    answer.caveats.push(Caveat::new(
        "verdict_replay",
        "The same program counts once for each day that is replayed, so these rates vary more than their \
         number of verdicts suggests; close days are taken as they stand in the record today.",
    ));
}

/// Where the truth is known: verdicts against what the next money brings by the law of a program.
fn by_law(answer: &mut Answer, given: &Given, replayed: &[Replayed], rule: &Rule) {
    let frame = given.frame(TRUTH);
    let truths: BTreeMap<&str, f64> = frame
        .texts("program_id")
        .iter()
        .zip(frame.numbers("gain"))
        .filter_map(|(id, gain)| Some((id.as_deref()?, (*gain)?)))
        .collect();
    if truths.is_empty() {
        return;
    }
    let share = |verdict: Verdict, wrong: &dyn Fn(f64) -> bool| {
        let called = replayed.iter().filter(|one| one.verdict == verdict);
        let gains: Vec<f64> = called.filter_map(|one| truths.get(&*one.id).copied()).collect();
        let of = gains.iter().filter(|gain| wrong(**gain)).count();
        Entry::plain(Value::Share { of: size(of), total: size(gains.len()) })
    };
    answer.figures.extend([
        figure(
            "stop_wrong_by_law",
            "Wrong stop by the law of the program",
            share(Verdict::Stop, &|gain| gain >= 1.0),
            "Of the programs called stop, those whose next money comes back on average.",
        ),
        figure(
            "scale_wrong_by_law",
            "Wrong scale by the law of the program",
            share(Verdict::Scale, &|gain| gain < 1.0),
            "Of the programs called scale, those whose next money does not come back on average.",
        ),
        figure(
            "scale_under_hurdle",
            "Scale under the hurdle by the law of the program",
            share(Verdict::Scale, &|gain| gain < rule.hurdle),
            "Of the programs called scale, those whose next money returns less than the hurdle on average.",
        ),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use sample::small::company;

    #[test]
    fn replays_of_simulated_companies_beat_the_naive_rule() {
        let mut sums = [[0_i64; 2]; 8];
        for seed in 0..12 {
            let company = company(seed);
            let known = company.as_of(company.today());
            let ask = known.ask("2026Q3", 1);
            let mut given = known.given(&needs(&ask));
            given.frames.insert(TRUTH.to_owned(), company.program_truth(company.today()));
            let answer = answer(&ask, &given);
            for (sum, figure) in sums.iter_mut().zip(&answer.figures) {
                if let Value::Share { of, total } = figure.value {
                    sum[0] += of;
                    sum[1] += total;
                }
            }
            if let Some(verdicts) = answer.tables.first() {
                let value = |id: &str, at: usize| {
                    let row = verdicts.rows.iter().find(|row| row.id == id);
                    row.and_then(|row| row.entries[at].value.number()).unwrap_or(0.0)
                };
                let parts: f64 = ALL.iter().map(|verdict| value(verdict.word(), 0)).sum();
                assert!((parts - value("all", 0)).abs() < 0.5);
            }
        }
        println!(
            "stop wrong, scale wrong, naive stop wrong, decided, decided when announced, by law stop \
             wrong, scale wrong, scale under the hurdle: {sums:?}"
        );
        let rate = |[of, total]: [i64; 2]| of as f64 / total.max(1) as f64;
        assert!(sums[4][1] >= 15 && rate(sums[4]) >= 0.7, "{sums:?}");
        assert!(rate(sums[5]) <= 0.05 && rate(sums[7]) <= 0.10, "{sums:?}");
        assert!(sums[0][1] >= 20 && sums[1][1] >= 20, "{sums:?}");
        assert!(rate(sums[0]) <= 0.05 && rate(sums[1]) <= 0.10, "{sums:?}");
        assert!(rate(sums[2]) > 2.0 * rate(sums[0]), "{sums:?}");
    }

    #[test]
    fn truth_is_told_only_where_it_is_known() {
        let company = company(3);
        let ask = company.as_of(company.today()).ask("2026Q3", 1);
        let given = company.as_of(company.today()).given(&needs(&ask));
        let found = answer(&ask, &given);
        assert!(found.figures.iter().all(|figure| !figure.id.ends_with("_by_law")));
        assert!(found.figures.iter().any(|figure| figure.id == "decided_when_announced"));
    }

    #[test]
    fn without_rows_it_says_so() {
        let ask = crate::testing::ask("2026Q3");
        let answer = answer(&ask, &Given::default());
        assert!(answer.headline.contains("no verdict") || answer.headline.contains("No gross"));
    }
}
