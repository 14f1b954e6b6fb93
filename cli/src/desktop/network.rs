//! A network that is owned: its layers, its parameters in PyTorch's order, and their names.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use nanocurv::network::{Activation, Architecture, Layer, Mlp, Scale};
use nanocurv::random::Rng;

use super::array::{Float, wide};
use super::choice::choices;
use super::error::{Context, Error, Result, bail, ensure};

/// The name and sizes of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerShape {
    /// What stands before `.weight` in the names of its tensors.
    pub prefix: String,
    /// The width of its input.
    pub inputs: usize,
    /// The width of its output.
    pub outputs: usize,
    /// Whether there is a bias.
    pub bias: bool,
}

/// Layers and parameters as PyTorch's `state_dict` has them, without activations.
#[derive(Clone, Debug, PartialEq)]
pub struct StateDict {
    /// The layers in order.
    pub layers: Vec<LayerShape>,
    /// The flat parameters in PyTorch's order: `W_1` row-major, `b_1`, `W_2`, ...
    pub theta: Vec<f64>,
}

choices! {
    /// What a file applies to the outputs of its network. Ours are the numbers before it, which the
    /// losses take.
    pub enum Link {
        /// Probabilities of classes
        Softmax = "softmax",
        /// A probability of each output
        Sigmoid = "sigmoid",
    }
}

choices! {
    /// How the stored weights enter the network.
    #[derive(Default)]
    pub enum Parameterization {
        /// As they are, as in PyTorch
        #[default]
        Standard = "standard",
        /// Weights times sigma_w / sqrt(fan_in), biases times sigma_b
        Ntk = "ntk",
    }
}

/// One of a network's parameter tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// `0.weight`, `0.bias`, ...
    pub name: String,
    /// The index of its layer.
    pub layer: usize,
    /// Whether it is the bias.
    pub bias: bool,
    /// Its place in the flat parameters.
    pub range: Range<usize>,
}

/// A network with its parameters.
#[derive(Clone, Debug)]
pub struct Network<T> {
    /// What messages call it: the file it is from, its architecture.
    pub name: String,
    /// The layers' names and sizes.
    pub shapes: Vec<LayerShape>,
    /// The parameters in PyTorch's order.
    pub theta: Vec<T>,
    /// What the file applies to the outputs, which here are before it.
    pub link: Option<Link>,
    /// The order of its layers in words, where their names do not number them.
    pub order: Option<String>,
    /// What else there was to say when it was read.
    pub notes: Vec<String>,
    layers: Vec<Layer>,
    /// `(s_l, t_l)`, the factors of weights and bias.
    factors: Vec<(f64, f64)>,
    scales: Vec<Scale<T>>,
}

impl<T: Float> Network<T> {
    /// The network of a state dictionary, in the standard parameterisation. `activations` has one
    /// for every hidden layer, or one for all; the last layer is linear.
    ///
    /// # Errors
    /// If their number does not fit, or a parameter is beyond the range of `T`.
    pub fn new(
        name: impl Into<String>,
        state: StateDict,
        activations: &[Activation],
    ) -> Result<Self> {
        let name = name.into();
        let hidden = state.layers.len().saturating_sub(1);
        let activations = match activations {
            [] if hidden > 0 => bail!(
                "{name}: the network has {hidden} hidden layers, whose activation is not in \
                 its weights; give --activation NAME, e.g. --activation tanh"
            ),
            [one] => vec![*one; hidden],
            several if several.len() == hidden => several.to_vec(),
            several => bail!(
                "--activation: found {} names, needed {hidden}, one for each hidden layer of \
                 {name} (or one for all)",
                several.len()
            ),
        };
        let layers = state.layers.iter().zip(activations.into_iter().chain([Activation::Identity]));
        let layers: Vec<Layer> = layers
            .map(|(shape, activation)| {
                Layer::new(shape.inputs, shape.outputs, activation).with_bias(shape.bias)
            })
            .collect();
        let theta: Vec<T> = state.theta.iter().map(|t| T::of(*t)).collect();
        if let Some(at) = theta.iter().position(|t| !t.is_finite()) {
            bail!("{name}: parameter {at} is beyond the range of f32; use --dtype f64");
        }
        let factors = vec![(1.0, 1.0); layers.len()];
        let mut net = Self {
            name,
            shapes: state.layers,
            theta,
            link: None,
            order: None,
            notes: Vec::new(),
            layers,
            factors,
            scales: Vec::new(),
        };
        net.scale();
        Ok(net)
    }

