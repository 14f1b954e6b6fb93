//! The search for the largest evidence on spectra of every kind, and in single precision.

use super::*;
use crate::random::Rng;
use crate::scalar::Real;
use core::fmt::Debug;

const LAYERS: [Layer; 2] =
    [Layer::new(3, 2, Activation::Tanh), Layer::new(2, 1, Activation::Identity)];

/// A power of ten between those given.
fn power<T: Real>(rng: &mut Rng, least: f64, most: f64) -> T {
    T::of(10_f64.powf(least + (most - least) * rng.uniform::<f64>()))
}

/// One search on a random spectrum, with dead directions, dead layers and parameters of zero;
/// whether it ended without its limit of iterations and without rounding in its way.
fn search<T: Real + Debug>(seed: u64, range: f64) -> bool {
    let rng = &mut Rng::seed(seed);
    let per = [Per::Network, Per::Layer, Per::Tensor][(seed % 3) as usize];
    let params = layer::params(&LAYERS);
    let level = power::<f64>(rng, -range, range).log10();
    let dead = rng.uniform::<f64>();
    let values: Vec<T> = (0..params)
        .map(|p| {
            let rank = dead < 0.5 && rng.uniform::<f64>() < dead || dead > 0.95 && p < 6;
            let value = power(rng, level - range / 2.0, level + range / 2.0);
            if rank { T::ZERO } else { value }
        })
        .collect();
    let size: T = power(rng, -range / 4.0, range / 4.0);
    let still = if rng.uniform::<f64>() < 0.2 { rng.uniform::<f64>() } else { 0.0 };
    let theta: Vec<T> = (0..params)
        .map(|_| if rng.uniform::<f64>() < still { T::ZERO } else { size * rng.normal::<T>() })
        .collect();
    let regression = rng.uniform::<f64>() < 0.7;
    let loss = if regression { Loss::Mse } else { Loss::Bce };
    let exact = rng.uniform::<f64>() < 0.1;
    let value = if exact { T::ZERO } else { power(rng, -range / 2.0, range / 2.0) };
    let fit = Fit { loss, value, samples: 1 + (seed % 50) as usize };
    let tuning = Tuning {
        prior: rng.uniform::<f64>() < 0.8,
        noise: regression && rng.uniform::<f64>() < 0.7,
        iterations: 300,
        ..Tuning::default()
    };
    let mut precisions: Vec<T> =
        (0..per.count(&LAYERS)).map(|_| power(rng, -range / 2.0, range / 2.0)).collect();
    let mut h = if regression { power(rng, -range / 2.0, range / 2.0) } else { T::ONE };

    let spectrum = Spectrum::new(&LAYERS, Structure::Diagonal, per, &values).unwrap();
    let said = |precisions: &[T], h| {
        evidence(&spectrum, &theta, fit, Prior { per, precisions }, h).unwrap()
    };
    let before = said(&precisions, h).log_marginal_likelihood;
    let mut scratch = vec![T::NAN; maximize_scratch(&LAYERS, per)];
    let found =
        maximize(&spectrum, &theta, fit, tuning, &mut precisions, &mut h, &mut scratch).unwrap();
    let label = std::format!("{seed} {per:?} {tuning:?} {found:?} {precisions:?} {h:?}");
    assert_eq!(said(&precisions, h), found.evidence, "{label}");
    let after = found.evidence.log_marginal_likelihood;
    assert!(after >= before - T::of(1e-5) * before.abs().max(T::ONE), "{before:?} {label}");
    if found.stop != Stop::AtLimit {
        // gamma_g = delta_g s_g and N O - gamma = h R, to the last step's square and rounding.
        let close = |a: T, b: T| {
            let error = (a - b).abs();
            assert!(error <= T::of(64.0) * T::EPSILON.sqrt() * a.max(b), "{a:?} {b:?} {label}");
        };
        let (mut all, mut rest, mut gammas) = (T::ZERO, theta.as_slice(), precisions.clone());
        let mut squares = vec![T::ZERO; precisions.len()];
        gammas.fill(T::ZERO);
        let mut tensor = 0;
        let mut curvature = values.iter();
        for (index, layer) in LAYERS.iter().enumerate() {
            for count in [layer.inputs * layer.outputs, layer.outputs] {
                let group = match per {
                    Per::Network => 0,
                    Per::Layer => index,
                    Per::Tensor => tensor,
                };
                tensor += 1;
                let (these, after) = rest.split_at(count);
                rest = after;
                for t in these {
                    squares[group] += precisions[group] * *t * *t;
                    let l = h * *curvature.next().unwrap();
                    gammas[group] += l / (l + precisions[group]);
                    all += l / (l + precisions[group]);
                }
            }
        }
        if tuning.prior {
            squares.iter().zip(&gammas).for_each(|(s, g)| close(*s, *g));
        }
        if tuning.noise {
            close(T::from_usize(fit.samples), h * fit.value + all);
        }
    }
    matches!(found.stop, Stop::Converged | Stop::AtLimit)
}

#[test]
fn a_search_ends_at_a_maximum_or_a_limit_whatever_the_spectrum() {
    let mut rounded = 0;
    for seed in 0..2_500 {
        for range in [4.0, 12.0] {
            assert!(search::<f64>(seed, range), "{seed} {range}");
        }
        for range in [3.0, 8.0] {
            rounded += u32::from(!search::<f32>(seed, range));
        }
    }
    // As many samples as parameters: what is left for the noise is below the rounding of gamma.
    assert!(rounded < 3, "{rounded}");
}

#[test]
fn a_search_in_single_precision_ends_where_that_in_double_does() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let narrow = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<f32>>();
    let theta = narrow(&data.theta);
    for structure in STRUCTURES {
        for (of, noise) in [(0, true), (1, false), (2, false), (3, false)] {
            let of = data.losses()[of];
            let per = Per::Layer;
            let prior = Prior { per, precisions: &[1.0; 3] };
            let (storage, value) = spectrum(&net, data.x(), of, structure, prior, SAMPLES);
            let wide = Spectrum::new(&layers, structure, per, &storage).unwrap();
            let storage = narrow(&storage);
            let spectrum = Spectrum::new(&layers, structure, per, &storage).unwrap();
            let fit = Fit { loss: of.0, value, samples: SAMPLES };
            let tuning = Tuning { noise, ..Tuning::default() };
            let (mut expected, mut h) = ([1.0; 3], 1.0);
            let found =
                maximize(&wide, &data.theta, fit, tuning, &mut expected, &mut h, &mut [0.0; 3]);
            assert_eq!(found.unwrap().stop, Stop::Converged);
            let fit = Fit { loss: of.0, value: value as f32, samples: SAMPLES };
            let tuning = Tuning { noise, ..Tuning::default() };
            for start in [1e-6_f32, 1.0, 1e6] {
                let (mut precisions, mut h32, mut scratch) = ([start; 3], 1.0, [0.0; 3]);
                let found = maximize(
                    &spectrum,
                    &theta,
                    fit,
                    tuning,
                    &mut precisions,
                    &mut h32,
                    &mut scratch,
                )
                .unwrap();
                assert_eq!(found.stop, Stop::Converged, "{structure:?} {start}");
                for (found, expected) in precisions.iter().zip(expected) {
                    let error = (f64::from(*found) / expected - 1.0).abs();
                    assert!(error < 1e-4, "{structure:?} {start}: {error}");
                }
                assert!((f64::from(h32) / h - 1.0).abs() < 1e-4);
            }
        }
    }
}
