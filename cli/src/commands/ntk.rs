//! `nanocurv ntk`: `Theta[(n,a),(m,b)] = <df_a(x_n)/dtheta, df_b(x_m)/dtheta>` and its reductions.

use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use nanocurv::MatMut;
use nanocurv::ntk::{Component, params_gram, params_gram_chunk};

use crate::args::{CheckArgs, DataArgs, Dtype, Net, NetArgs, OutputArgs, read_batch};
use crate::array::{Array, Float, Matrix, zeros};
use crate::check::Difference;
use crate::dense::{self, Reduce};
use crate::exit::Outcome;
use crate::io::Source;
use crate::report::Report;
use crate::session::Session;
use crate::tiles;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: one array `ntk`; with --components one array per parameter tensor, \
named as the tensor, and `total`.

Examples:
  nanocurv ntk --net net.safetensors --activation tanh --data x.npy --check
  nanocurv ntk --net net.safetensors --activation relu --data x.csv --output full --out k.npy
  nanocurv ntk --net net.npz --activation gelu,silu --data x.npy --data2 test.npy --format json
  nanocurv ntk --net net.safetensors --activation tanh --data x.npy --components --out k.npz"
)]
pub struct Args {
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    data: DataArgs,
    /// A second batch: the kernel between the two
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    data2: Option<Source>,
    /// What becomes of the outputs: full (N,O,M,O), trace (N,M) their undivided sum, mean (N,M)
    /// the trace over O, diagonal (N,M,O), pseudo (N,M) of the scalar sum over sqrt(O), or the
    /// number K of one output (N,M) [default: trace]
    #[arg(long, value_name = "full|trace|mean|diagonal|pseudo|K")]
    output: Option<Reduction>,
    /// Which Gram matrix of the Jacobian: over samples (the kernel), over params (P,P), or the
    /// smaller one
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    gram: Gram,
    /// One array for each parameter tensor, and their sum
    #[arg(long)]
    components: bool,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// `--gram`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Gram {
    /// J J^T: the kernel
    #[default]
    Samples,
    /// J^T J: the Gauss-Newton matrix of half the sum of squares
    Params,
    /// Samples if there are fewer rows of J than parameters, else params
    Minima,
}

/// `--output`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reduction(Reduce);

