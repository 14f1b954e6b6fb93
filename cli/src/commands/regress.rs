//! `nanocurv regress`: Gaussian-process regression with the tangent kernel.

use anyhow::{Result, ensure};
use nanocurv::curvature::Stop;
use nanocurv::network::Loss;
use ndarray::Array2;

use crate::args::{CheckArgs, DataArgs, NetArgs, OutputArgs, TargetArgs, choice, read_batch};
use crate::dense::{self, Check, Difference};
use crate::desktop::array::wide;
use crate::desktop::regress::{RegressSettings, RegressSolver, Regression, regress};
use crate::desktop::{Data, Float, Network};
use crate::io::Source;
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Result: `mean` (M,O); dense also `covariance` (M,O,O) of the outputs; cg \
also `iterations`, `residual` and `stop`.

Examples:
  nanocurv regress --net net.safetensors --activation tanh --data x.npy --targets y.npy \\
      --predict xtest.npy --noise 0.3 --check
  nanocurv regress --net net.safetensors --activation tanh --data x.npy --targets y.npy \\
      --predict xtest.npy --noise 0.3 --solver cg --out mean.npy")]
pub struct Args {
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    targets: TargetArgs,
    /// The inputs to predict
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    predict: Source,
    /// The standard deviation of an observation
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    noise: f64,
    /// The prior precision of the parameters
    #[arg(long, value_name = "D", default_value_t = 1.0, allow_hyphen_values = true)]
    prior_precision: f64,
    /// How the system is solved
    #[arg(long, value_parser = choice::<RegressSolver>(), default_value_t, value_name = "KIND")]
    solver: RegressSolver,
    /// cg: stop where the residual is this part of the right-hand side [default: 1e-10 in f64,
    /// 1e-5 in f32]
    #[arg(long, value_name = "R")]
    residual: Option<f64>,
    /// cg: stop after so many steps [default: 1000]
    #[arg(long, value_name = "N")]
    iterations: Option<usize>,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

impl Args {
    fn settings(&self) -> RegressSettings {
        let settings = RegressSettings::new(self.noise);
        RegressSettings {
            prior_precision: self.prior_precision,
            solver: self.solver,
            tolerance: self.residual,
            iterations: self.iterations.unwrap_or(settings.iterations),
            ..settings
        }
    }
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()?;
        let dense = self.solver == RegressSolver::Dense;
        for (given, name) in
            [(self.residual.is_some(), "--residual"), (self.iterations.is_some(), "--iterations")]
        {
            ensure!(!(given && dense), "{name} belongs to --solver cg; leave it out");
        }
        Ok(self.settings().validate()?)
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let (tolerance, settings) = (self.check.tolerance::<T>()?, self.settings());
        let (net, data, x) = session.read(|| {
            let net = self.net.read::<T>()?;
            let data = self.data.read_with(&self.targets, &net, Loss::Mse)?;
            let x = read_batch(&self.predict, &net)?;
            anyhow::Ok((net, data, x))
        })?;
        session.introduce(&net);
        let found = session.compute(|watch| regress(&net, &data, x.view(), &settings, watch))?;
        let check =
            self.check.check.then(|| compare((&net, &data, &x), &settings, &found, tolerance));
        if found.solved.is_some_and(|solved| solved.stop != Stop::Converged) {
            session.note("the residual is above --residual; more --iterations, or more --noise");
        }
        session.finish(report(found), &self.out, check)
    }
}

/// Against the system in the parameters, formed.
fn compare<T: Float>(
    (net, data, x): (&Network<T>, &Data<T>, &Array2<T>),
    settings: &RegressSettings,
    found: &Regression<T>,
    tolerance: f64,
) -> Check {
    let (mean, covariance) = dense::regression::predict(net, data, &wide(x), settings);
    let check = Difference::of(&found.mean, &mean).within(tolerance);
    match &found.covariance {
        None => check,
        Some(found) => check.worse(Difference::of(found, &covariance).within(tolerance)),
    }
}

fn report<T: Float>(found: Regression<T>) -> Report {
    let mut report = Report::of("mean", found.mean);
    if let Some(covariance) = found.covariance {
        report.array("covariance", covariance);
    }
    if let Some(solved) = found.solved {
        let stop = match solved.stop {
            Stop::Converged => "converged",
            Stop::Iterations => "iteration limit",
            Stop::Breakdown => "breakdown",
            _ => "not finite",
        };
        report.count("iterations", solved.iterations).number("residual", solved.residual);
        report.word("stop", stop);
    }
    report
}
