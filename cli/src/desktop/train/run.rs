//! The training itself.

use nanocurv::network::{Architecture, Loss, Reduction};

use super::checkpoint::{Best, Checkpoint};
use super::curve::{Curve, Row};
use super::minimizer::Minimizer;
use super::samples::{Batches, Score, split};
use super::settings::TrainSettings;
use super::view::View;
use crate::desktop::array::Float;
use crate::desktop::data::Data;
use crate::desktop::error::{Context, Error, Result};
use crate::desktop::network::Network;
use crate::desktop::watch::{Watch, Work};

/// A loss that has grown this much past the first is not coming back.
const DIVERGED: f64 = 1e6;

/// A training that has come to its end, or was asked to stop.
#[derive(Clone, Debug)]
pub struct Trained<T> {
    /// The losses on the way.
    pub curve: Curve,
    /// Where it stands: the parameters, the best of them, what the optimiser remembers; of the
    /// layers that learn, in the units that they learn in.
    pub checkpoint: Checkpoint<T>,
    /// The parameters of the whole network.
    pub theta: Vec<T>,
    /// The best of them.
    pub best: Vec<T>,
    /// Whether it was asked to stop before its end.
    pub interrupted: bool,
    /// The steps within which K-FAC had to raise its damping.
    pub raised: usize,
}

/// What training works on.
struct Problem<'a, T> {
    net: Architecture<'a, T>,
    training: &'a Data<T>,
    validation: Option<&'a Data<T>>,
    loss: (Loss, Reduction),
}

/// Trains a network, from its parameters or from where another run stood. A watch that breaks
/// stops it after the step; what there is by then is the result.
///
/// # Errors
/// If settings, data and network do not fit together, or training diverges.
pub fn train<T: Float>(
    net: &Network<T>,
    data: &Data<T>,
    settings: &TrainSettings,
    start: Option<Checkpoint<T>>,
    watch: Watch<'_>,
) -> Result<Trained<T>> {
    settings.validate()?;
    let split = settings.validation.map(|share| split(data, share, settings.seed)).transpose()?;
    let (training, validation) = match &split {
        Some((training, validation)) => (training, Some(validation)),
        None => (data, None),
    };
    let view = View::new(net, training, settings)?;
    let training = &*view.data(training)?;
    let validation = validation.map(|data| view.data(data)).transpose()?;
    let problem = Problem {
        net: view.net.architecture()?,
        training,
        validation: validation.as_deref(),
        loss: settings.loss,
    };
    let size = settings.batch_size.unwrap_or(training.len()).min(training.len());
    let mut minimizer =
        Minimizer::new(&settings.optimizer, &problem.net, settings.loss, size, settings.seed);
    if let Some(precision) = settings.anchor {
        minimizer.anchor(T::of(precision), view.net.theta.clone());
    }
    let start = match start {
        Some(checkpoint) => {
            checkpoint.fits(settings.iterations, view.net.params())?;
            checkpoint
        }
        None => Checkpoint::at_start(&view.net.theta, minimizer.memory()),
    };
    let Checkpoint { mut iteration, mut theta, memory, mut best } = start;
    minimizer.restore(memory).context("--resume")?;
    let work = Work::new(watch, "training", settings.iterations - iteration);
    let mut batches = Batches::new(training, size, settings.seed);
    let every = settings.every.unwrap_or(batches.per_epoch());
    let mut curve = Curve::default();
    let (mut limit, mut interrupted) = (f64::INFINITY, work.advance(0).is_err());
    let mut raised = 0;
    loop {
        let stop = iteration >= settings.iterations || interrupted;
        if stop || iteration % every == 0 {
            let row = problem.measure(&theta, iteration, minimizer.damping())?;
            let loss = row.training.loss;
            if loss.is_nan() || loss > limit {
                return Err(diverged(
                    format!("at iteration {iteration} the loss is {loss:e}"),
                    settings,
                ));
            }
            if limit.is_infinite() {
                limit = DIVERGED * loss.max(1.0);
            }
            let judged = row.validation.unwrap_or(row.training).loss;
            if judged < best.loss {
                best = Best { loss: judged, iteration, theta: theta.clone() };
            }
            curve.push(row);
        }
        if stop {
            break;
        }
        let step = minimizer.step(&problem.net, &mut theta, &batches.get(iteration));
        raised += usize::from(step.with_context(|| {
            format!("training diverged at iteration {iteration}; {}", settings.advice())
        })?);
        iteration += 1;
        interrupted = work.advance(1).is_err();
    }
    let interrupted = interrupted && iteration < settings.iterations;
    let (whole, best_whole) = (view.theta(&theta), view.theta(&best.theta));
    let checkpoint = Checkpoint { iteration, theta, memory: minimizer.memory(), best };
    Ok(Trained { curve, checkpoint, theta: whole, best: best_whole, interrupted, raised })
}

