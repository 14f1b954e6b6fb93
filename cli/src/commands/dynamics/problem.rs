//! What `train` and `theory` share: data, a start, rates, times, and what is recorded.

use std::marker::PhantomData;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use nanocurv::dynamics::Rates;
use nanocurv::dynamics::optimum::{w_min, w_min_scratch, weight_error};
use nanocurv::dynamics::train::{
    absolute_error, constant_start, normal_start, rank_one_start, squared_error, two_layer_params,
};
use nanocurv::random::Rng;

use super::curves;
use super::list::{Numbers, convert, pair};
use crate::args::{CheckArgs, Dtype, OutputArgs, PlotArgs};
use crate::array::{Array, Float, Matrix, zeros};
use crate::check::{Check, Difference};
use crate::dense;
use crate::exit::Outcome;
use crate::io::network::LayerShape;
use crate::io::{self, Source};
use crate::progress::Progress;
use crate::report::Report;
use crate::session::Session;

/// A way to follow the weights.
pub trait Trajectory {
    /// How the run is called.
    const NAME: &'static str;

    /// Runs to every time of the problem, and records it.
    ///
    /// # Errors
    /// The start is of the wrong kind, or the run diverges.
    fn follow<T: Float>(
        problem: &Problem<T>,
        record: &mut Record<T>,
        progress: &Progress,
    ) -> Result<()>;
}

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: `t, loss, risk, w_total` (times x D), `weight_norms` (times x 2), \
`w_min`; with --beta also `weight_error` and the means over the first half of the features and the \
rest; theory: also `u, z`. Sums of squares, not means.

Examples:
  nanocurv dynamics train --data d.npz:X --targets d.npz:y --test-data d.npz:X_test --test-targets d.npz:y_test --hidden 50 --init constant --scales 0.01,0.01 --lr 1e-3,1e-3 --iterations 10000 --beta d.npz:beta --plot run.svg --out r.npz
  nanocurv dynamics theory --data x.csv --targets y.csv --hidden 50 --init rank-one --scales 0.1,0.1 --seed 1 --lr 1e-3 --iterations 10000 --check"
)]
pub struct Args<Run> {
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
    /// The teacher, for the weight error: numbers or a file
    #[arg(long, value_name = "b1,..", help_heading = "Data", allow_hyphen_values = true)]
    beta: Option<Numbers>,
    /// The number of hidden units
    #[arg(long, value_name = "H", help_heading = "Start", required_unless_present = "net")]
    hidden: Option<usize>,
    /// How the weights start; scales A of the first and B of the second layer
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Start", default_value_t)]
    init: Init,
    /// constant: the weights themselves; normal: standard deviations; rank-one: those of z and u
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
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Training", default_value_t)]
    risk: Risk,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    plot: PlotArgs,
    #[command(flatten)]
    check: CheckArgs,
    #[arg(skip)]
    run: PhantomData<Run>,
}

/// `--init`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Init {
    /// W1 = A, w2 = B everywhere
    #[default]
    Constant,
    /// Independent normal weights
    Normal,
    /// W1 = p z^T, w2 = u p^T with random z, u and direction p
    RankOne,
}

/// `--risk`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Risk {
    /// Sum of squares
    #[default]
    L2,
    /// Sum of absolute values
    L1,
}

/// All that a run needs.
#[derive(Clone, Debug)]
pub struct Problem<T> {
    pub x: Matrix<T>,
    pub y: Vec<T>,
    pub test: Option<(Matrix<T>, Vec<T>)>,
    pub beta: Option<Vec<T>>,
    pub hidden: usize,
    /// The start, in PyTorch's order.
    pub theta: Vec<T>,
    pub rates: Rates<T>,
    /// Ascending.
    pub times: Vec<u64>,
    pub risk: Risk,
}

/// What happened, at every time.
#[derive(Clone, Debug)]
pub struct Record<T> {
    pub t: Vec<u64>,
    pub loss: Vec<T>,
    pub risk: Vec<T>,
    /// `times x d`
    pub total: Vec<T>,
    /// `times x 2`
    pub norms: Vec<T>,
    /// Means over all features, the first half and the rest.
    pub errors: [Vec<T>; 3],
    /// Of the reduction: `times`, and `times x d`.
    pub u: Vec<T>,
    pub z: Vec<T>,
}

