//! Series that are made to go on in a known way, and those that are too short.

use super::*;
use crate::random::SplitMix64;

/// Months with a season and growth.
fn months(n: usize, noise: f64, seed: u64) -> Vec<f64> {
    let mut random = SplitMix64::new(seed);
    (0..n)
        .map(|t| {
            let season = 1.0 + 0.3 * (std::f64::consts::TAU * t as f64 / 12.0).sin();
            (100.0 + t as f64) * season * (noise * random.normal()).exp()
        })
        .collect()
}

#[test]
fn a_series_without_chance_goes_on_as_it_did() {
    let all = months(84, 0.0, 1);
    let (record, came) = all.split_at(72);
    for method in Method::ALL {
        let said = forecast(method, record, 12, 12).unwrap();
        let error = smape(&said, came).unwrap();
        // These two add their seasons, which here multiply.
        let most = match method {
            Method::SeasonalNaive => 8.0,
            Method::Complex | Method::Stl => 5.0,
            _ => 3.0,
        };
        assert!(error < most, "{}: {error}", method.id());
    }
}

#[test]
fn scaling_a_series_scales_its_forecast_and_its_limits() {
    let record = months(60, 0.1, 2);
    let dear: Vec<f64> = record.iter().map(|value| 1000.0 * value).collect();
    for method in Method::ALL {
        let a = forecast_with_limits(method, &record, 12, 3, 0.8).unwrap();
        let b = forecast_with_limits(method, &dear, 12, 3, 0.8).unwrap();
        for (a, b) in a.iter().zip(&b) {
            let same = |a: f64, b: f64| (1000.0 * a / b - 1.0).abs() < 1e-4;
            assert!(same(a.point, b.point), "{}: {a:?} {b:?}", method.id());
            assert!(same(a.low.unwrap(), b.low.unwrap()) && same(a.high.unwrap(), b.high.unwrap()));
            assert!(a.low.unwrap() <= a.point && a.point <= a.high.unwrap());
        }
    }
}

#[test]
fn limits_hold_what_comes_about_as_often_as_they_say() {
    let (mut inside, mut n) = (0, 0);
    for seed in 0..30 {
        let all = months(72, 0.08, 100 + seed);
        let (record, came) = all.split_at(66);
        let steps = forecast_with_limits(Method::Smoothing, record, 12, 6, 0.8).unwrap();
        for (step, came) in steps.iter().zip(came) {
            n += 1;
            inside += u32::from(step.low.unwrap() <= *came && *came <= step.high.unwrap());
        }
    }
    let share = f64::from(inside) / f64::from(n);
    assert!((0.72..0.95).contains(&share), "{inside} of {n}");
}

#[test]
fn short_and_unfit_series_are_told_apart() {
    assert_eq!(forecast(Method::Mean, &[], 12, 3), None);
    assert_eq!(forecast(Method::Mean, &[f64::NAN], 12, 3), None);
    assert_eq!(forecast(Method::Mean, &[5.0], 12, 2), Some(vec![5.0, 5.0]));
    assert_eq!(seasonal_naive(&[1.0, 2.0, 3.0], 2, 3), Some(vec![2.0, 3.0, 2.0]));
    assert_eq!(airline(&months(26, 0.0, 1), 12, Scale::Logs), None);
    let negative: Vec<f64> = (0..40).map(|t| f64::from(t) - 20.0).collect();
    assert_eq!(airline(&negative, 12, Scale::Logs), None);
    for method in [Method::Smoothing, Method::HoltWinters] {
        let said = forecast(method, &negative, 12, 3).unwrap();
        assert!(said.iter().all(|value| (18.0..25.0).contains(value)), "{said:?}");
    }
    let said = forecast(Method::Mean, &negative, 12, 3).unwrap();
    assert!(said.iter().all(|value| (15.0..25.0).contains(value)), "{said:?}");
    let few = forecast_with_limits(Method::Theta, &[1.0, 2.0, 3.0, 4.0, 5.0], 1, 2, 0.8).unwrap();
    assert!(few.iter().all(|step| step.low.is_none()));
    assert_eq!(mase(&[1.0], &[2.0], &[3.0, 3.0], 1), None);
    assert_eq!(smape(&[0.0], &[0.0]), Some(0.0));
}

#[test]
fn the_nearest_method_at_past_origins_comes_first() {
    let seasonal = months(96, 0.05, 7);
    let chosen = choose(&seasonal, 12, 6);
    assert!(chosen.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    assert!(chosen.len() >= 7 && chosen[0].0 != Method::SeasonalNaive, "{chosen:?}");
    // Two origins are no choice.
    assert!(choose(&seasonal[..32], 12, 6).is_empty());
}

#[test]
fn a_straight_line_and_a_season_are_found_by_each_form_that_has_them() {
    use ets::{Form, Kind, Trend, ets};
    let line: Vec<f64> = (0..60).map(|t| 50.0 + f64::from(t) + f64::from(t % 4)).collect();
    let form = |errors, seasons| Form { errors, trend: Trend::Straight, seasons: Some(seasons) };
    for (errors, seasons) in
        [(Kind::Additive, Kind::Additive), (Kind::Multiplicative, Kind::Additive)]
    {
        let fit = ets(&line, 4, form(errors, seasons)).unwrap();
        for (h, said) in fit.forecast(4).iter().enumerate() {
            let came = 50.0 + (60 + h) as f64 + h as f64;
            assert!((said - came).abs() < 0.2, "{errors:?}: {said}, {came}");
        }
    }
    // A trend costs where there is none.
    let flat: Vec<f64> =
        months(60, 0.1, 3).iter().enumerate().map(|(t, x)| x / (100.0 + t as f64)).collect();
    let best = ets::best(&ets::forms(), &flat, 12).unwrap();
    assert_eq!(best.form.trend, Trend::None);
}

#[test]
fn limits_keep_their_order_where_what_is_positive_falls_below_zero() {
    let falling: Vec<f64> =
        (0..40).map(|t| 200.0 - 5.0 * f64::from(t) + f64::from(t % 3)).collect();
    let steps = forecast_with_limits(Method::Smoothing, &falling, 1, 4, 0.8).unwrap();
    assert!(steps.iter().any(|step| step.point <= 0.0));
    for Step { point, low, high } in steps {
        let (low, high) = (low.unwrap(), high.unwrap());
        assert!(low <= point && point <= high && high - low < 100.0, "{low} {point} {high}");
    }
}
