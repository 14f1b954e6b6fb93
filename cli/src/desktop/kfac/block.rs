//! One Kronecker-factored block, `C A (x) G` on `V: in x out` (or `(in + 1) x out`, the bias last),
//! damped.
//!
//! ```text
//! pi     lambda' = L/C, pi = sqrt((tr A/dim A)/(tr G/dim G))
//!        A_d = A + pi sqrt(lambda') I, G_d = G + sqrt(lambda')/pi I
//! off    the same with pi = 1
//! exact  C A (x) G + L I, through both eigendecompositions
//! ```

use nanocurv::kfac::{
    Damping, KfacError, Kronecker, Root, Shift, Side, apply_scratch, exact_scratch, root_scratch,
    solve_scratch,
};
use ndarray::{Array2, ArrayD, ArrayViewD};

use crate::desktop::array::{Float, Shape, columns, zeros};
use crate::desktop::choice::choices;
use crate::desktop::error::{Error, Result, bail, ensure};
use crate::desktop::factor::{Factor, by_columns, of_columns};

choices! {
    /// How the damping enters a block.
    #[derive(Default)]
    pub enum BlockDamping {
        /// A + pi sqrt(L/C), G + sqrt(L/C)/pi, pi by the factors' mean diagonals
        #[default]
        Pi = "pi",
        /// The same with pi = 1
        Off = "off",
        /// C A (x) G + L, through both eigendecompositions
        Exact = "exact",
    }
}

/// What is done with a block and V.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Product {
    /// `C A_d V G_d`
    Apply,
    /// `1/C A_d^-1 V G_d^-1`
    Solve,
    /// The power of this exponent.
    Power(f64),
    /// `sqrt(C) L_A V L_G^T`
    Cholesky {
        /// The inverse root.
        inverse: bool,
        /// The transposed root.
        transpose: bool,
    },
}

impl Product {
    /// The exponent of the block, where the product is a power.
    pub fn exponent(self) -> f64 {
        match self {
            Self::Solve => -1.0,
            Self::Power(p) => p,
            Self::Apply | Self::Cholesky { .. } => 1.0,
        }
    }

    /// # Errors
    /// If the exponent is not finite.
    pub fn validate(self) -> Result<()> {
        let p = self.exponent();
        ensure!(p.is_finite(), "--exponent: found {p}, needed a finite number");
        Ok(())
    }
}

/// How a block is scaled and damped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockSettings {
    /// `L`
    pub damping: f64,
    /// How `L` enters.
    pub mode: BlockDamping,
    /// The replication count `C`.
    pub renorm: f64,
}

impl Default for BlockSettings {
    fn default() -> Self {
        Self { damping: 0.0, mode: BlockDamping::Pi, renorm: 1.0 }
    }
}

impl BlockSettings {
    /// # Errors
    /// If a number is out of range, or a Cholesky root is asked of an exactly damped block.
    pub fn validate(&self, product: Product) -> Result<()> {
        check_damping(self.damping)?;
        product.validate()?;
        let renorm = self.renorm;
        ensure!(renorm > 0.0 && renorm.is_finite(), "--renorm: found {renorm}, needed more than 0");
        if self.mode == BlockDamping::Exact && matches!(product, Product::Cholesky { .. }) {
            bail!(
                "--damping-mode exact: C A (x) G + L has no Cholesky factor that is a Kronecker \
                 product; use pi or off"
            );
        }
        Ok(())
    }
}

/// Fails on a damping that is none.
pub(super) fn check_damping(damping: f64) -> Result<()> {
    let holds = damping >= 0.0 && damping.is_finite();
    ensure!(holds, "--damping: found {damping}, needed 0 or more");
    Ok(())
}

/// V as an `in x out` matrix; a flat one is read row by row.
pub(super) struct Block<T> {
    pub rows: usize,
    pub cols: usize,
    /// In columns.
    pub values: Vec<T>,
    shape: Vec<usize>,
}

