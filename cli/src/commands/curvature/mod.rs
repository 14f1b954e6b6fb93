//! `nanocurv curvature`: the curvature of a network's loss, whole or in part, as a matrix, a
//! product, an inverse or an estimate.

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use nanocurv::curvature::{
    Batch, Curvature, CurvatureOperator, Risk, Tensor, block, dense_scratch, gradient,
    gradient_scratch, submatrix, submatrix_scratch,
};
use nanocurv::{Mat, MatMut};
use rayon::prelude::*;

use super::kfac::factors::{self, Fisher, core_labels, core_loss, core_targets};
use super::validate::cases::Case;
use super::validate::curvature::Asked;
use crate::args::{
    CheckArgs, Data, DataArgs, Dtype, LossArgs, Net, NetArgs, OutputArgs, PlotArgs, TargetArgs,
    Targets,
};
use crate::array::{Array, Float, zeros};
use crate::check::Difference;
use crate::exit::Outcome;
use crate::io::{self, Source};
use crate::parallel;
use crate::report::Report;
use crate::session::Session;

mod estimate;
mod inverse;
mod operator;
mod picture;
mod reference;

use estimate::{Estimate, EstimateArgs};
use inverse::InverseArgs;
use operator::{Operator, Store};
use reference::Reference;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: one array named as the curvature, (P,P), or (P) for the gradient, \
or of the block or rows and columns asked for; with --vector `product`, with --inverse `inverse` \
(with both `solution`); with --estimate trace `trace`, `standard_error`, `matvecs`, with diagonal \
`diagonal`, `standard_error`, `matvecs`, with spectrum `nodes`, `weights`, `grid`, `density`, \
`matvecs`.

Examples:
  nanocurv curvature hessian --net net.safetensors --activation tanh --data x.npy \\
      --targets y.npy --loss mse --out h.npy --plot h.svg --check
  nanocurv curvature ggn --net net.safetensors --activation relu --data x1.npy --data x2.npy \\
      --targets y1.npy --targets y2.npy --loss cross-entropy --block 0.weight,2.weight
  nanocurv curvature hessian ... --rows 0,13,42 --cols 1,2,3
  nanocurv curvature ggn ... --inverse --damping 0.1 --solver cg --vector g.npy
  nanocurv curvature hessian ... --estimate spectrum --matvecs 200 --seed 1 --plot s.svg"
)]
pub struct Args {
    /// Which curvature
    #[arg(value_enum, value_name = "CURVATURE")]
    pub kind: Kind,
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    loss: LossArgs,
    #[command(flatten)]
    part: PartArgs,
    /// Multiply with (or, with --inverse, solve for) this vector (P) or these columns (P x K)
    #[arg(long, value_name = "FILE")]
    vector: Option<Source>,
    #[command(flatten)]
    inverse: InverseArgs,
    #[command(flatten)]
    fisher: FisherArgs,
    #[command(flatten)]
    estimate: EstimateArgs,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    plot: PlotArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// Which curvature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Second derivatives of the loss
    Hessian,
    /// Generalised Gauss-Newton matrix, the type-2 Fisher
    Ggn,
    /// Uncentred covariance of the samples' gradients
    EmpiricalFisher,
    /// Fisher matrix by draws from the model's predictions
    FisherMc,
    /// Kronecker-factored approximation of the GGN
    Kfac,
    /// K-FAC with the optimal diagonal in its eigenbasis
    Ekfac,
    /// First derivatives of the loss
    Gradient,
}

impl Kind {
    /// The key of the result.
    const fn key(self) -> &'static str {
        match self {
            Self::Hessian => "hessian",
            Self::Ggn => "ggn",
            Self::EmpiricalFisher => "empirical_fisher",
            Self::FisherMc => "fisher_mc",
            Self::Kfac => "kfac",
            Self::Ekfac => "ekfac",
            Self::Gradient => "gradient",
        }
    }

    const fn is_kfac(self) -> bool {
        matches!(self, Self::Kfac | Self::Ekfac)
    }
}

