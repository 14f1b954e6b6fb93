//! Two-layer linear networks: a teacher's data, training, the reduction, flows, risks, spectra.

use crate::dynamics::ensemble::Ensemble;
use crate::dynamics::field::{Arrow, Plane, grid_point};
use crate::dynamics::flow::{self, Modes};
use crate::dynamics::optimum::w_min;
use crate::dynamics::risk::{self, Feature};
use crate::dynamics::teacher::Teacher;
use crate::dynamics::train::{TwoLayer, two_layer_params, two_layer_scratch};
use crate::dynamics::{DynamicsError, Rates, reduction, spectrum};
use crate::linalg::JACOBI_LIMIT;
use crate::matrix::Mat;
use crate::network::AsMat;
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};
use nalgebra::{SMatrix, SVector};

mod measures;
mod network;

pub use measures::{
    alignment, descend, motion, network_gradients, standardize, standardize_as, weight_rank,
};
pub use network::{network_spectrum, reduce_network, train_network};

/// Training data of a teacher: [`Teacher::sample`].
///
/// ```
/// use nanocurv::{dynamics::teacher::Teacher, fixed, random::Rng};
/// use nalgebra::{Matrix2, SMatrix, SVector, Vector2};
///
/// let teacher = Teacher { decoupled: true, ..Teacher::default() };
/// let (mut x, mut y) = (SMatrix::<f64, 2, 6>::zeros(), SVector::<f64, 6>::zeros());
/// let (mut beta, mut map) = (Vector2::new(1.0, -1.0), Matrix2::zeros());
/// let mut s = Vector2::zeros();
/// fixed::dynamics::sample(&teacher, &mut Rng::seed(1), &mut beta, &mut x, &mut y, &mut map, &mut s)?;
/// let gram = x * x.transpose();
/// assert!((gram - Matrix2::from_diagonal(&s.component_mul(&s))).norm() < 1e-12);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`Teacher::sample`].
pub fn sample<T: Real, const D: usize, const N: usize>(
    teacher: &Teacher<'_, T>,
    rng: &mut Rng,
    beta: &mut SVector<T, D>,
    x: &mut SMatrix<T, D, N>,
    y: &mut SVector<T, N>,
    map: &mut SMatrix<T, D, D>,
    singular_values: &mut SVector<T, D>,
) -> Result<(), DynamicsError> {
    const {
        assert!(D <= JACOBI_LIMIT, "the teacher is for at most 32 features");
    };
    let mut scratch = [[[T::ZERO; D]; D]; 3];
    let scratch = scratch.as_flattened_mut().as_flattened_mut();
    let (beta, y, s) = (beta.as_mut_slice(), y.as_mut_slice(), singular_values.as_mut_slice());
    teacher.sample(rng, beta, x.into(), y, map.into(), s, scratch)
}

/// Test data of a teacher: [`Teacher::sample_test`].
///
/// ```
/// use nanocurv::{dynamics::teacher::Teacher, fixed, random::Rng};
/// use nalgebra::{Matrix2, SMatrix, SVector, Vector2};
///
/// let (mut x, mut y) = (SMatrix::<f64, 2, 6>::zeros(), SVector::<f64, 6>::zeros());
/// let (beta, map) = (Vector2::new(1.0, -1.0), Matrix2::identity());
/// fixed::dynamics::sample_test(&Teacher::default(), &mut Rng::seed(2), &beta, &map, &mut x, &mut y)?;
/// assert!((x.tr_mul(&beta) - y).norm() < 1e-15);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`Teacher::sample_test`].
pub fn sample_test<T: Real, const D: usize, const M: usize>(
    teacher: &Teacher<'_, T>,
    rng: &mut Rng,
    beta: &SVector<T, D>,
    map: &SMatrix<T, D, D>,
    x: &mut SMatrix<T, D, M>,
    y: &mut SVector<T, M>,
) -> Result<(), DynamicsError> {
    const {
        assert!(D <= JACOBI_LIMIT, "the teacher is for at most 32 features");
    };
    let mut scratch = [[[T::ZERO; D]; D]; 3];
    let scratch = scratch.as_flattened_mut().as_flattened_mut();
    teacher.sample_test(rng, beta.as_slice(), map.into(), x.into(), y.as_mut_slice(), scratch)
}

