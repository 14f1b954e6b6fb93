//! `nanocurv laplace predict`: outputs, their covariance, observations, classes.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use nanocurv::network::Loss;
use ndarray::Array2;

use super::picture;
use crate::args::{CheckArgs, DataArgs, NetArgs, OutputArgs, PlotArgs, TargetArgs};
use crate::dense::{self, Check, Difference};
use crate::desktop::array::wide;
use crate::desktop::laplace::{Posterior, Prediction, Score};
use crate::desktop::{Float, Network, Targets};
use crate::io::{Source, posterior};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: `mean` (M,O), `covariance` (M,O,O) of the outputs; regression `std` \
(M,O) of an observation, classes `probabilities` (M,O); with --targets `log_likelihood`, and \
`novelty` (the mean of (y-f)^2 / std^2) and `coverage` (of 95 % intervals) of a regression, \
`accuracy` of classes.

Examples:
  nanocurv laplace predict --net net.safetensors --activation tanh --posterior post.npz \\
      --data x.npy --targets y.npy --plot band.svg
  nanocurv laplace predict --net net.safetensors --activation relu --posterior post.npz \\
      --data x.npy --draws 1000 --seed 1 --out prediction.npz"
)]
pub struct Args {
    #[command(flatten)]
    net: NetArgs,
    /// The posterior: what `laplace fit --out` wrote
    #[arg(long, value_name = "FILE.npz")]
    posterior: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// What was observed, as many times as --data
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    targets: Vec<Source>,
    /// Classes: the mean probabilities of so many draws of the outputs [default: the probit
    /// approximation]
    #[arg(long, value_name = "S")]
    draws: Option<u32>,
    /// What the draws follow from
    #[arg(long, value_name = "N", default_value_t = 0, requires = "draws")]
    seed: u64,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    plot: PlotArgs,
    #[command(flatten)]
    check: CheckArgs,
}

impl Args {
    /// Inputs and, if they are given, targets.
    fn read<T: Float>(
        &self,
        net: &Network<T>,
        loss: Loss,
    ) -> Result<(Array2<T>, Option<Targets<T>>)> {
        if self.targets.is_empty() {
            return Ok((self.data.read(net)?, None));
        }
        let targets = TargetArgs { targets: self.targets.clone() };
        let data = self.data.read_with(&targets, net, loss)?;
        Ok((data.x, Some(data.targets)))
    }

    fn draw<T: Float>(
        &self,
        (net, posterior): (&Network<T>, &Posterior<T>),
        x: &Array2<T>,
        targets: Option<&Targets<T>>,
        prediction: &Prediction<T>,
    ) -> Result<()> {
        let Some(path) = &self.plot.plot else { return Ok(()) };
        let figure = match targets {
            _ if picture::is_band(net, posterior) => picture::band(net, posterior, x, targets)?,
            Some(targets) => picture::calibration(posterior, prediction, targets),
            None => unreachable!("validated where the posterior is read"),
        };
        figure.write(path)
    }
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()?;
        ensure!(self.draws != Some(0), "--draws: found 0, needed one at least");
        self.plot.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let (net, posterior, (x, targets)) = session.read(|| {
            let net = self.net.read::<T>()?;
            let posterior = posterior::load::<T>(&self.posterior)?;
            let read = self.read(&net, posterior.loss)?;
            anyhow::Ok((net, posterior, read))
        })?;
        session.introduce(&net);
        let regression = posterior.loss == Loss::Mse;
        ensure!(
            self.draws.is_none() || !regression,
            "--draws belongs to classes, and {} is of a regression; leave it out",
            self.posterior.display()
        );
        ensure!(
            self.plot.plot.is_none() || targets.is_some() || picture::is_band(&net, &posterior),
            "--plot draws a band over one input, or how predictions meet --targets; give those"
        );
        let draws = self.draws.map(|draws| (draws, self.seed));
        let prediction = session.compute(|_| posterior.predict(&net, x.view(), draws))?;
        let score = targets.as_ref().map(|y| posterior.score(&prediction, y)).transpose()?;
        let check = self
            .check
            .check
            .then(|| compare(&net, &posterior, &x, &prediction, draws.is_none(), tolerance));
        self.draw((&net, &posterior), &x, targets.as_ref(), &prediction)?;
        if let Some(path) = &self.plot.plot {
            session.note(&format!("wrote {}", path.display()));
        }
        session.finish(report(prediction, score), &self.out, check)
    }
}

/// Against the covariance matrix that the posterior's numbers stand for, and dense Jacobians.
fn compare<T: Float>(
    net: &Network<T>,
    posterior: &Posterior<T>,
    x: &Array2<T>,
    found: &Prediction<T>,
    probit: bool,
    tolerance: f64,
) -> Check {
    let dense = dense::laplace::Dense::of(net, posterior);
    let (mean, covariance) = dense.predict(&wide(x));
    let mut check = Difference::of(&found.mean, &mean)
        .within(tolerance)
        .worse(Difference::of(&found.covariance, &covariance).within(tolerance));
    if let (Some(found), true) = (&found.probabilities, probit) {
        let softmax = posterior.loss == Loss::CrossEntropy;
        let expected = dense::laplace::probit(softmax, &mean, &covariance, net.outputs());
        check = check.worse(Difference::of(found, &expected).within(tolerance));
    }
    check
}

fn report<T: Float>(prediction: Prediction<T>, score: Option<Score>) -> Report {
    let mut report = Report::of("mean", prediction.mean);
    report.array("covariance", prediction.covariance);
    if let Some(std) = prediction.std {
        report.array("std", std);
    }
    if let Some(probabilities) = prediction.probabilities {
        report.array("probabilities", probabilities);
    }
    match score {
        Some(Score::Regression { novelty, coverage, log_likelihood }) => {
            report.number("novelty", novelty).number("coverage", coverage);
            report.number("log_likelihood", log_likelihood);
        }
        Some(Score::Classes { accuracy, log_likelihood }) => {
            report.number("accuracy", accuracy).number("log_likelihood", log_likelihood);
        }
        None => {}
    }
    report
}
