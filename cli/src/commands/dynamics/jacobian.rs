//! `nanocurv dynamics jacobian`: singular values and layer shares of a two-layer linear network.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use nanocurv::dynamics::spectrum::{two_layer_spectrum, two_layer_spectrum_scratch};
use nanocurv::{Mat, MatMut};

use super::curves::to_f64;
use super::problem::two_linear_layers;
use crate::args::{CheckArgs, Dtype, OutputArgs, PlotArgs};
use crate::array::{Array, Float, zeros};
use crate::check::{Check, Difference};
use crate::dense;
use crate::exit::Outcome;
use crate::io::{self, Source};
use crate::plot::{Figure, Panel};
use crate::report::Report;
use crate::session::Session;

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

/// Singular values down to the numerical rank, and their shares.
pub fn spectrum<T: Float>(
    x: Mat<'_, T>,
    theta: &[T],
    hidden: usize,
) -> Result<(Vec<T>, Vec<[T; 2]>)> {
    let n = x.cols();
    let (mut values, mut shares) = (zeros::<T>(&[n])?, zeros::<T>(&[2, n])?);
    let mut scratch = zeros::<T>(&[two_layer_spectrum_scratch(n, hidden)])?;
    let out = MatMut::of(&mut shares, 2, n);
    let rank = two_layer_spectrum(x, theta, hidden, &mut values, out, &mut scratch)?;
    values.truncate(rank);
    Ok((values, shares.chunks(2).take(rank).map(|s| [s[0], s[1]]).collect()))
}

/// Squared shares over singular values: they add up to 1.
pub fn panel<T: Float>(heading: &str, values: &[T], shares: &[[T; 2]]) -> Panel {
    let squares: Vec<Vec<f64>> =
        shares.iter().map(|s| s.iter().map(|v| v.to_f64().powi(2)).collect()).collect();
    Panel::shares(heading, &to_f64(values), &["first layer", "second layer"], &squares)
}

/// Squares of singular values, and of shares where neighbours are apart: a Gram has no more.
fn compare<T: Float>(
    values: &[T],
    shares: &[[T; 2]],
    reference: &dense::Spectrum,
    hidden: usize,
    tolerance: f64,
) -> Check {
    let square = |i: usize| reference.values.get(i).map_or(0.0, |s| s * s);
    let (mut squares, mut parts) = (Difference::default(), Difference::default());
    let noise = 100.0 * reference.values.len() as f64 * T::EPSILON.to_f64() * square(0);
    for (i, (value, share)) in values.iter().zip(shares).enumerate() {
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

impl Args {
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
        let (net, x) = session.read(|| {
            anyhow::Ok((io::network::read(&self.net)?, io::read_matrix::<T>(&self.data)?))
        })?;
        let hidden = two_linear_layers(&self.net, &net.layers)?;
        let inputs = net.layers[0].inputs;
        ensure!(
            inputs == x.cols,
            "{}: found {} columns, needed {inputs}, the inputs of {}",
            self.data,
            x.cols,
            self.net.display()
        );
        let theta: Vec<T> = net.theta.iter().map(|t| T::of(*t)).collect();
        let (values, shares) = session.compute(|| spectrum(x.batch(), &theta, hidden))?;
        if let Some(path) = &self.plot.plot {
            let title = format!("Jacobian of {inputs}-{hidden}-1 on {} samples", x.rows);
            Figure::new(title).panel(panel("", &values, &shares)).write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        let check = self.check.check.then(|| {
            let (theta, x) = (to_f64(&theta), x.to_f64());
            let jacobian = dense::dynamics::two_layer_jacobian(&theta, &x, inputs, hidden);
            let params = theta.len();
            compare::<T>(&values, &shares, &dense::spectrum(&jacobian, params), hidden, tolerance)
        });
        let rank = values.len();
        let mut report = Report::of("singular_values", Array::vector(values));
        report.array("shares", Array::new(&[rank, 2], shares.into_iter().flatten().collect()));
        session.finish(report, &self.out, check)
    }
}
