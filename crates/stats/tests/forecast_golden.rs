//! Scores, exact bookings and series against values that other programs computed; skipped, and said
//! so, where the folder is absent.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reads files, and a failure here is a failed test"
)]

mod common;

use common::{golden, json, near};
use serde_json::Value;
use stats::{bookings, score};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn scores_are_those_of_the_packages() {
    let Some(golden) = json("metrics/metrics_expected.json") else { return };
    let expected = &golden["expected"];
    let p = numbers(&golden["p"]);
    let y: Vec<bool> = numbers(&golden["y"]).iter().map(|y| *y > 0.5).collect();
    // The file has ten digits.
    let tolerance = 1e-9;
    near("brier", score::brier(&p, &y).unwrap(), &expected["brier"], tolerance);
    near("log loss", score::log_loss(&p, &y).unwrap(), &expected["log_loss"], tolerance);
    near("auc", score::auc(&p, &y).unwrap(), &expected["auc"], tolerance);
    let parts = score::reliability(&p, &y, 10).unwrap();
    let golden_parts = &expected["brier_decomposition_10bins"];
    near("reliability", parts.reliability, &golden_parts["reliability"], tolerance);
    near("resolution", parts.resolution, &golden_parts["resolution"], tolerance);
    near("uncertainty", parts.uncertainty, &golden_parts["uncertainty"], tolerance);
    near("ece", parts.error, &expected["ece_10"], tolerance);
    for (bin, golden) in parts.bins.iter().zip(expected["reliability_table"].as_array().unwrap()) {
        assert_eq!(bin.n as u64, golden["n"].as_u64().unwrap());
        near("said", bin.said, &golden["mean_p"], tolerance);
        near("happened", bin.happened, &golden["freq"], tolerance);
    }
    let fit = score::calibration(&p, &y).unwrap();
    near("intercept", fit.intercept, &expected["calibration_intercept_slope"][0], 1e-6);
    near("slope", fit.slope, &expected["calibration_intercept_slope"][1], 1e-6);

    let [mu, sd, obs] = ["mu", "sd", "obs"].map(|key| numbers(&golden[key]));
    let normals: Vec<(f64, f64, f64)> =
        mu.iter().zip(&sd).zip(&obs).map(|((mu, sd), obs)| (*mu, *sd, *obs)).collect();
    let crps: Vec<f64> =
        normals.iter().map(|(mu, sd, y)| score::crps_normal(*mu, *sd, *y).unwrap()).collect();
    near("crps", mean(crps.iter().copied()), &expected["crps_normal_mean"], tolerance);
    for (crps, golden) in crps.iter().zip(expected["crps_normal_first5"].as_array().unwrap()) {
        near("crps", *crps, golden, tolerance);
    }
    let log = normals.iter().map(|(mu, sd, y)| score::log_score_normal(*mu, *sd, *y).unwrap());
    near("log score", mean(log), &expected["log_score_normal_mean"], tolerance);
    let ensembles: Vec<Vec<f64>> =
        golden["ensemble"].as_array().unwrap().iter().map(numbers).collect();
    let cases = || ensembles.iter().zip(&obs);
    let plain = cases().map(|(members, y)| score::crps_ensemble(members, *y).unwrap());
    near("ensemble", mean(plain), &expected["crps_ensemble_mean"], tolerance);
    let fair = cases().map(|(members, y)| score::crps_fair(members, *y).unwrap());
    near("fair ensemble", mean(fair), &expected["crps_ensemble_fair_mean"], tolerance);
    for (level, golden) in expected["pinball"].as_object().unwrap() {
        let level: f64 = level.parse().unwrap();
        let z = stats::special::normal_quantile(level);
        let loss = normals.iter().map(|(mu, sd, y)| score::pinball(mu + sd * z, level, *y));
        near("pinball", mean(loss), golden, tolerance);
    }
    for (level, golden) in expected["coverage"].as_object().unwrap() {
        let level: f64 = level.parse().unwrap();
        let limits: Vec<(f64, f64)> =
            normals.iter().map(|(mu, sd, _)| score::normal_limits(*mu, *sd, level)).collect();
        near("coverage", score::coverage(&limits, &obs).unwrap(), golden, tolerance);
        if (level - 0.9).abs() < 1e-9 {
            let each = limits.iter().zip(&obs);
            let loss = mean(each.map(|((l, h), y)| score::interval_score(*l, *h, level, *y)));
            near("interval score", loss, &expected["interval_score_90"], tolerance);
        }
    }
    let places: Vec<f64> =
        normals.iter().map(|(mu, sd, y)| stats::special::normal_cdf((y - mu) / sd)).collect();
    let middle = mean(places.iter().copied());
    near("pit", middle, &expected["pit_mean"], tolerance);
    let spread = mean(places.iter().map(|place| (place - middle).powi(2)));
    near("pit", spread, &expected["pit_var"], tolerance);
    near("pit", score::distance_from_even(&places).unwrap(), &expected["pit_ks_stat"], tolerance);
}

