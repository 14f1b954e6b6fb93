//! NET or an architecture: a network that is read, or one that begins here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use nanocurv::random::Rng;

use super::net::{Net, NetArgs, Parameterization};
use crate::array::Float;
use crate::io::network::{LayerShape, StateDict};

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
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    parameterization: Parameterization,
    /// Scale of the weights in the ntk parameterization
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    sigma_w: f64,
    /// Scale of the biases in the ntk parameterization
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    sigma_b: f64,
}

/// The widths of a network, inputs first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arch(Vec<usize>);

/// No layer is wider: sums and products of a few widths stay exact.
const MAX_WIDTH: usize = 1 << 16;
/// No network has more parameters.
const MAX_PARAMS: usize = 1 << 26;

impl FromStr for Arch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let widths = text
            .split('-')
            .map(|width| match width.trim().parse() {
                Ok(width @ 1..=MAX_WIDTH) => Ok(width),
                _ => Err(format!("found the width '{width}', needed 1 to {MAX_WIDTH}")),
            })
            .collect::<Result<Vec<usize>, String>>()?;
        if widths.len() < 2 {
            return Err("needed at least two widths, inputs and outputs, as in 4-8-8-1".into());
        }
        let params = widths.windows(2).map(|w| (w[0] + 1) * w[1]).fold(0, usize::saturating_add);
        if params > MAX_PARAMS {
            return Err(format!("found {params} parameters, needed at most {MAX_PARAMS}"));
        }
        Ok(Self(widths))
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<_> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&widths.join("-"))
    }
}

impl Arch {
    /// The widths of a network that was read.
    pub fn of<T: Float>(net: &Net<T>) -> Self {
        Self(std::iter::once(net.inputs()).chain(net.shapes.iter().map(|l| l.outputs)).collect())
    }

    /// The layers under the names that PyTorch's `Sequential(Linear, activation, Linear, ..)`
    /// gives them: 0, 2, 4, ...
    fn shapes(&self, bias: bool) -> Vec<LayerShape> {
        let pairs = self.0.windows(2).enumerate();
        pairs
            .map(|(l, pair)| LayerShape {
                prefix: (2 * l).to_string(),
                inputs: pair[0],
                outputs: pair[1],
                bias,
            })
            .collect()
    }
}

impl ModelArgs {
    /// Whether the network begins here.
    pub fn is_new(&self) -> bool {
        self.arch.is_some()
    }

    /// Reads the network, or makes the one of `--arch` from `seed`: in the standard
    /// parameterisation as PyTorch's `Linear` does, every weight and bias from
    /// U(-1/sqrt(fan_in), 1/sqrt(fan_in)); in the ntk parameterisation from N(0, 1).
    ///
    /// # Errors
    /// As [`NetArgs::read`].
    pub fn read<T: Float>(&self, seed: u64) -> Result<Net<T>> {
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
            Some(arch) => {
                args.of_file(initial(arch.shapes(!self.no_bias), args.parameterization, seed))
            }
        }
    }

    /// The file, if the network is from one.
    pub fn path(&self) -> Option<&Path> {
        self.net.as_deref()
    }
}

/// New parameters, in their order.
fn initial(layers: Vec<LayerShape>, parameterization: Parameterization, seed: u64) -> StateDict {
    let mut rng = Rng::seed(seed);
    let mut theta = Vec::new();
    for layer in &layers {
        let bound = 1.0 / (layer.inputs as f64).sqrt();
        let count = layer.outputs * (layer.inputs + usize::from(layer.bias));
        theta.extend((0..count).map(|_| match parameterization {
            Parameterization::Standard => bound * (2.0 * rng.uniform::<f64>() - 1.0),
            Parameterization::Ntk => rng.normal::<f64>(),
        }));
    }
    StateDict { layers, theta }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_is_its_widths() {
        let arch: Arch = "4-8-8-1".parse().unwrap();
        assert_eq!(arch.to_string(), "4-8-8-1");
        let names: Vec<_> = arch.shapes(true).into_iter().map(|l| l.prefix).collect();
        assert_eq!(names, ["0", "2", "4"]);
        for bad in ["", "4", "4-", "4-0-1", "4-x", "-4-1", "4-70000", "65536-65536-1", "4--1"] {
            assert!(bad.parse::<Arch>().is_err(), "{bad}");
        }
    }

    #[test]
    fn new_weights_are_distributed_as_pytorchs() {
        let shapes = "64-200-3".parse::<Arch>().unwrap().shapes(true);
        let net = initial(shapes.clone(), Parameterization::Standard, 1);
        assert_eq!(net.theta.len(), 65 * 200 + 201 * 3);
        let first = &net.theta[..65 * 200];
        assert!(first.iter().all(|w| w.abs() <= 0.125));
        let n = first.len() as f64;
        let variance = first.iter().map(|w| w * w).sum::<f64>() / n;
        // Of a uniform's square: mean bound^2 / 3, standard deviation 0.3 bound^2.
        assert!((variance * 64.0 - 1.0 / 3.0).abs() < 4.0 * 0.3 / n.sqrt());
        assert!((first.iter().sum::<f64>() / n).abs() < 4.0 * 0.125 / (3.0 * n).sqrt());
        assert_ne!(net, initial(shapes.clone(), Parameterization::Standard, 2));
        let normal = initial(shapes, Parameterization::Ntk, 1).theta;
        let n = normal.len() as f64;
        let variance = normal.iter().map(|w| w * w).sum::<f64>() / n;
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt());
    }
}
