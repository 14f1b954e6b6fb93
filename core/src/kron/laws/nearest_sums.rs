//! Nearest sums, the projection on the cone, and fits by sketches.

use super::*;

/// The rearrangement, formed: `R[(i,j), (a,b)] = G[(i,a), (j,b)]`.
fn rearranged(g: &DMatrix<f64>, left: (usize, usize), right: (usize, usize)) -> DMatrix<f64> {
    DMatrix::from_fn(left.0 * left.1, right.0 * right.1, |r, c| {
        let ((i, j), (a, b)) = ((r % left.0, r / left.0), (c % right.0, c / right.0));
        g[(i * right.0 + a, j * right.1 + b)]
    })
}

#[test]
fn the_nearest_sum_is_the_truncated_svd_of_the_rearrangement() {
    let mut rng = Rng::seed(10);
    for (l, r) in [((2, 2), (3, 3)), ((3, 2), (2, 4)), ((5, 5), (3, 3)), ((1, 1), (4, 4))] {
        let g = random(l.0 * r.0, l.1 * r.1, &mut rng);
        let sigma = rearranged(&g, l, r).svd(false, false).singular_values;
        let mut found: Vec<(DMatrix<f64>, DMatrix<f64>)> = Vec::new();
        for rank in 0..3.min(sigma.len()) {
            let (mut a, mut b) = (DMatrix::zeros(l.0, l.1), DMatrix::zeros(r.0, r.1));
            let previous: Vec<_> = found.iter().map(|(a, b)| Kron::new(a, b)).collect();
            let info = nearest(
                (&g).into(),
                &previous,
                (&mut a).into(),
                (&mut b).into(),
                &mut vec![0.0; nearest_scratch(r)],
            )
            .unwrap();
            assert!((info.sigma - sigma[rank]).abs() < 1e-10 * sigma[0], "{info:?} {sigma}");
            found.push((a, b));
            let terms: Vec<_> = found.iter().map(|(a, b)| Kron::new(a, b)).collect();
            let dropped = sigma.iter().skip(rank + 1).map(|s| s * s).sum::<f64>().sqrt();
            let residual = nearest::residual((&g).into(), &terms).unwrap();
            assert!((residual - dropped).abs() < 1e-9 * sigma[0]);
        }
    }
}

#[test]
fn a_kronecker_product_is_its_own_nearest_with_positive_traces() {
    let mut rng = Rng::seed(11);
    let (a, b) = (positive(4, &mut rng), positive(3, &mut rng));
    let g = a.kronecker(&b);
    let (mut l, mut r) = (DMatrix::zeros(4, 4), DMatrix::zeros(3, 3));
    let info = nearest((&g).into(), &[], (&mut l).into(), (&mut r).into(), &mut [0.0; 9]).unwrap();
    assert!((info.sigma - g.norm()).abs() < 1e-12 * g.norm());
    close(&l.kronecker(&r), &g, 1e-13);
    assert!(l.trace() > 0.0 && r.trace() > 0.0);
    assert!((l.norm() - r.norm()).abs() < 1e-12 * l.norm());
    // Nothing is left for a second term.
    let first = [Kron::new(&l, &r)];
    let (mut l2, mut r2) = (DMatrix::zeros(4, 4), DMatrix::zeros(3, 3));
    let info =
        nearest((&g).into(), &first, (&mut l2).into(), (&mut r2).into(), &mut [0.0; 9]).unwrap();
    assert_eq!((info.sigma, l2.amax(), r2.amax()), (0.0, 0.0, 0.0));
    // Nor is anything in a matrix of zeros.
    let zero = DMatrix::zeros(12, 12);
    let info =
        nearest((&zero).into(), &[], (&mut l2).into(), (&mut r2).into(), &mut [0.0; 9]).unwrap();
    assert_eq!(info.sigma, 0.0);
}

#[test]
fn the_projection_on_the_cone_clips_the_spectrum() {
    let mut rng = Rng::seed(12);
    for n in [1, 2, 5, 9, 40] {
        let a = symmetric(n, &mut rng);
        let e = a.clone().symmetric_eigen();
        let values = e.eigenvalues.map(|v: f64| v.max(0.0));
        let needed = &e.eigenvectors * DMatrix::from_diagonal(&values) * e.eigenvectors.transpose();
        let mut found = a.clone();
        let mut scratch = vec![0.0; project_positive_scratch(n)];
        project_positive((&mut found).into(), &mut scratch).unwrap();
        assert!((found - needed).amax() < 1e-12 * a.amax());
    }
}

