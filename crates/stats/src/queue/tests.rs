//! Queues against what is known of them exactly.

use super::*;

fn plain(arrivals: f64, servers: u32, service: f64) -> Station {
    Station {
        arrivals,
        servers,
        service,
        service_cv: 1.0,
        delay: 0.0,
        delay_spread: 0.0,
        patience: f64::INFINITY,
        conversion: 1.0,
        wears: 0.0,
        usual_wait: 0.0,
        skips: 0.0,
        backs: 0.0,
        waiting: 0,
        running: 0,
    }
}

#[test]
fn erlang_c_is_the_published_one() {
    // M/M/1 waits with the probability of its load; two servers at load 1: 1/3; Erlang's tables
    // give .4094 for 10 servers at 8 erlangs.
    assert!((erlang_c(1, 0.7) - 0.7).abs() < 1e-12);
    assert!((erlang_c(2, 1.0) - 1.0 / 3.0).abs() < 1e-12);
    assert!((erlang_c(10, 8.0) - 0.409_2).abs() < 5e-4, "{}", erlang_c(10, 8.0));
    assert!((erlang_c(3, 3.0) - 1.0).abs() < 1e-12);
    assert!(wait_mean(2, 3.0, 1.0).is_infinite());
    assert!((wait_mean(1, 0.5, 1.0) - 1.0).abs() < 1e-12);
}

#[test]
fn waits_are_those_of_mmc() {
    for (servers, arrivals, service) in [(1, 0.7, 1.0), (3, 2.4, 1.0), (8, 1.5, 4.5)] {
        let station = plain(arrivals, servers, service);
        let (mut waited, mut started) = (0.0, 0);
        for seed in 0..32 {
            let passed =
                simulate(&[station], &Course::even(20_000.0), Change::None, seed).stations[0];
            waited += passed.waited;
            started += passed.started;
        }
        let exact = wait_mean(servers, arrivals, service);
        let found = waited / started as f64;
        assert!((found / exact - 1.0).abs() < 0.06, "{servers}: {found} {exact}");
    }
}

#[test]
fn a_row_of_stations_is_a_jackson_network() {
    let mut stations = [plain(1.0, 2, 1.2), plain(0.2, 1, 0.9), plain(0.0, 3, 3.0)];
    stations[0].conversion = 0.6;
    stations[1].conversion = 0.8;
    let exact = jackson(&stations);
    let mut found = [0.0; 3];
    let mut done = [0.0; 3];
    for seed in 0..12 {
        let outcome = simulate(&stations, &Course::even(20_000.0), Change::None, seed);
        for ((passed, stayed), n) in outcome.stations.iter().zip(&mut found).zip(&mut done) {
            *stayed += passed.stayed;
            *n += passed.done as f64;
        }
    }
    for ((stayed, n), exact) in found.iter().zip(done).zip(&exact) {
        assert!((stayed / n / exact - 1.0).abs() < 0.05, "{} {exact}", stayed / n);
    }
}

#[test]
fn visitors_give_up_as_birth_and_death_says() {
    // M/M/c with exponential patience: stationary probabilities of the number present.
    let (lambda, mu, theta, servers) = (1.4, 0.5, 0.1, 2_u32);
    let mut weight = 1.0;
    let (mut total, mut giving_up) = (1.0, 0.0);
    for n in 1..400_u32 {
        let waiting = f64::from(n.saturating_sub(servers));
        weight *= lambda / (f64::from(n.min(servers)) * mu + waiting * theta);
        total += weight;
        giving_up += weight * waiting * theta;
    }
    let exact = giving_up / total / lambda;
    let mut station = plain(lambda, servers, 1.0 / mu);
    station.patience = 1.0 / theta;
    let (mut gave_up, mut arrived) = (0, 0);
    for seed in 0..8 {
        let passed = simulate(&[station], &Course::even(20_000.0), Change::None, seed).stations[0];
        gave_up += passed.gave_up;
        arrived += passed.arrived;
    }
    let found = gave_up as f64 / arrived as f64;
    assert!((found / exact - 1.0).abs() < 0.03, "{found} {exact}");
}

#[test]
fn more_capacity_never_loses_and_more_arrivals_keep_the_others() {
    let mut stations = [plain(2.0, 2, 1.3), plain(0.0, 0, 0.0), plain(0.0, 1, 0.9)];
    stations[0].conversion = 0.5;
    stations[0].patience = 20.0;
    for seed in 0..30 {
        let base = simulate(&stations, &Course::even(400.0), Change::None, seed);
        assert_eq!(base, simulate(&stations, &Course::even(400.0), Change::Capacity(1, 1.1), seed));
        let more = simulate(&stations, &Course::even(400.0), Change::Capacity(0, 1.1), seed);
        assert_eq!(more.stations[0].arrived, base.stations[0].arrived);
        assert!(more.stations[0].started >= base.stations[0].started);
        let many = simulate(&stations, &Course::even(400.0), Change::Arrivals(1.5), seed);
        assert!(many.stations[0].arrived > base.stations[0].arrived);
    }
}