#[test]
fn bookings_of_independent_deals_are_exact() {
    let Some(golden) = json("metrics/bookings_exact.json") else { return };
    let p = numbers(&golden["p"]);
    for (mass, golden) in bookings::wins(&p).iter().zip(golden["wins_pmf"].as_array().unwrap()) {
        near("wins", *mass, golden, 1e-9);
    }
    let units = golden["amount"].as_array().unwrap();
    let units = units.iter().map(|x| u32::try_from(x.as_u64().unwrap() / 100).unwrap());
    let cases: Vec<(f64, u32)> = p.iter().copied().zip(units).collect();
    let sum = bookings::Bookings::new(&cases).unwrap();
    near("mean", 100.0 * sum.mean(), &golden["bookings_mean"], 1e-9);
    near("sd", 100.0 * sum.sd(), &golden["bookings_sd"], 1e-9);
    for (level, golden) in golden["bookings_quantiles"].as_object().unwrap() {
        let quantile = 100.0 * sum.quantile(level.parse().unwrap()) as f64;
        near("quantile", quantile, golden, 1e-9);
    }
    for (amount, golden) in golden["prob_bookings_at_least"].as_object().unwrap() {
        let units = amount.parse::<usize>().unwrap().div_ceil(100);
        near("at least", sum.at_least(units), golden, 1e-9);
    }
}

fn series(name: &str) -> Option<Vec<f64>> {
    let text = String::from_utf8(golden(&format!("forecast/{name}"))?).unwrap();
    let value = |line: &str| line.split(',').nth(1).map(|value| value.parse().unwrap());
    Some(text.lines().skip(1).filter_map(value).collect())
}

