//! `nanocurv dynamics jacobian`: singular values and layer shares of a two-layer linear network.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::picture;
use crate::args::{CheckArgs, OutputArgs, PlotArgs};
use crate::dense::{self, Check, Difference};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::dynamics::{LayerSpectrum, hidden_units, layer_spectrum};
use crate::io::{self, Source};
use crate::plot::Figure;
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: `singular_values`, `shares` (rank x 2): the norm of each layer's part of \
the right singular vector. For any network: `nanocurv jacobian --svd`.

Example:
  nanocurv dynamics jacobian --net two-layer.safetensors --data x.npy --plot shares.svg"
)]
pub struct Args {
    /// The network: two layers without biases, one output
    #[arg(long, value_name = "FILE")]
    net: PathBuf,
    /// Inputs, one sample a row
    #[arg(long, value_name = "FILE")]
    data: Source,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    plot: PlotArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// Squares of singular values, and of shares where neighbours are apart: a Gram has no more.
fn compare<T: Float>(
    found: &LayerSpectrum<T>,
    reference: &dense::Spectrum,
    hidden: usize,
    tolerance: f64,
) -> Check {
    let square = |i: usize| reference.values.get(i).map_or(0.0, |s| s * s);
    let (mut squares, mut parts) = (Difference::default(), Difference::default());
    let noise = 100.0 * reference.values.len() as f64 * T::EPSILON.to_f64() * square(0);
    for (i, (value, share)) in found.values.iter().zip(found.shares.rows()).enumerate() {
        squares.add(value.to_f64().powi(2), square(i));
        let above = if i == 0 { f64::INFINITY } else { square(i - 1) - square(i) };
        if above.min(square(i) - square(i + 1)) * tolerance >= noise {
            let row = &reference.rows[i];
            let second: f64 = row[row.len() - hidden..].iter().map(|v| v * v).sum();
            parts.add(share[1].to_f64().powi(2), second / square(i));
            parts.add(share[0].to_f64().powi(2), 1.0 - second / square(i));
        }
    }
    squares.within(tolerance).worse(parts.within(tolerance))
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()?;
        self.plot.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let (net, x) = session.read(|| {
            anyhow::Ok((
                io::network::read(&self.net, &[])?.state,
                io::read_matrix::<T>(&self.data)?,
            ))
        })?;
        let name = self.net.display().to_string();
        let hidden = hidden_units(&name, &net.layers)?;
        let inputs = net.layers[0].inputs;
        ensure!(
            inputs == x.ncols(),
            "{}: found {} columns, needed {inputs}, the inputs of {name}",
            self.data,
            x.ncols()
        );
        let theta: Vec<T> = net.theta.iter().map(|t| T::of(*t)).collect();
        let found = session.compute(|_| layer_spectrum(x.view(), &theta, hidden))?;
        if let Some(path) = &self.plot.plot {
            let title = format!("Jacobian of {inputs}-{hidden}-1 on {} samples", x.nrows());
            Figure::new(title).panel(picture::shares("", &found)).write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        let check = self.check.check.then(|| {
            let (theta, x) = (wide(&theta), wide(&x));
            let jacobian = dense::dynamics::two_layer_jacobian(&theta, &x, inputs, hidden);
            compare(&found, &dense::spectrum(&jacobian, theta.len()), hidden, tolerance)
        });
        let mut report = Report::of("singular_values", found.values);
        report.array("shares", found.shares);
        session.finish(report, &self.out, check)
    }
}
