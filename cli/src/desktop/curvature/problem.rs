//! What a curvature is computed of.

use nanocurv::curvature::{Batch, Curvature, Risk};
use nanocurv::kfac::Bias;
use nanocurv::network::{Loss, Reduction};

use crate::desktop::array::Float;
use crate::desktop::choice::choices;
use crate::desktop::data::Data;
use crate::desktop::error::{Context, Result};
use crate::desktop::kfac::{Fisher, FisherKind};
use crate::desktop::network::Network;

choices! {
    /// Which curvature.
    pub enum Kind {
        /// Second derivatives of the loss
        Hessian = "hessian",
        /// Generalised Gauss-Newton matrix, the type-2 Fisher
        Ggn = "ggn",
        /// Uncentred covariance of the samples' gradients
        EmpiricalFisher = "empirical-fisher",
        /// Fisher matrix by draws from the model's predictions
        FisherMc = "fisher-mc",
        /// Kronecker-factored approximation of the GGN
        Kfac = "kfac",
        /// K-FAC with the optimal diagonal in its eigenbasis
        Ekfac = "ekfac",
        /// First derivatives of the loss
        Gradient = "gradient",
    }
}

impl Kind {
    /// Whether it is kept in Kronecker factors.
    pub const fn is_kfac(self) -> bool {
        matches!(self, Self::Kfac | Self::Ekfac)
    }
}

/// A network, its data and its loss, and which curvature of it.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a, T> {
    /// Which curvature.
    pub kind: Kind,
    /// The network.
    pub net: &'a Network<T>,
    /// Inputs and targets.
    pub data: &'a Data<T>,
    /// The loss and how its terms are added up.
    pub loss: (Loss, Reduction),
    /// What K-FAC's output factors and the Monte-Carlo Fisher are made of.
    pub fisher: Fisher,
    /// Whether K-FAC's biases are in blocks of their own.
    pub separate_bias: bool,
}

impl<'a, T: Float> Problem<'a, T> {
    /// With the usual factors of K-FAC: type-2, joint biases.
    pub fn new(
        kind: Kind,
        net: &'a Network<T>,
        data: &'a Data<T>,
        loss: (Loss, Reduction),
    ) -> Self {
        Self { kind, net, data, loss, fisher: Fisher::default(), separate_bias: false }
    }

    /// Whether the matrix is made of products of the losses' gradients, for which weights are
    /// [`Data::squared`].
    pub fn is_of_gradients(&self) -> bool {
        let empirical = self.kind.is_kfac() && self.fisher.kind == FisherKind::Empirical;
        empirical || self.kind == Kind::EmpiricalFisher
    }

    /// The number of parameters.
    pub fn params(&self) -> usize {
        self.net.params()
    }

    /// Where K-FAC's biases are.
    pub(super) const fn bias(&self) -> Bias {
        if self.separate_bias { Bias::Separate } else { Bias::Joint }
    }

    pub(super) fn risk<'b>(&'b self, batches: &'b [Batch<'b, T>]) -> Result<Risk<'b, T>> {
        let (loss, reduction) = self.loss;
        Risk::new(self.net.mlp()?, loss, reduction, batches).context("--data, --targets")
    }

    /// Which curvature of the risk; none for K-FAC and EKFAC.
    pub(super) fn curvature(&self) -> Option<Curvature> {
        Some(match self.kind {
            Kind::Hessian => Curvature::Hessian,
            Kind::Ggn => Curvature::Ggn,
            Kind::EmpiricalFisher => Curvature::EmpiricalFisher,
            Kind::FisherMc => {
                let Fisher { draws, seed, .. } = self.fisher;
                Curvature::MonteCarloFisher { draws: draws as usize, seed }
            }
            Kind::Kfac | Kind::Ekfac | Kind::Gradient => return None,
        })
    }
}
