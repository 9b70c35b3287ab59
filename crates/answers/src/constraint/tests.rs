//! The answer on companies whose truth is known, and on too few rows.

use sample::small::{Company, company, company_of};

use super::*;

fn asked(company: &Company, seed: u64) -> Answer {
    let known = company.as_of(company.today());
    let ask = known.ask("", seed);
    answer(&ask, &known.given(&needs(&ask)))
}

/// True where there is enough to go on.
fn told(answer: &Answer) -> bool {
    answer.figures.iter().any(|figure| figure.id == "relief_worth")
}

/// The station that an answer names; `demand` where it names that; none where nothing is named.
fn named(answer: &Answer) -> Option<&'static str> {
    let text = &answer.headline;
    if !told(answer) {
        return None;
    }
    let stations = [
        ("Demand limits", "demand"),
        ("Sales development limits", "mql"),
        ("Prospecting limits", "prospecting"),
        ("Qualification limits", "qualification"),
        ("Needs Analysis limits", "needs-analysis"),
        ("Id. Decision Makers limits", "decision-makers"),
        ("Proposal/Price Quote limits", "proposal"),
        ("Negotiation/Review limits", "negotiation"),
    ];
    stations.into_iter().find(|(said, _)| text.contains(said)).map(|(_, id)| id)
}

#[test]
fn the_true_constraint_is_named() {
    let (mut right, mut told) = (0, 0);
    for seed in 0..10 {
        let company = company(seed);
        let Some(named) = named(&asked(&company, 1)) else { continue };
        let reliefs = company.reliefs();
        let of = |stage: &str| reliefs.iter().find(|r| r.stage == stage).map_or(0.0, |r| r.gain);
        told += 1;
        let fits = of(named) >= 0.8 * reliefs[0].gain;
        println!("{seed}: {named} {fits} of {reliefs:?}");
        right += usize::from(fits);
    }
    println!("constraint: {right} of {told} companies");
    assert!(told >= 5 && right * 4 >= told * 3, "{right} of {told}");
}

#[test]
fn too_few_deals_name_nothing_and_no_rows_say_so() {
    let small = company_of(3, 30);
    let little = asked(&small, 1);
    assert!(little.headline.starts_with("Too little"), "{}", little.headline);
    assert_eq!((told(&little), little.figures.len(), little.tables.len()), (false, 2, 1));
    let known = small.as_of(small.today());
    let ask = known.ask("", 1);
    let none = answer(&ask, &Given::default());
    assert!(none.headline.starts_with("Nothing was loaded"));
}

#[test]
fn counts_open_to_their_rows() {
    let company = company_of(11, 250);
    let known = company.as_of(company.today());
    let ask = known.ask("", 5);
    let answer = answer(&ask, &known.given(&needs(&ask)));
    let openable = answer.openable();
    assert_eq!(openable.len(), 2);
    for (id, value, evidence) in openable {
        let again = domain::answer::figure(evidence, &mut |rows| known.fetch(rows), ask.currency);
        assert_eq!(again.as_ref(), Ok(value), "{id}");
    }
}

#[test]
fn the_same_seed_gives_the_same_answer_and_the_order_of_rows_changes_nothing() {
    let company = company_of(11, 250);
    let known = company.as_of(company.today());
    let ask = known.ask("", 5);
    let mut given = known.given(&needs(&ask));
    let first = answer(&ask, &given);
    for frame in given.frames.values_mut() {
        let mut rows: Vec<usize> = (0..frame.n_rows()).collect();
        stats::random::SplitMix64::new(3).shuffle(&mut rows);
        *frame = frame.take(&rows);
    }
    assert_eq!(first, answer(&ask, &given));
    crate::testing::assert_intervals_contain(&first);
    for text in std::iter::once(&first.headline).chain(first.caveats.iter().map(|c| &c.text)) {
        crate::testing::assert_reads_well(text);
    }
}
