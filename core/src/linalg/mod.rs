//! Multiply, factor, solve and diagonalise small dense matrices without a heap: kernels over
//! column-major views ([`Mat`](crate::Mat)) of any size, in f32 or f64.
//!
//! | to | look for |
//! |---|---|
//! | multiply | [`gemm`], [`gemm_tn`], [`gemm_nt`]; with the transpose of itself [`syrk_nt`], [`syrk_tn`] |
//! | solve with a symmetric positive matrix | [`ldlt()`], then [`ldlt_solve`]; [`ldlt_inverse`] |
//! | solve with any square matrix | [`lu()`], then [`lu_solve`] |
//! | find eigenvalues and eigenvectors of a symmetric matrix | [`eigh`] |
//! | find singular values, left singular vectors, the rank | [`svd_left`] |
//! | solve a triangle | [`solve_lower`], [`solve_lower_transpose`] and their kin |
//!
//! All are made of one register tile and none takes a square root but the eigensolver. A wrong
//! shape is an error that names the argument; scratch, where a kernel needs it, has its size in a
//! `const fn` beside it.

#[cfg(feature = "std")]
mod blocked;
pub mod eigen;
mod gemm;
mod hadamard;
mod invert;
mod kernels;
mod lanes;
mod ldlt;
#[cfg(feature = "std")]
pub mod library;
pub mod lu;
mod rotation;
mod stacked;
mod svd;
mod syrk;
mod tile;
mod triangular;
#[cfg(feature = "std")]
mod tridiagonal;
mod vector;

pub use eigen::{EighInfo, JACOBI_LIMIT, check_symmetric, eigh, eigh_scratch, jacobi_eigh};
pub use gemm::{gemm, gemm_hadamard, gemm_nt, gemm_tn};
pub use hadamard::{Grams, hadamard_of_grams, hadamard_of_grams_scratch};
pub use kernels::Kernels;
pub use ldlt::{
    ldlt, ldlt_inverse, ldlt_inverse_scratch, ldlt_logdet, ldlt_solve, ldlt_solve_right,
};
pub use lu::{
    lu, lu_log_determinant, lu_solve, lu_solve_right, lu_solve_right_transpose, lu_solve_transpose,
};
pub use stacked::Stacked;
pub use svd::{numerical_rank, svd_left};
pub use syrk::{syrk_nt, syrk_tn};
pub use triangular::{
    solve_lower, solve_lower_right, solve_lower_transpose, solve_lower_transpose_right,
};

use crate::scalar::Real;

/// `sum_i a_i b_i`
#[inline]
pub fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).fold(T::ZERO, |sum, (a, b)| sum + *a * *b)
}

/// Whether all `values` are finite: 0 v is 0 for every finite v, one multiply-accumulate a value
/// where all is well, in four chains, so that none waits for the one before.
#[inline(always)]
pub(crate) fn finite<T: Real>(values: &[T]) -> bool {
    let zero = T::ZERO;
    let (fours, rest) = values.as_chunks::<4>();
    let [a, b, c, d] = fours.iter().fold([zero; 4], |[p, q, r, s], [a, b, c, d]| {
        [p + zero * *a, q + zero * *b, r + zero * *c, s + zero * *d]
    });
    rest.iter().fold(a + b + (c + d), |sum, v| sum + zero * *v) == zero
}

/// `y += alpha x`
#[inline]
pub fn axpy<T: Real>(alpha: T, x: &[T], y: &mut [T]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += alpha * *x);
}

/// Turns the order round. The standard library's `reverse` keeps a panic where it is not inlined.
pub(crate) fn reverse<T>(values: &mut [T]) {
    let mut values = values.iter_mut();
    while let (Some(a), Some(b)) = (values.next(), values.next_back()) {
        core::mem::swap(a, b);
    }
}

