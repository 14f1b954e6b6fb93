//! NET or an architecture: a network that is read, or one that begins here.

use std::path::PathBuf;

use anyhow::Result;

use super::choice;
use super::net::NetArgs;
use crate::desktop::network::{Arch, Parameterization};
use crate::desktop::{Float, Network};

/// The network options where it need not exist yet.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Network")]
pub struct ModelArgs {
    /// The network: .safetensors (PyTorch state_dict) or .npz, with PREFIX.weight and PREFIX.bias
    #[arg(long, value_name = "FILE", required_unless_present = "arch", conflicts_with = "arch")]
    net: Option<PathBuf>,
    /// A new network instead: the widths from the inputs to the outputs, e.g. 4-8-8-1
    #[arg(long, value_name = "WIDTHS")]
    arch: Option<Arch>,
    /// The new network has no biases
    #[arg(long, requires = "arch", conflicts_with = "net")]
    no_bias: bool,
    /// Activation of all hidden layers, or one for each, separated by commas; the output is linear
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    activation: Vec<String>,
    /// How weights enter: as they are, or scaled by sigma_w / sqrt(fan_in) and the biases by
    /// sigma_b
    #[arg(long, value_parser = choice::<Parameterization>(), default_value_t, value_name = "KIND")]
    parameterization: Parameterization,
    /// Scale of the weights in the ntk parameterization
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    sigma_w: f64,
    /// Scale of the biases in the ntk parameterization
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    sigma_b: f64,
}

impl ModelArgs {
    /// Whether the network begins here.
    pub fn is_new(&self) -> bool {
        self.arch.is_some()
    }

    /// Reads the network, or begins the one of `--arch` from `seed`, as [`Arch::initial`].
    ///
    /// # Errors
    /// As [`NetArgs::read`].
    pub fn read<T: Float>(&self, seed: u64) -> Result<Network<T>> {
        let name = match (&self.net, &self.arch) {
            (_, Some(arch)) => arch.to_string().into(),
            (net, None) => net.clone().unwrap_or_default(),
        };
        let args = NetArgs {
            net: name,
            activation: self.activation.clone(),
            parameterization: self.parameterization,
            sigma_w: self.sigma_w,
            sigma_b: self.sigma_b,
        };
        match &self.arch {
            None => args.read(),
            Some(arch) => args.of_state(arch.initial(!self.no_bias, args.parameterization, seed)),
        }
    }
}
