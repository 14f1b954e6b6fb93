//! A positive semidefinite sum of Kronecker products by random sketches:
//! `sum_r (L_r L_r^T) (x) (R_r R_r^T)` fitted to `V^T G V` for a new standard normal V
//! (`NL NR x K`) at every step, by Adam (0.9, 0.99).

use nanocurv::kron::fit::{self, Adam, FitShape, SketchFit};
use nanocurv::kron::{KronError, sum};
use ndarray::{Array1, Array2, ArrayView2};

use super::nearest::FactorSizes;
use super::terms::Terms;
use crate::desktop::array::{Float, columns, zeros};
use crate::desktop::error::{Error, Result, ensure};
use crate::desktop::factor::{Factor, of_columns};
use crate::desktop::watch::{Watch, Work};

/// What is fitted.
#[derive(Clone, Debug)]
pub enum Target<'a, T> {
    /// A matrix, `NL NR x NL NR`.
    Matrix(ArrayView2<'a, T>),
    /// A sum of products of `NL x NL` and `NR x NR` factors.
    Terms(&'a Terms<T>),
}

/// How the fit is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitSettings {
    /// Rows of the left and of the right factors.
    pub sizes: FactorSizes,
    /// The number of products.
    pub rank: usize,
    /// Columns of a sketch.
    pub sketches: usize,
    /// Steps.
    pub iterations: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// The same seed gives the same numbers on every machine.
    pub seed: u64,
}

impl FitSettings {
    /// The usual settings for factors of these sizes: one product, two sketches, 300 steps.
    pub fn new(sizes: FactorSizes) -> Self {
        Self { sizes, rank: 1, sketches: 2, iterations: 300, learning_rate: 1e-4, seed: 0 }
    }

    /// The model as the core knows it.
    pub fn shape(&self) -> FitShape {
        let FactorSizes { left, right } = self.sizes;
        FitShape { terms: self.rank, left, right, sketches: self.sketches }
    }

    fn validate(&self) -> Result<()> {
        for (option, count) in [("--rank", self.rank), ("--sketches", self.sketches)] {
            ensure!(count > 0, "{option}: found 0, needed at least 1");
        }
        ensure!(
            self.learning_rate > 0.0 && self.learning_rate.is_finite(),
            "--learning-rate: found {}, needed a positive number",
            self.learning_rate
        );
        Ok(())
    }
}

/// A fit.
#[derive(Clone, Debug)]
pub struct Fit<T> {
    /// The mean squared entry of the difference of the sketches, before each step.
    pub losses: Array1<T>,
    /// `L_r L_r^T` and `R_r R_r^T`.
    pub factors: Vec<(Array2<T>, Array2<T>)>,
}

/// Fits a sum of products to `target`. `before_step` is shown the parameters before each step.
///
/// # Errors
/// If the target does not have the sizes, a setting is out of range, the fit diverges, or the
/// watch stops it.
pub fn fit<T: Float>(
    target: &Target<'_, T>,
    settings: &FitSettings,
    mut before_step: impl FnMut(&[T]),
    watch: Watch<'_>,
) -> Result<Fit<T>> {
    settings.validate()?;
    let FactorSizes { left: nl, right: nr } = settings.sizes;
    let matrix = match target {
        Target::Matrix(g) => {
            settings.sizes.require("--matrix", g.dim())?;
            Some(Factor::new("--matrix", *g))
        }
        Target::Terms(_) => None,
    };
    let views = match target {
        Target::Terms(terms) => {
            require_sizes(terms, settings.sizes)?;
            terms.views()?
        }
        Target::Matrix(_) => Vec::new(),
    };
    let target = match &matrix {
        Some(matrix) => fit::Target::Dense(matrix.view()?),
        None => fit::Target::Sum(&views),
    };
    let shape = settings.shape();
    let mut memory = zeros::<T>(&[shape.memory()])?;
    // A dense target is multiplied by V; a sum of products needs an intermediate.
    let mut scratch = zeros::<T>(&[shape.scratch().max(sum::scratch(&views))])?;
    let adam = Adam { learning_rate: T::of(settings.learning_rate), ..Adam::default() };
    let mut fit = SketchFit::new(shape, adam, settings.seed, &mut memory)?;
    let mut losses = zeros::<T>(&[settings.iterations])?;
    let work = Work::new(watch, "fit", settings.iterations);
    for (step, loss) in losses.iter_mut().enumerate() {
        before_step(fit.parameters());
        *loss = fit.step(&target, &mut scratch).map_err(|e| diverged(step, e))?;
        work.advance(1)?;
    }
    let factors = (0..settings.rank).map(|r| {
        let (mut left, mut right) = (vec![T::ZERO; nl * nl], vec![T::ZERO; nr * nr]);
        fit.factors(r, columns(&mut left, nl, nl)?, columns(&mut right, nr, nr)?)?;
        Ok((of_columns(&left, nl, nl), of_columns(&right, nr, nr)))
    });
    let factors = factors.collect::<Result<_>>()?;
    Ok(Fit { losses: losses.into(), factors })
}

fn diverged(step: usize, error: KronError) -> Error {
    Error::Divergence(format!("step {step}: {error}: a smaller --learning-rate may help"))
}

/// Fails unless all factors have the sizes.
fn require_sizes<T: Float>(terms: &Terms<T>, sizes: FactorSizes) -> Result<()> {
    for (left, right) in &terms.pairs {
        for (factor, n, side) in [(left, sizes.left, "left"), (right, sizes.right, "right")] {
            let (rows, cols) = factor.shape;
            ensure!(
                (rows, cols) == (n, n),
                "{}: found a {rows} x {cols} matrix, needed {n} x {n}, the size of the {side} \
                 factors that --shape gives",
                factor.name
            );
        }
    }
    Ok(())
}
