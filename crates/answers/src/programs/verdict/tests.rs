//! Verdicts on simulated companies, whose truth is known.

use sample::small::{Company, company};

use super::*;

const MARGIN: f64 = 0.8;

fn asked(company: &Company, on: Date) -> (Ask, Given) {
    let known = company.as_of(on);
    let ask = known.ask("2026Q3", 7);
    let given = known.given(&needs(&ask));
    (ask, given)
}

/// Counts of right and wrong verdicts.
#[derive(Default, Debug)]
struct Score {
    n: u32,
    by: BTreeMap<&'static str, u32>,
    stop_wrong: u32,
    scale_missed: u32,
    scale_wrong: u32,
    /// The same by the law of the program: its luck taken out.
    stop_wrong_by_law: u32,
    scale_wrong_by_law: u32,
    scale_missed_by_law: u32,
    keep_wrong: u32,
    inside: u32,
    ranged: u32,
    announced: u32,
    decided: u32,
    decided_cohort: u32,
    /// What the naive rule (return so far above one?) would stop, and how many of these pay back.
    naive_stops: u32,
    naive_wrong: u32,
}

fn scored(seeds: std::ops::Range<u64>) -> Score {
    let mut score = Score::default();
    let rule = Rule::default();
    for seed in seeds {
        let company = company(seed);
        let today = company.today();
        let (ask, given) = asked(&company, today);
        let found = judged(&Record::of(&given, today, MARGIN), &rule, ask.seed, true);
        let truths = company.programs(today);
        for one in &found {
            // What works differently from some day on has no one law.
            let law = truths.iter().find(|truth| truth.id == one.id && truth.changed_on.is_none());
            let law = law.map(|truth| truth.gain);
            let truth = company.realized(&one.id, today);
            let gain = MARGIN * truth.won.minor as f64 / truth.cost.minor.max(1) as f64;
            score.n += 1;
            *score.by.entry(one.verdict.word()).or_default() += 1;
            match one.verdict {
                Verdict::Stop => {
                    score.stop_wrong += u32::from(gain >= 1.0);
                    score.stop_wrong_by_law += u32::from(law.is_some_and(|law| law >= 1.0));
                }
                Verdict::Scale => {
                    score.scale_wrong += u32::from(gain < 1.0);
                    score.scale_missed += u32::from(gain < rule.hurdle);
                    score.scale_wrong_by_law += u32::from(law.is_some_and(|law| law < 1.0));
                    score.scale_missed_by_law +=
                        u32::from(law.is_some_and(|law| law < rule.hurdle));
                }
                Verdict::Keep => score.keep_wrong += u32::from(gain < 1.0),
                _ => {}
            }
            if one.n_leads >= 10 {
                score.ranged += 1;
                let near = 1e-6;
                let inside = one.range.0 - near <= gain && gain <= one.range.1 + near;
                score.inside += u32::from(inside);
                if one.so_far < 1.0 {
                    score.naive_stops += 1;
                    score.naive_wrong += u32::from(gain >= 1.0);
                }
            }
        }
        // On each announced day the company is asked again.
        let mut announced: BTreeMap<Date, Vec<&str>> = BTreeMap::new();
        for one in &found {
            let Some(Decide::In(days)) = one.decide else { continue };
            let then = today.saturating_add(whole(days).days());
            if then <= company.ends() {
                announced.entry(then).or_default().push(&one.id);
            }
        }
        for (then, ids) in announced {
            let (ask, given) = asked(&company, then);
            let decided = |record: &Record<'_>| {
                let again = judged(record, &rule, ask.seed, false);
                let decided = |other: &&Judged| other.verdict != Verdict::TooEarly;
                let of = again.iter().filter(|other| ids.contains(&other.id.as_str()));
                u32::try_from(of.filter(decided).count()).unwrap()
            };
            score.announced += u32::try_from(ids.len()).unwrap();
            score.decided += decided(&Record::of(&given, then, MARGIN));
            score.decided_cohort += decided(&Record::cohort(&given, then, today, MARGIN));
        }
    }
    score
}