/// Which rows and columns.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Part")]
struct PartArgs {
    /// The block of two parameter tensors, by name (0.weight) or position, separated by a comma
    #[arg(long, value_name = "I,J", value_delimiter = ',', num_args = 1, conflicts_with_all = ["rows", "cols"])]
    block: Vec<String>,
    /// Rows by index, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', num_args = 1, requires = "cols")]
    rows: Vec<usize>,
    /// Columns by index, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', num_args = 1, requires = "rows")]
    cols: Vec<usize>,
}

/// Which vectors K-FAC's factors and the Monte-Carlo Fisher are made of.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Fisher")]
struct FisherArgs {
    /// Which vectors the output factor G is made of [default: type-2]
    #[arg(long, value_enum, value_name = "KIND")]
    fisher: Option<Fisher>,
    /// Draws per sample of fisher-mc and --fisher mc [default: 1]
    #[arg(long, value_name = "K")]
    draws: Option<u32>,
    /// Biases in blocks of their own
    #[arg(long)]
    separate_bias: bool,
}

/// The rows and columns of a result.
enum Part {
    All,
    Block(Tensor, Tensor),
    Lists,
}

/// What is read from files and the command line.
pub(super) struct Problem<T> {
    pub(super) kind: Kind,
    pub(super) net: Net<T>,
    pub(super) data: Data<T>,
    pub(super) targets: Targets<T>,
    pub(super) loss: (crate::dense::Loss, crate::dense::Reduction),
    /// Kind, draws, seed.
    pub(super) fisher: (Fisher, u32, u64),
    pub(super) separate_bias: bool,
}

impl<T: Float> Problem<T> {
    /// The mini-batches as they were cut.
    fn batches<'a>(&'a self, labels: &'a [u32]) -> Vec<Batch<'a, T>> {
        let (x, targets) = (self.data.x.batch(), core_targets(&self.targets, labels));
        let mut from = 0;
        self.data
            .batches
            .iter()
            .map(|samples| {
                let batch = Batch {
                    x: x.columns_range(from, *samples),
                    targets: targets.range(from, *samples),
                };
                from += samples;
                batch
            })
            .collect()
    }

