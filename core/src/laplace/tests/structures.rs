//! Sums and their spectra.

use super::*;
use crate::linalg::tests::relative_difference;

/// `P^-1` of a posterior's numbers, column by column: from draws of unit vectors it would take the
/// generator; here from the blocks.
fn covariance(net: &Mlp<'_, f64>, posterior: &Posterior<'_, f64>) -> Vec<f64> {
    let p = net.params();
    let mut s = vec![0.0; p * p];
    match posterior.structure() {
        Structure::Full => {
            let (b, v) = posterior.full();
            for (k, v) in v.iter().enumerate() {
                for c in 0..p {
                    for r in 0..p {
                        s[c * p + r] += v * b.at(r, k) * b.at(c, k);
                    }
                }
            }
        }
        Structure::Diagonal => {
            s.iter_mut().step_by(p + 1).zip(posterior.data()).for_each(|(s, v)| *s = *v);
        }
        Structure::Kronecker(bias) | Structure::Ekfac(bias) => {
            for block in posterior.blocks(bias) {
                let (n, m) = (block.place.rows(), block.place.cols());
                for (k, l) in (0..n).flat_map(|k| (0..m).map(move |l| (k, l))) {
                    let mut e = vec![0.0; n * m];
                    for (i, o) in (0..n).flat_map(|i| (0..m).map(move |o| (i, o))) {
                        e[o * n + i] = block.input.at(i, k) * block.output.at(o, l);
                    }
                    let mut v = vec![0.0; p];
                    let range = block.place.offset..block.place.offset + n * m;
                    block.place.put(Mat::of(&e, n, m), &mut v[range]);
                    for (c, vc) in v.iter().enumerate() {
                        for (r, vr) in v.iter().enumerate() {
                            s[c * p + r] += block.variances.at(k, l) * vr * vc;
                        }
                    }
                }
            }
        }
    }
    s
}

#[test]
fn batches_add_up_to_what_all_samples_give_at_once() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    for structure in STRUCTURES {
        for of in data.losses() {
            let prior = Prior::of(&1.0);
            let (once, value) = spectrum(&net, data.x(), of, structure, prior, SAMPLES);
            for batch in [1, 4] {
                let (sums_once, _) = sums(&net, data.x(), of, structure, SAMPLES);
                let (sums_cut, cut_value) = sums(&net, data.x(), of, structure, batch);
                assert!(relative_difference(&sums_cut, &sums_once) < 1e-13, "{structure:?}");
                assert!((cut_value - value).abs() < 1e-13 * value.abs());
                // Eigenvectors of like eigenvalues may differ; what they stand for may not.
                let (cut, _) = spectrum(&net, data.x(), of, structure, prior, batch);
                let of = |storage: &[f64]| {
                    let spectrum =
                        Spectrum::new(&layers, structure, Per::Network, storage).unwrap();
                    let mut numbers = vec![0.0; posterior_len(&layers, structure)];
                    let posterior = Posterior::write(&spectrum, prior, 0.5, &mut numbers).unwrap();
                    covariance(&net, &posterior)
                };
                assert!(relative_difference(&of(&cut), &of(&once)) < 1e-10, "{structure:?}");
            }
        }
    }
}

#[test]
fn forgetting_weighs_what_was_there() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let of = data.losses()[0];
    for structure in STRUCTURES {
        let (first, second) = (data.x().columns_range(0, 5), data.x().columns_range(5, 6));
        let (old, _) = sums(&net, first, (of.0, of.1.range(0, 5)), structure, 5);
        let (new, _) = sums(&net, second, (of.0, of.1.range(5, 6)), structure, 6);
        let mut all = old.clone();
        let mut scratch = vec![0.0; accumulate_scratch(&layers, structure, 6)];
        let targets = of.1.range(5, 6);
        accumulate(&net, second, targets, of.0, structure, 0.9, &mut all, &mut scratch).unwrap();
        let expected: Vec<f64> = old.iter().zip(&new).map(|(o, n)| 0.9 * o + n).collect();
        assert!(relative_difference(&all, &expected) < 1e-14);
    }
}

#[test]
fn the_posterior_is_the_inverse_of_the_dense_matrix() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let per_layer = [0.7, 2.0, 0.3];
    let per_tensor = [0.7, 1.1, 2.0, 0.3, 5.0];
    for structure in STRUCTURES {
        for of in data.losses() {
            let h = dense(&net, data.x(), of, structure);
            for prior in [
                Prior::of(&0.7),
                Prior { per: Per::Layer, precisions: &per_layer },
                Prior { per: Per::Tensor, precisions: &per_tensor },
            ] {
                if prior.check(&layers, structure).is_err() {
                    assert_eq!(prior.per, Per::Tensor, "joint biases share a block");
                    continue;
                }
                let sigma = 0.4;
                let (storage, value) = spectrum(&net, data.x(), of, structure, prior, 5);
                let spectrum = Spectrum::new(&layers, structure, prior.per, &storage).unwrap();
                let mut numbers = vec![0.0; posterior_len(&layers, structure)];
                let posterior = Posterior::write(&spectrum, prior, sigma, &mut numbers).unwrap();
                let each = precisions(&layers, prior);
                let inverse_noise = inverse_noise(sigma).unwrap();
                let (expected, log_det) = inverse(&h, inverse_noise, &each);
                let found = covariance(&net, &posterior);
                let error = relative_difference(&found, &expected);
                assert!(error < 1e-11, "{structure:?} {of:?}: {error}");

                let (_, found) = predicted(&net, &posterior, data.x());
                let expected_covariance = covariances(&net, data.x(), &expected);
                let error = relative_difference(&found, &expected_covariance);
                assert!(error < 1e-11, "{structure:?} {of:?}: {error}");

                let fit = Fit { loss: of.0, value, samples: SAMPLES };
                let evidence = evidence(&spectrum, &data.theta, fit, prior, inverse_noise).unwrap();
                let p = net.params();
                let logs: f64 = each.iter().map(|d| d.ln()).sum();
                let trace: f64 = (0..p).map(|i| each[i] * expected[i * p + i]).sum();
                let scatter: f64 = each.iter().zip(&data.theta).map(|(d, t)| d * t * t).sum();
                assert!((evidence.log_det_ratio - (log_det - logs)).abs() < 1e-10);
                assert!((evidence.effective_parameters - (p as f64 - trace)).abs() < 1e-10);
                assert!((evidence.scatter - scatter).abs() < 1e-12 * scatter);
            }
        }
    }
}