#[test]
fn verdicts_are_seldom_wrong_and_fall_when_they_are_announced() {
    let score = scored(0..40);
    println!("{score:?}");
    let n = |word: &str| score.by.get(word).copied().unwrap_or(0);
    let part = |k: u32, n: u32| f64::from(k) / f64::from(n.max(1));
    println!(
        "stop wrong {:.3}, scale below 1 {:.3}, scale below the hurdle {:.3}; by their laws {:.3}, \
         {:.3}, {:.3}; keep wrong {:.3}, \
         range holds {:.3}, decided when announced {:.3} (same leads {:.3}), naive stop wrong {:.3}",
        part(score.stop_wrong, n("stop")),
        part(score.scale_wrong, n("scale")),
        part(score.scale_missed, n("scale")),
        part(score.stop_wrong_by_law, n("stop")),
        part(score.scale_wrong_by_law, n("scale")),
        part(score.scale_missed_by_law, n("scale")),
        part(score.keep_wrong, n("keep")),
        part(score.inside, score.ranged),
        part(score.decided, score.announced),
        part(score.decided_cohort, score.announced),
        part(score.naive_wrong, score.naive_stops),
    );
    assert!(n("stop") >= 20 && n("scale") >= 20, "{score:?}");
    assert!(part(score.stop_wrong, n("stop")) <= 0.05, "{score:?}");
    assert!(part(score.scale_missed, n("scale")) <= 0.10, "{score:?}");
    assert!(part(score.stop_wrong_by_law, n("stop")) <= 0.05, "{score:?}");
    assert!(part(score.scale_missed_by_law, n("scale")) <= 0.10, "{score:?}");
    assert!(part(score.decided, score.announced) >= 0.80, "{score:?}");
    // And not by calling all too early.
    assert!(part(n("too early"), score.n) <= 0.45, "{score:?}");
    // The rule is worth having: the naive one is wrong several times as often.
    assert!(part(score.naive_wrong, score.naive_stops) > 0.15, "{score:?}");
}

#[test]
fn verdicts_are_the_same_from_the_same_seed_and_of_scaled_money() {
    let company = company(3);
    let today = company.today();
    let (ask, given) = asked(&company, today);
    let found = || judged(&Record::of(&given, today, MARGIN), &Rule::default(), ask.seed, true);
    let told = |found: &[Judged]| format!("{found:?}");
    assert_eq!(told(&found()), told(&found()));
    assert!(!found().is_empty());
    // Half the margin halves the return and changes nothing else of what is believed.
    let half = judged(&Record::of(&given, today, 0.5 * MARGIN), &Rule::default(), ask.seed, false);
    for (one, other) in found().iter().zip(&half) {
        assert!((one.gain - 2.0 * other.gain).abs() < 1e-9 * (1.0 + one.gain));
        assert!((one.ever.0 - other.ever.0).abs() < 1e-12);
        assert!(other.outlook.pays <= one.outlook.pays + 1e-12);
    }
}

#[test]
fn the_bounds_of_the_definitions_are_those_of_the_rule() {
    let mut definitions = Company::definitions();
    assert_eq!(rule(&definitions), Rule::default());
    let company = company(3);
    let today = company.today();
    let (ask, given) = asked(&company, today);
    let mut scaled = |hurdle: &str| {
        definitions.verdict.hurdle = hurdle.parse().unwrap();
        let rule = rule(&definitions);
        let found = judged(&Record::of(&given, today, MARGIN), &rule, ask.seed, false);
        found.iter().filter(|one| one.verdict == Verdict::Scale).count()
    };
    assert!(scaled("1") > scaled("90"));
}

#[test]
fn what_happened_later_is_not_used() {
    let company = company(5);
    let today = company.today();
    let past = today - 200.days();
    let told = |given: &Given| {
        let record = Record::of(given, past, MARGIN);
        format!("{:?}", judged(&record, &Rule::default(), 1, false))
    };
    let (_, then) = asked(&company, past);
    let (_, now) = asked(&company, today);
    // Spend and leads are the same; deals may have been entered late, so counts of them differ only
    // where the record of the time lagged.
    assert_eq!(
        Record::of(&then, past, MARGIN).programs.len(),
        Record::of(&now, past, MARGIN).programs.len()
    );
    assert!(!told(&now).is_empty());
    let leads = |given: &Given| {
        let record = Record::of(given, past, MARGIN);
        record.programs.iter().map(|program| program.leads.len()).collect::<Vec<_>>()
    };
    assert_eq!(leads(&then), leads(&now));
}