/// Trains `w1` (`H x D`) and `w2` in place on `x` (`D x N`), in a
/// scratch of [`two_layer_scratch`]`(D, H)` and [`two_layer_params`]`(D, H)` more.
///
/// ```
/// use nanocurv::dynamics::{Rates, train::*};
/// use nanocurv::fixed;
/// use nalgebra::{SMatrix, SVector};
///
/// let x = SMatrix::<f64, 2, 3>::new(1.0, 0.0, 2.0, 0.0, 1.0, 1.0);
/// let y = SVector::<f64, 3>::new(1.0, -1.0, 1.0); // x_1 - x_2
/// let mut w1 = SMatrix::<f64, 4, 2>::repeat(0.1);
/// let mut w2 = SVector::<f64, 4>::repeat(0.1);
/// let mut scratch = [0.0; two_layer_scratch(2, 4) + two_layer_params(2, 4)];
/// fixed::dynamics::train_two_layer(&x, &y, Rates::same(0.02), 2000, &mut w1, &mut w2, &mut scratch)?;
/// let w = w1.tr_mul(&w2);
/// assert!((w - nalgebra::Vector2::new(1.0, -1.0)).norm() < 1e-9);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`TwoLayer::train`].
pub fn train_two_layer<T: Real, const D: usize, const N: usize, const H: usize>(
    x: &SMatrix<T, D, N>,
    y: &SVector<T, N>,
    rates: Rates<T>,
    iterations: u64,
    w1: &mut SMatrix<T, H, D>,
    w2: &mut SVector<T, H>,
    scratch: &mut [T],
) -> Result<(), DynamicsError> {
    const { assert!(D > 0 && H > 0, "a two-layer network has at least one input and hidden unit") };
    let needed = two_layer_scratch(D, H) + two_layer_params(D, H);
    let mut scratch = Scratch::new(scratch, needed)?;
    let theta = scratch.take(two_layer_params(D, H))?;
    let (rows, last) = theta.cut_mut(H * D);
    for (k, row) in rows.chunks_exact_mut(D.max(1)).enumerate() {
        row.iter_mut().zip(w1.as_mat().columns()).for_each(|(to, column)| {
            *to = column.get(k).copied().unwrap_or(T::ZERO);
        });
    }
    last.iter_mut().zip(w2.iter()).for_each(|(to, from)| *to = *from);
    let mut network = TwoLayer::new(theta, D, H, scratch.rest())?;
    let result = network.train(x.into(), y.as_slice(), rates, iterations);
    for k in 0..H {
        if let (Some((weights, second)), Some(to)) = (network.unit(k), w2.get_mut(k)) {
            for (column, weight) in w1.as_mat_mut().columns().zip(weights) {
                if let Some(to) = column.get_mut(k) {
                    *to = weight;
                }
            }
            *to = second;
        }
    }
    result
}

/// [`w_min`] for at least as many samples as features.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::{Matrix2x3, Vector2, Vector3};
///
/// let x = Matrix2x3::new(1.0, 0.0, 1.0, 0.0, 1.0, 1.0);
/// let mut w = Vector2::zeros();
/// fixed::dynamics::least_squares(&x, &Vector3::new(2.0_f64, 3.0, 5.0), &mut w)?;
/// assert!((w - Vector2::new(2.0, 3.0)).norm() < 1e-14);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`w_min`].
pub fn least_squares<T: Real, const D: usize, const N: usize>(
    x: &SMatrix<T, D, N>,
    y: &SVector<T, N>,
    w: &mut SVector<T, D>,
) -> Result<(), DynamicsError> {
    const { assert!(N >= D, "least squares needs at least as many samples as features") };
    let mut gram = [[T::ZERO; D]; D];
    w_min(x.into(), y.as_slice(), w.as_mut_slice(), gram.as_flattened_mut())
}

/// [`w_min`] for fewer samples than features: the interpolant of least norm.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::{Matrix2x1, Vector1, Vector2};
///
/// let mut w = Vector2::zeros();
/// fixed::dynamics::least_norm(&Matrix2x1::new(1.0, 2.0), &Vector1::new(5.0_f64), &mut w)?;
/// assert!((w - Vector2::new(1.0, 2.0)).norm() < 1e-14);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`w_min`].
pub fn least_norm<T: Real, const D: usize, const N: usize>(
    x: &SMatrix<T, D, N>,
    y: &SVector<T, N>,
    w: &mut SVector<T, D>,
) -> Result<(), DynamicsError> {
    const { assert!(N < D, "the least norm chooses among interpolants: fewer samples than features") };
    let mut scratch = [[[T::ZERO; N]; N]; 2];
    w_min(x.into(), y.as_slice(), w.as_mut_slice(), scratch.as_flattened_mut().as_flattened_mut())
}

