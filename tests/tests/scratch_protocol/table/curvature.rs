//! Operators, written-out matrices, solvers and estimators.

use crate::{Ledger, networks, noise};
use nanocurv::curvature::structured::{self, Tensor, TilePoint, Unit};
use nanocurv::curvature::{
    self, Batch, Curvature, EmpiricalFisher, Ggn, Gradient, Hessian, Jacobian, Leading,
    LinearOperator, Probe, Risk, Until, to_dense, to_dense_scratch,
};
use nanocurv::network::{Loss, Mlp, Reduction};
use nanocurv_tests::{mat, mat_mut};

pub fn curvature_operators(ledger: &Ledger) {
    for (layers, theta) in networks() {
        let net = Mlp::new(&layers, &theta).unwrap();
        let params = theta.len();
        let (x, y) = (noise(3 * 6, 22), noise(2 * 6, 23));
        let batches = [Batch::values(mat(&x, 3, 6), mat(&y, 2, 6))];
        let inputs = [mat(&x, 3, 6)];
        for tile in [4, 6] {
            let risk =
                Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap().with_tile(tile);
            let needed = curvature::gradient_scratch(&layers, tile);
            ledger.scratch("curvature::gradient::gradient_scratch", needed, |s| {
                curvature::gradient(&risk, &mut vec![0.0; params], s).map(|_| ())
            });
            let v = noise(params, 24);
            let product = |operator: &dyn LinearOperator<f64>, s: &mut [f64]| {
                operator.apply(&v, &mut vec![0.0; params], s)
            };
            let (hessian, ggn) = (Hessian::new(risk), Ggn::new(risk));
            let needed = curvature::hessian_scratch(&layers, tile);
            for name in
                ["curvature::hessian::hessian_scratch", "curvature::product::product_scratch"]
            {
                ledger.scratch(name, needed, |s| product(&hessian, s));
            }
            let needed = curvature::ggn_scratch(&layers, tile);
            ledger.scratch("curvature::hessian::ggn_scratch", needed, |s| product(&ggn, s));
            let fisher = EmpiricalFisher::new(risk);
            ledger.scratch("curvature::hessian::ggn_scratch", needed, |s| product(&fisher, s));
            let gradient = Gradient::new(risk);
            let jacobian = Jacobian::new(net, &inputs).unwrap().with_tile(tile);
            let needed = curvature::jacobian_scratch(&layers, tile);
            ledger.scratch("curvature::jacobian::jacobian_scratch", needed, |s| {
                jacobian.apply(&v, &mut vec![0.0; jacobian.rows()], s)
            });
            ledger.scratch("curvature::jacobian::jacobian_scratch", needed, |s| {
                jacobian.apply_transpose(&noise(jacobian.rows(), 25), &mut vec![0.0; params], s)
            });
            // What each operator says of itself.
            for operator in [&hessian as &dyn LinearOperator<f64>, &ggn, &gradient, &jacobian] {
                let (rows, cols) = (operator.rows(), operator.cols());
                ledger.scratch("LinearOperator::scratch", operator.scratch(), |s| {
                    operator.apply(&noise(cols, 26), &mut vec![0.0; rows], s)?;
                    operator.apply_transpose(&noise(rows, 27), &mut vec![0.0; cols], s)
                });
            }
            let needed = to_dense_scratch(params, ggn.scratch());
            ledger.scratch("curvature::operator::to_dense_scratch", needed, |s| {
                let mut out = vec![0.0; params * params];
                to_dense(&ggn, mat_mut(&mut out, params, params), s)
            });
            let needed = structured::dense_scratch(&layers, tile, true);
            ledger.scratch("curvature::structured::dense_scratch", needed, |s| {
                let mut out = vec![0.0; params * params];
                structured::dense(&hessian, mat_mut(&mut out, params, params), s)
            });
            let needed = structured::dense_scratch(&layers, tile, false);
            ledger.scratch("curvature::structured::dense_scratch", needed, |s| {
                let (weight, n) = (Tensor::Weight(0), layers[0].inputs * layers[0].outputs);
                let mut out = vec![0.0; n * n];
                structured::block(&ggn, weight, weight, mat_mut(&mut out, n, n), s)
            });
            let needed = curvature::submatrix_scratch(&layers, tile, true);
            ledger.scratch("curvature::entries::submatrix_scratch", needed, |s| {
                let out = &mut [0.0; 6];
                curvature::submatrix(&hessian, &[0, 2, 4], &[1, 3], mat_mut(out, 3, 2), s)
            });
            let point = || TilePoint::tiles(&risk, Curvature::Hessian).next().unwrap();
            let needed = structured::tile_scratch(&layers, tile, true);
            ledger.scratch("curvature::tile_point::tile_scratch", needed, |s| {
                point().record(s).map(|_| ())
            });
            let mut storage = vec![0.0; needed];
            let point = point().record(&mut storage).unwrap();
            let needed = structured::unit_scratch(&layers, tile, true);
            let first = layers[0];
            ledger.scratch("curvature::tile_point::unit_scratch", needed, |s| {
                let mut weights = vec![0.0; params * first.inputs];
                let mut bias = vec![0.0; if first.bias { params } else { 0 }];
                let weights = mat_mut(&mut weights, params, first.inputs);
                point.unit(Unit { layer: 0, output: 0 }, true, weights, &mut bias, s)
            });
        }
    }
}

