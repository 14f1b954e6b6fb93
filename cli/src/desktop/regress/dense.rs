//! The kernel formed and factored.

use nanocurv::Mat;
use nanocurv::linalg::{gemm_tn, ldlt, ldlt_solve};
use ndarray::{Array2, Array3, ArrayView2, Axis, Slice};
use rayon::prelude::*;

use super::outputs::{CHUNK, outputs};
use super::settings::{RegressSettings, Regression};
use crate::desktop::array::{Float, columns, matrix, zeros};
use crate::desktop::data::Data;
use crate::desktop::error::{Context, Result};
use crate::desktop::jacobian::jacobian;
use crate::desktop::kernel::{Reduce, kernel};
use crate::desktop::network::Network;
use crate::desktop::watch::Watch;

/// Mean and covariance.
pub(super) fn regress<T: Float>(
    net: &Network<T>,
    data: &Data<T>,
    residual: &Array2<T>,
    x: ArrayView2<'_, T>,
    settings: &RegressSettings,
    watch: Watch<'_>,
) -> Result<Regression<T>> {
    let (o, m) = (net.outputs(), x.nrows());
    let (rows, predicted) = (data.len() * o, m * o);
    let scale = T::of(1.0 / settings.prior_precision);
    let scaled = |x2| -> Result<Vec<T>> {
        let kernel = kernel(net, data.x.view(), x2, Reduce::Full, watch)?;
        let mut values = kernel.into_raw_vec_and_offset().0;
        values.par_iter_mut().for_each(|k| *k *= scale);
        Ok(values)
    };
    let mut k = scaled(None)?;
    // Row-major (N, O, M, O): column r of the core's view is row r.
    let between = scaled(Some(x))?;
    let mut all = columns(&mut k, rows, rows)?;
    all.add_diagonal(T::of(settings.noise * settings.noise));
    ldlt(all).context("the kernel plus the noise: increase --noise")?;
    let factored = Mat::new("kernel", &k, rows, rows)?;

    let mut cross = zeros::<T>(&[predicted, rows])?;
    let mut view = columns(&mut cross, rows, predicted)?;
    view.copy_transposed(Mat::new("kernel", &between, predicted, rows)?);
    let mut solved = cross.clone();
    solved.par_chunks_mut(rows * CHUNK).try_for_each(|part| -> Result<()> {
        let n = part.len() / rows;
        Ok(ldlt_solve(factored, columns(part, rows, n)?)?)
    })?;

    let mut mean = outputs(net, x)?;
    let residual: Vec<T> = residual.iter().copied().collect();
    for (f, solved) in mean.iter_mut().zip(solved.chunks(rows)) {
        *f += nanocurv::linalg::dot(solved, &residual);
    }
    let mut covariance = zeros::<T>(&[m, o, o])?;
    for (n, to) in covariance.chunks_mut(o * o).enumerate() {
        let part = n * o * rows..(n + 1) * o * rows;
        let cross = Mat::new("kernel", &cross[part.clone()], rows, o)?;
        let solved = Mat::new("kernel", &solved[part], rows, o)?;
        gemm_tn(-T::ONE, cross, solved, T::ZERO, columns(to, o, o)?)?;
    }
    for from in (0..m).step_by(CHUNK) {
        let x = x.slice_axis(Axis(0), Slice::from(from..m.min(from + CHUNK)));
        let p = net.params();
        let j = jacobian(net, x)?.into_raw_vec_and_offset().0;
        let to = &mut covariance[from * o * o..];
        for (j, to) in j.chunks(o * p).zip(to.chunks_mut(o * o)) {
            let j = Mat::new("Jacobian", j, p, o)?;
            gemm_tn(scale, j, j, T::ONE, columns(to, o, o)?)?;
        }
    }
    let covariance =
        Array3::from_shape_vec((m, o, o), covariance).expect("as many values as were asked for");
    let mean = matrix(m, o, mean.into_raw_vec_and_offset().0);
    Ok(Regression { mean, covariance: Some(covariance), solved: None })
}
