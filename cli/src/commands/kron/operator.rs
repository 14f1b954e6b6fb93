//! `kron apply`, `solve`, `dense` and `info`: what a sum of Kronecker products does and is.

use anyhow::{Result, anyhow, bail, ensure};
use nanocurv::kron::{self, Damped, KronLu, damped, info, solve};
use nanocurv::linalg::{lu, lu_log_determinant, lu_solve, lu_solve_transpose};
use nanocurv::{Mat, MatMut};
use rayon::prelude::*;

use super::terms::{FactorArgs, Order, Terms, Vectors, columns_to_f64, transposed};
use crate::args::{CheckArgs, Dtype, OutputArgs};
use crate::array::{Array, Float, zeros};
use crate::check::Difference;
use crate::dense::kron as dense;
use crate::exit::Outcome;
use crate::io::Source;
use crate::report::Report;
use crate::session::Session;

/// The vectors of `apply` and `solve`.
#[derive(Clone, Debug, clap::Args)]
struct VectorArgs {
    /// One vector (P), one a column (P x K), or the matrix X itself (see --order)
    #[arg(long, value_name = "FILE")]
    vector: Source,
}

/// What the operator is besides its factors.
#[derive(Clone, Debug, clap::Args)]
struct OperatorArgs {
    #[command(flatten)]
    factors: FactorArgs,
    /// How a vector is read as the matrix X, between whose sides the factors stand. A flat vector
    /// is multiplied by the same matrix A (x) B in either order
    #[arg(long, value_enum, default_value_t, value_name = "ORDER")]
    order: Order,
    /// The transpose (A (x) B)^T
    #[arg(long)]
    transpose: bool,
    /// Add L I to the (square) product
    #[arg(long, value_name = "L")]
    damping: Option<f64>,
}

impl OperatorArgs {
    fn read<T: Float>(&self) -> Result<Terms<T>> {
        let terms = self.factors.read::<T>()?;
        if let Some(damping) = self.damping {
            ensure!(
                damping >= 0.0 && damping.is_finite(),
                "--damping: found {damping}, needed a number from 0"
            );
            terms.square()?;
        }
        Ok(terms)
    }

    fn damping(&self) -> f64 {
        self.damping.unwrap_or(0.0)
    }

    /// The sizes of a vector's slow and fast index on either side: of the left and of the right
    /// factor's columns (what goes in) and rows (what comes out).
    fn sides<T: Float>(&self, terms: &Terms<T>) -> ((usize, usize), (usize, usize)) {
        let (a, b) = &terms.pairs[0];
        let (input, output) = ((a.shape.1, b.shape.1), (a.shape.0, b.shape.0));
        if self.transpose { (output, input) } else { (input, output) }
    }
}

