//! Laws of the posterior, each against a dense matrix that is built here.

mod draws;
mod errors;
mod evidence;
mod limits;
mod predictions;
mod search;
mod shapes;
mod stream;
mod structures;

use super::*;
use crate::kfac::{Bias, Factors, Part, eigen_len, factors_len};
use crate::linalg::tests::filled;
use crate::linalg::{eigh, eigh_scratch, gemm, gemm_tn};
use crate::matrix::{Mat, MatMut};
use crate::network::{Activation, Layer, Loss, Mlp, Scale, Targets, layer};
use crate::ntk;
use std::vec;
use std::vec::Vec;

/// A network with a layer without bias, and several outputs.
pub fn layers() -> [Layer; 3] {
    [
        Layer::new(3, 4, Activation::Tanh),
        Layer { bias: false, ..Layer::new(4, 3, Activation::Softplus) },
        Layer::new(3, 2, Activation::Identity),
    ]
}

pub const SCALES: [Scale<f64>; 3] = [
    Scale { weight: 0.7, bias: 0.4 },
    Scale { weight: 1.3, bias: 1.0 },
    Scale { weight: 0.9, bias: 0.6 },
];

pub const SAMPLES: usize = 11;

pub const STRUCTURES: [Structure; 6] = [
    Structure::Full,
    Structure::Kronecker(Bias::Joint),
    Structure::Kronecker(Bias::Separate),
    Structure::Ekfac(Bias::Joint),
    Structure::Ekfac(Bias::Separate),
    Structure::Diagonal,
];

/// Data and parameters for [`layers`].
pub struct Data {
    pub theta: Vec<f64>,
    pub x: Vec<f64>,
    pub values: Vec<f64>,
    pub probabilities: Vec<f64>,
    pub labels: Vec<u32>,
}

impl Data {
    pub fn new() -> Self {
        let values = filled(2, SAMPLES);
        Self {
            theta: filled(layer::params(&layers()), 1),
            x: filled(3, SAMPLES),
            probabilities: values.iter().map(|y| 0.5 + 0.4 * y).collect(),
            values,
            labels: (0..SAMPLES as u32).map(|n| n * n % 2).collect(),
        }
    }

    pub fn net<'a>(&'a self, layers: &'a [Layer]) -> Mlp<'a, f64> {
        Mlp::new(layers, &self.theta).unwrap().with_scales(&SCALES).unwrap()
    }

    pub fn x(&self) -> Mat<'_, f64> {
        Mat::of(&self.x, 3, SAMPLES)
    }

    /// Every loss with its targets, soft labels too.
    pub fn losses(&self) -> [(Loss, Targets<'_, f64>); 4] {
        let values = |y| Targets::Values(Mat::of(y, 2, SAMPLES));
        [
            (Loss::Mse, values(&self.values)),
            (Loss::CrossEntropy, Targets::Labels(&self.labels)),
            (Loss::CrossEntropy, values(&self.probabilities)),
            (Loss::Bce, values(&self.probabilities)),
        ]
    }
}

