//! `nanocurv laplace fit`: a posterior from data.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};
use nanocurv::laplace::Stop;
use nanocurv::network::Loss;

use crate::args::{CheckArgs, DataArgs, NetArgs, OutputArgs, TargetArgs, choice};
use crate::dense::{self, Check, Difference};
use crate::desktop::array::wide;
use crate::desktop::laplace::{Fitted, LaplaceSettings, PriorPer, StructureKind, fit};
use crate::desktop::{Choice, Data, Float, Network};
use crate::io::{self, posterior};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// Samples whose covariance `--check` compares.
const CHECKED: usize = 16;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Result: `structure`, `prior_precision`, `noise` (regression), \
`log_likelihood`, `log_det_ratio`, `scatter`, `log_marginal_likelihood`, `effective_parameters`; \
where prior precision or noise are tuned `iterations` and `stop`. --out holds what predict, \
sample and export need, with a digest of the parameters.

Examples:
  nanocurv laplace fit --net net.safetensors --activation tanh --data x.npy --targets y.npy \\
      --loss mse --out post.npz
  nanocurv laplace fit --net net.safetensors --activation relu --data x.npy --targets labels.npy \\
      --loss cross-entropy --structure ekfac --prior-precision 1 --check")]
pub struct Args {
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    targets: TargetArgs,
    /// The loss that the network was trained with; its sum over the data is the negative log
    /// likelihood, half of it for mse, over the variance of the noise
    #[arg(long, value_parser = choice::<Loss>(), value_name = "LOSS", help_heading = "Loss")]
    loss: Loss,
    /// What the posterior knows of the curvature
    #[arg(
        long,
        value_parser = choice::<StructureKind>(),
        default_value_t,
        value_name = "KIND",
        help_heading = "Posterior"
    )]
    structure: StructureKind,
    /// The last layer alone, the layers before it taken as fixed features
    #[arg(long, help_heading = "Posterior")]
    last_layer: bool,
    /// kron, ekfac: biases in blocks of their own
    #[arg(long, help_heading = "Posterior")]
    separate_bias: bool,
    /// The prior precision, one or as many as --prior-per has, separated by commas; auto: those of
    /// the largest evidence
    #[arg(
        long,
        value_name = "D|auto",
        default_value = "auto",
        allow_hyphen_values = true,
        help_heading = "Posterior"
    )]
    prior_precision: Given,
    /// What has a prior precision of its own
    #[arg(
        long,
        value_parser = choice::<PriorPer>(),
        default_value_t,
        value_name = "WHAT",
        help_heading = "Posterior"
    )]
    prior_per: PriorPer,
    /// mse: the standard deviation of an observation; auto: that of the largest evidence
    #[arg(
        long,
        value_name = "S|auto",
        default_value = "auto",
        allow_hyphen_values = true,
        help_heading = "Posterior"
    )]
    noise: Given,
    /// Write the posterior to FILE
    #[arg(long, value_name = "FILE.npz", help_heading = "Output")]
    out: Option<PathBuf>,
    #[command(flatten)]
    check: CheckArgs,
}

/// Numbers, or what the evidence says.
#[derive(Clone, Debug, PartialEq)]
enum Given {
    Auto,
    /// What is none is said by the option's name, in `settings`.
    Text(String),
}

impl FromStr for Given {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "auto" { Self::Auto } else { Self::Text(text.to_owned()) })
    }
}

impl Given {
    fn numbers(&self, option: &str) -> Result<Option<Vec<f64>>> {
        let Self::Text(text) = self else { return Ok(None) };
        let number = |text: &str| match text.trim().parse::<f64>() {
            Ok(number) => Ok(number),
            Err(_) => bail!("{option}: found '{text}', needed a positive number or auto"),
        };
        text.split(',').map(number).collect::<Result<_>>().map(Some)
    }
}

impl Args {
    fn settings(&self) -> Result<LaplaceSettings> {
        let noise = match self.noise.numbers("--noise")?.as_deref() {
            None => None,
            Some([noise]) => Some(*noise),
            Some(several) => bail!("--noise: found {} numbers, needed one", several.len()),
        };
        Ok(LaplaceSettings {
            loss: self.loss,
            structure: self.structure,
            separate_bias: self.separate_bias,
            last_layer: self.last_layer,
            per: self.prior_per,
            prior_precision: self.prior_precision.numbers("--prior-precision")?,
            noise,
        })
    }

