//! The linear teacher: the data of the double-descent experiments.
//!
//! ```text
//! X0 = N(0, 1) diag(sigma)              n x d,   X0 = U S V^T
//! X  = X0 T,   T = V S^-1 F V^T         F replaces the singular values (modulation)
//!              T = V S^-1 F             and X^T X = F^2 is diagonal (decoupled)
//!              T = V                    decoupled only
//! y  = X beta + noise                   training data; test data go through the same T, without noise
//! ```
//! The test data's own singular values are not `F`: their covariance is `T^T diag(sigma^2) T`.
//!
//! `S` and `V` come from the eigendecomposition of `X0^T X0`, in descending order, each vector with
//! its largest entry positive. The draws are, in this order: the teacher (if it is not given), the
//! inputs sample by sample, the noise (per sample the choice of its level and a normal), and then
//! the test inputs.

use super::DynamicsError;
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::{dot, eigh, eigh_scratch, reverse, syrk_nt};
use crate::matrix::{Mat, MatMut};
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// The standard deviations of the inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scales<'a, T> {
    /// 1 for the first half of the features (rounded down), 0.01 for the rest.
    Halves,
    /// The same for all.
    Constant(T),
    /// One per feature.
    Each(&'a [T]),
    /// A geometric sequence between two ends.
    Geometric(T, T),
}

/// New singular values for the training inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Modulation<T> {
    /// The second level beside 1.
    pub kappa: T,
    /// How many singular values are 1; the rest are `kappa`. By default half of them, rounded up.
    pub ones: Option<usize>,
    /// Evenly spaced from 1 to `kappa` in place of two levels.
    pub continuous: bool,
    /// How many are 0 (at least `d - n`).
    pub zeros: usize,
}

/// How the data are made.
///
/// ```
/// use nanocurv::{MatMut, Mat, dynamics::teacher::*, random::Rng};
///
/// let teacher = Teacher {
///     modulation: Some(Modulation { kappa: 10.0, ones: Some(1), continuous: false, zeros: 0 }),
///     decoupled: true,
///     noise: (1.0, 1.0),
///     ..Teacher::default()
/// };
/// let (mut x, mut y, mut beta) = ([0.0_f64; 20], [0.0; 10], [1.0, 1.0]);
/// let (mut map, mut singular_values) = ([0.0; 4], [0.0; 2]);
/// teacher.sample(
///     &mut Rng::seed(12),
///     &mut beta,
///     MatMut::from_array::<2, 10, _>(&mut x),
///     &mut y,
///     MatMut::from_array::<2, 2, _>(&mut map),
///     &mut singular_values,
///     &mut [0.0; teacher_scratch(2)],
/// )?;
/// assert_eq!(singular_values, [10.0, 1.0]);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Teacher<'a, T> {
    /// The standard deviations of the inputs before any map.
    pub scales: Scales<'a, T>,
    /// Divides them by `sqrt(d)`.
    pub normalized: bool,
    /// The standard deviations of the noise: of the first half of the draws (rounded up) and of
    /// the rest, shuffled; or, coupled, along singular directions of `sigma^2 >= 1` and of less.
    pub noise: (T, T),
    /// Noise along the left singular vectors of the training inputs.
    pub coupled_noise: bool,
    /// New singular values.
    pub modulation: Option<Modulation<T>>,
    /// Rotates the inputs such that `X^T X` is diagonal.
    pub decoupled: bool,
    /// Undoes the effect of the modulation on the targets: `beta <- F^-1 beta` in the basis of the
    /// singular directions, those of singular value 0 untouched.
    pub scale_beta: bool,
}

impl<T: Real> Default for Teacher<'_, T> {
    fn default() -> Self {
        Self {
            scales: Scales::Constant(T::ONE),
            normalized: false,
            noise: (T::ZERO, T::ZERO),
            coupled_noise: false,
            modulation: None,
            decoupled: false,
            scale_beta: false,
        }
    }
}

/// The scratch of the [`Teacher`]'s operations in `d` dimensions.
pub const fn teacher_scratch(d: usize) -> usize {
    2 * d * d + d + eigh_scratch(d)
}

