//! Coordinates in which the curvature is diagonal: what evidence, posterior and draws are made of.
//!
//! ```text
//! full       D^-1/2 H D^-1/2 = U diag(lambda) U^T      D the prior precisions over the first of them
//! kron       A = Q_A diag(a) Q_A^T, G = Q_G diag(g) Q_G^T,  lambda = a g^T / N        in x out
//! ekfac      the same bases, lambda_ij = sum_n sum_v ((Q_A^T a_n)_i)^2 ((Q_G^T g_nv)_j)^2
//! diagonal   lambda_p = H_pp
//! P = h H + delta I has the eigenvalues h lambda + delta
//! ```
//! Decomposed once, damped exactly at any delta and h: O(P) for each.

use super::error::LaplaceError;
use super::prior::{Per, Prior, tensors};
use super::sums::{Structure, check_keep, half, sums_len};
use crate::error::{NonFiniteError, ShapeError, size};
use crate::kfac::factors::Places;
use crate::kfac::{
    self, Bias, Factors, Fisher, KfacError, Part, Place, Side, Weights, eigen_len, factors_len,
};
use crate::linalg::{eigh, eigh_scratch};
use crate::matrix::{Mat, MatMut};
use crate::network::{Layer, Loss, Mlp, Targets, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// The number of values that a [`Spectrum`] is stored in.
pub const fn spectrum_len(layers: &[Layer], structure: Structure) -> usize {
    let params = layer::params(layers);
    match structure {
        Structure::Full => params * params + 2 * params,
        Structure::Kronecker(bias) | Structure::Ekfac(bias) => kfac::ekfac_len(layers, bias),
        Structure::Diagonal => params,
    }
}

/// Scratch of [`decompose`].
pub const fn decompose_scratch(layers: &[Layer], structure: Structure) -> usize {
    let params = layer::params(layers);
    match structure {
        Structure::Full => params * params + eigh_scratch(params),
        Structure::Kronecker(_) | Structure::Ekfac(_) => kfac::ekfac_bases_scratch(layers),
        Structure::Diagonal => 0,
    }
}

/// Decomposes the sums into `storage`: [`spectrum_len`]; [`Spectrum::new`] reads it. The ratios of
/// the prior precisions enter the full structure; the other structures do not depend on them.
/// `scratch`: [`decompose_scratch`].
///
/// # Errors
/// [`LaplaceError::NoSamples`], [`LaplaceError::Indefinite`], [`LaplaceError::Kfac`] naming the
/// factor that is not finite, [`LaplaceError::NonFinite`] for eigenvalues beyond the numbers, a
/// prior or a slice that does not fit.
pub fn decompose<T: Real>(
    layers: &[Layer],
    structure: Structure,
    prior: Prior<'_, T>,
    sums: &[T],
    storage: &mut [T],
    scratch: &mut [T],
) -> Result<(), LaplaceError> {
    ShapeError::check("sums", sums_len(layers, structure), sums.len())?;
    ShapeError::check("spectrum", spectrum_len(layers, structure), storage.len())?;
    prior.check(layers, structure)?;
    Scratch::new(scratch, decompose_scratch(layers, structure))?;
    match structure {
        Structure::Full => full(layers, prior, sums, storage, scratch)?,
        Structure::Kronecker(bias) | Structure::Ekfac(bias) => {
            kronecker(layers, bias, sums, storage, scratch)?;
        }
        Structure::Diagonal => {
            NonFiniteError::check("sums", sums)?;
            storage.iter_mut().zip(sums).for_each(|(to, from)| *to = *from);
        }
    }
    Spectrum { layers, structure, per: prior.per, data: storage }.check()
}

fn full<T: Real>(
    layers: &[Layer],
    prior: Prior<'_, T>,
    sums: &[T],
    storage: &mut [T],
    scratch: &mut [T],
) -> Result<(), LaplaceError> {
    let params = layer::params(layers);
    let mut storage = Scratch::new(storage, params * params + 2 * params)?;
    let mut vectors = storage.matrix(params, params)?;
    let (values, ratios) = (storage.take(params)?, storage.take(params)?);
    ratios.iter_mut().zip(self::ratios(layers, prior)).for_each(|(to, r)| *to = r);
    let mut scratch = Scratch::new(scratch, params * params)?;
    let mut h = scratch.matrix(params, params)?;
    h.copy_from(Mat::of(sums, params, params));
    for (column, r) in h.columns().zip(&*ratios) {
        let scale = T::ONE / r.sqrt();
        column.iter_mut().for_each(|v| *v *= scale);
    }
    divide_rows(&mut h, ratios);
    eigh(h, values, vectors.reborrow(), scratch.rest()).map_err(|error| {
        LaplaceError::Kfac(KfacError::Factor { layer: None, side: Side::Whole, error })
    })?;
    clear_rounding(values);
    divide_rows(&mut vectors, ratios);
    Ok(())
}

/// `M := D^-1/2 M`
fn divide_rows<T: Real>(m: &mut MatMut<'_, T>, ratios: &[T]) {
    for column in m.columns() {
        column.iter_mut().zip(ratios).for_each(|(v, r)| *v /= r.sqrt());
    }
}

/// The prior precision of each parameter over the first.
fn ratios<'p, T: Real>(
    layers: &'p [Layer],
    prior: Prior<'p, T>,
) -> impl Iterator<Item = T> + use<'p, T> {
    let precision = move |group| prior.precisions.get(group).copied().unwrap_or(T::ONE);
    let first = precision(0);
    tensors(layers, prior.per)
        .flat_map(move |t| core::iter::repeat_n(precision(t.group) / first, t.params))
}

