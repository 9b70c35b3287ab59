//! Journeys and credit against a reference that looks at every pair of window and touch.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stats::credit::{Journey, Model, split, weights};

use super::credit::{Credit, CreditRow, Deal, credit};
use super::*;

/// A touch as it is pushed.
type Pushed = (u32, i64, u64);

#[derive(Debug, Clone, Copy)]
struct How {
    /// `None` keeps all in memory.
    limit_bytes: Option<usize>,
    n_threads: usize,
    wanted: bool,
    /// Every third touch goes into a second store that is taken in at the end; the others come as
    /// columns.
    halves: bool,
}

const WAYS: [How; 6] = [
    How { limit_bytes: None, n_threads: 1, wanted: false, halves: false },
    How { limit_bytes: None, n_threads: 2, wanted: true, halves: false },
    How { limit_bytes: Some(0), n_threads: 1, wanted: true, halves: false },
    How { limit_bytes: Some(20_000), n_threads: 2, wanted: false, halves: false },
    How { limit_bytes: None, n_threads: 2, wanted: false, halves: true },
    How { limit_bytes: Some(0), n_threads: 2, wanted: true, halves: true },
];

fn journeys(n_accounts: u32, touches: &[Pushed], windows: &[Window], how: How) -> Journeys {
    let wanted = how.wanted.then(|| AccountSet::from_windows(n_accounts, windows));
    let dir = std::env::temp_dir();
    let new = || {
        let dir = how.limit_bytes.map(|_| dir.as_path());
        TouchStore::new(n_accounts, wanted.as_ref(), how.limit_bytes.unwrap_or(0), dir)
    };
    let (mut store, mut other) = (new(), new());
    let (mut accounts, mut times, mut payloads) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (account, at, payload)) in touches.iter().enumerate() {
        if !how.halves {
            store.push(*account, *at, *payload).unwrap();
        } else if index % 3 == 0 {
            other.push(*account, *at, *payload).unwrap();
        } else {
            accounts.push(*account);
            times.push(*at);
            payloads.push(*payload);
        }
    }
    store.push_columns(&accounts, &times, &payloads).unwrap();
    store.append(other);
    store.finish().unwrap()
}

fn reference(touches: &[Pushed], windows: &[Window]) -> Vec<Vec<Touch>> {
    let inside = |window: &Window| {
        let mut inside: Vec<Touch> = touches
            .iter()
            .filter(|(account, at, _)| {
                *account == window.account && window.from <= *at && *at <= window.to
            })
            .map(|(_, at, payload)| Touch { at: *at, payload: *payload })
            .collect();
        inside.sort_unstable();
        inside
    };
    windows.iter().map(inside).collect()
}

#[track_caller]
fn check(n_accounts: u32, touches: &[Pushed], windows: &[Window], how: How) {
    let expected = reference(touches, windows);
    let mut journeys = journeys(n_accounts, touches, windows, how);
    if how.limit_bytes == Some(0) && touches.len() > 2000 {
        assert!(journeys.bytes_spilled() > 0, "{how:?}");
    }
    let mut found = vec![None; windows.len()];
    journeys
        .visit(windows, &mut |index, touches| {
            assert!(found[index].replace(touches.to_vec()).is_none(), "visited twice: {index}");
        })
        .unwrap();
    let found: Vec<Vec<Touch>> = found.into_iter().map(Option::unwrap).collect();
    assert_eq!(found, expected, "{how:?}");

    let order = pool(how.n_threads).install(|| {
        let visit = |order: &mut Vec<(usize, Vec<Touch>)>, index: usize, touches: &[Touch]| {
            order.push((index, touches.to_vec()));
        };
        journeys.fold(windows, Vec::new, visit, |all, mut more| all.append(&mut more)).unwrap()
    });
    let mut order_visit = Vec::new();
    journeys.visit(windows, &mut |index, _| order_visit.push(index)).unwrap();
    assert_eq!(order.iter().map(|(index, _)| *index).collect::<Vec<_>>(), order_visit, "{how:?}");
    for (index, touches) in order {
        assert_eq!(touches, expected[index], "{how:?}");
    }
}

fn pool(n_threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap()
}