/// Defines a command's arguments and the choice of the arithmetic.
macro_rules! command {
    ($name:ident, $help:literal, { $($(#[$meta:meta])* $field:ident: $type:ty,)* }) => {
        /// The arguments.
        #[derive(Debug, clap::Args)]
        #[command(after_help = $help)]
        pub struct $name {
            #[command(flatten)]
            operator: OperatorArgs,
            $($(#[$meta])* $field: $type,)*
            #[command(flatten)]
            out: OutputArgs,
            #[command(flatten)]
            check: CheckArgs,
        }

        impl $name {
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
        }
    };
}

command!(
    ApplyArgs,
    "Result: one array `result`, of the form of --vector.

Examples:
  nanocurv kron apply --left a.npy --right b.npy --vector v.npy
  nanocurv kron apply --left a.npy --right b.npy --left c.npy --right d.npy --vector v.npy --check",
    {
        #[command(flatten)]
        vector: VectorArgs,
    }
);
command!(
    SolveArgs,
    "Result: one array `result`, of the form of --vector.
Factors of one pair are factorised apart, by LU, or with --damping (symmetric factors) by their
eigendecompositions, exactly. A sum of several pairs is formed and factorised.

Examples:
  nanocurv kron solve --left a.npy --right b.npy --vector v.npy --check
  nanocurv kron solve --left a.npy --right b.npy --vector v.npy --damping 1e-3 --out x.npy",
    {
        #[command(flatten)]
        vector: VectorArgs,
    }
);
command!(
    DenseArgs,
    "Result: one array `dense` (mk,nl).

Example:
  nanocurv kron dense --left a.npy --right b.npy --out g.npy",
    {}
);
command!(
    InfoArgs,
    "Result: `shape`, `trace`, `det`, `logdet` (of the absolute value) and `frobenius`; trace and
determinants of square products only. With --damping the factors of the only pair must be
symmetric.

Example:
  nanocurv kron info --left a.npy --right b.npy --format json",
    {}
);

impl ApplyArgs {
    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let operator = &self.operator;
        let terms = session.read(|| operator.read::<T>())?;
        let (input, output) = operator.sides(&terms);
        let v = session.read(|| Vectors::<T>::read(&self.vector.vector, input, operator.order))?;
        let damping = operator.damping();
        let found = session.compute(|| apply(&terms, operator.transpose, damping, &v))?;
        let check = if self.check.check {
            let (rows, cols) = terms.shape();
            let mut g = terms.reference(damping)?;
            if operator.transpose {
                g = dense::transpose(&g, rows, cols);
            }
            let needed = dense::multiply(&g, input.0 * input.1, &v.to_f64(), v.count);
            let found = columns_to_f64(&found, v.count);
            Some(Difference::between(&found, &needed).within(tolerance))
        } else {
            None
        };
        let result = v.array(found, output, operator.order);
        session.finish(Report::of("result", result), &self.out, check)
    }
}

/// `(sum_r A_r (x) B_r + damping I) V`, one vector after the other.
pub fn apply<T: Float>(
    terms: &Terms<T>,
    transpose: bool,
    damping: f64,
    v: &Vectors<T>,
) -> Result<Vec<T>> {
    let views = terms.views();
    let (rows, cols) = terms.shape();
    let (p, q) = if transpose { (rows, cols) } else { (cols, rows) };
    let mut found = zeros::<T>(&[q, v.count])?;
    let chunks = v.values.par_chunks(p.max(1)).zip(found.par_chunks_mut(q.max(1)));
    chunks.try_for_each(|(x, y)| {
        let mut scratch = vec![T::ZERO; kron::sum::scratch(&views)];
        let to = MatMut::of(y, q, 1);
        kron::sum::apply(&views, transpose, Mat::column_vector(x), to, &mut scratch)
            .map_err(|e| terms.explain(e))?;
        if damping != 0.0 {
            y.iter_mut().zip(x).for_each(|(y, x)| *y += T::of(damping) * *x);
        }
        anyhow::Ok(())
    })?;
    Ok(found)
}

impl SolveArgs {
    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let operator = &self.operator;
        let terms = session.read(|| operator.read::<T>())?;
        let n = terms.square()?;
        let (_, output) = operator.sides(&terms);
        let v = session.read(|| Vectors::<T>::read(&self.vector.vector, output, operator.order))?;
        let damping = operator.damping();
        let found = session.compute(|| solve_for(&terms, operator.transpose, damping, &v))?;
        let check = if self.check.check {
            let mut g = terms.reference(damping)?;
            if operator.transpose {
                g = dense::transpose(&g, n, n);
            }
            let (needed, ..) = dense::eliminate(g, n, v.to_f64(), v.count);
            let found = columns_to_f64(&found, v.count);
            Some(Difference::between(&found, &needed).within(tolerance))
        } else {
            None
        };
        let result = v.array(found, operator.sides(&terms).0, operator.order);
        session.finish(Report::of("result", result), &self.out, check)
    }
}

/// `(sum_r A_r (x) B_r + damping I)^-1 V`.
pub fn solve_for<T: Float>(
    terms: &Terms<T>,
    transpose: bool,
    damping: f64,
    v: &Vectors<T>,
) -> Result<Vec<T>> {
    let n = terms.square()?;
    let mut x = v.values.clone();
    let view = MatMut::of(&mut x, n, v.count);
    let Some((left, right)) = terms.single() else {
        solve_sum(terms, transpose, damping, view)?;
        return Ok(x);
    };
    left.require_square()?;
    right.require_square()?;
    let (m, k) = (left.shape.0, right.shape.0);
    let pair = terms.views()[0];
    if damping == 0.0 {
        let mut pivots = vec![0; solve::pivots(m, k)];
        let mut memory = zeros::<T>(&[solve::memory(m, k)])?;
        let factors = KronLu::new(pair, &mut pivots, &mut memory).map_err(|e| terms.explain(e))?;
        let solved = if transpose { factors.solve_transpose(view) } else { factors.solve(view) };
        solved.map_err(|e| terms.explain(e))?;
        return Ok(x);
    }
    let mut memory = zeros::<T>(&[damped::memory(m, k)])?;
    let mut scratch = zeros::<T>(&[damped::new_scratch(m, k)])?;
    let factors = Damped::new(pair, &mut memory, &mut scratch).map_err(|e| terms.explain(e))?;
    let mut scratch = zeros::<T>(&[damped::power_scratch(m, k)])?;
    let from = Mat::of(&v.values, n, v.count);
    factors
        .solve(T::ONE, T::of(damping), from, view, &mut scratch)
        .map_err(|e| terms.explain(e))?;
    Ok(x)
}

/// The sum `+ damping I`, formed, columns one after the other.
fn formed<T: Float>(terms: &Terms<T>, damping: f64) -> Result<Vec<T>> {
    let (rows, cols) = terms.shape();
    let mut g = zeros::<T>(&[rows, cols])?;
    let mut view = MatMut::of(&mut g, rows, cols);
    kron::dense::dense(&terms.views(), view.reborrow()).map_err(|e| terms.explain(e))?;
    view.add_diagonal(T::of(damping));
    Ok(g)
}

/// A sum has no inverse of its form: the matrix is factorised.
fn solve_sum<T: Float>(
    terms: &Terms<T>,
    transpose: bool,
    damping: f64,
    x: MatMut<'_, T>,
) -> Result<()> {
    let n = terms.square()?;
    let (mut g, mut pivots) = (formed(terms, damping)?, vec![0; n]);
    lu(MatMut::of(&mut g, n, n), &mut pivots).map_err(|e| anyhow!("the sum of products: {e}"))?;
    let solved = if transpose { lu_solve_transpose } else { lu_solve };
    solved(Mat::of(&g, n, n), &pivots, x).map_err(|e| anyhow!("the sum of products: {e}"))
}

impl DenseArgs {
    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let operator = &self.operator;
        let terms = session.read(|| operator.read::<T>())?;
        let (rows, cols) = terms.shape();
        let found = session.compute(|| formed(&terms, operator.damping()))?;
        // Columns one after the other are the transpose's rows.
        let (shape, found) = if operator.transpose {
            ([cols, rows], found)
        } else {
            ([rows, cols], transposed(&found, cols, rows))
        };
        let check = if self.check.check {
            let mut g = terms.reference(operator.damping())?;
            if operator.transpose {
                g = dense::transpose(&g, rows, cols);
            }
            Some(Difference::between(&found, &g).within(tolerance))
        } else {
            None
        };
        session.finish(Report::of("dense", Array::new(&shape, found)), &self.out, check)
    }
}

/// What the factors tell.
#[derive(Clone, Copy, Debug)]
struct Info {
    /// Trace, sign and logarithm of the determinant: of a square product.
    square: Option<(f64, f64, f64)>,
    frobenius: f64,
}

impl InfoArgs {
    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let operator = &self.operator;
        let terms = session.read(|| operator.read::<T>())?;
        let found = session.compute(|| self.info(&terms))?;
        let (rows, cols) = terms.shape();
        let (rows, cols) = if operator.transpose { (cols, rows) } else { (rows, cols) };
        let shape = [rows, cols].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let mut report = Report::of("shape", Array::vector(shape.to_vec()));
        if let Some((trace, sign, log)) = found.square {
            let det = if sign == 0.0 { 0.0 } else { sign * log.exp() };
            report.number("trace", trace).number("det", det).number("logdet", log);
        }
        report.number("frobenius", found.frobenius);
        let check = if self.check.check {
            let g = terms.reference(operator.damping())?;
            let norm = g.iter().map(|v| v * v).sum::<f64>().sqrt();
            let mut check = Difference::between(&[found.frobenius], &[norm]).within(tolerance);
            if let Some((trace, sign, log)) = found.square {
                let needed: f64 = g.iter().step_by(rows + 1).sum();
                // A trace is a sum that may cancel: the norm is its yardstick.
                let mut difference = Difference::between(&[trace], &[needed]);
                difference.add(norm, norm);
                check = check.worse(difference.within(tolerance));
                let (_, needed_sign, needed) = dense::eliminate(g, rows, Vec::new(), 0);
                if sign != 0.0 {
                    // One in logdet is a factor in det: the error of det is what counts.
                    let mut difference = Difference::between(&[sign], &[needed_sign]);
                    difference.add(1.0 + log, 1.0 + needed);
                    check = check.worse(difference.within(tolerance));
                }
            }
            Some(check)
        } else {
            None
        };
        session.finish(report, &self.out, check)
    }

    fn info<T: Float>(&self, terms: &Terms<T>) -> Result<Info> {
        let views = terms.views();
        let (rows, cols) = terms.shape();
        let damping = self.operator.damping();
        let frobenius = self.frobenius(terms)?;
        if rows != cols {
            return Ok(Info { square: None, frobenius });
        }
        let Some((left, right)) = terms
            .single()
            .filter(|(left, right)| left.shape.0 == left.shape.1 && right.shape.0 == right.shape.1)
        else {
            // A sum, or a square product of rectangular factors.
            let (mut g, mut pivots) = (formed(terms, damping)?, vec![0; rows]);
            let trace: f64 = g.iter().step_by(rows + 1).map(|v| v.to_f64()).sum();
            let (sign, log) = match lu(MatMut::of(&mut g, rows, rows), &mut pivots) {
                Ok(()) => lu_log_determinant(Mat::of(&g, rows, rows), &pivots),
                Err(nanocurv::error::LinalgError::Singular { .. }) => (T::ZERO, -T::MAX),
                Err(e) => bail!("the sum of products: {e}"),
            };
            let square = Some((trace, sign.to_f64(), logarithm(sign, log)));
            return Ok(Info { square, frobenius });
        };
        let (m, k) = (left.shape.0, right.shape.0);
        let explain = |e| terms.explain(e);
        let trace = views[0].trace().map_err(explain)?.to_f64() + damping * rows as f64;
        let (sign, log) = if damping == 0.0 {
            let mut scratch = zeros::<T>(&[info::log_determinant_scratch(m, k)])?;
            let mut pivots = vec![0; m.max(k)];
            let found = views[0].log_determinant(&mut pivots, &mut scratch).map_err(explain)?;
            (found.sign, found.log)
        } else {
            let mut memory = zeros::<T>(&[damped::memory(m, k)])?;
            let mut scratch = zeros::<T>(&[damped::new_scratch(m, k)])?;
            let factors = Damped::new(views[0], &mut memory, &mut scratch).map_err(explain)?;
            let log = factors.log_determinant(T::ONE, T::of(damping)).map_err(explain)?;
            (T::ONE, log)
        };
        let square = Some((trace, sign.to_f64(), logarithm(sign, log)));
        Ok(Info { square, frobenius })
    }

    /// `|G + L I|_F^2 = |G|_F^2 + 2 L tr G + L^2 P`
    fn frobenius<T: Float>(&self, terms: &Terms<T>) -> Result<f64> {
        let views = terms.views();
        let damping = self.operator.damping();
        let one_shape = terms
            .pairs
            .iter()
            .all(|(a, b)| (a.shape, b.shape) == (terms.pairs[0].0.shape, terms.pairs[0].1.shape));
        if one_shape {
            let norm = kron::sum::frobenius(&views).map_err(|e| terms.explain(e))?.to_f64();
            if damping == 0.0 {
                return Ok(norm);
            }
            if let Ok(trace) = kron::sum::trace(&views) {
                let size = terms.shape().0 as f64;
                let shift = 2.0 * damping * trace.to_f64() + damping * damping * size;
                return Ok((norm * norm + shift).max(0.0).sqrt());
            }
        }
        let g = formed(terms, damping)?;
        Ok(g.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>().sqrt())
    }
}

/// The logarithm of a determinant; minus infinity for zero.
fn logarithm<T: Float>(sign: T, log: T) -> f64 {
    if sign == T::ZERO { f64::NEG_INFINITY } else { log.to_f64() }
}