fn kronecker<T: Real>(
    layers: &[Layer],
    bias: Bias,
    sums: &[T],
    storage: &mut [T],
    scratch: &mut [T],
) -> Result<(), LaplaceError> {
    let (factors, samples) = sums.cut(factors_len(layers));
    let samples = samples.first().copied().unwrap_or(T::ZERO);
    NonFiniteError::check("samples", &[samples])?;
    if samples <= T::ZERO {
        return Err(LaplaceError::NoSamples);
    }
    let factors = Factors::new(layers, factors)?.with_bias(bias);
    kfac::ekfac_bases(&factors, storage, scratch)?;
    // The sums over samples and over vectors make N times the sum of their products.
    let mut rest = Scratch::new(storage, 0)?;
    for place in Places::new(layers, bias) {
        rest.take(eigen_len(place.rows(), place.cols()))?;
        let lambda = rest.take(place.params())?;
        lambda.iter_mut().for_each(|l| *l /= samples);
        clear_rounding(lambda);
    }
    Ok(())
}

/// Eigenvalues that are negative within the rounding of sums become zero: that of 1 / epsilon
/// additions is the root of epsilon, and more do not change a sum.
fn clear_rounding<T: Real>(values: &mut [T]) {
    let largest = values.iter().fold(T::ZERO, |most, v| most.max(*v));
    let rounding = largest * T::EPSILON.sqrt();
    values.iter_mut().filter(|v| **v < T::ZERO && -**v <= rounding).for_each(|v| *v = T::ZERO);
}

/// Scratch of [`correct`] for `batch` samples.
pub const fn correct_scratch(layers: &[Layer], batch: usize) -> usize {
    kfac::ekfac_correct_scratch(layers, batch)
}

/// The second pass of EKFAC: `lambda := keep lambda + the second moments of a batch`. `keep` 0
/// starts, 1 carries on. `storage`: as [`decompose`] left it; `scratch`: [`correct_scratch`].
///
/// # Errors
/// [`LaplaceError`] if network, data, storage or scratch do not fit together, or `keep` is not in
/// [0, 1].
pub fn correct<T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'_, T>,
    targets: Targets<'_, T>,
    loss: Loss,
    bias: Bias,
    keep: T,
    storage: &mut [T],
    scratch: &mut [T],
) -> Result<(), LaplaceError> {
    ShapeError::check("spectrum", kfac::ekfac_len(net.layers(), bias), storage.len())?;
    check_keep(keep)?;
    let weights = Weights { keep, input: T::ONE, output: half(loss) };
    let fisher = Fisher::TypeTwo;
    Ok(kfac::ekfac_correct(net, x, targets, loss, fisher, weights, bias, storage, scratch)?)
}

/// The curvature in coordinates in which it is diagonal.
#[derive(Clone, Copy, Debug)]
pub struct Spectrum<'a, T> {
    pub(super) layers: &'a [Layer],
    pub(super) structure: Structure,
    pub(super) per: Per,
    pub(super) data: &'a [T],
}

/// Eigenvalues that share a prior precision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Modes<'a, T> {
    pub(super) layer: usize,
    pub(super) group: usize,
    pub(super) values: &'a [T],
}

