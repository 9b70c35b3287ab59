//! Symmetric positive definite systems, dense and small: a few hundred unknowns.
//!
//! The textbook factorization by rows (Golub and Van Loan 2013, section 4.2). Row-major, lower
//! half.

#![expect(
    clippy::indexing_slicing,
    reason = "positions lie within the n × n that is checked at the start"
)]

/// The factor `L` of a matrix `L Lᵀ`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cholesky {
    n: usize,
    l: Vec<f64>,
}

impl Cholesky {
    /// Factors a matrix of which the lower half is read; `None` where it is not positive definite.
    pub(crate) fn new(matrix: &[f64], n: usize) -> Option<Self> {
        if matrix.len() != n * n {
            return None;
        }
        let mut l = vec![0.0; n * n];
        for i in 0..n {
            let (before, rest) = l.split_at_mut(i * n);
            let row = &mut rest[..n];
            for j in 0..i {
                let other = &before[j * n..=j * n + j];
                let dot: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
                row[j] = (matrix[i * n + j] - dot) / other[j];
            }
            let square: f64 = row[..i].iter().map(|x| x * x).sum();
            let left = matrix[i * n + i] - square;
            // Rounding alone leaves about 1e-16 of the diagonal.
            if left.is_nan() || left <= 1e-14 * matrix[i * n + i].abs() {
                return None;
            }
            row[i] = left.sqrt();
        }
        Some(Self { n, l })
    }

    /// Solves `L Lᵀ x = b`.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut x = b.to_vec();
        for i in 0..n {
            let row = &self.l[i * n..=i * n + i];
            let dot: f64 = row[..i].iter().zip(&x).map(|(a, b)| a * b).sum();
            x[i] = (x[i] - dot) / row[i];
        }
        self.back(&mut x);
        x
    }

    /// Solves `Lᵀ x = b` in place: standard normals become a draw with the inverse as covariance.
    pub(crate) fn back(&self, x: &mut [f64]) {
        let n = self.n;
        for i in (0..n).rev() {
            x[i] /= self.l[i * n + i];
            let value = x[i];
            let row = &self.l[i * n..i * n + i];
            for (left, l) in x[..i].iter_mut().zip(row) {
                *left -= l * value;
            }
        }
    }

    /// The logarithm of the determinant of the matrix.
    pub(crate) fn ln_determinant(&self) -> f64 {
        (0..self.n).map(|i| 2.0 * self.l[i * self.n + i].ln()).sum()
    }

    /// Returns the diagonal of the inverse.
    pub(crate) fn inverse_diagonal(&self) -> Vec<f64> {
        let n = self.n;
        let mut diagonal = vec![0.0; n];
        // Column k of the inverse of L, from its diagonal down; squares add up by column.
        let mut column = vec![0.0; n];
        for (k, out) in diagonal.iter_mut().enumerate() {
            for i in k..n {
                let row = &self.l[i * n..=i * n + i];
                let dot: f64 = row[k..i].iter().zip(&column[k..i]).map(|(a, b)| a * b).sum();
                let unit = if i == k { 1.0 } else { 0.0 };
                column[i] = (unit - dot) / row[i];
                *out += column[i] * column[i];
            }
        }
        diagonal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved_and_its_inverse_is_that_of_the_hand() {
        // Inverse of [[4, 2, 0], [2, 5, 2], [0, 2, 3]]: determinant 32.
        let matrix = [4.0, 2.0, 0.0, 2.0, 5.0, 2.0, 0.0, 2.0, 3.0];
        let factor = Cholesky::new(&matrix, 3).unwrap();
        let x = factor.solve(&[6.0, 9.0, 5.0]);
        assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-14), "{x:?}");
        let expected = [11.0 / 32.0, 12.0 / 32.0, 16.0 / 32.0];
        for (found, expected) in factor.inverse_diagonal().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-14, "{found} {expected}");
        }
        assert_eq!(Cholesky::new(&[1.0, 2.0, 2.0, 1.0], 2), None);
        assert_eq!(Cholesky::new(&[1.0], 2), None);
    }
}
