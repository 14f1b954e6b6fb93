//! Singular values and left singular vectors of a matrix of any shape, in place.
//!
//! ```text
//! A = U diag(s) V^T,   A: m x n,   A := U diag(s),   s descending, min(m, n) of them
//! n > m:  A := A H_1 .. H_m, reflections of the columns that leave m of them (U and s stay)
//! then pairs of columns are rotated until all are orthogonal (Hestenes 1958; Golub & Van Loan, 8.6)
//! rank = number of s_i > max(m, n) EPSILON s_1   (the rule of NumPy's `matrix_rank`)
//! ```
//! No Gram matrix: singular values below `sqrt(EPSILON)` of the largest, which a Gram loses, come
//! out with an error of a few `EPSILON` of the largest. Cost: `n m^2` multiply-accumulates for the
//! reflections, then `3 m r^2` a sweep, `r = min(m, n)`, 5 to 9 sweeps. No scratch.

use super::eigen::sort_ascending;
use super::rotation::{column_pair, rotate};
use super::{dot, largest};
use crate::error::{LinalgError, NonFiniteError, ShapeError};
use crate::matrix::MatMut;
use crate::scalar::Real;
use crate::scratch::Carve;

/// As for symmetric matrices: convergence is quadratic, ten sweeps are rare.
const SWEEPS: u32 = 30;

/// Writes the singular values of `a` (`m x n`) and replaces its first `min(m, n)` columns by the
/// left singular vectors times their values, the others by 0. Returns the rank: the number of
/// values above `max(m, n) EPSILON` times the largest.
///
/// ```
/// use nanocurv::MatMut;
/// use nanocurv::linalg::svd_left;
///
/// // Two samples of three features, one a multiple of the other.
/// let (mut a, mut values) = ([2.0_f64, 1.0, 2.0, 4.0, 2.0, 4.0], [0.0; 2]);
/// let rank = svd_left(MatMut::new("a", &mut a, 3, 2)?, &mut values)?;
/// assert_eq!(rank, 1);
/// assert!((values[0] - 45.0_f64.sqrt()).abs() < 1e-14 && values[1] < 1e-15);
/// # Ok::<(), nanocurv::error::LinalgError>(())
/// ```
///
/// # Errors
/// A wrong number of `values`, an entry that is not finite, singular values beyond the largest
/// number, and [`LinalgError::NotConverged`], which no finite matrix is known to reach.
pub fn svd_left<T: Real>(mut a: MatMut<'_, T>, values: &mut [T]) -> Result<usize, LinalgError> {
    let (m, n) = (a.rows(), a.cols());
    let r = m.min(n);
    ShapeError::check("values", r, values.len())?;
    NonFiniteError::check_matrix("a", a.as_ref())?;
    let largest = largest(a.as_ref());
    if largest == T::ZERO {
        values.fill(T::ZERO);
        return Ok(0);
    }
    // Squares of entries that are neither huge nor tiny are safe; others are scaled.
    let (square, guard) = (largest * largest, T::from_usize(m) * T::from_usize(n));
    let floor = T::MIN_POSITIVE / (T::EPSILON * T::EPSILON);
    let scaled = !(square * guard).is_finite() || square < floor;
    if scaled {
        a.columns().for_each(|column| column.iter_mut().for_each(|v| *v /= largest));
    }
    if n > m {
        reflect(&mut a, values);
    }
    let mut a = a.into_block(0, 0, m, r);
    orthogonalise(&mut a)?;
    for (value, column) in values.iter_mut().zip(a.as_ref().columns()) {
        *value = -dot(column, column).sqrt();
    }
    sort_ascending(values, &mut a);
    values.iter_mut().for_each(|value| *value = -*value);
    if scaled {
        a.scale(largest);
        values.iter_mut().for_each(|value| *value *= largest);
        NonFiniteError::check("values", values)?;
    }
    Ok(numerical_rank(values, m, n))
}

/// The number of singular values (descending) of an `m x n` matrix that count:
/// those above `max(m, n) EPSILON` times the largest.
pub fn numerical_rank<T: Real>(values: &[T], m: usize, n: usize) -> usize {
    let floor = T::from_usize(m.max(n)) * T::EPSILON * values.first().copied().unwrap_or(T::ZERO);
    values.iter().take_while(|value| **value > floor).count()
}

/// `A := A H` with a lower triangle in the first `m` columns and 0 in the others. `products` holds
/// `m` values.
fn reflect<T: Real>(a: &mut MatMut<'_, T>, products: &mut [T]) {
    for k in 0..a.rows() {
        let row = || a.as_ref().columns_from(k).map(|column| column.get(k).copied());
        let squared = row().flatten().fold(T::ZERO, |sum, v| sum + v * v);
        let pivot = a.at(k, k);
        let rest = squared - pivot * pivot;
        if rest <= T::ZERO && row().flatten().skip(1).all(|v| v == T::ZERO) {
            continue;
        }
        // H = 1 - 2 v v^T / v^T v with v = row - beta e, beta of the other sign: no cancellation.
        let beta = -squared.sqrt().copysign(pivot);
        a.set(k, k, pivot - beta);
        let factor = T::ONE / (beta * (beta - pivot));
        let products = products.part_mut(..a.rows() - k - 1);
        products.fill(T::ZERO);
        for column in a.as_ref().columns_from(k) {
            if let Some((v, below)) = column.part(k..).split_first() {
                products.iter_mut().zip(below).for_each(|(p, a)| *p += *v * *a);
            }
        }
        for column in a.columns().skip(k) {
            if let Some((v, below)) = column.part_mut(k..).split_first_mut() {
                let v = core::mem::replace(v, T::ZERO) * factor;
                below.iter_mut().zip(products.iter()).for_each(|(a, p)| *a -= v * *p);
            }
        }
        a.set(k, k, beta);
    }
}