impl<'a, T: Real> Spectrum<'a, T> {
    /// What [`decompose`] left in `storage`, for priors of the given kind.
    ///
    /// # Errors
    /// [`LaplaceError::Shape`] if the storage has another length than [`spectrum_len`].
    pub fn new(
        layers: &'a [Layer],
        structure: Structure,
        per: Per,
        storage: &'a [T],
    ) -> Result<Self, LaplaceError> {
        ShapeError::check("spectrum", spectrum_len(layers, structure), storage.len())?;
        Ok(Self { layers, structure, per, data: storage })
    }

    /// The layers.
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// The structure.
    pub const fn structure(&self) -> Structure {
        self.structure
    }

    /// The number of prior precisions that can be tuned apart: [`Per::count`], and 1 for the full
    /// structure, whose eigenvectors mix the parameters.
    pub(super) const fn groups(&self) -> usize {
        match self.structure {
            Structure::Full => 1,
            _ => self.per.count(self.layers),
        }
    }

    /// The precisions fit the spectrum.
    pub(super) fn check_prior(&self, prior: Prior<'_, T>) -> Result<(), LaplaceError> {
        prior.check(self.layers, self.structure)?;
        if prior.per != self.per {
            let (needed, found) = (self.per.count(self.layers), prior.precisions.len());
            return Err(
                ShapeError { what: "prior", needed: size(needed), found: size(found) }.into()
            );
        }
        let rounding = T::EPSILON * T::from_usize(16);
        let mut both = self.ratios().iter().zip(ratios(self.layers, prior));
        match both.position(|(at, r)| (*at - r).abs() > rounding * r) {
            Some(index) => Err(LaplaceError::Ratios { index: size(index) }),
            None => Ok(()),
        }
    }

    /// The ratios of the precisions, one a parameter; none where they do not matter.
    pub(super) fn ratios(&self) -> &'a [T] {
        let params = layer::params(self.layers);
        match self.structure {
            Structure::Full => self.data.part(params * params + params..),
            _ => &[],
        }
    }

    /// The blocks of Kronecker structures with their bases and eigenvalues.
    pub(super) fn blocks(&self, bias: Bias) -> impl Iterator<Item = Block<'a, T>> + use<'a, T> {
        let mut rest = self.data;
        Places::new(self.layers, bias).map(move |place| {
            let (n, m) = (place.rows(), place.cols());
            let (eigen, after) = rest.cut(eigen_len(n, m));
            let (lambda, after) = after.cut(n * m);
            rest = after;
            let (input, output) = (eigen.part(..n * n), eigen.part(n * n + n..));
            Block {
                place,
                input: Mat::of(input, n, n),
                output: Mat::of(output.part(..m * m), m, m),
                lambda,
            }
        })
    }

    /// The index of a block's prior precision.
    pub(super) fn group(&self, place: &Place) -> usize {
        match self.per {
            Per::Network => 0,
            Per::Layer => place.index,
            Per::Tensor => {
                let before = self.layers.get(..place.index).unwrap_or_default();
                Per::Tensor.count(before) + usize::from(place.part == Part::Bias)
            }
        }
    }

    /// All eigenvalues, those with one precision after those with another.
    pub(super) fn modes(&self, mut each: impl FnMut(Modes<'a, T>)) {
        match self.structure {
            Structure::Full => {
                let params = layer::params(self.layers);
                let values = self.data.part(params * params..).part(..params);
                each(Modes { layer: 0, group: 0, values });
            }
            Structure::Kronecker(bias) | Structure::Ekfac(bias) => {
                for block in self.blocks(bias) {
                    let group = self.group(&block.place);
                    each(Modes { layer: block.place.index, group, values: block.lambda });
                }
            }
            Structure::Diagonal => {
                let mut rest = self.data;
                for t in tensors(self.layers, self.per) {
                    let (values, after) = rest.cut(t.params);
                    rest = after;
                    each(Modes { layer: t.layer, group: t.group, values });
                }
            }
        }
    }

    /// All eigenvalues are finite, and none is negative.
    fn check(&self) -> Result<(), LaplaceError> {
        let mut result = Ok(());
        self.modes(|modes| {
            if result.is_err() {
                return;
            }
            result = NonFiniteError::check("eigenvalues", modes.values).map_err(Into::into);
            let negative = modes.values.iter().position(|v| *v < T::ZERO);
            if let (Ok(()), Some(index)) = (result, negative) {
                let (layer, index) = (size(modes.layer), size(index));
                result = Err(LaplaceError::Indefinite { layer, index });
            }
        });
        result
    }
}

/// A block of a Kronecker structure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a, T> {
    pub(super) place: Place,
    pub(super) input: Mat<'a, T>,
    pub(super) output: Mat<'a, T>,
    pub(super) lambda: &'a [T],
}
