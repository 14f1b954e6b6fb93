//! The posterior: sums, spectra, predictions, draws, the last layer.

use crate::{Ledger, networks, noise};
use nanocurv::Mat;
use nanocurv::fixed::laplace::{self as typed, last_layer};
use nanocurv::kfac::Bias;
use nanocurv::laplace::{
    self, Fit, LaplaceError, Per, Posterior, Prior, Spectrum, Stream, Structure, Tuning,
};
use nanocurv::network::{Loss, Mlp, Targets, features, forward_scratch};
use nanocurv::random::Rng;
use nanocurv_tests::{mat, mat_mut};

const SAMPLES: usize = 7;
const STRUCTURES: [Structure; 5] = [
    Structure::Full,
    Structure::Kronecker(Bias::Joint),
    Structure::Kronecker(Bias::Separate),
    Structure::Ekfac(Bias::Joint),
    Structure::Diagonal,
];

pub fn posteriors(ledger: &Ledger) {
    for (layers, theta) in networks() {
        let net = Mlp::new(&layers, &theta).unwrap();
        let (x, y) = (noise(3 * SAMPLES, 61), noise(2 * SAMPLES, 62));
        let (x, targets) = (mat(&x, 3, SAMPLES), Targets::Values(mat(&y, 2, SAMPLES)));
        for structure in STRUCTURES {
            of_a_structure(ledger, &net, x, targets, structure);
            last_layers(ledger, &net, x, structure);
        }
        streams(ledger, &net);
    }
    let root = [0.5, 0.1, 0.0, 0.2];
    let needed = laplace::probabilities_by_draws_scratch(2);
    ledger.scratch("laplace::classes::probabilities_by_draws_scratch", needed, |s| {
        let (loss, rng) = (Loss::CrossEntropy, &mut Rng::seed(1));
        let (f, root) = ([0.3, -0.2], mat(&root, 2, 2));
        laplace::probabilities_by_draws(loss, &f, root, 3, rng, &mut [0.0; 2], s)
    });
}

fn of_a_structure(
    ledger: &Ledger,
    net: &Mlp<'_, f64>,
    x: Mat<'_, f64>,
    targets: Targets<'_, f64>,
    structure: Structure,
) {
    let (layers, theta) = (net.layers(), net.theta());
    let accumulate = |sums: &mut [f64], s: &mut [f64]| {
        laplace::accumulate(net, x, targets, Loss::Mse, structure, 0.0, sums, s)
    };
    let needed = laplace::accumulate_scratch(layers, structure, SAMPLES);
    let mut sums = vec![0.0; laplace::sums_len(layers, structure)];
    ledger.scratch("laplace::sums::accumulate_scratch", needed, |s| {
        accumulate(&mut sums, s).map(|_| ())
    });
    ledger.scratch("laplace::sums::sums_len", sums.len(), |sums| {
        accumulate(sums, &mut vec![0.0; needed]).map(|_| ())
    });

    let prior = Prior::of(&0.5);
    let decompose = |storage: &mut [f64], s: &mut [f64]| {
        laplace::decompose(layers, structure, prior, &sums, storage, s)
    };
    let needed = laplace::decompose_scratch(layers, structure);
    let mut storage = vec![0.0; laplace::spectrum_len(layers, structure)];
    ledger.scratch("laplace::spectrum::spectrum_len", storage.len(), |storage| {
        decompose(storage, &mut vec![0.0; needed])
    });
    ledger.scratch("laplace::spectrum::decompose_scratch", needed, |s| decompose(&mut storage, s));
    if let Structure::Ekfac(bias) = structure {
        let needed = laplace::correct_scratch(layers, SAMPLES);
        ledger.scratch("laplace::spectrum::correct_scratch", needed, |s| {
            laplace::correct(net, x, targets, Loss::Mse, bias, 0.0, &mut storage, s)
        });
    }

    let spectrum = Spectrum::new(layers, structure, Per::Layer, &storage).unwrap();
    let fit = Fit { loss: Loss::Mse, value: 3.0, samples: SAMPLES };
    let needed = laplace::maximize_scratch(layers, Per::Layer);
    ledger.scratch("laplace::evidence::maximize_scratch", needed, |s| {
        let (mut precisions, mut h) = (vec![0.5; layers.len()], 1.0);
        let tuning = Tuning::default();
        laplace::maximize(&spectrum, theta, fit, tuning, &mut precisions, &mut h, s).map(|_| ())
    });
    let precisions = vec![0.5; layers.len()];
    let prior = Prior { per: Per::Layer, precisions: &precisions };
    let mut numbers = vec![0.0; laplace::posterior_len(layers, structure)];
    ledger.scratch("laplace::posterior::posterior_len", numbers.len(), |numbers| {
        Posterior::write(&spectrum, prior, 0.3, numbers).map(|_| ())
    });

    let posterior = Posterior::write(&spectrum, prior, 0.3, &mut numbers).unwrap();
    let needed = laplace::sample_scratch(layers, structure);
    ledger.scratch("laplace::posterior::sample_scratch", needed, |s| {
        posterior.sample(theta, &mut Rng::seed(2), &mut vec![0.0; theta.len()], s)
    });
    let needed = laplace::predict_scratch(layers, structure, SAMPLES);
    ledger.scratch("laplace::predict::predict_scratch", needed, |s| {
        let (mut mean, mut covariance) = ([0.0; 2 * SAMPLES], [0.0; 4 * SAMPLES]);
        posterior.predict(net, x, mat_mut(&mut mean, 2, SAMPLES), &mut covariance, s)
    });
    let needed = laplace::predict_one_scratch(layers, structure);
    ledger.scratch("laplace::one::predict_one_scratch", needed, |s| {
        posterior.predict_one(net, x.col(0), &mut [0.0; 2], &mut [0.0; 4], s)
    });
}