impl<T: Real> Modulation<T> {
    /// Writes the singular values, descending, for `n` samples and `f.len()` features.
    ///
    /// # Errors
    /// More zeros or ones than there is room for, a `kappa` that is negative or not finite.
    pub fn singular_values(&self, n: usize, f: &mut [T]) -> Result<(), DynamicsError> {
        let d = f.len();
        let zeros = self.zeros.max(d.saturating_sub(n));
        let Some(kept) = d.checked_sub(zeros) else {
            return Err(DynamicsError::Domain { needed: "zeros <= features" });
        };
        let ones = self.ones.unwrap_or(kept.div_ceil(2));
        if ones > kept {
            return Err(DynamicsError::Domain { needed: "ones <= features - zeros" });
        }
        NonFiniteError::check("kappa", &[self.kappa])?;
        if self.kappa < T::ZERO {
            return Err(DynamicsError::Domain { needed: "kappa >= 0" });
        }
        let (high, low) = (self.kappa.max(T::ONE), self.kappa.min(T::ONE));
        let highs = if self.kappa > T::ONE { kept - ones } else { ones };
        let last = T::from_usize(kept.saturating_sub(1).max(1));
        for (i, f) in f.iter_mut().enumerate() {
            *f = match () {
                () if i >= kept => T::ZERO,
                () if self.continuous => high - (high - low) * T::from_usize(i) / last,
                () if i < highs => high,
                () => low,
            };
        }
        // numpy's linspace of one point is its start.
        if let (true, 1, Some(first)) = (self.continuous, kept, f.first_mut()) {
            *first = T::ONE;
        }
        Ok(())
    }
}

