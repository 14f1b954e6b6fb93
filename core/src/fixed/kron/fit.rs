//! The sketched fit with its sizes in the type.

use super::{Terms, sum};
use crate::kron::KronError;
use crate::kron::fit::{self, Adam, FitShape, Target};
use crate::scalar::Real;
use nalgebra::SMatrix;

/// A fit of R terms of `M x M` and `K x K` factors through sketches of C columns; see
/// [`fit::SketchFit`].
///
/// ```
/// use nanocurv::{fixed, kron::fit::Adam};
/// use nalgebra::SMatrix;
///
/// type Fit<'s> = fixed::kron::SketchFit<'s, f64, 2, 1, 1, 4>; // 2 x 2 and 1 x 1, one term, 4 columns
///
/// let g = SMatrix::<f64, 2, 2>::new(2.0, 0.5, 0.5, 1.0);
/// let adam = Adam { learning_rate: 1e-3, ..Adam::default() };
/// let mut memory = [0.0; Fit::SHAPE.memory()];
/// let mut scratch = [0.0; Fit::SHAPE.scratch()];
/// let mut fit = Fit::new(adam, 0, &mut memory)?;
/// for _ in 0..2000 {
///     fit.step(&g, &mut scratch)?;
/// }
/// let mut terms: fixed::kron::Terms<f64, 2, 2, 1, 1, 1> = Default::default();
/// fit.terms(&mut terms)?;
/// // The step is constant: Adam stays about as far from the minimum as a few steps reach.
/// assert!(fixed::kron::residual(&g, &terms)? < 0.02 * g.norm());
/// # Ok::<(), nanocurv::kron::KronError>(())
/// ```
#[derive(Debug)]
pub struct SketchFit<'s, T, const M: usize, const K: usize, const R: usize, const C: usize>(
    fit::SketchFit<'s, T>,
);

