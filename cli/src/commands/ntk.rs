//! `nanocurv ntk`: `Theta[(n,a),(m,b)] = <df_a(x_n)/dtheta, df_b(x_m)/dtheta>` and its reductions.

use std::str::FromStr;

use anyhow::{Result, ensure};

use crate::args::{CheckArgs, DataArgs, NetArgs, OutputArgs, choice, read_batch};
use crate::dense::{self, Difference};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::choice::choices;
use crate::desktop::kernel::{Reduce, kernels, params_gram, parts, total};
use crate::io::Source;
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

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
    #[arg(long, value_parser = choice::<Gram>(), default_value_t, value_name = "KIND")]
    gram: Gram,
    /// One array for each parameter tensor, and their sum
    #[arg(long)]
    components: bool,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

choices! {
    /// `--gram`
    #[derive(Default)]
    enum Gram {
        /// J J^T: the kernel
        #[default]
        Samples = "samples",
        /// J^T J: the Gauss-Newton matrix of half the sum of squares
        Params = "params",
        /// Samples if there are fewer rows of J than parameters, else params
        Minima = "minima",
    }
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

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()?;
        let npy = |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "npy");
        ensure!(
            !self.components || !self.out.out.as_ref().is_some_and(npy),
            "--components gives several arrays, which a .npy file cannot hold; write an .npz file"
        );
        Ok(())
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let (net, x1, x2) = session.read(|| {
            let net = self.net.read::<T>()?;
            let x1 = self.data.read(&net)?;
            let x2 = self.data2.as_ref().map(|source| read_batch(source, &net)).transpose()?;
            anyhow::Ok((net, x1, x2))
        })?;
        session.introduce(&net);
        let witness = dense::Network::of(&net);
        let samples_side = match self.gram {
            Gram::Samples => true,
            Gram::Params => false,
            Gram::Minima => x1.nrows().saturating_mul(net.outputs()) < net.params(),
        };
        if !samples_side {
            self.require_no_sample_options()?;
            let gram = session.compute(|_| params_gram(&net, x1.view()))?;
            let check = self.check.check.then(|| {
                let reference = dense::ntk_params(&witness, &net.theta_f64(), &wide(&x1));
                Difference::of(&gram, &reference).within(tolerance)
            });
            return session.finish(Report::of("ntk", gram), &self.out, check);
        }
        let reduce = self.output.map_or(Reduce::Trace, |r| r.0);
        let parts = if self.components { parts(&net) } else { vec![total(&net)] };
        let x2 = x2.as_ref().map(|x2| x2.view());
        let found = session.compute(|watch| kernels(&net, x1.view(), x2, reduce, &parts, watch))?;
        let check = self.check.check.then(|| {
            let (theta, x1, x2) = (net.theta_f64(), wide(&x1), wide(x2.unwrap_or(x1.view())));
            let checks = found.iter().zip(&parts).map(|(kernel, part)| {
                let range = part.range.clone();
                let reference = dense::ntk(&witness, &theta, &x1, &x2, reduce, range);
                Difference::of(kernel, &reference).within(tolerance)
            });
            checks.reduce(|a, b| a.worse(b))
        });
        let mut report = Report::new();
        for (kernel, part) in found.into_iter().zip(parts) {
            report.array(if self.components { part.name } else { "ntk".to_owned() }, kernel);
        }
        session.finish(report, &self.out, check.flatten())
    }
}

impl Args {
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
}