    /// In the ntk parameterisation: weights times `sigma_w / sqrt(fan_in)`, biases times
    /// `sigma_b`.
    ///
    /// # Errors
    /// If a factor is not finite.
    pub fn with_ntk_scales(mut self, sigma_w: f64, sigma_b: f64) -> Result<Self> {
        for (name, value) in [("--sigma-w", sigma_w), ("--sigma-b", sigma_b)] {
            ensure!(value.is_finite(), "{name}: found {value}, needed a finite number");
        }
        let fan_in = self.layers.iter().map(|l| l.inputs as f64);
        self.factors = fan_in.map(|n| (sigma_w / n.sqrt(), sigma_b)).collect();
        self.scale();
        Ok(self)
    }

    fn scale(&mut self) {
        let factors = self.factors.iter();
        self.scales = factors.map(|(w, b)| Scale { weight: T::of(*w), bias: T::of(*b) }).collect();
    }

    /// The network as the core takes it.
    ///
    /// # Errors
    /// The core's, with the network's name.
    pub fn mlp(&self) -> Result<Mlp<'_, T>> {
        Mlp::new(&self.layers, &self.theta)
            .and_then(|mlp| mlp.with_scales(&self.scales))
            .context(&self.name)
    }

    /// The network as the core takes it where the parameters move.
    ///
    /// # Errors
    /// As [`Network::mlp`].
    pub fn architecture(&self) -> Result<Architecture<'_, T>> {
        let net = Architecture::new(&self.layers).context(&self.name)?;
        net.with_scales(&self.scales).context(&self.name)
    }

    /// The layers as the core takes them.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The factors of each layer's weights and bias, `(s_l, t_l)`: 1 in the standard
    /// parameterisation.
    pub fn factors(&self) -> &[(f64, f64)] {
        &self.factors
    }

    /// The width of the input.
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |l| l.inputs)
    }

    /// The width of the output.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |l| l.outputs)
    }

    /// The number of parameters.
    pub fn params(&self) -> usize {
        self.theta.len()
    }

    /// The parameters in double precision, as rounded to `T`.
    pub fn theta_f64(&self) -> Vec<f64> {
        wide(&self.theta)
    }

    /// The parameter tensors in order: `0.weight`, `0.bias`, ...
    pub fn tensors(&self) -> Vec<Tensor> {
        let mut tensors = Vec::new();
        let mut start = 0;
        for (layer, shape) in self.shapes.iter().enumerate() {
            let weight = ("weight", false, shape.inputs * shape.outputs);
            let bias = shape.bias.then_some(("bias", true, shape.outputs));
            for (kind, bias, len) in std::iter::once(weight).chain(bias) {
                let name = tensor_name(&shape.prefix, kind);
                tensors.push(Tensor { name, layer, bias, range: start..start + len });
                start += len;
            }
        }
        tensors
    }

    /// The index of the parameter tensor called `text`: its name or its position.
    ///
    /// # Errors
    /// If there is none; the message lists them.
    pub fn tensor(&self, text: &str) -> Result<usize> {
        let names: Vec<_> = self.tensors().into_iter().map(|t| t.name).collect();
        let by_name = names.iter().position(|name| name == text);
        by_name.or_else(|| text.parse().ok().filter(|i| *i < names.len())).ok_or_else(|| {
            Error::Input(format!(
                "{}: there is no parameter tensor '{text}'; there are {} (0 to {})",
                self.name,
                names.join(", "),
                names.len() - 1
            ))
        })
    }

    /// Fails unless a layer is left behind the first `freeze`.
    ///
    /// # Errors
    /// If so.
    pub fn check_freeze(&self, freeze: usize) -> Result<()> {
        let layers = self.layers.len();
        ensure!(
            freeze < layers,
            "--freeze: found {freeze}, needed fewer than the {layers} layers of {}",
            self.name
        );
        Ok(())
    }

    /// The layers from `first` on as a network of their own, of the features that the layers
    /// before them make.
    #[must_use]
    pub fn back(&self, first: usize) -> Self {
        let before: usize = self.layers.iter().take(first).map(Layer::params).sum();
        Self {
            name: self.name.clone(),
            shapes: self.shapes[first..].to_vec(),
            theta: self.theta[before..].to_vec(),
            link: self.link,
            order: self.order.clone(),
            notes: self.notes.clone(),
            layers: self.layers[first..].to_vec(),
            factors: self.factors[first..].to_vec(),
            scales: self.scales[first..].to_vec(),
        }
    }

    /// The widths, inputs first.
    pub fn arch(&self) -> Arch {
        Arch(std::iter::once(self.inputs()).chain(self.layers.iter().map(|l| l.outputs)).collect())
    }
}

