//! `nanocurv kfac full`: `V := (F + lambda I)^p V`.

use anyhow::{Result, anyhow, ensure};
use clap::Subcommand;
use nanocurv::MatMut;
use nanocurv::kfac::{Full, KfacError, full_apply_scratch, full_power_scratch, full_solve_scratch};

use super::{Vector, check_size, damping, name, read_square, reference, view};
use crate::args::{CheckArgs, Dtype, OutputArgs};
use crate::array::{Array, Float, Shape, zeros};
use crate::check::Difference;
use crate::dense::kfac::{self as dense, Product};
use crate::exit::Outcome;
use crate::io::Source;
use crate::report::Report;
use crate::session::Session;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "F is P x P; V is P or P x K, or an in x out matrix of P values, which is \
taken row by row.

Example:
  nanocurv kfac full solve --factor f.npy --vector v.npy --damping 0.1 --check")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// What is done with a diagonal or full block.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// (F + L I) V
    Apply(FactorArgs),
    /// (F + L I)^-1 V
    Solve(FactorArgs),
    /// (F + L I)^P V
    Power(FactorPowerArgs),
}

/// The arguments of all.
#[derive(Debug, clap::Args)]
pub struct FactorArgs {
    /// The factor F
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    pub factor: Source,
    /// V
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    pub vector: Source,
    /// The damping lambda
    #[arg(long, value_name = "L", default_value_t = 0.0, help_heading = "Block")]
    pub damping: f64,
    #[command(flatten)]
    pub out: OutputArgs,
    #[command(flatten)]
    pub check: CheckArgs,
}

/// The arguments of a power.
#[derive(Debug, clap::Args)]
pub struct FactorPowerArgs {
    #[command(flatten)]
    block: FactorArgs,
    /// The exponent P
    #[arg(long, value_name = "P", allow_negative_numbers = true, help_heading = "Block")]
    exponent: f64,
}

impl Verb {
    /// The arguments and what is done.
    pub fn parts(&self) -> Result<(&FactorArgs, Product)> {
        Ok(match self {
            Self::Apply(args) => (args, Product::Apply),
            Self::Solve(args) => (args, Product::Solve),
            Self::Power(args) => {
                let p = args.exponent;
                ensure!(p.is_finite(), "--exponent: found {p}, needed a finite number");
                (&args.block, Product::Power(p))
            }
        })
    }

    /// p
    pub fn exponent(&self) -> f64 {
        match self {
            Self::Apply(_) => 1.0,
            Self::Solve(_) => -1.0,
            Self::Power(args) => args.exponent,
        }
    }
}

impl Args {
    /// Runs the command.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match session.global.dtype {
            Dtype::F32 => run_as::<f32>(session, &self.verb),
            Dtype::F64 => run_as::<f64>(session, &self.verb),
        }
    }
}

fn run_as<T: Float>(session: &mut Session, verb: &Verb) -> Result<Outcome> {
    let (args, product) = verb.parts()?;
    let FactorArgs { factor, vector, damping: lambda, out, check } = args;
    out.validate()?;
    let tolerance = check.tolerance::<T>()?;
    let lambda_t = damping::<T>(*lambda)?;
    let (f, v) = session.read(|| {
        let (f, v) = (read_square::<T>(factor)?, Vector::<T>::read(vector)?);
        let p = f.rows;
        ensure!(
            v.shape.first() == Some(&p) || v.values.len() == p,
            "{vector}: found shape {}, needed {p} rows, as {factor} has",
            Shape(&v.shape)
        );
        anyhow::Ok((f, v))
    })?;
    let p = f.rows;
    let columns = v.values.len() / p;
    // The core's columns are NumPy's rows of the transpose.
    let mut w: Vec<T> = (0..columns)
        .flat_map(|j| (0..p).map(move |i| i * columns + j))
        .map(|at| v.values[at])
        .collect();
    let len = match product {
        Product::Apply => full_apply_scratch(p, columns),
        Product::Solve => full_solve_scratch(p),
        _ => full_power_scratch(p, columns),
    };
    let mut scratch = zeros::<T>(&[len])?;
    session
        .compute(|| -> Result<(), KfacError> {
            let block = Full::new(view(&f))?.checked()?;
            let w = MatMut::of(&mut w, p, columns);
            match product {
                Product::Apply => block.apply(lambda_t, w, &mut scratch),
                Product::Solve => block.solve(lambda_t, w, &mut scratch),
                _ => block.power(T::of(verb.exponent()), lambda_t, w, &mut scratch),
            }
        })
        .map_err(|e| match e {
            KfacError::NotPositive { row, .. } => anyhow!(
                "{factor}: eigenvalue {row} with the damping is not positive; is --damping large \
                 enough?"
            ),
            e => name(e, factor, factor),
        })?;
    let found: Vec<T> =
        (0..p).flat_map(|i| (0..columns).map(move |j| i + j * p)).map(|at| w[at]).collect();
    let check = if check.check {
        check_size(p)?;
        let block = dense::Block::full(&f.to_f64(), *lambda);
        let reference = reference(block.product(product, &v.to_f64()))?;
        Some(Difference::between(&found, &reference).within(tolerance))
    } else {
        None
    };
    session.finish(Report::of("result", Array::new(&v.shape, found)), out, check)
}
