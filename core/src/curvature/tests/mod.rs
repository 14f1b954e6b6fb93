//! Laws of the operators, and the two routes to a matrix against each other.

mod factors;
mod fixed;
mod parts;

use super::structured::{TilePoint, Unit, tile_scratch, unit_scratch};
use super::*;
use crate::linalg::tests::{filled, relative_difference};
use crate::matrix::{Mat, MatMut};
use crate::network::{Activation, Layer, Loss, Mlp, Reduction, Scale};
use std::vec;
use std::vec::Vec;

/// A network with every kind of layer: smooth, kinked, with and without bias, width 1.
fn layers() -> [Layer; 4] {
    let no_bias = |layer: Layer| Layer { bias: false, ..layer };
    [
        Layer::new(3, 4, Activation::Tanh),
        no_bias(Layer::new(4, 2, Activation::Softplus)),
        Layer::new(2, 5, Activation::Gelu),
        Layer::new(5, 3, Activation::Identity),
    ]
}

const SCALES: [Scale<f64>; 4] = [
    Scale { weight: 0.7, bias: 0.4 },
    Scale { weight: 1.3, bias: 1.0 },
    Scale { weight: 0.9, bias: 0.6 },
    Scale { weight: 1.1, bias: 0.8 },
];

/// Runs `f` with a risk of nine samples for every loss, in mini-batches cut at `cuts`.
fn each_risk(cuts: &[usize], mut f: impl FnMut(Risk<'_, f64>)) {
    let layers = layers();
    let theta = filled(crate::network::layer::params(&layers), 1);
    let net = Mlp::new(&layers, &theta).unwrap().with_scales(&SCALES).unwrap();
    let (x, y) = (filled(3, 9), filled(3, 9));
    let probabilities: Vec<f64> = y.iter().map(|y| 0.5 + 0.4 * y).collect();
    let labels: Vec<u32> = (0..9).map(|n| n * n % 3).collect();
    for reduction in [Reduction::Mean, Reduction::Sum] {
        for case in 0..4 {
            let (loss, values) = [
                (Loss::Mse, &y),
                (Loss::CrossEntropy, &probabilities),
                (Loss::Bce, &probabilities),
                (Loss::CrossEntropy, &y),
            ][case];
            let mut batches = Vec::new();
            for (from, to) in cuts.iter().zip(&cuts[1..]) {
                let x = Mat::of(&x[3 * from..3 * to], 3, to - from);
                batches.push(if case == 3 {
                    Batch::labels(x, &labels[*from..*to])
                } else {
                    Batch::values(x, Mat::of(&values[3 * from..3 * to], 3, to - from))
                });
            }
            f(Risk::new(net, loss, reduction, &batches).unwrap());
        }
    }
}

const WHOLE: [usize; 2] = [0, 9];

fn columns(operator: &impl LinearOperator<f64>) -> Vec<f64> {
    let (rows, cols) = (operator.rows(), operator.cols());
    let mut out = vec![f64::NAN; rows * cols];
    let mut scratch = vec![f64::NAN; to_dense_scratch(cols, operator.scratch())];
    to_dense(operator, MatMut::of(&mut out, rows, cols), &mut scratch).unwrap();
    out
}

fn written<'a>(operator: &impl RiskCurvature<'a, f64>) -> Vec<f64> {
    let (p, risk) = (operator.rows(), operator.risk());
    let hessian = operator.curvature() == Curvature::Hessian;
    let mut out = vec![f64::NAN; p * p];
    let mut scratch = vec![f64::NAN; dense_scratch(risk.net().layers(), risk.tile(), hessian)];
    dense(operator, MatMut::of(&mut out, p, p), &mut scratch).unwrap();
    out
}

fn gradient_of(risk: &Risk<'_, f64>) -> (f64, Vec<f64>) {
    let layers = risk.net().layers();
    let mut out = vec![f64::NAN; risk.net().params()];
    let mut scratch = vec![f64::NAN; gradient_scratch(layers, risk.tile())];
    let loss = gradient(risk, &mut out, &mut scratch).unwrap();
    (loss, out)
}

