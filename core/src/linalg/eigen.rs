//! Symmetric eigendecomposition on the caller's memory.
//!
//! ```text
//! A = V diag(values) V^T,   A: n x n symmetric, values ascending, V: n x n orthogonal
//! ```
//! Two methods behind one entry, [`eigh`]:
//! - cyclic Jacobi ([`jacobi_eigh`]; Golub & Van Loan, section 8.5): no scratch, a few hundred
//!   bytes of code, about `6 n^3` multiply-accumulates a sweep and 5 to 9 sweeps. Small
//!   eigenvalues of a positive semidefinite matrix come out as well as its entries deserve;
//! - on the host (feature `std`) above [`JACOBI_LIMIT`]: Householder tridiagonalisation and
//!   implicit QR, see `tridiagonal`.
//!
//! A firmware image never links the second. Error: `|A V - V diag(values)|` and `|V^T V - I|` are
//! a small multiple of `n EPSILON` (times `|A|`), whatever the spectrum: repeated, zero, clustered.

use super::largest;
use super::rotation::{column_pair, rotate};
#[cfg(feature = "std")]
use super::tridiagonal;
use crate::error::{LinalgError, NonFiniteError, ShapeError, size};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};
use core::cmp::Ordering;

/// The largest size that [`eigh`] gives to [`jacobi_eigh`] where it has the choice.
pub const JACOBI_LIMIT: usize = 32;

/// Jacobi converges quadratically from the third or fourth sweep on; ten is rare.
const SWEEPS: u32 = 30;

/// How an eigendecomposition went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct EighInfo {
    /// Jacobi sweeps, or QR sweeps over the tridiagonal matrix.
    pub iterations: u32,
}

/// The scratch of [`eigh`], in values: none up to [`JACOBI_LIMIT`].
/// The host's method for larger matrices takes `50 n`; the same with and without `std`, so that
/// a plan made on the host holds for the target.
pub const fn eigh_scratch(n: usize) -> usize {
    if n <= JACOBI_LIMIT { 0 } else { 50_usize.saturating_mul(n) }
}