fn diverged(what: String, settings: &TrainSettings) -> Error {
    Error::Divergence(format!("training diverged: {what}; {}", settings.advice()))
}

impl<T: Float> Problem<'_, T> {
    /// The losses at `theta`.
    fn measure(&self, theta: &[T], iteration: usize, damping: f64) -> Result<Row> {
        let diverged = || format!("training diverged: at iteration {iteration} the parameters");
        let net = self.net.at(theta).with_context(diverged)?;
        let score = |samples| Score::of(&net, samples, self.loss);
        let training = score(self.training)?;
        let validation = self.validation.map(score).transpose()?;
        Ok(Row { iteration, training, validation, damping })
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use nanocurv::network::Activation;
    use ndarray::Array2;

    use super::super::settings::{OptimizerKind, OptimizerSettings};
    use super::*;
    use crate::desktop::network::{Arch, Parameterization};
    use crate::desktop::{Progress, Targets, UNWATCHED};

    /// `sin` on 24 points, and a network for it.
    fn problem() -> (Network<f64>, Data<f64>) {
        let x = Array2::from_shape_fn((24, 1), |(i, _)| i as f64 / 8.0 - 1.5);
        let y = x.mapv(f64::sin);
        let state = "1-6-1".parse::<Arch>().unwrap().initial(true, Parameterization::Standard, 3);
        let net = Network::new("net", state, &[Activation::Tanh]).unwrap();
        (net, Data::new(x, Targets::Values(y)).unwrap())
    }

    fn settings(kind: OptimizerKind, iterations: usize) -> TrainSettings {
        TrainSettings {
            optimizer: OptimizerSettings::new(kind),
            batch_size: Some(7),
            every: Some(1),
            ..TrainSettings::new((Loss::Mse, Reduction::Mean), iterations)
        }
    }

    #[test]
    fn what_was_stopped_goes_on_bit_for_bit() {
        let (net, data) = problem();
        let stop = |progress: Progress| match progress.done {
            4 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        for kind in
            [OptimizerKind::Kfac, OptimizerKind::Ekfac, OptimizerKind::Sgd, OptimizerKind::Adam]
        {
            let settings = settings(kind, 9);
            let whole = train(&net, &data, &settings, None, UNWATCHED).unwrap();
            let losses = |curve: &Curve| curve.columns().swap_remove(0).1;
            let loss = losses(&whole.curve);
            assert!(!whole.interrupted && loss[9] < loss[0], "{kind}");
            let first = train(&net, &data, &settings, None, &stop).unwrap();
            assert!(first.interrupted);
            assert_eq!((first.checkpoint.iteration, first.curve.rows().len()), (4, 5));
            let from = Some(first.checkpoint);
            let rest = train(&net, &data, &settings, from, UNWATCHED).unwrap();
            assert_eq!(losses(&rest.curve), loss[4..], "{kind}");
            assert_eq!(rest.checkpoint, whole.checkpoint, "{kind}");
        }
    }

    #[test]
    fn a_checkpoint_of_another_training_is_refused() {
        let (net, data) = problem();
        let adam = |iterations| settings(OptimizerKind::Adam, iterations);
        let from = train(&net, &data, &adam(2), None, UNWATCHED).unwrap().checkpoint;
        let go_on =
            |settings: &TrainSettings| train(&net, &data, settings, Some(from.clone()), UNWATCHED);
        assert!(go_on(&adam(4)).is_ok());
        assert!(go_on(&adam(1)).is_err());
        assert!(go_on(&settings(OptimizerKind::Sgd, 4)).is_err());
    }
}
