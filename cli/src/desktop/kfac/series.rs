//! The inverse of a temporal block on V: `C0 = mean z_t z_t^T`, `C1 = sum_{t<T} z_{t+1} z_t^T /
//! (N T)`, of inputs (A) and output gradients (G). `L / T` is split by pi over A0 and G0.

use nanocurv::kfac::{KfacError, Series, SeriesOption, series_scratch, solve_scratch};
use ndarray::{Array2, ArrayD, ArrayViewD};

use super::block::{Block, check_damping, explain, square};
use crate::desktop::array::{Float, columns, zeros};
use crate::desktop::choice::choices;
use crate::desktop::error::{Result, bail, ensure};
use crate::desktop::factor::Factor;

choices! {
    /// The temporal model.
    pub enum Model {
        /// Finite T, symmetric cross-covariances
        One = "1",
        /// Infinitely long sequences
        Two = "2",
        /// Independence over time: T (A0 (x) G0)
        Independent = "independent",
    }
}

/// The covariances of inputs and output gradients, and those with one step before.
#[derive(Clone, Debug)]
pub struct Covariances<T> {
    /// Of the inputs, symmetric.
    pub a0: Factor<T>,
    /// Of the inputs with those one step before.
    pub a1: Factor<T>,
    /// Of the output gradients, symmetric.
    pub g0: Factor<T>,
    /// Of the output gradients with those one step before.
    pub g1: Factor<T>,
}

impl<T: Float> Covariances<T> {
    /// Of these; independence over time needs none of those with one step before.
    ///
    /// # Errors
    /// If one is missing or has another size.
    pub fn new(
        model: Model,
        (a0, a1): (Factor<T>, Option<Factor<T>>),
        (g0, g1): (Factor<T>, Option<Factor<T>>),
    ) -> Result<Self> {
        let lagged = |zero: &Factor<T>, one: Option<Factor<T>>, option: &str| {
            square(zero)?;
            let n = zero.shape.0;
            match one {
                Some(one) => {
                    square(&one)?;
                    let (found, name) = (one.shape.0, &one.name);
                    ensure!(
                        found == n,
                        "{name}: found {found} x {found}, needed {n} x {n}, as {} has",
                        zero.name
                    );
                    Ok(one)
                }
                None if model == Model::Independent => {
                    Ok(Factor::new(option, Array2::from_elem((n, n), T::ZERO).view()))
                }
                None => {
                    bail!("--{option} is missing: --option 1 and 2 need the lag-one covariances")
                }
            }
        };
        let a1 = lagged(&a0, a1, "a1")?;
        let g1 = lagged(&g0, g1, "g1")?;
        Ok(Self { a0, a1, g0, g1 })
    }
}

/// The inverse of the temporal block of `steps` steps times `v` (which messages call `name`), in
/// the shape of `v`.
///
/// # Errors
/// If sizes do not fit, or the block is not positive definite.
pub fn series<T: Float>(
    model: Model,
    c: &Covariances<T>,
    steps: usize,
    damping: f64,
    (name, v): (&str, ArrayViewD<'_, T>),
) -> Result<ArrayD<T>> {
    check_damping(damping)?;
    ensure!(steps > 0, "--steps: found 0, needed 1 or more");
    let (n, m) = (c.a0.shape.0, c.g0.shape.0);
    let mut v = Block::new(name, v, n, m)?;
    let lambda = T::of(damping);
    let option = match model {
        Model::One => Some(SeriesOption::One),
        Model::Two => Some(SeriesOption::Two),
        Model::Independent => None,
    };
    let mut scratch = zeros::<T>(&[option.map_or(solve_scratch(n, m), |_| series_scratch(n, m))])?;
    let (a, g) = ((c.a0.view()?, c.a1.view()?), (c.g0.view()?, c.g1.view()?));
    let to = columns(&mut v.values, n, m)?;
    let run = || -> Result<(), KfacError> {
        let series = Series::new(a, g, steps)?;
        let block = series.independent().checked()?;
        match option {
            Some(option) => series.solve(option, lambda, to, &mut scratch),
            None => block.solve(series.split(lambda)?, to, &mut scratch),
        }
    };
    run().map_err(|e| explain(e, &c.a0.name, &c.g0.name))?;
    Ok(v.into_array())
}