impl<T: Float> Default for Record<T> {
    fn default() -> Self {
        let none = Vec::new;
        Self {
            t: Vec::new(),
            loss: none(),
            risk: none(),
            total: none(),
            norms: none(),
            errors: [none(), none(), none()],
            u: none(),
            z: none(),
        }
    }
}

impl<T: Float> Record<T> {
    /// Notes the state at time `t`.
    ///
    /// # Errors
    /// A teacher that is 0 somewhere, to which no error is relative.
    pub fn push(&mut self, problem: &Problem<T>, t: u64, w: &[T], norms: (T, T)) -> Result<()> {
        self.t.push(t);
        self.loss.push(squared_error(problem.x.batch(), &problem.y, w));
        if let Some((x, y)) = &problem.test {
            self.risk.push(match problem.risk {
                Risk::L2 => squared_error(x.batch(), y, w),
                Risk::L1 => absolute_error(x.batch(), y, w),
            });
        }
        self.total.extend_from_slice(w);
        self.norms.extend([norms.0, norms.1]);
        if let Some(beta) = &problem.beta {
            let half = w.len() / 2;
            let groups = [0..w.len(), 0..half, half..w.len()];
            for (errors, group) in self.errors.iter_mut().zip(groups) {
                if !group.is_empty() {
                    let error = weight_error(&w[group.clone()], &beta[group]);
                    errors.push(error.context("--beta: the weight error is relative to it")?);
                }
            }
        }
        Ok(())
    }
}

impl<T: Float> Problem<T> {
    /// The number of features.
    pub fn dim(&self) -> usize {
        self.x.cols
    }

    /// Where training ends.
    ///
    /// # Errors
    /// Data of deficient rank.
    pub fn w_min(&self) -> Result<Vec<T>> {
        let (d, n) = (self.x.cols, self.x.rows);
        let mut w = zeros::<T>(&[d])?;
        let mut scratch = zeros::<T>(&[w_min_scratch(d, n)])?;
        w_min(self.x.batch(), &self.y, &mut w, &mut scratch)?;
        Ok(w)
    }

    /// The differences of a record from the dense reference: weights and losses.
    fn check(&self, record: &Record<T>, tolerance: f64, progress: &Progress) -> Check {
        let to_f64 = |values: &[T]| values.iter().map(|v| v.to_f64()).collect::<Vec<_>>();
        let (x, y) = (self.x.to_f64(), to_f64(&self.y));
        let rates = (self.rates.first.to_f64(), self.rates.second.to_f64());
        let mut net = dense::TwoLayer::new(&to_f64(&self.theta), self.dim(), self.hidden);
        let (mut weights, mut losses, mut done) = (Difference::default(), Difference::default(), 0);
        let rows = record.total.chunks(self.dim().max(1)).zip(&record.loss);
        for (t, (w, loss)) in record.t.iter().zip(rows) {
            for _ in done..*t {
                net.step(&x, &y, rates);
                progress.advance(1);
            }
            done = *t;
            weights.add_all(w, &net.total());
            losses.add(loss.to_f64(), net.loss(&x, &y));
        }
        weights.within(tolerance).worse(losses.within(tolerance))
    }
}