#[test]
fn series_go_on_no_worse_than_by_the_reference_packages() {
    use stats::series::{Method, forecast, mase, smape};
    let Some(golden) = json("forecast/expected.json") else { return };
    for name in ["AirPassengers", "USAccDeaths"] {
        let Some(values) = series(&format!("{name}.csv")) else { return };
        for (at, horizon) in [12, 24].into_iter().enumerate() {
            let expected = &golden[name][horizon.to_string()];
            let r = &golden[name]["R_forecast_8.20"][at];
            let (record, came) = values.split_at(values.len() - horizon);
            for (method, references) in [
                (Method::Theta, ["DynamicOptimizedTheta", "AutoTheta", "thetaf"]),
                (Method::Smoothing, ["AutoETS", "ets", "ets"]),
                (Method::HoltWinters, ["HoltWinters_mul"; 3]),
                (Method::Complex, ["AutoCES"; 3]),
                (Method::Stl, ["MSTL"; 3]),
                (Method::Arima, ["AutoARIMA", "auto.arima", "auto.arima"]),
            ] {
                let said = forecast(method, record, 12, horizon).unwrap();
                let error = smape(&said, came).unwrap();
                let scaled = mase(&said, came, record, 12).unwrap();
                for key in references {
                    let (most, most_scaled) = match &expected[key] {
                        Value::Null => (&r[key]["smape"], &r[key]["mase"]),
                        here => (&here["smape_pct"], &here["mase"]),
                    };
                    let most = 1.15 * most.as_f64().unwrap();
                    let most_scaled = 1.15 * most_scaled.as_f64().unwrap();
                    let what = format!("{name}, {horizon}, {key}: {error} of {most}");
                    assert!(error <= most, "{what}");
                    assert!(scaled <= most_scaled, "{what}: {scaled} of {most_scaled}");
                }
            }
            // The same search from the same start ends at the same forecast.
            for (method, key) in
                [(Method::HoltWinters, "HoltWinters_mul"), (Method::Complex, "AutoCES")]
            {
                let said = forecast(method, record, 12, horizon).unwrap();
                for (said, golden) in said.iter().zip(numbers(&expected[key]["forecast"])) {
                    let what = format!("{name}, {horizon}, {key}: {said}, expected {golden}");
                    assert!((said / golden - 1.0).abs() < 5e-3, "{what}");
                }
            }
            let key = "SeasonalNaive";
            let said = forecast(Method::SeasonalNaive, record, 12, horizon).unwrap();
            near(key, smape(&said, came).unwrap(), &expected[key]["smape_pct"], 1e-7);
            near(key, mase(&said, came, record, 12).unwrap(), &expected[key]["mase"], 1e-7);
            for (said, golden) in said.iter().zip(numbers(&expected[key]["forecast"])) {
                assert!((said - golden).abs() < 1e-9);
            }
            // The mean is better than the seasonal naive way.
            let said = forecast(Method::Mean, record, 12, horizon).unwrap();
            let error = smape(&said, came).unwrap();
            let naive = expected[key]["smape_pct"].as_f64().unwrap();
            assert!(error < naive, "{name}, {horizon}: {error}");
        }
    }
}

#[test]
fn the_method_chosen_at_past_origins_is_better_than_the_mean() {
    use stats::series::{Method, choose, forecast, smape};
    for (name, horizon, method) in [
        ("AirPassengers", 12, Method::Complex),
        ("AirPassengers", 24, Method::Airline),
        ("USAccDeaths", 12, Method::Smoothing),
    ] {
        let Some(values) = series(&format!("{name}.csv")) else { return };
        let (record, came) = values.split_at(values.len() - horizon);
        let chosen = choose(record, 12, horizon)[0].0;
        assert_eq!(chosen, method, "{name}, {horizon}");
        let error = |method| smape(&forecast(method, record, 12, horizon).unwrap(), came).unwrap();
        assert!(error(chosen) < error(Method::Mean), "{name}, {horizon}");
    }
}

