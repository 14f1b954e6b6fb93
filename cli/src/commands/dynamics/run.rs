//! `nanocurv dynamics train` and `theory`: gradient descent on all weights, or the exact (u, z)
//! reduction.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use nanocurv::dynamics::Rates;

use super::check::check;
use super::list::{Numbers, convert, pair};
use super::measures::{MeasureArgs, report_layers, report_snapshots};
use super::run_picture;
use crate::args::{CheckArgs, OutputArgs, PlotArgs, choice};
use crate::desktop::array::matrix;
use crate::desktop::dynamics::{
    Init, Problem, Record, Risk, Route, geometric_times, hidden_units, run, standardize_features,
    start,
};
use crate::desktop::{Error, Float};
use crate::io::{self, Source};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: `t, loss, risk, w_total` (times x D), `weight_norms`, `gradient_norms`, \
`weight_ranks` and `weight_norms_groups` (times x 2), `w_min`; with --beta also `weight_error`, the \
means over the first half of the features and the rest, and `weight_error_each` (times x D); theory: \
also `u, z, gradient_norm_u, gradient_norm_z`. Sums of squares, not means.
With --snapshots, one row each, padded with zeros: `input_singular_values, input_alignment` (|W1 v| \
over the right singular vectors of X), `hidden_singular_values, hidden_alignment` (|w2 v| over those \
of X W1^T), `jacobian_singular_values, jacobian_shares` (snapshots x rank x 2); with --one-layer: \
`one_layer_w, one_layer_loss, one_layer_risk`.

Examples:
  nanocurv dynamics train --data d.npz:X --targets d.npz:y --test-data d.npz:X_test --test-targets d.npz:y_test --hidden 50 --init constant --scales 0.01,0.01 --lr 1e-3,1e-3 --iterations 10000 --beta d.npz:beta --plot run.svg --out r.npz
  nanocurv dynamics theory --data x.csv --targets y.csv --hidden 50 --init rank-one --scales 0.1,0.1 --seed 1 --lr 1e-3 --iterations 10000 --check
  nanocurv dynamics train --data x.npy --targets y.npy --standardize --hidden 50 --init kaiming-normal --scales 1,0.1 --lr 1e-3 --iterations 10000 --snapshots 0,100,10000 --one-layer --out r.npz"
)]
pub struct Args {
    /// Training inputs, one sample a row: .npy, .csv or FILE.npz:NAME
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    data: Source,
    /// Training targets
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    targets: Source,
    /// Test inputs, for the risk
    #[arg(long, value_name = "FILE", help_heading = "Data", requires = "test_targets")]
    test_data: Option<Source>,
    /// Test targets
    #[arg(long, value_name = "FILE", help_heading = "Data", requires = "test_data")]
    test_targets: Option<Source>,
    /// Bring every feature to mean 0 and deviation 1 in the training data, test data with them
    #[arg(long, help_heading = "Data")]
    standardize: bool,
    /// The teacher, for the weight error: numbers or a file
    #[arg(long, value_name = "b1,..", help_heading = "Data", allow_hyphen_values = true)]
    beta: Option<Numbers>,
    /// The number of hidden units
    #[arg(long, value_name = "H", help_heading = "Start", required_unless_present = "net")]
    hidden: Option<usize>,
    /// How the weights start; scales A of the first and B of the second layer
    #[arg(
        long,
        value_parser = choice::<Init>(),
        value_name = "KIND",
        help_heading = "Start",
        default_value_t
    )]
    init: Init,
    /// constant: the weights themselves; normal: standard deviations; rank-one: those of z and u;
    /// kaiming: factors
    #[arg(
        long,
        value_name = "A,B",
        help_heading = "Start",
        value_delimiter = ',',
        num_args = 1,
        default_value = "0.01,0.01",
        allow_hyphen_values = true
    )]
    scales: Vec<f64>,
    /// Seed of a random start
    #[arg(long, value_name = "S", help_heading = "Start", default_value_t = 0)]
    seed: u64,
    /// Start from the weights of a two-layer network without biases
    #[arg(long, value_name = "FILE", help_heading = "Start", conflicts_with = "hidden")]
    net: Option<PathBuf>,
    /// The rate of both layers, or of each
    #[arg(
        long,
        value_name = "E1[,E2]",
        help_heading = "Training",
        value_delimiter = ',',
        num_args = 1,
        required = true
    )]
    lr: Vec<f64>,
    /// The number of iterations [default: the last of --times]
    #[arg(long, value_name = "T", help_heading = "Training", required_unless_present = "times")]
    iterations: Option<u64>,
    /// The iterations to record
    #[arg(
        long,
        value_name = "0,1,10",
        help_heading = "Training",
        value_delimiter = ',',
        num_args = 1
    )]
    times: Vec<u64>,
    /// Record 0 and about this many iterations of equal ratio
    #[arg(
        long,
        value_name = "N",
        help_heading = "Training",
        default_value_t = 700,
        conflicts_with = "times"
    )]
    points: usize,
    /// The sum that is the risk: of squares, or of absolute values
    #[arg(
        long,
        value_parser = choice::<Risk>(),
        value_name = "KIND",
        help_heading = "Training",
        default_value_t
    )]
    risk: Risk,
    #[command(flatten)]
    measures: MeasureArgs,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    plot: PlotArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// A run by one of the routes.
pub struct Run<'a> {
    args: &'a Args,
    route: Route,
}

