//! Tests of the history of deals.

use jiff::ToSpan;
use jiff::civil::date;
use proptest::prelude::*;

use super::drawn::{AS_OF, Past, What, drawn, frames, index, state};
use super::*;

fn of(deals: &[Past], as_of: Date) -> History {
    let (opportunities, changes) = frames(deals, as_of);
    History::of(&opportunities, &changes)
}

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, domain::Currency::USD)
}

#[test]
fn a_deal_is_told_as_it_was_known_on_each_day() {
    let deal = Past::new("a", date(2026, 3, 1), 100, date(2026, 5, 31))
        .then(date(2026, 3, 10), What::Stage("qualification"))
        .then(date(2026, 4, 2), What::Amount(Some(250)))
        .then(date(2026, 5, 20), What::Close(Some(date(2026, 7, 31))))
        .then(date(2026, 6, 1), What::Owner("Ben"))
        .then(date(2026, 7, 15), What::Stage("won"))
        .then(date(2026, 7, 15), What::Close(Some(date(2026, 7, 15))));
    let history = of(&[deal], AS_OF);
    assert_eq!(history.on(0, date(2026, 2, 28)), None);
    let first = history.on(0, date(2026, 3, 1)).unwrap();
    let expected = Snapshot {
        stage: Some("prospecting".into()),
        stage_index: Some(1),
        stage_since: Some(date(2026, 3, 1)),
        state: State::Open,
        amount: Some(usd(100)),
        close_on: Some(date(2026, 5, 31)),
        owner: Some("Ada".into()),
        forecast_category: Some("Pipeline".into()),
        n_pushes: 0,
        recorded: true,
    };
    assert_eq!(first, expected);
    let june = history.on(0, date(2026, 6, 30)).unwrap();
    assert_eq!((june.amount, june.n_pushes), (Some(usd(250)), 1));
    assert_eq!((june.close_on, june.owner.as_deref()), (Some(date(2026, 7, 31)), Some("Ben")));
    assert_eq!((june.stage_index, june.stage_since), (Some(2), Some(date(2026, 3, 10))));
    let won = history.on(0, date(2026, 7, 15)).unwrap();
    assert_eq!((won.state, won.close_on), (State::Won, Some(date(2026, 7, 15))));
    let turns = history.turns(0, date(2026, 3, 1), AS_OF);
    assert_eq!(turns, [(date(2026, 7, 15), State::Won)]);
    assert_eq!((history.n_deals(), history.find("a"), history.find("b")), (1, Some(0), None));
    assert_eq!(history.id(0).map(|id| &**id), Some("a"));
    assert_eq!(history.changes(0).len(), 7);
}

#[test]
fn without_a_history_a_closed_deal_was_open_and_its_stage_is_not_known() {
    let lost = Past::new("a", date(2026, 3, 1), 100, date(2026, 5, 31))
        .then(date(2026, 6, 15), What::Stage("lost"))
        .then(date(2026, 6, 15), What::Close(Some(date(2026, 6, 15))));
    let history = of(&[Past { kept: false, ..lost }], AS_OF);
    let before = history.on(0, date(2026, 6, 14)).unwrap();
    assert_eq!((before.state, before.stage, before.stage_index), (State::Open, None, None));
    assert_eq!((before.close_on, before.amount, before.recorded), (None, Some(usd(100)), false));
    let after = history.on(0, date(2026, 6, 15)).unwrap();
    assert_eq!((after.state, after.close_on), (State::Lost, Some(date(2026, 6, 15))));
}

#[test]
fn without_a_history_an_open_deal_is_in_its_stage_only_since_it_is_said_to_be() {
    let moved = Past::new("a", date(2026, 3, 1), 100, date(2026, 5, 31))
        .then(date(2026, 6, 15), What::Stage("proposal"));
    let history = of(&[Past { kept: false, ..moved }], AS_OF);
    assert_eq!(history.on(0, date(2026, 6, 14)).unwrap().stage, None);
    assert_eq!(history.on(0, date(2026, 6, 15)).unwrap().stage_index, Some(5));
}

#[test]
fn without_any_rows_there_is_no_past() {
    let history = History::of(&Frame::default(), &Frame::default());
    assert_eq!((history.n_deals(), history.on(0, AS_OF)), (0, None));
    assert!(history.changes(3).is_empty() && history.turns(0, AS_OF, AS_OF).is_empty());
}

