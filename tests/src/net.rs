//! Networks with their parameters, as the core and as the dense references take them.

use crate::mat;
use nanocurv::network::{Activation, Layer, Mlp, Scale};
use nanocurv::random::Rng;
use nanocurv::{Mat, Real};
use nanocurv_cli::dense;

/// A network that owns what it is made of.
#[derive(Clone, Debug)]
pub struct Net<T> {
    /// Its layers.
    pub layers: Vec<Layer>,
    /// Its parameters in PyTorch's order.
    pub theta: Vec<T>,
    /// `s_l` and `t_l`.
    pub scales: Vec<Scale<T>>,
    /// `r_l`, after the activation of layer l; 1 after the last.
    pub after: Vec<T>,
}

impl<T: Real> Net<T> {
    /// A network in the standard parameterisation.
    pub fn new(layers: Vec<Layer>, theta: Vec<T>) -> Self {
        let scales = vec![Scale::STANDARD; layers.len()];
        let after = vec![T::ONE; layers.len()];
        Self { layers, theta, scales, after }
    }

    /// `widths[0] => widths[1] activation => ... => widths[L]` with parameters drawn from
    /// N(0, 1 / inputs), biases from N(0, 1 / 4).
    pub fn random(widths: &[usize], activation: Activation, bias: bool, seed: u64) -> Self {
        let last = widths.len() - 2;
        let layers: Vec<Layer> = (0..=last)
            .map(|l| {
                let activation = if l == last { Activation::Identity } else { activation };
                Layer::new(widths[l], widths[l + 1], activation).with_bias(bias)
            })
            .collect();
        let mut rng = Rng::seed(seed);
        let mut theta = Vec::new();
        for layer in &layers {
            let deviation = 1.0 / (layer.inputs as f64).sqrt();
            let weights = layer.inputs * layer.outputs;
            theta.extend((0..weights).map(|_| T::of(deviation * rng.normal::<f64>())));
            let biases = layer.params() - weights;
            theta.extend((0..biases).map(|_| T::of(0.5 * rng.normal::<f64>())));
        }
        Self::new(layers, theta)
    }

    /// The same with scales on every layer: `s_l = sigma_w / sqrt(inputs)`, `t_l = sigma_b`.
    #[must_use]
    pub fn ntk_parameterised(mut self, sigma_w: T, sigma_b: T) -> Self {
        self.scales = self.layers.iter().map(|l| Scale::ntk(l, sigma_w, sigma_b)).collect();
        self
    }

    /// The same with `x_l = r phi(z_l)` behind every hidden layer.
    #[must_use]
    pub fn scaled_after_activation(mut self, r: T) -> Self {
        let last = self.layers.len() - 1;
        self.after[..last].fill(r);
        for scale in &mut self.scales[1..] {
            *scale = scale.after_activation(r);
        }
        self
    }

    /// As the core takes it.
    ///
    /// # Panics
    /// If it is no network.
    pub fn mlp(&self) -> Mlp<'_, T> {
        Mlp::new(&self.layers, &self.theta).unwrap().with_scales(&self.scales).unwrap()
    }

    /// As the references take it: the scale after an activation stands where it belongs, not in
    /// the weights behind it.
    ///
    /// # Panics
    /// If the references do not know the activation.
    pub fn reference(&self) -> dense::Network {
        let mut before = 1.0;
        let layers = self.layers.iter().zip(&self.scales).zip(&self.after).map(|((l, s), r)| {
            let layer = dense::Layer {
                inputs: l.inputs,
                outputs: l.outputs,
                bias: l.bias,
                activation: l.activation.name().parse().unwrap(),
                weight_scale: s.weight.to_f64() / before,
                bias_scale: s.bias.to_f64(),
                output_scale: r.to_f64(),
            };
            before = r.to_f64();
            layer
        });
        dense::Network { layers: layers.collect() }
    }

    /// The parameters in f64, as rounded to `T`.
    pub fn theta_f64(&self) -> Vec<f64> {
        to_f64(&self.theta)
    }

    /// The same network in other arithmetic.
    pub fn cast<U: Real>(&self) -> Net<U> {
        let cast = |v: &T| U::of(v.to_f64());
        Net {
            layers: self.layers.clone(),
            theta: self.theta.iter().map(cast).collect(),
            scales: self
                .scales
                .iter()
                .map(|s| Scale { weight: cast(&s.weight), bias: cast(&s.bias) })
                .collect(),
            after: self.after.iter().map(cast).collect(),
        }
    }

    /// `samples` inputs from N(0, 1), sample by sample.
    pub fn inputs(&self, samples: usize, seed: u64) -> Vec<T> {
        let mut rng = Rng::seed(seed ^ 0x5eed);
        (0..samples * self.layers[0].inputs).map(|_| T::of(rng.normal::<f64>())).collect()
    }

    /// Inputs sample by sample as the core's batch, inputs x samples.
    pub fn batch<'a>(&self, x: &'a [T]) -> Mat<'a, T> {
        let inputs = self.layers[0].inputs;
        mat(x, inputs, x.len() / inputs)
    }
}

/// The values in f64.
pub fn to_f64<T: Real>(values: &[T]) -> Vec<f64> {
    values.iter().map(|v| v.to_f64()).collect()
}