/// Rotates pairs of columns until all are orthogonal.
fn orthogonalise<T: Real>(a: &mut MatMut<'_, T>) -> Result<(), LinalgError> {
    let m = T::from_usize(a.rows().max(1));
    let top = a.as_ref().columns().fold(T::ZERO, |top, column| top.max(dot(column, column)));
    // A column this short changes no singular value by more than the error of the largest.
    let short = top * (T::EPSILON * T::of(0.0625)).squared();
    for iterations in 0..=SWEEPS {
        let worst = sweep(a, T::EPSILON * m.sqrt(), short);
        // What rounding keeps alive in the last of them is no failure.
        if worst == T::ZERO || iterations == SWEEPS && worst <= T::EPSILON * m * T::of(4.0) {
            return Ok(());
        }
    }
    Err(LinalgError::NotConverged { iterations: SWEEPS })
}

/// One rotation per pair that is not orthogonal; returns the largest cosine between two columns
/// that was rotated away.
fn sweep<T: Real>(a: &mut MatMut<'_, T>, tolerance: T, short: T) -> T {
    let mut worst = T::ZERO;
    for p in 0..a.cols() {
        for q in p + 1..a.cols() {
            let Some((x, y)) = column_pair(a, p, q) else { continue };
            let (xx, yy, xy) = (dot(x, x), dot(y, y), dot(x, y));
            if xx.min(yy) <= short {
                continue;
            }
            let cosine = xy.abs() / (xx.sqrt() * yy.sqrt());
            if cosine <= tolerance {
                continue;
            }
            worst = worst.max(cosine);
            // t = tan of the smaller angle that makes them orthogonal.
            let theta = (yy - xx) / (T::TWO * xy);
            let t = T::ONE.copysign(theta) / (theta.abs() + (theta * theta + T::ONE).sqrt());
            let c = T::ONE / (t * t + T::ONE).sqrt();
            let s = t * c;
            rotate(x, y, -s, -s / (T::ONE + c));
        }
    }
    worst
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::random::Rng;
    use nalgebra::DMatrix;
    use std::vec;
    use std::vec::Vec;

    fn noise<T: Real>(count: usize, seed: u64) -> Vec<T> {
        let mut rng = Rng::seed(seed);
        (0..count).map(|_| rng.normal()).collect()
    }

    /// Values and vectors against nalgebra's, for every shape and scale.
    #[test]
    fn singular_values_and_vectors_are_those_of_another_route() {
        let shapes = [(1, 1), (1, 5), (5, 1), (4, 4), (3, 9), (9, 3), (20, 31), (31, 20), (2, 40)];
        for ((m, n), scale) in
            shapes.into_iter().flat_map(|shape| [1.0, 1e-170, 1e170].map(|scale| (shape, scale)))
        {
            let a = DMatrix::from_vec(m, n, noise::<f64>(m * n, 3)) * scale;
            let mut b = a.clone();
            let mut values = vec![0.0; m.min(n)];
            let rank = svd_left((&mut b).into(), &mut values).unwrap();
            assert_eq!(rank, m.min(n), "{m} x {n}");
            let reference = (a.clone() / scale).singular_values();
            for (found, needed) in values.iter().zip(&reference) {
                assert!((found / scale - needed).abs() < 1e-14 * reference[0], "{m} x {n}");
            }
            // U diag(s) (U diag(s))^T = A A^T
            let (b, a) = (b / scale, a / scale);
            let difference = &b * b.transpose() - &a * a.transpose();
            assert!(difference.amax() < 1e-13 * reference[0] * reference[0], "{m} x {n}");
        }
    }

    /// A Gram matrix would have lost all below 1.5e-8.
    #[test]
    fn small_singular_values_are_found_and_rounding_is_not_counted() {
        let (m, n) = (6, 15);
        let u = DMatrix::from_vec(m, m, noise::<f64>(m * m, 1)).qr().q();
        let v = DMatrix::from_vec(n, n, noise::<f64>(n * n, 2)).qr().q();
        let given = [1.0, 1e-3, 1e-9, 1e-13, 1e-17, 0.0];
        let mut s = DMatrix::zeros(m, n);
        given.iter().enumerate().for_each(|(i, value)| s[(i, i)] = *value);
        for mut a in [&u * &s * v.transpose(), &v * s.transpose() * u.transpose()] {
            let mut values = [0.0; 6];
            let rank = svd_left((&mut a).into(), &mut values).unwrap();
            assert_eq!(rank, 4);
            for (found, given) in values.iter().zip(given) {
                assert!((found - given).abs() < 2e-15, "{values:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_decomposed_is_an_error_and_nothing_has_rank_zero() {
        let mut values = [1.0_f32; 2];
        let mut zero = DMatrix::<f32>::zeros(2, 3);
        assert_eq!(svd_left((&mut zero).into(), &mut values), Ok(0));
        assert_eq!(values, [0.0; 2]);
        let mut bad = DMatrix::from_element(2, 2, 1.0_f32);
        bad[(1, 1)] = f32::NAN;
        assert!(matches!(
            svd_left((&mut bad).into(), &mut values),
            Err(LinalgError::NonFinite(e)) if e.index == 3
        ));
        let mut huge = DMatrix::from_element(2, 2, f32::MAX);
        assert!(matches!(
            svd_left((&mut huge).into(), &mut values),
            Err(LinalgError::NonFinite(e)) if e.what == "values"
        ));
        assert!(matches!(
            svd_left((&mut zero).into(), &mut values[..1]),
            Err(LinalgError::Shape(_))
        ));
    }
}