impl Args {
    /// The verb that goes this way.
    pub fn by(&self, route: Route) -> Run<'_> {
        Run { args: self, route }
    }

    fn read<T: Float>(&self) -> Result<Problem<T>> {
        let mut x = io::read_matrix::<T>(&self.data)?;
        let y = targets(&self.targets, x.nrows(), &self.data)?;
        let mut test = match (&self.test_data, &self.test_targets) {
            (Some(data), Some(targets_file)) => {
                let x_test = io::read_matrix::<T>(data)?;
                ensure!(
                    x_test.ncols() == x.ncols(),
                    "{data}: found {} columns, needed {}, as {} has",
                    x_test.ncols(),
                    x.ncols(),
                    self.data
                );
                let y_test = targets(targets_file, x_test.nrows(), data)?;
                Some((x_test, y_test))
            }
            _ => None,
        };
        if self.standardize {
            standardize_features(&mut x, test.as_mut().map(|(x, _)| x))
                .with_context(|| self.data.to_string())?;
        }
        let beta = self.beta.as_ref().map(|beta| beta.read::<T>("--beta")).transpose()?;
        if let Some(beta) = &beta {
            let (found, needed) = (beta.len(), x.ncols());
            ensure!(
                found == needed,
                "--beta: found {found} numbers, needed {needed}, as {} has columns",
                self.data
            );
        }
        let rates = match convert::<T>("--lr", &self.lr)?.as_slice() {
            [rate] => Rates::same(*rate),
            [first, second] => Rates { first: *first, second: *second },
            other => anyhow::bail!("--lr: found {} numbers, needed one or two", other.len()),
        };
        let (theta, hidden) = self.start(x.ncols())?;
        let times = self.times()?;
        let end = self.iterations.max(times.last().copied()).unwrap_or(0);
        let measures = Some(self.measures.measures(x.ncols(), end)?);
        Ok(Problem { x, y, test, beta, hidden, theta, rates, times, risk: self.risk, measures })
    }

    fn start<T: Float>(&self, inputs: usize) -> Result<(Vec<T>, usize)> {
        if let Some(path) = &self.net {
            let net = io::network::read(path, &[])?.state;
            let hidden = hidden_units(&path.display().to_string(), &net.layers)?;
            let found = net.layers[0].inputs;
            ensure!(
                found == inputs,
                "{}: found {found} inputs, needed {inputs}, the columns of {}",
                path.display(),
                self.data
            );
            return Ok((net.theta.iter().map(|t| T::of(*t)).collect(), hidden));
        }
        let hidden = self.hidden.unwrap_or(0);
        let scales = pair::<T>("--scales", &self.scales)?;
        Ok((start(self.init, scales, inputs, hidden, self.seed)?, hidden))
    }

    fn times(&self) -> Result<Vec<u64>> {
        let mut times = self.times.clone();
        if times.is_empty() {
            times = geometric_times(self.iterations.unwrap_or(0), self.points);
        } else if let (Some(end), Some(last)) = (self.iterations, times.iter().max()) {
            ensure!(
                *last <= end,
                "--times: found {last}, needed at most {end} as --iterations says"
            );
        }
        times.sort_unstable();
        times.dedup();
        Ok(times)
    }
}

impl Verb for Run<'_> {
    fn validate(&self) -> Result<()> {
        self.args.out.validate()?;
        self.args.plot.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let Self { args, route } = *self;
        let tolerance = args.check.tolerance::<T>()?;
        let problem = session.read(|| args.read::<T>())?;
        let record = session.compute(|watch| run(&problem, route, watch))?;
        let check = match args.check.check {
            true => Some(session.compute(|watch| check(&problem, &record, tolerance, watch))?),
            false => None,
        };
        let end = problem.w_min();
        if let Some(path) = &args.plot.plot {
            run_picture::run(route.name(), &problem, &record, end.as_deref().ok()).write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        session.finish(report(&problem, &record, end), &args.out, check)
    }
}

fn targets<T: Float>(source: &Source, needed: usize, data: &Source) -> Result<Vec<T>> {
    let y = io::read_vector::<T>(source)?;
    ensure!(
        y.len() == needed,
        "{source}: found {} targets, needed {needed}, one for each row of {data}",
        y.len()
    );
    Ok(y)
}

fn report<T: Float>(
    problem: &Problem<T>,
    record: &Record<T>,
    end: Result<Vec<T>, Error>,
) -> Report {
    let (times, d) = (record.t.len(), problem.dim());
    let mut report = Report::new();
    report.array("t", record.t.iter().map(|t| *t as i64).collect::<Vec<i64>>());
    report.array("loss", record.loss.clone());
    if problem.test.is_some() {
        report.array("risk", record.risk.clone());
    }
    report.array("w_total", matrix(times, d, record.total.clone()));
    report.array("weight_norms", matrix(times, 2, record.norms.clone()));
    match end {
        Ok(end) => {
            report.array("w_min", end);
        }
        Err(error) => {
            report.word("w_min", format!("none: {:#}", anyhow::Error::from(error)));
        }
    }
    let names = ["weight_error", "weight_error_first_half", "weight_error_rest"];
    for (name, errors) in names.into_iter().zip(&record.errors) {
        if !errors.is_empty() {
            report.array(name, errors.clone());
        }
    }
    if !record.u.is_empty() {
        report.array("u", record.u.clone());
        report.array("z", matrix(times, d, record.z.clone()));
    }
    report_layers(&mut report, record, d);
    report_snapshots(&mut report, record);
    report
}