/// What the typed front's functions do: features, then the last layer with what is left.
fn last_layers(ledger: &Ledger, net: &Mlp<'_, f64>, x: Mat<'_, f64>, structure: Structure) {
    let (layers, hidden) = (net.layers(), net.depth() - 1);
    let last = last_layer(layers);
    let back = net.back(hidden).unwrap();
    let numbers = vec![0.25; laplace::posterior_len(last, structure)];
    let posterior = Posterior::new(last, structure, 0.3, &numbers).unwrap();
    let width = if hidden > 0 { last[0].inputs } else { 0 };
    let of = |samples: usize, s: &mut [f64]| -> Result<Vec<f64>, LaplaceError> {
        let mut phi = x.data()[..3 * samples].to_vec();
        if hidden > 0 {
            phi.resize(width * samples, 0.0);
            let x = x.columns_range(0, samples);
            features(net, hidden, x, mat_mut(&mut phi, width, samples), s)?;
        }
        Ok(phi)
    };
    let needed = typed::last_layer_scratch(layers, structure, SAMPLES);
    ledger.scratch("fixed::laplace::last::last_layer_scratch", needed, |s| {
        let s = &mut s[width * SAMPLES..];
        let phi = of(SAMPLES, s)?;
        let (mut mean, mut covariance) = ([0.0; 2 * SAMPLES], [0.0; 4 * SAMPLES]);
        let phi = mat(&phi, last[0].inputs, SAMPLES);
        posterior.predict(&back, phi, mat_mut(&mut mean, 2, SAMPLES), &mut covariance, s)
    });
    let needed = typed::last_layer_one_scratch(layers, structure);
    ledger.scratch("fixed::laplace::last::last_layer_one_scratch", needed, |s| {
        let s = &mut s[width..];
        let phi = of(1, s)?;
        posterior.predict_one(&back, &phi, &mut [0.0; 2], &mut [0.0; 4], s)
    });
}

fn streams(ledger: &Ledger, net: &Mlp<'_, f64>) {
    let last = net.layers().last().unwrap();
    let start = |state: &mut [f64]| Stream::start(last, 0.5, 0.3, state).map(|_| ());
    ledger.scratch("laplace::stream::stream_len", laplace::stream_len(last), start);
    let len = typed::stream_len(net.layers());
    ledger.scratch("fixed::laplace::stream::stream_len", len, start);

    let phi = noise(last.inputs, 63);
    let update = |s: &mut [f64]| {
        let mut state = vec![0.0; len];
        let mut stream = Stream::start(last, 0.5, 0.3, &mut state)?;
        let mut theta = vec![0.1; last.params()];
        stream.predict(&theta, &phi, &mut [0.0; 2], s)?;
        stream.update(&phi, &[1.0, -1.0], &mut theta, s).map(|_| ())
    };
    ledger.scratch("laplace::stream::stream_scratch", laplace::stream_scratch(last), update);
    // The typed front's: features, then the stream with what is left.
    let hidden = net.depth() - 1;
    let width = if hidden > 0 { last.inputs } else { 0 };
    let needed = typed::stream_scratch(net.layers());
    ledger.scratch("fixed::laplace::stream::stream_scratch", needed, |s| {
        let (to, s) = s.split_at_mut(width);
        if hidden > 0 {
            features(net, hidden, mat(&[0.1, 0.2, 0.3], 3, 1), mat_mut(to, width, 1), s)?;
        }
        update(s)
    });
}

pub fn features_of_layers(ledger: &Ledger) {
    for (layers, theta) in networks() {
        let net = Mlp::new(&layers, &theta).unwrap();
        let x = noise(3 * SAMPLES, 64);
        for hidden in 1..layers.len() {
            let width = layers[hidden - 1].outputs;
            let needed = forward_scratch(&layers, SAMPLES);
            ledger.scratch("network::tape::forward_scratch", needed, |s| {
                let mut to = vec![0.0; width * SAMPLES];
                let to = mat_mut(&mut to, width, SAMPLES);
                features(&net, hidden, mat(&x, 3, SAMPLES), to, s)
            });
        }
    }
}
