//! The spectral density of a symmetric operator by stochastic Lanczos quadrature:
//!
//! ```text
//! density(t) = 1/n sum_i delta(t - lambda_i)  ~  1/k sum_w sum_j (e_1^T y_j)^2 delta(t - theta_j)
//! T = Q^T A Q tridiagonal, (theta_j, y_j) its eigenpairs, Q from `steps` Lanczos steps from w / |w|
//! ```
//! A node is an approximate eigenvalue, its weight the share of the spectrum near it; the nodes
//! integrate every polynomial of degree `2 steps - 1` in A exactly, in expectation over w. Full
//! reorthogonalisation. `probes x steps` products.
//! Sources: Golub and Meurant (1994); Papyan, "The full spectrum of deepnet Hessians" (2019).

use super::basis::{Probe, normalise, orthogonalise, store};
use super::cg::relative;
use super::error::{CurvatureError, SolveInfo, Stop};
use super::operator::LinearOperator;
use super::trace::check_count;
use crate::error::ShapeError;
use crate::linalg::{dot, eigh, eigh_scratch};
use crate::matrix::MatMut;
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Scratch of [`spectrum`] for an n x n operator.
pub const fn spectrum_scratch(n: usize, steps: usize, operator: usize) -> usize {
    n * (steps + 1) + 2 * steps * steps + steps + eigh_scratch(steps) + operator
}

/// Nodes and weights of the spectral density from `probes` random starts of `steps` steps each
/// (at most n). `nodes` and `weights` hold `probes * steps` values; all weights sum to 1. A start
/// whose Krylov space is exhausted early fills the rest with zero weights.
///
/// Stops as [`Stop::Converged`] if every start's space was exhausted: the nodes are eigenvalues.
/// Else as [`Stop::Iterations`]; the residual bounds those of the nodes as eigenvalues, relative to
/// the largest.
///
/// ```
/// use nanocurv::curvature::{Diagonal, Probe, Stop, spectrum, spectrum_scratch};
///
/// let d = Diagonal::new(&[3.0_f64, -1.0, 2.0])?;
/// let (mut nodes, mut weights) = ([0.0; 3], [0.0; 3]);
/// let mut scratch = [0.0; spectrum_scratch(3, 3, 0)];
/// let to = (&mut nodes[..], &mut weights[..]);
/// let info = spectrum(&d, Probe::Rademacher, (1, 3), 42, to, &mut scratch)?;
/// assert_eq!((info.stop, info.products), (Stop::Converged, 3));
/// assert!((nodes[0] + 1.0).abs() < 1e-12 && (nodes[2] - 3.0).abs() < 1e-12);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// [`CurvatureError`] if the operator is not square, a count or a size is wrong, a product
/// overflows or the scratch is too short.
pub fn spectrum<T: Real>(
    a: &impl LinearOperator<T>,
    probe: Probe,
    (probes, steps): (usize, usize),
    seed: u64,
    (nodes, weights): (&mut [T], &mut [T]),
    scratch: &mut [T],
) -> Result<SolveInfo<T>, CurvatureError> {
    let n = a.rows();
    ShapeError::check("operator columns", n, a.cols())?;
    check_count("probes", 1, u32::MAX as usize, probes)?;
    check_count("steps", 1, n, steps)?;
    ShapeError::check("nodes", probes * steps, nodes.len())?;
    ShapeError::check("weights", probes * steps, weights.len())?;
    let mut scratch = Scratch::new(scratch, spectrum_scratch(n, steps, a.scratch()))?;
    let mut q = scratch.matrix(n, steps)?;
    let v = scratch.take(n)?;
    let (mut t, mut y) = (scratch.matrix(steps, steps)?, scratch.matrix(steps, steps)?);
    let values = scratch.take(steps)?;
    let eigen = scratch.take(eigh_scratch(steps))?;
    let work = scratch.rest();
    let mut rng = Rng::seed(seed);
    let mut info =
        SolveInfo { stop: Stop::Converged, iterations: 0, products: 0, residual: T::ZERO };
    let (mut nodes, mut weights) =
        (MatMut::of(nodes, steps, probes), MatMut::of(weights, steps, probes));
    for (nodes, weights) in nodes.columns().zip(weights.columns()) {
        probe.draw(&mut rng, v);
        let length = dot(v, v).sqrt();
        normalise(v, length, T::ZERO);
        let (mut made, mut beta) = (0, T::ZERO);
        t.fill(T::ZERO);
        for j in 0..steps {
            store(v, q.reborrow(), j);
            a.apply(q.as_ref().col(j), v, work)?;
            info.products += 1;
            made = j + 1;
            let size = dot(v, v).sqrt();
            let mut alpha = T::ZERO;
            let length = orthogonalise(q.as_ref(), made, v, |i, c| {
                if i == j {
                    alpha += c;
                }
            });
            t.set(j, j, alpha);
            if j > 0 {
                t.set(j, j - 1, beta);
            }
            beta = length;
            if !normalise(v, length, T::of(16.0) * T::EPSILON * size) {
                beta = T::ZERO;
                break;
            }
        }
        nodes.fill(T::ZERO);
        weights.fill(T::ZERO);
        let values = values.part_mut(..made);
        let mut y = y.block(0, 0, made, made);
        eigh(t.block(0, 0, made, made), values, y.reborrow(), eigen)?;
        let share = T::ONE / T::from_usize(probes);
        for (j, (node, weight)) in nodes.iter_mut().zip(weights).take(made).enumerate() {
            *node = values.get(j).copied().unwrap_or(T::ZERO);
            *weight = share * y.at(0, j).squared();
        }
        let largest = nodes.iter().fold(T::ZERO, |m, node| m.max(node.abs()));
        info.residual = info.residual.max(relative(beta, largest));
        info.iterations += 1;
        if beta > T::ZERO {
            info.stop = Stop::Iterations;
        }
    }
    Ok(info)
}

/// The density at the places `at`: each node a normal of standard deviation `width`, by its
/// weight.
///
/// # Errors
/// [`CurvatureError::Shape`] if the sizes do not fit together.
pub fn spectral_density<T: Real>(
    nodes: &[T],
    weights: &[T],
    width: T,
    at: &[T],
    out: &mut [T],
) -> Result<(), CurvatureError> {
    ShapeError::check("weights", nodes.len(), weights.len())?;
    ShapeError::check("density", at.len(), out.len())?;
    let inverse = T::ONE / width;
    let peak = inverse * T::of(0.398_942_280_401_432_7);
    for (at, out) in at.iter().zip(out) {
        *out = nodes.iter().zip(weights).fold(T::ZERO, |sum, (node, weight)| {
            let z = (*at - *node) * inverse;
            sum + *weight * peak * (-T::HALF * z * z).exp()
        });
    }
    Ok(())
}
