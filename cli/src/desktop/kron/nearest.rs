//! The Frobenius-nearest sum of Kronecker products, by the rearrangement of Van Loan and Pitsianis.

use std::str::FromStr;

use nanocurv::kron::nearest::residual;
use nanocurv::kron::{
    Kron, nearest as nearest_term, nearest_scratch, project_positive, project_positive_scratch,
};

use crate::desktop::array::{Float, columns, zeros};
use crate::desktop::error::{Context, Result, ensure};
use crate::desktop::factor::{Factor, of_columns};
use nanocurv::Mat;
use ndarray::{Array2, ArrayView2};

/// The sizes of square factors: `NL,NR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactorSizes {
    /// Rows of the left factor.
    pub left: usize,
    /// Rows of the right factor.
    pub right: usize,
}

impl FromStr for FactorSizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = |text: &str| text.trim().parse().ok().filter(|n| *n > 0);
        text.split_once(',')
            .and_then(|(left, right)| Some(Self { left: size(left)?, right: size(right)? }))
            .ok_or_else(|| "needed two sizes from 1, as in 5,3".to_owned())
    }
}

impl FactorSizes {
    /// Fails unless a matrix of this shape is square of the product's size.
    ///
    /// # Errors
    /// If so; the message calls the matrix `name`.
    pub fn require(self, name: &str, (rows, cols): (usize, usize)) -> Result<()> {
        let needed = self.left.saturating_mul(self.right);
        ensure!(
            rows == needed && cols == needed,
            "{name}: found a {rows} x {cols} matrix, needed {needed} x {needed}, as --shape {},{} \
             says",
            self.left,
            self.right
        );
        Ok(())
    }
}

/// The factors found, and what is left.
#[derive(Clone, Debug)]
pub struct Nearest<T> {
    /// Left and right factors, the term of the largest norm first.
    pub factors: Vec<(Array2<T>, Array2<T>)>,
    /// The Frobenius norm of the rest.
    pub residual: T,
}

/// The sum of `rank` products that is nearest to `g` (`NL NR x NL NR`). The common sign of two
/// factors makes both traces positive where it can. `positive` projects each factor on the cone of
/// positive semidefinite matrices.
///
/// # Errors
/// If the matrix has another size, or the rank is 0 or more than any matrix needs.
pub fn nearest<T: Float>(
    g: ArrayView2<'_, T>,
    sizes: FactorSizes,
    rank: usize,
    positive: bool,
) -> Result<Nearest<T>> {
    sizes.require("--matrix", g.dim())?;
    let FactorSizes { left: nl, right: nr } = sizes;
    let most = (nl * nl).min(nr * nr);
    ensure!(
        (1..=most).contains(&rank),
        "--rank: found {rank}, needed 1 to {most}, with which every matrix of this shape is a sum",
    );
    let g = Factor::new("--matrix", g);
    let g = g.view()?;
    let mut factors: Vec<(Vec<T>, Vec<T>)> = Vec::new();
    let mut scratch = zeros::<T>(&[nearest_scratch((nr, nr))])?;
    for _ in 0..rank {
        let (mut left, mut right) = (vec![T::ZERO; nl * nl], vec![T::ZERO; nr * nr]);
        let (a, b) = (columns(&mut left, nl, nl)?, columns(&mut right, nr, nr)?);
        nearest_term(g, &views(&factors, sizes)?, a, b, &mut scratch).context("--matrix")?;
        factors.push((left, right));
    }
    if positive {
        let mut scratch = zeros::<T>(&[project_positive_scratch(nl.max(nr))])?;
        for (left, right) in &mut factors {
            for (values, n) in [(left, nl), (right, nr)] {
                project_positive(columns(values, n, n)?, &mut scratch)
                    .context("the projection on the cone")?;
            }
        }
    }
    let residual = residual(g, &views(&factors, sizes)?).context("--matrix")?;
    let factors = factors.iter().map(|(a, b)| (of_columns(a, nl, nl), of_columns(b, nr, nr)));
    Ok(Nearest { factors: factors.collect(), residual })
}

fn views<T: Float>(factors: &[(Vec<T>, Vec<T>)], sizes: FactorSizes) -> Result<Vec<Kron<'_, T>>> {
    let pairs = factors.iter().map(|(left, right)| {
        Ok(Kron {
            left: Mat::new("left", left, sizes.left, sizes.left)?,
            right: Mat::new("right", right, sizes.right, sizes.right)?,
        })
    });
    pairs.collect()
}
