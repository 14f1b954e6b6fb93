//! The core's curvature against PyTorch autograd and curvlinops, on every reference case, in the
//! mini-batches that the reference was computed with and in others.

use nanocurv::curvature::{
    Batch, Curvature, DampedInverse, EmpiricalFisher, Ggn, Gradient, Hessian, Jacobian,
    LinearOperator, Risk, RiskCurvature, Submatrix, Tensor, block, dense, dense_scratch, gradient,
    gradient_scratch, submatrix, submatrix_scratch, to_dense, to_dense_scratch,
};
use nanocurv::kfac::{self, Bias, Damping, Ekfac, Factors, Fisher, Weights};
use nanocurv::network::Mlp;
use nanocurv::{Mat, Real};
use nanocurv_tests::reference::{CASES, Case, relative_error};
use nanocurv_tests::{mat, mat_mut};

/// Computed by PyTorch and curvlinops in f64; f32 is held to the same arrays.
fn tolerance<T: Real>() -> f64 {
    // In single precision: sums of up to 20 products of rounded numbers.
    if T::EPSILON > T::of(1e-10) { 2e-5 } else { 1e-10 }
}

fn close<T: Real>(what: &str, found: &[T], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let found: Vec<f64> = found.iter().map(|f| f.to_f64()).collect();
    let error = relative_error(&found, expected);
    assert!(error <= tolerance::<T>(), "{what}: {error:e}");
}

/// Runs `f` with the risk of a case, cut into mini-batches of at most `most` samples.
fn with_risk<T: Real>(case: &Case, most: usize, f: impl FnOnce(Risk<'_, T>)) {
    let narrow = |v: &[f64]| v.iter().map(|v| T::of(*v)).collect::<Vec<T>>();
    let theta = narrow(&case.theta);
    let (inputs, outputs) = (case.layers[0].inputs, case.outputs());
    let mut pieces = Vec::new();
    for batch in &case.batches {
        for from in (0..batch.samples).step_by(most) {
            let to = (from + most).min(batch.samples);
            let x = narrow(&batch.x[from * inputs..to * inputs]);
            let labels = batch.labels.get(from..to).unwrap_or(&[]);
            let y = narrow(batch.y.get(from * outputs..to * outputs).unwrap_or(&[]));
            pieces.push((x, y, labels, to - from));
        }
    }
    let batches: Vec<_> = pieces
        .iter()
        .map(|(x, y, labels, count)| {
            let x = mat(x, inputs, *count);
            if labels.is_empty() {
                Batch::values(x, mat(y, outputs, *count))
            } else {
                Batch::labels(x, labels)
            }
        })
        .collect();
    let net = Mlp::new(&case.layers, &theta).unwrap();
    f(Risk::new(net, case.loss, case.reduction, &batches).unwrap());
}

/// By products, and written out from the structure.
fn both_routes<'a, T: Real>(operator: &impl RiskCurvature<'a, T>) -> [Vec<T>; 2] {
    let (p, risk) = (operator.rows(), operator.risk());
    let (mut columns, mut structured) = (vec![T::ZERO; p * p], vec![T::ZERO; p * p]);
    let mut scratch = vec![T::ZERO; to_dense_scratch(p, operator.scratch())];
    to_dense(operator, mat_mut(&mut columns, p, p), &mut scratch).unwrap();
    let hessian = operator.curvature() == Curvature::Hessian;
    let mut scratch = vec![T::ZERO; dense_scratch(risk.net().layers(), risk.tile(), hessian)];
    dense(operator, mat_mut(&mut structured, p, p), &mut scratch).unwrap();
    [columns, structured]
}

