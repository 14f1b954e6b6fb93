//! `nanocurv kfac diagonal`: `v := (d + lambda)^p .* v`.

use anyhow::{Result, anyhow, ensure};
use nanocurv::kfac::{Diagonal, KfacError};

use super::full::{FactorArgs, Verb};
use super::{Vector, check_size, damping, reference};
use crate::args::Dtype;
use crate::array::{Array, Float, Shape};
use crate::check::Difference;
use crate::dense::kfac as dense;
use crate::exit::Outcome;
use crate::report::Report;
use crate::session::Session;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "F and V have the same shape, whichever it is.

Example:
  nanocurv kfac diagonal solve --factor d.npy --vector v.npy --damping 0.1")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
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
    let (d, v) = session.read(|| {
        let (d, v) = (Vector::<T>::read(factor)?, Vector::<T>::read(vector)?);
        ensure!(
            d.values.len() == v.values.len(),
            "{vector}: found shape {}, needed {}, that of {factor}",
            Shape(&v.shape),
            Shape(&d.shape)
        );
        anyhow::Ok((d, v))
    })?;
    let mut found = v.values.clone();
    session
        .compute(|| Diagonal::new(&d.values).power(T::of(verb.exponent()), lambda_t, &mut found))
        .map_err(|e| match e {
            KfacError::NotPositive { row, .. } => anyhow!(
                "{factor}: value {row} with the damping is not positive; is --damping large enough?"
            ),
            e => anyhow!("{factor}: {e}"),
        })?;
    let check = if check.check {
        check_size(found.len())?;
        let block = dense::Block::diagonal(&d.to_f64(), *lambda);
        let reference = reference(block.product(product, &v.to_f64()))?;
        Some(Difference::between(&found, &reference).within(tolerance))
    } else {
        None
    };
    session.finish(Report::of("result", Array::new(&v.shape, found)), out, check)
}