/// `max_ij |m_ij|`
pub(crate) fn largest<T: Real>(m: crate::matrix::Mat<'_, T>) -> T {
    let mut lanes = [T::ZERO; 4];
    for column in m.columns() {
        let (fours, rest) = column.as_chunks::<4>();
        for four in fours {
            lanes.iter_mut().zip(four).for_each(|(l, v)| *l = v.abs().max(*l));
        }
        lanes.iter_mut().zip(rest).for_each(|(l, v)| *l = v.abs().max(*l));
    }
    lanes.iter().fold(T::ZERO, |largest, v| v.max(largest))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::matrix::{Mat, MatMut};
    use std::vec;
    use std::vec::Vec;

    /// Values without pattern in `[-1, 1]`.
    pub(crate) fn filled(rows: usize, cols: usize) -> Vec<f64> {
        let mut state = (rows * 7919 + cols * 104_729 + 12345) as u64;
        (0..rows * cols)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
            })
            .collect()
    }

    /// A symmetric positive definite matrix.
    pub(crate) fn spd(n: usize) -> Vec<f64> {
        let a = filled(n + 3, n);
        let mut c = vec![0.0; n * n];
        syrk_tn(1.0, Mat::of(&a, n + 3, n), 0.0, MatMut::of(&mut c, n, n)).unwrap();
        let mut m = MatMut::of(&mut c, n, n);
        m.mirror_lower();
        m.add_diagonal(0.3);
        c
    }

    pub(crate) fn relative_difference(a: &[f64], b: &[f64]) -> f64 {
        let scale = b.iter().fold(1e-300_f64, |m, v| m.max(v.abs()));
        a.iter().zip(b).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / scale
    }

    #[test]
    fn products_agree_with_their_definition() {
        for (m, n, k) in [
            (1, 1, 1),
            (4, 4, 4),
            (5, 3, 7),
            (9, 8, 2),
            (2, 13, 6),
            (40, 33, 37),
            (130, 2, 130),
            (3, 130, 130),
            (130, 130, 4),
        ] {
            for (alpha, beta) in [(1.0, 0.0), (0.5, 1.0), (-1.0, 0.25)] {
                let (a, b, c) = (filled(m, k), filled(k, n), filled(m, n));
                let mut expected = vec![0.0; m * n];
                for i in 0..m {
                    for j in 0..n {
                        let sum: f64 = (0..k).map(|p| a[i + p * m] * b[p + j * k]).sum();
                        expected[i + j * m] = alpha * sum + beta * c[i + j * m];
                    }
                }
                let transpose = |x: &[f64], r: usize, c: usize| -> Vec<f64> {
                    (0..r * c).map(|e| x[e / c + (e % c) * r]).collect()
                };
                let (at, bt) = (transpose(&a, m, k), transpose(&b, k, n));
                let (a, b) = (Mat::of(&a, m, k), Mat::of(&b, k, n));
                let (at, bt) = (Mat::of(&at, k, m), Mat::of(&bt, n, k));
                let mut got = c.clone();
                gemm(alpha, a, b, beta, MatMut::of(&mut got, m, n)).unwrap();
                assert!(relative_difference(&got, &expected) < 1e-13, "nn {m} {n} {k}");
                got.clone_from(&c);
                gemm_tn(alpha, at, b, beta, MatMut::of(&mut got, m, n)).unwrap();
                assert!(relative_difference(&got, &expected) < 1e-13, "tn {m} {n} {k}");
                got.clone_from(&c);
                gemm_nt(alpha, a, bt, beta, MatMut::of(&mut got, m, n)).unwrap();
                assert!(relative_difference(&got, &expected) < 1e-13, "nt {m} {n} {k}");
            }
        }
    }

    #[test]
    fn a_gram_matrix_is_the_product_with_its_transpose() {
        for (k, n) in [(1, 1), (3, 4), (5, 9), (2, 13), (60, 150)] {
            let a = filled(k, n);
            let a = Mat::of(&a, k, n);
            let (mut gram, mut product) = (vec![0.0; n * n], vec![0.0; n * n]);
            syrk_tn(0.5, a, 0.0, MatMut::of(&mut gram, n, n)).unwrap();
            MatMut::of(&mut gram, n, n).mirror_lower();
            gemm_tn(0.5, a, a, 0.0, MatMut::of(&mut product, n, n)).unwrap();
            assert!(relative_difference(&gram, &product) < 1e-13);
            let (mut gram, mut product) = (vec![0.0; k * k], vec![0.0; k * k]);
            syrk_nt(2.0, a, 0.0, MatMut::of(&mut gram, k, k)).unwrap();
            MatMut::of(&mut gram, k, k).mirror_lower();
            gemm_nt(2.0, a, a, 0.0, MatMut::of(&mut product, k, k)).unwrap();
            assert!(relative_difference(&gram, &product) < 1e-13);
        }
    }

    #[test]
    fn products_of_strided_blocks_leave_the_rest_alone() {
        let (a, mut c) = (filled(8, 8), vec![7.0; 64]);
        let view = Mat::of(&a, 8, 8);
        let mut m = MatMut::of(&mut c, 8, 8);
        gemm(1.0, view.block(1, 2, 5, 3), view.block(4, 0, 3, 6), 0.0, m.block(2, 1, 5, 6))
            .unwrap();
        for i in 0..8 {
            for j in 0..8 {
                let inside = (2..7).contains(&i) && (1..7).contains(&j);
                let sum: f64 = (0..3)
                    .filter(|_| inside)
                    .map(|k| view.at(i - 1, 2 + k) * view.at(4 + k, j - 1))
                    .sum();
                let expected = if inside { sum } else { 7.0 };
                assert!((m.at(i, j) - expected).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn a_wrong_inner_size_is_named() {
        let a = [0.0_f32; 6];
        let mut c = [0.0; 4];
        let (a, c) = (Mat::of(&a, 2, 3), MatMut::of(&mut c, 2, 2));
        let error = gemm(1.0, a, a, 0.0, c).unwrap_err();
        assert_eq!(error.what, "product inner size");
        assert_eq!((error.needed, error.found), (3, 2));
    }
}