fn every_array<T: Real>() {
    for case in CASES.map(Case::read) {
        for most in [100, 3, 1] {
            with_risk::<T>(&case, most, |risk| {
                let name = |what: &str| format!("{} {what} in batches of {most}", case.name);
                let expected = |what: &str| case.expected(what).expect(what);
                let (hessian, ggn) = (Hessian::new(risk), Ggn::new(risk));
                for found in both_routes(&hessian) {
                    close(&name("hessian"), &found, &expected("hessian"));
                }
                for found in both_routes(&ggn) {
                    close(&name("ggn"), &found, &expected("ggn"));
                }
                for found in both_routes(&EmpiricalFisher::new(risk)) {
                    close(&name("empirical fisher"), &found, &expected("empirical_fisher"));
                }
                let p = risk.net().params();
                let v: Vec<T> = case.vector().iter().map(|v| T::of(*v)).collect();
                let operators: [(&str, &dyn LinearOperator<T>); 2] =
                    [("hessian_v", &hessian), ("ggn_v", &ggn)];
                for (what, operator) in operators {
                    // v: P, or P x K row by row.
                    let columns = v.len() / p;
                    let mut found = vec![T::ZERO; v.len()];
                    let mut scratch = vec![T::ZERO; operator.scratch()];
                    for k in 0..columns {
                        let column: Vec<T> = (0..p).map(|i| v[i * columns + k]).collect();
                        let mut out = vec![T::ZERO; p];
                        operator.apply(&column, &mut out, &mut scratch).unwrap();
                        (0..p).for_each(|i| found[i * columns + k] = out[i]);
                    }
                    close(&name(what), &found, &expected(what));
                }
                let mut g = vec![T::ZERO; p];
                let mut scratch = vec![T::ZERO; gradient_scratch(risk.net().layers(), risk.tile())];
                let loss = gradient(&risk, &mut g, &mut scratch).unwrap();
                close(&name("gradient"), &g, &expected("gradient"));
                close(&name("loss"), &[loss], &expected("loss"));
                let operator = Gradient::new(risk);
                let mut scratch = vec![T::ZERO; operator.scratch()];
                operator.apply(&[T::ONE], &mut g, &mut scratch).unwrap();
                close(&name("gradient operator"), &g, &expected("gradient"));
                // The Jacobian, (N O) x P row-major: columns of the transpose.
                let inputs: Vec<Mat<'_, T>> = risk.batches().iter().map(|b| b.x).collect();
                let jacobian = Jacobian::new(risk.net(), &inputs).unwrap();
                let mut rows = vec![T::ZERO; jacobian.rows() * p];
                let transpose = nanocurv::curvature::Transpose(jacobian);
                let mut scratch =
                    vec![T::ZERO; to_dense_scratch(jacobian.rows(), jacobian.scratch())];
                let out = mat_mut(&mut rows, p, jacobian.rows());
                to_dense(&transpose, out, &mut scratch).unwrap();
                close(&name("jacobian"), &rows, &expected("jacobian"));
            });
        }
    }
}

#[test]
fn every_reference_array_is_reached_in_f64_however_the_data_is_cut() {
    every_array::<f64>();
}

#[test]
fn every_reference_array_is_reached_in_f32_however_the_data_is_cut() {
    every_array::<f32>();
}

#[test]
fn the_sub_matrices_of_the_cases_are_reached_by_both_routes() {
    for case in CASES.map(Case::read) {
        with_risk::<f64>(&case, 3, |risk| {
            let (rows, cols) = (&case.rows, &case.cols);
            let hessian = Hessian::new(risk);
            let expected = case.expected("hessian_sub").unwrap();
            let row_major = |m: &[f64]| -> Vec<f64> {
                let (r, c) = (rows.len(), cols.len());
                (0..r * c).map(|e| m[e / c + e % c * r]).collect()
            };
            let mut out = vec![0.0; rows.len() * cols.len()];
            let layers = risk.net().layers();
            let mut scratch = vec![0.0; submatrix_scratch(layers, risk.tile(), true)];
            let to = mat_mut(&mut out, rows.len(), cols.len());
            submatrix(&hessian, rows, cols, to, &mut scratch).unwrap();
            close(&case.name, &row_major(&out), &expected);
            let operator = Submatrix::new(hessian, rows, cols).unwrap();
            let mut scratch = vec![0.0; to_dense_scratch(cols.len(), operator.scratch())];
            let to = mat_mut(&mut out, rows.len(), cols.len());
            to_dense(&operator, to, &mut scratch).unwrap();
            close(&case.name, &row_major(&out), &expected);
        });
    }
}

