//! `kron nearest`: the Frobenius-nearest sum of Kronecker products.

use std::str::FromStr;

use anyhow::{Context, Result, anyhow, ensure};
use nanocurv::MatMut;
use nanocurv::kron::nearest::residual;
use nanocurv::kron::{Kron, nearest, nearest_scratch, project_positive, project_positive_scratch};
use nanocurv::{Mat, Real};

use super::terms::{Factor, transposed};
use crate::args::{CheckArgs, Dtype, OutputArgs};
use crate::array::{Array, Float, zeros};
use crate::check::{Check, Difference};
use crate::dense::kron as dense;
use crate::exit::Outcome;
use crate::io::Source;
use crate::report::Report;
use crate::session::Session;

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
    /// Fails unless `matrix` is square of the product's size.
    ///
    /// # Errors
    /// If so.
    pub fn require<T: Float>(self, matrix: &Factor<T>) -> Result<()> {
        let needed = self.left.saturating_mul(self.right);
        let (rows, cols) = matrix.shape;
        ensure!(
            rows == needed && cols == needed,
            "{}: found a {rows} x {cols} matrix, needed {needed} x {needed}, as --shape {},{} says",
            matrix.source,
            self.left,
            self.right
        );
        Ok(())
    }
}

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: `left_0`, `right_0`, `left_1`, ... and `residual`, the Frobenius norm of \
what is left. The common sign of two factors makes both traces positive where it can.

Examples:
  nanocurv kron nearest --matrix g.npy --shape 5,3 --out factors.npz
  nanocurv kron nearest --matrix g.npy --shape 5,3 --rank 2 --positive --check"
)]
pub struct Args {
    /// The matrix G, NL NR x NL NR
    #[arg(long, value_name = "FILE")]
    matrix: Source,
    /// Rows of the left and of the right factors
    #[arg(long, value_name = "NL,NR")]
    shape: FactorSizes,
    /// The number of products
    #[arg(long, default_value_t = 1, value_name = "R")]
    rank: usize,
    /// Project each factor on the cone of positive semidefinite matrices
    #[arg(long)]
    positive: bool,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// The factors found, columns one after the other, and what is left.
pub struct Found<T> {
    /// Left and right factors.
    pub factors: Vec<(Vec<T>, Vec<T>)>,
    /// The Frobenius norm of the rest.
    pub residual: T,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, or the result cannot be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        self.out.validate()?;
        match session.global.dtype {
            Dtype::F32 => self.run_as::<f32>(session),
            Dtype::F64 => self.run_as::<f64>(session),
        }
    }

    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let FactorSizes { left: nl, right: nr } = self.shape;
        let g = session.read(|| Factor::<T>::read(&self.matrix))?;
        self.shape.require(&g)?;
        let most = (nl * nl).min(nr * nr);
        ensure!(
            (1..=most).contains(&self.rank),
            "--rank: found {}, needed 1 to {most}, with which every matrix of this shape is a sum",
            self.rank
        );
        let found = session.compute(|| find(g.view(), self.shape, self.rank, self.positive))?;
        let check = self.check.check.then(|| {
            found.check(&g.to_f64(), self.shape, self.positive, T::EPSILON.to_f64(), tolerance)
        });
        let mut report = Report::new();
        for (r, (left, right)) in found.factors.iter().enumerate() {
            report
                .array(format!("left_{r}"), Array::new(&[nl, nl], transposed(left, nl, nl)))
                .array(format!("right_{r}"), Array::new(&[nr, nr], transposed(right, nr, nr)));
        }
        report.number("residual", found.residual.to_f64());
        session.finish(report, &self.out, check)
    }
}

