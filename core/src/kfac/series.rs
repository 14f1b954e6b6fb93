//! Temporal blocks: a layer used at T steps of a sequence.
//!
//! ```text
//! C0 = 1/(N T) sum_{t,n} z_t z_t^T,   C1 = 1/(N T) sum_{t<T,n} z_{t+1} z_t^T     z: a (inputs) or g (outputs)
//! l = lambda / T, split by pi over A0 and G0; C0 := C0 + d I below, S = C0^-1/2
//!
//! option 1 (cross-covariances symmetric): exactly the inverse of
//!   F1 = sum_{|d|<T} (T - |d|) Psi^|d| (A0 (x) G0),  Psi = (A1s A0^-1) (x) (G1s G0^-1),  C1s = (C1 + C1^T)/2
//!   S C1s S = U diag(psi) U^T,  L = S U
//!   V := L_A ((L_A^T V L_G) ./ s(psi_A psi_G^T)) L_G^T,  s(x) = T + 2 sum_{d=1}^{T-1} (T - d) x^d
//!
//! option 2 (infinitely long sequences): exactly the inverse of
//!   F2 = T (V0 + sum_{d>=1} Psi^d V0 + (Psi^d V0)^T),  V0 = A0 (x) G0,  Psi = P_A (x) P_G,  P = C1^T C0^-1
//!   H = S C1 S,  H^T H = E diag(mu) E^T,  mu <= 1,  K = S E
//!   V := V - P_A V P_G^T;  V := (K_A^T V K_G) ./ (1 - mu_A mu_G^T);  V := K_A V K_G^T;  V := V - P_A^T V P_G;  V := V / T
//! ```
//! Independence over time is [`Kronecker`](super::Kronecker) of A0 and G0 with replication count T.
//! Martens, Ba & Johnson, "Kronecker-factored curvature approximations for recurrent neural
//! networks" (2018). psi keeps its sign (by its absolute value the result is no inverse) and s is
//! the polynomial near 1, where its closed form is 0/0.

use super::damping::{Damping, Split};
use super::eigen::{decompose, positive};
use super::error::{KfacError, Side};
use super::kronecker::{Kronecker, scale};
use crate::error::{LinalgError, ShapeError, size};
use crate::linalg::{eigh_scratch, gemm, gemm_nt, gemm_tn, syrk_nt};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// `C0 := keep C0 + weight sum z_t z_t^T` and `C1 := keep C1 + weight sum_{t<T} z_{t+1} z_t^T`
/// with `weight` = share / (N T). Both in one call, so that they stay consistent.
///
/// `z`: dim x (T N), the sequences of one step beside each other, step after step.
///
/// # Errors
/// [`KfacError::Renorm`] unless the columns are a multiple of `steps`; [`ShapeError`].
pub fn series_covariances<T: Real>(
    z: Mat<'_, T>,
    steps: usize,
    keep: T,
    share: T,
    mut c0: MatMut<'_, T>,
    c1: MatMut<'_, T>,
) -> Result<(), KfacError> {
    let sequences = z.cols().checked_div(steps).ok_or(KfacError::Renorm)?;
    ShapeError::check("z columns (steps x sequences)", sequences * steps, z.cols())?;
    let weight = share / T::from_usize(z.cols().max(1));
    syrk_nt(weight, z, keep, c0.reborrow())?;
    c0.mirror_lower();
    let kept = sequences * steps.saturating_sub(1);
    let (present, future) = (z.columns_range(0, kept), z.columns_range(sequences, kept));
    if kept == 0 {
        let mut c1 = c1;
        c1.as_ref().check(("C1 rows", "C1 columns"), z.rows(), z.rows())?;
        super::statistics::keep(&mut c1, keep);
        return Ok(());
    }
    Ok(gemm_nt(weight, future, present, keep, c1)?)
}

/// The covariances of a layer used at `steps` steps.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a, T> {
    block: Kronecker<'a, T>,
    a1: Mat<'a, T>,
    g1: Mat<'a, T>,
    steps: usize,
}