impl FromStr for Reduction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "full" => Reduce::Full,
            "trace" => Reduce::Trace,
            "mean" => Reduce::Mean,
            "diagonal" => Reduce::Diagonal,
            "pseudo" => Reduce::Pseudo,
            number => Reduce::Output(number.parse().map_err(|_| {
                "needed full, trace, mean, diagonal, pseudo or the number of an output".to_owned()
            })?),
        }))
    }
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
        let (net, x1, x2) = session.read(|| self.read::<T>())?;
        let samples_side = match self.gram {
            Gram::Samples => true,
            Gram::Params => false,
            Gram::Minima => x1.rows.saturating_mul(net.outputs()) < net.theta.len(),
        };
        if !samples_side {
            self.require_no_sample_options()?;
            let gram = session.compute(|| params_kernel(&net, &x1))?;
            let check = self.check.check.then(|| {
                let reference = dense::ntk_params(&net.reference, &net.theta_f64(), &x1.to_f64());
                Difference::between(&gram, &reference).within(tolerance)
            });
            let p = net.theta.len();
            let report = Report::of("ntk", Array::new(&[p, p], gram));
            return session.finish(report, &self.out, check);
        }
        let reduce = self.output.map_or(Reduce::Trace, |r| r.0);
        if let Reduce::Output(k) = reduce {
            ensure!(
                k < net.outputs(),
                "--output: found {k}, needed 0 to {}, as {} has {} outputs",
                net.outputs() - 1,
                net.path.display(),
                net.outputs()
            );
        }
        let parts = self.parts(&net)?;
        let shape = shape(reduce, x1.rows, x2.as_ref().unwrap_or(&x1).rows, net.outputs());
        let components: Vec<_> = parts.iter().map(|(_, component, _)| *component).collect();
        let progress = session.progress("kernel", parts.len() * tiles::steps(x1.rows));
        let kernels = session.compute(|| {
            let x2 = x2.as_ref().map(Matrix::batch);
            tiles::kernels(&net.mlp()?, x1.batch(), x2, reduce, &components, &progress)
        })?;
        let check = self.check.check.then(|| {
            let (theta, x1) = (net.theta_f64(), x1.to_f64());
            let x2 = x2.as_ref().map_or_else(|| x1.clone(), Matrix::to_f64);
            let checks = kernels.iter().zip(&parts).map(|(kernel, (_, _, range))| {
                let range = range.clone();
                let reference = dense::ntk(&net.reference, &theta, &x1, &x2, reduce, range);
                Difference::between(kernel, &reference).within(tolerance)
            });
            checks.reduce(|a, b| a.worse(b))
        });
        let mut report = Report::new();
        for (kernel, (name, ..)) in kernels.into_iter().zip(parts) {
            report.array(name, Array::new(&shape, kernel));
        }
        session.finish(report, &self.out, check.flatten())
    }

    fn read<T: Float>(&self) -> Result<Inputs<T>> {
        let net = self.net.read::<T>()?;
        let x1 = self.data.read(&net)?.x;
        let x2 = self.data2.as_ref().map(|source| read_batch(source, &net)).transpose()?;
        Ok((net, x1, x2))
    }

    /// The Gram matrix of the parameters has no samples to choose from.
    fn require_no_sample_options(&self) -> Result<()> {
        for (given, option) in [
            (self.data2.is_some(), "--data2"),
            (self.output.is_some(), "--output"),
            (self.components, "--components"),
        ] {
            ensure!(
                !given,
                "{option} belongs to the kernel of the samples, the result is that of the \
                 parameters; use --gram samples"
            );
        }
        Ok(())
    }

    /// The arrays of the result: name, component, range of the parameters.
    fn parts<T: Float>(&self, net: &Net<T>) -> Result<Vec<Part>> {
        let all = 0..net.theta.len();
        if !self.components {
            return Ok(vec![("ntk".to_owned(), Component::Total, all)]);
        }
        ensure!(
            self.out.out.as_ref().is_none_or(|path| path.extension().is_none_or(|e| e != "npy")),
            "--components gives several arrays, which a .npy file cannot hold; write an .npz file"
        );
        let tensors = net.reference.tensors().into_iter().zip(net.tensor_names());
        let mut parts: Vec<Part> = tensors
            .map(|(tensor, name)| {
                let component = match tensor.bias {
                    true => Component::Bias(tensor.layer),
                    false => Component::Weights(tensor.layer),
                };
                (name, component, tensor.range)
            })
            .collect();
        parts.push(("total".to_owned(), Component::Total, all));
        Ok(parts)
    }
}

/// The network, the data and the second batch.
type Inputs<T> = (Net<T>, Matrix<T>, Option<Matrix<T>>);

type Part = (String, Component, std::ops::Range<usize>);

/// The shape of a kernel between `n` and `m` samples.
fn shape(reduce: Reduce, n: usize, m: usize, outputs: usize) -> Vec<usize> {
    match reduce {
        Reduce::Full => vec![n, outputs, m, outputs],
        Reduce::Diagonal => vec![n, m, outputs],
        _ => vec![n, m],
    }
}

/// The Gram matrix of the parameters, P x P.
pub(super) fn params_kernel<T: Float>(net: &Net<T>, x: &Matrix<T>) -> Result<Vec<T>> {
    let p = net.theta.len();
    let mlp = net.mlp()?;
    let mut gram = zeros::<T>(&[p, p])?;
    let mut scratch = zeros::<T>(&[params_gram_chunk(mlp.layers(), x.rows.min(64))])?;
    params_gram(&mlp, x.batch(), MatMut::of(&mut gram, p, p), &mut scratch).context("--data")?;
    Ok(gram)
}
