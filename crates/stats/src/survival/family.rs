//! Families of waiting times, on the scale of `z = shape × (ln t − ln scale)`.
//!
//! Weibull `S = exp(−e^z)`, lognormal `S = Φ(−z)`, log-logistic `S = 1 / (1 + e^z)`. The scale is
//! the time at `z = 0`: 63 % have had the event for Weibull, half for the others.

use crate::special::{normal_quantile, normal_tail_ln};

/// A family of waiting times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// The hazard rises or falls as a power of time.
    Weibull,
    /// The logarithm of the time is normal: the hazard rises, then falls.
    Lognormal,
    /// Like the lognormal, with a heavier tail.
    LogLogistic,
}

/// A logarithm and its first two derivatives by `z`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bend {
    pub(crate) value: f64,
    pub(crate) slope: f64,
    pub(crate) curve: f64,
}

const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_8;

impl Family {
    /// All families, in the order in which they are told.
    pub const ALL: [Self; 3] = [Self::Weibull, Self::Lognormal, Self::LogLogistic];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weibull => "weibull",
            Self::Lognormal => "lognormal",
            Self::LogLogistic => "log-logistic",
        }
    }

    /// Returns the share that waits longer.
    pub fn survival(self, time: f64, scale: f64, shape: f64) -> f64 {
        if time <= 0.0 {
            return 1.0;
        }
        self.ln_survival(shape * (time / scale).ln()).value.exp()
    }

    /// Returns the time by which the share `p` has had the event.
    pub fn quantile(self, p: f64, scale: f64, shape: f64) -> f64 {
        let z = match self {
            Self::Weibull => (-(-p).ln_1p()).ln(),
            Self::Lognormal => normal_quantile(p),
            Self::LogLogistic => (p / (1.0 - p)).ln(),
        };
        scale * (z / shape).exp()
    }

    /// The logarithm of the share that waits longer.
    #[inline]
    pub(crate) fn ln_survival(self, z: f64) -> Bend {
        match self {
            Self::Weibull => {
                let hazard = -z.exp();
                Bend { value: hazard, slope: hazard, curve: hazard }
            }
            Self::Lognormal => {
                let value = normal_tail_ln(z);
                let ratio = (-0.5 * z * z - LN_SQRT_TAU - value).exp();
                Bend { value, slope: -ratio, curve: -ratio * (ratio - z) }
            }
            Self::LogLogistic => {
                let (value, p) = soft(z);
                Bend { value: -value, slope: -p, curve: -p * (1.0 - p) }
            }
        }
    }

    /// The logarithm of the density of `z`.
    #[inline]
    pub(crate) fn ln_density(self, z: f64) -> Bend {
        match self {
            Self::Weibull => {
                let power = z.exp();
                Bend { value: z - power, slope: 1.0 - power, curve: -power }
            }
            Self::Lognormal => Bend { value: -0.5 * z * z - LN_SQRT_TAU, slope: -z, curve: -1.0 },
            Self::LogLogistic => {
                let (value, p) = soft(z);
                Bend { value: z - 2.0 * value, slope: 1.0 - 2.0 * p, curve: -2.0 * p * (1.0 - p) }
            }
        }
    }
}

/// Returns `ln(1 + e^z)` and its derivative.
#[inline]
fn soft(z: f64) -> (f64, f64) {
    let small = (-z.abs()).exp();
    let p = if z > 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    (z.max(0.0) + small.ln_1p(), p)
}
