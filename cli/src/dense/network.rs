//! `z_l = s_l W_l x_{l-1} + t_l b_l`, `x_l = r_l phi_l(z_l)` for `l < L`, `f = z_L`.
//!
//! The parameters are one flat array in PyTorch's order: `W_1` row-major (out x in), `b_1`, ...

use std::ops::Range;

use super::{Activation, Number};

/// One dense layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The width of its input.
    pub inputs: usize,
    /// The width of its output.
    pub outputs: usize,
    /// Whether it has a bias.
    pub bias: bool,
    /// What follows it; identity after the last layer.
    pub activation: Activation,
    /// `s_l`, the factor of the weights.
    pub weight_scale: f64,
    /// `t_l`, the factor of the bias.
    pub bias_scale: f64,
    /// `r_l`, the factor after the activation.
    pub output_scale: f64,
}

impl Layer {
    /// A layer with a bias in PyTorch's parameterisation.
    pub fn new(inputs: usize, outputs: usize, activation: Activation) -> Self {
        Self {
            inputs,
            outputs,
            bias: true,
            activation,
            weight_scale: 1.0,
            bias_scale: 1.0,
            output_scale: 1.0,
        }
    }

    /// The number of parameters.
    pub fn parameters(&self) -> usize {
        self.outputs * (self.inputs + usize::from(self.bias))
    }
}

/// Where a layer's weight or bias lies in the flat parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// The index of its layer.
    pub layer: usize,
    /// Whether it is the bias.
    pub bias: bool,
    /// Its parameters.
    pub range: Range<usize>,
}

/// A multi-layer perceptron: layers in order, the last one linear.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The layers.
    pub layers: Vec<Layer>,
}

impl Network {
    /// The width of the input.
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |l| l.inputs)
    }

    /// The width of the output.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |l| l.outputs)
    }

    /// The number of parameters.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// The parameter tensors in order.
    pub fn tensors(&self) -> Vec<Tensor> {
        let mut tensors = Vec::new();
        let mut start = 0;
        for (layer, l) in self.layers.iter().enumerate() {
            let end = start + l.outputs * l.inputs;
            tensors.push(Tensor { layer, bias: false, range: start..end });
            start = end;
            if l.bias {
                tensors.push(Tensor { layer, bias: true, range: start..start + l.outputs });
                start += l.outputs;
            }
        }
        tensors
    }

    /// `f(x)` for one sample.
    pub fn forward<N: Number>(&self, theta: &[N], x: &[f64]) -> Vec<N> {
        self.trace(theta, x).outputs
    }

    /// The forward pass with what the backward pass needs.
    pub(super) fn trace<N: Number>(&self, theta: &[N], x: &[f64]) -> Trace<N> {
        let mut x: Vec<N> = x.iter().map(|v| N::from(*v)).collect();
        let mut trace = Trace { inputs: Vec::new(), sums: Vec::new(), outputs: Vec::new() };
        let mut rest = theta;
        for (index, layer) in self.layers.iter().enumerate() {
            let (own, after) = rest.split_at(layer.parameters());
            rest = after;
            let (w, b) = own.split_at(layer.outputs * layer.inputs);
            let z: Vec<N> = (0..layer.outputs)
                .map(|o| {
                    let mut sum = N::from(0.0);
                    for i in 0..layer.inputs {
                        sum += w[o * layer.inputs + i] * x[i];
                    }
                    sum = N::from(layer.weight_scale) * sum;
                    if layer.bias {
                        sum += N::from(layer.bias_scale) * b[o];
                    }
                    sum
                })
                .collect();
            trace.inputs.push(x);
            x = if index + 1 == self.layers.len() {
                z.clone()
            } else {
                let scale = N::from(layer.output_scale);
                z.iter().map(|z| scale * layer.activation.value(*z)).collect()
            };
            trace.sums.push(z);
        }
        trace.outputs = x;
        trace
    }

    /// Adds the gradient of `<seed, f(x)>` to `gradient`.
    pub(super) fn pull_back<N: Number>(
        &self,
        theta: &[N],
        trace: &Trace<N>,
        seed: &[N],
        gradient: &mut [N],
    ) {
        let mut g = seed.to_vec();
        let mut end = theta.len();
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let start = end - layer.parameters();
            let (w, own) = (&theta[start..end], &mut gradient[start..end]);
            let x = &trace.inputs[index];
            let bias = layer.outputs * layer.inputs;
            for o in 0..layer.outputs {
                let scaled = N::from(layer.weight_scale) * g[o];
                for i in 0..layer.inputs {
                    own[o * layer.inputs + i] += scaled * x[i];
                }
                if layer.bias {
                    own[bias + o] += N::from(layer.bias_scale) * g[o];
                }
            }
            if let Some(before) = index.checked_sub(1).map(|k| &self.layers[k]) {
                let z = &trace.sums[index - 1];
                g = (0..layer.inputs)
                    .map(|i| {
                        let mut sum = N::from(0.0);
                        for o in 0..layer.outputs {
                            sum += w[o * layer.inputs + i] * g[o];
                        }
                        N::from(before.output_scale * layer.weight_scale)
                            * before.activation.derivative(z[i])
                            * sum
                    })
                    .collect();
            }
            end = start;
        }
    }

    /// `df/dz_l` of every layer, `O x outputs` row-major, by one backward pass an output.
    pub(super) fn output_slopes(&self, theta: &[f64], trace: &Trace<f64>) -> Vec<Vec<f64>> {
        let mut slopes = vec![Vec::new(); self.layers.len()];
        for o in 0..self.outputs() {
            let mut g = vec![0.0; self.outputs()];
            g[o] = 1.0;
            let mut end = theta.len();
            for (index, layer) in self.layers.iter().enumerate().rev() {
                slopes[index].extend_from_slice(&g);
                let start = end - layer.parameters();
                if let Some(before) = index.checked_sub(1).map(|k| &self.layers[k]) {
                    let factor = before.output_scale * layer.weight_scale;
                    g = (0..layer.inputs)
                        .map(|i| {
                            let sum: f64 = (0..layer.outputs)
                                .map(|o| theta[start + o * layer.inputs + i] * g[o])
                                .sum();
                            factor * before.activation.derivative(trace.sums[index - 1][i]) * sum
                        })
                        .collect();
                }
                end = start;
            }
        }
        slopes
    }
}

/// One sample's forward pass.
pub(super) struct Trace<N> {
    /// `x_{l-1}`, the input of every layer.
    pub inputs: Vec<Vec<N>>,
    /// `z_l`
    sums: Vec<Vec<N>>,
    /// `f`
    pub outputs: Vec<N>,
}
