//! What arrives sample by sample, for a network named by [`mlp!`](crate::mlp): its standardisers and
//! a replay memory of N samples.

use crate::network::{AsMat, Network};
use crate::random::Rng;
use crate::scalar::Real;
use crate::stream::{self, Standardizer, StreamError, standardizer_len};
use core::marker::PhantomData;

/// The [`Standardizer`] of a network's inputs, at a state that an earlier one left, or zeros.
///
/// # Errors
/// Those of [`Standardizer::resume`].
#[inline]
pub fn input_standardizer<Net: Network, T: Real, const S: usize>(
    _: Net,
    state: &mut [T; S],
) -> Result<Standardizer<'_, T>, StreamError> {
    exactly!("state", S, standardizer_len(Net::INPUTS));
    Standardizer::resume(Net::INPUTS, state)
}

/// The [`Standardizer`] of a network's targets, at a state that an earlier one left, or zeros.
///
/// # Errors
/// Those of [`Standardizer::resume`].
#[inline]
pub fn output_standardizer<Net: Network, T: Real, const S: usize>(
    _: Net,
    state: &mut [T; S],
) -> Result<Standardizer<'_, T>, StreamError> {
    exactly!("state", S, standardizer_len(Net::OUTPUTS));
    Standardizer::resume(Net::OUTPUTS, state)
}

/// The [replay memory](stream::Replay) of N samples of network Net.
///
/// ```
/// use nanocurv::fixed::stream::Replay;
/// use nanocurv::{SMatrix, mlp, random::Rng};
///
/// mlp! { Sensor: 2 => 4 tanh => 1 }
/// let (mut x, mut y) = (SMatrix::<f32, 2, 16>::zeros(), SMatrix::<f32, 1, 16>::zeros());
/// let mut memory = Replay::new(Sensor, &mut x, &mut y)?;
/// for n in 0..40 {
///     memory.keep_last(&SMatrix::from([[n as f32, 1.0]]), &SMatrix::from([[2.0]]))?;
/// }
/// let (mut x, mut y) = (SMatrix::zeros(), SMatrix::zeros());
/// memory.draw::<8>(&mut x, &mut y, &mut Rng::seed(1))?;
/// assert!(x.row(0).iter().all(|n| *n >= 24.0) && x[(0, 0)] != x[(0, 1)]);
/// # Ok::<(), nanocurv::stream::StreamError>(())
/// ```
#[derive(Debug)]
pub struct Replay<'s, Net, T, const N: usize> {
    erased: stream::Replay<'s, T>,
    net: PhantomData<Net>,
}

impl<'s, Net: Network, T: Real, const N: usize> Replay<'s, Net, T, N> {
    /// Empty: [`stream::Replay::new`].
    ///
    /// # Errors
    /// None for a memory of at least one sample.
    pub fn new(
        net: Net,
        x: &'s mut Net::Inputs<T, N>,
        y: &'s mut Net::Outputs<T, N>,
    ) -> Result<Self, StreamError> {
        Self::resume(net, x, y, 0)
    }

    /// As an earlier one left it: [`stream::Replay::resume`].
    ///
    /// # Errors
    /// As [`Replay::new`].
    pub fn resume(
        _: Net,
        x: &'s mut Net::Inputs<T, N>,
        y: &'s mut Net::Outputs<T, N>,
        seen: u64,
    ) -> Result<Self, StreamError> {
        const { assert!(N > 0, "a replay memory holds one sample at least") };
        let (x, y) = (x.as_mat_mut().into_data(), y.as_mat_mut().into_data());
        let erased = stream::Replay::resume(Net::INPUTS, Net::OUTPUTS, x, y, seen)?;
        Ok(Self { erased, net: PhantomData })
    }

    /// The run-time sized form.
    pub const fn erased(&self) -> &stream::Replay<'s, T> {
        &self.erased
    }

    /// Takes in a sample, in the place of the oldest: [`stream::Replay::keep_last`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn keep_last(
        &mut self,
        x: &Net::Inputs<T, 1>,
        y: &Net::Outputs<T, 1>,
    ) -> Result<(), StreamError> {
        self.erased.keep_last(x.as_mat().data(), y.as_mat().data())
    }

    /// Takes in a sample, or not: [`stream::Replay::keep_uniform`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn keep_uniform(
        &mut self,
        x: &Net::Inputs<T, 1>,
        y: &Net::Outputs<T, 1>,
        rng: &mut Rng,
    ) -> Result<bool, StreamError> {
        self.erased.keep_uniform(x.as_mat().data(), y.as_mat().data(), rng)
    }

    /// B samples: [`stream::Replay::draw`].
    ///
    /// # Errors
    /// [`StreamError::Shape`] if fewer are held.
    #[inline]
    pub fn draw<const B: usize>(
        &self,
        x: &mut Net::Inputs<T, B>,
        y: &mut Net::Outputs<T, B>,
        rng: &mut Rng,
    ) -> Result<(), StreamError> {
        const { assert!(B <= N, "more samples are drawn than the memory has room for") };
        self.erased.draw(x.as_mat_mut().data(), y.as_mat_mut().data(), rng)
    }
}
