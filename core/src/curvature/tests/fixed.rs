//! The front of a network in a type.

use super::*;

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