impl<Run: Trajectory> Args<Run> {
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match session.global.dtype {
            Dtype::F32 => self.run_as::<f32>(session),
            Dtype::F64 => self.run_as::<f64>(session),
        }
    }

    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        self.out.validate()?;
        self.plot.validate()?;
        let tolerance = self.check.tolerance::<T>()?;
        let problem = session.read(|| self.read::<T>())?;
        let end = problem.times.last().copied().unwrap_or(0) as usize;
        let mut record = Record::default();
        let progress = session.progress(Run::NAME, end);
        session.compute(|| Run::follow(&problem, &mut record, &progress))?;
        drop(progress);
        let check = self.check.check.then(|| {
            let progress = session.progress("dense reference", end);
            problem.check(&record, tolerance, &progress)
        });
        let end = problem.w_min();
        if let Some(path) = &self.plot.plot {
            curves::figure(Run::NAME, &problem, &record, end.as_deref().ok())?.write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        let report = report(&problem, record, end)?;
        session.finish(report, &self.out, check)
    }

    fn read<T: Float>(&self) -> Result<Problem<T>> {
        let x = io::read_matrix::<T>(&self.data)?;
        let y = targets(&self.targets, x.rows, &self.data)?;
        let test = match (&self.test_data, &self.test_targets) {
            (Some(data), Some(targets_file)) => {
                let x_test = io::read_matrix::<T>(data)?;
                ensure!(
                    x_test.cols == x.cols,
                    "{data}: found {} columns, needed {}, as {} has",
                    x_test.cols,
                    x.cols,
                    self.data
                );
                let y_test = targets(targets_file, x_test.rows, data)?;
                Some((x_test, y_test))
            }
            _ => None,
        };
        let beta = self.beta.as_ref().map(|beta| beta.read::<T>("--beta")).transpose()?;
        if let Some(beta) = &beta {
            let (found, needed) = (beta.len(), x.cols);
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
        let (theta, hidden) = self.start(x.cols)?;
        Ok(Problem {
            x,
            y,
            test,
            beta,
            hidden,
            theta,
            rates,
            times: self.times()?,
            risk: self.risk,
        })
    }

    fn start<T: Float>(&self, inputs: usize) -> Result<(Vec<T>, usize)> {
        if let Some(path) = &self.net {
            let net = io::network::read(path)?;
            let hidden = two_linear_layers(path, &net.layers)?;
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
        ensure!(hidden > 0, "--hidden: found 0, needed at least 1");
        let scales = pair::<T>("--scales", &self.scales)?;
        let mut theta = zeros::<T>(&[two_layer_params(inputs, hidden)])?;
        let mut rng = Rng::seed(self.seed);
        match self.init {
            Init::Constant => constant_start(scales, inputs, hidden, &mut theta)?,
            Init::Normal => normal_start(&mut rng, scales, inputs, hidden, &mut theta)?,
            Init::RankOne => rank_one_start(&mut rng, scales, inputs, hidden, &mut theta)?,
        }
        Ok((theta, hidden))
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

/// 0, about `points` iterations of equal ratio, and the last one.
pub fn geometric_times(end: u64, points: usize) -> Vec<u64> {
    let ratios = super::list::geometric(1.0, end.max(1) as f64, points);
    let mut times: Vec<u64> = ratios.iter().map(|t| (*t as u64).min(end)).collect();
    times.extend([0, end]);
    times.sort_unstable();
    times.dedup();
    times
}

/// The hidden units, if these are two layers without biases and with one output.
///
/// # Errors
/// What is different.
pub fn two_linear_layers(path: &std::path::Path, layers: &[LayerShape]) -> Result<usize> {
    let path = path.display();
    ensure!(layers.len() == 2, "{path}: found {} layers, needed 2", layers.len());
    for layer in layers {
        ensure!(
            !layer.bias,
            "{path}: layer {} has a bias; the dynamics are of networks without (bias=False)",
            layer.prefix
        );
    }
    ensure!(layers[1].outputs == 1, "{path}: found {} outputs, needed 1", layers[1].outputs);
    Ok(layers[0].outputs)
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
    record: Record<T>,
    end: Result<Vec<T>>,
) -> Result<Report> {
    let (times, d) = (record.t.len(), problem.dim());
    let mut report = Report::new();
    report.array("t", Array::vector(record.t.iter().map(|t| *t as i64).collect::<Vec<i64>>()));
    report.array("loss", Array::vector(record.loss));
    if problem.test.is_some() {
        report.array("risk", Array::vector(record.risk));
    }
    report.array("w_total", Array::new(&[times, d], record.total));
    report.array("weight_norms", Array::new(&[times, 2], record.norms));
    match end {
        Ok(end) => {
            report.array("w_min", Array::vector(end));
        }
        Err(error) => {
            report.word("w_min", format!("none: {error:#}"));
        }
    }
    let names = ["weight_error", "weight_error_first_half", "weight_error_rest"];
    for (name, errors) in names.into_iter().zip(record.errors) {
        if !errors.is_empty() {
            report.array(name, Array::vector(errors));
        }
    }
    if !record.u.is_empty() {
        report.array("u", Array::vector(record.u));
        report.array("z", Array::new(&[times, d], record.z));
    }
    Ok(report)
}
