//! The posterior against laplace-torch's arrays, in f64 and f32: covariances of every structure,
//! evidence, the best prior precision, probabilities.

use nanocurv::kfac::Bias;
use nanocurv::laplace::{self, Fit, Per, Posterior, Prior, Spectrum, Structure, Tuning};
use nanocurv::network::{self, Loss, Mlp, Targets};
use nanocurv::{Mat, Real, linalg, ntk};
use nanocurv_tests::reference::{POSTERIOR_CASES, PosteriorCase, relative_error};
use nanocurv_tests::{mat, mat_mut};

/// The names of the arrays, and the structures that they are of.
const STRUCTURES: [(&str, Structure); 4] = [
    ("full", Structure::Full),
    ("kron_joint", Structure::Kronecker(Bias::Joint)),
    ("kron_separate", Structure::Kronecker(Bias::Separate)),
    ("diag", Structure::Diagonal),
];

/// What a structure says of a case's test inputs.
struct Said<T> {
    mean: Vec<T>,
    covariance: Vec<T>,
    probit: Vec<T>,
    evidence: laplace::Evidence<T>,
    /// The best precision at the case's noise, and the evidence there.
    best: (T, T),
}

/// A case in another precision.
struct Data<T> {
    theta: Vec<T>,
    x: Vec<T>,
    y: Vec<T>,
    labels: Vec<u32>,
    samples: usize,
    test: Vec<T>,
}

impl<T: Real> Data<T> {
    fn of(case: &PosteriorCase) -> Self {
        let convert = |values: &[f64]| values.iter().map(|v| T::of(*v)).collect::<Vec<T>>();
        Self {
            theta: convert(&case.theta),
            x: convert(&case.data.x),
            y: convert(&case.data.y),
            labels: case.data.labels.clone(),
            samples: case.data.samples,
            test: convert(&case.x),
        }
    }

    fn targets(&self) -> Targets<'_, T> {
        if self.labels.is_empty() {
            Targets::Values(columns(&self.y, self.samples))
        } else {
            Targets::Labels(&self.labels)
        }
    }
}

fn columns<T: Real>(values: &[T], samples: usize) -> Mat<'_, T> {
    mat(values, values.len() / samples, samples)
}

