//! Factors from a network and data.
//!
//! ```text
//! A_l = 1/N sum_n a_n a_n^T          a_n = (s x_{l-1,n}, t)
//! G_l = c  sum_n sum_v g_nv g_nv^T   g_nv: vector v of sample n, pulled back to layer l
//! type-2       v over the columns of S_n, S_n S_n^T = loss Hessian      O backward passes
//! Monte Carlo  v drawn with E[v v^T] = loss Hessian, mean over draws    1 pass a draw
//! empirical    v = the gradient of the sample's loss                    1 pass
//! forward-only G_l = I                                                  no pass
//! ```
//! c is the loss's scale over all N samples of the data ([`Loss::scale`]), so that nothing depends
//! on how the data is cut into batches. Martens & Grosse (2015); Botev et al. (2017) for type-2;
//! Benzing (2022) for forward-only. N (P + sum_l (in^2 + out^2) / 2) multiply-accumulates a pass.

use super::error::KfacError;
use super::factors::{factors_len, input_factor, output_factor};
use crate::error::{NetworkError, ShapeError};
use crate::linalg::{axpy, gemm_nt, gemm_tn};
use crate::matrix::{Mat, MatMut};
use crate::network::layer::max_outputs;
use crate::network::{DenseLayer, Layer, Loss, Mlp, Order, Reduction, Tape, Targets, tape_len};
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Which vectors G is made of.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fisher<'r> {
    /// The columns of a root of the loss's Hessian: G of the GGN.
    TypeTwo,
    /// Draws from the model's own distribution of targets.
    MonteCarlo {
        /// Where they come from.
        rng: &'r mut Rng,
        /// How many a sample.
        draws: u32,
    },
    /// The gradients of the losses.
    Empirical,
    /// None: G is the identity.
    ForwardOnly,
}

impl Fisher<'_> {
    /// The same for a shorter time.
    pub fn reborrow(&mut self) -> Fisher<'_> {
        match self {
            Self::TypeTwo => Fisher::TypeTwo,
            Self::MonteCarlo { rng, draws } => Fisher::MonteCarlo { rng, draws: *draws },
            Self::Empirical => Fisher::Empirical,
            Self::ForwardOnly => Fisher::ForwardOnly,
        }
    }
}

/// How new statistics enter the factors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights<T> {
    /// The share of what the factors hold already; 0 overwrites it, whatever it is.
    pub keep: T,
    /// The weight of a sample in A: 1/N.
    pub input: T,
    /// The weight of a vector in G: the loss's scale c.
    pub output: T,
}

impl<T: Real> Weights<T> {
    /// Those of one batch of data of `samples` samples in all, added to what is there.
    pub fn batch(loss: Loss, reduction: Reduction, samples: usize, outputs: usize) -> Self {
        Self {
            keep: T::ONE,
            input: T::ONE / T::from_usize(samples.max(1)),
            output: loss.scale(reduction, samples, outputs),
        }
    }

    /// The same in a moving average.
    pub fn averaged(self, shares: super::Shares<T>) -> Self {
        Self { keep: shares.old, input: shares.new * self.input, output: shares.new * self.output }
    }
}

/// A batch after its forward pass, ready for backward passes.
pub(crate) struct Batch<'t, T> {
    pub(crate) net: Mlp<'t, T>,
    pub(crate) tape: Tape<'t, T>,
    /// The outputs.
    pub(crate) f: Mat<'t, T>,
    here: &'t mut [T],
    there: &'t mut [T],
}

/// What is done at a layer with the vectors pulled back to it, outputs x samples.
pub(crate) type AtLayer<'f, 't, T> =
    dyn FnMut(&DenseLayer<'t, T>, Mat<'_, T>) -> Result<(), KfacError> + 'f;