/// Which temporal model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesOption {
    /// Finite T, reversible dynamics.
    One,
    /// Infinitely long sequences, any dynamics.
    Two,
}

/// Storage of [`Series::factor`].
pub const fn series_len(inputs: usize, outputs: usize) -> usize {
    // Option 2: P, K, mu for each side. Option 1 has no P.
    2 * inputs * inputs + inputs + 2 * outputs * outputs + outputs
}

/// Scratch of [`Series::factor`].
pub const fn series_factor_scratch(inputs: usize, outputs: usize) -> usize {
    let n = if inputs > outputs { inputs } else { outputs };
    4 * n * n + eigh_scratch(n)
}

/// Scratch of [`FactoredSeries::solve`].
pub const fn series_solve_scratch(inputs: usize, outputs: usize) -> usize {
    2 * inputs * outputs
}

/// Scratch of [`Series::solve`].
pub const fn series_scratch(inputs: usize, outputs: usize) -> usize {
    let (a, b) = (series_factor_scratch(inputs, outputs), series_solve_scratch(inputs, outputs));
    series_len(inputs, outputs) + if a > b { a } else { b }
}

impl<'a, T: Real> Series<'a, T> {
    /// Covariances of inputs (A0, and A1 with the later step first) and of output gradients.
    ///
    /// # Errors
    /// [`KfacError::Renorm`] for zero steps, [`ShapeError`] if the sizes do not fit.
    pub fn new(
        (a0, a1): (Mat<'a, T>, Mat<'a, T>),
        (g0, g1): (Mat<'a, T>, Mat<'a, T>),
        steps: usize,
    ) -> Result<Self, KfacError> {
        if steps == 0 {
            return Err(KfacError::Renorm);
        }
        a1.check(("A1 rows", "A1 columns"), a0.rows(), a0.rows())?;
        g1.check(("G1 rows", "G1 columns"), g0.rows(), g0.rows())?;
        let block = Kronecker::new(a0, g0)?.with_renorm(T::from_usize(steps))?;
        Ok(Self { block, a1, g1, steps })
    }

    /// The block under independence over time: `T (A0 (x) G0)`.
    pub const fn independent(&self) -> Kronecker<'a, T> {
        self.block
    }

    /// The damping of A0 and G0: `lambda / T`, split by pi.
    ///
    /// # Errors
    /// Those of [`Split::new`].
    pub fn split(&self, lambda: T) -> Result<Split<T>, KfacError> {
        self.block.split(lambda, Damping::Pi)
    }

    /// Prepares the inverse for many products. `storage`: [`series_len`], `scratch`:
    /// [`series_factor_scratch`].
    ///
    /// # Errors
    /// [`KfacError::Factor`] naming the factor whose damped C0 is not positive definite, and the
    /// index of its eigenvalue.
    pub fn factor<'s>(
        &self,
        option: SeriesOption,
        split: Split<T>,
        storage: &'s mut [T],
        scratch: &mut [T],
    ) -> Result<FactoredSeries<'s, T>, KfacError> {
        let (n, m) = (self.block.input.rows(), self.block.output.rows());
        Scratch::new(scratch, series_factor_scratch(n, m))?;
        let mut storage = Scratch::new(storage, series_len(n, m))?;
        let mut side = |c0: Mat<'_, T>, c1, damping, side| -> Result<_, KfacError> {
            let n = c0.rows();
            let parts = (storage.matrix(n, n)?, storage.matrix(n, n)?, storage.take(n)?);
            side_factors(option, c0, c1, damping, side, parts, scratch)
        };
        let input = side(self.block.input, self.a1, split.input, Side::Input)?;
        let output = side(self.block.output, self.g1, split.output, Side::Output)?;
        Ok(FactoredSeries { option, input, output, steps: self.steps })
    }

    /// `V := F^-1 V`, V in x out, factored for this one product, damping `lambda` split by pi.
    /// `scratch`: [`series_scratch`].
    ///
    /// # Errors
    /// Those of [`Series::factor`] and [`FactoredSeries::solve`].
    pub fn solve(
        &self,
        option: SeriesOption,
        lambda: T,
        v: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KfacError> {
        self.block.check(v.as_ref())?;
        let (n, m) = (self.block.input.rows(), self.block.output.rows());
        let mut scratch = Scratch::new(scratch, series_scratch(n, m))?;
        let storage = scratch.take(series_len(n, m))?;
        let rest = scratch.rest();
        self.factor(option, self.split(lambda)?, storage, rest)?.solve(v, rest)
    }
}

