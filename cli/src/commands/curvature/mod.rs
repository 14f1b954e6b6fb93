//! `nanocurv curvature`: the curvature of a network's loss, whole or in part, as a matrix, a
//! product, an inverse or an estimate.

use anyhow::{Result, ensure};
use clap::ValueEnum;

use super::kfac::factors::{Fisher, core_labels};
use crate::args::{
    CheckArgs, DataArgs, Dtype, LossArgs, NetArgs, OutputArgs, PlotArgs, TargetArgs,
};
use crate::array::{Array, Float};
use crate::check::Difference;
use crate::exit::Outcome;
use crate::io::Source;
use crate::report::Report;
use crate::session::Session;

mod estimate;
mod inverse;
mod matrix;
mod operator;
mod part;
mod picture;
mod problem;
mod reference;

pub use matrix::of_case;

use estimate::{Estimate, EstimateArgs};
use inverse::InverseArgs;
use matrix::{matrix, of_gradient};
use operator::{Operator, Store};
use part::{Part, PartArgs};
use problem::{Problem, Vectors};
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

    /// The heading of a picture.
    const fn title(self) -> &'static str {
        match self {
            Self::Hessian => "Hessian",
            Self::Ggn => "GGN",
            Self::EmpiricalFisher => "Empirical Fisher",
            Self::FisherMc => "Monte-Carlo Fisher",
            Self::Kfac => "K-FAC",
            Self::Ekfac => "EKFAC",
            Self::Gradient => "Gradient",
        }
    }

    const fn is_kfac(self) -> bool {
        matches!(self, Self::Kfac | Self::Ekfac)
    }
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
            let vectors = self.vector.as_ref().map(Vectors::<T>::read).transpose()?;
            anyhow::Ok((problem, vectors))
        })?;
        let (part, rows, cols) = self.part.of(&problem)?;
        if let Some((source, v)) = self.vector.as_ref().zip(vectors.as_ref()) {
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
                let heading = format!("{}, damped inverse", self.kind.title());
                self.plot_matrix(&problem, &heading, &found, &Part::All, p)?;
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
        self.plot_matrix(&problem, self.kind.title(), &found, &part, width)?;
        let report = Report::of(self.kind.key(), Array::new(&[height, width], found));
        session.finish(report, &self.out, check)
    }

    /// Options that do not go together.
    fn validate(&self) -> Result<()> {
        let part = self.part.given();
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
        let drawn = self.kind == Kind::FisherMc || self.fisher.fisher == Some(Fisher::Mc);
        ensure!(
            drawn || self.fisher.draws.is_none(),
            "--draws belongs to fisher-mc and to --fisher mc; leave it out"
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
}
