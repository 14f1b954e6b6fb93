//! A posterior that is owned.

use nanocurv::kfac::factors_len;
use nanocurv::laplace;
use nanocurv::network::Loss;
use nanocurv::random::Rng;
use ndarray::Array2;

use super::digest::{Digest, digest};
use super::settings::StructureKind;
use crate::desktop::array::{Float, matrix, zeros};
use crate::desktop::error::{Context, Result, ensure};
use crate::desktop::network::Network;

/// The posterior of a network's parameters, or of those of its last layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Posterior<T> {
    /// The loss that it was fitted with.
    pub loss: Loss,
    /// The structure.
    pub structure: StructureKind,
    /// Biases in blocks of their own.
    pub separate_bias: bool,
    /// The last layer alone.
    pub last_layer: bool,
    /// The standard deviation of an observation; 1 for classes.
    pub noise: f64,
    /// The network that it is of.
    pub digest: Digest,
    /// The numbers, as [`nanocurv::laplace::Posterior`] reads them.
    pub data: Vec<T>,
    /// K-FAC's factors at the data, of the mean loss, as [`nanocurv::kfac::Factors`] reads them;
    /// none of structures that are not made of them.
    pub factors: Vec<T>,
}

/// The part of a posterior that is of the layers behind others.
#[derive(Clone, Debug)]
pub struct Behind {
    /// The index of the first of those layers.
    pub first: usize,
    /// The numbers.
    pub numbers: Vec<f64>,
    /// The factors.
    pub factors: Vec<f64>,
}

impl<T: Float> Posterior<T> {
    /// The network whose parameters it is over: `net`, or its last layer.
    pub(super) fn of_layers(&self, net: &Network<T>) -> Network<T> {
        if self.last_layer { net.back(net.layers().len() - 1) } else { net.clone() }
    }

    /// The index of the first of `net`'s layers that it is over.
    pub fn first(&self, net: &Network<T>) -> usize {
        if self.last_layer { net.layers().len() - 1 } else { 0 }
    }

    /// The numbers and the factors of `net` behind its first layers, of which there are at least
    /// `freeze`, in the standard parameterisation, and the index of their first layer. With the
    /// layers before as they are, that is the posterior of the others: the structures that are
    /// blocks of layers are cut between blocks.
    ///
    /// # Errors
    /// For the full structure, which has no such blocks; if the numbers or the factors are not as
    /// many as they must be.
    pub fn behind(&self, net: &Network<T>, freeze: usize) -> Result<Behind> {
        let from = self.first(net);
        let first = from.max(freeze);
        ensure!(
            first == from || self.structure != StructureKind::Full,
            "--posterior: a full posterior of all layers has no part of its own for those behind \
             --freeze {freeze}; fit it with --structure kron, ekfac or diagonal, or with --last-layer"
        );
        let layers = self.of_layers(net);
        let structure = self.core(&layers)?.structure();
        let (found, needed) = (self.factors.len(), factors_len(layers.layers()));
        ensure!(
            found == 0 || found == needed,
            "--posterior: found {found} numbers of the factors, needed {needed}"
        );
        let before = &net.layers()[from..first];
        let behind = |mut numbers: Vec<f64>, cut: usize| numbers.split_off(cut.min(numbers.len()));
        Ok(Behind {
            first,
            numbers: behind(self.standard(net), laplace::posterior_len(before, structure)),
            factors: behind(self.standard_factors(net), factors_len(before)),
        })
    }

    /// Fails unless it is of this network.
    ///
    /// # Errors
    /// If the network has other parameters, widths, activations or scales.
    pub fn check(&self, net: &Network<T>) -> Result<()> {
        ensure!(
            self.digest == digest(net),
            "--posterior: it is of other parameters than {}, or of another activation or scale; \
             fit it anew",
            net.name
        );
        Ok(())
    }

    /// The posterior as the core takes it, over the layers of `net`: [`Posterior::of_layers`].
    ///
    /// # Errors
    /// If the numbers are not as many as they must be, not finite, or a variance is negative.
    pub(super) fn core<'a>(&'a self, net: &'a Network<T>) -> Result<laplace::Posterior<'a, T>> {
        let structure = self.structure.core(self.separate_bias);
        laplace::Posterior::from_exported(net.layers(), structure, T::of(self.noise), &self.data)
            .context("--posterior")
    }

    /// Draws of all parameters, one a row; those of layers that the posterior is not over are the
    /// network's own.
    ///
    /// # Errors
    /// If it is of another network, or damaged.
    pub fn sample(&self, net: &Network<T>, draws: usize, seed: u64) -> Result<Array2<T>> {
        self.check(net)?;
        ensure!(draws > 0, "--draws: found 0, needed one at least");
        let layers = self.of_layers(net);
        let core = self.core(&layers)?;
        let (params, own) = (net.params(), layers.params());
        let mut theta = zeros::<T>(&[draws, params])?;
        let mut scratch = zeros::<T>(&[laplace::sample_scratch(core.layers(), core.structure())])?;
        let mut rng = Rng::seed(seed);
        for row in theta.chunks_mut(params.max(1)) {
            row.copy_from_slice(&net.theta);
            let tail = &mut row[params - own..];
            core.sample(&layers.theta, &mut rng, tail, &mut scratch).context("--posterior")?;
        }
        Ok(matrix(draws, params, theta))
    }
}