/// The tutorial multiplies its off-diagonal block by the identity and compares that with itself:
/// its operator is never asked. Here both routes are, and the transposed block too.
#[test]
fn the_tutorials_off_diagonal_block_is_that_of_the_hessian() {
    let case = Case::read("seed_tutorial");
    let (hessian, p) = (case.expected("hessian").unwrap(), 88);
    with_risk::<f64>(&case, 4, |risk| {
        let layers = risk.net().layers();
        let h = Hessian::new(risk);
        let first = Tensor::Weight(0).range(layers).unwrap();
        let last = Tensor::Weight(2).range(layers).unwrap();
        for (rows, cols, r, c) in [
            (Tensor::Weight(0), Tensor::Weight(2), first.clone(), last.clone()),
            (Tensor::Weight(2), Tensor::Weight(0), last, first),
        ] {
            let expected: Vec<f64> = c
                .clone()
                .flat_map(|j| r.clone().map(move |i| (i, j)))
                .map(|(i, j)| hessian[i * p + j])
                .collect();
            assert!(expected.iter().any(|v| v.abs() > 1e-3));
            let mut out = vec![0.0; r.len() * c.len()];
            let mut scratch = vec![0.0; dense_scratch(layers, risk.tile(), true)];
            block(&h, rows, cols, mat_mut(&mut out, r.len(), c.len()), &mut scratch).unwrap();
            close("block", &out, &expected);
            let (list_r, list_c): (Vec<_>, Vec<_>) = (r.clone().collect(), c.clone().collect());
            let operator = Submatrix::new(h, &list_r, &list_c).unwrap();
            let mut scratch = vec![0.0; to_dense_scratch(c.len(), operator.scratch())];
            to_dense(&operator, mat_mut(&mut out, r.len(), c.len()), &mut scratch).unwrap();
            close("operator", &out, &expected);
        }
    });
}

/// K-FAC, EKFAC and their inverses as operators in parameter order.
#[test]
fn kfac_and_ekfac_are_the_operators_of_curvlinops() {
    for case in CASES.map(Case::read) {
        with_risk::<f64>(&case, 3, |risk| {
            let (net, layers) = (risk.net(), &case.layers);
            let loss = risk.loss();
            let mut weights = Weights::batch(loss, risk.reduction(), risk.samples(), net.outputs());
            let mut data = vec![0.0; kfac::factors_len(layers)];
            for batch in risk.batches() {
                let mut scratch = vec![0.0; kfac::accumulate_scratch(layers, batch.x.cols())];
                let (x, y, of) = (batch.x, batch.targets, Fisher::TypeTwo);
                kfac::accumulate(&net, x, y, loss, of, weights, &mut data, &mut scratch).unwrap();
            }
            let factors = Factors::new(layers, &data).unwrap();
            let mut state = vec![0.0; kfac::ekfac_len(layers, Bias::Joint)];
            let mut scratch = vec![0.0; kfac::ekfac_bases_scratch(layers)];
            kfac::ekfac_bases(&factors, &mut state, &mut scratch).unwrap();
            weights.keep = 0.0;
            for batch in risk.batches() {
                let mut scratch = vec![0.0; kfac::ekfac_correct_scratch(layers, batch.x.cols())];
                let (x, y, of, bias) = (batch.x, batch.targets, Fisher::TypeTwo, Bias::Joint);
                let to = (&mut state, &mut scratch);
                kfac::ekfac_correct(&net, x, y, loss, of, weights, bias, to.0, to.1).unwrap();
                weights.keep = 1.0;
            }
            let mut eigen = vec![0.0; kfac::eigenfactors_len(layers, Bias::Joint)];
            let mut scratch = vec![0.0; kfac::eigenfactors_scratch(layers)];
            let eigen = factors.eigen(&mut eigen, &mut scratch).unwrap();
            let mut storage = vec![0.0; kfac::preconditioner_len(layers)];
            let operators: [(&str, &dyn LinearOperator<f64>); 5] = [
                ("kfac_type2_joint", &factors),
                ("kfac_type2_separate", &factors.with_bias(Bias::Separate)),
                ("ekfac_type2_joint", &Ekfac::new(layers, Bias::Joint, &state).unwrap()),
                (
                    "kfac_type2_joint_inverse_pi_0.1",
                    &factors.preconditioner(0.1, Damping::Pi, &mut storage).unwrap(),
                ),
                ("kfac_type2_joint_inverse_exact_0.1", &DampedInverse::kfac(eigen, 0.1).unwrap()),
            ];
            for (name, operator) in operators {
                // Networks without biases have no separate ones.
                let Some(expected) = case.expected(name) else { continue };
                let p = net.params();
                let mut found = vec![0.0; p * p];
                let mut scratch = vec![0.0; to_dense_scratch(p, operator.scratch())];
                to_dense(&operator, mat_mut(&mut found, p, p), &mut scratch).unwrap();
                close(&format!("{} {name}", case.name), &found, &expected);
            }
        });
    }
}