/// The nearest sum of `rank` products, and its projection.
///
/// # Errors
/// If the core refuses the matrix.
pub fn find<T: Float>(
    g: Mat<'_, T>,
    shape: FactorSizes,
    rank: usize,
    positive: bool,
) -> Result<Found<T>> {
    let FactorSizes { left: nl, right: nr } = shape;
    let mut factors: Vec<(Vec<T>, Vec<T>)> = Vec::new();
    let mut scratch = zeros::<T>(&[nearest_scratch((nr, nr))])?;
    for _ in 0..rank {
        let (mut left, mut right) = (vec![T::ZERO; nl * nl], vec![T::ZERO; nr * nr]);
        let (a, b) = (MatMut::of(&mut left, nl, nl), MatMut::of(&mut right, nr, nr));
        nearest(g, &views(&factors, shape), a, b, &mut scratch)
            .map_err(|e| anyhow!("--matrix: {e}"))?;
        factors.push((left, right));
    }
    if positive {
        let mut scratch = zeros::<T>(&[project_positive_scratch(nl.max(nr))])?;
        for (left, right) in &mut factors {
            for (values, n) in [(left, nl), (right, nr)] {
                project_positive(MatMut::of(values, n, n), &mut scratch)
                    .context("the projection on the cone")?;
            }
        }
    }
    let residual = residual(g, &views(&factors, shape)).map_err(|e| anyhow!("--matrix: {e}"))?;
    Ok(Found { factors, residual })
}

fn views<T: Real>(factors: &[(Vec<T>, Vec<T>)], shape: FactorSizes) -> Vec<Kron<'_, T>> {
    let pairs = factors.iter().map(|(left, right)| Kron {
        left: Mat::of(left, shape.left, shape.left),
        right: Mat::of(right, shape.right, shape.right),
    });
    pairs.collect()
}

impl<T: Float> Found<T> {
    /// The sum of the factors as a dense matrix, and the residual, against the singular value
    /// decomposition of the rearrangement. Where the last singular value that is kept is too close
    /// to the first that is dropped, rounding chooses the sum, and only the residual is compared.
    pub fn check(
        &self,
        g: &[f64],
        shape: FactorSizes,
        positive: bool,
        epsilon: f64,
        tolerance: f64,
    ) -> Check {
        let (nl, nr) = (shape.left, shape.right);
        let p = nl * nr;
        let norm = g.iter().map(|v| v * v).sum::<f64>().sqrt();
        let rank = self.factors.len();
        let (mut terms, sigma) = dense::nearest(g, (nl, nr), rank);
        if positive {
            for (a, b) in &mut terms {
                (*a, *b) = (dense::positive_part(a, nl), dense::positive_part(b, nr));
            }
        }
        let add = |sum: &mut Vec<f64>, a: &[f64], b: &[f64]| {
            let term = dense::kronecker(a, (nl, nl), b, (nr, nr));
            sum.iter_mut().zip(term).for_each(|(s, t)| *s += t);
        };
        let wide =
            |m: &[T], n: usize| transposed(&m.iter().map(|v| v.to_f64()).collect::<Vec<_>>(), n, n);
        let (mut found, mut needed) = (vec![0.0; p * p], vec![0.0; p * p]);
        for ((a, b), (x, y)) in self.factors.iter().zip(&terms) {
            add(&mut found, &wide(a, nl), &wide(b, nr));
            add(&mut needed, x, y);
        }
        let rest = g.iter().zip(&needed).map(|(g, s)| (g - s) * (g - s)).sum::<f64>().sqrt();
        // A projection treats each term apart: every gap counts.
        let kept = if positive { 0..rank } else { rank - 1..rank };
        let at = |i: usize| sigma.get(i).copied().unwrap_or(0.0);
        let gap = kept.map(|i| at(i) - at(i + 1)).fold(f64::INFINITY, f64::min);
        let noise = 100.0 * p as f64 * epsilon * at(0);
        let apart = gap * tolerance >= noise || rank == sigma.len() && !positive;
        // Either is small where the fit is good: the norm of G is the yardstick.
        let yardstick = |mut difference: Difference| {
            difference.add(norm, norm);
            difference.within(tolerance)
        };
        if positive && !apart {
            return yardstick(Difference::default());
        }
        let residual = yardstick(Difference::between(&[self.residual], &[rest]));
        if apart {
            residual.worse(yardstick(Difference::between(&found, &needed)))
        } else {
            residual
        }
    }
}
