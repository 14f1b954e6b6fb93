//! EKFAC: the factors' eigenbases with the block's own diagonal in them.
//!
//! ```text
//! A = Q_A . Q_A^T,  G = Q_G . Q_G^T
//! Lambda_ij = c sum_n sum_v ((Q_A^T a_n)_i)^2 ((Q_G^T g_nv)_j)^2       in x out
//! apply   V := Q_A (Lambda .* (Q_A^T V Q_G)) Q_G^T,   solve with 1 / (Lambda + lambda)
//! ```
//! Per-example gradients are never formed: squared rotated inputs times squared rotated outputs,
//! one product. Lambda is the best diagonal in that basis, so that EKFAC is at least as close to
//! the block as K-FAC, in the Frobenius norm. George et al. (2018);
//! N (in^2 + out^2 + in out) multiply-accumulates a pass.

use super::damping::check;
use super::eigen::{Eigen, eigen_len, eigen_scratch, positive, power};
use super::error::KfacError;
use super::factors::{Bias, Factors, Part, Place, Places, check_vector, max_block};
use super::statistics::{Batch, Fisher, Weights, batch_scratch, for_each_vector, keep};
use crate::error::{ShapeError, size};
use crate::linalg::{gemm_nt, gemm_tn};
use crate::matrix::{Mat, MatMut};
use crate::network::{Layer, Loss, Mlp, Scale, Targets, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// The number of values of an EKFAC state: bases, their eigenvalues, Lambda, for every block.
pub const fn ekfac_len(layers: &[Layer], bias: Bias) -> usize {
    super::preconditioner::eigenfactors_len(layers, bias) + layer::params(layers)
}

/// Scratch of [`ekfac_bases`].
pub const fn ekfac_bases_scratch(layers: &[Layer]) -> usize {
    let (mut max, mut l) = (0, 0);
    while l < layers.len() {
        let len = eigen_scratch(layers[l].homogeneous_inputs(), layers[l].outputs);
        if len > max {
            max = len;
        }
        l += 1;
    }
    max
}

/// Decomposes the factors into `state` and starts every Lambda from K-FAC's own, `a g^T`.
/// `state`: [`ekfac_len`], `scratch`: [`ekfac_bases_scratch`].
///
/// # Errors
/// [`KfacError::Factor`] naming layer and factor.
pub fn ekfac_bases<T: Real>(
    factors: &Factors<'_, T>,
    state: &mut [T],
    scratch: &mut [T],
) -> Result<(), KfacError> {
    Scratch::new(scratch, ekfac_bases_scratch(factors.layers))?;
    let mut rest = Scratch::new(state, ekfac_len(factors.layers, factors.bias))?;
    for (place, block) in factors.blocks() {
        let storage = rest.take(eigen_len(place.rows(), place.cols()))?;
        let mut lambda = rest.matrix(place.rows(), place.cols())?;
        let eigen = block.eigen(storage, scratch).map_err(|e| e.in_layer(place.index))?;
        for (lambda, g) in lambda.columns().zip(eigen.output_values) {
            lambda.iter_mut().zip(eigen.input_values).for_each(|(l, a)| *l = *a * *g);
        }
    }
    Ok(())
}

/// Scratch of [`ekfac_correct`].
pub const fn ekfac_correct_scratch(layers: &[Layer], batch: usize) -> usize {
    let (n, m) = (layer::max_homogeneous_inputs(layers), layer::max_outputs(layers));
    batch_scratch(layers, batch) + (n + m) * batch
}

/// Updates every Lambda by a batch: `Lambda := keep Lambda + weighted sums`. The weights are
/// those of [`accumulate`](super::accumulate); start with `keep` 0, and carry on with 1.
///
/// # Errors
/// [`KfacError`] if network, data, state or scratch do not fit together.
pub fn ekfac_correct<T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'_, T>,
    targets: Targets<'_, T>,
    loss: Loss,
    fisher: Fisher<'_>,
    weights: Weights<T>,
    bias: Bias,
    state: &mut [T],
    scratch: &mut [T],
) -> Result<(), KfacError> {
    let layers = net.layers();
    Scratch::new(state, ekfac_len(layers, bias))?;
    loss.check(targets, net.outputs(), x.cols())?;
    let mut scratch = Scratch::new(scratch, ekfac_correct_scratch(layers, x.cols()))?;
    let mut batch = Batch::record(net, x, &mut scratch)?;
    let rotated = scratch.rest();
    correct(&mut batch, targets, loss, fisher, weights, bias, state, rotated)
}

