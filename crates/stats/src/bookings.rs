//! The exact distribution of wins and of their sum, where cases are independent.
//!
//! Dynamic programming over the cases (the Poisson binomial distribution and its compound; Hong
//! 2013): the oracle that a simulation must agree with, and the answer itself where probabilities
//! are known and amounts are whole multiples of a unit.

#![expect(
    clippy::indexing_slicing,
    reason = "positions are below the length that was made for them"
)]

/// Returns the probability of each number of wins, from none to all.
pub fn wins(p: &[f64]) -> Vec<f64> {
    let mut mass = vec![0.0; p.len() + 1];
    mass[0] = 1.0;
    for (n, p) in p.iter().enumerate() {
        for k in (0..=n).rev() {
            mass[k + 1] += mass[k] * p;
            mass[k] *= 1.0 - p;
        }
    }
    mass
}

/// The distribution of a sum of amounts, each won or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Bookings {
    /// The probability of a sum of `i` units.
    mass: Vec<f64>,
}

impl Bookings {
    /// Adds up cases with a probability and an amount in whole units; `None` where a probability is
    /// none or all amounts together exceed ten million units.
    pub fn new(cases: &[(f64, u32)]) -> Option<Self> {
        let total: u64 = cases.iter().map(|case| u64::from(case.1)).sum();
        let fine = cases.iter().all(|case| (0.0..=1.0).contains(&case.0));
        if !fine || total > 10_000_000 {
            return None;
        }
        let mut mass = vec![0.0; usize::try_from(total).ok()? + 1];
        mass[0] = 1.0;
        let mut reached = 0;
        for &(p, units) in cases {
            let units = units as usize;
            for i in (0..=reached).rev() {
                let before = mass[i];
                mass[i] -= before * p;
                mass[i + units] += before * p;
            }
            reached += units;
        }
        Some(Self { mass })
    }

    /// Returns the mean, in units.
    pub fn mean(&self) -> f64 {
        self.mass.iter().enumerate().map(|(i, mass)| i as f64 * mass).sum()
    }

    /// Returns the standard deviation, in units.
    pub fn sd(&self) -> f64 {
        let mean = self.mean();
        let square = |(i, mass): (usize, &f64)| (i as f64 - mean).powi(2) * mass;
        self.mass.iter().enumerate().map(square).sum::<f64>().sqrt()
    }

    /// Returns the probability of at least so many units.
    pub fn at_least(&self, units: usize) -> f64 {
        self.mass.iter().skip(units).sum()
    }

    /// Returns the smallest sum that is reached or stayed below with at least probability `p`.
    pub fn quantile(&self, p: f64) -> usize {
        let mut below = 0.0;
        for (i, mass) in self.mass.iter().enumerate() {
            below += mass;
            if below >= p - 1e-12 {
                return i;
            }
        }
        self.mass.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_coins_are_what_everybody_knows() {
        let mass = wins(&[0.5, 0.5]);
        assert!(mass.iter().zip([0.25, 0.5, 0.25]).all(|(a, b)| (a - b).abs() < 1e-15));
        let sum = Bookings::new(&[(0.5, 1), (0.5, 2)]).unwrap();
        assert!(
            (0..4).all(|units| (sum.at_least(units) - 0.25 * (4 - units) as f64).abs() < 1e-15)
        );
        assert!((sum.mean() - 1.5).abs() < 1e-15 && (sum.sd() - 1.25_f64.sqrt()).abs() < 1e-15);
        assert_eq!([0.25, 0.26, 1.0].map(|p| sum.quantile(p)), [0, 1, 3]);
        let nothing = Bookings::new(&[]).unwrap();
        assert_eq!((nothing.quantile(0.9), nothing.at_least(0)), (0, 1.0));
        assert!(
            Bookings::new(&[(1.5, 1)]).is_none() && Bookings::new(&[(0.5, u32::MAX)]).is_none()
        );
    }
}