/// Two years with so many arrivals in each month.
fn measured(arrivals: u64, worked: u64, went_on: u64, capacity: Capacity) -> Measured {
    Measured {
        arrivals: vec![arrivals; 24],
        more: Vec::new(),
        worked,
        went_on,
        skipped: 0,
        went_back: 0,
        capacity,
        sure: 1.0,
        staffed: Vec::new(),
        delay: 10.0,
        delay_spread: 0.6,
        patience: 60.0,
        usual_wait: 0.0,
        waiting: 0,
        running: 0,
    }
}

const AROUND: Around = Around {
    past: 24,
    ahead: 12,
    stretch: 30.0,
    year: 12,
    wears: (0.0, 0.0),
    ended: [(100, 400), (100, 400)],
};

#[test]
fn the_constraint_is_the_overloaded_station_and_not_the_one_with_the_lowest_conversion() {
    let stages = [
        measured(80, 2000, 200, Capacity::Recorded(4, 1400.0 / 365.0)),
        measured(0, 200, 120, Capacity::Recorded(2, 70.0 / 365.0)),
        measured(0, 84, 60, Capacity::Unlimited),
    ];
    let found = elasticities(&stages, AROUND, 40, 0.8, 7);
    assert!(found.most[1] > 0.9, "{:?}", found.most);
    assert!(found.capacity[1].gain > 0.05 && found.capacity[1].gain < 0.12);
    assert!(found.capacity[0].gain.abs() < 0.02 && found.capacity[2].gain == 0.0);
    // Before the constraint a better share only makes the queue longer.
    assert!(found.conversion[0].gain < 0.4 * found.conversion[2].gain);
    assert!(found.arrivals.gain < 0.05);
    assert!(found.load[1] > 1.1 && found.load[0] < 0.9);
    assert_eq!(found, elasticities(&stages, AROUND, 40, 0.8, 7));
    let low = found.capacity.iter().chain(&found.conversion).all(|e| e.low <= e.gain);
    assert!(low && found.most.iter().sum::<f64>() > 0.999);
    // Where waiting wears buyers out, relief is worth more and demand less.
    let mut stages = stages;
    stages[1].usual_wait = 20.0;
    let worn = elasticities(&stages, Around { wears: (0.01, 0.0), ..AROUND }, 40, 0.8, 7);
    assert!(worn.capacity[1].gain > found.capacity[1].gain + 0.005);
    assert!(worn.arrivals.gain < found.arrivals.gain - 0.005);
}

#[test]
fn stretches_change_what_comes_and_a_limit_that_is_doubted_is_worth_less() {
    let mut course = Course::even(1_000.0);
    course.stretch = 500.0;
    let varies = Varies { arrivals: vec![0.5, 2.0], ..Varies::default() };
    course.stations = vec![varies];
    let station = plain(1.0, 0, 0.0);
    let mut came = 0;
    for seed in 0..40 {
        came += simulate(&[station], &course, Change::None, seed).stations[0].arrived;
    }
    assert!((came as f64 / 40.0 / 1_250.0 - 1.0).abs() < 0.02, "{came}");
    course.counts_from = 500.0;
    course.worth = [3.0, 1.0];
    let late = simulate(&[station], &course, Change::None, 1);
    assert!(
        late.won > 850 && late.won < 1_150 && (late.worth - 3.0 * late.won as f64).abs() < 1e-9
    );
    let mut stages = [
        measured(60, 800, 500, Capacity::Seen(400, 365.0)),
        measured(0, 400, 300, Capacity::Unlimited),
    ];
    let sure = elasticities(&stages, AROUND, 60, 0.8, 3).capacity[0].gain;
    stages[0].sure = 0.5;
    let doubted = elasticities(&stages, AROUND, 60, 0.8, 3).capacity[0].gain;
    assert!(sure > 0.05 && doubted < 0.75 * sure && doubted > 0.25 * sure, "{sure} {doubted}");
}

#[test]
fn skips_and_steps_back_go_where_they_should() {
    let mut stations = [plain(1.0, 0, 0.0); 3];
    stations[1].arrivals = 0.0;
    stations[2].arrivals = 0.0;
    stations[0].skips = 0.3;
    stations[2].conversion = 0.8;
    stations[2].backs = 0.1;
    let found = simulate(&stations, &Course::even(20_000.0), Change::None, 5);
    let came: Vec<f64> = found.stations.iter().map(|s| s.arrived as f64 / 20_000.0).collect();
    // The last is visited 1 / (1 - 0.1) times by each, the middle by those that step back too.
    let last = 1.0 / 0.9;
    for (found, exact) in came.iter().zip([1.0, 0.7 + 0.1 * last, last]) {
        assert!((found / exact - 1.0).abs() < 0.03, "{came:?}");
    }
    assert!((found.won as f64 / 20_000.0 / (0.8 * last) - 1.0).abs() < 0.03);
}