impl<T: Real> Teacher<'_, T> {
    /// The standard deviation of input `i` of `d`.
    pub fn scale(&self, i: usize, d: usize) -> T {
        let scale = match self.scales {
            Scales::Halves if i < d / 2 => T::ONE,
            Scales::Halves => T::of(0.01),
            Scales::Constant(scale) => scale,
            Scales::Each(scales) => scales.get(i).copied().unwrap_or(T::ZERO),
            Scales::Geometric(low, high) => {
                let way = T::from_usize(i) / T::from_usize(d.saturating_sub(1).max(1));
                low * (way * (high / low).ln()).exp()
            }
        };
        if self.normalized { scale / T::from_usize(d.max(1)).sqrt() } else { scale }
    }

    fn check(&self, d: usize) -> Result<(), DynamicsError> {
        match self.scales {
            Scales::Each(scales) => {
                ShapeError::check("scales", d, scales.len())?;
                NonFiniteError::check("scales", scales)?;
            }
            Scales::Constant(scale) => NonFiniteError::check("scales", &[scale])?,
            Scales::Geometric(low, high) => {
                NonFiniteError::check("scales", &[low, high])?;
                if low <= T::ZERO || high <= T::ZERO {
                    return Err(DynamicsError::Domain { needed: "ends of the range > 0" });
                }
            }
            Scales::Halves => {}
        }
        NonFiniteError::check("noise", &[self.noise.0, self.noise.1])?;
        Ok(())
    }

    /// Draws inputs `x` (`d x n`) before any map: sample by sample, `N(0, sigma_i^2)`.
    pub fn draw_inputs(&self, rng: &mut Rng, mut x: MatMut<'_, T>) {
        let d = x.rows();
        for sample in x.columns() {
            for (i, value) in sample.iter_mut().enumerate() {
                *value = self.scale(i, d) * rng.normal::<T>();
            }
        }
    }

    /// Finds the map `T` (`d x d`) from the training inputs `x` (`d x n`), and the singular values
    /// of `X T` (`d`, descending). The identity if there is neither modulation nor decoupling.
    ///
    /// # Errors
    /// Wrong shapes, inputs that are not finite, a modulation that does not fit.
    pub fn fit(
        &self,
        x: Mat<'_, T>,
        map: MatMut<'_, T>,
        singular_values: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), DynamicsError> {
        let d = x.rows();
        let mut scratch = Scratch::new(scratch, teacher_scratch(d))?;
        let (gram, vectors) = (scratch.matrix(d, d)?, scratch.matrix(d, d)?);
        let column = scratch.take(d)?;
        self.fit_basis(x, map, singular_values, gram, vectors, column, scratch.rest())
    }

    /// [`Teacher::fit`], with the right singular vectors of `x` in `vectors` (descending).
    fn fit_basis(
        &self,
        x: Mat<'_, T>,
        mut map: MatMut<'_, T>,
        singular_values: &mut [T],
        mut gram: MatMut<'_, T>,
        mut vectors: MatMut<'_, T>,
        column: &mut [T],
        rest: &mut [T],
    ) -> Result<(), DynamicsError> {
        let (d, n) = (x.rows(), x.cols());
        map.as_ref().check(("map rows", "map columns"), d, d)?;
        ShapeError::check("singular_values", d, singular_values.len())?;
        if d == 0 || n == 0 {
            return Err(DynamicsError::Empty { what: "x" });
        }
        syrk_nt(T::ONE, x, T::ZERO, gram.reborrow())?;
        eigh(gram, singular_values, vectors.reborrow(), rest)?;
        reverse(singular_values);
        reverse_columns(&mut vectors);
        for v in vectors.columns() {
            fix_sign(v);
        }
        // Beyond the rank the Gram's eigenvalues are rounding.
        let largest = singular_values.first().copied().unwrap_or(T::ZERO);
        let floor = T::from_usize(d.max(n)) * T::EPSILON * largest;
        for value in singular_values.iter_mut() {
            *value = if *value > floor { value.sqrt() } else { T::ZERO };
        }

        map.fill(T::ZERO);
        let Some(modulation) = self.modulation else {
            if self.decoupled {
                map.copy_from(vectors.as_ref());
            } else {
                map.add_diagonal(T::ONE);
            }
            return Ok(());
        };
        modulation.singular_values(n, column)?;
        for (s, f) in singular_values.iter_mut().zip(column.iter_mut()) {
            // From here on `column` holds F / S, the singular values are F.
            let value = if *s > T::ZERO { *f } else { T::ZERO };
            *f = if *s > T::ZERO { *f / *s } else { T::ZERO };
            *s = value;
        }
        for (m, (v, ratio)) in vectors.as_ref().columns().zip(column.iter()).enumerate() {
            if self.decoupled {
                map.col(m).iter_mut().zip(v).for_each(|(t, v)| *t = *ratio * *v);
            } else {
                for (t, v_j) in map.columns().zip(v) {
                    t.iter_mut().zip(v).for_each(|(t, v_i)| *t += *ratio * *v_i * *v_j);
                }
            }
        }
        Ok(())
    }

    /// Draws training data: `x` (`d x n`), `y` (`n`), the `map` (`d x d`) that test data share, and
    /// the singular values of `x` (`d`, descending). With [`Teacher::scale_beta`], `beta` is scaled
    /// in place to the weights that `y` is made with.
    ///
    /// # Errors
    /// Wrong shapes, settings that do not fit the sizes, values that are not finite.
    pub fn sample(
        &self,
        rng: &mut Rng,
        beta: &mut [T],
        mut x: MatMut<'_, T>,
        y: &mut [T],
        mut map: MatMut<'_, T>,
        singular_values: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), DynamicsError> {
        let (d, n) = (x.rows(), x.cols());
        ShapeError::check("beta", d, beta.len())?;
        ShapeError::check("y", n, y.len())?;
        NonFiniteError::check("beta", beta)?;
        self.check(d)?;
        let mut scratch = Scratch::new(scratch, teacher_scratch(d))?;
        let (gram, mut vectors) = (scratch.matrix(d, d)?, scratch.matrix(d, d)?);
        let column = scratch.take(d)?;

        self.draw_inputs(rng, x.reborrow());
        let (s, t) = (&mut *singular_values, map.reborrow());
        self.fit_basis(x.as_ref(), t, s, gram, vectors.reborrow(), column, scratch.rest())?;
        if self.decoupled || self.modulation.is_some() {
            apply_map(map.as_ref(), x.reborrow(), column);
        }
        if self.decoupled {
            // The right singular vectors of what x is now.
            vectors.fill(T::ZERO);
            vectors.add_diagonal(T::ONE);
        }
        let vectors = vectors.as_ref();
        if self.scale_beta && self.modulation.is_some() {
            // beta + sum_m v_m (1/F_m - 1) (v_m . beta)
            for ((along, f), v) in
                column.iter_mut().zip(singular_values.iter()).zip(vectors.columns())
            {
                let change = if *f > T::ZERO { T::ONE / *f - T::ONE } else { T::ZERO };
                *along = change * dot(v, beta);
            }
            combine(vectors, column, beta);
        }
        label(x.as_ref(), beta, y);

        if self.coupled_noise {
            // sum_m level_m xi_m U_m with U_m = X v_m / sigma_m
            for (along, s) in column.iter_mut().zip(singular_values.iter()) {
                let level = if *s * *s >= T::ONE { self.noise.0 } else { self.noise.1 };
                let draw = level * rng.normal::<T>();
                *along = if *s > T::ZERO { draw / *s } else { T::ZERO };
            }
            for (sample, y) in x.as_ref().columns().zip(y.iter_mut()) {
                for (v, along) in vectors.columns().zip(column.iter()) {
                    *y += *along * dot(v, sample);
                }
            }
        } else if self.noise.0 != T::ZERO || self.noise.1 != T::ZERO {
            self.add_shuffled_noise(rng, y);
        }
        Ok(())
    }

    /// Half of the samples, chosen at random, get the first level and the rest the second: the
    /// levels are shuffled by choosing, for each sample in turn, among those that are left.
    fn add_shuffled_noise(&self, rng: &mut Rng, y: &mut [T]) {
        let mut left = (y.len().div_ceil(2), y.len());
        for y in y {
            let level = if rng.below(left.1) < left.0 {
                left.0 -= 1;
                self.noise.0
            } else {
                self.noise.1
            };
            left.1 -= 1;
            *y += level * rng.normal::<T>();
        }
    }

    /// Draws test data through the `map` of the training data, without noise.
    ///
    /// # Errors
    /// Wrong shapes, a short scratch ([`teacher_scratch`]).
    pub fn sample_test(
        &self,
        rng: &mut Rng,
        beta: &[T],
        map: Mat<'_, T>,
        mut x: MatMut<'_, T>,
        y: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), DynamicsError> {
        let d = x.rows();
        ShapeError::check("beta", d, beta.len())?;
        ShapeError::check("y", x.cols(), y.len())?;
        map.check(("map rows", "map columns"), d, d)?;
        self.check(d)?;
        let column = Scratch::new(scratch, teacher_scratch(d))?.take(d)?;
        self.draw_inputs(rng, x.reborrow());
        if self.decoupled || self.modulation.is_some() {
            apply_map(map, x.reborrow(), column);
        }
        label(x.as_ref(), beta, y);
        Ok(())
    }
}

