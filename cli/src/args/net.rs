//! NET: which network, with which activations and parameterisation.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::{choice, word};
use crate::desktop::network::{Arch, Parameterization, activations};
use crate::desktop::{Float, Network};
use crate::io::network::NetworkFile;
use crate::io::{self, Source};

/// The network options.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Network")]
pub struct NetArgs {
    /// The network: .safetensors (PyTorch state_dict), .onnx, or .npz with the names of PyTorch,
    /// Keras, Flax or scikit-learn
    #[arg(long, value_name = "FILE", required_unless_present = "arch", conflicts_with = "arch")]
    net: Option<PathBuf>,
    /// Instead of a file, the widths from the inputs to the outputs, e.g. 4-8-8-1: for a new
    /// network, or for the parameters of --theta
    #[arg(long, value_name = "WIDTHS")]
    arch: Option<Arch>,
    /// The network of --arch has no biases
    #[arg(long, requires = "arch", conflicts_with = "net")]
    no_bias: bool,
    /// Parameters in flat order (W_1 row-major, b_1, W_2, ..) instead of the file's: .npy,
    /// FILE.npz:NAME, .csv, or .bin of little-endian f32, as a board sends them
    #[arg(long, value_name = "FILE")]
    theta: Option<Source>,
    /// The layers in order, by the names before .weight; needed where their names are not numbers
    /// and several orders fit
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "arch")]
    layers: Vec<String>,
    /// Activation of all hidden layers, or one for each, separated by commas; the output is linear;
    /// not needed for .onnx. One of identity, relu, leaky-relu, tanh, sigmoid, softplus, silu,
    /// gelu, gelu-tanh, erf, sin, elu, normalized-relu
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

impl NetArgs {
    /// Whether the network is none of a file.
    pub fn is_new(&self) -> bool {
        self.arch.is_some()
    }

    /// The network's file, if it is one of a file.
    pub fn path(&self) -> Option<&Path> {
        self.net.as_deref()
    }

    /// These options as one would type them.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        let mut push = |option: &str, value: String| words.push(format!("--{option} {value}"));
        if let Some(net) = &self.net {
            push("net", word(net));
        }
        if let Some(arch) = &self.arch {
            push("arch", arch.to_string());
        }
        if let Some(theta) = &self.theta {
            push("theta", word(Path::new(&theta.to_string())));
        }
        if !self.layers.is_empty() {
            push("layers", word(Path::new(&self.layers.join(","))));
        }
        if !self.activation.is_empty() {
            push("activation", self.activation.join(","));
        }
        if self.parameterization == Parameterization::Ntk {
            push("parameterization", self.parameterization.to_string());
            push("sigma-w", self.sigma_w.to_string());
            push("sigma-b", self.sigma_b.to_string());
        }
        if self.no_bias {
            words.push("--no-bias".to_owned());
        }
        words.join(" ")
    }

    /// Reads the network.
    ///
    /// # Errors
    /// If the file is not readable, is no chain of dense layers, or the activations do not fit it.
    pub fn read<T: Float>(&self) -> Result<Network<T>> {
        ensure!(
            self.arch.is_none() || self.theta.is_some(),
            "--arch has no parameters here; give them with --theta FILE, or a network with --net"
        );
        self.read_or_begin(0)
    }

    /// Reads the network, or begins the one of `--arch` from `seed`, as [`Arch::initial`].
    ///
    /// # Errors
    /// As [`NetArgs::read`].
    pub fn read_or_begin<T: Float>(&self, seed: u64) -> Result<Network<T>> {
        let (name, file) = match (&self.net, &self.arch) {
            (_, Some(arch)) => {
                let state = arch.initial(!self.no_bias, self.parameterization, seed);
                (arch.to_string(), NetworkFile::from(state))
            }
            (Some(path), None) => {
                (path.display().to_string(), io::network::read(path, &self.layers)?)
            }
            (None, None) => bail!("needed --net FILE or --arch WIDTHS"),
        };
        let mut net = self.of_file(name, file)?;
        if let Some(source) = &self.theta {
            let theta = io::read_parameters::<T>(source)?;
            let (found, needed) = (theta.len(), net.params());
            ensure!(
                found == needed,
                "{source}: found {found} parameters, needed {needed}, as {} ({}) has",
                net.name,
                net.arch()
            );
            net.theta = theta;
        }
        Ok(net)
    }

    /// The network of a file's content.
    fn of_file<T: Float>(&self, name: String, file: NetworkFile) -> Result<Network<T>> {
        let standard = self.parameterization == Parameterization::Standard;
        for (name, value) in [("--sigma-w", self.sigma_w), ("--sigma-b", self.sigma_b)] {
            ensure!(
                !standard || value == 1.0,
                "{name} belongs to --parameterization ntk; add that or leave {name} out"
            );
        }
        let said = activations(&self.activation)?;
        let hidden = file.activations.as_deref();
        let mut net = Network::new(&name, file.state, hidden.unwrap_or(&said))?;
        if let Some(hidden) = hidden {
            let agrees = match said.as_slice() {
                [] => true,
                [one] => hidden.iter().all(|a| a == one),
                several => several == hidden,
            };
            let names: Vec<_> = hidden.iter().map(|a| a.name()).collect();
            ensure!(
                agrees,
                "--activation {}: {name} has {}; leave the option out",
                self.activation.join(","),
                names.join(",")
            );
        }
        (net.link, net.order, net.notes) = (file.link, file.order, file.notes);
        Ok(if standard { net } else { net.with_ntk_scales(self.sigma_w, self.sigma_b)? })
    }
}