    fn risk<'a>(&'a self, batches: &'a [Batch<'a, T>]) -> Result<Risk<'a, T>> {
        let (loss, reduction) = core_loss(self.loss.0, self.loss.1);
        Risk::new(self.net.mlp()?, loss, reduction, batches).context("--data, --targets")
    }

    /// Which curvature of the risk; none for K-FAC and EKFAC.
    fn curvature(&self) -> Option<Curvature> {
        Some(match self.kind {
            Kind::Hessian => Curvature::Hessian,
            Kind::Ggn => Curvature::Ggn,
            Kind::EmpiricalFisher => Curvature::EmpiricalFisher,
            Kind::FisherMc => {
                let (_, draws, seed) = self.fisher;
                Curvature::MonteCarloFisher { draws: draws as usize, seed }
            }
            Kind::Kfac | Kind::Ekfac | Kind::Gradient => return None,
        })
    }

    /// The number of parameters.
    pub(super) fn params(&self) -> usize {
        self.net.theta.len()
    }
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, or the result cannot be computed or written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match session.global.dtype {
            Dtype::F32 => self.run_as::<f32>(session),
            Dtype::F64 => self.run_as::<f64>(session),
        }
    }

    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        self.out.validate()?;
        self.plot.validate()?;
        self.validate()?;
        let tolerance = self.check.tolerance::<T>()?;
        let (problem, vectors) = session.read(|| {
            let problem = self.read::<T>()?;
            let vectors = self.vector.as_ref().map(read_vectors::<T>).transpose()?;
            anyhow::Ok((problem, vectors))
        })?;
        let (part, rows, cols) = self.part(&problem)?;
        if let (Some((source, v)), true) = (self.vector.as_ref().zip(vectors.as_ref()), true) {
            let needed = cols.as_ref().map_or(problem.params(), Vec::len);
            ensure!(
                v.rows == needed,
                "{source}: found {} rows, needed {needed}, the {} of the matrix",
                v.rows,
                if cols.is_some() { "columns" } else { "parameters" }
            );
        }
        let check = |found: &[T], expected: &dyn Fn(&Reference) -> Result<Vec<f64>>| {
            if !self.check.check {
                return Ok(None);
            }
            let reference = Reference::new(&problem)?;
            let expected = expected(&reference)?;
            anyhow::Ok(Some(Difference::between(found, &expected).within(tolerance)))
        };
        let labels = core_labels(&problem.targets);
        let batches = problem.batches(&labels);
        if self.kind == Kind::Gradient {
            let found = session.compute(|| of_gradient(&problem, &batches))?;
            let check = check(&found, &|r| Ok(r.gradient()))?;
            let report = Report::of("gradient", Array::vector(found));
            return session.finish(report, &self.out, check);
        }
        let store = session.compute(|| Store::new(&problem))?;
        let lists = rows.as_deref().zip(cols.as_deref());
        if let Some(which) = self.estimate.estimate {
            let operator = Operator::new(&problem, &batches, &store, lists)?;
            let estimate = session.compute(|| self.estimate.run(which, &operator))?;
            let check = if self.check.check {
                let reference = Reference::new(&problem)?;
                Some(self.estimate.check(which, &estimate, &reference, lists, tolerance)?)
            } else {
                None
            };
            self.plot_estimate(&estimate)?;
            return session.finish(estimate.into_report(), &self.out, check);
        }
        let p = problem.params();
        if self.inverse.inverse {
            let damping = T::of(self.inverse.damping);
            let found = session.compute(|| {
                self.inverse.run(&problem, &batches, &store, damping, vectors.as_ref())
            })?;
            let (key, shape) = match &vectors {
                Some(v) => ("solution", v.shape()),
                None => ("inverse", vec![p, p]),
            };
            let check = check(&found, &|r| {
                let inverse = r.inverse(&self.inverse)?;
                Ok(match &vectors {
                    Some(v) => reference::product(&inverse, p, &v.to_f64(), v.cols),
                    None => inverse,
                })
            })?;
            if vectors.is_none() {
                self.plot_matrix(&problem, "inverse", &found, &Part::All, p)?;
            }
            let report = Report::of(key, Array::new(&shape, found));
            return session.finish(report, &self.out, check);
        }
        if let Some(v) = &vectors {
            let operator = Operator::new(&problem, &batches, &store, lists)?;
            let found = session.compute(|| operator.product(v))?;
            let rows = rows.as_ref().map_or(p, Vec::len);
            let check = check(&found, &|r| r.products(lists, v))?;
            let shape = if v.vector { vec![rows] } else { vec![rows, v.cols] };
            let report = Report::of("product", Array::new(&shape, found));
            return session.finish(report, &self.out, check);
        }
        let found = session.compute(|| matrix(&problem, &batches, &store, &part, lists))?;
        let (height, width) = lists.map_or((p, p), |(r, c)| (r.len(), c.len()));
        let check = check(&found, &|r| {
            let matrix = r.matrix()?;
            Ok(match lists {
                Some((rows, cols)) => reference::entries(&matrix, p, rows, cols),
                None => matrix,
            })
        })?;
        self.plot_matrix(&problem, self.kind.key(), &found, &part, width)?;
        let report = Report::of(self.kind.key(), Array::new(&[height, width], found));
        session.finish(report, &self.out, check)
    }

    /// Options that do not go together.
    fn validate(&self) -> Result<()> {
        let part = !self.part.block.is_empty() || !self.part.rows.is_empty();
        let (inverse, estimate) = (self.inverse.inverse, self.estimate.estimate.is_some());
        let refuse = |given: bool, what: &str| {
            ensure!(!given, "{what} do not go together; leave one out");
            anyhow::Ok(())
        };
        refuse(inverse && part, "--inverse and --block or --rows")?;
        refuse(inverse && estimate, "--inverse and --estimate")?;
        refuse(self.vector.is_some() && estimate, "--vector and --estimate")?;
        if self.kind == Kind::Gradient {
            let matrix = part || inverse || estimate || self.vector.is_some();
            refuse(matrix, "the gradient, which is a vector, and options of a matrix")?;
        }
        let kfac = self.fisher.fisher.is_some() || self.fisher.separate_bias;
        ensure!(
            self.kind.is_kfac() || !kfac,
            "--fisher and --separate-bias belong to kfac and ekfac; leave them out"
        );
        self.inverse.validate(self.kind)?;
        self.estimate.validate()?;
        if self.plot.plot.is_some() {
            let drawn = match self.estimate.estimate {
                Some(which) => which == Estimate::Spectrum,
                None => self.vector.is_none() && self.kind != Kind::Gradient,
            };
            ensure!(drawn, "--plot draws matrices and spectra; this result is neither");
        }
        Ok(())
    }

    fn read<T: Float>(&self) -> Result<Problem<T>> {
        let net = self.net.read::<T>()?;
        let data = self.data.read(&net)?;
        let targets = self.targets.read(&self.data, &data, &net, &self.loss)?;
        let fisher = self.fisher.fisher.unwrap_or_default();
        let draws = self.fisher.draws.unwrap_or(1);
        ensure!(draws >= 1, "--draws: found 0, needed at least 1");
        Ok(Problem {
            kind: self.kind,
            net,
            data,
            targets,
            loss: self.loss.reference(),
            fisher: (fisher, draws, self.estimate.seed),
            separate_bias: self.fisher.separate_bias,
        })
    }

    /// The part, and the indices of its rows and columns unless it is all.
    fn part<T: Float>(&self, problem: &Problem<T>) -> Result<Lists> {
        if !self.part.block.is_empty() {
            let [rows, cols] = self.part.block.as_slice() else {
                bail!(
                    "--block: found {} names, needed two, I,J, e.g. --block 0.weight,2.weight",
                    self.part.block.len()
                );
            };
            let tensors = problem.net.reference.tensors();
            let of = |name: &str| -> Result<_> {
                let tensor = &tensors[problem.net.tensor(name.trim()).context("--block")?];
                let kind = if tensor.bias { Tensor::Bias } else { Tensor::Weight };
                Ok((kind(tensor.layer), tensor.range.clone().collect()))
            };
            let ((r, rows), (c, cols)) = (of(rows)?, of(cols)?);
            return Ok((Part::Block(r, c), Some(rows), Some(cols)));
        }
        if self.part.rows.is_empty() {
            return Ok((Part::All, None, None));
        }
        let p = problem.params();
        for (option, list) in [("--rows", &self.part.rows), ("--cols", &self.part.cols)] {
            let mut seen = std::collections::HashSet::new();
            for (place, &index) in list.iter().enumerate() {
                ensure!(
                    index < p,
                    "{option}: entry {place} is {index}, needed 0 to {}, as {} has {p} parameters",
                    p - 1,
                    problem.net.path.display()
                );
                ensure!(seen.insert(index), "{option}: entry {place} is {index} again");
            }
        }
        Ok((Part::Lists, Some(self.part.rows.clone()), Some(self.part.cols.clone())))
    }
}

