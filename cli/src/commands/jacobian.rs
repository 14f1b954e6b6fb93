//! `nanocurv jacobian`: `J[n, o, p] = df_o(x_n) / dtheta_p`, or its spectrum.

use anyhow::{Context, Result};
use nanocurv::dynamics::spectrum::{jacobian_spectrum, jacobian_spectrum_scratch};
use nanocurv::ntk::{Component, jacobian, jacobian_scratch};
use nanocurv::{Mat, MatMut};
use rayon::prelude::*;

use crate::args::{CheckArgs, DataArgs, Dtype, Net, NetArgs, OutputArgs};
use crate::array::{Array, Float, Matrix, zeros};
use crate::check::{Check, Difference};
use crate::dense::{self, Reduce};
use crate::exit::Outcome;
use crate::progress::Progress;
use crate::report::Report;
use crate::session::Session;
use crate::tiles::kernels;

/// Samples that one thread takes at a time.
const CHUNK: usize = 16;

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

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, or the result cannot be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match session.global.dtype {
            Dtype::F32 => self.run_as::<f32>(session),
            Dtype::F64 => self.run_as::<f64>(session),
        }
    }

    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        self.out.validate()?;
        let tolerance = self.check.tolerance::<T>()?;
        let (net, x) = session.read(|| {
            let net = self.net.read::<T>()?;
            let x = self.data.read(&net)?.x;
            anyhow::Ok((net, x))
        })?;
        if self.svd {
            let spectrum = session.compute(|| spectrum(&net, &x))?;
            let check = self.check.check.then(|| spectrum.check(&net, &x, tolerance));
            return session.finish(spectrum.report(net.reference.layers.len()), &self.out, check);
        }
        let shape = [x.rows, net.outputs(), net.theta.len()];
        let found = session.compute(|| of_all(&net, &x))?;
        let check = self.check.check.then(|| {
            let reference = dense::jacobian(&net.reference, &net.theta_f64(), &x.to_f64());
            Difference::between(&found, &reference).within(tolerance)
        });
        session.finish(Report::of("jacobian", Array::new(&shape, found)), &self.out, check)
    }
}

/// The Jacobian of all samples, `(N, O, P)` row-major.
pub(super) fn of_all<T: Float>(net: &Net<T>, x: &Matrix<T>) -> Result<Vec<T>> {
    let mlp = net.mlp()?;
    let (outputs, params) = (net.outputs(), net.theta.len());
    let mut all = zeros::<T>(&[x.rows, outputs, params])?;
    let batches = x.values.par_chunks(CHUNK * x.cols);
    batches.zip(all.par_chunks_mut(CHUNK * outputs * params)).try_for_each(|(x, to)| {
        let x = Mat::of(x, net.inputs(), x.len() / net.inputs());
        let mut scratch = vec![T::ZERO; jacobian_scratch(mlp.layers(), x.cols())];
        let to = MatMut::of(to, params, x.cols() * outputs);
        jacobian(&mlp, x, to, &mut scratch).context("--data")
    })?;
    Ok(all)
}

/// Singular values and shares down to the numerical rank.
struct Spectrum<T> {
    values: Vec<T>,
    /// `rank x layers`
    shares: Vec<T>,
}

/// The spectrum from one Gram matrix per layer.
fn spectrum<T: Float>(net: &Net<T>, x: &Matrix<T>) -> Result<Spectrum<T>> {
    let mlp = net.mlp()?;
    let n = x.rows * net.outputs();
    let layers = mlp.depth();
    let grams = (0..layers)
        .map(|l| {
            let parts = [Component::Weights(l), Component::Bias(l)];
            let parts = &parts[..1 + usize::from(mlp.layers()[l].bias)];
            let found = kernels(&mlp, x.batch(), None, Reduce::Full, parts, &Progress::none())?;
            let mut parts = found.into_iter();
            let mut gram = parts.next().unwrap_or_default();
            for bias in parts {
                gram.iter_mut().zip(bias).for_each(|(g, b)| *g += b);
            }
            Ok(gram)
        })
        .collect::<Result<Vec<_>>>()?;
    let grams: Vec<_> = grams.iter().map(|gram| Mat::of(gram, n, n)).collect();
    let mut values = zeros::<T>(&[n])?;
    let mut shares = zeros::<T>(&[n, layers])?;
    let mut scratch = zeros::<T>(&[jacobian_spectrum_scratch(n)])?;
    let shares_view = MatMut::of(&mut shares, layers, n);
    let rank = jacobian_spectrum(&grams, &mut values, shares_view, &mut scratch)
        .context("the spectrum of the Jacobian")?;
    values.truncate(rank);
    shares.truncate(rank * layers);
    Ok(Spectrum { values, shares })
}

impl<T: Float> Spectrum<T> {
    fn report(self, layers: usize) -> Report {
        let rank = self.values.len();
        let mut report = Report::of("singular_values", Array::vector(self.values));
        report.array("shares", Array::new(&[rank, layers], self.shares));
        report
    }

    /// Against one-sided Jacobi on the dense Jacobian. A Gram determines the squares of the
    /// singular values, and shares as far as neighbours are apart: those are compared.
    fn check(&self, net: &Net<T>, x: &Matrix<T>, tolerance: f64) -> Check {
        let params = net.theta.len();
        let jacobian = dense::jacobian(&net.reference, &net.theta_f64(), &x.to_f64());
        let reference = dense::spectrum(&jacobian, params);
        let squares: Vec<f64> = reference.values.iter().map(|s| s * s).collect();
        let square = |i: usize| squares.get(i).copied().unwrap_or(0.0);
        let (mut values, mut shares) = (Difference::default(), Difference::default());
        for (i, value) in self.values.iter().enumerate() {
            values.add(value.to_f64() * value.to_f64(), square(i));
        }
        let layers = net.reference.layers.len();
        let noise = 100.0 * squares.len() as f64 * T::EPSILON.to_f64() * square(0);
        for (i, row) in self.shares.chunks(layers).enumerate() {
            let above = if i == 0 { f64::INFINITY } else { square(i - 1) - square(i) };
            let apart = above.min(square(i) - square(i + 1));
            if apart * tolerance < noise {
                continue;
            }
            let v = &reference.rows[i];
            let mut parts = vec![0.0; layers];
            for tensor in net.reference.tensors() {
                parts[tensor.layer] += v[tensor.range].iter().map(|v| v * v).sum::<f64>();
            }
            for (found, part) in row.iter().zip(parts) {
                // Squares again: a share near zero is the root of a rounding error.
                shares.add(found.to_f64() * found.to_f64(), part / square(i));
            }
        }
        values.within(tolerance).worse(shares.within(tolerance))
    }
}