/// What one side contributes.
#[derive(Clone, Copy, Debug)]
pub struct SeriesSide<'a, T> {
    /// L of option 1, K of option 2: dim x dim.
    pub basis: Mat<'a, T>,
    /// P of option 2.
    pub transition: Mat<'a, T>,
    /// psi of option 1, mu of option 2, ascending.
    pub values: &'a [T],
}

/// (L, -, psi) or (K, P, mu). Scratch: 4 n^2 and that of the eigendecomposition.
fn side_factors<'s, T: Real>(
    option: SeriesOption,
    c0: Mat<'_, T>,
    c1: Mat<'_, T>,
    damping: T,
    side: Side,
    (mut basis, mut transition, values): (MatMut<'s, T>, MatMut<'s, T>, &'s mut [T]),
    scratch: &mut [T],
) -> Result<SeriesSide<'s, T>, KfacError> {
    let n = c0.rows();
    let mut scratch = Scratch::new(scratch, 4 * n * n + eigh_scratch(n))?;
    let (mut s, mut h, q) = (scratch.matrix(n, n)?, scratch.matrix(n, n)?, scratch.matrix(n, n)?);
    let rest = scratch.rest();

    // S = Q (c + d)^-1/2 Q^T: the columns of Q by the fourth root, squared.
    let mut q = q;
    decompose(c0, side, values, q.reborrow(), rest)?;
    for (k, (value, q)) in values.iter().zip(q.columns()).enumerate() {
        let value = *value + damping;
        if !(value > T::ZERO && value.is_finite()) {
            return Err(KfacError::of(side)(LinalgError::NotPositive { pivot: size(k) }));
        }
        let root = T::ONE / value.sqrt().sqrt();
        q.iter_mut().for_each(|q| *q *= root);
    }
    syrk_nt(T::ONE, q.as_ref(), T::ZERO, s.reborrow())?;
    s.mirror_lower();

    // H = S C1 S, with W = S C1.
    let mut w = transition.reborrow();
    gemm(T::ONE, s.as_ref(), c1, T::ZERO, w.reborrow())?;
    gemm(T::ONE, w.as_ref(), s.as_ref(), T::ZERO, h.reborrow())?;
    match option {
        SeriesOption::One => {
            // The symmetric part of H is S C1s S.
            q.copy_from(h.as_ref());
            for (j, h) in h.columns().enumerate() {
                for (i, h) in h.iter_mut().enumerate() {
                    *h = T::HALF * (q.at(i, j) + q.at(j, i));
                }
            }
            crate::linalg::eigh(h, values, q.reborrow(), rest).map_err(KfacError::of(side))?;
        }
        SeriesOption::Two => {
            let mut squared = basis.reborrow();
            crate::linalg::syrk_tn(T::ONE, h.as_ref(), T::ZERO, squared.reborrow())?;
            squared.mirror_lower();
            decompose(squared.as_ref(), side, values, q.reborrow(), rest)?;
            // Above 1 only where C0 and C1 are inconsistent.
            values.iter_mut().for_each(|mu| *mu = mu.min(T::ONE));
            // P = C1^T C0^-1 = W^T S
            gemm_tn(T::ONE, w.as_ref(), s.as_ref(), T::ZERO, h.reborrow())?;
            transition.copy_from(h.as_ref());
        }
    }
    gemm(T::ONE, s.as_ref(), q.as_ref(), T::ZERO, basis.reborrow())?;
    let (basis, transition) = (basis.into_ref(), transition.into_ref());
    Ok(SeriesSide { basis, transition, values })
}