type Lists = (Part, Option<Vec<usize>>, Option<Vec<usize>>);

/// Vectors as columns, row-major as in the file.
pub(super) struct Vectors<T> {
    rows: usize,
    cols: usize,
    /// Whether the file has one axis.
    vector: bool,
    values: Vec<T>,
}

impl<T: Float> Vectors<T> {
    fn shape(&self) -> Vec<usize> {
        if self.vector { vec![self.rows] } else { vec![self.rows, self.cols] }
    }

    fn column(&self, k: usize) -> Vec<T> {
        self.values.iter().skip(k).step_by(self.cols).copied().collect()
    }

    fn to_f64(&self) -> Vec<f64> {
        self.values.iter().map(|v| v.to_f64()).collect()
    }

    /// `f` of every column, on all threads; row-major with `rows` rows.
    fn map(&self, rows: usize, f: impl Fn(&[T], &mut [T]) -> Result<()> + Sync) -> Result<Vec<T>> {
        let columns: Vec<Vec<T>> = (0..self.cols)
            .into_par_iter()
            .map(|k| {
                let mut out = vec![T::ZERO; rows];
                f(&self.column(k), &mut out)?;
                Ok(out)
            })
            .collect::<Result<_>>()?;
        Ok((0..rows).flat_map(|i| columns.iter().map(move |c| c[i])).collect())
    }
}