/// What is done with a seeded vector, given the number of the pass and the vector's share.
pub(crate) type OnVector<'f, 't, T> =
    dyn FnMut(&mut Batch<'t, T>, usize, T) -> Result<(), KfacError> + 'f;

/// Scratch of [`Batch::record`].
pub(crate) const fn batch_scratch(layers: &[Layer], batch: usize) -> usize {
    let outputs = crate::network::layer::outputs(layers);
    tape_len(layers, batch, Order::First) + (outputs + 2 * max_outputs(layers)) * batch
}

impl<'t, T: Real> Batch<'t, T> {
    pub(crate) fn record(
        net: &Mlp<'t, T>,
        x: Mat<'t, T>,
        scratch: &mut Scratch<'t, T>,
    ) -> Result<Self, NetworkError> {
        let (layers, samples) = (net.layers(), x.cols());
        let tape = scratch.take(tape_len(layers, samples, Order::First))?;
        let tape = Tape::record(net, x, Order::First, tape)?;
        let mut f = scratch.matrix(net.outputs(), samples)?;
        tape.outputs(net, f.reborrow())?;
        let width = max_outputs(layers) * samples;
        let (here, there) = (scratch.take(width)?, scratch.take(width)?);
        Ok(Self { net: *net, tape, f: f.into_ref(), here, there })
    }

    /// Where the vectors at the outputs are put, before [`Batch::backward`].
    pub(crate) fn seed(&mut self) -> MatMut<'_, T> {
        let (rows, cols) = (self.f.rows(), self.f.cols());
        MatMut::of(self.here, rows, cols)
    }

    /// Pulls the vectors back through the layers, last to first, and shows them at each.
    pub(crate) fn backward(&mut self, at: &mut AtLayer<'_, 't, T>) -> Result<(), KfacError> {
        let samples = self.f.cols();
        for dense in self.net.dense().rev() {
            let len = dense.layer.outputs * samples;
            let g = Mat::of(self.here.part(..len), dense.layer.outputs, samples);
            at(&dense, g)?;
            if dense.index > 0 {
                let (rows, slope) = (dense.layer.inputs, self.tape.slope(dense.index - 1));
                let to = self.there.part_mut(..rows * samples);
                let mut to = MatMut::of(to, rows, samples);
                to.copy_from(slope);
                dense.pull_back(g, to)?;
                core::mem::swap(&mut self.here, &mut self.there);
            }
        }
        Ok(())
    }

    /// `J v`, the derivatives of the outputs along v: outputs x samples.
    pub(crate) fn tangent(&mut self, v: &[T], mut to: MatMut<'_, T>) -> Result<(), KfacError> {
        let (net, samples) = (self.net, self.f.cols());
        let along = net.at("direction", v)?;
        for (dense, v) in net.dense().zip(along.dense()) {
            let (n, m) = (dense.layer.inputs, dense.layer.outputs);
            let last = dense.index + 1 == net.depth();
            let mut z = if last { to.reborrow() } else { MatMut::of(self.there, m, samples) };
            v.forward(self.tape.input(dense.index), z.reborrow())?;
            if dense.index > 0 {
                let x = Mat::of(self.here, n, samples);
                gemm_tn(dense.scale.weight, dense.weights, x, T::ONE, z.reborrow())?;
            }
            if !last {
                let slope = self.tape.slope(dense.index).data();
                z.data().iter_mut().zip(slope).for_each(|(z, slope)| *z *= *slope);
                core::mem::swap(&mut self.here, &mut self.there);
            }
        }
        Ok(())
    }

    /// Adds the weighted gradient, in parameter order, of what is seeded: `dW = c s g x^T`.
    pub(crate) fn add_gradient(&mut self, c: T, gradient: &mut [T]) -> Result<(), KfacError> {
        let tape = self.tape;
        self.backward(&mut |dense, g| {
            let (n, m) = (dense.layer.inputs, dense.layer.outputs);
            let (weights, bias) = gradient.part_mut(dense.offset..).cut_mut(n * m);
            let weights = MatMut::of(weights, n, m);
            gemm_nt(c * dense.scale.weight, tape.input(dense.index), g, T::ONE, weights)?;
            if dense.layer.bias {
                let bias = bias.part_mut(..m);
                g.columns().for_each(|g| axpy(c * dense.scale.bias, g, bias));
            }
            Ok(())
        })
    }
}

