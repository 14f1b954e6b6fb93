//! The Laplace posterior of a network named by [`mlp!`](crate::mlp): [`Posterior`], or that of the
//! [`LastLayer`] alone, from exported numbers or fitted here ([`Spectrum`]); the last layer sample
//! by sample ([`Stream`]).
//!
//! ```text
//! Problem::posterior_sums --Spectrum::decompose--> Spectrum --maximize--> prior, noise
//!                                                      \---posterior---> Posterior --predict-->
//! ```

mod last;
mod posterior;
mod spectrum;
mod stream;

pub use last::{LastLayer, last_layer, last_layer_one_scratch, last_layer_scratch};
pub use posterior::Posterior;
pub use spectrum::Spectrum;
pub use stream::{Stream, stream_len, stream_scratch};

use crate::kfac::Bias;
use crate::laplace::Structure;

/// A [`Structure`] as a type, so that the sizes that follow from it are known to the compiler.
/// One for other structures, biases in blocks of their own for instance, is a line:
///
/// ```
/// use nanocurv::{fixed::laplace::Form, kfac::Bias, laplace::Structure};
///
/// #[derive(Clone, Copy)]
/// struct Separate;
/// impl Form for Separate {
///     const STRUCTURE: Structure = Structure::Kronecker(Bias::Separate);
/// }
/// ```
pub trait Form: Copy {
    /// The structure.
    const STRUCTURE: Structure;
}

/// [`Structure::Full`]
#[derive(Clone, Copy, Debug)]
pub struct Full;
/// [`Structure::Kronecker`], weights and bias in one block.
#[derive(Clone, Copy, Debug)]
pub struct Kronecker;
/// [`Structure::Ekfac`], weights and bias in one block.
#[derive(Clone, Copy, Debug)]
pub struct Ekfac;
/// [`Structure::Diagonal`]
#[derive(Clone, Copy, Debug)]
pub struct Diagonal;

impl Form for Full {
    const STRUCTURE: Structure = Structure::Full;
}
impl Form for Kronecker {
    const STRUCTURE: Structure = Structure::Kronecker(Bias::Joint);
}
impl Form for Ekfac {
    const STRUCTURE: Structure = Structure::Ekfac(Bias::Joint);
}
impl Form for Diagonal {
    const STRUCTURE: Structure = Structure::Diagonal;
}
