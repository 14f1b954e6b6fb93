//! The posterior N(theta, P^-1), as variances in the coordinates of the curvature.
//!
//! ```text
//! P^-1 = B diag(V) B^T,  V = 1 / (h lambda + delta)
//! full       B = D^-1/2 U, V                 P^2 + P values
//! kron       Q_A, Q_G, V of each block       in^2 + out^2 + in out a block
//! diagonal   B = I, V                        P
//! draw       theta + B (V^1/2 .* e),  e ~ N(0, I)
//! ```
//! Numbers alone: what the desktop fits, `const` data of a firmware image carries.

use super::error::LaplaceError;
use super::prior::{Prior, inverse_noise, positive};
use super::spectrum::Spectrum;
use super::sums::Structure;
use crate::error::{NonFiniteError, ShapeError, size};
use crate::kfac::factors::{Places, max_block};
use crate::kfac::{Bias, Place};
use crate::linalg::{gemm, gemm_nt};
use crate::matrix::{Mat, MatMut};
use crate::network::{Layer, layer};
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// The number of values of a posterior.
pub const fn posterior_len(layers: &[Layer], structure: Structure) -> usize {
    let params = layer::params(layers);
    match structure {
        Structure::Full => params * params + params,
        Structure::Kronecker(bias) | Structure::Ekfac(bias) => {
            let (mut len, mut l) = (params, 0);
            while l < layers.len() {
                let (n, m) = (layers[l].inputs, layers[l].outputs);
                len += match (layers[l].bias, bias) {
                    (false, _) => n * n + m * m,
                    (true, Bias::Joint) => (n + 1) * (n + 1) + m * m,
                    (true, Bias::Separate) => n * n + 1 + 2 * m * m,
                };
                l += 1;
            }
            len
        }
        Structure::Diagonal => params,
    }
}

/// The posterior of a network's parameters.
#[derive(Clone, Copy, Debug)]
pub struct Posterior<'a, T> {
    pub(super) layers: &'a [Layer],
    pub(super) structure: Structure,
    pub(super) noise: T,
    pub(super) data: &'a [T],
}

impl<'a, T: Real> Posterior<'a, T> {
    /// The posterior at prior precisions and noise `sigma` (regression; 1 for classes), written to
    /// `storage`: [`posterior_len`].
    ///
    /// # Errors
    /// [`LaplaceError`] if prior or noise is not positive, or the prior or the storage does not
    /// fit.
    pub fn write(
        spectrum: &Spectrum<'a, T>,
        prior: Prior<'_, T>,
        sigma: T,
        storage: &'a mut [T],
    ) -> Result<Self, LaplaceError> {
        let (layers, structure) = (spectrum.layers, spectrum.structure);
        ShapeError::check("posterior", posterior_len(layers, structure), storage.len())?;
        spectrum.check_prior(prior)?;
        let h = inverse_noise(sigma)?;
        let mut rest = Scratch::new(&mut *storage, 0)?;
        match structure {
            Structure::Full => {
                let params = layer::params(layers);
                let vectors = spectrum.data.part(..params * params);
                rest.take(params * params)?.iter_mut().zip(vectors).for_each(|(v, u)| *v = *u);
            }
            Structure::Kronecker(bias) | Structure::Ekfac(bias) => {
                for block in spectrum.blocks(bias) {
                    for q in [block.input, block.output] {
                        rest.matrix(q.rows(), q.cols())?.copy_from(q);
                    }
                    let group = spectrum.group(&block.place);
                    let delta = prior.precisions.get(group).copied().unwrap_or(T::ONE);
                    let variances = rest.take(block.lambda.len())?;
                    invert(block.lambda, h, delta, variances);
                }
            }
            Structure::Diagonal => {}
        }
        if matches!(structure, Structure::Full | Structure::Diagonal) {
            let mut variances = rest.rest();
            spectrum.modes(|modes| {
                let delta = prior.precisions.get(modes.group).copied().unwrap_or(T::ONE);
                let (these, after) = core::mem::take(&mut variances).cut_mut(modes.values.len());
                invert(modes.values, h, delta, these);
                variances = after;
            });
        }
        Ok(Self { layers, structure, noise: sigma * sigma, data: storage })
    }

    /// The posterior that [`Posterior::write`] left in `data`, trusted to be so. Numbers from
    /// elsewhere go through [`Posterior::from_exported`] once.
    ///
    /// # Errors
    /// [`LaplaceError`] if their number is wrong or the noise not positive.
    pub fn new(
        layers: &'a [Layer],
        structure: Structure,
        sigma: T,
        data: &'a [T],
    ) -> Result<Self, LaplaceError> {
        ShapeError::check("posterior", posterior_len(layers, structure), data.len())?;
        inverse_noise(sigma)?;
        Ok(Self { layers, structure, noise: sigma * sigma, data })
    }

    /// The posterior whose numbers stand in `data`, as [`Posterior::write`] left them and
    /// `export --posterior` prints them.
    ///
    /// # Errors
    /// [`LaplaceError`] if their number is wrong, one of them is not finite, a variance is
    /// negative or the noise not positive.
    pub fn from_exported(
        layers: &'a [Layer],
        structure: Structure,
        sigma: T,
        data: &'a [T],
    ) -> Result<Self, LaplaceError> {
        let posterior = Self::new(layers, structure, sigma, data)?;
        NonFiniteError::check("posterior", data)?;
        posterior.check()?;
        Ok(posterior)
    }