/// The eigenvalues of the symmetric `a`, ascending, and its eigenvectors as the columns of
/// `vectors`. Reads the lower triangle of `a` and overwrites the matrix.
///
/// `a` and `vectors` are `n x n`, `values` holds `n`, `scratch` at least [`eigh_scratch`].
///
/// ```
/// use nanocurv::linalg::{eigh, eigh_scratch};
/// use nanocurv::{Mat, MatMut};
///
/// let (mut a, mut values, mut vectors) = ([2.0_f32, 1.0, 1.0, 2.0], [0.0; 2], [0.0; 4]);
/// let mut scratch = [0.0; eigh_scratch(2)];
/// eigh(
///     MatMut::new("a", &mut a, 2, 2)?,
///     &mut values,
///     MatMut::new("vectors", &mut vectors, 2, 2)?,
///     &mut scratch,
/// )?;
/// assert!((values[0] - 1.0).abs() < 1e-6 && (values[1] - 3.0).abs() < 1e-6);
/// # Ok::<(), nanocurv::error::LinalgError>(())
/// ```
///
/// # Errors
/// Wrong sizes, a short scratch, an entry of the lower triangle that is not finite, or so large
/// that `4 n` times it is not (its position in `a`), and [`LinalgError::NotConverged`], which no
/// finite matrix is known to reach.
pub fn eigh<T: Real>(
    a: MatMut<'_, T>,
    values: &mut [T],
    vectors: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<EighInfo, LinalgError> {
    let n = a.rows();
    Scratch::new(scratch, eigh_scratch(n))?;
    #[cfg(feature = "std")]
    if n > JACOBI_LIMIT {
        check(a.as_ref(), values, vectors.as_ref())?;
        return tridiagonal::eigh(a, values, vectors, scratch);
    }
    jacobi_eigh(a, values, vectors)
}

/// As [`eigh`], by cyclic Jacobi at every size: no scratch, small code.
///
/// # Errors
/// As [`eigh`].
pub fn jacobi_eigh<T: Real>(
    mut a: MatMut<'_, T>,
    values: &mut [T],
    mut vectors: MatMut<'_, T>,
) -> Result<EighInfo, LinalgError> {
    check(a.as_ref(), values, vectors.as_ref())?;
    a.mirror_lower();
    vectors.fill(T::ZERO);
    vectors.add_diagonal(T::ONE);
    let norm = largest(a.as_ref());

    let mut iterations = 0;
    while !sweep(&mut a, values, &mut vectors) {
        iterations += 1;
        if iterations == SWEEPS {
            // What rounding keeps alive below the matrix's own error is no failure.
            if off_diagonal(a.as_ref()) > norm * T::EPSILON * T::from_usize(a.rows()) {
                return Err(LinalgError::NotConverged { iterations });
            }
            break;
        }
    }
    for (j, (value, col)) in values.iter_mut().zip(a.as_ref().columns()).enumerate() {
        *value = col.get(j).copied().unwrap_or(T::ZERO);
    }
    sort_ascending(values, &mut vectors);
    Ok(EighInfo { iterations })
}

/// The shapes of an eigendecomposition, and that the lower triangle is finite and small enough for
/// rotations and eigenvalues, at most `n` times the largest entry, not to overflow.
fn check<T: Real>(a: Mat<'_, T>, values: &[T], vectors: Mat<'_, T>) -> Result<(), LinalgError> {
    let n = a.rows();
    ShapeError::check("a columns", n, a.cols())?;
    ShapeError::check("values", n, values.len())?;
    vectors.check(("vectors rows", "vectors columns"), n, n)?;
    let limit = T::MAX / (T::of(4.0) * T::from_usize(n).max(T::ONE));
    for (j, col) in a.columns().enumerate() {
        let mut lower = col.iter().enumerate().skip(j);
        if let Some((i, v)) =
            lower.find(|(_, v)| v.abs().partial_cmp(&limit).is_none_or(Ordering::is_gt))
        {
            let index = size(i.saturating_add(j.saturating_mul(a.stride())));
            let what = if v.is_finite() { "4 n a" } else { "a" };
            return Err(NonFiniteError { what, index }.into());
        }
    }
    Ok(())
}

/// `Ok` if the matrix is square and symmetric, up to `sqrt(EPSILON)` of its largest entry: what
/// computing it once in half the digits leaves, but no transposed or misplaced block.
///
/// # Errors
/// The shape, a value that is not finite, or the first entry that differs from its mirror image.
pub fn check_symmetric<T: Real>(a: Mat<'_, T>) -> Result<(), LinalgError> {
    ShapeError::check("a columns", a.rows(), a.cols())?;
    NonFiniteError::check_matrix("a", a)?;
    let tolerance = largest(a) * T::of(1.5e-8).max(T::EPSILON * T::of(3000.0));
    let n = a.rows();
    // Some columns at a time, so that their mirror images are read in pieces that lie together.
    for first in (0..n).step_by(8) {
        let width = 8.min(n - first);
        for (row, mirror) in a.columns().enumerate().skip(first) {
            let mirror = mirror.part(first..first + width);
            for (col, mirrored) in (first..).zip(mirror) {
                if (a.at(row, col) - *mirrored).abs() > tolerance {
                    let (row, col) = (size(row.max(col)), size(row.min(col)));
                    return Err(LinalgError::NotSymmetric { row, col });
                }
            }
        }
    }
    Ok(())
}

/// One rotation per pair `p < q` whose entry matters; true if none did.
fn sweep<T: Real>(a: &mut MatMut<'_, T>, spare: &mut [T], vectors: &mut MatMut<'_, T>) -> bool {
    let n = a.rows();
    let mut converged = true;
    for p in 0..n {
        for q in p + 1..n {
            let (app, aqq, apq) = (a.at(p, p), a.at(q, q), a.at(q, p));
            // Negligible beside both: adding it changes neither.
            let small = apq.abs() * T::HALF;
            if app.abs() + small == app.abs() && aqq.abs() + small == aqq.abs() {
                continue;
            }
            converged = false;
            // t = tan of the smaller angle that annihilates a_pq.
            let theta = (aqq - app) / (T::TWO * apq);
            let t = T::ONE.copysign(theta) / (theta.abs() + (theta * theta + T::ONE).sqrt());
            let c = T::ONE / (t * t + T::ONE).sqrt();
            let s = t * c;
            let tau = -s / (T::ONE + c);
            // A := J^T A J: the two columns are computed, the two rows are their mirror image.
            if let Some((x, y)) = column_pair(a, p, q) {
                rotate(x, y, -s, tau);
            }
            a.set(p, p, app - t * apq);
            a.set(q, q, aqq + t * apq);
            a.set(q, p, T::ZERO);
            a.set(p, q, T::ZERO);
            mirror_column(a, p, spare);
            mirror_column(a, q, spare);
            if let Some((x, y)) = column_pair(vectors, p, q) {
                rotate(x, y, -s, tau);
            }
        }
    }
    converged
}

/// Row `j` := column `j`.
fn mirror_column<T: Real>(a: &mut MatMut<'_, T>, j: usize, spare: &mut [T]) {
    spare.iter_mut().zip(a.as_ref().col(j)).for_each(|(to, from)| *to = *from);
    for (col, value) in a.columns().zip(spare.iter()) {
        if let Some(entry) = col.get_mut(j) {
            *entry = *value;
        }
    }
}

/// The largest absolute value below the diagonal.
fn off_diagonal<T: Real>(a: Mat<'_, T>) -> T {
    a.columns()
        .enumerate()
        .flat_map(|(j, col)| col.iter().skip(j + 1))
        .fold(T::ZERO, |largest, v| largest.max(v.abs()))
}

/// Orders the values, and the columns with them (selection: at most `n` exchanges of columns).
pub(super) fn sort_ascending<T: Real>(values: &mut [T], vectors: &mut MatMut<'_, T>) {
    for i in 0..values.len() {
        let smallest = values
            .iter()
            .enumerate()
            .skip(i)
            .fold((i, T::MAX), |best, (k, v)| if *v < best.1 { (k, *v) } else { best });
        if smallest.0 != i {
            if let Some((head, tail)) = values.split_at_mut_checked(smallest.0)
                && let (Some(x), Some(y)) = (head.get_mut(i), tail.first_mut())
            {
                core::mem::swap(x, y);
            }
            if let Some((x, y)) = column_pair(vectors, i, smallest.0) {
                x.iter_mut().zip(y).for_each(|(u, v)| core::mem::swap(u, v));
            }
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use nalgebra::DMatrix;
    use std::vec::Vec;
    use std::{format, vec};

    type Method<T> =
        fn(MatMut<'_, T>, &mut [T], MatMut<'_, T>, &mut [T]) -> Result<EighInfo, LinalgError>;

    /// Jacobi, and the host's method at every size.
    fn methods<T: Real>() -> Vec<Method<T>> {
        vec![
            |a, values, vectors, _| jacobi_eigh(a, values, vectors),
            |a, values, vectors, scratch| {
                check(a.as_ref(), values, vectors.as_ref())?;
                tridiagonal::eigh(a, values, vectors, scratch)
            },
        ]
    }

    fn orthogonal(n: usize, seed: u64) -> DMatrix<f64> {
        let mut seed = seed;
        let noise = DMatrix::from_fn(n, n, |_, _| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        });
        noise.qr().q()
    }

    /// Spectra that break careless eigensolvers.
    fn spectra(n: usize) -> Vec<(&'static str, Vec<f64>)> {
        let each = |f: &dyn Fn(usize) -> f64| (0..n).map(f).collect::<Vec<_>>();
        vec![
            ("zero", each(&|_| 0.0)),
            ("identity", each(&|_| 1.0)),
            ("spread", each(&|i| i as f64 - n as f64 / 3.0)),
            ("rank one", each(&|i| if i == 0 { 3.0 } else { 0.0 })),
            ("twofold", each(&|i| (i / 2) as f64 + 1.0)),
            ("clustered", each(&|i| 1.0 + 1e-14 * i as f64)),
            ("two clusters", each(&|i| if i % 2 == 0 { -1.0 } else { 1.0 + 1e-9 * i as f64 })),
            ("graded", each(&|i| 10.0_f64.powf(-18.0 * i as f64 / n as f64))),
            ("large", each(&|i| 1e30 * (1.0 + i as f64))),
            ("small", each(&|i| 1e-30 * (1.0 + i as f64))),
        ]
    }

    fn laws<T: Real + nalgebra::ComplexField<RealField = T>>(sizes: &[usize]) {
        let to = |x: f64| <T as Real>::of(x);
        for (&n, method) in
            sizes.iter().flat_map(|n| methods::<T>().into_iter().map(move |m| (n, m)))
        {
            for (name, mut spectrum) in spectra(n) {
                let q = orthogonal(n, 7 + n as u64);
                let a64 = &q
                    * DMatrix::from_diagonal(&nalgebra::DVector::from_vec(spectrum.clone()))
                    * q.transpose();
                let a = a64.map(to);
                let (mut work, mut values) = (a.clone(), vec![T::ZERO; n]);
                let mut vectors = DMatrix::from_element(n, n, T::NAN);
                let mut scratch = vec![T::NAN; 50 * n];
                let label = format!("{name}, n = {n}");
                method((&mut work).into(), &mut values, (&mut vectors).into(), &mut scratch)
                    .expect(&label);
                spectrum.sort_by(f64::total_cmp);
                let norm = spectrum.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                let eps = Real::to_f64(T::EPSILON) * n as f64 * 4.0;

                let (v, d) = (
                    vectors.map(Real::to_f64),
                    DMatrix::from_diagonal(&nalgebra::DVector::from_iterator(
                        n,
                        values.iter().map(|v| Real::to_f64(*v)),
                    )),
                );
                let a = a.map(Real::to_f64);
                let tiny = if norm == 0.0 { f64::MIN_POSITIVE } else { norm };
                let symmetric = DMatrix::from_fn(n, n, |i, j| a[(i.max(j), i.min(j))]);
                let residual = (&symmetric * &v - &v * &d).amax();
                assert!(residual <= eps * tiny, "{label}: residual {}", residual / tiny);
                let gram = (v.transpose() * &v - DMatrix::identity(n, n)).amax();
                assert!(gram <= eps, "{label}: orthogonality {gram}");
                for (value, exact) in values.iter().zip(&spectrum) {
                    let error = (Real::to_f64(*value) - exact).abs();
                    assert!(error <= eps * tiny, "{label}: value {}", error / tiny);
                }
                assert!(values.windows(2).all(|w| w[0] <= w[1]), "{label}: order");
            }
        }
    }

    #[test]
    fn decompositions_reproduce_the_matrix_in_f64() {
        laws::<f64>(&[1, 2, 3, 4, 5, 9, 16, 33, 70]);
    }

    #[test]
    fn decompositions_reproduce_the_matrix_in_f32() {
        laws::<f32>(&[1, 2, 3, 5, 8, 17, 32, 65]);
    }

    #[test]
    fn integer_matrices_are_exact_enough() {
        // The path graph: 2 - 2 cos(pi k / (n + 1)).
        let n = 12;
        for method in methods::<f64>() {
            let mut a = DMatrix::from_fn(n, n, |i, j| match i.abs_diff(j) {
                0 => 2.0,
                1 => -1.0,
                _ => 0.0,
            });
            let (mut values, mut vectors) = (vec![0.0; n], DMatrix::zeros(n, n));
            method((&mut a).into(), &mut values, (&mut vectors).into(), &mut vec![0.0; 50 * n])
                .unwrap();
            for (k, value) in values.iter().enumerate() {
                let angle = core::f64::consts::PI * (k + 1) as f64 / (n + 1) as f64;
                assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn jacobi_keeps_the_small_eigenvalues_of_a_graded_matrix() {
        let mut a = DMatrix::from_row_slice(2, 2, &[1e10, 1.0, 1.0, 1e-8]);
        let (mut values, mut vectors) = ([0.0; 2], DMatrix::zeros(2, 2));
        jacobi_eigh((&mut a).into(), &mut values, (&mut vectors).into()).unwrap();
        assert!((values[0] / (1e-8 - 1e-10) - 1.0).abs() < 1e-10);
    }

    #[test]
    fn exactly_the_scratch_asked_for_is_enough() {
        for n in [1, 32, 33, 40] {
            let needed = eigh_scratch(n);
            let run = |len: usize| {
                let (mut a, mut vectors) = (DMatrix::<f64>::identity(n, n), DMatrix::zeros(n, n));
                let mut values = vec![0.0; n];
                eigh((&mut a).into(), &mut values, (&mut vectors).into(), &mut vec![0.0; len])
            };
            assert!(run(needed).is_ok());
            if needed > 0 {
                assert!(matches!(run(needed - 1), Err(LinalgError::Scratch(_))));
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_an_error_with_its_place() {
        for n in [3, 40] {
            for bad in [f64::NAN, f64::INFINITY] {
                let mut a = DMatrix::<f64>::identity(n, n);
                a[(2, 1)] = bad;
                let (mut values, mut vectors) = (vec![0.0; n], DMatrix::zeros(n, n));
                let mut scratch = vec![0.0; eigh_scratch(n)];
                let e = eigh((&mut a).into(), &mut values, (&mut vectors).into(), &mut scratch);
                let index = size(n + 2);
                assert_eq!(e.unwrap_err(), NonFiniteError { what: "a", index }.into());
            }
        }
    }

    #[test]
    fn an_entry_that_differs_from_its_mirror_image_is_named() {
        let mut a = DMatrix::<f64>::identity(4, 4);
        assert_eq!(check_symmetric((&a).into()), Ok(()));
        a[(1, 3)] = 1e-12;
        assert_eq!(check_symmetric((&a).into()), Ok(()));
        a[(1, 3)] = 1e-3;
        let error = LinalgError::NotSymmetric { row: 3, col: 1 };
        assert_eq!(check_symmetric((&a).into()), Err(error));
    }

    #[test]
    fn an_empty_matrix_has_no_eigenvalues() {
        let mut none: [f64; 0] = [];
        let info = eigh(MatMut::of(&mut [], 0, 0), &mut none, MatMut::of(&mut [], 0, 0), &mut []);
        assert_eq!(info, Ok(EighInfo { iterations: 0 }));
    }
}