/// Scratch of [`accumulate`] and of [`gradient`].
pub const fn accumulate_scratch(layers: &[Layer], batch: usize) -> usize {
    batch_scratch(layers, batch)
}

/// Updates the factors of every layer by a batch: `factors := keep factors + weighted sums`.
///
/// `x`: inputs x samples; `factors`: [`factors_len`], laid out as [`Factors`](super::Factors)
/// reads them; `scratch`: [`accumulate_scratch`].
///
/// ```
/// use nanocurv::kfac::{self, Factors, Fisher, Weights};
/// use nanocurv::network::{Loss, Network, Reduction, Targets};
/// use nanocurv::{Mat, mlp};
///
/// mlp! { Line: 1 => 2 }
/// let theta = [0.5, -1.0, 0.0, 0.25];
/// let (x, y) = ([1.0, 2.0, 3.0], [0.0; 6]);
/// let (x, y) = (Mat::new("x", &x, 1, 3)?, Mat::new("y", &y, 2, 3)?);
/// let mut factors = [0.0; kfac::factors_len(Line::LAYERS)];
/// let mut scratch = [0.0; kfac::accumulate_scratch(Line::LAYERS, 3)];
/// let weights = Weights::batch(Loss::Mse, Reduction::Sum, 3, 2);
/// kfac::accumulate(
///     &Line.at(&theta)?, x, Targets::Values(y), Loss::Mse, Fisher::TypeTwo, weights,
///     &mut factors, &mut scratch,
/// )?;
/// let block = Factors::new(Line::LAYERS, &factors)?.layer(0).unwrap();
/// let a = block.input(); // [[mean x^2, mean x], [mean x, 1]]
/// assert!((a.at(0, 0) - 14.0_f64 / 3.0).abs() < 1e-14 && (a.at(1, 0) - 2.0).abs() < 1e-14);
/// # Ok::<(), nanocurv::kfac::KfacError>(())
/// ```
///
/// # Errors
/// [`KfacError`] if network, data, factors or scratch do not fit together.
pub fn accumulate<T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'_, T>,
    targets: Targets<'_, T>,
    loss: Loss,
    fisher: Fisher<'_>,
    weights: Weights<T>,
    factors: &mut [T],
    scratch: &mut [T],
) -> Result<(), KfacError> {
    ShapeError::check("factors", factors_len(net.layers()), factors.len())?;
    loss.check(targets, net.outputs(), x.cols())?;
    let mut scratch = Scratch::new(scratch, accumulate_scratch(net.layers(), x.cols()))?;
    let mut batch = Batch::record(net, x, &mut scratch)?;
    add_inputs(&batch, weights, factors)?;
    if matches!(fisher, Fisher::ForwardOnly) {
        return identity_outputs(net.layers(), weights, x.cols(), factors);
    }
    for_each_vector(&mut batch, targets, loss, fisher, &mut |batch, pass, share| {
        let keep = if pass == 0 { weights.keep } else { T::ONE };
        add_outputs(batch, keep, share * weights.output, factors)
    })
}

/// The identity as every output factor.
pub(crate) fn identity_outputs<T: Real>(
    layers: &[Layer],
    weights: Weights<T>,
    samples: usize,
    factors: &mut [T],
) -> Result<(), KfacError> {
    let mut rest = Scratch::new(factors, 0)?;
    for layer in layers {
        let (n, m) = (layer.homogeneous_inputs(), layer.outputs);
        rest.take(n * n)?;
        let mut g = rest.matrix(m, m)?;
        keep(&mut g, weights.keep);
        g.add_diagonal(weights.input * T::from_usize(samples));
    }
    Ok(())
}