impl<T: Float> Block<T> {
    pub fn new(name: &str, v: ArrayViewD<'_, T>, rows: usize, cols: usize) -> Result<Self> {
        let fits = match *v.shape() {
            [r, c] => (r, c) == (rows, cols) || (c == 1 && r == rows * cols),
            [len] => len == rows * cols,
            _ => false,
        };
        let unfit = || {
            let found = Shape(v.shape());
            format!("{name}: found shape {found}, needed ({rows}, {cols}), the sizes of A and G")
        };
        ensure!(fits, "{}", unfit());
        let block = v.to_shape((rows, cols)).map_err(|_| Error::Input(unfit()))?;
        Ok(Self { rows, cols, values: by_columns(block.view()), shape: v.shape().to_vec() })
    }

    /// In the shape in which it was given.
    pub fn into_array(self) -> ArrayD<T> {
        let m: Array2<T> = of_columns(&self.values, self.rows, self.cols);
        crate::desktop::array::shaped(&self.shape, m.into_raw_vec_and_offset().0)
    }
}

/// The product of a block, whose factors are symmetric, with `v` (which messages call `name`), in
/// the shape of `v`.
///
/// # Errors
/// If sizes do not fit, or a factor is not finite or, damped, not positive: which.
pub fn block<T: Float>(
    a: &Factor<T>,
    g: &Factor<T>,
    (name, v): (&str, ArrayViewD<'_, T>),
    product: Product,
    settings: &BlockSettings,
) -> Result<ArrayD<T>> {
    settings.validate(product)?;
    square(a)?;
    square(g)?;
    let (n, m) = (a.shape.0, g.shape.0);
    let mut v = Block::new(name, v, n, m)?;
    let exact = settings.mode == BlockDamping::Exact;
    let len = match product {
        Product::Apply => apply_scratch(n, m),
        Product::Solve if !exact => solve_scratch(n, m),
        Product::Solve | Product::Power(_) => exact_scratch(n, m),
        Product::Cholesky { .. } => root_scratch(n, m),
    };
    let mut scratch = zeros::<T>(&[len])?;
    let (left, right, lambda) = (a.view()?, g.view()?, T::of(settings.damping));
    let to = columns(&mut v.values, n, m)?;
    let run = || -> Result<(), KfacError> {
        let block = Kronecker::new(left, right)?.checked()?;
        let block = block.with_renorm(T::of(settings.renorm))?;
        let scratch = &mut scratch;
        if exact {
            return match product {
                Product::Apply => block.apply_exact(lambda, to, scratch),
                Product::Power(p) => block.power(T::of(p), Shift::Exact(lambda), to, scratch),
                _ => block.solve_exact(lambda, to, scratch),
            };
        }
        let off = settings.mode == BlockDamping::Off;
        let split = block.split(lambda, if off { Damping::Off } else { Damping::Pi })?;
        match product {
            Product::Apply => block.apply(split, to, scratch),
            Product::Solve => block.solve(split, to, scratch),
            Product::Power(p) => block.power(T::of(p), Shift::Factored(split), to, scratch),
            Product::Cholesky { inverse, transpose } => {
                let root = match (inverse, transpose) {
                    (false, false) => Root::Plain,
                    (false, true) => Root::Transpose,
                    (true, false) => Root::Inverse,
                    (true, true) => Root::InverseTranspose,
                };
                block.root(root, split, to, scratch)
            }
        }
    };
    run().map_err(|e| explain(e, &a.name, &g.name))?;
    Ok(v.into_array())
}

/// Fails unless a factor is square.
pub(super) fn square<T: Float>(factor: &Factor<T>) -> Result<()> {
    let ((rows, cols), name) = (factor.shape, &factor.name);
    ensure!(rows == cols, "{name}: found {rows} x {cols}, needed a square matrix");
    Ok(())
}

/// The core's error with the name of the factor that it is about.
pub(super) fn explain(error: KfacError, a: &str, g: &str) -> Error {
    Error::Numeric(match error {
        KfacError::Factor { side, error, .. } => {
            let (name, letter) = match side {
                Side::Input => (a, "A"),
                Side::Output => (g, "G"),
                Side::Whole => (a, "F"),
            };
            format!(
                "{name}: {letter}: {error}; is it the right factor, and is --damping large enough?"
            )
        }
        KfacError::NegativeTrace { side: Side::Output } => format!("{g}: {error}"),
        KfacError::NegativeTrace { .. } => format!("{a}: {error}"),
        error => format!("{a}, {g}: {error}"),
    })
}