/// Few instants and payloads, so that ties of both kinds are common; a few at the far ends.
fn instants() -> impl Strategy<Value = i64> {
    prop_oneof![20 => 0_i64..60, 5 => 0_i64..5_000_000_000, 1 => Just(i64::MIN), 1 => Just(i64::MAX)]
}

fn payloads() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0_u64..4, 1 => Just(u64::from(u32::MAX)), 1 => any::<u64>()]
}

prop_compose! {
    fn cases()(n_accounts in prop_oneof![1_u32..5, 60_u32..140])(
        n_accounts in Just(n_accounts),
        touches in prop::collection::vec((0..n_accounts, instants(), payloads()), 0..400),
        windows in prop::collection::vec((0..n_accounts, instants(), instants()), 0..60),
    ) -> (u32, Vec<Pushed>, Vec<Window>) {
        let windows = windows.into_iter().map(|(account, from, to)| Window { account, from, to });
        (n_accounts, touches, windows.collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_window_sees_its_touches((n_accounts, touches, windows) in cases()) {
        for how in WAYS {
            check(n_accounts, &touches, &windows, how);
        }
    }

    #[test]
    fn the_order_of_pushes_changes_nothing(
        (n_accounts, touches, windows) in cases(),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut shuffled = touches.clone();
        shuffled.reverse();
        if !shuffled.is_empty() {
            let middle = seed.index(shuffled.len());
            shuffled.rotate_left(middle);
        }
        for (touches, how) in [(&touches, WAYS[0]), (&shuffled, WAYS[3])] {
            check(n_accounts, touches, &windows, how);
        }
    }

    #[test]
    fn credit_is_that_of_every_pair_and_sums_to_the_deals(
        (n_accounts, touches, windows) in cases(),
        amounts in prop::collection::vec(any::<i64>(), 60),
        milestones in prop::collection::vec(prop::array::uniform3(prop::option::of(instants())), 60),
    ) {
        let deals: Vec<Deal> = windows.iter().zip(amounts).zip(milestones).map(
            |((window, amount_minor), [lead_at, opportunity_at, close_at])| {
                Deal { window: *window, amount_minor, lead_at, opportunity_at, close_at }
            },
        ).collect();
        let expected = reference_credit(&touches, &deals);
        let amounts: i128 = deals.iter().map(|deal| i128::from(deal.amount_minor)).sum();
        prop_assert!(expected.totals_minor().iter().all(|total| *total == amounts));
        for how in WAYS {
            let journeys = journeys(n_accounts, &touches, &windows, how);
            let found = pool(how.n_threads)
                .install(|| credit(&journeys, &deals, &Model::ALL, key, direct))
                .unwrap();
            prop_assert_eq!(&found, &expected, "{:?}", how);
        }
    }
}

fn key(payload: u64) -> u64 {
    payload / 2
}

fn direct(payload: u64) -> bool {
    payload.is_multiple_of(2)
}

fn reference_credit(touches: &[Pushed], deals: &[Deal]) -> Credit {
    let windows: Vec<Window> = deals.iter().map(|deal| deal.window).collect();
    let n_models = Model::ALL.len();
    let mut rows: BTreeMap<u64, Vec<i128>> = BTreeMap::new();
    let mut unknown_minor = vec![0; n_models];
    let pairs = reference(touches, &windows);
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    for (deal, touches) in deals.iter().zip(&pairs) {
        let at: Vec<i64> = touches.iter().map(|touch| touch.at).collect();
        let direct: Vec<bool> = touches.iter().map(|touch| direct(touch.payload)).collect();
        let last = |instant: Option<i64>| at.iter().rposition(|at| *at <= instant.unwrap());
        let journey = Journey {
            at: &at,
            direct: &direct,
            lead_creation: deal.lead_at.and_then(|_| last(deal.lead_at)),
            opportunity_creation: deal.opportunity_at.and_then(|_| last(deal.opportunity_at)),
            close: deal.close_at.and_then(|_| last(deal.close_at)),
        };
        for touch in touches {
            rows.entry(key(touch.payload)).or_insert_with(|| vec![0; n_models]);
        }
        for (index, model) in Model::ALL.into_iter().enumerate() {
            if weights(model, &journey, &mut whole) && split(deal.amount_minor, &whole, &mut parts)
            {
                for (touch, part) in touches.iter().zip(&parts) {
                    rows.get_mut(&key(touch.payload)).unwrap()[index] += i128::from(*part);
                }
            } else {
                unknown_minor[index] += i128::from(deal.amount_minor);
            }
        }
    }
    Credit {
        models: Model::ALL.to_vec(),
        rows: rows.into_iter().map(|(key, minor)| CreditRow { key, minor }).collect(),
        unknown_minor,
        n_deals: deals.len() as u64,
        n_deals_without_touches: pairs.iter().filter(|touches| touches.is_empty()).count() as u64,
        n_pairs: pairs.iter().map(|touches| touches.len() as u64).sum(),
    }
}

/// Enough touches for many chunks, partitions and runs in the file, with narrow and wide payloads.
#[test]
fn many_chunks_come_back_from_the_file() {
    let n_accounts = 300;
    let scatter = |index: u64| index.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let touches: Vec<Pushed> = (0..40_000_u64)
        .map(|index| {
            let account = u32::try_from(scatter(index) % 30 * 10).unwrap();
            let wide = if index > 20_000 && index % 7 == 0 { 1 << 40 } else { 0 };
            (account, i64::try_from(index / 5).unwrap(), wide + index % 11)
        })
        .collect();
    let windows: Vec<Window> = (0..n_accounts)
        .map(|account| Window { account, from: i64::from(account) * 10, to: 7000 })
        .collect();
    for how in WAYS {
        check(n_accounts, &touches, &windows, how);
    }
}

#[test]
fn columns_are_the_same_as_single_touches() {
    let windows = [Window { account: 1, from: 0, to: 9 }];
    let mut store = TouchStore::new(2, None, usize::MAX, None);
    store.push_columns(&[0, 1, 1], &[5, 7, 6], &[1, 2, 3]).unwrap();
    assert_eq!(store.n_touches(), 3);
    let mut seen = Vec::new();
    let mut journeys = store.finish().unwrap();
    journeys.visit(&windows, &mut |_, touches| seen.extend_from_slice(touches)).unwrap();
    assert_eq!(seen, [Touch { at: 6, payload: 3 }, Touch { at: 7, payload: 2 }]);
}

#[test]
fn what_no_window_wants_is_dropped_at_once() {
    let windows =
        [Window { account: 1, from: 10, to: 20 }, Window { account: 1, from: 40, to: 50 }];
    let wanted = AccountSet::from_windows(3, &windows);
    let mut store = TouchStore::new(3, Some(&wanted), usize::MAX, None);
    for account in 0..3 {
        for at in [9, 10, 30, 50, 51, i64::MIN, i64::MAX] {
            store.push(account, at, 0).unwrap();
        }
    }
    assert_eq!(store.n_touches(), 3);
    let all = AccountSet::from_accounts(3, [2, 7]);
    assert!(all.contains(2, i64::MIN) && all.contains(2, i64::MAX) && !all.contains(1, 0));
    assert!(!all.contains(7, 0));
}

#[test]
fn an_account_beyond_all_is_nobody() {
    let windows = [
        Window { account: 130, from: 0, to: 9 },
        Window { account: u32::MAX, from: 0, to: 9 },
        Window { account: 128, from: 0, to: 9 },
    ];
    let mut store = TouchStore::new(129, None, usize::MAX, None);
    store.push(128, 5, 0).unwrap();
    store.push(130, 5, 0).unwrap();
    store.push(u32::MAX, 5, 0).unwrap();
    let mut counts = [0; 3];
    let mut journeys = store.finish().unwrap();
    journeys.visit(&windows, &mut |index, touches| counts[index] += 1 + touches.len()).unwrap();
    assert_eq!(counts, [1, 1, 2]);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let dir = std::env::temp_dir().join("no-such-folder-for-touches");
    let mut store = TouchStore::new(1, None, 0, Some(&dir));
    let pushed = (0..1000).try_for_each(|at| store.push(0, at, 0));
    let message = pushed.unwrap_err().to_string();
    assert!(message.starts_with("cannot make a temporary file in `"), "{message}");
    assert!(message.contains("no-such-folder-for-touches"), "{message}");
}
