//! The airline model on logs: ARIMA(0,1,1)(0,1,1), by its exact likelihood.
//!
//! What is left after differencing at lag one and at the season is a moving mean of 1 + season
//! steps; its likelihood and its forecasts come from the innovations algorithm (Brockwell and Davis
//! 1991, section 5.3), in which only as many coefficients as the order differ from zero.

#![expect(clippy::indexing_slicing, reason = "lags are checked against the length")]

use super::minimize;

/// A fitted airline model.
#[derive(Debug, Clone, PartialEq)]
pub struct Airline {
    /// Coefficient of the last step's shock.
    pub ma: f64,
    /// Coefficient of the last season's shock.
    pub seasonal_ma: f64,
    /// Variance of the shocks of the logs.
    pub variance: f64,
    /// Log likelihood of the differenced logs.
    pub log_likelihood: f64,
    logs: Vec<f64>,
    season: usize,
}

/// Fits the model; `None` for fewer than two seasons and three values, or values that are not
/// positive.
pub fn airline(values: &[f64], season: usize) -> Option<Airline> {
    let fine = values.iter().all(|value| value.is_finite() && *value > 0.0);
    if season < 2 || values.len() < 2 * season + 3 || !fine {
        return None;
    }
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let left = differenced(&logs, season);
    let bounded = |x: &[f64]| [x[0].tanh(), x[1].tanh()];
    let cost = |x: &[f64]| -likelihood(&left, bounded(x), season).0;
    let best = minimize(&[-0.4, -0.5], &[0.5, 0.5], &cost);
    let [ma, seasonal_ma] = bounded(&best);
    let (log_likelihood, variance) = likelihood(&left, [ma, seasonal_ma], season);
    log_likelihood.is_finite().then_some(Airline {
        ma,
        seasonal_ma,
        variance,
        log_likelihood,
        logs,
        season,
    })
}

fn differenced(logs: &[f64], season: usize) -> Vec<f64> {
    (season + 1..logs.len())
        .map(|t| logs[t] - logs[t - 1] - logs[t - season] + logs[t - season - 1])
        .collect()
}

/// Autocovariances of the moving mean for shocks of variance one, at lags 0 to 1 + season.
fn covariances([ma, seasonal_ma]: [f64; 2], season: usize) -> Vec<f64> {
    let mut weights = vec![0.0; season + 2];
    weights[0] = 1.0;
    weights[1] += ma;
    weights[season] += seasonal_ma;
    weights[season + 1] += ma * seasonal_ma;
    (0..weights.len())
        .map(|lag| weights.iter().zip(&weights[lag..]).map(|(a, b)| a * b).sum())
        .collect()
}

/// Coefficients of the innovations: for each step those of the last shocks, the nearest first, and
/// the variance of the step.
struct Innovations {
    coefficients: Vec<Vec<f64>>,
    variances: Vec<f64>,
}

impl Innovations {
    fn of(n: usize, covariances: &[f64]) -> Self {
        let order = covariances.len() - 1;
        let mut found =
            Self { coefficients: Vec::with_capacity(n), variances: Vec::with_capacity(n) };
        for t in 0..n {
            let reach = order.min(t);
            let mut row = vec![0.0; reach];
            // From the oldest shock to the newest: element k is that of lag k + 1.
            for lag in (1..=reach).rev() {
                let at = t - lag;
                let mut sum = covariances[lag];
                for older in lag + 1..=reach {
                    // Shock t - older within the step `at`, of lag older - lag there.
                    let there = found.coefficients[at].get(older - lag - 1).copied();
                    let variance = found.variances[t - older];
                    sum -= there.unwrap_or(0.0) * row[older - 1] * variance;
                }
                row[lag - 1] = sum / found.variances[at];
            }
            let known: f64 =
                row.iter().enumerate().map(|(k, c)| c * c * found.variances[t - k - 1]).sum();
            found.variances.push(covariances[0] - known);
            found.coefficients.push(row);
        }
        found
    }
}

/// Returns the log likelihood with the best variance, and that variance.
fn likelihood(left: &[f64], ma: [f64; 2], season: usize) -> (f64, f64) {
    let covariances = covariances(ma, season);
    let innovations = Innovations::of(left.len(), &covariances);
    let shocks = shocks(left, &innovations);
    let n = left.len() as f64;
    let (mut square, mut logs) = (0.0, 0.0);
    for (shock, variance) in shocks.iter().zip(&innovations.variances) {
        square += shock * shock / variance;
        logs += variance.ln();
    }
    let variance = square / n;
    let value = -0.5 * (n * (std::f64::consts::TAU * variance).ln() + logs + n);
    (value, variance)
}

fn shocks(left: &[f64], innovations: &Innovations) -> Vec<f64> {
    let mut shocks = Vec::with_capacity(left.len());
    for (t, (value, row)) in left.iter().zip(&innovations.coefficients).enumerate() {
        let said: f64 = row.iter().enumerate().map(|(k, c)| c * shocks[t - k - 1]).sum();
        shocks.push(value - said);
    }
    shocks
}

impl Airline {
    /// Forecasts the values themselves: the median, which is the exponential of the mean of the
    /// logs.
    pub fn forecast(&self, horizon: usize) -> Vec<f64> {
        let left = differenced(&self.logs, self.season);
        let n = left.len();
        let covariances = covariances([self.ma, self.seasonal_ma], self.season);
        let innovations = Innovations::of(n + horizon, &covariances);
        let shocks = shocks(&left, &innovations);
        let mut logs = self.logs.clone();
        for h in 0..horizon {
            let row = &innovations.coefficients[n + h];
            // Only shocks that have happened tell anything.
            let known = row.iter().enumerate().skip(h);
            let said: f64 = known.map(|(k, c)| c * shocks[n + h - k - 1]).sum();
            let t = logs.len();
            let before = logs[t - 1] + logs[t - self.season] - logs[t - self.season - 1];
            logs.push(said + before);
        }
        logs[self.logs.len()..].iter().map(|log| log.exp()).collect()
    }
}
