//! `nanocurv kfac apply|solve|power|cholesky`: one Kronecker-factored block.

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use nanocurv::MatMut;
use nanocurv::kfac::{
    Damping, KfacError, Kronecker, Root, Shift, apply_scratch, exact_scratch, root_scratch,
    solve_scratch,
};

use super::{Block, Vector, check_size, damping, name, read_square, reference, view};
use crate::args::{CheckArgs, Dtype, OutputArgs};
use crate::array::{Float, Matrix, zeros};
use crate::check::Difference;
use crate::dense::kfac::{self as dense, Product};
use crate::exit::Outcome;
use crate::io::Source;
use crate::report::Report;
use crate::session::Session;

/// The arguments that the four have in common.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The input factor A, symmetric
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    factor_a: Source,
    /// The output factor G, symmetric
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    factor_g: Source,
    /// V: in x out, a bias its last row
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    vector: Source,
    /// The damping lambda
    #[arg(long, value_name = "L", default_value_t = 0.0, help_heading = "Block")]
    damping: f64,
    /// How lambda is split over the factors, or added to their product
    #[arg(long, value_enum, default_value_t, value_name = "MODE", help_heading = "Block")]
    damping_mode: Mode,
    /// The replication count C
    #[arg(long, value_name = "C", default_value_t = 1.0, help_heading = "Block")]
    renorm: f64,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// `kfac power`
#[derive(Debug, clap::Args)]
pub struct PowerArgs {
    #[command(flatten)]
    block: Args,
    /// The exponent P
    #[arg(long, value_name = "P", allow_negative_numbers = true, help_heading = "Block")]
    exponent: f64,
}

/// `kfac cholesky`
#[derive(Debug, clap::Args)]
pub struct CholeskyArgs {
    #[command(flatten)]
    block: Args,
    /// The inverse root, 1/sqrt(C) L_A^-1 V L_G^-T
    #[arg(long, help_heading = "Block")]
    inverse: bool,
    /// The transposed root, sqrt(C) L_A^T V L_G; with --inverse, noise becomes noise of covariance
    /// F^-1
    #[arg(long, help_heading = "Block")]
    transpose: bool,
}

/// `--damping-mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// A + pi sqrt(L/C), G + sqrt(L/C)/pi, pi by the factors' mean diagonals
    #[default]
    Pi,
    /// The same with pi = 1
    Off,
    /// C A (x) G + L, through both eigendecompositions
    Exact,
}

impl Args {
    /// `kfac apply`
    pub fn apply(&self, session: &mut Session) -> Result<Outcome> {
        self.run(session, Product::Apply)
    }

    /// `kfac solve`
    pub fn solve(&self, session: &mut Session) -> Result<Outcome> {
        self.run(session, Product::Solve)
    }

    fn run(&self, session: &mut Session, product: Product) -> Result<Outcome> {
        match session.global.dtype {
            Dtype::F32 => self.run_as::<f32>(session, product),
            Dtype::F64 => self.run_as::<f64>(session, product),
        }
    }

    fn run_as<T: Float>(&self, session: &mut Session, product: Product) -> Result<Outcome> {
        self.out.validate()?;
        let tolerance = self.check.tolerance::<T>()?;
        damping::<T>(self.damping)?;
        let renorm = self.renorm;
        ensure!(renorm > 0.0 && renorm.is_finite(), "--renorm: found {renorm}, needed more than 0");
        let (a, g, v) = session.read(|| {
            let (a, g) = (read_square::<T>(&self.factor_a)?, read_square::<T>(&self.factor_g)?);
            let v = Vector::<T>::read(&self.vector)?.into_block(&self.vector, a.rows, g.rows)?;
            anyhow::Ok((a, g, v))
        })?;
        if self.check.check {
            check_size(v.values.len())?;
        }
        let given: Vec<f64> = v.row_major().iter().map(|v| v.to_f64()).collect();
        let result = session.compute(|| self.compute(&a, &g, v, product))?;
        let check = if self.check.check {
            let (a, g) = (a.to_f64(), g.to_f64());
            let block = match self.damping_mode {
                Mode::Exact => dense::Block::exact(&a, &g, renorm, self.damping),
                mode => dense::Block::factored(&a, &g, renorm, self.damping, mode == Mode::Pi),
            };
            let reference = reference(block.product(product, &given))?;
            Some(Difference::between(&result.row_major(), &reference).within(tolerance))
        } else {
            None
        };
        session.finish(Report::of("result", result.into_array()), &self.out, check)
    }

    fn compute<T: Float>(
        &self,
        a: &Matrix<T>,
        g: &Matrix<T>,
        mut v: Block<T>,
        product: Product,
    ) -> Result<Block<T>> {
        let (n, m) = (v.rows, v.cols);
        let exact = self.damping_mode == Mode::Exact;
        let lambda = T::of(self.damping);
        let len = match product {
            Product::Apply => apply_scratch(n, m),
            Product::Solve if !exact => solve_scratch(n, m),
            Product::Solve | Product::Power(_) => exact_scratch(n, m),
            Product::Cholesky { .. } => root_scratch(n, m),
        };
        let mut scratch = zeros::<T>(&[len])?;
        let mut run = || -> Result<(), KfacError> {
            let block = Kronecker::new(view(a), view(g))?.checked()?;
            let block = block.with_renorm(T::of(self.renorm))?;
            let damping = if self.damping_mode == Mode::Off { Damping::Off } else { Damping::Pi };
            let v = MatMut::of(&mut v.values, n, m);
            let scratch = &mut scratch;
            if exact {
                return match product {
                    Product::Apply => block.apply_exact(lambda, v, scratch),
                    Product::Power(p) => block.power(T::of(p), Shift::Exact(lambda), v, scratch),
                    _ => block.solve_exact(lambda, v, scratch),
                };
            }
            let split = block.split(lambda, damping)?;
            match product {
                Product::Apply => block.apply(split, v, scratch),
                Product::Solve => block.solve(split, v, scratch),
                Product::Power(p) => block.power(T::of(p), Shift::Factored(split), v, scratch),
                Product::Cholesky { inverse, transpose } => {
                    let root = match (inverse, transpose) {
                        (false, false) => Root::Plain,
                        (false, true) => Root::Transpose,
                        (true, false) => Root::Inverse,
                        (true, true) => Root::InverseTranspose,
                    };
                    block.root(root, split, v, scratch)
                }
            }
        };
        run().map_err(|e| name(e, &self.factor_a, &self.factor_g))?;
        Ok(v)
    }
}

impl PowerArgs {
    /// Runs the command.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        let p = self.exponent;
        ensure!(p.is_finite(), "--exponent: found {p}, needed a finite number");
        self.block.run(session, Product::Power(p))
    }
}

impl CholeskyArgs {
    /// Runs the command.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        if self.block.damping_mode == Mode::Exact {
            bail!(
                "--damping-mode exact: C A (x) G + L has no Cholesky factor that is a Kronecker \
                 product; use pi or off"
            );
        }
        let (inverse, transpose) = (self.inverse, self.transpose);
        self.block.run(session, Product::Cholesky { inverse, transpose })
    }
}