    /// The evidence's parts and the covariance of the first samples against the dense matrix.
    fn compare<T: Float>(
        &self,
        net: &Network<T>,
        data: &Data<T>,
        fitted: &Fitted<T>,
        tolerance: f64,
    ) -> Result<Check> {
        let layers = if self.last_layer { net.back(net.layers().len() - 1) } else { net.clone() };
        let per = self.prior_per;
        let precisions: Vec<f64> = layers
            .tensors()
            .iter()
            .enumerate()
            .flat_map(|(index, tensor)| {
                let group = match per {
                    PriorPer::Network => 0,
                    PriorPer::Layer => tensor.layer,
                    PriorPer::Tensor => index,
                };
                std::iter::repeat_n(fitted.prior_precision[group], tensor.range.len())
            })
            .collect();
        let (dense, evidence) = dense::laplace::fit(net, data, &fitted.posterior, &precisions);
        let first = data.select(&(0..data.len().min(CHECKED)).collect::<Vec<_>>());
        let prediction = fitted.posterior.predict(net, first.x.view(), None)?;
        let (_, covariance) = dense.predict(&wide(&first.x));
        let covariance = Difference::of(&prediction.covariance, &covariance).within(tolerance);
        let found = &fitted.evidence;
        let parts = [
            (found.log_likelihood, evidence.log_likelihood),
            (found.log_det_ratio, evidence.log_det_ratio),
            (found.scatter, evidence.scatter),
            (found.effective_parameters, evidence.effective_parameters),
        ];
        Ok(parts.into_iter().fold(covariance, |check, (found, expected)| {
            check.worse(Difference::between(&[found], &[expected]).within(tolerance))
        }))
    }
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        if let Some(path) = &self.out {
            io::check_destination(path, &["npz"])?;
        }
        Ok(self.settings()?.validate()?)
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let (tolerance, settings) = (self.check.tolerance::<T>()?, self.settings()?);
        let (net, data) = session.read(|| {
            let net = self.net.read::<T>()?;
            let data = self.data.read_with(&self.targets, &net, self.loss)?;
            anyhow::Ok((net, data))
        })?;
        session.introduce(&net);
        let fitted = session.compute(|watch| fit(&net, &data, &settings, watch))?;
        let check = match self.check.check {
            true => Some(self.compare(&net, &data, &fitted, tolerance)?),
            false => None,
        };
        if let Some(path) = &self.out {
            posterior::save(path, &fitted)?;
            session.note(&format!("wrote {}", path.display()));
        }
        if matches!(fitted.stop, Some(Stop::AtLimit | Stop::IterationLimit)) {
            session.note(
                "the evidence has no maximum within reach; give --prior-precision or --noise",
            );
        }
        session.finish(report(&fitted), &OutputArgs::default(), check)
    }
}

fn report<T: Float>(fitted: &Fitted<T>) -> Report {
    let Fitted { posterior, prior_precision, evidence, iterations, stop } = fitted;
    let mut report = Report::new();
    report.word("structure", posterior.structure.name());
    match prior_precision.as_slice() {
        [one] => report.number("prior_precision", *one),
        several => report.array("prior_precision", several.to_vec()),
    };
    if posterior.loss == Loss::Mse {
        report.number("noise", posterior.noise);
    }
    report
        .number("log_likelihood", evidence.log_likelihood)
        .number("log_det_ratio", evidence.log_det_ratio)
        .number("scatter", evidence.scatter)
        .number("log_marginal_likelihood", evidence.log_marginal_likelihood)
        .number("effective_parameters", evidence.effective_parameters);
    if let Some(stop) = stop {
        let stop = match stop {
            Stop::Converged => "converged",
            Stop::AtLimit => "at limit",
            Stop::IterationLimit => "iteration limit",
            Stop::Stagnated => "stagnated",
        };
        report.count("iterations", *iterations as usize).word("stop", stop);
    }
    report
}
