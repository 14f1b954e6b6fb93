//! `kron info`: what a sum of products is, from its factors.

use anyhow::Result;

use super::args::OperatorArgs;
use crate::args::{CheckArgs, OutputArgs};
use crate::dense::{Check, Difference, kron as dense};
use crate::desktop::Float;
use crate::desktop::kron::{Info, Operator};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: `shape`, `trace`, `det`, `logdet` (of the absolute value) and `frobenius`; trace and
determinants of square products only. With --damping the factors of the only pair must be
symmetric.

Example:
  nanocurv kron info --left a.npy --right b.npy --format json"
)]
pub struct Args {
    #[command(flatten)]
    operator: OperatorArgs,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let operator = session.read(|| self.operator.read::<T>())?;
        let found = session.compute(|_| operator.info())?;
        let ((n, l), (m, k)) = operator.sides();
        let shape = [m * k, n * l].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let mut report = Report::of("shape", shape.to_vec());
        if let Some(square) = &found.square {
            report
                .number("trace", square.trace)
                .number("det", square.determinant())
                .unbounded("logdet", square.log_determinant);
        }
        report.number("frobenius", found.frobenius);
        let check = self.check.check.then(|| check(&found, &operator, tolerance));
        session.finish(report, &self.out, check)
    }
}

fn check<T: Float>(found: &Info, operator: &Operator<T>, tolerance: f64) -> Check {
    let g = dense::operator(operator);
    let norm = g.iter().map(|v| v * v).sum::<f64>().sqrt();
    let mut check = Difference::between(&[found.frobenius], &[norm]).within(tolerance);
    let Some(square) = &found.square else { return check };
    let rows = operator.terms().shape().0;
    let trace: f64 = g.iter().step_by(rows + 1).sum();
    // A trace is a sum that may cancel: the norm is its yardstick.
    let mut difference = Difference::between(&[square.trace], &[trace]);
    difference.add(norm, norm);
    check = check.worse(difference.within(tolerance));
    let (_, sign, log) = dense::eliminate(g, rows, Vec::new(), 0);
    if square.sign != 0.0 {
        // One in logdet is a factor in det: the error of det is what counts.
        let mut difference = Difference::between(&[square.sign], &[sign]);
        difference.add(1.0 + square.log_determinant, 1.0 + log);
        check = check.worse(difference.within(tolerance));
    }
    check
}