/// The same after a forward pass. `rotated`: the widest input and output, times the samples.
pub(crate) fn correct<T: Real>(
    batch: &mut Batch<'_, T>,
    targets: Targets<'_, T>,
    loss: Loss,
    fisher: Fisher<'_>,
    weights: Weights<T>,
    bias: Bias,
    state: &mut [T],
    rotated: &mut [T],
) -> Result<(), KfacError> {
    let (net, layers) = (batch.net, batch.net.layers());
    if matches!(fisher, Fisher::ForwardOnly) {
        // sum_v (Q_G^T v)_j^2 = 1 over any orthonormal v: Lambda_ij = mean (Q_A^T a)_i^2.
        let tape = batch.tape;
        let mut rest = Scratch::new(state, 0)?;
        let scales = net.dense().map(|d| d.scale);
        let mut places = Places::new(layers, bias).peekable();
        for (index, scale) in scales.enumerate() {
            while let Some(place) = places.next_if(|p| p.index == index) {
                let (eigen, mut lambda) = block(&place, &mut rest)?;
                let a = rotated_inputs(&place, scale, tape.input(index), eigen.input, rotated)?;
                keep(&mut lambda, weights.keep);
                for lambda in lambda.columns() {
                    for a in a.columns() {
                        let squares = lambda.iter_mut().zip(a);
                        squares.for_each(|(l, a)| *l += weights.input * *a);
                    }
                }
            }
        }
        return Ok(());
    }
    for_each_vector(batch, targets, loss, fisher, &mut |batch, pass, share| {
        let kept = if pass == 0 { weights.keep } else { T::ONE };
        let tape = batch.tape;
        let mut end = ekfac_len(layers, bias);
        batch.backward(&mut |dense, g| {
            let len = layer_len(&dense.layer, bias);
            end = end.saturating_sub(len);
            let mut rest = Scratch::new(state.part_mut(end..end + len), len)?;
            for place in Places::new(core::slice::from_ref(&dense.layer), bias) {
                let (eigen, lambda) = block(&place, &mut rest)?;
                let x = tape.input(dense.index);
                let len = place.rows() * x.cols();
                let (a, g_scratch) = rotated.cut_mut(len);
                let a = rotated_inputs(&place, dense.scale, x, eigen.input, a)?;
                let mut to =
                    Scratch::new(g_scratch, g.rows() * g.cols())?.matrix(g.rows(), g.cols())?;
                gemm_tn(T::ONE, eigen.output, g, T::ZERO, to.reborrow())?;
                square(&mut to);
                gemm_nt(share * weights.output, a, to.as_ref(), kept, lambda)?;
            }
            Ok(())
        })
    })
}

/// The values of one layer's blocks.
const fn layer_len(layer: &Layer, bias: Bias) -> usize {
    ekfac_len(core::slice::from_ref(layer), bias)
}

/// Bases and Lambda of the next block.
fn block<'s, T: Real>(
    place: &Place,
    rest: &mut Scratch<'s, T>,
) -> Result<(Eigen<'s, T>, MatMut<'s, T>), KfacError> {
    let (n, m) = (place.rows(), place.cols());
    let storage = rest.take(eigen_len(n, m))?;
    let eigen = Eigen::from_storage(n, m, storage).ok_or(KfacError::BeforeFirstUpdate)?;
    Ok((eigen, rest.matrix(n, m)?))
}

/// `(Q_A^T a_n)^2` for every sample: rows x samples.
pub(crate) fn rotated_inputs<'s, T: Real>(
    place: &Place,
    scale: Scale<T>,
    x: Mat<'_, T>,
    q: Mat<'_, T>,
    scratch: &'s mut [T],
) -> Result<Mat<'s, T>, KfacError> {
    let (rows, inputs) = (place.rows(), place.layer.inputs);
    let mut to = Scratch::new(scratch, rows * x.cols())?.matrix(rows, x.cols())?;
    if place.part == Part::Bias {
        to.fill(scale.bias);
    } else {
        gemm_tn(scale.weight, q.block(0, 0, inputs, rows), x, T::ZERO, to.reborrow())?;
    }
    if place.part == Part::Joint && place.layer.bias {
        // Q_A^T (s x, t) = s Q_A[:in]^T x + t Q_A[in]^T
        for (q, i) in q.columns().zip(0..rows) {
            let last = q.last().copied().unwrap_or(T::ZERO) * scale.bias;
            for to in to.columns() {
                if let Some(to) = to.get_mut(i) {
                    *to += last;
                }
            }
        }
    }
    square(&mut to);
    Ok(to.into_ref())
}

