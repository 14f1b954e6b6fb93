//! `kron fit`: a positive semidefinite Kronecker product by random sketches.

use anyhow::{Result, anyhow, bail, ensure};
use nanocurv::MatMut;
use nanocurv::kron::fit::{Adam, FitShape, SketchFit, Target};
use nanocurv::kron::sum;
use nanocurv::random::Rng;

use super::nearest::FactorSizes;
use super::terms::{Factor, FactorArgs, Terms, transposed};
use crate::args::{CheckArgs, Dtype, OutputArgs};
use crate::array::{Array, Float, zeros};
use crate::check::Difference;
use crate::dense::kron as dense;
use crate::exit::Outcome;
use crate::io::Source;
use crate::report::Report;
use crate::session::Session;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Model: sum_r (L_r L_r^T) (x) (R_r R_r^T), fitted to V^T G V for a new standard \
normal V (NL NR x K) at every step, by Adam (0.9, 0.99).
Result: `loss` (the mean squared entry of the difference of the sketches, before each step) and \
the products `left_0` = L_0 L_0^T, `right_0` = R_0 R_0^T, ....

Examples:
  nanocurv kron fit --matrix g.npy --shape 5,3 --sketches 2 --iterations 300 --seed 1
  nanocurv kron fit --left a.npy --right b.npy --shape 5,3 --sketches 4 --iterations 2000 \\
    --learning-rate 1e-2 --out fit.npz"
)]
pub struct Args {
    /// The target G, NL NR x NL NR
    #[arg(long, value_name = "FILE", conflicts_with_all = ["left", "right"])]
    matrix: Option<Source>,
    #[command(flatten)]
    factors: FactorArgs,
    /// Rows of the left and of the right factors
    #[arg(long, value_name = "NL,NR")]
    shape: FactorSizes,
    /// The number of products in the model
    #[arg(long, default_value_t = 1, value_name = "R")]
    rank: usize,
    /// Columns of a sketch
    #[arg(long, default_value_t = 2, value_name = "K")]
    sketches: usize,
    /// Steps
    #[arg(long, default_value_t = 300, value_name = "N")]
    iterations: usize,
    /// Adam's step size
    #[arg(long, default_value_t = 1e-4, value_name = "E")]
    learning_rate: f64,
    /// The same seed gives the same numbers on every machine
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// What is fitted, as read.
enum Given<T> {
    Matrix(Factor<T>),
    Terms(Terms<T>),
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, or the result cannot be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        self.out.validate()?;
        match session.global.dtype {
            Dtype::F32 => self.run_as::<f32>(session),
            Dtype::F64 => self.run_as::<f64>(session),
        }
    }

    fn read<T: Float>(&self) -> Result<Given<T>> {
        let FactorSizes { left: nl, right: nr } = self.shape;
        if let Some(matrix) = &self.matrix {
            let matrix = Factor::read(matrix)?;
            self.shape.require(&matrix)?;
            return Ok(Given::Matrix(matrix));
        }
        if self.factors.left.is_empty() && self.factors.right.is_empty() {
            bail!("needed a target: --matrix G, or --left A --right B");
        }
        let terms = self.factors.read::<T>()?;
        for (left, right) in &terms.pairs {
            for (factor, n, side) in [(left, nl, "left"), (right, nr, "right")] {
                let (rows, cols) = factor.shape;
                ensure!(
                    (rows, cols) == (n, n),
                    "{}: found a {rows} x {cols} matrix, needed {n} x {n}, the size of the {side} \
                     factors that --shape gives",
                    factor.source
                );
            }
        }
        Ok(Given::Terms(terms))
    }

    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let FactorSizes { left: nl, right: nr } = self.shape;
        for (option, count) in [("--rank", self.rank), ("--sketches", self.sketches)] {
            ensure!(count > 0, "{option}: found 0, needed at least 1");
        }
        ensure!(
            self.learning_rate > 0.0 && self.learning_rate.is_finite(),
            "--learning-rate: found {}, needed a positive number",
            self.learning_rate
        );
        let given = session.read(|| self.read::<T>())?;
        let views = match &given {
            Given::Terms(terms) => terms.views(),
            Given::Matrix(_) => Vec::new(),
        };
        let target = match &given {
            Given::Matrix(matrix) => Target::Dense(matrix.view()),
            Given::Terms(_) => Target::Sum(&views),
        };
        let shape = FitShape { terms: self.rank, left: nl, right: nr, sketches: self.sketches };
        let mut reference = match (&given, self.check.check) {
            (_, false) => None,
            (Given::Matrix(matrix), true) => Some(matrix.to_f64()),
            (Given::Terms(terms), true) => Some(terms.reference(0.0)?),
        }
        .map(|g| Reference::<T>::new(g, shape, self.seed));

