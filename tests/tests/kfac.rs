//! K-FAC and EKFAC from networks, against curvlinops and against each other.

use nanocurv::kfac::{self, Bias, Damping, Ekfac, Factors, Fisher, Weights};
use nanocurv::network::{Activation, Mlp, Scale};
use nanocurv::random::Rng;
use nanocurv::{Real, linalg};
use nanocurv_tests::reference::{CASES, Case, dense, distance, relative_error};
use nanocurv_tests::{mat, mat_mut};

const TOLERANCE: f64 = 1e-10;

fn factors(case: &Case, mut fisher: impl FnMut() -> Fisher<'static>) -> Vec<f64> {
    let net = Mlp::new(&case.layers, &case.theta).unwrap();
    let mut factors = vec![0.0; kfac::factors_len(&case.layers)];
    let weights = Weights::batch(case.loss, case.reduction, case.samples(), case.outputs());
    for batch in &case.batches {
        let mut scratch = vec![f64::NAN; kfac::accumulate_scratch(&case.layers, batch.samples)];
        let (x, y) = (batch.x(), batch.targets());
        kfac::accumulate(&net, x, y, case.loss, fisher(), weights, &mut factors, &mut scratch)
            .unwrap();
    }
    factors
}

fn matrix(case: &Case, data: &[f64], bias: Bias) -> Vec<f64> {
    let factors = Factors::new(&case.layers, data).unwrap().with_bias(bias);
    let mut scratch = vec![f64::NAN; kfac::factors_apply_scratch(&case.layers)];
    dense(case.theta.len(), |v| factors.apply(v, &mut scratch).unwrap())
}

fn ekfac_state(case: &Case, data: &[f64], bias: Bias) -> Vec<f64> {
    let factors = Factors::new(&case.layers, data).unwrap().with_bias(bias);
    let mut state = vec![f64::NAN; kfac::ekfac_len(&case.layers, bias)];
    let mut scratch = vec![0.0; kfac::ekfac_bases_scratch(&case.layers)];
    kfac::ekfac_bases(&factors, &mut state, &mut scratch).unwrap();
    let net = Mlp::new(&case.layers, &case.theta).unwrap();
    let mut weights = Weights::batch(case.loss, case.reduction, case.samples(), case.outputs());
    weights.keep = 0.0;
    for batch in &case.batches {
        let mut scratch = vec![0.0; kfac::ekfac_correct_scratch(&case.layers, batch.samples)];
        let (x, y) = (batch.x(), batch.targets());
        kfac::ekfac_correct(
            &net,
            x,
            y,
            case.loss,
            Fisher::TypeTwo,
            weights,
            bias,
            &mut state,
            &mut scratch,
        )
        .unwrap();
        weights.keep = 1.0;
    }
    state
}

fn ekfac(case: &Case, data: &[f64], bias: Bias) -> Vec<f64> {
    let state = ekfac_state(case, data, bias);
    let operator = Ekfac::new(&case.layers, bias, &state).unwrap();
    let mut scratch = vec![f64::NAN; kfac::ekfac_scratch(&case.layers)];
    dense(case.theta.len(), |v| operator.apply(v, &mut scratch).unwrap())
}

/// The blocks of a full matrix that the operator approximates.
fn blocks(case: &Case, full: &[f64], bias: Bias) -> Vec<f64> {
    let (n, mut block, mut next) = (case.theta.len(), vec![], 0);
    for layer in &case.layers {
        let weights = layer.inputs * layer.outputs;
        block.extend(std::iter::repeat_n(next, weights));
        next += usize::from(bias == Bias::Separate);
        block.extend(std::iter::repeat_n(next, layer.params() - weights));
        next += 1;
    }
    (0..n * n).map(|e| if block[e / n] == block[e % n] { full[e] } else { 0.0 }).collect()
}

#[test]
fn kfac_is_curvlinops_kfac() {
    for name in CASES {
        let case = Case::read(name);
        let type_two = factors(&case, || Fisher::TypeTwo);
        let empirical = factors(&case, || Fisher::Empirical);
        for (expected, data, bias) in [
            ("kfac_type2_joint", &type_two, Bias::Joint),
            ("kfac_type2_separate", &type_two, Bias::Separate),
            ("kfac_empirical_joint", &empirical, Bias::Joint),
        ] {
            let Some(array) = case.expected(expected) else { continue };
            let error = relative_error(&matrix(&case, data, bias), &array);
            assert!(error < TOLERANCE, "{name} {expected}: {error:e}");
        }
        let (mut v, expected) = (case.vector(), case.expected("kfac_type2_joint_v").unwrap());
        let mut scratch = vec![f64::NAN; kfac::factors_apply_scratch(&case.layers)];
        let factors = Factors::new(&case.layers, &type_two).unwrap();
        factors.apply(&mut v, &mut scratch).unwrap();
        assert!(relative_error(&v, &expected) < TOLERANCE, "{name} product");
    }
}

