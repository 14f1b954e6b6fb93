//! Fitting a posterior: sums over chunks of samples, their spectrum, the evidence.

use nanocurv::laplace::{self, Fit, Prior, Spectrum, Structure, Tuning};
use nanocurv::network::{Loss, Reduction};
use ndarray::ArrayView2;
use rayon::prelude::*;

use super::digest::digest;
use super::posterior::Posterior;
use super::settings::LaplaceSettings;
use crate::desktop::array::{Float, samples, zeros};
use crate::desktop::choice::Choice as _;
use crate::desktop::data::Data;
use crate::desktop::error::{Context, Result, ensure};
use crate::desktop::features::features;
use crate::desktop::network::Network;
use crate::desktop::targets::Targets;
use crate::desktop::watch::{Watch, Work};

/// Samples that one thread takes at a time: the same sums whatever the number of threads.
const CHUNK: usize = 64;

/// How well network, prior and noise explain the data.
pub type Evidence = laplace::Evidence<f64>;

/// A posterior and how it came to be.
#[derive(Clone, Debug)]
pub struct Fitted<T> {
    /// The posterior.
    pub posterior: Posterior<T>,
    /// Its prior precisions.
    pub prior_precision: Vec<f64>,
    /// The evidence and its parts.
    pub evidence: Evidence,
    /// The steps of the search for prior precision and noise; none where both were given.
    pub iterations: u32,
    /// Why the search stopped, where there was one.
    pub stop: Option<laplace::Stop>,
}

/// Fits a posterior to all data.
///
/// # Errors
/// If settings, network and data do not fit together, there is no sample, the curvature is not
/// finite, or the work is stopped.
pub fn fit<T: Float>(
    net: &Network<T>,
    data: &Data<T>,
    settings: &LaplaceSettings,
    watch: Watch<'_>,
) -> Result<Fitted<T>> {
    settings.validate()?;
    ensure!(!data.is_empty(), "--data: found no samples, needed one at least");
    ensure!(data.weighted.is_none(), "--weights: weights of the loss are not taken here");
    check_kind(net, &data.targets, settings.loss)?;
    let structure = settings.structure.core(settings.separate_bias);
    if settings.last_layer && net.layers().len() > 1 {
        let last = net.layers().len() - 1;
        let (back, x) = (net.back(last), features(net, last, data.x.view())?);
        return fit_layers(net, &back, (x.view(), &data.targets), structure, settings, watch);
    }
    fit_layers(net, net, (data.x.view(), &data.targets), structure, settings, watch)
}

/// Fails unless the targets are of the loss's kind: values, or classes and their probabilities.
fn check_kind<T: Float>(net: &Network<T>, targets: &Targets<T>, loss: Loss) -> Result<()> {
    let outputs = net.outputs();
    ensure!(
        loss != Loss::CrossEntropy || outputs > 1,
        "--loss cross-entropy: {} has one output, needed one for each class; for two classes on \
         one output take bce",
        net.name
    );
    let Targets::Values(y) = targets else { return Ok(()) };
    if loss != Loss::Mse {
        for ((row, output), y) in y.indexed_iter() {
            let y = y.to_f64();
            ensure!(
                (0.0..=1.0).contains(&y),
                "--targets: row {}, column {}: found {y}, needed a probability, as --loss {loss} \
                 has classes",
                row + 1,
                output + 1,
                loss = loss.name()
            );
        }
    }
    Ok(())
}

