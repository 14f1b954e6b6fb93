//! `nanocurv train`: a small regression or classification, with a second-order method or another.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::args::{DataArgs, LossArgs, NetArgs, OutputArgs, PlotArgs, TargetArgs, choice};
use crate::desktop::choice::choices;
use crate::desktop::train::{Best, Curve, Run, TrainSettings, Units, train};
use crate::desktop::{Choice, Float};
use crate::io::{self, checkpoint};
use crate::report::{Format, Report};
use crate::session::{Outcome, Session, Verb};

mod options;
mod picture;

use options::OptimizerArgs;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: `iteration` and `loss` (of all training samples, before the step of that \
number; with --standardize in its units, without the pull of --anchor), with --validation \
`validation_loss`, with class labels `accuracy`, with kfac and ekfac `damping`; in JSON also `best_iteration` and `best_loss`. Notes say how many steps had to raise \
their damping, and that a run has made no progress. --out holds the parameters under \
PyTorch's names, and in its metadata what --resume needs to go on bit for bit. Ctrl-C and SIGTERM \
write the best parameters so far and exit 130 and 143; a loss that is no longer finite exits 2.

Examples:
  nanocurv train --arch 10-16-8-1 --activation tanh --data x.csv --targets y.csv --loss mse \
--iterations 100 --out net.safetensors
  nanocurv train --net net.safetensors --activation relu --data x.npy --targets labels.npy \
--loss cross-entropy --optimizer adam --learning-rate 0.003 --batch-size 32 --validation 0.2 \
--iterations 1000 --plot curve.svg --out tuned.safetensors
  nanocurv train --arch 10-16-8-1 --activation tanh --data x.csv --targets y.csv --loss mse \
--iterations 200 --resume net.safetensors --out net.safetensors
  nanocurv train --arch 4-8-8-1 --activation tanh --data log.csv:temp,rh,gas,volt --targets log.csv:ppm \
--loss mse --standardize --iterations 200 --out sensor.safetensors
  nanocurv train --net sensor.safetensors --activation tanh --data field.csv:temp,rh,gas,volt \
--targets field.csv:ppm --loss mse --standardize --freeze 2 --anchor 0.01 --iterations 50 --out tuned.safetensors"
)]
pub struct Args {
    #[command(flatten)]
    net: NetArgs,
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
    /// The first K layers stay as they are; the others learn on what these make of the inputs
    #[arg(long, value_name = "K", default_value_t = 0, help_heading = "Training")]
    freeze: usize,
    /// Learn on inputs, and regression targets, by mean and deviation of the training data, and fold
    /// both into the first and the last layer: the network takes and gives raw units
    #[arg(long, help_heading = "Training")]
    standardize: bool,
    /// Pull towards the parameters that training starts with: D/2 |theta - theta_0|^2 in the loss
    #[arg(long, value_name = "D", help_heading = "Training")]
    anchor: Option<f64>,
    /// Steps from one measurement of the loss to the next [default: an epoch]
    #[arg(long, value_name = "N", help_heading = "Training")]
    every: Option<usize>,
    /// Go on from where the run stood that wrote FILE; all options but --iterations as there
    #[arg(long, value_name = "FILE", help_heading = "Training")]
    resume: Option<PathBuf>,
    /// Which parameters --out gets: the last, or those with the least loss, on the samples held
    /// out if there are any
    #[arg(
        long,
        value_parser = choice::<Keep>(),
        default_value_t,
        value_name = "WHICH",
        help_heading = "Output"
    )]
    keep: Keep,
    /// Write the network to FILE: .safetensors
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
    #[command(flatten)]
    plot: PlotArgs,
}

choices! {
    /// Which parameters are the result.
    #[derive(Default)]
    enum Keep {
        /// The last
        #[default]
        Last = "last",
        /// Those with the least loss
        Best = "best",
    }
}

impl Args {
    fn settings(&self) -> TrainSettings {
        TrainSettings {
            loss: (self.loss.loss, self.loss.reduction),
            optimizer: self.optimizer.settings(),
            iterations: self.iterations,
            batch_size: self.batch_size,
            validation: self.validation,
            seed: self.seed,
            every: self.every,
            freeze: self.freeze,
            standardize: self.standardize.then_some(match self.net.path() {
                Some(_) => Units::Raw,
                None => Units::Standard,
            }),
            anchor: self.anchor,
        }
    }
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.plot.validate()?;
        if let Some(path) = &self.out {
            io::check_destination(path, &["safetensors"])?;
        }
        Ok(self.settings().validate()?)
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let settings = self.settings();
        let (net, data) = session.read(|| {
            let net = self.net.read_or_begin::<T>(self.seed)?;
            let data = self.data.read_weighted(&self.targets, &net, &self.loss)?;
            anyhow::Ok((net, data))
        })?;
        session.introduce(&net);
        let run = Run::of(&net, &settings, &data);
        let resumed = session.read(|| {
            let Some(path) = &self.resume else { return Ok(None) };
            let checkpoint = checkpoint::load::<T>(path, &run)?;
            let layers = net.layers().get(self.freeze..).unwrap_or_default();
            checkpoint
                .fits(self.iterations, nanocurv::network::layer::params(layers))
                .with_context(|| path.display().to_string())?;
            anyhow::Ok(Some(checkpoint))
        })?;
        let trained =
            session.compute_interruptibly(|watch| train(&net, &data, &settings, resumed, watch))?;
        let checkpoint = trained.checkpoint;
        if let Some(path) = &self.out {
            let theta = match self.keep {
                Keep::Last if !trained.interrupted => &trained.theta,
                _ => &trained.best,
            };
            checkpoint::save(path, &net, theta, &checkpoint, &run)?;
            session.note(&format!("wrote {}", path.display()));
        }
        if let Some(path) = &self.plot.plot {
            let optimizer = settings.optimizer.optimizer.name();
            picture::figure(&trained.curve, optimizer).write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        if trained.raised > 0 {
            session.note(&format!(
                "the damping was raised within {} of the steps: with less, the loss did not fall \
                 as the model said",
                trained.raised
            ));
        }
        if let Some(row) = trained.curve.no_progress_since() {
            session.note(&format!(
                "no progress: the loss has not fallen since iteration {}, where it was {:e}; this \
                 is as far as it goes, or another --seed, --damping or --learning-rate is needed",
                row.iteration, row.training.loss
            ));
        }
        let report = report(&trained.curve, &checkpoint.best, session.global.format);
        let outcome = session.finish(report, &OutputArgs::default(), None)?;
        if trained.interrupted {
            session.note(&format!(
                "interrupted after {} iterations; the best loss was {:e}, before iteration {}",
                checkpoint.iteration, checkpoint.best.loss, checkpoint.best.iteration
            ));
            return Ok(Outcome::of_the_request());
        }
        Ok(outcome)
    }
}

/// The curve as columns and, where the format has a place for it, the best.
fn report<T>(curve: &Curve, best: &Best<T>, format: Format) -> Report {
    let iterations: Vec<_> = curve.rows().iter().map(|row| row.iteration as i64).collect();
    let mut report = Report::of("iteration", iterations);
    for (name, values) in curve.columns() {
        report.array(name, values);
    }
    if format != Format::Csv {
        report.count("best_iteration", best.iteration).number("best_loss", best.loss);
    }
    report
}