#[test]
fn the_damped_inverses_are_curvlinops_inverses() {
    for name in CASES {
        let case = Case::read(name);
        let data = factors(&case, || Fisher::TypeTwo);
        let (layers, n) = (&case.layers, case.theta.len());
        let factors = Factors::new(layers, &data).unwrap();

        let mut storage = vec![0.0; kfac::preconditioner_len(layers)];
        let inverse = factors.preconditioner(0.1, Damping::Pi, &mut storage).unwrap();
        let mut scratch = vec![f64::NAN; kfac::precondition_scratch(layers)];
        let found = dense(n, |v| inverse.precondition(v, &mut scratch).unwrap());
        let expected = case.expected("kfac_type2_joint_inverse_pi_0.1").unwrap();
        let error = relative_error(&found, &expected);
        assert!(error < TOLERANCE, "{name} pi: {error:e}");

        let mut storage = vec![0.0; kfac::eigenfactors_len(layers, Bias::Joint)];
        let mut scratch = vec![f64::NAN; kfac::eigenfactors_scratch(layers)];
        let eigen = factors.eigen(&mut storage, &mut scratch).unwrap();
        let found = dense(n, |v| eigen.solve(0.1, v, &mut scratch).unwrap());
        let expected = case.expected("kfac_type2_joint_inverse_exact_0.1").unwrap();
        let error = relative_error(&found, &expected);
        assert!(error < TOLERANCE, "{name} exact: {error:e}");
    }
}

#[test]
fn every_inverse_undoes_its_matrix_with_joint_and_separate_biases() {
    let case = Case::read("seed_tutorial");
    let (layers, n) = (&case.layers, case.theta.len());
    let data = factors(&case, || Fisher::TypeTwo);
    for bias in [Bias::Joint, Bias::Separate] {
        let factors = Factors::new(layers, &data).unwrap().with_bias(bias);
        let mut scratch = vec![f64::NAN; kfac::eigenfactors_scratch(layers)];
        let mut storage = vec![0.0; kfac::eigenfactors_len(layers, bias)];
        let eigen = factors.eigen(&mut storage, &mut scratch).unwrap();
        let (mut v, mut w) = (case.vector(), case.vector());
        eigen.solve(0.2, &mut v, &mut scratch).unwrap();
        let solved = v.clone();
        factors.apply(&mut v, &mut scratch).unwrap();
        linalg::axpy(0.2, &solved, &mut v);
        assert!(relative_error(&v, &w) < TOLERANCE);
        eigen.power(-0.5, 0.2, &mut w, &mut scratch).unwrap();
        eigen.power(-0.5, 0.2, &mut w, &mut scratch).unwrap();
        assert!(relative_error(&w, &solved) < TOLERANCE);

        let state = ekfac_state(&case, &data, bias);
        let operator = Ekfac::new(layers, bias, &state).unwrap();
        let (mut v, w) = (case.vector(), case.vector());
        operator.solve(0.2, &mut v, &mut scratch).unwrap();
        let solved = v.clone();
        operator.apply(&mut v, &mut scratch).unwrap();
        linalg::axpy(0.2, &solved, &mut v);
        assert!(relative_error(&v, &w) < TOLERANCE);

        // The damped factors, dense, for the factored inverse.
        for damping in [Damping::Pi, Damping::Off, Damping::Same] {
            let mut storage = vec![0.0; kfac::preconditioner_len(layers)];
            let inverse = factors.preconditioner(0.1, damping, &mut storage).unwrap();
            let found = dense(n, |v| inverse.precondition(v, &mut scratch).unwrap());
            assert!((0..n * n).all(|e| {
                let (i, j) = (e / n, e % n);
                (found[e] - found[i + j * n]).abs() < 1e-9
            }));
        }
    }
}