/// `X <- X T`, sample by sample: `x <- T^T x`. `column` holds one sample.
pub fn apply_map<T: Real>(map: Mat<'_, T>, mut x: MatMut<'_, T>, column: &mut [T]) {
    for sample in x.columns() {
        for (value, t) in column.iter_mut().zip(map.columns()) {
            *value = dot(t, sample);
        }
        sample.iter_mut().zip(column.iter()).for_each(|(to, from)| *to = *from);
    }
}

/// `y = X beta`
fn label<T: Real>(x: Mat<'_, T>, beta: &[T], y: &mut [T]) {
    for (y, sample) in y.iter_mut().zip(x.columns()) {
        *y = dot(sample, beta);
    }
}

/// `out += sum_m c_m v_m`
fn combine<T: Real>(vectors: Mat<'_, T>, coefficients: &[T], out: &mut [T]) {
    for (v, c) in vectors.columns().zip(coefficients) {
        out.iter_mut().zip(v).for_each(|(out, v)| *out += *c * *v);
    }
}

/// Turns `v` such that its largest entry is positive.
fn fix_sign<T: Real>(v: &mut [T]) {
    let largest = v.iter().fold(T::ZERO, |m, x| if x.abs() > m.abs() { *x } else { m });
    if largest < T::ZERO {
        v.iter_mut().for_each(|x| *x = -*x);
    }
}

fn reverse_columns<T: Real>(m: &mut MatMut<'_, T>) {
    let cols = m.cols();
    let (mut left, mut right) = m.reborrow().split_at_col(cols / 2);
    let skip = cols % 2;
    for (j, column) in left.columns().enumerate() {
        let mirror = right.col(skip + (cols / 2).saturating_sub(j + 1));
        column.iter_mut().zip(mirror).for_each(|(a, b)| core::mem::swap(a, b));
    }
}
