//! The airline model: ARIMA(0,1,1)(0,1,1), by its exact likelihood.
//!
//! What is left after differencing at lag one and at the season is a moving mean of 1 + season
//! steps; its likelihood and its forecasts come from the innovations algorithm (Brockwell and Davis
//! 1991, section 5.3), in which only as many coefficients as the order differ from zero.

#![expect(clippy::indexing_slicing, reason = "lags are checked against the length")]

use super::search::descend;

/// On what a model is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Logs of the values, which must be positive: seasons multiply.
    Logs,
    /// The values as they are: seasons add.
    Plain,
}

/// A fitted airline model.
#[derive(Debug, Clone, PartialEq)]
pub struct Airline {
    /// Coefficient of the last step's shock.
    pub ma: f64,
    /// Coefficient of the last season's shock.
    pub seasonal_ma: f64,
    /// Variance of the shocks, on the scale of the model.
    pub variance: f64,
    /// Log likelihood of the differences, on the scale of the model.
    pub log_likelihood: f64,
    scale: Scale,
    /// The record on that scale.
    record: Vec<f64>,
    season: usize,
}

/// Fits the model; `None` for fewer than two seasons and three values, for values of which there
/// are no logs, and for a record without chance.
pub fn airline(values: &[f64], season: usize, scale: Scale) -> Option<Airline> {
    let fits = |value: &f64| value.is_finite() && (scale == Scale::Plain || *value > 0.0);
    let fine = values.iter().all(fits);
    if season < 2 || values.len() < 2 * season + 3 || !fine {
        return None;
    }
    let record: Vec<f64> = match scale {
        Scale::Logs => values.iter().map(|value| value.ln()).collect(),
        Scale::Plain => values.to_vec(),
    };
    let left = differenced(&record, season);
    let bounded = |x: &[f64]| [x[0].tanh(), x[1].tanh()];
    let cost = |x: &[f64]| -likelihood(&left, bounded(x), season).0;
    let best = descend(&[-0.4, -0.5], &cost);
    let [ma, seasonal_ma] = bounded(&best);
    let (log_likelihood, variance) = likelihood(&left, [ma, seasonal_ma], season);
    log_likelihood.is_finite().then_some(Airline {
        ma,
        seasonal_ma,
        variance,
        log_likelihood,
        scale,
        record,
        season,
    })
}

/// Differences at lag one and at the season.
pub(super) fn differenced(x: &[f64], season: usize) -> Vec<f64> {
    (season + 1..x.len()).map(|t| x[t] - x[t - 1] - x[t - season] + x[t - season - 1]).collect()
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
    /// Returns the log likelihood of the values themselves, which compares scales: that of logs
    /// less the logs, as a small step of a large value is a smaller step of its log.
    pub fn likelihood_of_values(&self) -> f64 {
        match self.scale {
            Scale::Plain => self.log_likelihood,
            Scale::Logs => {
                self.log_likelihood - self.record.iter().skip(self.season + 1).sum::<f64>()
            }
        }
    }

    /// Forecasts the values themselves; of logs the median, which is the exponential of their mean.
    pub fn forecast(&self, horizon: usize) -> Vec<f64> {
        let left = differenced(&self.record, self.season);
        let n = left.len();
        let covariances = covariances([self.ma, self.seasonal_ma], self.season);
        let innovations = Innovations::of(n + horizon, &covariances);
        let shocks = shocks(&left, &innovations);
        let mut x = self.record.clone();
        for h in 0..horizon {
            let row = &innovations.coefficients[n + h];
            // Only shocks that have happened tell anything.
            let known = row.iter().enumerate().skip(h);
            let said: f64 = known.map(|(k, c)| c * shocks[n + h - k - 1]).sum();
            let t = x.len();
            x.push(said + x[t - 1] + x[t - self.season] - x[t - self.season - 1]);
        }
        let ahead = x[self.record.len()..].iter();
        match self.scale {
            Scale::Logs => ahead.map(|log| log.exp()).collect(),
            Scale::Plain => ahead.copied().collect(),
        }
    }
}
