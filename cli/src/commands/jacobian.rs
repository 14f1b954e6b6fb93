//! `nanocurv jacobian`: `J[n, o, p] = df_o(x_n) / dtheta_p`, or its spectrum.

use anyhow::Result;

use crate::args::{CheckArgs, DataArgs, NetArgs, OutputArgs};
use crate::dense::{self, Check, Difference};
use crate::desktop::array::wide;
use crate::desktop::jacobian::{Spectrum, jacobian, spectrum};
use crate::desktop::{Float, Network};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: one array `jacobian` (N,O,P); with --svd `singular_values` (rank) \
and `shares` (rank x layers).

Examples:
  nanocurv jacobian --net net.safetensors --activation tanh --data x.npy --out j.npy
  nanocurv jacobian --net two-layer.safetensors --activation identity --data x.npy --svd"
)]
pub struct Args {
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Singular values down to the numerical rank and, for each, the norm of the part of its right
    /// singular vector that belongs to each layer; from Gram matrices, without the Jacobian
    #[arg(long)]
    svd: bool,
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
        let (net, x) = session.read(|| {
            let net = self.net.read::<T>()?;
            let x = self.data.read(&net)?;
            anyhow::Ok((net, x))
        })?;
        session.introduce(&net);
        let reference = || dense::jacobian(&dense::Network::of(&net), &net.theta_f64(), &wide(&x));
        if self.svd {
            let found = session.compute(|_| spectrum(&net, x.view()))?;
            let check =
                self.check.check.then(|| check_spectrum(&found, &net, &reference(), tolerance));
            let mut report = Report::of("singular_values", found.values);
            report.array("shares", found.shares);
            return session.finish(report, &self.out, check);
        }
        let found = session.compute(|_| jacobian(&net, x.view()))?;
        let check =
            self.check.check.then(|| Difference::of(&found, &reference()).within(tolerance));
        session.finish(Report::of("jacobian", found), &self.out, check)
    }
}

/// Against one-sided Jacobi on the dense Jacobian. A Gram determines the squares of the
/// singular values, and shares as far as neighbours are apart: those are compared.
fn check_spectrum<T: Float>(
    found: &Spectrum<T>,
    net: &Network<T>,
    jacobian: &[f64],
    tolerance: f64,
) -> Check {
    let reference = dense::spectrum(jacobian, net.params());
    let squares: Vec<f64> = reference.values.iter().map(|s| s * s).collect();
    let square = |i: usize| squares.get(i).copied().unwrap_or(0.0);
    let (mut values, mut shares) = (Difference::default(), Difference::default());
    for (i, value) in found.values.iter().enumerate() {
        values.add(value.to_f64() * value.to_f64(), square(i));
    }
    let noise = 100.0 * squares.len() as f64 * T::EPSILON.to_f64() * square(0);
    for (i, row) in found.shares.rows().into_iter().enumerate() {
        let above = if i == 0 { f64::INFINITY } else { square(i - 1) - square(i) };
        let apart = above.min(square(i) - square(i + 1));
        if apart * tolerance < noise {
            continue;
        }
        let v = &reference.rows[i];
        let mut parts = vec![0.0; net.layers().len()];
        for tensor in net.tensors() {
            parts[tensor.layer] += v[tensor.range].iter().map(|v| v * v).sum::<f64>();
        }
        for (share, part) in row.iter().zip(parts) {
            // Squares again: a share near zero is the root of a rounding error.
            shares.add(share.to_f64() * share.to_f64(), part / square(i));
        }
    }
    values.within(tolerance).worse(shares.within(tolerance))
}
