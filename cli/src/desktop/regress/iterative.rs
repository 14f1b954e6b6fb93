//! The system in the parameters, by products alone.
//!
//! ```text
//! A u = b,   A v = sum_c J_c^T (J_c v) + sigma^2 delta v,   b = sum_c J_c^T (y_c - f_c)
//! ```
//! c over chunks of samples. Nothing is kept of a sample from one product to the next, and no
//! vector is longer than the parameters or the data. K-FAC's inverse, which preconditions other
//! systems well, makes three times as many steps of this one necessary (4000 samples, 16-64-64-1).

use nanocurv::curvature::{
    CurvatureError, Identity, Jacobian, LinearOperator, Until, cg, cg_scratch,
};
use nanocurv::error::ShapeError;
use nanocurv::linalg::axpy;
use nanocurv::network::Mlp;
use nanocurv::{Mat, Real};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::outputs::{CHUNK, outputs};
use super::settings::{RegressSettings, Regression, Solved};
use crate::desktop::array::{Float, zeros};
use crate::desktop::data::{Data, inputs};
use crate::desktop::error::{Context, Error, Result};
use crate::desktop::network::Network;
use crate::desktop::watch::{Watch, Work};

/// The mean.
pub(super) fn regress<T: Float>(
    net: &Network<T>,
    data: &Data<T>,
    residual: &Array2<T>,
    x: ArrayView2<'_, T>,
    settings: &RegressSettings,
    watch: Watch<'_>,
) -> Result<Regression<T>> {
    let damping = T::of(settings.noise * settings.noise * settings.prior_precision);
    let work = Work::new(watch, "conjugate gradients", settings.iterations);
    let products = Products { net: net.mlp()?, x: data.inputs()?, damping, work: &work };
    let residual = crate::desktop::array::flat(residual);
    let mut b = zeros::<T>(&[net.params()])?;
    products.sum(&mut b, &|j, chunk, out, scratch| {
        let o = net.outputs();
        let from = chunk * CHUNK * o;
        j.apply_transpose(&residual[from..from + j.rows()], out, scratch)
    })?;

    let mut u = zeros::<T>(&[net.params()])?;
    let until = Until {
        tolerance: T::of(settings.tolerance.unwrap_or(T::TOLERANCE)),
        iterations: settings.iterations,
    };
    let plain = Identity { size: net.params() };
    let mut scratch = zeros::<T>(&[cg_scratch(net.params(), 0, 0)])?;
    let info = cg(&products, &plain, &b, &mut u, until, &mut scratch);
    let info = match info {
        Err(CurvatureError::Stopped) => return Err(Error::Interrupted),
        info => info.context("conjugate gradients")?,
    };

    let mut mean = outputs(net, x)?;
    let o = net.outputs();
    let (mlp, x) = (net.mlp()?, inputs(net, x)?);
    let values = mean.as_slice_mut().expect("an array in row-major order");
    values.par_chunks_mut(CHUNK * o).enumerate().try_for_each(|(chunk, f)| -> Result<()> {
        let x = [chunk_of(x, chunk)];
        let j = Jacobian::new(mlp, &x).context("--predict")?;
        let (mut step, mut scratch) = (vec![T::ZERO; f.len()], zeros::<T>(&[j.scratch()])?);
        j.apply(&u, &mut step, &mut scratch)?;
        axpy(T::ONE, &step, f);
        Ok(())
    })?;
    let solved =
        Solved { iterations: info.iterations, residual: info.residual.to_f64(), stop: info.stop };
    Ok(Regression { mean, covariance: None, solved: Some(solved) })
}

fn chunk_of<T: Real>(x: Mat<'_, T>, chunk: usize) -> Mat<'_, T> {
    let from = chunk * CHUNK;
    x.columns_range(from, CHUNK.min(x.cols() - from))
}

/// `A`
struct Products<'a, T> {
    net: Mlp<'a, T>,
    x: Mat<'a, T>,
    damping: T,
    work: &'a Work<'a>,
}

/// What a chunk adds: its Jacobian, its number, where to write, scratch.
type OfChunk<'f, T> =
    dyn Fn(&Jacobian<'_, T>, usize, &mut [T], &mut [T]) -> Result<(), CurvatureError> + Sync + 'f;

impl<T: Float> Products<'_, T> {
    /// `out = ` the sum over all chunks: as many side by side as there are threads, added in the
    /// order of the samples.
    fn sum(&self, out: &mut [T], of: &OfChunk<'_, T>) -> Result<(), CurvatureError> {
        let chunks: Vec<usize> = (0..self.x.cols().div_ceil(CHUNK)).collect();
        let threads = rayon::current_num_threads().max(1);
        // A thread's share of a wave, so that its memory serves many chunks.
        const SHARE: usize = 8;
        out.fill(T::ZERO);
        for wave in chunks.chunks(threads * SHARE) {
            let parts = wave.par_chunks(SHARE).map(|share| -> Result<_, CurvatureError> {
                let (mut sum, mut part) = (vec![T::ZERO; out.len()], vec![T::ZERO; out.len()]);
                let mut scratch = Vec::new();
                for chunk in share {
                    let x = [chunk_of(self.x, *chunk)];
                    let j = Jacobian::new(self.net, &x)?.with_tile(CHUNK);
                    scratch.resize(j.scratch(), T::ZERO);
                    of(&j, *chunk, &mut part, &mut scratch)?;
                    axpy(T::ONE, &part, &mut sum);
                }
                Ok(sum)
            });
            for part in parts.collect::<Result<Vec<_>, _>>()? {
                axpy(T::ONE, &part, out);
            }
        }
        Ok(())
    }
}

impl<T: Float> LinearOperator<T> for Products<'_, T> {
    fn rows(&self) -> usize {
        self.net.params()
    }

    fn cols(&self) -> usize {
        self.net.params()
    }

    fn scratch(&self) -> usize {
        0
    }

    fn apply(&self, v: &[T], out: &mut [T], _: &mut [T]) -> Result<(), CurvatureError> {
        ShapeError::check("product", self.rows(), out.len())?;
        self.sum(out, &|j, _, out, scratch| {
            let mut along = vec![T::ZERO; j.rows()];
            j.apply(v, &mut along, scratch)?;
            j.apply_transpose(&along, out, scratch)
        })?;
        axpy(self.damping, v, out);
        self.work.advance(1).map_err(|_| CurvatureError::Stopped)
    }

    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        self.apply(u, out, scratch)
    }
}