#[test]
fn a_separate_bias_takes_all_of_the_damping_on_its_one_factor() {
    let case = Case::read("tanh_scalar");
    let data = factors(&case, || Fisher::TypeTwo);
    let factors = Factors::new(&case.layers, &data).unwrap().with_bias(Bias::Separate);
    let mut storage = vec![0.0; kfac::preconditioner_len(&case.layers)];
    let inverse = factors.preconditioner(0.1, Damping::Pi, &mut storage).unwrap();
    let mut scratch = vec![0.0; kfac::precondition_scratch(&case.layers)];
    let mut v = case.vector();
    inverse.precondition(&mut v, &mut scratch).unwrap();
    // The last parameter is the bias of the one output: (G + lambda) v = v0.
    let g = factors.layer(2).unwrap().output().at(0, 0);
    assert!((v[120] * (g + 0.1) - case.vector()[120]).abs() < 1e-12);
}

#[test]
fn ekfac_is_curvlinops_ekfac_and_closer_to_the_blocks_than_kfac() {
    for name in CASES {
        let case = Case::read(name);
        let data = factors(&case, || Fisher::TypeTwo);
        let found = ekfac(&case, &data, Bias::Joint);
        // The eigenbasis of a repeated eigenvalue is not unique: a dead ReLU unit's zeros are
        // one, but there both sides vanish.
        let error = relative_error(&found, &case.expected("ekfac_type2_joint").unwrap());
        assert!(error < TOLERANCE, "{name}: {error:e}");
        let ggn = case.expected("ggn").unwrap();
        for bias in [Bias::Joint, Bias::Separate] {
            let truth = blocks(&case, &ggn, bias);
            let kfac = distance(&matrix(&case, &data, bias), &truth);
            let ekfac = distance(&ekfac(&case, &data, bias), &truth);
            assert!(ekfac <= kfac * (1.0 + 1e-12), "{name}: {ekfac} > {kfac}");
        }
    }
}

#[test]
fn nothing_depends_on_how_the_data_is_cut_into_batches() {
    for name in ["seed_tutorial", "classifier", "multilabel"] {
        let mut case = Case::read(name);
        let cut = factors(&case, || Fisher::TypeTwo);
        let cut_ekfac = ekfac(&case, &cut, Bias::Joint);
        let second = case.batches.remove(1);
        let first = &mut case.batches[0];
        first.x.extend(second.x);
        first.y.extend(second.y);
        first.labels.extend(second.labels);
        first.samples += second.samples;
        let whole = factors(&case, || Fisher::TypeTwo);
        assert!(relative_error(&cut, &whole) < 1e-13);
        assert!(relative_error(&cut_ekfac, &ekfac(&case, &whole, Bias::Joint)) < TOLERANCE);
    }
}

#[test]
fn kfac_and_ekfac_of_one_sample_are_the_ggn_blocks() {
    for name in CASES {
        let mut case = Case::read(name);
        case.batches.truncate(1);
        let batch = &mut case.batches[0];
        let inputs = batch.x.len() / batch.samples;
        batch.x.truncate(inputs);
        batch.y.truncate(case.layers.last().unwrap().outputs);
        batch.labels.truncate(1);
        batch.samples = 1;
        // With one output a sample has one vector, and the product of the two squares is exact.
        let data = factors(&case, || Fisher::TypeTwo);
        let ggn = ggn(&case);
        let truth = blocks(&case, &ggn, Bias::Joint);
        let error = relative_error(&matrix(&case, &data, Bias::Joint), &truth);
        assert!(error < TOLERANCE, "{name}: {error:e}");
        let error = relative_error(&ekfac(&case, &data, Bias::Joint), &truth);
        assert!(error < TOLERANCE, "{name} EKFAC: {error:e}");
    }
}

/// `c sum_n J_n^T H_n J_n`, J by central differences of the outputs.
fn ggn(case: &Case) -> Vec<f64> {
    let (p, o) = (case.theta.len(), case.outputs());
    let mut sum = vec![0.0; p * p];
    let c: f64 = case.loss.scale(case.reduction, case.samples(), o);
    for batch in &case.batches {
        for n in 0..batch.samples {
            let x = batch.x().columns_range(n, 1);
            let outputs = |theta: &[f64]| {
                let net = Mlp::new(&case.layers, theta).unwrap();
                let mut f = vec![0.0; o];
                let mut scratch = vec![0.0; nanocurv::network::forward_scratch(&case.layers, 1)];
                let to = mat_mut(&mut f, o, 1);
                nanocurv::network::forward(&net, x, to, &mut scratch).unwrap();
                f
            };
            let f = outputs(&case.theta);
            let mut jacobian = vec![0.0; o * p];
            for j in 0..p {
                // Fourth order: the truncation and the rounding stay below 1e-11.
                let h = 1e-3;
                let at = |k: f64| {
                    let mut theta = case.theta.clone();
                    theta[j] += k * h;
                    outputs(&theta)
                };
                let (a, b, c, d, e, g) = (at(1.0), at(-1.0), at(2.0), at(-2.0), at(3.0), at(-3.0));
                for i in 0..o {
                    jacobian[i + j * o] =
                        (45.0 * (a[i] - b[i]) - 9.0 * (c[i] - d[i]) + (e[i] - g[i])) / (60.0 * h);
                }
            }
            for j in 0..p {
                let mut column = jacobian[j * o..(j + 1) * o].to_vec();
                let to = mat_mut(&mut column, o, 1);
                let targets = batch.targets().range(n, 1);
                case.loss.hessian_product(mat(&f, o, 1), targets, to).unwrap();
                for i in 0..p {
                    sum[i + j * p] += c * linalg::dot(&jacobian[i * o..(i + 1) * o], &column);
                }
            }
        }
    }
    sum
}

