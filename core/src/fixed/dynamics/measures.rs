//! What is measured of a run, with every size in the type.

use crate::dynamics::flow::Modes;
use crate::dynamics::measures::{self, loss_gradient};
use crate::dynamics::section::{self, Motion};
use crate::dynamics::train::{TwoLayer, is_two_layer_linear};
use crate::dynamics::{DynamicsError, one_layer, standard};
use crate::linalg::svd_left;
use crate::network::{AsMat, Network};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};
use nalgebra::{SMatrix, SVector};

/// The Frobenius norms of the gradients of the sum of squares by both layers, over a batch of `B`
/// samples: [`TwoLayer::gradient_norms`]. The scratch is
/// [`gradients_scratch`](crate::dynamics::measures::gradients_scratch) of the network's inputs and
/// hidden units; a network that is not two linear layers without biases does not compile.
///
/// ```
/// use nanocurv::dynamics::measures::gradients_scratch;
/// use nanocurv::{fixed, mlp, network::Network};
/// use nalgebra::{SMatrix, SVector};
///
/// mlp! { Student: 1 => 2 identity => 1, no bias }
///
/// // w = 1 1 + 2 0.5 = 2, one sample x = 1, y = 5: g = 3.
/// let theta: [f64; Student::PARAMS] = [1.0, 2.0, 1.0, 0.5];
/// let (x, y) = (SMatrix::<f64, 1, 1>::new(1.0), SVector::<f64, 1>::new(5.0));
/// let mut scratch = [0.0; gradients_scratch(1, 2)];
/// let (first, second) = fixed::dynamics::network_gradients(Student, &theta, &x, &y, &mut scratch)?;
/// assert!((first - 6.0 * 1.25_f64.sqrt()).abs() < 1e-14);
/// assert!((second - 6.0 * 5.0_f64.sqrt()).abs() < 1e-14);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`TwoLayer::new`].
pub fn network_gradients<T: Real, N: Network, const B: usize>(
    _network: N,
    theta: &N::Theta<T>,
    x: &N::Inputs<T, B>,
    y: &SVector<T, B>,
    scratch: &mut [T],
) -> Result<(T, T), DynamicsError> {
    const {
        assert!(
            is_two_layer_linear(N::LAYERS),
            "the two-layer dynamics are of `d => h identity => 1, no bias`"
        );
    };
    let (d, h) = (N::INPUTS, N::LAYERS.first().map_or(0, |layer| layer.outputs));
    let mut scratch = Scratch::new(scratch, measures::gradients_scratch(d, h))?;
    let g = scratch.take(d)?;
    let network = TwoLayer::new(theta.as_ref(), d, h, scratch.rest())?;
    loss_gradient(x.as_mat(), y.as_slice(), network.total(), g)?;
    Ok(network.gradient_norms(g)?)
}

/// The rank of a weight matrix by NumPy's rule: the number of singular values above
/// `max(R, C) EPSILON` times the largest.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::Matrix3x2;
///
/// let w = Matrix3x2::new(1.0_f32, 2.0, 2.0, 4.0, -1.0, -2.0);
/// assert_eq!(fixed::dynamics::weight_rank(&w)?, 1);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// Weights that are not finite.
pub fn weight_rank<T: Real, const R: usize, const C: usize>(
    w: &SMatrix<T, R, C>,
) -> Result<usize, DynamicsError> {
    let (mut copy, mut values) = (*w, [T::ZERO; R]);
    Ok(svd_left((&mut copy).into(), values.part_mut(..R.min(C)))?)
}