/// The moments of data: [`moments`](crate::dynamics::reduction::moments()).
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::{Matrix2, Matrix2x3, Vector2, Vector3};
///
/// let x = Matrix2x3::new(1.0_f32, 0.0, 2.0, 0.0, 1.0, 1.0);
/// let (mut s, mut b) = (Matrix2::zeros(), Vector2::zeros());
/// fixed::dynamics::moments(&x, &Vector3::new(1.0, -1.0, 1.0), &mut s, &mut b)?;
/// assert_eq!((s, b), (Matrix2::new(5.0, 2.0, 2.0, 2.0), Vector2::new(3.0, 0.0)));
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`moments`].
pub fn moments<T: Real, const D: usize, const N: usize>(
    x: &SMatrix<T, D, N>,
    y: &SVector<T, N>,
    s: &mut SMatrix<T, D, D>,
    b: &mut SVector<T, D>,
) -> Result<(), DynamicsError> {
    reduction::moments(x.into(), y.as_slice(), s.into(), b.as_mut_slice())
}

/// [`reduce`](crate::dynamics::reduction::reduce()): 1000 steps of it are what a microcontroller can
/// do in its idle time.
///
/// ```
/// use nanocurv::{dynamics::Rates, fixed};
/// use nalgebra::{SMatrix, SVector};
///
/// let s = SMatrix::<f32, 2, 2>::new(100.0, 0.0, 0.0, 1.0); // X^T X
/// let b = SVector::<f32, 2>::new(110.0, 0.5); // X^T y
/// let (mut z, mut u) = (SVector::repeat(0.07), 0.07);
/// fixed::dynamics::reduce(&s, &b, Rates::same(1e-3), 10_000, &mut z, &mut u)?;
/// let w = z * u;
/// assert!((w[0] - 1.1).abs() < 1e-5 && (w[1] - 0.5).abs() < 1e-4, "{w}");
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`reduce`].
pub fn reduce<T: Real, const D: usize>(
    s: &SMatrix<T, D, D>,
    b: &SVector<T, D>,
    rates: Rates<T>,
    iterations: u64,
    z: &mut SVector<T, D>,
    u: &mut T,
) -> Result<(), DynamicsError> {
    let mut scratch = [T::ZERO; D];
    reduction::reduce(s.into(), b.as_slice(), rates, iterations, z.as_mut_slice(), u, &mut scratch)
}

/// The flow of the modes by Runge-Kutta steps: [`flow::integrate`].
///
/// ```
/// use nanocurv::dynamics::{Rates, flow};
/// use nanocurv::fixed;
/// use nalgebra::Vector2;
///
/// let (lambda, beta, epsilon) = ([100.0, 1.0], [1.0, 1.0], [5.0, 0.0]);
/// let modes = flow::Modes::new(&lambda, &beta, &epsilon)?;
/// let (mut u, mut z) = (0.1_f64, Vector2::repeat(0.1));
/// fixed::dynamics::integrate(modes, Rates::same(1.0), 1e-3, 20_000, &mut u, &mut z)?;
/// // Training ends at beta + epsilon / sqrt(lambda), not at beta.
/// assert!((z * u - Vector2::new(1.5, 1.0)).norm() < 1e-9);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`flow::integrate`].
pub fn integrate<T: Real, const D: usize>(
    modes: Modes<'_, T>,
    rates: Rates<T>,
    dt: T,
    steps: u64,
    u: &mut T,
    z: &mut SVector<T, D>,
) -> Result<(), DynamicsError> {
    let (mut slope, mut sum, mut at) = ([T::ZERO; D], [T::ZERO; D], [T::ZERO; D]);
    flow::runge_kutta(modes, rates, dt, steps, u, z.as_mut_slice(), [&mut slope, &mut sum, &mut at])
}

/// [`Plane::arrow`] over a grid: `G x G` arrows between `low` and `high` on both
/// axes, column by column (`across` is constant within a column).
///
/// ```
/// use nanocurv::dynamics::{field::Plane, flow::Modes};
/// use nanocurv::fixed;
///
/// let modes = Modes::new(&[100.0, 1.0], &[1.0, 1.0], &[5.0, 0.0])?;
/// let arrows = fixed::dynamics::field::<f64, 20>(Plane::UZ, modes, &[1.0], -10.0, 10.0, &mut [0.0; 2])?;
/// assert_eq!(arrows.len(), 20);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`Plane::arrow`].
pub fn field<T: Real, const G: usize>(
    plane: Plane,
    modes: Modes<'_, T>,
    fixed: &[T],
    low: T,
    high: T,
    z: &mut [T],
) -> Result<[[Arrow<T>; G]; G], DynamicsError> {
    let nothing = Arrow { across: T::ZERO, upward: T::ZERO, risk: T::ZERO };
    let mut arrows = [[nothing; G]; G];
    for (i, column) in arrows.iter_mut().enumerate() {
        for (j, arrow) in column.iter_mut().enumerate() {
            let (x, y) = (grid_point(low, high, G, i), grid_point(low, high, G, j));
            *arrow = plane.arrow(modes, fixed, x, y, z)?;
        }
    }
    Ok(arrows)
}