fn linear_case() -> Case {
    let mut case = Case::read("seed_tutorial");
    for layer in &mut case.layers {
        layer.activation = Activation::Identity;
    }
    case
}

#[test]
fn in_a_deep_linear_net_with_squared_error_kfac_is_the_ggn_blocks() {
    let case = linear_case();
    let data = factors(&case, || Fisher::TypeTwo);
    let truth = blocks(&case, &ggn(&case), Bias::Joint);
    assert!(relative_error(&matrix(&case, &data, Bias::Joint), &truth) < TOLERANCE);
    assert!(relative_error(&ekfac(&case, &data, Bias::Joint), &truth) < TOLERANCE);
}

#[test]
fn monte_carlo_converges_to_type_two() {
    for name in ["classifier", "multilabel", "smooth_mix"] {
        let mut case = Case::read(name);
        case.batches.truncate(1);
        let exact = factors(&case, || Fisher::TypeTwo);
        let sampled = factors(&case, || Fisher::MonteCarlo {
            rng: Box::leak(Box::new(Rng::seed(1))),
            draws: 20_000,
        });
        // 20000 draws: a standard error near sqrt(2 / 20000) = 0.01.
        assert!(relative_error(&sampled, &exact) < 0.04, "{name}");
    }
}

#[test]
fn forward_only_leaves_the_identity_on_the_output_side() {
    let case = Case::read("classifier");
    let data = factors(&case, || Fisher::ForwardOnly);
    let type_two = factors(&case, || Fisher::TypeTwo);
    let (found, other) = (
        Factors::new(&case.layers, &data).unwrap(),
        Factors::new(&case.layers, &type_two).unwrap(),
    );
    for l in 0..case.layers.len() {
        let (found, other) = (found.layer(l).unwrap(), other.layer(l).unwrap());
        assert_eq!(found.input().data(), other.input().data());
        let g = found.output();
        for i in 0..g.rows() {
            for j in 0..g.rows() {
                let expected = f64::from(u8::from(i == j));
                assert!((g.at(i, j) - expected).abs() < 1e-14);
            }
        }
    }
}

#[test]
fn scales_of_the_parameterisation_are_those_of_the_gradients() {
    // K-FAC of the scaled network = D K D of the standard one, D = diag(s, .., t, ..).
    let case = Case::read("tanh_scalar");
    let scales: Vec<Scale<f64>> = case.layers.iter().map(|l| Scale::ntk(l, 1.3, 0.4)).collect();
    let mut scaled = case.theta.clone();
    let mut d = vec![];
    for (layer, scale) in case.layers.iter().zip(&scales) {
        d.extend(std::iter::repeat_n(scale.weight, layer.inputs * layer.outputs));
        d.extend(std::iter::repeat_n(scale.bias, layer.outputs));
    }
    scaled.iter_mut().zip(&d).for_each(|(t, d)| *t /= d);
    let standard = matrix(&case, &factors(&case, || Fisher::TypeTwo), Bias::Joint);
    let net = Mlp::new(&case.layers, &scaled).unwrap().with_scales(&scales).unwrap();
    let mut data = vec![0.0; kfac::factors_len(&case.layers)];
    let batch = &case.batches[0];
    let mut scratch = vec![0.0; kfac::accumulate_scratch(&case.layers, batch.samples)];
    let weights = Weights::batch(case.loss, case.reduction, case.samples(), 1);
    let (x, y) = (batch.x(), batch.targets());
    kfac::accumulate(&net, x, y, case.loss, Fisher::TypeTwo, weights, &mut data, &mut scratch)
        .unwrap();
    let n = d.len();
    for bias in [Bias::Joint, Bias::Separate] {
        let standard = if bias == Bias::Joint {
            standard.clone()
        } else {
            matrix(&case, &factors(&case, || Fisher::TypeTwo), bias)
        };
        let expected: Vec<f64> = (0..n * n).map(|e| d[e / n] * standard[e] * d[e % n]).collect();
        assert!(relative_error(&matrix(&case, &data, bias), &expected) < TOLERANCE);
    }
}