/// `PREFIX.weight`, or `weight` where there is no prefix.
pub fn tensor_name(prefix: &str, kind: &str) -> String {
    if prefix.is_empty() { kind.to_owned() } else { format!("{prefix}.{kind}") }
}

/// The activations called `names`.
///
/// # Errors
/// If there is no such activation; the message lists them.
pub fn activations<S: AsRef<str>>(names: &[S]) -> Result<Vec<Activation>> {
    let named = |name: &S| {
        let name = name.as_ref().trim();
        Activation::from_name(name).ok_or_else(|| {
            let known: Vec<_> = Activation::ALL.iter().map(|a| a.name()).collect();
            Error::Input(format!(
                "--activation: unknown activation '{name}'; known are {}",
                known.join(", ")
            ))
        })
    };
    names.iter().map(named).collect()
}

/// The widths of a network, inputs first: `4-8-8-1`.
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
    /// A new network of these widths from `seed`: in the standard parameterisation as PyTorch's
    /// `Linear` begins, every weight and bias from U(-1/sqrt(fan_in), 1/sqrt(fan_in)); in the ntk
    /// parameterisation from N(0, 1). The layers have the names that PyTorch's
    /// `Sequential(Linear, activation, Linear, ..)` gives them: 0, 2, 4, ...
    pub fn initial(&self, bias: bool, parameterization: Parameterization, seed: u64) -> StateDict {
        let pairs = self.0.windows(2).enumerate();
        let layers: Vec<_> = pairs
            .map(|(l, pair)| LayerShape {
                prefix: (2 * l).to_string(),
                inputs: pair[0],
                outputs: pair[1],
                bias,
            })
            .collect();
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_is_its_widths() {
        let arch: Arch = "4-8-8-1".parse().unwrap();
        assert_eq!(arch.to_string(), "4-8-8-1");
        let state = arch.initial(true, Parameterization::Standard, 0);
        let names: Vec<_> = state.layers.into_iter().map(|l| l.prefix).collect();
        assert_eq!(names, ["0", "2", "4"]);
        for bad in ["", "4", "4-", "4-0-1", "4-x", "-4-1", "4-70000", "65536-65536-1", "4--1"] {
            assert!(bad.parse::<Arch>().is_err(), "{bad}");
        }
    }

    #[test]
    fn new_weights_are_distributed_as_pytorchs() {
        let arch = "64-200-3".parse::<Arch>().unwrap();
        let net = arch.initial(true, Parameterization::Standard, 1);
        assert_eq!(net.theta.len(), 65 * 200 + 201 * 3);
        let first = &net.theta[..65 * 200];
        assert!(first.iter().all(|w| w.abs() <= 0.125));
        let n = first.len() as f64;
        let variance = first.iter().map(|w| w * w).sum::<f64>() / n;
        // Of a uniform's square: mean bound^2 / 3, standard deviation 0.3 bound^2.
        assert!((variance * 64.0 - 1.0 / 3.0).abs() < 4.0 * 0.3 / n.sqrt());
        assert!((first.iter().sum::<f64>() / n).abs() < 4.0 * 0.125 / (3.0 * n).sqrt());
        assert_ne!(net, arch.initial(true, Parameterization::Standard, 2));
        let normal = arch.initial(true, Parameterization::Ntk, 1).theta;
        let n = normal.len() as f64;
        let variance = normal.iter().map(|w| w * w).sum::<f64>() / n;
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt());
    }
}