    /// No variance is negative.
    fn check(&self) -> Result<(), LaplaceError> {
        let negative = |layer: usize, variances: &[T]| match variances
            .iter()
            .position(|v| *v < T::ZERO)
        {
            Some(index) => Err(LaplaceError::Indefinite { layer: size(layer), index: size(index) }),
            None => Ok(()),
        };
        match self.structure {
            Structure::Full => negative(0, self.full().1),
            Structure::Kronecker(bias) | Structure::Ekfac(bias) => self
                .blocks(bias)
                .try_for_each(|block| negative(block.place.index, block.variances.data())),
            Structure::Diagonal => negative(0, self.data),
        }
    }

    /// The layers.
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// The structure.
    pub const fn structure(&self) -> Structure {
        self.structure
    }

    /// sigma^2
    pub const fn noise_variance(&self) -> T {
        self.noise
    }

    /// The numbers: [`posterior_len`].
    pub const fn data(&self) -> &'a [T] {
        self.data
    }

    /// `B` and V of the full structure.
    pub(super) fn full(&self) -> (Mat<'a, T>, &'a [T]) {
        let params = layer::params(self.layers);
        let (vectors, variances) = self.data.cut(params * params);
        (Mat::of(vectors, params, params), variances)
    }

    /// The blocks of Kronecker structures.
    #[inline]
    pub(super) fn blocks(&self, bias: Bias) -> impl Iterator<Item = Rotated<'a, T>> + use<'a, T> {
        blocks(self.layers, self.data, bias)
    }

    /// A draw of parameters around `theta`, in `to`: both in parameter order. `scratch`:
    /// [`sample_scratch`].
    ///
    /// # Errors
    /// [`LaplaceError`] if a slice does not fit.
    pub fn sample(
        &self,
        theta: &[T],
        rng: &mut Rng,
        to: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), LaplaceError> {
        let params = layer::params(self.layers);
        ShapeError::check("theta", params, theta.len())?;
        ShapeError::check("sample", params, to.len())?;
        let needed = sample_scratch(self.layers, self.structure);
        let mut scratch = Scratch::new(scratch, needed)?;
        let mut draw = |variance: &T| variance.sqrt() * rng.normal::<T>();
        match self.structure {
            Structure::Full => {
                let (b, variances) = self.full();
                let mut e = scratch.matrix(params, 1)?;
                e.data().iter_mut().zip(variances).for_each(|(e, v)| *e = draw(v));
                gemm(T::ONE, b, e.as_ref(), T::ZERO, MatMut::of(to, params, 1))?;
            }
            Structure::Kronecker(bias) | Structure::Ekfac(bias) => {
                let scratch = scratch.rest();
                for block in self.blocks(bias) {
                    let (n, m) = (block.place.rows(), block.place.cols());
                    let mut carve = Scratch::new(&mut *scratch, 2 * n * m)?;
                    let (mut e, mut v) = (carve.matrix(n, m)?, carve.matrix(n, m)?);
                    let variances = block.variances.data();
                    e.data().iter_mut().zip(variances).for_each(|(e, v)| *e = draw(v));
                    gemm_nt(T::ONE, e.as_ref(), block.output, T::ZERO, v.reborrow())?;
                    gemm(T::ONE, block.input, v.as_ref(), T::ZERO, e.reborrow())?;
                    let Place { offset, .. } = block.place;
                    block.place.put(e.as_ref(), to.part_mut(offset..offset + n * m));
                }
            }
            Structure::Diagonal => {
                to.iter_mut().zip(self.data).for_each(|(to, v)| *to = draw(v));
            }
        }
        to.iter_mut().zip(theta).for_each(|(to, theta)| *to += *theta);
        Ok(())
    }
}

/// `V = 1 / (h lambda + delta)`
fn invert<T: Real>(lambda: &[T], h: T, delta: T, to: &mut [T]) {
    debug_assert!(positive(delta));
    to.iter_mut().zip(lambda).for_each(|(v, l)| *v = T::ONE / (h * *l + delta));
}

/// The blocks of layers whose numbers are `data`.
#[inline]
pub(super) fn blocks<'a, 'l, T: Real>(
    layers: &'l [Layer],
    data: &'a [T],
    bias: Bias,
) -> impl Iterator<Item = Rotated<'a, T>> + use<'a, 'l, T> {
    let mut rest = data;
    Places::new(layers, bias).map(move |place| {
        let (n, m) = (place.rows(), place.cols());
        let (input, after) = rest.cut(n * n);
        let (output, after) = after.cut(m * m);
        let (variances, after) = after.cut(n * m);
        rest = after;
        Rotated {
            place,
            input: Mat::of(input, n, n),
            output: Mat::of(output, m, m),
            variances: Mat::of(variances, n, m),
        }
    })
}

/// A block of a Kronecker structure: its bases and the variances in them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rotated<'a, T> {
    pub(super) place: Place,
    pub(super) input: Mat<'a, T>,
    pub(super) output: Mat<'a, T>,
    pub(super) variances: Mat<'a, T>,
}

/// Scratch of [`Posterior::sample`].
pub const fn sample_scratch(layers: &[Layer], structure: Structure) -> usize {
    match structure {
        Structure::Full => layer::params(layers),
        Structure::Kronecker(_) | Structure::Ekfac(_) => 2 * max_block(layers),
        Structure::Diagonal => 0,
    }
}
