//! Laws of the operators, and the two routes to a matrix against each other.

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
        let data = factors(&risk);
        symmetric("kfac", &crate::kfac::Factors::new(risk.net().layers(), &data).unwrap());
    });
}

#[test]
fn every_block_is_that_of_the_matrix() {
    each_risk(&[0, 4, 9], |risk| {
        let risk = risk.with_tile(3);
        let (layers, p) = (risk.net().layers(), risk.net().params());
        let mut tensors = Vec::new();
        for (l, layer) in layers.iter().enumerate() {
            tensors.push(Tensor::Weight(l));
            if layer.bias {
                tensors.push(Tensor::Bias(l));
            }
        }
        let (hessian, ggn) = (Hessian::new(risk), Ggn::new(risk));
        let (h, g) = (columns(&hessian), columns(&ggn));
        for rows in &tensors {
            for cols in &tensors {
                let (r, c) = (rows.range(layers).unwrap(), cols.range(layers).unwrap());
                let expected = |m: &[f64]| -> Vec<f64> {
                    c.clone().flat_map(|j| m[j * p..][r.clone()].to_vec()).collect()
                };
                let mut out = vec![f64::NAN; r.len() * c.len()];
                let mut scratch = vec![f64::NAN; dense_scratch(layers, 3, true)];
                let m = MatMut::of(&mut out, r.len(), c.len());
                block(&hessian, *rows, *cols, m, &mut scratch).unwrap();
                assert!(relative_difference(&out, &expected(&h)) < 1e-11, "{rows:?} {cols:?}");
                let m = MatMut::of(&mut out, r.len(), c.len());
                block(&ggn, *rows, *cols, m, &mut scratch).unwrap();
                assert!(relative_difference(&out, &expected(&g)) < 1e-11, "{rows:?} {cols:?}");
            }
        }
    });
    let layers = layers();
    assert_eq!(Tensor::Bias(1).range(&layers), Err(CurvatureError::NoTensor { layer: 1 }));
    assert!(matches!(Tensor::Weight(4).range(&layers), Err(CurvatureError::Index { .. })));
}

#[test]
fn a_unit_that_the_network_does_not_have_is_an_error() {
    each_risk(&[0, 9], |risk| {
        let (layers, p) = (risk.net().layers(), risk.net().params());
        let mut storage = vec![0.0; tile_scratch(layers, 9, true)];
        let recipe = TilePoint::tiles(&risk, Curvature::Hessian).next().unwrap();
        let point = recipe.record(&mut storage).unwrap();
        let mut weights = vec![0.0; p * layers[0].inputs];
        let mut bias = vec![0.0; if layers[0].bias { p } else { 0 }];
        let mut scratch = vec![0.0; unit_scratch(layers, 9, true)];
        let mut run = |layer, output| {
            let to = MatMut::of(&mut weights, p, layers[0].inputs);
            point.unit(Unit { layer, output }, true, to, &mut bias, &mut scratch)
        };
        assert!(run(0, layers[0].outputs - 1).is_ok());
        for (layer, output, list) in
            [(layers.len(), 0, "layers"), (0, layers[0].outputs, "outputs")]
        {
            let error = run(layer, output).unwrap_err();
            assert!(matches!(error, CurvatureError::Index { list: l, .. } if l == list), "{error}");
        }
    });
}

#[test]
fn a_sub_matrix_is_that_of_the_matrix_by_both_routes() {
    each_risk(&[0, 5, 9], |risk| {
        let risk = risk.with_tile(4);
        let (layers, p) = (risk.net().layers(), risk.net().params());
        // Weights and biases of all layers, in no order; a unit twice.
        let rows = [p - 1, 0, 1, 13, 17, 23, 30, 38, 45, 50];
        let cols = [2, 40, 14, 12, 24, p - 2, 0, 33];
        for hessian in [true, false] {
            let mut out = vec![f64::NAN; rows.len() * cols.len()];
            let m = MatMut::of(&mut out, rows.len(), cols.len());
            let mut scratch = vec![f64::NAN; submatrix_scratch(layers, 4, hessian)];
            let (full, operator) = if hessian {
                let h = Hessian::new(risk);
                submatrix(&h, &rows, &cols, m, &mut scratch).unwrap();
                (columns(&h), columns(&Submatrix::new(h, &rows, &cols).unwrap()))
            } else {
                let g = Ggn::new(risk);
                submatrix(&g, &rows, &cols, m, &mut scratch).unwrap();
                (columns(&g), columns(&Submatrix::new(g, &rows, &cols).unwrap()))
            };
            let expected: Vec<f64> = cols
                .iter()
                .flat_map(|j| rows.iter().map(|i| full[i + j * p]).collect::<Vec<_>>())
                .collect();
            assert!(relative_difference(&out, &expected) < 1e-12);
            assert!(relative_difference(&operator, &expected) < 1e-14);
        }
    });
}