        let mut memory = zeros::<T>(&[shape.memory()])?;
        // A dense target is multiplied by V; a sum of products needs an intermediate.
        let needed = shape.scratch().max(sum::scratch(&views));
        let mut scratch = zeros::<T>(&[needed])?;
        let adam = Adam { learning_rate: T::of(self.learning_rate), ..Adam::default() };
        let mut fit =
            SketchFit::new(shape, adam, self.seed, &mut memory).map_err(|e| anyhow!("{e}"))?;
        let mut losses = zeros::<T>(&[self.iterations])?;
        let progress = session.progress("fit", self.iterations);
        session.compute(|| {
            for (step, loss) in losses.iter_mut().enumerate() {
                if let Some(reference) = &mut reference {
                    reference.expect(&fit);
                }
                *loss = fit
                    .step(&target, &mut scratch)
                    .map_err(|e| anyhow!("step {step}: {e}: a smaller --learning-rate may help"))?;
                progress.advance(1);
            }
            anyhow::Ok(())
        })?;
        drop(progress);

        let check = reference
            .map(|reference| Difference::between(&losses, &reference.losses).within(tolerance));
        let mut report = Report::of("loss", Array::vector(losses));
        for r in 0..self.rank {
            let (mut left, mut right) = (vec![T::ZERO; nl * nl], vec![T::ZERO; nr * nr]);
            let (a, b) = (MatMut::of(&mut left, nl, nl), MatMut::of(&mut right, nr, nr));
            fit.factors(r, a, b).map_err(|e| anyhow!("{e}"))?;
            report
                .array(format!("left_{r}"), Array::new(&[nl, nl], transposed(&left, nl, nl)))
                .array(format!("right_{r}"), Array::new(&[nr, nr], transposed(&right, nr, nr)));
        }
        session.finish(report, &self.out, check)
    }
}

/// The loss of each step with everything formed: `mean (V^T (G^ - G) V)^2`.
struct Reference<T> {
    g: Vec<f64>,
    shape: FitShape,
    rng: Rng,
    losses: Vec<f64>,
    precision: std::marker::PhantomData<T>,
}

impl<T: Float> Reference<T> {
    fn new(g: Vec<f64>, shape: FitShape, seed: u64) -> Self {
        let mut rng = Rng::seed(seed);
        // What the start of the parameters draws.
        for _ in 0..shape.parameters() {
            let _: T = rng.normal();
        }
        Self { g, shape, rng, losses: Vec::new(), precision: std::marker::PhantomData }
    }

    /// The loss at the parameters before a step, on the same sketch.
    fn expect(&mut self, fit: &SketchFit<'_, T>) {
        let FitShape { left: nl, right: nr, sketches: k, .. } = self.shape;
        let p = nl * nr;
        let mut difference = self.g.iter().map(|g| -g).collect::<Vec<_>>();
        let parameters: Vec<f64> = fit.parameters().iter().map(|v| v.to_f64()).collect();
        for term in parameters.chunks(nl * nl + nr * nr) {
            // Columns one after the other: the transpose in row-major order.
            let gram = |t: &[f64], n: usize| dense::multiply(&dense::transpose(t, n, n), n, t, n);
            let (l, r) = term.split_at(nl * nl);
            let product = dense::kronecker(&gram(l, nl), (nl, nl), &gram(r, nr), (nr, nr));
            difference.iter_mut().zip(product).for_each(|(d, t)| *d += t);
        }
        let vt: Vec<f64> = (0..p * k).map(|_| self.rng.normal::<T>().to_f64()).collect();
        let v = dense::transpose(&vt, k, p);
        let sketch = dense::multiply(&vt, p, &dense::multiply(&difference, p, &v, k), k);
        self.losses.push(sketch.iter().map(|s| s * s).sum::<f64>() / (k * k) as f64);
    }
}