/// Fits in batches of `batch` samples, tunes and predicts.
fn said<T: Real>(
    net: &Mlp<'_, T>,
    (x, targets, test): (Mat<'_, T>, Targets<'_, T>, Mat<'_, T>),
    loss: Loss,
    structure: Structure,
    (precision, sigma): (T, T),
    batch: usize,
) -> Said<T> {
    let layers = net.layers();
    let samples = x.cols();
    let mut sums = vec![T::NAN; laplace::sums_len(layers, structure)];
    let mut scratch = vec![T::NAN; laplace::accumulate_scratch(layers, structure, batch)];
    let (mut value, mut keep, mut from) = (T::ZERO, T::ZERO, 0);
    while from < samples {
        let n = batch.min(samples - from);
        value += laplace::accumulate(
            net,
            x.columns_range(from, n),
            targets.range(from, n),
            loss,
            structure,
            keep,
            &mut sums,
            &mut scratch,
        )
        .unwrap();
        (keep, from) = (T::ONE, from + n);
    }
    let mut storage = vec![T::NAN; laplace::spectrum_len(layers, structure)];
    let mut scratch = vec![T::NAN; laplace::decompose_scratch(layers, structure)];
    let prior = Prior::of(&precision);
    laplace::decompose(layers, structure, prior, &sums, &mut storage, &mut scratch).unwrap();
    let spectrum = Spectrum::new(layers, structure, Per::Network, &storage).unwrap();
    let fit = Fit { loss, value, samples };
    let h = laplace::inverse_noise(sigma).unwrap();
    let evidence = laplace::evidence(&spectrum, net.theta(), fit, prior, h).unwrap();

    let tuning = Tuning { noise: false, ..Tuning::default() };
    let (mut best, mut noise) = ([T::ONE], h);
    let mut scratch = vec![T::NAN; laplace::maximize_scratch(layers, Per::Network)];
    let tuned =
        laplace::maximize(&spectrum, net.theta(), fit, tuning, &mut best, &mut noise, &mut scratch)
            .unwrap();
    assert_eq!(noise, h);
    assert!(tuned.iterations < 20, "{tuned:?}");

    let mut storage = vec![T::NAN; laplace::posterior_len(layers, structure)];
    let posterior = Posterior::write(&spectrum, prior, sigma, &mut storage).unwrap();
    let (o, m) = (net.outputs(), test.cols());
    let (mut mean, mut covariance) = (vec![T::NAN; o * m], vec![T::NAN; o * o * m]);
    let mut scratch = vec![T::NAN; laplace::predict_scratch(layers, structure, m)];
    for _ in 0..2 {
        // The second time as the first: a query changes nothing.
        let mean = mat_mut(&mut mean, o, m);
        posterior.predict(net, test, mean, &mut covariance, &mut scratch).unwrap();
    }
    let mut scratch = vec![T::NAN; laplace::predict_one_scratch(layers, structure)];
    for n in 0..m {
        // One by one as all together.
        let (mut f, mut c) = (vec![T::NAN; o], vec![T::NAN; o * o]);
        posterior.predict_one(net, test.col(n), &mut f, &mut c, &mut scratch).unwrap();
        for (one, all) in [(f, &mean[o * n..][..o]), (c, &covariance[o * o * n..][..o * o])] {
            let largest = all.iter().fold(T::ZERO, |most, v| most.max(v.abs()));
            let rounding = T::of(256.0) * T::EPSILON * largest;
            assert!(one.iter().zip(all).all(|(a, b)| (*a - *b).abs() <= rounding), "sample {n}");
        }
    }
    let mut probit = vec![T::NAN; o * m];
    for ((mean, covariance), to) in
        mean.chunks(o).zip(covariance.chunks(o * o)).zip(probit.chunks_mut(o))
    {
        laplace::probit(loss, mean, mat(covariance, o, o), to).unwrap();
    }
    let best = (best[0], tuned.evidence.log_marginal_likelihood);
    Said { mean, covariance, probit, evidence, best }
}

/// Compares a name's arrays, as far as the case has them.
fn compare<T: Real>(case: &PosteriorCase, name: &str, said: &Said<T>, tolerance: f64) -> usize {
    let f64s = |values: &[T]| values.iter().map(|v| v.to_f64()).collect::<Vec<_>>();
    let arrays = [
        ("covariance", f64s(&said.covariance)),
        ("log_det_ratio", vec![said.evidence.log_det_ratio.to_f64()]),
        ("log_marginal_likelihood", vec![said.evidence.log_marginal_likelihood.to_f64()]),
        ("probit", f64s(&said.probit)),
    ];
    let mut compared = 0;
    for (array, found) in arrays {
        if let Some(expected) = case.expected(&format!("{name}_{array}")) {
            let error = relative_error(&found, &expected);
            assert!(error < tolerance, "{} {name} {array}: {error}", case.name);
            compared += 1;
        }
    }
    let expected = case.expected("mean").unwrap();
    assert!(relative_error(&f64s(&said.mean), &expected) < tolerance, "{} mean", case.name);
    compared
}

fn all<T: Real>(tolerance: f64) {
    let mut compared = 0;
    for name in POSTERIOR_CASES {
        let case = PosteriorCase::read(name);
        let data = Data::<T>::of(&case);
        let net = Mlp::new(&case.layers, &data.theta).unwrap();
        let x = columns(&data.x, data.samples);
        let test = mat(&data.test, case.layers[0].inputs, data.test.len() / case.layers[0].inputs);
        let (precision, sigma) = (T::of(case.precision), T::of(case.sigma));
        let arguments = (x, data.targets(), test);
        for (name, structure) in STRUCTURES {
            for batch in [data.samples, 7] {
                let said = said(&net, arguments, case.loss, structure, (precision, sigma), batch);
                compared += compare(&case, name, &said, tolerance);
                let likelihood = case.expected("log_likelihood").unwrap();
                let found = said.evidence.log_likelihood.to_f64();
                assert!((found - likelihood[0]).abs() < tolerance * likelihood[0].abs());
                if structure == Structure::Full {
                    let best = case.expected("best_log_marginal_likelihood").unwrap()[0];
                    let error = (said.best.1.to_f64() - best).abs() / best.abs();
                    assert!(error < tolerance, "{}: evidence {error}", case.name);
                    let best = case.expected("best_prior_precision").unwrap()[0];
                    let error = (said.best.0.to_f64() - best).abs() / best;
                    // The expected place is the maximum to the root of the evidence's rounding.
                    assert!(error < 1e-6_f64.max(tolerance), "{}: precision {error}", case.name);
                }
            }
        }
        compared += last_layer(&case, &net, arguments, (precision, sigma), tolerance);
    }
    assert_eq!(compared, 2 * 4 * (3 + 3 + 4) + 3 + 3 + 4);
}

/// The back of the network on the features of its front.
fn last_layer<T: Real>(
    case: &PosteriorCase,
    net: &Mlp<'_, T>,
    (x, targets, test): (Mat<'_, T>, Targets<'_, T>, Mat<'_, T>),
    at: (T, T),
    tolerance: f64,
) -> usize {
    let hidden = net.depth() - 1;
    let back = net.back(hidden).unwrap();
    let features = |x: Mat<'_, T>| {
        let mut to = vec![T::NAN; back.inputs() * x.cols()];
        let mut scratch = vec![T::NAN; network::forward_scratch(net.layers(), x.cols())];
        let matrix = mat_mut(&mut to, back.inputs(), x.cols());
        network::features(net, hidden, x, matrix, &mut scratch).unwrap();
        to
    };
    let (x, test) = (features(x), features(test));
    let samples = x.len() / back.inputs();
    let arguments = (columns(&x, samples), targets, columns(&test, test.len() / back.inputs()));
    let said = said(&back, arguments, case.loss, Structure::Full, at, samples);
    compare(case, "last_layer_full", &said, tolerance)
}

#[test]
fn the_references_in_f64() {
    all::<f64>(1e-9);
}

#[test]
fn the_references_in_f32() {
    all::<f32>(1e-4);
}

/// `J`, one column an output of a sample.
fn jacobian(net: &Mlp<'_, f64>, x: Mat<'_, f64>) -> Vec<f64> {
    let columns = net.outputs() * x.cols();
    let mut j = vec![0.0; net.params() * columns];
    let mut scratch = vec![0.0; ntk::jacobian_scratch(net.layers(), x.cols())];
    ntk::jacobian(net, x, mat_mut(&mut j, net.params(), columns), &mut scratch).unwrap();
    j
}

/// `A^T B`, `P` rows each.
fn product(a: &[f64], b: &[f64], params: usize) -> Vec<f64> {
    let (n, m) = (a.len() / params, b.len() / params);
    let mut c = vec![0.0; n * m];
    let to = mat_mut(&mut c, n, m);
    linalg::gemm_tn(1.0, mat(a, params, n), mat(b, params, m), 0.0, to).unwrap();
    c
}

#[test]
fn the_kernel_regression_is_the_full_structure() {
    for name in ["lap_regression", "lap_two_outputs"] {
        let case = PosteriorCase::read(name);
        let net = Mlp::new(&case.layers, &case.theta).unwrap();
        let data = Data::<f64>::of(&case);
        let (p, o, inputs) = (net.params(), net.outputs(), net.inputs());
        let x = columns(&data.x, data.samples);
        let test = mat(&data.test, inputs, data.test.len() / inputs);
        let at = (case.precision, case.sigma);
        let arguments = (x, data.targets(), test);
        let said = said(&net, arguments, case.loss, Structure::Full, at, data.samples);

        // K** - K* (K + sigma^2 I)^-1 K*^T and f + K* (K + sigma^2 I)^-1 (y - f), K over delta.
        let (j, j_test) = (jacobian(&net, x), jacobian(&net, test));
        let kernel = |a: &[f64], b: &[f64]| -> Vec<f64> {
            product(a, b, p).iter().map(|k| k / case.precision).collect()
        };
        let (rows, columns) = (o * data.samples, o * test.cols());
        let mut k = kernel(&j, &j);
        (0..rows).for_each(|i| k[i * rows + i] += case.sigma * case.sigma);
        linalg::ldlt(mat_mut(&mut k, rows, rows)).unwrap();
        let cross = kernel(&j, &j_test);
        let mut solved = cross.clone();
        linalg::ldlt_solve(mat(&k, rows, rows), mat_mut(&mut solved, rows, columns)).unwrap();
        let (between, explained) = (kernel(&j_test, &j_test), product(&cross, &solved, rows));
        let covariance: Vec<f64> = (0..test.cols())
            .flat_map(|n| (0..o * o).map(move |e| (n, e % o, e / o)))
            .map(|(n, i, j)| (n * o + j) * columns + n * o + i)
            .map(|index| between[index] - explained[index])
            .collect();
        let error = relative_error(&said.covariance, &covariance);
        assert!(error < 1e-10, "{name}: {error}");

        let mut f = vec![0.0; rows];
        let mut scratch = vec![0.0; network::forward_scratch(net.layers(), data.samples)];
        network::forward(&net, x, mat_mut(&mut f, o, data.samples), &mut scratch).unwrap();
        let residual: Vec<f64> = data.y.iter().zip(&f).map(|(y, f)| y - f).collect();
        let step = product(&residual, &solved, rows);
        let mean: Vec<f64> = said.mean.iter().zip(&step).map(|(f, s)| f + s).collect();
        let expected = case.expected("ntk_regression_mean").unwrap();
        assert!(relative_error(&mean, &expected) < 1e-9);
    }
}