/// [`excess_risk`](crate::dynamics::risk::excess_risk()) for `D` features over `K` steps.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::{SVector, Vector2};
///
/// let (sigmas, thetas) = (Vector2::new(1.0, 0.15), Vector2::new(0.45, 3.0));
/// let mut excess = SVector::<f64, 600>::zeros();
/// fixed::dynamics::excess_risk(&sigmas, &thetas, &Vector2::repeat(0.1), 1.0, 10, &mut excess)?;
/// assert!((excess[491] - 0.1669421765).abs() < 1e-10);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`excess_risk`].
pub fn excess_risk<T: Real, const D: usize, const K: usize>(
    sigmas: &SVector<T, D>,
    thetas: &SVector<T, D>,
    rates: &SVector<T, D>,
    noise: T,
    samples: usize,
    excess: &mut SVector<T, K>,
) -> Result<(), DynamicsError> {
    let mut features = [Feature { sigma: T::ZERO, theta: T::ZERO, rate: T::ZERO }; D];
    let values = sigmas.iter().zip(thetas.iter().zip(rates.iter()));
    for (feature, (sigma, (theta, rate))) in features.iter_mut().zip(values) {
        *feature = Feature { sigma: *sigma, theta: *theta, rate: *rate };
    }
    risk::excess_risk(&features, noise, samples, excess.as_mut_slice())
}

/// Writes the risk at `N` times.
///
/// ```
/// use nanocurv::dynamics::ensemble::Ensemble;
/// use nanocurv::fixed;
/// use nalgebra::Vector3;
///
/// let problem = Ensemble::new(0.5_f64, 5.0, 0.0)?;
/// let mut risk = Vector3::zeros();
/// fixed::dynamics::ensemble_risk(&problem, &Vector3::new(0.0, 1.0, 1e4), &mut risk);
/// assert!((risk - Vector3::new(1.2, 0.8660683725, 0.9)).norm() < 1e-9);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
pub fn ensemble_risk<T: Real, const N: usize>(
    problem: &Ensemble<T>,
    times: &SVector<T, N>,
    risk: &mut SVector<T, N>,
) {
    risk.iter_mut().zip(times.iter()).for_each(|(risk, t)| *risk = problem.risk(*t));
}

/// [`jacobian_spectrum`](crate::dynamics::spectrum::jacobian_spectrum()) for `L` layers and at most 32 rows.
///
/// ```
/// use nanocurv::fixed;
/// use nalgebra::{Matrix2, SMatrix, Vector2};
///
/// // Two layers that own one direction each.
/// let layers = [Matrix2::new(9.0, 0.0, 0.0, 0.0), Matrix2::new(0.0, 0.0, 0.0, 4.0_f64)];
/// let (mut singular_values, mut shares) = (Vector2::zeros(), SMatrix::<f64, 2, 2>::zeros());
/// let rank = fixed::dynamics::jacobian_spectrum(&layers, &mut singular_values, &mut shares)?;
/// assert_eq!((rank, singular_values), (2, Vector2::new(3.0, 2.0)));
/// assert_eq!(shares, Matrix2::identity());
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`jacobian_spectrum`].
pub fn jacobian_spectrum<T: Real, const L: usize, const N: usize>(
    layers: &[SMatrix<T, N, N>; L],
    singular_values: &mut SVector<T, N>,
    shares: &mut SMatrix<T, L, N>,
) -> Result<usize, DynamicsError> {
    const { assert!(N <= JACOBI_LIMIT, "the Jacobian spectrum is for at most 32 rows") };
    let mut scratch = [[[T::ZERO; N]; N]; 2];
    let scratch = scratch.as_flattened_mut().as_flattened_mut();
    let layers = layers.each_ref().map(Mat::from);
    spectrum::jacobian_spectrum(&layers, singular_values.as_mut_slice(), shares.into(), scratch)
}
