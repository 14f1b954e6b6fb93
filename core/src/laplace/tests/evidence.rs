//! The evidence and its maximum.

use super::*;

/// Tunes from `start`; the precisions, h and what was said.
fn tuned(
    structure: Structure,
    per: Per,
    start: f64,
    tuning: Tuning<f64>,
    of: usize,
) -> (Vec<f64>, f64, Tuned<f64>) {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let of = data.losses()[of];
    let mut precisions = vec![start; per.count(&layers)];
    let prior = Prior { per, precisions: &precisions };
    let (storage, value) = spectrum(&net, data.x(), of, structure, prior, SAMPLES);
    let spectrum = Spectrum::new(&layers, structure, per, &storage).unwrap();
    let fit = Fit { loss: of.0, value, samples: SAMPLES };
    let mut h = 1.0;
    let mut scratch = vec![f64::NAN; maximize_scratch(&layers, per)];
    let theta = &data.theta;
    let found =
        maximize(&spectrum, theta, fit, tuning, &mut precisions, &mut h, &mut scratch).unwrap();

    // The derivatives in the logarithms, by central differences.
    if found.stop == Stop::Converged {
        let value = |precisions: &[f64], h: f64| {
            let prior = Prior { per, precisions };
            evidence(&spectrum, theta, fit, prior, h).unwrap().log_marginal_likelihood
        };
        let step = 1e-4_f64;
        let factors = [step.exp(), (-step).exp()];
        if tuning.prior {
            let groups = if structure == Structure::Full { 1 } else { precisions.len() };
            for group in 0..groups {
                let [up, down] = factors.map(|factor| {
                    let mut moved = precisions.clone();
                    if groups == 1 {
                        moved.iter_mut().for_each(|d| *d *= factor);
                    } else {
                        moved[group] *= factor;
                    }
                    value(&moved, h)
                });
                let slope = (up - down) / (2.0 * step);
                assert!(slope.abs() < 1e-6, "{structure:?} {per:?} group {group}: {slope}");
                assert!(up < found.evidence.log_marginal_likelihood + 1e-12);
            }
        }
        if tuning.noise {
            let [up, down] = factors.map(|factor| value(&precisions, h * factor));
            assert!(((up - down) / (2.0 * step)).abs() < 1e-6, "{structure:?} {per:?} noise");
        }
    }
    (precisions, h, found)
}

#[test]
fn newton_ends_where_the_evidence_is_flat_from_any_start() {
    for structure in STRUCTURES {
        for per in [Per::Network, Per::Layer, Per::Tensor] {
            let joint = matches!(
                structure,
                Structure::Kronecker(Bias::Joint) | Structure::Ekfac(Bias::Joint)
            );
            if per == Per::Tensor && joint {
                continue;
            }
            for (of, noise) in [(0, true), (1, false), (3, false)] {
                let tuning = Tuning { noise, ..Tuning::default() };
                let (near, h, found) = tuned(structure, per, 1.0, tuning, of);
                assert_eq!(found.stop, Stop::Converged, "{structure:?} {per:?}: {found:?}");
                for start in [1e-6, 1e6] {
                    let (far, far_h, again) = tuned(structure, per, start, tuning, of);
                    assert_eq!(again.stop, Stop::Converged);
                    assert!(again.iterations < 60, "{again:?}");
                    for (near, far) in near.iter().zip(&far) {
                        assert!((near - far).abs() < 1e-6 * near, "{structure:?} {near} {far}");
                    }
                    assert!((h - far_h).abs() < 1e-6 * h);
                }
            }
        }
    }
}

#[test]
fn what_is_not_tuned_stays() {
    let tuning = Tuning { prior: false, noise: true, ..Tuning::default() };
    let (precisions, h, found) = tuned(Structure::Diagonal, Per::Layer, 0.3, tuning, 0);
    assert_eq!((precisions, found.stop), (vec![0.3; 3], Stop::Converged));
    assert!(h != 1.0);
    let tuning = Tuning { prior: true, noise: false, ..Tuning::default() };
    let (precisions, h, _) = tuned(Structure::Diagonal, Per::Layer, 0.3, tuning, 0);
    assert!(h == 1.0 && precisions.iter().all(|d| *d != 0.3));
}

#[test]
fn the_fixed_point_is_the_same_place() {
    // delta = gamma / |theta|^2, 1 / h = R / (N O - gamma)
    let data = Data::new();
    let structure = Structure::Kronecker(Bias::Joint);
    let (precisions, h, found) = tuned(structure, Per::Network, 1.0, Tuning::default(), 0);
    let squares: f64 = data.theta.iter().map(|t| t * t).sum();
    let gamma = found.evidence.effective_parameters;
    assert!((precisions[0] - gamma / squares).abs() < 1e-9 * precisions[0]);
    let layers = layers();
    let (_, residual) = sums(&data.net(&layers), data.x(), data.losses()[0], structure, SAMPLES);
    let variance = residual / (2.0 * SAMPLES as f64 - gamma);
    assert!((1.0 / h - variance).abs() < 1e-9 * variance);
}

#[test]
fn a_search_without_end_says_so() {
    let few = Tuning { iterations: 1, ..Tuning::default() };
    let (_, _, found) = tuned(Structure::Diagonal, Per::Layer, 1e6, few, 0);
    assert_eq!((found.stop, found.iterations), (Stop::IterationLimit, 1));

    // Parameters that are all zero: every larger precision explains them better.
    let layers = layers();
    let data = Data { theta: vec![0.0; layer::params(&layers)], ..Data::new() };
    let net = data.net(&layers);
    let of = data.losses()[1];
    let (structure, prior) = (Structure::Diagonal, Prior::of(&1.0));
    let (storage, value) = spectrum(&net, data.x(), of, structure, prior, SAMPLES);
    let spectrum = Spectrum::new(&layers, structure, Per::Network, &storage).unwrap();
    let fit = Fit { loss: of.0, value, samples: SAMPLES };
    let tuning = Tuning { noise: false, ..Tuning::default() };
    let (mut delta, mut h, mut scratch) = ([1.0], 1.0, [0.0]);
    let found =
        maximize(&spectrum, &data.theta, fit, tuning, &mut delta, &mut h, &mut scratch).unwrap();
    assert_eq!(found.stop, Stop::AtLimit);
    assert!(delta[0] > 1e20 && delta[0].is_finite());
}

#[test]
fn the_likelihood_is_that_of_a_gaussian() {
    let fit = Fit { loss: Loss::Mse, value: 3.0_f64, samples: 4 };
    let sigma: f64 = 0.5;
    let terms = 8.0;
    let expected =
        -3.0 / (2.0 * sigma * sigma) - terms * (sigma * (2.0 * core::f64::consts::PI).sqrt()).ln();
    assert!((fit.log_likelihood(4.0, 2) - expected).abs() < 1e-13);
    let fit = Fit { loss: Loss::Bce, ..fit };
    assert_eq!(fit.log_likelihood(1.0, 2), -3.0);
}