/// `m := keep m`; with 0, whatever it holds.
pub(crate) fn keep<T: Real>(m: &mut MatMut<'_, T>, keep: T) {
    if keep == T::ZERO {
        m.fill(T::ZERO);
    } else if keep != T::ONE {
        m.scale(keep);
    }
}

/// Seeds each vector of the Fisher in turn and runs on it, given the number of the pass and the
/// share of one vector.
pub(crate) fn for_each_vector<'t, T: Real>(
    batch: &mut Batch<'t, T>,
    targets: Targets<'_, T>,
    loss: Loss,
    fisher: Fisher<'_>,
    run: &mut OnVector<'_, 't, T>,
) -> Result<(), KfacError> {
    let f = batch.f;
    match fisher {
        Fisher::TypeTwo => {
            for c in 0..f.rows() {
                loss.hessian_root(f, targets, c, batch.seed())?;
                run(batch, c, T::ONE)?;
            }
        }
        Fisher::MonteCarlo { rng, draws } => {
            let share = T::ONE / T::from_usize(draws.max(1) as usize);
            for draw in 0..draws.max(1) {
                loss.draw(f, targets, rng, batch.seed())?;
                run(batch, draw as usize, share)?;
            }
        }
        Fisher::Empirical => {
            loss.gradient(f, targets, batch.seed())?;
            run(batch, 0, T::ONE)?;
        }
        Fisher::ForwardOnly => {}
    }
    Ok(())
}

/// The input factors of every layer.
pub(crate) fn add_inputs<T: Real>(
    batch: &Batch<'_, T>,
    weights: Weights<T>,
    factors: &mut [T],
) -> Result<(), KfacError> {
    let mut rest = Scratch::new(factors, 0)?;
    for dense in batch.net.dense() {
        let (n, m) = (dense.layer.homogeneous_inputs(), dense.layer.outputs);
        let a = rest.matrix(n, n)?;
        let x = batch.tape.input(dense.index);
        input_factor(x, dense.scale, dense.layer.bias, weights.keep, weights.input, a)?;
        rest.take(m * m)?;
    }
    Ok(())
}

/// The output factors of every layer, from what is seeded.
pub(crate) fn add_outputs<T: Real>(
    batch: &mut Batch<'_, T>,
    keep: T,
    weight: T,
    factors: &mut [T],
) -> Result<(), KfacError> {
    // Backwards through the factors: G is the last of its layer's.
    let mut end = factors.len();
    batch.backward(&mut |dense, g| {
        let (n, m) = (dense.layer.homogeneous_inputs(), dense.layer.outputs);
        let start = end.saturating_sub(m * m);
        if let Some(to) = factors.get_mut(start..end) {
            output_factor(g, keep, weight, MatMut::of(to, m, m))?;
        }
        end = start.saturating_sub(n * n);
        Ok(())
    })
}

/// Adds `c` times the gradient of the summed losses of a batch to `gradient`, in parameter order,
/// and returns `c` times the loss. `scratch`: [`accumulate_scratch`].
///
/// # Errors
/// [`KfacError`] if network, data, gradient or scratch do not fit together.
pub fn gradient<T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'_, T>,
    targets: Targets<'_, T>,
    loss: Loss,
    c: T,
    gradient: &mut [T],
    scratch: &mut [T],
) -> Result<T, KfacError> {
    ShapeError::check("gradient", net.params(), gradient.len())?;
    loss.check(targets, net.outputs(), x.cols())?;
    let mut scratch = Scratch::new(scratch, accumulate_scratch(net.layers(), x.cols()))?;
    let mut batch = Batch::record(net, x, &mut scratch)?;
    let f = batch.f;
    loss.gradient(f, targets, batch.seed())?;
    batch.add_gradient(c, gradient)?;
    Ok(c * loss.value(f, targets)?)
}