#[test]
fn the_gradient_agrees_with_differences_of_the_loss() {
    each_risk(&WHOLE, |risk| {
        let (_, g) = gradient_of(&risk);
        let theta = risk.net().theta().to_vec();
        for p in 0..theta.len() {
            let at = |h: f64| {
                let mut theta = theta.clone();
                theta[p] += h;
                gradient_of(&risk.at(&theta).unwrap()).0
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((g[p] - difference).abs() < 1e-8 * (1.0 + g[p].abs()), "{p}");
        }
    });
}

#[test]
fn a_hessian_product_agrees_with_differences_of_the_gradient() {
    each_risk(&WHOLE, |risk| {
        let h = columns(&Hessian::new(risk));
        let (theta, params) = (risk.net().theta().to_vec(), risk.net().params());
        let scale = h.iter().fold(0.0_f64, |m, h| m.max(h.abs()));
        for p in 0..params {
            let at = |h: f64| {
                let mut theta = theta.clone();
                theta[p] += h;
                gradient_of(&risk.at(&theta).unwrap()).1
            };
            let (right, left) = (at(1e-5), at(-1e-5));
            for q in 0..params {
                let difference = (right[q] - left[q]) / 2e-5;
                assert!((h[q + p * params] - difference).abs() < 1e-8 * (1.0 + scale), "{q} {p}");
            }
        }
    });
}

#[test]
fn the_matrix_written_out_is_the_operator() {
    each_risk(&WHOLE, |risk| {
        let hessian = Hessian::new(risk);
        assert!(relative_difference(&written(&hessian), &columns(&hessian)) < 1e-13);
        let ggn = Ggn::new(risk);
        assert!(relative_difference(&written(&ggn), &columns(&ggn)) < 1e-13);
        let fisher = EmpiricalFisher::new(risk);
        assert!(relative_difference(&written(&fisher), &columns(&fisher)) < 1e-13);
        let draws = MonteCarloFisher::new(risk, 3, 5);
        assert!(relative_difference(&written(&draws), &columns(&draws)) < 1e-13);
    });
}

#[test]
fn nothing_depends_on_how_the_data_is_cut() {
    let mut whole = Vec::new();
    let all = |risk: Risk<'_, f64>| {
        let mut all = columns(&Hessian::new(risk));
        all.extend(columns(&EmpiricalFisher::new(risk)));
        all.extend(columns(&MonteCarloFisher::new(risk, 2, 7)));
        all.extend(written(&Hessian::new(risk)));
        all.extend(written(&MonteCarloFisher::new(risk, 2, 7)));
        all.extend(gradient_of(&risk).1);
        all
    };
    each_risk(&WHOLE, |risk| whole.push(all(risk)));
    for tile in [128, 2, 1] {
        let mut cut = Vec::new();
        each_risk(&[0, 2, 3, 7, 9], |risk| cut.push(all(risk.with_tile(tile))));
        for (a, b) in cut.iter().zip(&whole) {
            assert!(relative_difference(a, b) < 1e-13);
        }
    }
}

#[test]
fn the_ggn_is_the_jacobian_around_the_loss() {
    each_risk(&WHOLE, |risk| {
        if risk.loss() != Loss::Mse {
            return;
        }
        let batches: Vec<_> = risk.batches().iter().map(|b| b.x).collect();
        let jacobian = Jacobian::new(risk.net(), &batches).unwrap().with_tile(4);
        let terms = [(2.0 * risk.scale(), Chain::new(Transpose(jacobian), jacobian).unwrap())];
        let ggn = columns(&Ggn::new(risk));
        assert!(relative_difference(&columns(&ScaledSum::new(&terms).unwrap()), &ggn) < 1e-13);
    });
}

fn adjoint_law(name: &str, operator: &impl LinearOperator<f64>) {
    let (rows, cols) = (operator.rows(), operator.cols());
    let (u, v) = (filled(rows, 1), filled(cols, 1));
    let (mut av, mut atu) = (vec![f64::NAN; rows], vec![f64::NAN; cols]);
    let mut scratch = vec![f64::NAN; operator.scratch()];
    operator.apply(&v, &mut av, &mut scratch).unwrap();
    operator.apply_transpose(&u, &mut atu, &mut scratch).unwrap();
    let (left, right) = (crate::linalg::dot(&u, &av), crate::linalg::dot(&atu, &v));
    let size = u.iter().zip(&av).map(|(u, a)| (u * a).abs()).sum::<f64>();
    assert!((left - right).abs() <= 1e-13 * size, "{name}: {left} {right}");
    // Exactly this much scratch, and no less.
    if let Some((_, short)) = scratch.split_last_mut() {
        assert!(operator.apply(&v, &mut av, short).is_err(), "{name}");
        assert!(operator.apply_transpose(&u, &mut atu, short).is_err(), "{name}");
    }
    let mut bad = v.clone();
    bad[cols - 1] = f64::INFINITY;
    let error = operator.apply(&bad, &mut av, &mut scratch).unwrap_err();
    assert!(
        matches!(error, CurvatureError::NonFinite(e) if e.index as usize == cols - 1),
        "{name}"
    );
    assert!(operator.apply(&v[1..], &mut av, &mut scratch).is_err(), "{name}");
}