fn read_vectors<T: Float>(source: &Source) -> Result<Vectors<T>> {
    let vector = io::read_array(source)?.shape().len() == 1;
    let matrix = io::read_matrix::<T>(source)?;
    Ok(Vectors { rows: matrix.rows, cols: matrix.cols, vector, values: matrix.values })
}

fn of_gradient<T: Float>(problem: &Problem<T>, batches: &[Batch<'_, T>]) -> Result<Vec<T>> {
    let risk = problem.risk(batches)?;
    let mut out = vec![T::ZERO; problem.params()];
    let mut scratch = zeros::<T>(&[gradient_scratch(risk.net().layers(), risk.tile())])?;
    gradient(&risk, &mut out, &mut scratch)?;
    Ok(out)
}

/// The matrix or its part, row-major.
fn matrix<T: Float>(
    problem: &Problem<T>,
    batches: &[Batch<'_, T>],
    store: &Store<T>,
    part: &Part,
    lists: Option<(&[usize], &[usize])>,
) -> Result<Vec<T>> {
    let p = problem.params();
    let Some(curvature) = problem.curvature() else {
        let operator = Operator::new(problem, batches, store, None)?;
        let all: Vec<usize> = (0..p).collect();
        let (rows, cols) = lists.unwrap_or((&all, &all));
        return operator.entries(rows, cols);
    };
    let risk = problem.risk(batches)?;
    let operator = CurvatureOperator::new(risk, curvature);
    let (layers, tile) = (risk.net().layers(), risk.tile());
    let hessian = curvature == Curvature::Hessian;
    let (height, width) = lists.map_or((p, p), |(r, c)| (r.len(), c.len()));
    let mut out = zeros::<T>(&[height, width])?;
    // The core's columns are the rows of the symmetric matrix, and a part's those of its transpose.
    let view = MatMut::of(&mut out, width, height);
    match (part, lists) {
        (Part::Block(rows, cols), _) => {
            let mut scratch = zeros::<T>(&[dense_scratch(layers, tile, hessian)])?;
            block(&operator, *cols, *rows, view, &mut scratch)?;
        }
        (Part::Lists, Some((rows, cols))) => {
            let mut scratch = zeros::<T>(&[submatrix_scratch(layers, tile, hessian)])?;
            submatrix(&operator, cols, rows, view, &mut scratch)?;
        }
        _ => parallel::dense(&operator, &mut out)?,
    }
    Ok(out)
}

/// The factors of K-FAC over all the data.
fn kfac_factors<T: Float>(problem: &Problem<T>) -> Result<Vec<T>> {
    let x: Mat<'_, T> = problem.data.x.batch();
    factors::accumulate(&problem.net, x, &problem.targets, problem.loss, problem.fisher)
}

/// A curvature of an example case, row-major: for `validate`.
///
/// # Errors
/// If the case is damaged.
pub fn of_case<T: Float>(case: &Case, kind: Kind, asked: Asked) -> Result<Vec<T>> {
    let data = Data { x: case.x::<T>()?, batches: case.samples()? };
    let problem = Problem {
        kind,
        net: case.net()?,
        data,
        targets: case.targets()?,
        loss: (case.loss, case.reduction),
        fisher: (Fisher::TypeTwo, 1, 0),
        separate_bias: false,
    };
    let labels = core_labels(&problem.targets);
    let batches = problem.batches(&labels);
    if kind == Kind::Gradient {
        return of_gradient(&problem, &batches);
    }
    let store = Store::new(&problem)?;
    match asked {
        Asked::Whole => matrix(&problem, &batches, &store, &Part::All, None),
        Asked::Lists => {
            matrix(&problem, &batches, &store, &Part::Lists, Some((&case.rows, &case.cols)))
        }
        Asked::Product => {
            let v = case.array("v")?;
            let rows = problem.params();
            let values = v.to_vec();
            let vectors = Vectors { rows, cols: values.len() / rows, vector: false, values };
            Operator::new(&problem, &batches, &store, None)?.product(&vectors)
        }
    }
}