#[test]
fn exactly_the_stated_scratch_is_enough_to_write_a_matrix_out() {
    each_risk(&[0, 4, 9], |risk| {
        let (layers, p, tile) = (risk.net().layers(), risk.net().params(), risk.tile());
        let mut out = vec![0.0; p * p];
        for hessian in [true, false] {
            let mut run = |len: usize, entries: bool| {
                let mut scratch = vec![0.0; len];
                let (h, g) = (Hessian::new(risk), Ggn::new(risk));
                match (entries, hessian) {
                    (true, true) => {
                        submatrix(&h, &[1], &[2], MatMut::of(&mut out, 1, 1), &mut scratch)
                    }
                    (true, false) => {
                        submatrix(&g, &[1], &[2], MatMut::of(&mut out, 1, 1), &mut scratch)
                    }
                    (false, true) => dense(&h, MatMut::of(&mut out, p, p), &mut scratch),
                    (false, false) => dense(&g, MatMut::of(&mut out, p, p), &mut scratch),
                }
            };
            let (full, few) =
                (dense_scratch(layers, tile, hessian), submatrix_scratch(layers, tile, hessian));
            assert!(run(full, false).is_ok() && run(few, true).is_ok());
            assert!(run(full - 1, false).is_err() && run(few - 1, true).is_err());
        }
        let mut g = vec![0.0; p];
        let mut scratch = vec![0.0; gradient_scratch(layers, tile)];
        assert!(gradient(&risk, &mut g, &mut scratch).is_ok());
        let short = scratch.len() - 1;
        assert!(gradient(&risk, &mut g, &mut scratch[..short]).is_err());
    });
}

#[test]
fn index_lists_are_refused_with_the_place() {
    let operator = Identity { size: 5 };
    let new = |rows: &'static [usize], cols: &'static [usize]| {
        Submatrix::new::<f64>(operator, rows, cols).map(|_| ())
    };
    assert_eq!(new(&[], &[1]), Err(CurvatureError::Empty { list: "rows" }));
    assert_eq!(new(&[0], &[]), Err(CurvatureError::Empty { list: "cols" }));
    let error = CurvatureError::Index { list: "cols", position: 1, index: 5, size: 5 };
    assert_eq!(new(&[0], &[1, 5]), Err(error));
    let error = CurvatureError::Duplicate { list: "rows", position: 2, index: 3 };
    assert_eq!(new(&[3, 1, 3], &[1]), Err(error));
    // Equal neighbours in a list that does not descend.
    let error = CurvatureError::Duplicate { list: "cols", position: 1, index: 2 };
    assert_eq!(new(&[0], &[2, 2, 4]), Err(error));
    assert!(new(&[4, 0, 2], &[1, 0]).is_ok());
}

