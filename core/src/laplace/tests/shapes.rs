//! Networks of every shape: one layer or several, widths of one, biases here and there, every
//! activation, batches of one.

use super::*;
use crate::linalg::tests::relative_difference;
use crate::random::Rng;

/// A random network with its scales, priors for it, and samples.
struct Case {
    layers: Vec<Layer>,
    scales: Vec<Scale<f64>>,
    theta: Vec<f64>,
    precisions: Vec<f64>,
    x: Vec<f64>,
    y: Vec<f64>,
    samples: usize,
}

impl Case {
    fn new(seed: u64) -> Self {
        let rng = &mut Rng::seed(seed);
        let depth = 1 + (seed % 3) as usize;
        let widths: Vec<usize> = (0..=depth).map(|_| 1 + rng.below(4)).collect();
        let layers: Vec<Layer> = (0..depth)
            .map(|l| {
                let hidden = Activation::ALL[rng.below(Activation::ALL.len())];
                let activation = if l + 1 == depth { Activation::Identity } else { hidden };
                Layer::new(widths[l], widths[l + 1], activation).with_bias(rng.below(3) > 0)
            })
            .collect();
        let scales = layers
            .iter()
            .map(|_| Scale { weight: 0.5 + rng.uniform::<f64>(), bias: rng.normal() })
            .collect();
        let samples = 1 + rng.below(6);
        let mut draws = |n: usize| (0..n).map(|_| rng.normal()).collect::<Vec<f64>>();
        let theta = draws(layer::params(&layers));
        let x = draws(widths[0] * samples);
        let y = draws(widths[depth] * samples).iter().map(|y| 0.5 + 0.4 * y.tanh()).collect();
        let precisions = draws(2 * depth).iter().map(|d| d.exp()).collect();
        Self { layers, scales, theta, precisions, x, y, samples }
    }
}

#[test]
fn predictions_of_every_shape_are_those_of_the_dense_matrix() {
    for seed in 0..60 {
        let case = Case::new(seed);
        let layers = &case.layers;
        let net = Mlp::new(layers, &case.theta).unwrap().with_scales(&case.scales).unwrap();
        let x = Mat::of(&case.x, net.inputs(), case.samples);
        let y = Targets::Values(Mat::of(&case.y, net.outputs(), case.samples));
        let o = net.outputs();
        let of = ([Loss::Mse, Loss::CrossEntropy, Loss::Bce][seed as usize / 3 % 3], y);
        for structure in STRUCTURES {
            let h = dense(&net, x, of, structure);
            for per in [Per::Network, Per::Layer, Per::Tensor] {
                let count = per.count(layers);
                let prior = Prior { per, precisions: &case.precisions[..count] };
                if let Err(error) = prior.check(layers, structure) {
                    assert!(matches!(error, LaplaceError::JointBias { .. }));
                    continue;
                }
                let label = std::format!("{seed} {layers:?} {structure:?} {per:?}");
                let (storage, _) = spectrum(&net, x, of, structure, prior, 2);
                let spectrum = Spectrum::new(layers, structure, per, &storage).unwrap();
                let mut numbers = vec![f64::NAN; posterior_len(layers, structure)];
                let posterior = Posterior::write(&spectrum, prior, 0.6, &mut numbers).unwrap();
                let (s, _) = inverse(&h, 1.0 / 0.36, &precisions(layers, prior));
                let expected = covariances(&net, x, &s);
                let (mean, found) = predicted(&net, &posterior, x);
                let error = relative_difference(&found, &expected);
                assert!(error < 1e-9, "{label}: {error}");
                // One by one, and from the numbers alone.
                let again = Posterior::from_exported(layers, structure, 0.6, posterior.data());
                let len = expected.len() / case.samples;
                for (n, expected) in expected.chunks(len).enumerate() {
                    let (_, found) = predicted(&net, &again.unwrap(), x.columns_range(n, 1));
                    let error = relative_difference(&found, expected);
                    assert!(error < 1e-9, "{label} {n}: {error}");
                    let (mut f, mut found) = (vec![f64::NAN; o], vec![f64::NAN; o * o]);
                    let mut scratch = vec![f64::NAN; predict_one_scratch(layers, structure)];
                    posterior
                        .predict_one(&net, x.col(n), &mut f, &mut found, &mut scratch)
                        .unwrap();
                    let error = relative_difference(&found, expected);
                    assert!(error < 1e-9, "{label} {n}, one: {error}");
                    let error = relative_difference(&f, &mean[n * o..(n + 1) * o]);
                    assert!(error < 1e-12, "{label} {n}, mean of one: {error}");
                }
            }
        }
    }
}
