//! Small symmetric systems: the Newton steps and standard errors of models with few parameters.
//!
//! Factored by [`Cholesky`]; a matrix that is not positive definite has no answer here.

use crate::cholesky::Cholesky;

/// A square matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Square {
    n: usize,
    cells: Vec<f64>,
}

impl Square {
    /// Returns a matrix of zeros.
    pub fn zero(n: usize) -> Self {
        Self { n, cells: vec![0.0; n * n] }
    }

    /// Returns the number of rows.
    pub const fn n(&self) -> usize {
        self.n
    }

    /// Returns a cell; zero outside the matrix.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        if row < self.n && column < self.n {
            self.cells.get(row * self.n + column).copied().unwrap_or(0.0)
        } else {
            0.0
        }
    }

    /// Adds to a cell.
    pub fn add(&mut self, row: usize, column: usize, value: f64) {
        if column < self.n
            && let Some(cell) = self.cells.get_mut(row * self.n + column)
        {
            *cell += value;
        }
    }

    /// Adds `value × x xᵀ`.
    pub fn add_outer(&mut self, value: f64, x: &[f64]) {
        for (row, a) in self.cells.chunks_exact_mut(self.n.max(1)).zip(x) {
            for (cell, b) in row.iter_mut().zip(x) {
                *cell += value * a * b;
            }
        }
    }

    /// Adds another matrix times a number.
    pub fn add_scaled(&mut self, value: f64, other: &Self) {
        for (cell, b) in self.cells.iter_mut().zip(&other.cells) {
            *cell += value * b;
        }
    }

    /// Returns the matrix of the first rows and columns.
    #[must_use]
    pub fn leading(&self, n: usize) -> Self {
        let mut part = Self::zero(n);
        for row in 0..n {
            for column in 0..n {
                part.add(row, column, self.at(row, column));
            }
        }
        part
    }

    fn factor(&self) -> Option<Cholesky> {
        Cholesky::new(&self.cells, self.n)
    }

    /// Solves the system; missing where it is not positive definite or `b` has another length.
    pub fn solve(&self, b: &[f64]) -> Option<Vec<f64>> {
        self.factor().filter(|_| b.len() == self.n).map(|factor| factor.solve(b))
    }

    /// Returns the inverse; missing where the matrix is not positive definite.
    pub fn inverse(&self) -> Option<Self> {
        let factor = self.factor()?;
        let mut inverse = Self::zero(self.n);
        for column in 0..self.n {
            let unit: Vec<f64> =
                (0..self.n).map(|row| if row == column { 1.0 } else { 0.0 }).collect();
            for (row, value) in factor.solve(&unit).into_iter().enumerate() {
                inverse.add(row, column, value);
            }
        }
        Some(inverse)
    }

    /// Returns the logarithm of the determinant; missing where the matrix is not positive definite.
    pub fn ln_determinant(&self) -> Option<f64> {
        self.factor().map(|factor| factor.ln_determinant())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_and_an_inverse_multiply_back() {
        let mut a = Square::zero(3);
        for (row, cells) in [[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]].iter().enumerate()
        {
            for (column, value) in cells.iter().enumerate() {
                a.add(row, column, *value);
            }
        }
        let x = a.solve(&[1.0, 2.0, 3.0]).unwrap();
        for (row, b) in [1.0, 2.0, 3.0].iter().enumerate() {
            let product: f64 = x.iter().enumerate().map(|(k, x)| a.at(row, k) * x).sum();
            assert!((product - b).abs() < 1e-13);
        }
        let inverse = a.inverse().unwrap();
        assert!((a.ln_determinant().unwrap() + inverse.ln_determinant().unwrap()).abs() < 1e-13);
        // 4 (6 − 1) − 1 (2 + 0.5) + 0.5 (−1 − 1.5), by the first row.
        assert!((a.ln_determinant().unwrap() - 16.25_f64.ln()).abs() < 1e-13);
        let mut singular = Square::zero(2);
        singular.add_outer(1.0, &[1.0, 2.0]);
        assert!(singular.solve(&[1.0, 1.0]).is_none());
    }
}