#[test]
fn a_part_of_a_wide_matrix_says_how_much_scratch_it_needs() {
    let (values, mut out) = (filled(3, 5), [0.0; 2]);
    let dense = Dense::new(Mat::of(&values, 3, 5)).unwrap();
    let part = Submatrix::new(dense, [2, 0], [4]).unwrap();
    assert_eq!(LinearOperator::<f64>::scratch(&part), 8);
    part.apply(&[2.0], &mut out, &mut [f64::NAN; 8]).unwrap();
    assert_eq!(out, [2.0 * values[14], 2.0 * values[12]]);
    let error = part.apply(&[2.0], &mut out, &mut [f64::NAN; 7]);
    assert_eq!(error, Err(CurvatureError::Scratch(crate::error::ScratchError { needed: 8, found: 7 })));
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

#[test]
fn the_typed_front_is_the_run_time_one() {
    use crate::fixed::Problem;
    use crate::fixed::curvature::{solve_scratch, trace_scratch};
    use crate::network::Network;
    let theta: [f64; Small::PARAMS] = filled(Small::PARAMS, 1).try_into().unwrap();
    let v: [f64; Small::PARAMS] = filled(Small::PARAMS, 2)[..Small::PARAMS].try_into().unwrap();
    let x = crate::SMatrix::<f64, 3, 5>::from_iterator(filled(3, 5));
    let y = crate::SMatrix::<f64, 2, 5>::from_iterator(filled(2, 5));
    const P: usize = Small::PARAMS;
    let problem = Problem::values(Small, &theta, &x, &y, (Loss::Mse, Reduction::Mean));
    let mut h = crate::SMatrix::<f64, P, P>::zeros();
    let mut scratch = [0.0; dense_scratch(Small::LAYERS, 5, true)];
    problem.matrix(Curvature::Hessian, &mut h, &mut scratch).unwrap();
    let close = |a: &[f64], b: &[f64]| assert!(relative_difference(a, b) < 1e-12);
    let expected = h * crate::SMatrix::<f64, P, 1>::from(v);
    let mut out = [0.0; P];
    let mut scratch = [0.0; hessian_scratch(Small::LAYERS, 5)];
    problem.hessian_product(&v, &mut out, &mut scratch).unwrap();
    close(&out, expected.as_slice());
    problem.product(Curvature::Hessian, &v, &mut out, &mut scratch).unwrap();
    close(&out, expected.as_slice());
    let mut sub = crate::SMatrix::<f64, 2, 3>::zeros();
    let mut scratch = [0.0; submatrix_scratch(Small::LAYERS, 5, true)];
    problem
        .submatrix(Curvature::Hessian, &[1, P - 1], &[0, 14, 20], &mut sub, &mut scratch)
        .unwrap();
    assert!((sub[(1, 2)] - h[(P - 1, 20)]).abs() < 1e-13);
    let mut block = crate::SMatrix::<f64, 2, 12>::zeros();
    let mut scratch = [0.0; dense_scratch(Small::LAYERS, 5, true)];
    let (rows, cols) = (Tensor::Bias(1), Tensor::Weight(0));
    problem.block(Curvature::Hessian, rows, cols, &mut block, &mut scratch).unwrap();
    assert!((block - h.view((P - 2, 0), (2, 12))).amax() < 1e-13);
    // J^T J scaled is the GGN of the mean of squares.
    let (mut jv, mut jtjv, mut gv) = (crate::SMatrix::zeros(), [0.0; P], [0.0; P]);
    let mut scratch = [0.0; jacobian_scratch(Small::LAYERS, 5)];
    problem.jacobian_product(&v, &mut jv, &mut scratch).unwrap();
    problem.jacobian_transpose_product(&jv, &mut jtjv, &mut scratch).unwrap();
    let mut scratch = [0.0; ggn_scratch(Small::LAYERS, 5)];
    problem.ggn_product(&v, &mut gv, &mut scratch).unwrap();
    jtjv.iter_mut().for_each(|j| *j *= 2.0 / 10.0);
    close(&gv, &jtjv);
    // (G + damping) x = b
    let until = Until { tolerance: 1e-12, iterations: 100 };
    let (mut step, mut scratch) = ([0.0; P], [0.0; solve_scratch(Small::LAYERS, 5)]);
    let info = problem.solve(Curvature::Ggn, 0.1, &v, &mut step, until, &mut scratch).unwrap();
    assert_eq!(info.stop, Stop::Converged);
    let mut scratch = [0.0; ggn_scratch(Small::LAYERS, 5)];
    problem.ggn_product(&step, &mut gv, &mut scratch).unwrap();
    gv.iter_mut().zip(step).for_each(|(g, s)| *g += 0.1 * s);
    close(&gv, &v);
    let mut scratch = [0.0; trace_scratch(Small::LAYERS, 5)];
    let trace = problem.trace(Curvature::Hessian, 400, 1, &mut scratch).unwrap();
    assert!((trace.value - h.trace()).abs() < 4.0 * trace.standard_error);
    let (mut d, mut error) = ([0.0; P], [0.0; P]);
    let mut scratch = [0.0; 2 * P + hessian_scratch(Small::LAYERS, 5)];
    problem.diagonal(Curvature::Hessian, 400, 1, (&mut d, &mut error), &mut scratch).unwrap();
    assert!((0..P).all(|i| (d[i] - h[(i, i)]).abs() <= 5.0 * error[i] + 1e-12));
    // The leading eigenpair, and the same eigenvalue as the last node of a full Krylov space.
    let (mut values, mut vectors) = ([0.0; 1], crate::SMatrix::<f64, P, 1>::zeros());
    const EIGEN: usize = eigenpairs_scratch(P, 10, hessian_scratch(Small::LAYERS, 5));
    problem
        .eigenpairs::<P, 1, 10, EIGEN>(
            Curvature::Hessian,
            Leading::Largest,
            1,
            until,
            &mut values,
            &mut vectors,
            &mut [0.0; EIGEN],
        )
        .unwrap();
    assert!((h * vectors - vectors * values[0]).amax() < 1e-9);
    let (mut nodes, mut weights) =
        (crate::SMatrix::<f64, P, 1>::zeros(), crate::SMatrix::<f64, P, 1>::zeros());
    const STEPS: usize = spectrum_scratch(P, P, hessian_scratch(Small::LAYERS, 5));
    let mut scratch = [0.0; STEPS];
    problem.spectrum(Curvature::Hessian, 1, &mut nodes, &mut weights, &mut scratch).unwrap();
    assert!((nodes.max() - values[0]).abs() < 1e-9 && (weights.sum() - 1.0).abs() < 1e-12);
    let mut g = [0.0; P];
    let mut scratch = [0.0; gradient_scratch(Small::LAYERS, 5)];
    let labels =
        Problem::labels(Small, &theta, &x, &[0, 1, 1, 0, 1], (Loss::CrossEntropy, Reduction::Sum));
    assert!(labels.gradient(&mut g, &mut scratch).unwrap() > 0.0);
}

/// The factors of a risk, type 2.
fn factors(risk: &Risk<'_, f64>) -> Vec<f64> {
    use crate::kfac::{Fisher, Weights, accumulate, accumulate_scratch, factors_len};
    let net = risk.net();
    let mut factors = vec![0.0; factors_len(net.layers())];
    let mut scratch = vec![0.0; accumulate_scratch(net.layers(), 9)];
    let weights = Weights::batch(risk.loss(), risk.reduction(), risk.samples(), net.outputs());
    for b in risk.batches() {
        let (x, targets, loss) = (b.x, b.targets, risk.loss());
        let fisher = Fisher::TypeTwo;
        accumulate(&net, x, targets, loss, fisher, weights, &mut factors, &mut scratch).unwrap();
    }
    factors
}

#[test]
fn kfac_and_ekfac_are_operators_and_their_inverses_too() {
    use crate::kfac::*;
    each_risk(&[0, 4, 9], |risk| {
        let layers = risk.net().layers();
        let data = factors(&risk);
        let k = Factors::new(layers, &data).unwrap();
        adjoint_law("kfac", &k);
        let mut storage = vec![0.0; preconditioner_len(layers)];
        adjoint_law("inverse", &k.preconditioner(0.1, Damping::Pi, &mut storage).unwrap());
        let mut state = vec![0.0; ekfac_len(layers, Bias::Joint)];
        let mut scratch = vec![0.0; ekfac_bases_scratch(layers)];
        ekfac_bases(&k, &mut state, &mut scratch).unwrap();
        let e = Ekfac::new(layers, Bias::Joint, &state).unwrap();
        adjoint_law("ekfac", &e);
        // Before its correction EKFAC is K-FAC.
        assert!(relative_difference(&columns(&e), &columns(&k)) < 1e-12);
        let mut storage = vec![0.0; eigenfactors_len(layers, Bias::Joint)];
        let mut scratch = vec![0.0; eigenfactors_scratch(layers)];
        let eigen = k.eigen(&mut storage, &mut scratch).unwrap();
        let identity = columns(&Identity { size: risk.net().params() });
        for inverse in
            [DampedInverse::kfac(eigen, 0.1).unwrap(), DampedInverse::ekfac(e, 0.1).unwrap()]
        {
            adjoint_law("exact inverse", &inverse);
            let product = columns(&Chain::new(Damped::new(k, 0.1).unwrap(), inverse).unwrap());
            assert!(relative_difference(&product, &identity) < 1e-10);
        }
    });
}

#[test]
fn kfac_is_the_ggn_of_one_linear_layer_so_that_its_inverse_solves_in_one_step() {
    use crate::kfac::{Bias, Factors, eigenfactors_len, eigenfactors_scratch};
    let layers = [Layer::new(5, 3, Activation::Identity)];
    let theta = filled(18, 1)[..18].to_vec();
    let (x, y) = (filled(5, 30), filled(3, 30));
    let batches = [Batch::values(Mat::of(&x[..45], 5, 9), Mat::of(&y[..27], 3, 9))];
    let net = Mlp::new(&layers, &theta).unwrap();
    let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap();
    let data = factors(&risk);
    let k = Factors::new(&layers, &data).unwrap();
    assert!(relative_difference(&columns(&k), &columns(&Ggn::new(risk))) < 1e-13);
    let mut storage = vec![0.0; eigenfactors_len(&layers, Bias::Joint)];
    let mut scratch = vec![0.0; eigenfactors_scratch(&layers)];
    let inverse = DampedInverse::kfac(k.eigen(&mut storage, &mut scratch).unwrap(), 1e-3).unwrap();
    let damped = Damped::new(Ggn::new(risk), 1e-3).unwrap();
    let until = Until { tolerance: 1e-9, iterations: 50 };
    let b = filled(18, 3)[..18].to_vec();
    let run = |m: &dyn LinearOperator<f64>| {
        let mut x = vec![0.0; 18];
        let mut scratch = vec![0.0; cg_scratch(18, damped.scratch(), m.scratch())];
        cg(&damped, &m, &b, &mut x, until, &mut scratch).unwrap()
    };
    assert_eq!(run(&inverse).iterations, 1);
    assert!(run(&Identity { size: 18 }).iterations > 3);
}