#[track_caller]
fn assert_same(history: &History, deals: &[Past], day: Date) {
    for past in deals {
        let Some(deal) = history.find(&past.id) else {
            assert!(past.created > day, "{}", past.id);
            continue;
        };
        let (found, then) = (history.on(deal, day), past.on(day));
        assert_eq!(found.is_some(), then.is_some(), "{}", past.id);
        let (Some(found), Some(then)) = (found, then) else { continue };
        assert_eq!(found.recorded, past.kept);
        if !past.kept {
            continue;
        }
        let told = (found.stage.as_deref(), found.stage_index, found.stage_since, found.state);
        let really = (Some(then.stage), index(then.stage), Some(then.since), state(then.stage));
        assert_eq!(told, really, "{past:?} on {day}");
        assert_eq!(found.amount.map(|money| money.minor), then.amount, "{past:?} on {day}");
        assert_eq!(found.owner.as_deref(), Some(then.owner));
        assert_eq!(found.forecast_category.as_deref(), Some(then.category));
        assert_eq!(found.n_pushes, then.pushes, "{past:?} on {day}");
        assert_eq!(found.close_on, then.close, "{past:?} on {day}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The past that is told is the one that a plain replay finds, on any day.
    #[test]
    fn every_day_is_the_replay_of_the_changes_up_to_it(seed: u64, back in 0_i64..800) {
        let deals = drawn(seed, 40, AS_OF);
        let history = of(&deals, AS_OF);
        assert_same(&history, &deals, AS_OF.saturating_sub(back.days()));
        assert_same(&history, &deals, AS_OF);
    }

    /// All changes up to the as-of day lead to the row of now.
    #[test]
    fn the_last_day_is_the_row_of_now(seed: u64) {
        let deals = drawn(seed, 40, AS_OF);
        let (opportunities, changes) = frames(&deals, AS_OF);
        let history = History::of(&opportunities, &changes);
        for deal in 0..history.n_deals() {
            let now = history.on(deal, AS_OF).unwrap();
            prop_assert_eq!(&now.stage, &opportunities.texts("stage")[deal]);
            prop_assert_eq!(now.stage_index, opportunities.integers("stage_index")[deal]);
            prop_assert_eq!(now.stage_since, opportunities.days("stage_since")[deal]);
            prop_assert_eq!(now.amount, opportunities.moneys("amount")[deal]);
            prop_assert_eq!(now.close_on, opportunities.days("close_on")[deal]);
            prop_assert_eq!(&now.owner, &opportunities.texts("owner")[deal]);
            let category = &opportunities.texts("forecast_category")[deal];
            prop_assert_eq!(&now.forecast_category, category);
            let pushes = opportunities.integers("n_pushes")[deal];
            prop_assert_eq!(Some(i64::from(now.n_pushes)), pushes);
        }
    }

    /// What is told of a day does not depend on what happened after it.
    #[test]
    fn nothing_later_shows_on_an_earlier_day(seed: u64, back in 1_i64..700) {
        let mut deals = drawn(seed, 30, AS_OF);
        deals.retain(|past| past.kept);
        let day = AS_OF.saturating_sub(back.days());
        let (late, early) = (of(&deals, AS_OF), of(&deals, day));
        for (place, then) in early.all_on(day) {
            let id = early.id(place).unwrap();
            let again = late.on(late.find(id).unwrap(), day).unwrap();
            prop_assert_eq!(again, then);
        }
    }

    /// The order of the rows does not matter.
    #[test]
    fn any_order_of_the_rows_tells_the_same(seed: u64) {
        let deals = drawn(seed, 20, AS_OF);
        let (opportunities, changes) = frames(&deals, AS_OF);
        let mut order: Vec<usize> = (0..changes.n_rows()).collect();
        stats::random::SplitMix64::new(seed).shuffle(&mut order);
        let a = History::of(&opportunities, &changes);
        let b = History::of(&opportunities, &changes.take(&order));
        for back in [0, 30, 200] {
            let day = AS_OF.saturating_sub(i64::from(back).days());
            let (a, b): (Vec<_>, Vec<_>) = (a.all_on(day).collect(), b.all_on(day).collect());
            prop_assert_eq!(a, b);
        }
    }
}
