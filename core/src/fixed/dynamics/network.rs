//! A two-layer linear network named by [`mlp!`](crate::mlp).

use crate::dynamics::reduction::{moments, rank_one, reduce, reduce_network_scratch};
use crate::dynamics::spectrum::two_layer_spectrum;
use crate::dynamics::train::{TwoLayer, is_two_layer_linear};
use crate::dynamics::{DynamicsError, Rates};
use crate::network::{AsMat, Network};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};
use nalgebra::{SMatrix, SVector};

/// Trains `theta` in place on a batch of `B` samples. The scratch is
/// [`two_layer_scratch`](crate::dynamics::train::two_layer_scratch) of the network's inputs and
/// hidden units; a network that is not two linear layers without biases does not compile.
///
/// ```
/// use nanocurv::dynamics::{Rates, train::two_layer_scratch};
/// use nanocurv::fixed;
/// use nanocurv::{mlp, network::Network};
/// use nalgebra::{SMatrix, SVector};
///
/// mlp! { Student: 2 => 4 identity => 1, no bias }
///
/// let x = SMatrix::<f64, 2, 3>::new(1.0, 0.0, 2.0, 0.0, 1.0, 1.0);
/// let y = SVector::<f64, 3>::new(1.0, -1.0, 1.0);
/// let mut theta = [0.1; Student::PARAMS];
/// let mut scratch = [0.0; two_layer_scratch(2, 4)];
/// fixed::dynamics::train_network(Student, &x, &y, Rates::same(0.02), 2000, &mut theta, &mut scratch)?;
/// let total = (0..4).map(|k| theta[2 * k] * theta[8 + k]).sum::<f64>();
/// assert!((total - 1.0).abs() < 1e-9);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`TwoLayer::train`].
pub fn train_network<T: Real, N: Network, const B: usize>(
    _network: N,
    x: &N::Inputs<T, B>,
    y: &SVector<T, B>,
    rates: Rates<T>,
    iterations: u64,
    theta: &mut N::Theta<T>,
    scratch: &mut [T],
) -> Result<(), DynamicsError> {
    const {
        assert!(
            is_two_layer_linear(N::LAYERS),
            "the two-layer dynamics are of `d => h identity => 1, no bias`"
        );
    };
    let hidden = N::LAYERS.first().map_or(0, |layer| layer.outputs);
    let mut trained = TwoLayer::new(theta.as_ref(), N::INPUTS, hidden, scratch)?;
    let result = trained.train(x.as_mat(), y.as_slice(), rates, iterations);
    trained.write_to(theta.as_mut())?;
    result
}

/// A network that starts at rank one: `theta` after
/// `iterations` steps on a batch of `B` samples, as [`train_network`]
/// leaves it, by the reduction. The scratch is [`reduce_network_scratch`] of the network's inputs
/// and hidden units; a network that is not two linear layers without biases does not compile.
///
/// ```
/// use nanocurv::dynamics::{Rates, reduction::reduce_network_scratch};
/// use nanocurv::fixed;
/// use nanocurv::{mlp, network::Network};
/// use nalgebra::{SMatrix, SVector};
///
/// mlp! { Student: 2 => 4 identity => 1, no bias }
///
/// let x = SMatrix::<f64, 2, 3>::new(1.0, 0.0, 2.0, 0.0, 1.0, 1.0);
/// let y = SVector::<f64, 3>::new(1.0, -1.0, 1.0); // x_1 - x_2
/// let mut theta = [0.1; Student::PARAMS];
/// let mut scratch = [0.0; reduce_network_scratch(2, 4)];
/// fixed::dynamics::reduce_network(Student, &x, &y, Rates::same(0.02), 2000, &mut theta, &mut scratch)?;
/// let total = (0..4).map(|k| theta[2 * k] * theta[8 + k]).sum::<f64>();
/// assert!((total - 1.0).abs() < 1e-9);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`moments`](moments()), [`rank_one`] and [`reduce`](reduce()).
pub fn reduce_network<T: Real, N: Network, const B: usize>(
    _network: N,
    x: &N::Inputs<T, B>,
    y: &SVector<T, B>,
    rates: Rates<T>,
    iterations: u64,
    theta: &mut N::Theta<T>,
    scratch: &mut [T],
) -> Result<(), DynamicsError> {
    const {
        assert!(
            is_two_layer_linear(N::LAYERS),
            "the two-layer dynamics are of `d => h identity => 1, no bias`"
        );
    };
    let (d, h) = (N::INPUTS, N::LAYERS.first().map_or(0, |layer| layer.outputs));
    let mut scratch = Scratch::new(scratch, reduce_network_scratch(d, h))?;
    let mut s = scratch.matrix(d, d)?;
    let (b, z, p) = (scratch.take(d)?, scratch.take(d)?, scratch.take(h)?);
    moments(x.as_mat(), y.as_slice(), s.reborrow(), b)?;
    let mut u = rank_one(theta.as_ref(), T::of(100.0) * T::EPSILON, p, z)?;
    reduce(s.as_ref(), b, rates, iterations, z, &mut u, scratch.rest())?;
    let (rows, last) = theta.as_mut().cut_mut(h * d);
    for ((row, w2), p) in rows.chunks_exact_mut(d.max(1)).zip(last).zip(p.iter()) {
        row.iter_mut().zip(z.iter()).for_each(|(w, z)| *w = *p * *z);
        *w2 = u * *p;
    }
    Ok(())
}

/// [`two_layer_spectrum`] of a network, over a batch of `B` samples, in a scratch of
/// [`two_layer_spectrum_scratch`](crate::dynamics::spectrum::two_layer_spectrum_scratch) of the
/// batch and the hidden units. A network that is not two linear layers without biases does not
/// compile.
///
/// ```
/// use nanocurv::dynamics::spectrum::two_layer_spectrum_scratch;
/// use nanocurv::fixed;
/// use nanocurv::{mlp, network::Network};
/// use nalgebra::{Matrix2x3, SMatrix, SVector};
///
/// mlp! { Student: 2 => 4 identity => 1, no bias }
///
/// let x = Matrix2x3::new(1.0, 0.0, 2.0, 0.0, 1.0, 1.0);
/// let (mut values, mut shares) = (SVector::<f64, 3>::zeros(), SMatrix::<f64, 2, 3>::zeros());
/// let mut scratch = [0.0; two_layer_spectrum_scratch(3, 4)];
/// let theta = [0.1; Student::PARAMS];
/// let (s, w) = (&mut values, &mut scratch);
/// let rank = fixed::dynamics::network_spectrum(Student, &theta, &x, s, &mut shares, w)?;
/// assert_eq!(rank, 2); // three samples of two features
/// assert!((shares.column(0).norm() - 1.0).abs() < 1e-12);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`two_layer_spectrum`].
pub fn network_spectrum<T: Real, N: Network, const B: usize>(
    _network: N,
    theta: &N::Theta<T>,
    x: &N::Inputs<T, B>,
    singular_values: &mut SVector<T, B>,
    shares: &mut SMatrix<T, 2, B>,
    scratch: &mut [T],
) -> Result<usize, DynamicsError> {
    const {
        assert!(
            is_two_layer_linear(N::LAYERS),
            "the two-layer dynamics are of `d => h identity => 1, no bias`"
        );
    };
    let hidden = N::LAYERS.first().map_or(0, |layer| layer.outputs);
    let values = singular_values.as_mut_slice();
    two_layer_spectrum(x.as_mat(), theta.as_ref(), hidden, values, shares.into(), scratch)
}