fn square<T: Real>(m: &mut MatMut<'_, T>) {
    m.columns().flatten().for_each(|v| *v = *v * *v);
}

/// The EKFAC approximation of the Fisher or GGN matrix on vectors in parameter order.
#[derive(Clone, Copy, Debug)]
pub struct Ekfac<'a, T> {
    layers: &'a [Layer],
    bias: Bias,
    state: &'a [T],
}

/// Scratch of the products of [`Ekfac`].
pub const fn ekfac_scratch(layers: &[Layer]) -> usize {
    2 * max_block(layers)
}

impl<'a, T: Real> Ekfac<'a, T> {
    /// The operator of a state that [`ekfac_bases`] and [`ekfac_correct`] left.
    ///
    /// # Errors
    /// [`ShapeError`] if the state has another length than [`ekfac_len`].
    pub fn new(layers: &'a [Layer], bias: Bias, state: &'a [T]) -> Result<Self, ShapeError> {
        ShapeError::check("EKFAC state", ekfac_len(layers, bias), state.len())?;
        Ok(Self { layers, bias, state })
    }

    /// The layers.
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// `v := E v`. `scratch`: [`ekfac_scratch`].
    ///
    /// # Errors
    /// [`KfacError`] if v or the scratch does not fit.
    pub fn apply(&self, v: &mut [T], scratch: &mut [T]) -> Result<(), KfacError> {
        self.each(v, scratch, |v, lambda, _| {
            *v *= lambda;
            Ok(())
        })
    }

    /// `v := (E + lambda I)^-1 v`. `scratch`: [`ekfac_scratch`].
    ///
    /// # Errors
    /// [`KfacError::NotPositive`]; a vector, a lambda or a scratch that does not fit.
    pub fn solve(&self, lambda: T, v: &mut [T], scratch: &mut [T]) -> Result<(), KfacError> {
        check(lambda)?;
        self.each(v, scratch, |v, value, (i, j)| {
            *v /= positive(value + lambda, i, j)?;
            Ok(())
        })
    }

    /// `v := (E + lambda I)^p v`. `scratch`: [`ekfac_scratch`].
    ///
    /// # Errors
    /// Those of [`Ekfac::solve`].
    pub fn power(&self, p: T, lambda: T, v: &mut [T], scratch: &mut [T]) -> Result<(), KfacError> {
        check(lambda)?;
        self.each(v, scratch, |v, value, (i, j)| {
            let error = KfacError::NotPositive { row: size(i), col: size(j) };
            *v *= power(value + lambda, p).ok_or(error)?;
            Ok(())
        })
    }

    fn each(
        &self,
        v: &mut [T],
        scratch: &mut [T],
        run: impl Fn(&mut T, T, (usize, usize)) -> Result<(), KfacError>,
    ) -> Result<(), KfacError> {
        check_vector(self.layers, v)?;
        Scratch::new(scratch, ekfac_scratch(self.layers))?;
        let mut state = self.state;
        for place in Places::new(self.layers, self.bias) {
            let (n, m) = (place.rows(), place.cols());
            let Some(eigen) = Eigen::from_storage(n, m, state) else { break };
            let rest = state.part(eigen_len(n, m)..);
            let lambda = Mat::of(rest, n, m);
            state = rest.part(n * m..);
            place.with(v, scratch, |mut v, scratch| {
                eigen.rotate(&mut v, scratch)?;
                for (j, (v, lambda)) in v.columns().zip(lambda.columns()).enumerate() {
                    for (i, (v, lambda)) in v.iter_mut().zip(lambda).enumerate() {
                        run(v, *lambda, (i, j))?;
                    }
                }
                eigen.rotate_back(&mut v, scratch)
            })?;
        }
        Ok(())
    }
}
