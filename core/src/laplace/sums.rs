//! The curvature of the data, as sums to which batches are added.
//!
//! ```text
//! H = sum_n J_n^T Lambda_n J_n        Lambda = I (regression), the loss's Hessian (classes)
//! full       H itself                                            P x P
//! kron       sum_n a a^T and sum_n sum_v g g^T of every layer, and the number of samples
//! ekfac      the same; the diagonal in their bases is a second pass, `correct`
//! diagonal   H_pp, in parameter order                            P
//! ```
//! v runs over the columns of a root of Lambda, pulled back: O backward passes a batch. `keep`
//! multiplies what the sums hold: 0 starts, 1 carries on, between them it forgets; the number of
//! batches that count then tends to 1 / (1 - keep).

use super::error::LaplaceError;
use crate::error::ShapeError;
use crate::kfac::statistics::{Batch, add_inputs, add_outputs, batch_scratch, for_each_vector};
use crate::kfac::{
    self, Bias, Fisher, Weights, accumulate_diagonal_scratch, diagonal, factors_len,
};
use crate::linalg::{axpy, syrk_nt};
use crate::matrix::{Mat, MatMut};
use crate::network::{Layer, Loss, Mlp, Targets, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// What a posterior knows of the curvature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Structure {
    /// Every parameter against every other.
    Full,
    /// A Kronecker product a layer, damped exactly in its eigenbases.
    Kronecker(Bias),
    /// The same bases with the second moments in them.
    Ekfac(Bias),
    /// Every parameter by itself.
    Diagonal,
}

/// The number of values of the sums.
pub const fn sums_len(layers: &[Layer], structure: Structure) -> usize {
    let params = layer::params(layers);
    match structure {
        Structure::Full => params * params,
        Structure::Kronecker(_) | Structure::Ekfac(_) => factors_len(layers) + 1,
        Structure::Diagonal => params,
    }
}

/// Scratch of [`accumulate`] for `batch` samples.
pub const fn accumulate_scratch(layers: &[Layer], structure: Structure, batch: usize) -> usize {
    match structure {
        Structure::Full => batch_scratch(layers, batch) + layer::params(layers) * batch,
        Structure::Kronecker(_) | Structure::Ekfac(_) => kfac::accumulate_scratch(layers, batch),
        Structure::Diagonal => accumulate_diagonal_scratch(layers, batch),
    }
}

/// `Lambda` over the loss's Hessian: one half for the squared error, whose Hessian is 2 I.
pub(super) fn half<T: Real>(loss: Loss) -> T {
    if loss == Loss::Mse { T::HALF } else { T::ONE }
}

/// What is kept of sums is a share of them.
pub(super) fn check_keep<T: Real>(keep: T) -> Result<(), LaplaceError> {
    if keep >= T::ZERO && keep <= T::ONE { Ok(()) } else { Err(LaplaceError::Forgetting) }
}

/// `sums := keep sums + those of a batch`, and the batch's summed loss: `sum |f - y|^2`, or
/// `-sum log p(y)`.
///
/// `x`: inputs x samples; `sums`: [`sums_len`], whatever they hold if `keep` is 0; `scratch`:
/// [`accumulate_scratch`].
///
/// # Errors
/// [`LaplaceError`] if network, data, sums or scratch do not fit together, or `keep` is not in
/// [0, 1].
pub fn accumulate<T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'_, T>,
    targets: Targets<'_, T>,
    loss: Loss,
    structure: Structure,
    keep: T,
    sums: &mut [T],
    scratch: &mut [T],
) -> Result<T, LaplaceError> {
    let layers = net.layers();
    ShapeError::check("sums", sums_len(layers, structure), sums.len())?;
    check_keep(keep)?;
    loss.check(targets, net.outputs(), x.cols())?;
    let mut scratch = Scratch::new(scratch, accumulate_scratch(layers, structure, x.cols()))?;
    let mut batch = Batch::record(net, x, &mut scratch)?;
    let value = loss.value(batch.f, targets)?;
    let weights = Weights { keep, input: T::ONE, output: half(loss) };
    match structure {
        Structure::Full => {
            let gradients = scratch.matrix(net.params(), x.cols())?;
            full(&mut batch, targets, loss, weights, sums, gradients)?;
        }
        Structure::Kronecker(_) | Structure::Ekfac(_) => {
            let (factors, samples) = sums.cut_mut(factors_len(layers));
            add_inputs(&batch, weights, factors)?;
            for_each_vector(&mut batch, targets, loss, Fisher::TypeTwo, &mut |batch, pass, _| {
                let keep = if pass == 0 { keep } else { T::ONE };
                add_outputs(batch, keep, weights.output, factors)
            })?;
            for count in samples {
                let old = if keep == T::ZERO { T::ZERO } else { keep * *count };
                *count = old + T::from_usize(x.cols());
            }
        }
        Structure::Diagonal => {
            let squares = scratch.rest();
            diagonal::add(&mut batch, targets, loss, Fisher::TypeTwo, weights, sums, squares)?;
        }
    }
    Ok(value)
}

/// `H := keep H + weight sum_v U U^T`, U the gradients of vector v, one column a sample.
fn full<'t, T: Real>(
    batch: &mut Batch<'t, T>,
    targets: Targets<'_, T>,
    loss: Loss,
    weights: Weights<T>,
    sums: &mut [T],
    mut gradients: MatMut<'_, T>,
) -> Result<(), LaplaceError> {
    let params = batch.net.params();
    let mut h = MatMut::of(sums, params, params);
    for_each_vector(batch, targets, loss, Fisher::TypeTwo, &mut |batch, pass, _| {
        gradients.fill(T::ZERO);
        each_gradient(batch, gradients.reborrow())?;
        let keep = if pass == 0 { weights.keep } else { T::ONE };
        Ok(syrk_nt(weights.output, gradients.as_ref(), keep, h.reborrow())?)
    })?;
    h.mirror_lower();
    Ok(())
}

/// The gradient, in parameter order, of what is seeded: one column a sample, added.
fn each_gradient<'t, T: Real>(
    batch: &mut Batch<'t, T>,
    mut gradients: MatMut<'_, T>,
) -> Result<(), kfac::KfacError> {
    let tape = batch.tape;
    batch.backward(&mut |dense, g| {
        let (inputs, outputs) = (dense.layer.inputs, dense.layer.outputs);
        let x = tape.input(dense.index);
        for ((to, x), g) in gradients.columns().zip(x.columns()).zip(g.columns()) {
            let (weights, bias) = to.part_mut(dense.offset..).cut_mut(inputs * outputs);
            for (row, g) in weights.chunks_exact_mut(inputs.max(1)).zip(g) {
                axpy(dense.scale.weight * *g, x, row);
            }
            if dense.layer.bias {
                axpy(dense.scale.bias, g, bias.part_mut(..outputs));
            }
        }
        Ok(())
    })
}
