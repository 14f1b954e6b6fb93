//! `c sum_n J_n^T M_n J_n`, formed, with any matrix M_n between the Jacobians; and EKFAC.
//!
//! EKFAC: `(Q_A (x) Q_G) diag(Lambda) (Q_A (x) Q_G)^T` in every block, Q the eigenvectors of
//! K-FAC's factors, `Lambda_ij = c sum_n (Q_G^T D_n^T M_n D_n Q_G)_jj (Q_A^T a_n)_i^2`.

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use super::kfac::{Fisher, kfac_factors, middle};
use super::{Loss, Network, Reduction, Targets, sample_jacobian};

/// The matrix, `P x P`.
pub fn fisher(
    network: &Network,
    theta: &[f64],
    x: &[f64],
    y: &Targets,
    (loss, reduction): (Loss, Reduction),
    of: &Fisher,
) -> Vec<f64> {
    let (inputs, outputs, parameters) = (network.inputs(), network.outputs(), theta.len());
    let samples = x.len() / inputs;
    let scale = loss.scale(reduction, samples, outputs);
    let sum = x
        .par_chunks(inputs)
        .enumerate()
        .map(|(n, x)| {
            let jacobian =
                DMatrix::from_row_slice(outputs, parameters, &sample_jacobian(network, theta, x));
            let middle = middle(loss, &network.forward(theta, x), y, n, samples, of);
            jacobian.transpose() * middle * jacobian * scale
        })
        .reduce(|| DMatrix::zeros(parameters, parameters), |a, b| a + b);
    sum.as_slice().to_vec()
}

/// Where the parameters of the blocks lie: `(input, output) -> index`, a block after the other.
fn blocks(network: &Network, separate: bool) -> Vec<(usize, Vec<usize>, usize, bool)> {
    let mut blocks = Vec::new();
    let mut start = 0;
    for (l, layer) in network.layers.iter().enumerate() {
        let (n, m) = (layer.inputs, layer.outputs);
        let weights: Vec<usize> =
            (0..n).flat_map(|i| (0..m).map(move |o| start + o * n + i)).collect();
        let bias: Vec<usize> = (start + n * m..start + n * m + m).collect();
        match (layer.bias, separate) {
            (true, false) => blocks.push((l, [weights, bias].concat(), n + 1, false)),
            (true, true) => {
                blocks.push((l, weights, n, false));
                blocks.push((l, bias, 1, true));
            }
            (false, _) => blocks.push((l, weights, n, false)),
        }
        start += layer.parameters();
    }
    blocks
}

/// A function of a block's factors A and G, given its layer and whether it is a bias alone:
/// the block on `vec_r(in x out)`.
type OfBlock<'f> = dyn Fn(&DMatrix<f64>, &DMatrix<f64>, usize, bool) -> DMatrix<f64> + 'f;

/// Puts the blocks of K-FAC where their parameters are.
fn assemble(
    network: &Network,
    factors: &[(Vec<f64>, Vec<f64>)],
    separate: bool,
    of: &OfBlock<'_>,
) -> Vec<f64> {
    let parameters = network.parameters();
    let mut matrix = vec![0.0; parameters * parameters];
    for (l, places, rows, bias) in blocks(network, separate) {
        let n = factors[l].0.len().isqrt();
        let a = DMatrix::from_row_slice(n, n, &factors[l].0);
        let a = if bias {
            a.view((n - 1, n - 1), (1, 1)).into()
        } else {
            a.view((0, 0), (rows, rows)).into()
        };
        let m = network.layers[l].outputs;
        let g = DMatrix::from_row_slice(m, m, &factors[l].1);
        let block = of(&a, &g, l, bias);
        for (i, p) in places.iter().enumerate() {
            for (j, q) in places.iter().enumerate() {
                matrix[p * parameters + q] = block[(i, j)];
            }
        }
    }
    matrix
}