#[test]
fn the_adjoint_law_holds_with_exactly_the_stated_scratch() {
    each_risk(&[0, 4, 9], |risk| {
        let p = risk.net().params();
        let hessian = Hessian::new(risk);
        let inputs: Vec<_> = risk.batches().iter().map(|b| b.x).collect();
        let jacobian = Jacobian::new(risk.net(), &inputs).unwrap();
        adjoint_law("hessian", &hessian);
        adjoint_law("ggn", &Ggn::new(risk));
        adjoint_law("empirical fisher", &EmpiricalFisher::new(risk));
        adjoint_law("monte carlo fisher", &MonteCarloFisher::new(risk, 2, 3));
        adjoint_law("gradient", &Gradient::new(risk));
        adjoint_law("jacobian", &jacobian);
        adjoint_law("transpose", &Transpose(&jacobian));
        adjoint_law("damped", &Damped::new(hessian, 0.3).unwrap());
        adjoint_law("submatrix", &Submatrix::new(hessian, &[3, 0, 7], &[1, p - 1]).unwrap());
        let d = filled(p, 2);
        let diagonal = Diagonal::new(&d[..p]).unwrap();
        let identity = Identity { size: p };
        adjoint_law("diagonal", &diagonal);
        let terms: [(f64, &dyn LinearOperator<f64>); 3] =
            [(0.5, &hessian), (-2.0, &diagonal), (0.1, &identity)];
        adjoint_law("sum", &ScaledSum::new(&terms).unwrap());
        adjoint_law(
            "chain",
            &Chain::new(jacobian, Chain::new(diagonal, hessian).unwrap()).unwrap(),
        );
        adjoint_law("dense", &Dense::new(Mat::of(&d, p, 2)).unwrap());
    });
}

#[test]
fn every_curvature_is_symmetric() {
    each_risk(&[0, 4, 9], |risk| {
        let p = risk.net().params();
        let symmetric = |name: &str, operator: &dyn LinearOperator<f64>| {
            let m = columns(&operator);
            let transposed: Vec<f64> = (0..p * p).map(|e| m[e / p + e % p * p]).collect();
            assert!(relative_difference(&m, &transposed) < 1e-13, "{name}");
        };
        symmetric("hessian", &Hessian::new(risk));
        symmetric("ggn", &Ggn::new(risk));
        symmetric("empirical fisher", &EmpiricalFisher::new(risk));
        symmetric("monte carlo fisher", &MonteCarloFisher::new(risk, 2, 3));
        let data = factors::factors(&risk);
        symmetric("kfac", &crate::kfac::Factors::new(risk.net().layers(), &data).unwrap());
    });
}

#[test]
fn monte_carlo_draws_tend_to_the_ggn() {
    each_risk(&WHOLE, |risk| {
        let ggn = written(&Ggn::new(risk));
        let drawn = written(&MonteCarloFisher::new(risk, 20_000, 1));
        // Relative to the largest entry: a few standard errors of 20 000 x 9 draws.
        assert!(relative_difference(&drawn, &ggn) < 0.04);
    });
}

#[test]
fn kinks_bend_nothing_so_that_both_diagonals_agree() {
    let layers = [
        Layer::new(3, 6, Activation::Relu),
        Layer::new(6, 5, Activation::LeakyRelu),
        Layer::new(5, 2, Activation::Identity),
    ];
    let theta = filled(crate::network::layer::params(&layers), 1);
    let (x, y) = (filled(3, 7), filled(2, 7));
    let batches = [Batch::values(Mat::of(&x, 3, 7), Mat::of(&y, 2, 7))];
    let net = Mlp::new(&layers, &theta).unwrap();
    let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap();
    let (h, g) = (written(&Hessian::new(risk)), written(&Ggn::new(risk)));
    let p = theta.len();
    assert!((0..p).all(|i| (h[i * (p + 1)] - g[i * (p + 1)]).abs() < 1e-14));
    assert!(relative_difference(&h, &g) > 0.01);
}

#[test]
fn single_precision_is_the_same_matrix() {
    let layers = [Layer::new(3, 4, Activation::Tanh), Layer::new(4, 2, Activation::Identity)];
    let theta = filled(crate::network::layer::params(&layers), 1);
    let (x, y) = (filled(3, 8), filled(2, 8));
    let narrow = |v: &[f64]| v.iter().map(|v| *v as f32).collect::<Vec<_>>();
    let wide = {
        let batches = [Batch::values(Mat::of(&x, 3, 8), Mat::of(&y, 2, 8))];
        let net = Mlp::new(&layers, &theta).unwrap();
        let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap();
        written(&Hessian::new(risk))
    };
    let (theta, x, y) = (narrow(&theta), narrow(&x), narrow(&y));
    let batches = [Batch::values(Mat::of(&x, 3, 8), Mat::of(&y, 2, 8))];
    let net = Mlp::new(&layers, &theta).unwrap();
    let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap();
    let p = theta.len();
    let (mut out, mut scratch) = (vec![0.0; p * p], vec![0.0; dense_scratch(&layers, 8, true)]);
    dense(&Hessian::new(risk), MatMut::of(&mut out, p, p), &mut scratch).unwrap();
    let out: Vec<f64> = out.iter().map(|v| f64::from(*v)).collect();
    // micromath's tanh is another function, within 0.0011.
    let tolerance = if cfg!(feature = "micromath") { 1e-2 } else { 1e-5 };
    assert!(relative_difference(&out, &wide) < tolerance);
}

crate::mlp! { Small: 3 => 4 tanh => 2 }
