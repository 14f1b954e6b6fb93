//! `nanocurv train`: a small regression or classification, with a second-order method or another.

mod checkpoint;
mod curve;
mod optimizer;
mod samples;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use nanocurv::network::{self, Architecture};

use crate::args::{
    Arch, DataArgs, Dtype, LossArgs, ModelArgs, Net, OutputArgs, PlotArgs, TargetArgs,
};
use crate::array::Float;
use crate::exit::{Interruptible, Outcome};
use crate::io;
use crate::progress::Progress;
use crate::session::Session;
pub use checkpoint::{Best, Checkpoint, Run};
use curve::{Curve, Row};
pub use optimizer::{Engine, Kind, Memory, OptimizerArgs};
pub use samples::{Batches, Samples, Score};

/// The damping that K-FAC starts with, and the factor per step by which it moves. Small networks
/// on whole data sets bear less damping, and sooner, than the paper's large ones: of the start
/// 0.01 to 10 and the factor 0.8 to 0.95, on the digits and diabetes sets, these are in the middle
/// of where a run of 200 steps hardly depends on them.
const DAMPING: f64 = 0.1;
const DAMPING_DECAY: f64 = 0.9;

/// A loss that has grown this much past the first is not coming back.
const DIVERGED: f64 = 1e6;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: `iteration` and `loss` (of all training samples, before the step of that \
number), with --validation `validation_loss`, with class labels `accuracy`, with kfac and ekfac \
`damping`; in JSON also `best_iteration` and `best_loss`. --out holds the parameters under \
PyTorch's names, and in its metadata what --resume needs to go on bit for bit. Ctrl-C writes the \
best parameters so far and exits 130; a loss that is no longer finite exits 2.

Examples:
  nanocurv train --arch 10-16-8-1 --activation tanh --data x.csv --targets y.csv --loss mse \
--iterations 100 --out net.safetensors
  nanocurv train --net net.safetensors --activation relu --data x.npy --targets labels.npy \
--loss cross-entropy --optimizer adam --learning-rate 0.003 --batch-size 32 --validation 0.2 \
--iterations 1000 --plot curve.svg --out tuned.safetensors
  nanocurv train --arch 10-16-8-1 --activation tanh --data x.csv --targets y.csv --loss mse \
--iterations 200 --resume net.safetensors --out net.safetensors"
)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    loss: LossArgs,
    #[command(flatten)]
    optimizer: OptimizerArgs,
    /// Steps in all, those of a resumed run included
    #[arg(long, value_name = "N", help_heading = "Training")]
    iterations: usize,
    /// Samples in a step, drawn anew every epoch [default: all of them]
    #[arg(long, value_name = "B", help_heading = "Training")]
    batch_size: Option<usize>,
    /// The share of samples that is held out, in random choice, to measure the loss on
    #[arg(long, value_name = "FRACTION", help_heading = "Training")]
    validation: Option<f64>,
    /// What initial weights, batches and draws follow from
    #[arg(long, value_name = "S", default_value_t = 0, help_heading = "Training")]
    seed: u64,
    /// Steps from one measurement of the loss to the next [default: an epoch]
    #[arg(long, value_name = "N", help_heading = "Training")]
    every: Option<usize>,
    /// Go on from where the run stood that wrote FILE; all options but --iterations as there
    #[arg(long, value_name = "FILE", help_heading = "Training")]
    resume: Option<PathBuf>,
    /// Which parameters --out gets: the last, or those with the least loss, on the samples held
    /// out if there are any
    #[arg(long, value_enum, default_value_t, value_name = "WHICH", help_heading = "Output")]
    keep: Keep,
    /// Write the network to FILE: .safetensors
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
    #[command(flatten)]
    plot: PlotArgs,
}

/// Which parameters are the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Keep {
    /// The last
    #[default]
    Last,
    /// Those with the least loss
    Best,
}

