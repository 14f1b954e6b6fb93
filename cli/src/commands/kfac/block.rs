//! `nanocurv kfac apply|solve|power|cholesky`: one Kronecker-factored block.

use anyhow::Result;

use super::input::{check_size, read_square, reference};
use crate::args::{CheckArgs, OutputArgs, choice};
use crate::dense::{Difference, kfac as dense};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::kfac::{BlockDamping, BlockSettings, Product, block};
use crate::io::{self, Source};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

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
    #[arg(
        long,
        value_parser = choice::<BlockDamping>(),
        default_value_t,
        value_name = "MODE",
        help_heading = "Block"
    )]
    damping_mode: BlockDamping,
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

/// A block and what is done with it.
pub struct BlockProduct<'a> {
    args: &'a Args,
    product: Product,
}

impl Args {
    /// The verb that does this with the block.
    pub fn with(&self, product: Product) -> BlockProduct<'_> {
        BlockProduct { args: self, product }
    }
}

impl PowerArgs {
    /// The verb.
    pub fn block(&self) -> BlockProduct<'_> {
        self.block.with(Product::Power(self.exponent))
    }
}

impl CholeskyArgs {
    /// The verb.
    pub fn block(&self) -> BlockProduct<'_> {
        let Self { inverse, transpose, .. } = *self;
        self.block.with(Product::Cholesky { inverse, transpose })
    }
}

impl BlockProduct<'_> {
    fn settings(&self) -> BlockSettings {
        let Args { damping, damping_mode: mode, renorm, .. } = *self.args;
        BlockSettings { damping, mode, renorm }
    }
}

impl Verb for BlockProduct<'_> {
    fn validate(&self) -> Result<()> {
        self.args.out.validate()?;
        Ok(self.settings().validate(self.product)?)
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let Args { factor_a, factor_g, vector, out, check, .. } = self.args;
        let tolerance = check.tolerance::<T>()?;
        let (a, g, v) = session.read(|| {
            let (a, g) = (read_square::<T>(factor_a)?, read_square::<T>(factor_g)?);
            anyhow::Ok((a, g, io::read_vectors::<T>(vector)?))
        })?;
        if check.check {
            check_size(v.len())?;
        }
        let (settings, name) = (self.settings(), vector.to_string());
        let found =
            session.compute(|_| block(&a, &g, (&name, v.view()), self.product, &settings))?;
        let check = if check.check {
            let (a, g) = (wide(&a.to_matrix()), wide(&g.to_matrix()));
            let BlockSettings { damping, mode, renorm } = settings;
            let block = match mode {
                BlockDamping::Exact => dense::Block::exact(&a, &g, renorm, damping),
                _ => dense::Block::factored(&a, &g, renorm, damping, mode == BlockDamping::Pi),
            };
            let reference = reference(block.product(self.product, &wide(&v)))?;
            Some(Difference::of(&found, &reference).within(tolerance))
        } else {
            None
        };
        session.finish(Report::of("result", found), out, check)
    }
}