#[test]
fn the_gradient_and_the_diagonal_are_autograds() {
    for name in CASES {
        let case = Case::read(name);
        let net = Mlp::new(&case.layers, &case.theta).unwrap();
        let n = case.theta.len();
        let (mut gradient, mut diagonal, mut loss) = (vec![0.0; n], vec![0.0; n], 0.0);
        let weights = Weights::batch(case.loss, case.reduction, case.samples(), case.outputs());
        for batch in &case.batches {
            let (x, y) = (batch.x(), batch.targets());
            let mut scratch =
                vec![f64::NAN; kfac::accumulate_diagonal_scratch(&case.layers, batch.samples)];
            let c = weights.output;
            loss += kfac::gradient(&net, x, y, case.loss, c, &mut gradient, &mut scratch).unwrap();
            kfac::accumulate_diagonal(
                &net,
                x,
                y,
                case.loss,
                Fisher::TypeTwo,
                weights,
                &mut diagonal,
                &mut scratch,
            )
            .unwrap();
        }
        assert!(relative_error(&gradient, &case.expected("gradient").unwrap()) < TOLERANCE);
        assert!(relative_error(&[loss], &case.expected("loss").unwrap()) < TOLERANCE);
        let ggn = case.expected("ggn").unwrap();
        let expected: Vec<f64> = (0..n).map(|i| ggn[i * (n + 1)]).collect();
        assert!(relative_error(&diagonal, &expected) < TOLERANCE, "{name}");
    }
}

/// A rank-one A and a full G.
fn deficient<T: Real>() -> ([T; 9], [T; 4]) {
    let a = [1.0, 2.0, 3.0];
    (core::array::from_fn(|k| T::of(a[k % 3] * a[k / 3] / 7.0)), [2.0, 0.3, 0.3, 1.0].map(T::of))
}

#[test]
fn a_rank_deficient_factor_with_damping_within_its_rounding_is_refused_at_every_scale() {
    fn check<T: Real>() {
        let (a, g) = deficient::<T>();
        for scale in [1e-8, 1.0, 1e8] {
            let (s, rounding) = (T::of(scale), T::EPSILON.to_f64() * scale);
            let a = a.map(|v| s * v);
            let block = kfac::Kronecker::new(mat(&a, 3, 3), mat(&g, 2, 2)).unwrap();
            let solve = |damping: f64| {
                let (mut v, mut scratch) = ([T::ONE; 6], [T::ZERO; 9]);
                // The split that puts all of it on A.
                let lambda = T::of(damping);
                let split = block.split(lambda, Damping::Same).unwrap();
                block.solve(split, mat_mut(&mut v, 3, 2), &mut scratch)
            };
            let refused = solve(0.1 * rounding).unwrap_err();
            assert!(
                matches!(refused, kfac::KfacError::Factor { side: kfac::Side::Input, .. }),
                "{refused}"
            );
            assert!(solve(100.0 * rounding).is_ok());
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn the_eigenvalues_of_a_rank_deficient_factor_are_zero_where_it_is_nothing() {
    fn check<T: Real>() {
        let (a, g) = deficient::<T>();
        let block = kfac::Kronecker::new(mat(&a, 3, 3), mat(&g, 2, 2)).unwrap();
        let mut storage = [T::ZERO; kfac::eigen_len(3, 2)];
        let mut scratch = [T::ZERO; kfac::eigen_scratch(3, 2)];
        let eigen = block.eigen(&mut storage, &mut scratch).unwrap();
        let largest = eigen.input().0[2].to_f64();
        assert!((largest - 2.0).abs() < 1e-5, "{largest}");
        let rounding = T::EPSILON.to_f64() * largest;
        assert!(eigen.input().0[..2].iter().all(|v| *v == T::ZERO || v.to_f64() > rounding));
        let mut v = [T::ONE; 6];
        let refused = eigen.solve(T::ZERO, mat_mut(&mut v, 3, 2), &mut scratch);
        assert!(refused.is_err() || eigen.input().0[0] > T::ZERO);
    }
    check::<f32>();
    check::<f64>();
}