/// What training works on.
struct Problem<'a, T> {
    net: Architecture<'a, T>,
    training: &'a Samples<T>,
    validation: Option<&'a Samples<T>>,
    loss: network::Loss,
    reduction: network::Reduction,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, training diverges, or a result cannot be
    /// written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match session.global.dtype {
            Dtype::F32 => self.run_as::<f32>(session),
            Dtype::F64 => self.run_as::<f64>(session),
        }
    }

    /// Fails before the work begins on what can be seen from the arguments alone.
    fn validate(&self) -> Result<()> {
        self.plot.validate()?;
        self.optimizer.validate()?;
        if let Some(path) = &self.out {
            io::check_destination(path, &["safetensors"])?;
        }
        for (option, value) in [("--batch-size", self.batch_size), ("--every", self.every)] {
            ensure!(value != Some(0), "{option}: found 0, needed at least 1");
        }
        if let Some(share) = self.validation {
            ensure!(
                share > 0.0 && share < 1.0,
                "--validation: found {share}, needed a fraction between 0 and 1"
            );
        }
        Ok(())
    }

    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        self.validate()?;
        let (net, samples) = session.read(|| {
            let net = self.model.read::<T>(self.seed)?;
            let data = self.data.read(&net)?;
            let targets = self.targets.read(&self.data, &data, &net, &self.loss)?;
            anyhow::Ok((net, Samples::new(data.x, targets)))
        })?;
        let run = self.describe(&net, session.global.dtype, samples.len());
        let resumed = session.read(|| {
            self.resume.as_ref().map(|path| checkpoint::load::<T>(path, &run)).transpose()
        })?;
        let split = self.validation.map(|share| samples.split(share, self.seed)).transpose()?;
        let (training, validation) = match &split {
            Some((training, validation)) => (training, Some(validation)),
            None => (&samples, None),
        };
        let (loss, reduction) = self.loss.core();
        let problem = Problem { net: net.architecture()?, training, validation, loss, reduction };

        let start = match (resumed, &self.resume) {
            (Some(checkpoint), Some(path)) => self
                .fits(&checkpoint, net.theta.len())
                .map(|()| checkpoint)
                .with_context(|| path.display().to_string())?,
            _ => self.start(&problem, &net.theta),
        };
        let progress = session.progress("training", self.iterations - start.iteration);
        let interruptible = Interruptible::begin();
        let (curve, checkpoint) =
            session.compute(|| self.train(&problem, start, &progress, &interruptible))?;
        drop(progress);
        let interrupted = interruptible.requested();
        drop(interruptible);

        if let Some(path) = &self.out {
            let theta = match self.keep {
                Keep::Last if !interrupted => &checkpoint.theta,
                _ => &checkpoint.best.theta,
            };
            checkpoint::save(path, &net, theta, &checkpoint, &run)?;
            session.note(&format!("wrote {}", path.display()));
        }
        if let Some(path) = &self.plot.plot {
            curve.figure(&self.optimizer.optimizer.name()).write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        let report = curve.report(session.global.format, &checkpoint.best);
        let outcome = session.finish(report, &OutputArgs::default(), None)?;
        if interrupted {
            session.note(&format!(
                "interrupted after {} iterations; the best loss was {:e}, before iteration {}",
                checkpoint.iteration, checkpoint.best.loss, checkpoint.best.iteration
            ));
            return Ok(Outcome::Interrupted);
        }
        Ok(outcome)
    }

    /// What a resumed run must share with the one before.
    fn describe<T: Float>(&self, net: &Net<T>, dtype: Dtype, samples: usize) -> Run {
        let o = &self.optimizer;
        let activations: Vec<_> =
            net.reference.layers.iter().map(|l| l.activation.name()).collect();
        let text = |value: Option<f64>| value.map(|v| format!("{v:?}"));
        let count = |value: Option<u32>| value.map(|v| v.to_string());
        let word = |value: Option<String>| value.map(|v| v.to_lowercase());
        let scales = net.reference.layers.iter();
        let scales: Vec<_> =
            scales.map(|l| format!("{:?} {:?}", l.weight_scale, l.bias_scale)).collect();
        let options = [
            ("widths", Some(Arch::of(net).to_string())),
            ("biases", Some(net.shapes.iter().any(|l| l.bias).to_string())),
            ("--activation", Some(activations.join(","))),
            ("parameterization", Some(scales.join(","))),
            ("--dtype", Some(format!("{dtype:?}").to_lowercase())),
            ("samples", Some(samples.to_string())),
            ("--loss", Some(format!("{:?}", self.loss.loss).to_lowercase())),
            ("--reduction", Some(format!("{:?}", self.loss.reduction).to_lowercase())),
            ("--batch-size", self.batch_size.map(|b| b.to_string())),
            ("--validation", text(self.validation)),
            ("--seed", Some(self.seed.to_string())),
            ("--optimizer", Some(o.optimizer.name())),
            ("--learning-rate", text(o.learning_rate)),
            ("--momentum", text(o.momentum)),
            ("--damping", text(o.damping)),
            ("--damping-mode", word(o.damping_mode.map(|m| format!("{m:?}")))),
            ("--damping-interval", count(o.damping_interval)),
            ("--damping-decay", text(o.damping_decay)),
            ("--ema", text(o.ema)),
            ("--refresh", count(o.refresh)),
            ("--fisher", word(o.fisher.map(|f| format!("{f:?}")))),
            ("--clip", text(o.clip)),
        ];
        let given = options.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Run { options: BTreeMap::from_iter(given) }
    }

    /// Whether training can go on from there.
    fn fits<T: Float>(&self, checkpoint: &Checkpoint<T>, params: usize) -> Result<()> {
        ensure!(
            checkpoint.iteration <= self.iterations,
            "{} iterations are done already, more than --iterations {}, which counts all of them",
            checkpoint.iteration,
            self.iterations
        );
        let found = checkpoint.theta.len();
        ensure!(found == params, "the state has {found} parameters, needed {params}");
        Ok(())
    }

    fn start<T: Float>(&self, problem: &Problem<'_, T>, theta: &[T]) -> Checkpoint<T> {
        let theta = theta.to_vec();
        let best = Best { loss: f64::INFINITY, iteration: 0, theta: theta.clone() };
        Checkpoint { iteration: 0, theta, memory: self.engine(problem).memory(), best }
    }

    /// The optimiser before its first step.
    fn engine<T: Float>(&self, problem: &Problem<'_, T>) -> Engine<T> {
        let size =
            self.batch_size.map_or(problem.training.len(), |b| b.min(problem.training.len()));
        self.optimizer.engine(&problem.net, problem.loss, problem.reduction, size, self.seed)
    }

    fn train<T: Float>(
        &self,
        problem: &Problem<'_, T>,
        start: Checkpoint<T>,
        progress: &Progress,
        interruptible: &Interruptible,
    ) -> Result<(Curve, Checkpoint<T>)> {
        let Checkpoint { mut iteration, mut theta, memory, mut best } = start;
        let size = self.batch_size.unwrap_or(problem.training.len());
        let mut batches = Batches::new(problem.training, size, self.seed);
        let every = self.every.unwrap_or(batches.per_epoch());
        let mut engine = self.engine(problem);
        engine.restore(memory).context("--resume")?;
        let mut curve = Curve::default();
        let mut limit = f64::INFINITY;
        loop {
            let stop = iteration >= self.iterations || interruptible.requested();
            if stop || iteration % every == 0 {
                let row = problem.measure(&theta, iteration, engine.damping())?;
                let loss = row.training.loss;
                ensure!(
                    loss <= limit,
                    "training diverged: at iteration {iteration} the loss is {loss:e}; {}",
                    self.advice()
                );
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
            engine.step(&problem.net, &mut theta, &batches.get(iteration)).with_context(|| {
                format!("training diverged at iteration {iteration}; {}", self.advice())
            })?;
            iteration += 1;
            progress.advance(1);
        }
        Ok((curve, Checkpoint { iteration, theta, memory: engine.memory(), best }))
    }

    /// What to do about a divergence.
    fn advice(&self) -> &'static str {
        match (self.optimizer.optimizer, self.optimizer.learning_rate) {
            (Kind::Kfac | Kind::Ekfac, None) => "raise --damping, or scale the data",
            _ => "lower --learning-rate, or scale the data",
        }
    }
}

impl<T: Float> Problem<'_, T> {
    /// The losses at `theta`.
    fn measure(&self, theta: &[T], iteration: usize, damping: f64) -> Result<Row> {
        let diverged = || format!("training diverged: at iteration {iteration} the parameters");
        let net = self.net.at(theta).with_context(diverged)?;
        let score = |samples| Score::of(&net, samples, self.loss, self.reduction);
        let training = score(self.training)?;
        let validation = self.validation.map(score).transpose()?;
        Ok(Row { iteration, training, validation, damping })
    }
}