/// The singular values of `N` samples of `D` features, at least as many samples as features, and
/// how long a layer of `H` units (one a column) makes each right singular vector:
/// [`alignment`](crate::dynamics::measures::alignment()). Overwrites `x`; returns its rank.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::{Matrix2, Vector2};
///
/// let mut x = Matrix2::new(0.5_f64, 0.0, 0.0, 2.0);
/// let (mut values, mut aligned) = (Vector2::zeros(), Vector2::zeros());
/// let layer = Vector2::new(3.0, 5.0); // one unit
/// let rank = fixed::dynamics::alignment(&layer, &mut x, &mut values, &mut aligned)?;
/// assert_eq!((rank, values, aligned), (2, Vector2::new(2.0, 0.5), Vector2::new(5.0, 3.0)));
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// Samples that are not finite.
pub fn alignment<T: Real, const D: usize, const N: usize, const H: usize>(
    layer: &SMatrix<T, D, H>,
    x: &mut SMatrix<T, D, N>,
    values: &mut SVector<T, D>,
    aligned: &mut SVector<T, D>,
) -> Result<usize, DynamicsError> {
    const { assert!(N >= D, "an alignment needs at least as many samples as features") };
    measures::alignment(x.into(), layer.into(), values.as_mut_slice(), aligned.as_mut_slice())
}

/// Gradient descent on the total weight itself: [`one_layer::descend`].
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::{Matrix1, Vector1};
///
/// let mut w = Vector1::new(0.0_f32);
/// fixed::dynamics::descend(&Matrix1::new(4.0), &Vector1::new(12.0), 0.125, 1, &mut w)?;
/// assert_eq!(w, Vector1::new(3.0));
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`one_layer::descend`].
pub fn descend<T: Real, const D: usize>(
    s: &SMatrix<T, D, D>,
    b: &SVector<T, D>,
    rate: T,
    iterations: u64,
    w: &mut SVector<T, D>,
) -> Result<(), DynamicsError> {
    let mut scratch = [T::ZERO; D];
    one_layer::descend(s.into(), b.as_slice(), rate, iterations, w.as_mut_slice(), &mut scratch)
}

/// Brings every feature to mean 0 and deviation 1, and writes what both were, for data to come
/// ([`standardize_as`]).
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::{Matrix1x2, Vector1};
///
/// let (mut x, mut test) = (Matrix1x2::new(1.0_f64, 5.0), Matrix1x2::new(3.0, 7.0));
/// let (mut mean, mut deviation) = (Vector1::zeros(), Vector1::zeros());
/// fixed::dynamics::standardize(&mut x, &mut mean, &mut deviation)?;
/// fixed::dynamics::standardize_as(&mean, &deviation, &mut test)?;
/// assert_eq!((x, test), (Matrix1x2::new(-1.0, 1.0), Matrix1x2::new(0.0, 2.0)));
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// A feature that does not vary.
pub fn standardize<T: Real, const D: usize, const N: usize>(
    x: &mut SMatrix<T, D, N>,
    mean: &mut SVector<T, D>,
    deviation: &mut SVector<T, D>,
) -> Result<(), DynamicsError> {
    const { assert!(N > 1, "one sample has no deviation") };
    standard::feature_scales(x.as_mat(), mean.as_mut_slice(), deviation.as_mut_slice())?;
    standardize_as(mean, deviation, x)
}

/// Features in the units of other data: [`standard::standardize`].
///
/// # Errors
/// None: all sizes fit.
pub fn standardize_as<T: Real, const D: usize, const N: usize>(
    mean: &SVector<T, D>,
    deviation: &SVector<T, D>,
    x: &mut SMatrix<T, D, N>,
) -> Result<(), DynamicsError> {
    Ok(standard::standardize(x.into(), mean.as_slice(), deviation.as_slice())?)
}

/// The whole flow at a point: [`section::motion`].
///
/// ```
/// use nanocurv::{dynamics::flow::Modes, fixed};
/// use nalgebra::Vector2;
///
/// let modes = Modes::new(&[100.0, 1.0], &[1.0, 1.0], &[5.0, 0.0])?;
/// let mut dz = Vector2::zeros();
/// // Training ends at w = (1.5, 1), half a unit from the teacher.
/// let motion = fixed::dynamics::motion(modes, 0.5_f64, &Vector2::new(3.0, 2.0), &mut dz)?;
/// assert!(motion.u.abs() < 1e-12 && dz.norm() < 1e-12 && motion.risk == 0.25);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// Another number of modes.
pub fn motion<T: Real, const D: usize>(
    modes: Modes<'_, T>,
    u: T,
    z: &SVector<T, D>,
    dz: &mut SVector<T, D>,
) -> Result<Motion<T>, DynamicsError> {
    Ok(section::motion(modes, u, z.as_slice(), dz.as_mut_slice())?)
}
