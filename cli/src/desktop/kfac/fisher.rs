//! Which vectors the output factors, and the Fisher matrices, are made of.

use nanocurv::kfac;
use nanocurv::random::Rng;

use crate::desktop::choice::choices;

choices! {
    /// Which vectors are pulled back to the layers.
    #[derive(Default)]
    pub enum FisherKind {
        /// Columns of a root of the loss Hessian: the GGN
        #[default]
        TypeTwo = "type-2",
        /// Draws from the model's own distribution
        Mc = "mc",
        /// The gradients of the losses
        Empirical = "empirical",
        /// None: G is the identity
        ForwardOnly = "forward-only",
    }
}

impl FisherKind {
    /// It as the core knows it; draws are from `rng`.
    pub fn core(self, rng: &mut Rng, draws: u32) -> kfac::Fisher<'_> {
        match self {
            Self::TypeTwo => kfac::Fisher::TypeTwo,
            Self::Mc => kfac::Fisher::MonteCarlo { rng, draws },
            Self::Empirical => kfac::Fisher::Empirical,
            Self::ForwardOnly => kfac::Fisher::ForwardOnly,
        }
    }
}

/// Which vectors, and for draws how many a sample and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fisher {
    /// Which vectors.
    pub kind: FisherKind,
    /// Draws per sample.
    pub draws: u32,
    /// The seed of the draws.
    pub seed: u64,
}

impl Default for Fisher {
    fn default() -> Self {
        Self { kind: FisherKind::default(), draws: 1, seed: 0 }
    }
}