/// How K-FAC's matrix is damped and inverted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Inverse {
    /// `(A + pi sqrt(lambda) I) (x) (G + sqrt(lambda) / pi I)`; a bias alone takes all of lambda.
    Pi(f64),
    /// `(A + lambda I) (x) (G + lambda I)`, likewise.
    Same(f64),
    /// `A (x) G + lambda I`
    Exact(f64),
}

fn plus(m: &DMatrix<f64>, damping: f64) -> DMatrix<f64> {
    m + DMatrix::identity(m.nrows(), m.nrows()) * damping
}

fn invert(m: DMatrix<f64>) -> DMatrix<f64> {
    let n = m.nrows();
    m.try_inverse().unwrap_or_else(|| DMatrix::from_element(n, n, f64::NAN))
}

/// K-FAC's matrix or its inverse, `P x P`, of factors `(A, G)`.
pub fn kfac(
    network: &Network,
    factors: &[(Vec<f64>, Vec<f64>)],
    separate: bool,
    inverse: Option<Inverse>,
) -> Vec<f64> {
    assemble(network, factors, separate, &|a, g, _, bias| match inverse {
        None => a.kronecker(g),
        Some(Inverse::Exact(lambda)) => invert(plus(&a.kronecker(g), lambda)),
        Some(Inverse::Pi(lambda) | Inverse::Same(lambda)) if bias => {
            invert(plus(&a.kronecker(g), lambda))
        }
        Some(Inverse::Pi(lambda)) => {
            let (input, output) = super::kfac::split(a, g, lambda, true);
            invert(plus(a, input)).kronecker(&invert(plus(g, output)))
        }
        Some(Inverse::Same(lambda)) => invert(plus(a, lambda)).kronecker(&invert(plus(g, lambda))),
    })
}

/// EKFAC's matrix or, with a damping, the inverse of it plus damping times the identity.
#[allow(clippy::too_many_arguments)]
pub fn ekfac(
    network: &Network,
    theta: &[f64],
    x: &[f64],
    y: &Targets,
    (loss, reduction): (Loss, Reduction),
    of: &Fisher,
    separate: bool,
    inverse: Option<f64>,
) -> Vec<f64> {
    let factors = kfac_factors(network, theta, x, y, (loss, reduction), of);
    let (inputs, outputs) = (network.inputs(), network.outputs());
    let samples = x.len() / inputs;
    let scale = loss.scale(reduction, samples, outputs);
    let traces: Vec<_> = x.chunks(inputs).map(|x| network.trace(theta, x)).collect();
    assemble(network, &factors, separate, &|a, g, l, bias| {
        let (qa, qg) = (a.clone().symmetric_eigen(), g.clone().symmetric_eigen());
        let (qa, qg) = (qa.eigenvectors, qg.eigenvectors);
        let layer = &network.layers[l];
        let mut lambda = DMatrix::zeros(qa.nrows(), qg.nrows());
        for (n, trace) in traces.iter().enumerate() {
            let mut input: Vec<f64> =
                trace.inputs[l].iter().map(|x| layer.weight_scale * x).collect();
            input.push(layer.bias_scale);
            let input = if bias { vec![layer.bias_scale] } else { input[..qa.nrows()].to_vec() };
            let rotated = qa.transpose() * DVector::from_vec(input);
            let slopes = network.output_slopes(theta, trace);
            let d = DMatrix::from_row_slice(outputs, layer.outputs, &slopes[l]);
            let g = match of {
                Fisher::ForwardOnly => {
                    DMatrix::identity(layer.outputs, layer.outputs) / samples as f64
                }
                _ => d.transpose() * middle(loss, &trace.outputs, y, n, samples, of) * &d * scale,
            };
            let g = (qg.transpose() * g * &qg).diagonal();
            lambda += rotated.map(|a| a * a) * g.transpose();
        }
        let q = qa.kronecker(&qg);
        let values = DVector::from_fn(q.nrows(), |e, _| {
            let value = lambda[(e / qg.nrows(), e % qg.nrows())];
            inverse.map_or(value, |damping| 1.0 / (value + damping))
        });
        &q * DMatrix::from_diagonal(&values) * q.transpose()
    })
}
