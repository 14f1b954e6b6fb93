//! NET: which network, with which activations and parameterisation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ValueEnum;
use nanocurv::network::{self, Architecture, Layer, Mlp, Scale};

use crate::array::Float;
use crate::dense::{self, Activation};
use crate::io::network::{LayerShape, StateDict, read};

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
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub parameterization: Parameterization,
    /// Scale of the weights in the ntk parameterization
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub sigma_w: f64,
    /// Scale of the biases in the ntk parameterization
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub sigma_b: f64,
}

/// How the stored weights enter the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Parameterization {
    /// As they are, as in PyTorch
    #[default]
    Standard,
    /// Weights times sigma_w / sqrt(fan_in), biases times sigma_b
    Ntk,
}

/// A network as a command uses it.
#[derive(Clone, Debug)]
pub struct Net<T> {
    /// The file it is from, for messages.
    pub path: PathBuf,
    /// The layers' names and sizes.
    pub shapes: Vec<LayerShape>,
    /// The parameters in PyTorch's order.
    pub theta: Vec<T>,
    /// The network as the references see it: layers, activations, scales.
    pub reference: dense::Network,
    layers: Vec<Layer>,
    scales: Vec<Scale<T>>,
}

impl<T: Float> Net<T> {
    /// The network of a state dictionary, with one activation per hidden layer.
    ///
    /// # Errors
    /// If a parameter is beyond the range of `T`.
    pub fn new(path: &Path, file: StateDict, hidden: Vec<Activation>) -> Result<Self> {
        let layers = file
            .layers
            .iter()
            .zip(hidden.into_iter().chain([Activation::Identity]))
            .map(|(shape, activation)| dense::Layer {
                bias: shape.bias,
                ..dense::Layer::new(shape.inputs, shape.outputs, activation)
            })
            .collect();
        let theta: Vec<T> = file.theta.iter().map(|t| T::of(*t)).collect();
        if let Some(at) = theta.iter().position(|t| !t.is_finite()) {
            bail!("{}: parameter {at} is beyond the range of f32; use --dtype f64", path.display());
        }
        let mut net = Self {
            path: path.to_owned(),
            shapes: file.layers,
            theta,
            reference: dense::Network { layers },
            layers: Vec::new(),
            scales: Vec::new(),
        };
        net.mirror();
        Ok(net)
    }

    /// Writes the core's layers and scales from those of the reference.
    fn mirror(&mut self) {
        let layers = &self.reference.layers;
        self.layers = layers
            .iter()
            .map(|l| Layer {
                inputs: l.inputs,
                outputs: l.outputs,
                bias: l.bias,
                activation: network::Activation::from_name(l.activation.name())
                    .unwrap_or(network::Activation::Identity),
            })
            .collect();
        // The core has the scale after an activation in the weights behind it.
        let before = std::iter::once(1.0).chain(layers.iter().map(|l| l.output_scale));
        self.scales = layers
            .iter()
            .zip(before)
            .map(|(l, r)| Scale { weight: T::of(l.weight_scale * r), bias: T::of(l.bias_scale) })
            .collect();
    }

    /// The network as the core takes it.
    ///
    /// # Errors
    /// The core's, naming the file.
    pub fn mlp(&self) -> Result<Mlp<'_, T>> {
        Mlp::new(&self.layers, &self.theta)
            .and_then(|mlp| mlp.with_scales(&self.scales))
            .with_context(|| self.path.display().to_string())
    }

    /// The network as the core takes it where the parameters move.
    ///
    /// # Errors
    /// As [`Net::mlp`].
    pub fn architecture(&self) -> Result<Architecture<'_, T>> {
        let place = || self.path.display().to_string();
        let net = Architecture::new(&self.layers).with_context(place)?;
        net.with_scales(&self.scales).with_context(place)
    }

    /// The width of the input.
    pub fn inputs(&self) -> usize {
        self.reference.inputs()
    }

    /// The width of the output.
    pub fn outputs(&self) -> usize {
        self.reference.outputs()
    }

    /// The names of the parameter tensors in order, `0.weight`, `0.bias`, ...; they go with
    /// [`dense::Network::tensors`].
    pub fn tensor_names(&self) -> Vec<String> {
        self.shapes
            .iter()
            .flat_map(|l| {
                let bias = l.bias.then(|| format!("{}.bias", l.prefix));
                std::iter::once(format!("{}.weight", l.prefix)).chain(bias)
            })
            .collect()
    }

    /// The parameters in double precision, as rounded to `T`: what a reference starts from.
    pub fn theta_f64(&self) -> Vec<f64> {
        self.theta.iter().map(|t| t.to_f64()).collect()
    }

    /// The index of the parameter tensor called `text`: its name or its position.
    ///
    /// # Errors
    /// If there is none; the message lists them.
    pub fn tensor(&self, text: &str) -> Result<usize> {
        let names = self.tensor_names();
        let by_name = names.iter().position(|name| name == text);
        by_name.or_else(|| text.parse().ok().filter(|i| *i < names.len())).ok_or_else(|| {
            anyhow!(
                "{}: there is no parameter tensor '{text}'; there are {} (0 to {})",
                self.path.display(),
                names.join(", "),
                names.len() - 1
            )
        })
    }
}

impl NetArgs {
    /// Reads the network.
    ///
    /// # Errors
    /// If the file is not readable, is no chain of dense layers, or the activations do not fit it.
    pub fn read<T: Float>(&self) -> Result<Net<T>> {
        self.of_file(read(&self.net)?)
    }

    /// The network of a file's content.
    pub(super) fn of_file<T: Float>(&self, file: StateDict) -> Result<Net<T>> {
        for (name, value) in [("--sigma-w", self.sigma_w), ("--sigma-b", self.sigma_b)] {
            ensure!(value.is_finite(), "{name}: found {value}, needed a finite number");
            ensure!(
                self.parameterization == Parameterization::Ntk || value == 1.0,
                "{name} belongs to --parameterization ntk; add that or leave {name} out"
            );
        }
        let hidden = self.activations(file.layers.len() - 1)?;
        let mut net = Net::new(&self.net, file, hidden)?;
        if self.parameterization == Parameterization::Ntk {
            for layer in &mut net.reference.layers {
                layer.weight_scale = self.sigma_w / (layer.inputs as f64).sqrt();
                layer.bias_scale = self.sigma_b;
            }
            net.mirror();
        }
        Ok(net)
    }

    /// One activation per hidden layer.
    fn activations(&self, hidden: usize) -> Result<Vec<Activation>> {
        let path = self.net.display();
        let given = self
            .activation
            .iter()
            .map(|name| name.trim().parse().map_err(|e: String| anyhow!("--activation: {e}")))
            .collect::<Result<Vec<Activation>>>()?;
        match given.as_slice() {
            [] if hidden > 0 => bail!(
                "{path}: the network has {hidden} hidden layers, whose activation is not in \
                 its weights; give --activation NAME, e.g. --activation tanh"
            ),
            [one] => Ok(vec![*one; hidden]),
            several if several.len() == hidden => Ok(given),
            several => bail!(
                "--activation: found {} names, needed {hidden}, one for each hidden layer of \
                 {path} (or one for all)",
                several.len()
            ),
        }
    }
}
