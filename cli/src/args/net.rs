//! NET: which network, with which activations and parameterisation.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::choice;
use crate::desktop::network::{Parameterization, StateDict, activations};
use crate::desktop::{Float, Network};
use crate::io::network::read;

/// The network options.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Network")]
pub struct NetArgs {
    /// The network: .safetensors (PyTorch state_dict) or .npz, with PREFIX.weight and PREFIX.bias
    #[arg(long, value_name = "FILE")]
    pub net: PathBuf,
    /// Activation of all hidden layers, or one for each, separated by commas; the output is linear.
    /// One of identity, relu, leaky-relu, tanh, sigmoid, softplus, silu, gelu, gelu-tanh, erf, sin,
    /// elu, normalized-relu
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub activation: Vec<String>,
    /// How weights enter: as they are, or scaled by sigma_w / sqrt(fan_in) and the biases by
    /// sigma_b
    #[arg(long, value_parser = choice::<Parameterization>(), default_value_t, value_name = "KIND")]
    pub parameterization: Parameterization,
    /// Scale of the weights in the ntk parameterization
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub sigma_w: f64,
    /// Scale of the biases in the ntk parameterization
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub sigma_b: f64,
}

impl NetArgs {
    /// Reads the network.
    ///
    /// # Errors
    /// If the file is not readable, is no chain of dense layers, or the activations do not fit it.
    pub fn read<T: Float>(&self) -> Result<Network<T>> {
        self.of_state(read(&self.net)?)
    }

    /// The network of a file's content.
    pub(super) fn of_state<T: Float>(&self, state: StateDict) -> Result<Network<T>> {
        let standard = self.parameterization == Parameterization::Standard;
        for (name, value) in [("--sigma-w", self.sigma_w), ("--sigma-b", self.sigma_b)] {
            ensure!(
                !standard || value == 1.0,
                "{name} belongs to --parameterization ntk; add that or leave {name} out"
            );
        }
        let activations = activations(&self.activation)?;
        let net = Network::new(self.net.display().to_string(), state, &activations)?;
        Ok(if standard { net } else { net.with_ntk_scales(self.sigma_w, self.sigma_b)? })
    }
}