/// Log likelihood of ARIMA(0,1,1)(0,1,1)12 by the Kalman filter, with values before the first
/// that are unknown up to a variance of `vague` times that of the shocks. Steps that are not yet
/// known within a hundred shocks do not count.
fn filtered(x: &[f64], [ma, seasonal_ma]: [f64; 2], vague: f64) -> f64 {
    const LAGS: usize = 13;
    const STATES: usize = LAGS + 1 + LAGS;
    let mut shock = [0.0; STATES];
    shock[0] = 1.0;
    shock[1] = ma;
    shock[12] = seasonal_ma;
    shock[13] = ma * seasonal_ma;
    // The value: the first state, and the last values that the differences took away.
    let mut value = [0.0; STATES];
    value[0] = 1.0;
    value[LAGS + 1] = 1.0;
    value[LAGS + 12] = 1.0;
    value[LAGS + 13] = -1.0;
    let mut next = vec![[0.0; STATES]; STATES];
    (0..LAGS).for_each(|i| next[i][i + 1] = 1.0);
    next[LAGS + 1] = value;
    (1..LAGS).for_each(|i| next[LAGS + 1 + i][LAGS + i] = 1.0);
    let mut state = [0.0; STATES];
    let mut spread = vec![[0.0; STATES]; STATES];
    for i in 0..=LAGS {
        for j in 0..=LAGS {
            let ahead = (0..=LAGS - i.max(j)).map(|k| shock[i + k] * shock[j + k]);
            spread[i][j] = ahead.sum();
        }
    }
    (LAGS + 1..STATES).for_each(|i| spread[i][i] = vague);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (mut n, mut square, mut logs) = (0.0, 0.0, 0.0);
    for (t, x) in x.iter().enumerate() {
        if t > 0 {
            let before = state;
            state = std::array::from_fn(|i| dot(&next[i], &before));
            let half: Vec<[f64; STATES]> = next
                .iter()
                .map(|row| {
                    std::array::from_fn(|j| (0..STATES).map(|k| row[k] * spread[k][j]).sum())
                })
                .collect();
            for i in 0..STATES {
                for j in 0..STATES {
                    spread[i][j] = dot(&half[i], &next[j]) + shock[i] * shock[j];
                }
            }
        }
        let off = x - dot(&value, &state);
        let gain: Vec<f64> = spread.iter().map(|row| dot(row, &value)).collect();
        let variance = dot(&gain, &value);
        if variance < 1e4 {
            n += 1.0;
            square += off * off / variance;
            logs += variance.ln();
        }
        for i in 0..STATES {
            state[i] += gain[i] * off / variance;
            for j in 0..STATES {
                spread[i][j] -= gain[i] * gain[j] / variance;
            }
        }
    }
    -0.5 * (n * (std::f64::consts::TAU * square / n).ln() + logs + n)
}

#[test]
fn the_airline_model_is_that_of_r() {
    use stats::series::{Scale, airline, mase, smape};
    let Some(golden) = json("forecast/expected.json") else { return };
    let Some(values) = series("AirPassengers.csv") else { return };
    let model = &golden["AirPassengers"]["airline_model_log"];
    let near_by = |what: &str, value: f64, expected: &Value, absolute: f64| {
        let expected = expected.as_f64().unwrap();
        assert!((value - expected).abs() < absolute, "{what}: {value}, expected {expected}");
    };
    // R starts from a vague prior of a million times the variance of the shocks, the model from
    // none: with R's prior the likelihood is R's, with a vaguer one it comes to the model's.
    let likelihoods = |record: &[f64], expected: &Value| {
        let fit = airline(record, 12, Scale::Logs).unwrap();
        let logs: Vec<f64> = record.iter().map(|value| value.ln()).collect();
        let with = |vague| filtered(&logs, [fit.ma, fit.seasonal_ma], vague);
        near_by("likelihood", with(1e6), &expected["loglik"], 1e-5);
        assert!((with(1e9) - fit.log_likelihood).abs() < 2e-5);
        assert!((with(1e6) - fit.log_likelihood).abs() < 5e-3);
        fit
    };
    let whole = likelihoods(&values, model);
    near_by("ma", whole.ma, &model["ma1"], 1e-4);
    near_by("seasonal ma", whole.seasonal_ma, &model["sma1"], 1e-4);
    near_by("variance", whole.variance, &model["sigma2"], 1e-6);
    let aic = 6.0 - 2.0 * whole.log_likelihood;
    near_by("criterion", aic, &model["aic"], 1e-2);
    for horizon in [12, 24] {
        let expected = &model["holdout"][horizon.to_string()];
        let (record, came) = values.split_at(values.len() - horizon);
        let fit = likelihoods(record, expected);
        near_by("ma", fit.ma, &expected["ma1"], 1e-4);
        near_by("seasonal ma", fit.seasonal_ma, &expected["sma1"], 1e-4);
        let said = fit.forecast(horizon);
        near_by("smape", smape(&said, came).unwrap(), &expected["smape_pct"], 1e-3);
        near_by("mase", mase(&said, came, record, 12).unwrap(), &expected["mase"], 1e-3);
    }
}
