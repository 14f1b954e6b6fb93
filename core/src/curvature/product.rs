//! Products of a risk's curvature with a vector, tile by tile, for every [`Curvature`]:
//!
//! ```text
//! C v = sum_n J_n^T B_n J_n v        [+ sum_n sum_k (G_L)_kn d^2 f_k / d theta^2  v   for the Hessian]
//!
//! Hessian, Ggn        B = c d^2 l / df^2
//! EmpiricalFisher     B = c g g^T,                    g = dl/df
//! MonteCarloFisher    B = c / M sum_m g_m g_m^T,      E[g g^T] = d^2 l / df^2
//! ```
//! A gradient is 3 N P multiply-accumulates, a Hessian product 8 N P, the others 6 N P.

use super::error::CurvatureError;
use super::point::{Point, point_len};
use super::risk::{Batch, Risk};
use super::tangent::{Bend, Tangent, backward, tangent_len};
use crate::error::check_result;
use crate::linalg::{axpy, dot, gemm_nt};
use crate::matrix::{Mat, MatMut};
use crate::network::{DenseLayer, Layer, Loss, Order, layer};
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Which curvature of the risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Curvature {
    /// `d^2 L / d theta^2`
    Hessian,
    /// The generalised Gauss-Newton matrix (Schraudolph), which for these losses is the type-2
    /// Fisher.
    Ggn,
    /// The uncentred covariance of the samples' gradients.
    EmpiricalFisher,
    /// The Fisher matrix by draws from the model's own predictions.
    MonteCarloFisher {
        /// The number of draws for each sample, M.
        draws: usize,
        /// The seed; each sample has a generator of its own, so that its draws do not depend on
        /// how the data is cut.
        seed: u64,
    },
}

impl Curvature {
    pub(crate) const fn is_hessian(self) -> bool {
        matches!(self, Self::Hessian)
    }

    pub(crate) const fn order(self) -> Order {
        if self.is_hessian() { Order::Second } else { Order::First }
    }
}

/// Scratch of one tile's product with a curvature.
pub const fn product_scratch(layers: &[Layer], tile: usize, hessian: bool) -> usize {
    let order = if hessian { Order::Second } else { Order::First };
    point_len(layers, tile, order) + sweep_scratch(layers, tile, hessian)
}

/// Scratch of the two passes of a product at a point that is known.
pub(crate) const fn sweep_scratch(layers: &[Layer], tile: usize, hessian: bool) -> usize {
    tangent_len(layers, tile, hessian)
        + 2 * tile * layer::max_outputs(layers)
        + layer::outputs(layers)
}

/// A tile of a risk with its place in the whole.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a, T> {
    /// The number of samples before it.
    pub(crate) first: usize,
    pub(crate) batch: Batch<'a, T>,
    pub(crate) loss: Loss,
    /// c
    pub(crate) scale: T,
    pub(crate) curvature: Curvature,
}

impl<'a, T: Real> Tile<'a, T> {
    /// The tiles of a risk.
    pub(crate) fn all(
        risk: &Risk<'a, T>,
        curvature: Curvature,
    ) -> impl Iterator<Item = Self> + use<'a, T> {
        let (loss, scale) = (risk.loss(), risk.scale());
        risk.tiles().map(move |(first, batch)| Self { first, batch, loss, scale, curvature })
    }

    /// The linearisation, in the order that the curvature needs.
    pub(crate) fn point<'p>(
        &self,
        risk: &Risk<'p, T>,
        storage: &'p mut [T],
    ) -> Result<Point<'p, T>, CurvatureError>
    where
        'a: 'p,
    {
        if self.curvature.is_hessian() {
            Point::second(risk.net(), self.batch, self.loss, self.scale, storage)
        } else {
            Point::first(risk.net(), self.batch.x, storage)
        }
    }

    /// `u = B u` of each sample. `work`: as large as `u`; `draw`: one value for each output.
    pub(crate) fn metric(
        &self,
        f: Mat<'_, T>,
        mut u: MatMut<'_, T>,
        work: &mut [T],
        draw: &mut [T],
    ) -> Result<(), CurvatureError> {
        let (outputs, samples) = (f.rows(), f.cols());
        let work = work.part_mut(..outputs * samples);
        match self.curvature {
            Curvature::Hessian | Curvature::Ggn => {
                self.loss.hessian_product(f, self.batch.targets, u.reborrow())?;
                u.scale(self.scale);
            }
            Curvature::EmpiricalFisher => {
                let mut g = MatMut::of(work, outputs, samples);
                self.loss.gradient(f, self.batch.targets, g.reborrow())?;
                for (u, g) in u.columns().zip(g.as_ref().columns()) {
                    let along = self.scale * dot(g, u);
                    u.iter_mut().zip(g).for_each(|(u, g)| *u = along * *g);
                }
            }
            Curvature::MonteCarloFisher { draws, seed } => {
                let scale = self.scale / T::from_usize(draws.max(1));
                for (n, u) in u.columns().enumerate() {
                    let mut rng = sample_generator(seed, self.first + n);
                    let sum = work.part_mut(..outputs);
                    sum.fill(T::ZERO);
                    for _ in 0..draws.max(1) {
                        self.loss.draw(
                            f.columns_range(n, 1),
                            self.batch.targets.range(n, 1),
                            &mut rng,
                            MatMut::of(&mut *draw, outputs, 1),
                        )?;
                        axpy(scale * dot(draw, u), draw, sum);
                    }
                    u.iter_mut().zip(sum).for_each(|(u, s)| *u = *s);
                }
            }
        }
        Ok(())
    }

    /// `out += C v` over the tile.
    fn accumulate(
        &self,
        risk: &Risk<'a, T>,
        v: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        let (net, samples, hessian) =
            (risk.net(), self.batch.x.cols(), self.curvature.is_hessian());
        let needed = product_scratch(net.layers(), samples, hessian);
        let mut scratch = Scratch::new(scratch, needed)?;
        let point = self
            .point(risk, scratch.take(point_len(net.layers(), samples, self.curvature.order()))?)?;
        let mut sweep = Sweep::new(&point, &mut scratch, hessian)?;
        let tangent = sweep.forward(self, &point, |storage, top| {
            Tangent::along(&point, v, hessian, storage, top)
        })?;
        let bend = hessian.then_some(Bend { tangent: &tangent, v: Some(v) });
        backward(&point, bend, 0, (sweep.here, sweep.there), |dense, rg| {
            add_gradient(dense, point.input(dense.index), rg, out)?;
            if hessian && let Some(rx) = tangent.input(point.net.layers(), dense.index) {
                add_weights(dense, rx, point.adjoint(dense.index), out)?;
            }
            Ok(())
        })
    }
}

