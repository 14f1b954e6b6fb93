//! What a posterior is fitted as.

use nanocurv::kfac::Bias;
use nanocurv::laplace::{Per, Structure};
use nanocurv::network::Loss;

use crate::desktop::choice::choices;
use crate::desktop::error::{Result, ensure};

choices! {
    /// What the posterior knows of the curvature.
    #[derive(Default)]
    pub enum StructureKind {
        /// Every parameter against every other, P x P
        Full = "full",
        /// A Kronecker product a layer
        #[default]
        Kron = "kron",
        /// The Kronecker product's bases with the curvature's own diagonal in them
        Ekfac = "ekfac",
        /// Every parameter by itself
        Diagonal = "diagonal",
    }
}

choices! {
    /// What has a prior precision of its own.
    #[derive(Default)]
    pub enum PriorPer {
        /// One for all parameters
        #[default]
        Network = "network",
        /// One for each layer
        Layer = "layer",
        /// One for each weight matrix and each bias, in the parameters' order
        Tensor = "tensor",
    }
}

impl StructureKind {
    /// The structure as the core takes it.
    pub fn core(self, separate_bias: bool) -> Structure {
        let bias = if separate_bias { Bias::Separate } else { Bias::Joint };
        match self {
            Self::Full => Structure::Full,
            Self::Kron => Structure::Kronecker(bias),
            Self::Ekfac => Structure::Ekfac(bias),
            Self::Diagonal => Structure::Diagonal,
        }
    }
}

impl PriorPer {
    /// The same as the core takes it.
    pub fn core(self) -> Per {
        match self {
            Self::Network => Per::Network,
            Self::Layer => Per::Layer,
            Self::Tensor => Per::Tensor,
        }
    }
}

/// What a posterior is fitted as.
#[derive(Clone, Debug, PartialEq)]
pub struct LaplaceSettings {
    /// The loss: the squared error of a regression, or that of classes.
    pub loss: Loss,
    /// The structure.
    pub structure: StructureKind,
    /// Biases in blocks of their own.
    pub separate_bias: bool,
    /// The last layer alone, the layers before it taken as fixed features.
    pub last_layer: bool,
    /// What has a prior precision of its own.
    pub per: PriorPer,
    /// The prior precisions, one for all or as many as there are; without them those of the
    /// largest evidence.
    pub prior_precision: Option<Vec<f64>>,
    /// The standard deviation of a regression's observations; without it that of the largest
    /// evidence.
    pub noise: Option<f64>,
}

impl LaplaceSettings {
    /// Kronecker blocks of all layers, prior precision and noise by evidence.
    pub fn new(loss: Loss) -> Self {
        Self {
            loss,
            structure: StructureKind::default(),
            separate_bias: false,
            last_layer: false,
            per: PriorPer::default(),
            prior_precision: None,
            noise: None,
        }
    }

    /// Fails on what can be seen without network and data.
    ///
    /// # Errors
    /// If a precision or the noise is not positive, or classes are given a noise.
    pub fn validate(&self) -> Result<()> {
        let positive = |x: f64| x > 0.0 && x.is_finite();
        for precision in self.prior_precision.iter().flatten() {
            ensure!(
                positive(*precision),
                "--prior-precision: found {precision}, needed a positive number"
            );
        }
        if let Some(noise) = self.noise {
            ensure!(
                self.loss == Loss::Mse,
                "--noise belongs to a regression, --loss mse; leave it out"
            );
            ensure!(positive(noise), "--noise: found {noise}, needed a positive number");
        }
        let kronecker = matches!(self.structure, StructureKind::Kron | StructureKind::Ekfac);
        ensure!(
            kronecker || !self.separate_bias,
            "--separate-bias belongs to --structure kron and ekfac; leave it out"
        );
        ensure!(
            self.per != PriorPer::Tensor || !kronecker || self.separate_bias,
            "--prior-per tensor: weights and bias of a layer share a block; add --separate-bias"
        );
        Ok(())
    }
}
