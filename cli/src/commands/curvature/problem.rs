//! What a curvature is computed of, and the vectors that it is multiplied with.

use anyhow::{Context, Result};
use nanocurv::curvature::{Batch, Curvature, Risk};
use rayon::prelude::*;

use super::Kind;
use crate::args::{Data, Net, Targets};
use crate::array::{Float, zeros};
use crate::commands::kfac::factors::{Fisher, core_loss, core_targets};
use crate::io::{self, Source};

/// What is read from files and the command line.
pub(super) struct Problem<T> {
    pub(super) kind: Kind,
    pub(super) net: Net<T>,
    pub(super) data: Data<T>,
    pub(super) targets: Targets<T>,
    pub(super) loss: (crate::dense::Loss, crate::dense::Reduction),
    /// Kind, draws, seed.
    pub(super) fisher: (Fisher, u32, u64),
    pub(super) separate_bias: bool,
}

impl<T: Float> Problem<T> {
    /// The mini-batches as they were cut.
    pub(super) fn batches<'a>(&'a self, labels: &'a [u32]) -> Vec<Batch<'a, T>> {
        let (x, targets) = (self.data.x.batch(), core_targets(&self.targets, labels));
        let mut from = 0;
        self.data
            .batches
            .iter()
            .map(|samples| {
                let batch = Batch {
                    x: x.columns_range(from, *samples),
                    targets: targets.range(from, *samples),
                };
                from += samples;
                batch
            })
            .collect()
    }

    pub(super) fn risk<'a>(&'a self, batches: &'a [Batch<'a, T>]) -> Result<Risk<'a, T>> {
        let (loss, reduction) = core_loss(self.loss.0, self.loss.1);
        Risk::new(self.net.mlp()?, loss, reduction, batches).context("--data, --targets")
    }

    /// Which curvature of the risk; none for K-FAC and EKFAC.
    pub(super) fn curvature(&self) -> Option<Curvature> {
        Some(match self.kind {
            Kind::Hessian => Curvature::Hessian,
            Kind::Ggn => Curvature::Ggn,
            Kind::EmpiricalFisher => Curvature::EmpiricalFisher,
            Kind::FisherMc => {
                let (_, draws, seed) = self.fisher;
                Curvature::MonteCarloFisher { draws: draws as usize, seed }
            }
            Kind::Kfac | Kind::Ekfac | Kind::Gradient => return None,
        })
    }

    /// The number of parameters.
    pub(super) fn params(&self) -> usize {
        self.net.theta.len()
    }
}

/// Vectors as columns, row-major as in the file.
pub(super) struct Vectors<T> {
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Whether the file has one axis.
    pub(super) vector: bool,
    pub(super) values: Vec<T>,
}

impl<T: Float> Vectors<T> {
    /// The vector or the columns of a file.
    pub(super) fn read(source: &Source) -> Result<Self> {
        let vector = io::read_array(source)?.shape().len() == 1;
        let matrix = io::read_matrix::<T>(source)?;
        Ok(Self { rows: matrix.rows, cols: matrix.cols, vector, values: matrix.values })
    }

    /// The columns of the identity.
    pub(super) fn identity(size: usize) -> Result<Self> {
        let mut values = zeros::<T>(&[size, size])?;
        values.iter_mut().step_by(size + 1).for_each(|v| *v = T::ONE);
        Ok(Self { rows: size, cols: size, vector: false, values })
    }

    pub(super) fn shape(&self) -> Vec<usize> {
        if self.vector { vec![self.rows] } else { vec![self.rows, self.cols] }
    }

    fn column(&self, k: usize) -> Vec<T> {
        self.values.iter().skip(k).step_by(self.cols).copied().collect()
    }

    pub(super) fn to_f64(&self) -> Vec<f64> {
        self.values.iter().map(|v| v.to_f64()).collect()
    }

    /// `f` of every column, on all threads; row-major with `rows` rows.
    pub(super) fn map(
        &self,
        rows: usize,
        f: impl Fn(&[T], &mut [T]) -> Result<()> + Sync,
    ) -> Result<Vec<T>> {
        let columns: Vec<Vec<T>> = (0..self.cols)
            .into_par_iter()
            .map(|k| {
                let mut out = vec![T::ZERO; rows];
                f(&self.column(k), &mut out)?;
                Ok(out)
            })
            .collect::<Result<_>>()?;
        Ok((0..rows).flat_map(|i| columns.iter().map(move |c| c[i])).collect())
    }
}