/// The inverse of a temporal block, ready for products: [`Series::factor`].
#[derive(Clone, Copy, Debug)]
pub struct FactoredSeries<'a, T> {
    option: SeriesOption,
    /// The inputs' side.
    pub input: SeriesSide<'a, T>,
    /// The output gradients' side.
    pub output: SeriesSide<'a, T>,
    steps: usize,
}

impl<T: Real> FactoredSeries<'_, T> {
    /// `V := F^-1 V`, V in x out. `scratch`: [`series_solve_scratch`].
    ///
    /// # Errors
    /// [`KfacError::NotPositive`] with the pair of eigenvalues at which F is not positive.
    pub fn solve(&self, mut v: MatMut<'_, T>, scratch: &mut [T]) -> Result<(), KfacError> {
        let (n, m) = (self.input.basis.rows(), self.output.basis.rows());
        v.as_ref().check(("V rows", "V columns"), n, m)?;
        let mut scratch = Scratch::new(scratch, series_solve_scratch(n, m))?;
        let (mut w, mut u) = (scratch.matrix(n, m)?, scratch.matrix(n, m)?);
        let (a, g) = (&self.input, &self.output);
        if self.option == SeriesOption::Two {
            // V := V - P_A V P_G^T
            gemm(T::ONE, a.transition, v.as_ref(), T::ZERO, w.reborrow())?;
            gemm_nt(-T::ONE, w.as_ref(), g.transition, T::ONE, v.reborrow())?;
        }
        gemm_tn(T::ONE, a.basis, v.as_ref(), T::ZERO, w.reborrow())?;
        gemm(T::ONE, w.as_ref(), g.basis, T::ZERO, u.reborrow())?;
        for (j, (u, g)) in u.columns().zip(g.values).enumerate() {
            for (i, (u, a)) in u.iter_mut().zip(a.values).enumerate() {
                *u /= positive(self.denominator(*a * *g), i, j)?;
            }
        }
        gemm(T::ONE, a.basis, u.as_ref(), T::ZERO, w.reborrow())?;
        gemm_nt(T::ONE, w.as_ref(), g.basis, T::ZERO, v.reborrow())?;
        if self.option == SeriesOption::Two {
            // V := (V - P_A^T V P_G) / T
            gemm_tn(T::ONE, a.transition, v.as_ref(), T::ZERO, w.reborrow())?;
            gemm(-T::ONE, w.as_ref(), g.transition, T::ONE, v.reborrow())?;
            scale(&mut v, T::ONE / T::from_usize(self.steps));
        }
        Ok(())
    }

    fn denominator(&self, x: T) -> T {
        match self.option {
            SeriesOption::One => sum_over_steps(self.steps, x),
            SeriesOption::Two if x == T::ONE => T::ONE,
            SeriesOption::Two => T::ONE - x,
        }
    }
}

/// `s(x) = T + 2 sum_{d=1}^{T-1} (T - d) x^d`, in its closed form
/// `(T (1 - x^2) - 2 x (1 - x^T)) / (1 - x)^2` where that does not cancel.
pub fn sum_over_steps<T: Real>(steps: usize, x: T) -> T {
    let count = T::from_usize(steps);
    if steps > 16 && x < T::HALF && x > -T::HALF {
        let rest = T::ONE - x;
        let power = x.powi(u32::try_from(steps).unwrap_or(u32::MAX));
        return (count * (T::ONE - x * x) - T::TWO * x * (T::ONE - power)) / (rest * rest);
    }
    // Horner over d, from T - 1 down to 1.
    let (mut sum, mut weight) = (T::ZERO, T::ZERO);
    for _ in 1..steps {
        weight += T::ONE;
        sum = (sum + weight) * x;
    }
    count + T::TWO * sum
}