/// The memory of the two passes.
pub(crate) struct Sweep<'s, T> {
    tangent: &'s mut [T],
    pub(crate) here: &'s mut [T],
    pub(crate) there: &'s mut [T],
    draw: &'s mut [T],
}

impl<'s, T: Real> Sweep<'s, T> {
    pub(crate) fn new(
        point: &Point<'_, T>,
        scratch: &mut Scratch<'s, T>,
        hessian: bool,
    ) -> Result<Self, CurvatureError> {
        let (layers, samples) = (point.net.layers(), point.samples());
        let widest = samples * layer::max_outputs(layers);
        Ok(Self {
            tangent: scratch.take(tangent_len(layers, samples, hessian))?,
            here: scratch.take(widest)?,
            there: scratch.take(widest)?,
            draw: scratch.take(layer::outputs(layers))?,
        })
    }

    /// A forward pass, then `RG_L = B RZ_L` in `here`.
    pub(crate) fn forward(
        &mut self,
        tile: &Tile<'_, T>,
        point: &Point<'_, T>,
        pass: impl FnOnce(&'s mut [T], MatMut<'_, T>) -> Result<Tangent<'s, T>, CurvatureError>,
    ) -> Result<Tangent<'s, T>, CurvatureError> {
        let (outputs, samples) = (point.net.outputs(), point.samples());
        let top = self.here.part_mut(..outputs * samples);
        let mut top = MatMut::of(top, outputs, samples);
        let tangent = pass(core::mem::take(&mut self.tangent), top.reborrow())?;
        tile.metric(point.f, top, self.there, self.draw)?;
        Ok(tangent)
    }
}

/// Adds `s x g^T` to the layer's weights and `t sum g` to its bias, both in `out`.
pub(crate) fn add_gradient<T: Real>(
    dense: &DenseLayer<'_, T>,
    x: Mat<'_, T>,
    g: Mat<'_, T>,
    out: &mut [T],
) -> Result<(), CurvatureError> {
    add_weights(dense, x, g, out)?;
    if dense.layer.bias {
        let from = dense.offset + dense.layer.inputs * dense.layer.outputs;
        let bias = out.part_mut(from..from + dense.layer.outputs);
        g.columns().for_each(|g| axpy(dense.scale.bias, g, bias));
    }
    Ok(())
}

/// Adds `s x g^T` to the layer's weights in `out`.
fn add_weights<T: Real>(
    dense: &DenseLayer<'_, T>,
    x: Mat<'_, T>,
    g: Mat<'_, T>,
    out: &mut [T],
) -> Result<(), CurvatureError> {
    let (inputs, outputs) = (dense.layer.inputs, dense.layer.outputs);
    let weights = out.part_mut(dense.offset..dense.offset + inputs * outputs);
    gemm_nt(dense.scale.weight, x, g, T::ONE, MatMut::of(weights, inputs, outputs))?;
    Ok(())
}

/// `out = C v` over all tiles. `scratch`: [`product_scratch`].
pub(crate) fn product<T: Real>(
    risk: &Risk<'_, T>,
    curvature: Curvature,
    v: &[T],
    out: &mut [T],
    scratch: &mut [T],
) -> Result<(), CurvatureError> {
    risk.check_vector(v, out)?;
    out.fill(T::ZERO);
    Tile::all(risk, curvature).try_for_each(|tile| tile.accumulate(risk, v, out, scratch))?;
    Ok(check_result("product", Mat::column_vector(out))?)
}

/// The generator that [`Curvature::MonteCarloFisher`] draws with for one sample, counted over all
/// mini-batches: seeded by SplitMix64 of the seed and the place.
pub fn sample_generator(seed: u64, sample: usize) -> Rng {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(sample as u64 + 1));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    Rng::seed(z ^ (z >> 31))
}
