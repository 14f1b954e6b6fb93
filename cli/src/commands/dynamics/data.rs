//! `nanocurv dynamics data`: the linear teacher.

use anyhow::{Context, Result, bail, ensure};
use nanocurv::dynamics::teacher::{Modulation, Scales, Teacher};

use super::list::{Numbers, convert, pair};
use crate::args::{CheckArgs, OutputArgs};
use crate::dense::{self, Check, Difference};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::dynamics::Sample;
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Result: `X` (N,D), `y`, `X_test` (M,D), `y_test` (without noise), `beta` \
(the weights that y is made with), `singular_values` of X.

Example:
  nanocurv dynamics data --dim 2 --samples 10 --seed 12 --noise 1 --beta 1,1 --kappa 10 --p 1 --transform --out d.npz")]
pub struct Args {
    /// The number of features
    #[arg(long, value_name = "D")]
    dim: usize,
    /// The number of training samples
    #[arg(long, value_name = "N")]
    samples: usize,
    /// Seed of the generator; the same numbers on every machine
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Standard deviation of the noise on y; two levels: half of the samples each, at random (with
    /// --coupled-noise: along singular values of 1 and more, and of less [default: 0])
    #[arg(long, value_name = "A[,B]", value_delimiter = ',', num_args = 1, default_value = "0")]
    noise: Vec<f64>,
    /// The teacher: D numbers or a file [default: drawn from N(0, 1)]
    #[arg(long, value_name = "b1,..", allow_hyphen_values = true)]
    beta: Option<Numbers>,
    /// Standard deviations of the features before any map: one for all, one each, `geo` for a
    /// geometric sequence over --range, or `halves` for 1 and 0.01
    #[arg(long, value_name = "s|s1,..|geo|halves", default_value = "1")]
    sigmas: String,
    /// The ends of the geometric sequence
    #[arg(long, value_name = "LO,HI", value_delimiter = ',', num_args = 1, default_value = "1,10")]
    range: Vec<f64>,
    /// Divide the standard deviations by sqrt(D)
    #[arg(long)]
    normalized: bool,
    /// Replace the singular values of X: P of them by 1, the others by K
    #[arg(long, value_name = "K")]
    kappa: Option<f64>,
    /// How many singular values are 1 [default: half of those that are not 0, rounded up]
    #[arg(long, value_name = "P", requires = "kappa")]
    p: Option<usize>,
    /// Singular values evenly spaced from 1 to kappa in place of two levels
    #[arg(long, requires = "kappa", conflicts_with = "p")]
    continuous: bool,
    /// How many singular values are 0 (at least D - N)
    #[arg(long, value_name = "Z", requires = "kappa", default_value_t = 0)]
    zero: usize,
    /// Rotate X such that X^T X is diagonal
    #[arg(long)]
    transform: bool,
    /// Divide the teacher by the new singular values, so that y does not feel them
    #[arg(long, requires = "kappa")]
    scale_beta: bool,
    /// Noise along the left singular vectors of X
    #[arg(long)]
    coupled_noise: bool,
    /// The number of test samples [default: 100 N]
    #[arg(long, value_name = "M")]
    test: Option<usize>,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()?;
        ensure!(self.dim > 0, "--dim: found 0, needed at least 1");
        ensure!(self.samples > 0, "--samples: found 0, needed at least 1");
        Ok(())
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let beta = self.beta.as_ref().map(|beta| beta.read::<T>("--beta")).transpose()?;
        if let Some(beta) = &beta {
            ensure!(
                beta.len() == self.dim,
                "--beta: found {} numbers, needed {}, one for each feature",
                beta.len(),
                self.dim
            );
        }
        let noise = match convert::<T>("--noise", &self.noise)?.as_slice() {
            [a] if self.coupled_noise => (*a, T::ZERO),
            [a] => (*a, *a),
            [a, b] => (*a, *b),
            other => bail!("--noise: found {} numbers, needed one or two", other.len()),
        };
        let given;
        let scales = match self.sigmas.as_str() {
            "geo" | "geometric" => {
                let (low, high) = pair("--range", &self.range)?;
                Scales::Geometric(low, high)
            }
            "halves" => Scales::Halves,
            text => {
                let numbers: Result<Vec<f64>, _> =
                    text.split(',').map(|n| n.trim().parse()).collect();
                let numbers = numbers.ok().with_context(|| {
                    format!("--sigmas: found '{text}', needed numbers separated by commas, geo or halves")
                })?;
                given = convert::<T>("--sigmas", &numbers)?;
                match given.as_slice() {
                    [one] => Scales::Constant(*one),
                    several => {
                        ensure!(
                            several.len() == self.dim,
                            "--sigmas: found {} numbers, needed 1 or {}",
                            several.len(),
                            self.dim
                        );
                        Scales::Each(&given)
                    }
                }
            }
        };
        let modulation = self.kappa.map(|kappa| Modulation {
            kappa: T::of(kappa),
            ones: self.p,
            continuous: self.continuous,
            zeros: self.zero,
        });
        let teacher = Teacher {
            scales,
            normalized: self.normalized,
            noise,
            coupled_noise: self.coupled_noise,
            modulation,
            decoupled: self.transform,
            scale_beta: self.scale_beta,
        };
        let tests = self.test.unwrap_or(self.samples.saturating_mul(100));
        let sizes = (self.dim, self.samples, tests);
        let sample = session.compute(|_| Sample::draw(&teacher, self.seed, beta, sizes))?;
        let check = self.check.check.then(|| check(&sample, tolerance));
        let mut report = Report::new();
        report
            .array("X", sample.x)
            .array("y", sample.y)
            .array("X_test", sample.x_test)
            .array("y_test", sample.y_test)
            .array("beta", sample.beta)
            .array("singular_values", sample.singular_values);
        session.finish(report, &self.out, check)
    }
}

/// The singular values against those of X by another way, the test targets against X beta.
fn check<T: Float>(sample: &Sample<T>, tolerance: f64) -> Check {
    let x = wide(&sample.x);
    let (rows, columns) = sample.x.dim();
    // Few long rows: the rotations are of pairs of them.
    let (values, length) = if rows > columns {
        ((0..columns).flat_map(|j| x.iter().skip(j).step_by(columns).copied()).collect(), rows)
    } else {
        (x, columns)
    };
    let reference = dense::spectrum(&values, length).values;
    let mut spectrum = Difference::default();
    for (i, value) in sample.singular_values.iter().enumerate() {
        // Squares: a value of 0 is the root of a rounding error.
        let square = reference.get(i).map_or(0.0, |s| s * s);
        spectrum.add(value.to_f64().powi(2), square);
    }
    let mut targets = Difference::default();
    for (x, y) in wide(&sample.x_test).chunks(columns).zip(&sample.y_test) {
        let terms = x.iter().zip(&sample.beta).map(|(x, b)| x * b.to_f64());
        targets.add(y.to_f64(), terms.sum());
    }
    spectrum.within(tolerance).worse(targets.within(tolerance))
}