impl<'s, T: Real, const M: usize, const K: usize, const R: usize, const C: usize>
    SketchFit<'s, T, M, K, R, C>
{
    /// The sizes, to ask for the lengths of memory and scratch.
    pub const SHAPE: FitShape = FitShape { terms: R, left: M, right: K, sketches: C };

    /// Starts a fit; the same numbers for the same `seed`.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::fit::Adam};
    ///
    /// type Fit<'s> = fixed::kron::SketchFit<'s, f32, 2, 1, 1, 4>;
    /// let mut memory = [0.0; Fit::SHAPE.memory()];
    /// let fit = Fit::new(Adam::default(), 0, &mut memory)?;
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    ///
    /// # Errors
    /// None: the sizes are in the types.
    pub fn new<const S: usize>(
        adam: Adam<T>,
        seed: u64,
        memory: &'s mut [T; S],
    ) -> Result<Self, KronError> {
        const { assert!(M * K * R * C > 0, "a size of the fit is zero") };
        enough!("memory", S, Self::SHAPE.memory());
        Ok(Self(fit::SketchFit::new(Self::SHAPE, adam, seed, memory)?))
    }

    /// The run-time sized form.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::fit::Adam};
    ///
    /// type Fit<'s> = fixed::kron::SketchFit<'s, f32, 2, 1, 1, 4>;
    /// let mut memory = [0.0; Fit::SHAPE.memory()];
    /// let fit = Fit::new(Adam::default(), 0, &mut memory)?;
    /// assert_eq!(fit.erased().parameters().len(), 5); // L: 2 x 2, R: 1 x 1
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    pub const fn erased(&self) -> &fit::SketchFit<'s, T> {
        &self.0
    }

    /// Starts from other parameters, as [`fit::SketchFit::parameters`] gives them.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::fit::Adam};
    ///
    /// type Fit<'s> = fixed::kron::SketchFit<'s, f32, 2, 1, 1, 4>;
    /// let mut memory = [0.0; Fit::SHAPE.memory()];
    /// let mut fit = Fit::new(Adam::default(), 0, &mut memory)?;
    /// fit.set_parameters(&[1.0, 0.0, 0.0, 2.0, 3.0])?;
    /// let mut terms: fixed::kron::Terms<f32, 2, 2, 1, 1, 1> = Default::default();
    /// fit.terms(&mut terms)?;
    /// assert_eq!(terms[0].0.as_slice(), [1.0, 0.0, 0.0, 4.0]); // L L^T
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn set_parameters<const N: usize>(&mut self, parameters: &[T; N]) -> Result<(), KronError> {
        const {
            assert!(
                N == Self::SHAPE.parameters(),
                "parameters: SketchFit::SHAPE.parameters() values are needed"
            )
        };
        self.0.set_parameters(parameters)
    }

    /// Writes the factors `L L^T` and `R R^T` of all terms.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::fit::Adam};
    ///
    /// type Fit<'s> = fixed::kron::SketchFit<'s, f32, 2, 1, 1, 4>;
    /// let mut memory = [0.0; Fit::SHAPE.memory()];
    /// let mut fit = Fit::new(Adam::default(), 0, &mut memory)?;
    /// fit.set_parameters(&[1.0, 0.0, 0.0, 2.0, 3.0])?;
    /// let mut terms: fixed::kron::Terms<f32, 2, 2, 1, 1, 1> = Default::default();
    /// fit.terms(&mut terms)?;
    /// assert_eq!(fixed::kron::sum::trace(&terms)?, 45.0); // (1 + 4) 9
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    ///
    /// # Errors
    /// None: the sizes are in the types.
    pub fn terms(&self, terms: &mut Terms<T, M, M, K, K, R>) -> Result<(), KronError> {
        for (r, (left, right)) in terms.iter_mut().enumerate() {
            self.0.factors(r, left.into(), right.into())?;
        }
        Ok(())
    }

    /// One step on a new sketch of a matrix, `P = M K`; returns the loss before it.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::fit::Adam};
    /// use nalgebra::SMatrix;
    ///
    /// type Fit<'s> = fixed::kron::SketchFit<'s, f64, 2, 1, 1, 4>;
    /// let mut memory = [0.0; Fit::SHAPE.memory()];
    /// let mut fit = Fit::new(Adam::default(), 0, &mut memory)?;
    /// fit.set_parameters(&[1.0, 0.0, 0.0, 2.0, 3.0])?;
    /// let g = SMatrix::<f64, 2, 2>::new(9.0, 0.0, 0.0, 36.0); // what these parameters make
    /// assert!(fit.step(&g, &mut [0.0; Fit::SHAPE.scratch()])? < 1e-20);
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    ///
    /// # Errors
    /// A target that is not finite, an iteration that diverged.
    pub fn step<const P: usize, const S: usize>(
        &mut self,
        target: &SMatrix<T, P, P>,
        scratch: &mut [T; S],
    ) -> Result<T, KronError> {
        const { assert!(P == M * K, "target: M times K rows are needed") };
        enough!("scratch", S, Self::SHAPE.scratch());
        self.0.step(&Target::Dense(target.into()), scratch)
    }

    /// One step on a new sketch of a sum of N Kronecker products; returns the loss before it.
    ///
    /// ```
    /// use nanocurv::{fixed, kron::fit::Adam};
    /// use nalgebra::SMatrix;
    ///
    /// type Fit<'s> = fixed::kron::SketchFit<'s, f64, 2, 1, 1, 4>;
    /// let mut memory = [0.0; Fit::SHAPE.memory()];
    /// let mut fit = Fit::new(Adam::default(), 0, &mut memory)?;
    /// fit.set_parameters(&[1.0, 0.0, 0.0, 2.0, 3.0])?;
    /// let terms =
    ///     [(SMatrix::<f64, 2, 2>::new(3.0, 0.0, 0.0, 12.0), SMatrix::<f64, 1, 1>::new(3.0))];
    /// assert!(fit.step_sum(&terms, &mut [0.0; Fit::SHAPE.scratch()])? < 1e-20);
    /// # Ok::<(), nanocurv::kron::KronError>(())
    /// ```
    ///
    /// # Errors
    /// As [`SketchFit::step`].
    pub fn step_sum<const N: usize, const S: usize>(
        &mut self,
        target: &Terms<T, M, M, K, K, N>,
        scratch: &mut [T; S],
    ) -> Result<T, KronError> {
        const { assert!(N > 0, "target: at least one term is needed") };
        enough!("scratch", S, Self::SHAPE.scratch());
        self.0.step(&Target::Sum(&sum::erased(target)), scratch)
    }
}