pub fn solvers_and_estimators(ledger: &Ledger) {
    let (layers, theta) = networks().swap_remove(1);
    let net = Mlp::new(&layers, &theta).unwrap();
    let (x, y) = (noise(3 * 6, 38), noise(2 * 6, 39));
    let (inputs, n) = ([mat(&x, 3, 6)], theta.len());
    let batches = [Batch::values(mat(&x, 3, 6), mat(&y, 2, 6))];
    let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap();
    let a = curvature::Damped::new(Ggn::new(risk), 0.1).unwrap();
    let jacobian = Jacobian::new(net, &inputs).unwrap();
    // A preconditioner that needs scratch too.
    let rough = curvature::Damped::new(a, 1.0).unwrap();
    let (own, rough_own, b) = (a.scratch(), rough.scratch(), noise(n, 40));
    let until = Until { tolerance: 1e-8, iterations: 5 };
    let probe = Probe::Rademacher;

    ledger.scratch("curvature::cg::cg_scratch", curvature::cg_scratch(n, own, rough_own), |s| {
        curvature::cg(&a, &rough, &b, &mut vec![0.0; n], until, s).map(|_| ())
    });
    // The typed front's own: the same solvers on the Hessian of one batch.
    let (hessian, one) = (Hessian::new(risk), curvature::Identity { size: n });
    ledger.scratch(
        "fixed::curvature::solvers::solve_scratch",
        nanocurv::fixed::curvature::solve_scratch(&layers, 6),
        |s| {
            let damped = curvature::Damped::new(hessian, 0.1)?;
            curvature::cg(&damped, &one, &b, &mut vec![0.0; n], until, s).map(|_| ())
        },
    );
    ledger.scratch(
        "fixed::curvature::estimators::trace_scratch",
        nanocurv::fixed::curvature::trace_scratch(&layers, 6),
        |s| curvature::hutchinson_trace(&hessian, probe, 4, 1, s).map(|_| ()),
    );
    let needed = curvature::neumann_scratch(n, own, rough_own);
    ledger.scratch("curvature::neumann::neumann_scratch", needed, |s| {
        curvature::neumann(&a, &rough, 0.01, &b, &mut vec![0.0; n], until, s).map(|_| ())
    });
    let (rows, of_jacobian) = (jacobian.rows(), jacobian.scratch());
    let needed = curvature::lsmr_scratch(rows, n, of_jacobian);
    ledger.scratch("curvature::lsmr::lsmr_scratch", needed, |s| {
        let b = noise(rows, 41);
        curvature::lsmr(&jacobian, &b, 0.1, &mut vec![0.0; n], until, s).map(|_| ())
    });
    let needed = curvature::spectrum_scratch(n, 7, own);
    ledger.scratch("curvature::lanczos::spectrum_scratch", needed, |s| {
        let (mut nodes, mut weights) = (vec![0.0; 14], vec![0.0; 14]);
        let out = (&mut nodes[..], &mut weights[..]);
        curvature::spectrum(&a, probe, (2, 7), 1, out, s).map(|_| ())
    });
    let needed = curvature::eigenpairs_scratch(n, 9, own);
    ledger.scratch("curvature::eigenpairs::eigenpairs_scratch", needed, |s| {
        let (mut values, mut vectors) = (vec![0.0; 2], vec![0.0; 2 * n]);
        let (leading, vectors) = (Leading::Largest, mat_mut(&mut vectors, n, 2));
        curvature::eigenpairs(&a, leading, 9, 1, until, &mut values, vectors, s).map(|_| ())
    });
    let needed = curvature::hutchinson_scratch(n, n, own);
    ledger.scratch("curvature::trace::hutchinson_scratch", needed, |s| {
        curvature::hutchinson_trace(&a, probe, 4, 1, s).map(|_| ())
    });
    let needed = curvature::hutchinson_scratch(rows, n, of_jacobian);
    ledger.scratch("curvature::trace::hutchinson_scratch", needed, |s| {
        curvature::frobenius_squared(&jacobian, probe, 4, 1, s).map(|_| ())
    });
    let needed = curvature::hutchpp_scratch(n, 9, own);
    ledger.scratch("curvature::trace::hutchpp_scratch", needed, |s| {
        curvature::hutchpp_trace(&a, probe, 9, 1, s).map(|_| ())
    });
    let needed = curvature::xtrace_scratch(n, 8, own);
    ledger.scratch("curvature::trace::xtrace_scratch", needed, |s| {
        curvature::xtrace(&a, probe, 8, 1, s).map(|_| ())
    });
    let needed = curvature::diagonal_scratch(n, own);
    ledger.scratch("curvature::trace::diagonal_scratch", needed, |s| {
        let (mut diagonal, mut error) = (vec![0.0; n], vec![0.0; n]);
        curvature::hutchinson_diagonal(&a, 4, 1, &mut diagonal, &mut error, s).map(|_| ())
    });
}