/// The posterior over all parameters of `layers`, which is `whole` or its last layer.
fn fit_layers<T: Float>(
    whole: &Network<T>,
    layers: &Network<T>,
    (x, targets): (ArrayView2<'_, T>, &Targets<T>),
    structure: Structure,
    settings: &LaplaceSettings,
    watch: Watch<'_>,
) -> Result<Fitted<T>> {
    let per = settings.per.core();
    let count = per.count(layers.layers());
    let given = settings.prior_precision.as_deref();
    let mut precisions = match given {
        None => vec![T::ONE; count],
        Some([one]) => vec![T::of(*one); count],
        Some(several) => {
            let found = several.len();
            ensure!(
                found == count,
                "--prior-precision: found {found} numbers, needed {count}, one for each {}",
                settings.per
            );
            several.iter().map(|d| T::of(*d)).collect()
        }
    };
    let mut work = Work::new(watch, "fit", x.nrows());
    let (sums, value) = accumulate(layers, x, targets, settings.loss, structure, &work)?;

    let (core, params) = (layers.layers(), &layers.theta);
    let mut storage = zeros::<T>(&[laplace::spectrum_len(core, structure)])?;
    let mut scratch = zeros::<T>(&[laplace::decompose_scratch(core, structure)])?;
    let prior = Prior { per, precisions: &precisions };
    laplace::decompose(core, structure, prior, &sums, &mut storage, &mut scratch)
        .context("the curvature")?;
    if let Structure::Ekfac(bias) = structure {
        work = Work::new(watch, "second moments", x.nrows());
        correct(layers, x, targets, settings.loss, bias, &mut storage, &work)?;
    }
    let spectrum = Spectrum::new(core, structure, per, &storage)?;

    let fit = Fit { loss: settings.loss, value, samples: x.nrows() };
    let regression = settings.loss == Loss::Mse;
    let mut inverse_noise = match settings.noise {
        Some(noise) => laplace::inverse_noise(T::of(noise)).context("--noise")?,
        None if regression => {
            let terms = T::from_usize(x.nrows() * layers.outputs());
            let start = terms / value;
            if start.is_finite() && start > T::ZERO { start } else { T::ONE }
        }
        None => T::ONE,
    };
    let tuning = Tuning {
        prior: given.is_none(),
        noise: settings.noise.is_none() && regression,
        ..Tuning::default()
    };
    let (evidence, iterations, stop) = if tuning.prior || tuning.noise {
        let mut scratch = zeros::<T>(&[laplace::maximize_scratch(core, per)])?;
        let tuned = laplace::maximize(
            &spectrum,
            params,
            fit,
            tuning,
            &mut precisions,
            &mut inverse_noise,
            &mut scratch,
        )
        .context("the evidence")?;
        (tuned.evidence, tuned.iterations, Some(tuned.stop))
    } else {
        let prior = Prior { per, precisions: &precisions };
        let evidence = laplace::evidence(&spectrum, params, fit, prior, inverse_noise)
            .context("the evidence")?;
        (evidence, 0, None)
    };

    // One that was given stays what it is, not the inverse of its inverse.
    let noise = settings.noise.map_or_else(|| T::ONE / inverse_noise.sqrt(), T::of);
    let prior = Prior { per, precisions: &precisions };
    let mut numbers = zeros::<T>(&[laplace::posterior_len(core, structure)])?;
    laplace::Posterior::write(&spectrum, prior, noise, &mut numbers).context("the posterior")?;
    let posterior = Posterior {
        loss: settings.loss,
        structure: settings.structure,
        separate_bias: settings.separate_bias,
        last_layer: settings.last_layer,
        noise: noise.to_f64(),
        digest: digest(whole),
        data: numbers,
        factors: factors(layers, &sums, x.nrows(), (settings.loss, structure)),
    };
    let prior_precision = precisions.iter().map(|d| d.to_f64()).collect();
    let evidence = laplace::Evidence {
        log_likelihood: evidence.log_likelihood.to_f64(),
        log_det_ratio: evidence.log_det_ratio.to_f64(),
        scatter: evidence.scatter.to_f64(),
        log_marginal_likelihood: evidence.log_marginal_likelihood.to_f64(),
        effective_parameters: evidence.effective_parameters.to_f64(),
    };
    Ok(Fitted { posterior, prior_precision, evidence, iterations, stop })
}

/// K-FAC's factors of the mean loss, of the sums over all samples: `A = sum a a^T / N`,
/// `G = c sum g g^T` with the mean's `c`; those sums have the loss's Hessian, halved for the squared
/// error.
fn factors<T: Float>(
    net: &Network<T>,
    sums: &[T],
    samples: usize,
    (loss, structure): (Loss, Structure),
) -> Vec<T> {
    if !matches!(structure, Structure::Kronecker(_) | Structure::Ekfac(_)) {
        return Vec::new();
    }
    let input = T::ONE / T::from_usize(samples);
    let whole = if loss == Loss::Mse { T::of(2.0) } else { T::ONE };
    let output = whole * loss.scale(Reduction::Mean, samples, net.outputs());
    let (mut factors, mut rest) = (Vec::new(), sums);
    for layer in net.layers() {
        let (n, m) = (layer.homogeneous_inputs(), layer.outputs);
        let (a, after) = rest.split_at(n * n);
        let (g, after) = after.split_at(m * m);
        factors.extend(a.iter().map(|v| input * *v).chain(g.iter().map(|v| output * *v)));
        rest = after;
    }
    factors
}

/// The sums of all samples and the summed loss: as many chunks side by side as there are threads,
/// added in the order of the samples.
fn accumulate<T: Float>(
    net: &Network<T>,
    x: ArrayView2<'_, T>,
    targets: &Targets<T>,
    loss: Loss,
    structure: Structure,
    work: &Work<'_>,
) -> Result<(Vec<T>, T)> {
    let (mlp, x, targets) = (net.mlp()?, samples(x)?, targets.core()?);
    let len = laplace::sums_len(mlp.layers(), structure);
    let mut sums = zeros::<T>(&[len])?;
    let mut value = T::ZERO;
    let starts: Vec<usize> = (0..x.cols()).step_by(CHUNK).collect();
    for wave in starts.chunks(rayon::current_num_threads().max(1)) {
        let parts = wave.par_iter().map(|from| -> Result<_> {
            let n = CHUNK.min(x.cols() - from);
            let mut part = zeros::<T>(&[len])?;
            let mut scratch =
                zeros::<T>(&[laplace::accumulate_scratch(mlp.layers(), structure, n)])?;
            let (x, targets) = (x.columns_range(*from, n), targets.range(*from, n));
            let value = laplace::accumulate(
                &mlp,
                x,
                targets,
                loss,
                structure,
                T::ZERO,
                &mut part,
                &mut scratch,
            )
            .context("--data, --targets")?;
            work.advance(n)?;
            Ok((part, value))
        });
        for (part, loss) in parts.collect::<Result<Vec<_>>>()? {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            value += loss;
        }
    }
    Ok((sums, value))
}

/// EKFAC's second pass.
fn correct<T: Float>(
    net: &Network<T>,
    x: ArrayView2<'_, T>,
    targets: &Targets<T>,
    loss: Loss,
    bias: nanocurv::kfac::Bias,
    storage: &mut [T],
    work: &Work<'_>,
) -> Result<()> {
    let (mlp, x, targets) = (net.mlp()?, samples(x)?, targets.core()?);
    let mut scratch = zeros::<T>(&[laplace::correct_scratch(mlp.layers(), CHUNK.min(x.cols()))])?;
    for from in (0..x.cols()).step_by(CHUNK) {
        let n = CHUNK.min(x.cols() - from);
        let (x, targets) = (x.columns_range(from, n), targets.range(from, n));
        let keep = if from == 0 { T::ZERO } else { T::ONE };
        laplace::correct(&mlp, x, targets, loss, bias, keep, storage, &mut scratch)
            .context("--data, --targets")?;
        work.advance(n)?;
    }
    Ok(())
}