/// The sums of samples, cut into batches at most so long, and their loss.
pub fn sums(
    net: &Mlp<'_, f64>,
    x: Mat<'_, f64>,
    (loss, targets): (Loss, Targets<'_, f64>),
    structure: Structure,
    batch: usize,
) -> (Vec<f64>, f64) {
    let layers = net.layers();
    let mut sums = vec![f64::NAN; sums_len(layers, structure)];
    let mut scratch = vec![f64::NAN; accumulate_scratch(layers, structure, batch)];
    let (mut value, mut from) = (0.0, 0);
    while from < x.cols() {
        let n = batch.min(x.cols() - from);
        let keep = if from == 0 { 0.0 } else { 1.0 };
        let (part, y) = (x.columns_range(from, n), targets.range(from, n));
        value += accumulate(net, part, y, loss, structure, keep, &mut sums, &mut scratch).unwrap();
        from += n;
    }
    (sums, value)
}

/// The spectrum of samples, EKFAC's second pass in the same batches.
pub fn spectrum(
    net: &Mlp<'_, f64>,
    x: Mat<'_, f64>,
    of: (Loss, Targets<'_, f64>),
    structure: Structure,
    prior: Prior<'_, f64>,
    batch: usize,
) -> (Vec<f64>, f64) {
    let layers = net.layers();
    let (sums, value) = sums(net, x, of, structure, batch);
    let mut storage = vec![f64::NAN; spectrum_len(layers, structure)];
    let mut scratch = vec![f64::NAN; decompose_scratch(layers, structure)];
    decompose(layers, structure, prior, &sums, &mut storage, &mut scratch).unwrap();
    if let Structure::Ekfac(bias) = structure {
        let mut scratch = vec![f64::NAN; correct_scratch(layers, batch)];
        let mut from = 0;
        while from < x.cols() {
            let n = batch.min(x.cols() - from);
            let keep = if from == 0 { 0.0 } else { 1.0 };
            let (part, y) = (x.columns_range(from, n), of.1.range(from, n));
            correct(net, part, y, of.0, bias, keep, &mut storage, &mut scratch).unwrap();
            from += n;
        }
    }
    (storage, value)
}

/// `J`, P x (N O)
pub fn jacobian(net: &Mlp<'_, f64>, x: Mat<'_, f64>) -> Vec<f64> {
    let columns = net.outputs() * x.cols();
    let mut j = vec![0.0; net.params() * columns];
    let mut scratch = vec![0.0; ntk::jacobian_scratch(net.layers(), x.cols())];
    let to = MatMut::of(&mut j, net.params(), columns);
    ntk::jacobian(net, x, to, &mut scratch).unwrap();
    j
}

/// `H = sum_n J_n^T Lambda_n J_n`, by the loss's Hessian formed: P x P.
pub fn dense_full(
    net: &Mlp<'_, f64>,
    x: Mat<'_, f64>,
    (loss, targets): (Loss, Targets<'_, f64>),
) -> Vec<f64> {
    let (p, o) = (net.params(), net.outputs());
    let j = jacobian(net, x);
    let mut f = vec![0.0; o * x.cols()];
    let mut scratch = vec![0.0; crate::network::forward_scratch(net.layers(), x.cols())];
    crate::network::forward(net, x, MatMut::of(&mut f, o, x.cols()), &mut scratch).unwrap();
    let mut h = vec![0.0; p * p];
    for n in 0..x.cols() {
        for o1 in 0..o {
            // Lambda e_o1
            let mut unit = vec![0.0; o];
            unit[o1] = 1.0;
            let f = Mat::of(&f[n * o..(n + 1) * o], o, 1);
            loss.hessian_product(f, targets.range(n, 1), MatMut::of(&mut unit, o, 1)).unwrap();
            let scale = if loss == Loss::Mse { 0.5 } else { 1.0 };
            for (o2, lambda) in unit.iter().enumerate() {
                let a = &j[(n * o + o1) * p..][..p];
                let b = &j[(n * o + o2) * p..][..p];
                for (r, a) in a.iter().enumerate() {
                    for (c, b) in b.iter().enumerate() {
                        h[c * p + r] += scale * lambda * a * b;
                    }
                }
            }
        }
    }
    h
}

/// H of a structure, formed from its definition: P x P.
pub fn dense(
    net: &Mlp<'_, f64>,
    x: Mat<'_, f64>,
    of: (Loss, Targets<'_, f64>),
    structure: Structure,
) -> Vec<f64> {
    let p = net.params();
    match structure {
        Structure::Full => dense_full(net, x, of),
        Structure::Diagonal => {
            let mut h = dense_full(net, x, of);
            for (index, h) in h.iter_mut().enumerate() {
                if index % p != index / p {
                    *h = 0.0;
                }
            }
            h
        }
        Structure::Kronecker(bias) | Structure::Ekfac(bias) => {
            let (sums, _) = sums(net, x, of, structure, x.cols());
            let (factors, samples) = sums.split_at(factors_len(net.layers()));
            let factors = Factors::new(net.layers(), factors).unwrap().with_bias(bias);
            let full = dense_full(net, x, of);
            let mut h = vec![0.0; p * p];
            for (place, block) in factors.blocks() {
                let (n, m) = (place.rows(), place.cols());
                let at = |i: usize, o: usize| {
                    let inputs = place.layer.inputs;
                    place.offset
                        + match place.part {
                            Part::Joint if i == inputs => inputs * m + o,
                            Part::Joint | Part::Weights => o * inputs + i,
                            Part::Bias => o,
                        }
                };
                let kronecker = matches!(structure, Structure::Kronecker(_));
                let (qa, qg) = (vectors(block.input), vectors(block.output));
                let (qa, qg) = (Mat::of(&qa, n, n), Mat::of(&qg, m, m));
                for (i, o, j, q) in four(n, m) {
                    let value = if kronecker {
                        block.input.at(i, j) * block.output.at(o, q) / samples[0]
                    } else {
                        0.0
                    };
                    h[at(j, q) * p + at(i, o)] = value;
                }
                if !kronecker {
                    ekfac(&mut h, &full, p, (qa, qg), &at);
                }
            }
            h
        }
    }
}

/// `sum_ij lambda_ij v_ij v_ij^T`, v = a column of `Q_A (x) Q_G`, lambda its Rayleigh quotient in
/// the whole matrix: the second moments of EKFAC.
fn ekfac(
    h: &mut [f64],
    full: &[f64],
    p: usize,
    (qa, qg): (Mat<'_, f64>, Mat<'_, f64>),
    at: &dyn Fn(usize, usize) -> usize,
) {
    let (n, m) = (qa.rows(), qg.rows());
    for (i, o) in (0..n).flat_map(|i| (0..m).map(move |o| (i, o))) {
        let mut v = vec![0.0; p];
        for (r, s) in (0..n).flat_map(|r| (0..m).map(move |s| (r, s))) {
            v[at(r, s)] = qa.at(r, i) * qg.at(s, o);
        }
        let mut lambda = 0.0;
        for (c, vc) in v.iter().enumerate() {
            for (r, vr) in v.iter().enumerate() {
                lambda += full[c * p + r] * vc * vr;
            }
        }
        for (c, vc) in v.iter().enumerate() {
            for (r, vr) in v.iter().enumerate() {
                h[c * p + r] += lambda * vc * vr;
            }
        }
    }
}

fn four(n: usize, m: usize) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..n * m * n * m).map(move |k| (k % n, k / n % m, k / (n * m) % n, k / (n * m * n)))
}

fn vectors(a: Mat<'_, f64>) -> Vec<f64> {
    let n = a.rows();
    let (mut copy, mut q, mut values) = (vec![0.0; n * n], vec![0.0; n * n], vec![0.0; n]);
    MatMut::of(&mut copy, n, n).copy_from(a);
    let mut scratch = vec![0.0; eigh_scratch(n)];
    let (copy, to) = (MatMut::of(&mut copy, n, n), MatMut::of(&mut q, n, n));
    eigh(copy, &mut values, to, &mut scratch).unwrap();
    q
}

/// The prior precision of every parameter.
pub fn precisions(layers: &[Layer], prior: Prior<'_, f64>) -> Vec<f64> {
    let mut all = Vec::new();
    let mut tensor = 0;
    for (index, layer) in layers.iter().enumerate() {
        let bias = if layer.bias { layer.outputs } else { 0 };
        for count in [layer.inputs * layer.outputs, bias] {
            if count == 0 {
                continue;
            }
            let group = match prior.per {
                Per::Network => 0,
                Per::Layer => index,
                Per::Tensor => tensor,
            };
            tensor += 1;
            all.extend(vec![prior.precisions[group]; count]);
        }
    }
    all
}

/// `(h H + diag delta)^-1` and the logarithm of the determinant of what is inverted.
pub fn inverse(h: &[f64], inverse_noise: f64, precisions: &[f64]) -> (Vec<f64>, f64) {
    let p = precisions.len();
    let mut all: Vec<f64> = h.iter().map(|v| inverse_noise * v).collect();
    all.iter_mut().step_by(p + 1).zip(precisions).for_each(|(v, d)| *v += d);
    crate::linalg::ldlt(MatMut::of(&mut all, p, p)).unwrap();
    let factored = Mat::of(&all, p, p);
    let mut inverse = vec![0.0; p * p];
    inverse.iter_mut().step_by(p + 1).for_each(|v| *v = 1.0);
    crate::linalg::ldlt_solve(factored, MatMut::of(&mut inverse, p, p)).unwrap();
    (inverse, crate::linalg::ldlt_logdet(factored))
}

/// `J S J^T` of every sample, O x O each.
pub fn covariances(net: &Mlp<'_, f64>, x: Mat<'_, f64>, s: &[f64]) -> Vec<f64> {
    let (p, o) = (net.params(), net.outputs());
    let j = jacobian(net, x);
    let mut all = Vec::new();
    for j in j.chunks(p * o) {
        let (mut sj, mut c) = (vec![0.0; p * o], vec![0.0; o * o]);
        gemm(1.0, Mat::of(s, p, p), Mat::of(j, p, o), 0.0, MatMut::of(&mut sj, p, o)).unwrap();
        let to = MatMut::of(&mut c, o, o);
        gemm_tn(1.0, Mat::of(j, p, o), Mat::of(&sj, p, o), 0.0, to).unwrap();
        all.extend(c);
    }
    all
}

/// Means and covariances of a posterior.
pub fn predicted(
    net: &Mlp<'_, f64>,
    posterior: &Posterior<'_, f64>,
    x: Mat<'_, f64>,
) -> (Vec<f64>, Vec<f64>) {
    let (o, n) = (net.outputs(), x.cols());
    let (mut mean, mut covariance) = (vec![f64::NAN; o * n], vec![f64::NAN; o * o * n]);
    let needed = predict_scratch(net.layers(), posterior.structure(), n);
    let mut scratch = vec![f64::NAN; needed];
    let to = MatMut::of(&mut mean, o, n);
    posterior.predict(net, x, to, &mut covariance, &mut scratch).unwrap();
    (mean, covariance)
}

/// The layout of a spectrum's storage is that of its blocks.
#[test]
fn a_block_is_its_bases_and_its_eigenvalues() {
    assert_eq!(eigen_len(3, 2), 3 * 3 + 3 + 2 * 2 + 2);
}