#[test]
fn the_expected_sketch_loss_has_a_closed_form() {
    let mut rng = Rng::seed(13);
    let (p, k) = (6, 2);
    let d = symmetric(p, &mut rng);
    let expected = fit::expected_loss(d.norm(), d.trace(), k);
    let samples = 40_000;
    let (mut mean, mut square) = (0.0, 0.0);
    for _ in 0..samples {
        let v = random(p, k, &mut rng);
        let loss = (v.transpose() * &d * v).norm_squared() / (k * k) as f64;
        mean += loss / f64::from(samples);
        square += loss * loss / f64::from(samples);
    }
    let error = ((square - mean * mean) / f64::from(samples)).sqrt();
    assert!((mean - expected).abs() < 4.0 * error, "{mean} +- {error} against {expected}");
    assert!(error < 0.02 * expected, "too few samples to tell");
}

pub(super) fn fit_shape() -> fit::FitShape {
    fit::FitShape { terms: 2, left: 3, right: 2, sketches: 4 }
}

#[test]
fn the_sketched_gradient_is_the_derivative_of_the_loss() {
    // With Adam's epsilon huge a first step is -rate / epsilon times the gradient.
    let shape = fit_shape();
    let mut rng = Rng::seed(14);
    let g = random(6, 6, &mut rng);
    let target = fit::Target::Dense((&g).into());
    let (rate, epsilon) = (1.0, 1e8);
    let adam = fit::Adam { learning_rate: rate, epsilon, ..fit::Adam::default() };
    let mut scratch = vec![f64::NAN; shape.scratch()];
    let loss_at = |parameters: &[f64], scratch: &mut [f64]| {
        let mut memory = vec![0.0; shape.memory()];
        let mut fit = fit::SketchFit::new(shape, adam, 3, &mut memory).unwrap();
        fit.set_parameters(parameters).unwrap();
        let loss = fit.step(&target, scratch).unwrap();
        (loss, fit.parameters().to_vec())
    };
    let start: Vec<f64> = (0..shape.parameters()).map(|_| rng.normal()).collect();
    let (_, after) = loss_at(&start, &mut scratch);
    for i in 0..start.len() {
        let h = 1e-5;
        let mut moved = start.clone();
        moved[i] += h;
        let up = loss_at(&moved, &mut scratch).0;
        moved[i] -= 2.0 * h;
        let down = loss_at(&moved, &mut scratch).0;
        let slope = (up - down) / (2.0 * h);
        let step = (start[i] - after[i]) / rate * epsilon;
        // sqrt(g^2) + epsilon: the step is g / (|g| + epsilon).
        assert!((step - slope).abs() < 1e-4 * (1.0 + slope.abs()), "{i}: {step} and {slope}");
    }
}

#[test]
fn a_fit_by_sketches_finds_a_kronecker_product() {
    let shape = fit::FitShape { terms: 1, left: 5, right: 3, sketches: 2 };
    let mut rng = Rng::seed(15);
    let (a, b) = (positive(5, &mut rng), positive(3, &mut rng));
    let terms = [Kron::new(&a, &b)];
    let (mut memory, mut scratch) = (vec![0.0; shape.memory()], vec![0.0; shape.scratch()]);
    let adam = fit::Adam { learning_rate: 3e-3, ..fit::Adam::default() };
    let mut fit = fit::SketchFit::new(shape, adam, 1, &mut memory).unwrap();
    let mut losses = Vec::new();
    for _ in 0..4000 {
        losses.push(fit.step(&fit::Target::Sum(&terms), &mut scratch).unwrap());
    }
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    assert!(mean(&losses[3800..]) < 1e-3 * mean(&losses[..200]), "{losses:?}");
    let (mut l, mut r) = (DMatrix::zeros(5, 5), DMatrix::zeros(3, 3));
    fit.factors(0, (&mut l).into(), (&mut r).into()).unwrap();
    close(&l.kronecker(&r), &a.kronecker(&b), 0.05);
}

#[test]
fn a_dense_target_and_its_factors_are_the_same_target() {
    let shape = fit_shape();
    let mut rng = Rng::seed(16);
    let (a, b) = (symmetric(3, &mut rng), symmetric(2, &mut rng));
    let (terms, dense) = ([Kron::new(&a, &b)], a.kronecker(&b));
    let run = |target: fit::Target<'_, f64>| {
        let (mut memory, mut scratch) = (vec![0.0; shape.memory()], vec![0.0; shape.scratch()]);
        let mut fit = fit::SketchFit::new(shape, fit::Adam::default(), 5, &mut memory).unwrap();
        (0..20).map(|_| fit.step(&target, &mut scratch).unwrap()).collect::<Vec<_>>()
    };
    let (x, y) = (run(fit::Target::Sum(&terms)), run(fit::Target::Dense((&dense).into())));
    for (x, y) in x.iter().zip(&y) {
        assert!((x - y).abs() < 1e-10 * y.abs());
    }
}
