//! The engine's networks, losses and targets as the witness sees them.

use nanocurv::network;

use super::loss::Weighted;
use super::{Activation, Layer, Loss, Network, Reduction, Targets};
use crate::desktop::array::wide;
use crate::desktop::{self, Float};

impl Network {
    /// The same network; its parameters are [`desktop::Network::theta_f64`].
    pub fn of<T: Float>(net: &desktop::Network<T>) -> Self {
        let layers = net.layers().iter().zip(net.factors());
        let layers = layers
            .map(|(layer, (weight_scale, bias_scale))| Layer {
                bias: layer.bias,
                weight_scale: *weight_scale,
                bias_scale: *bias_scale,
                ..Layer::new(layer.inputs, layer.outputs, Activation::of(layer.activation))
            })
            .collect();
        Self { layers }
    }
}

impl Activation {
    /// The activation of the same name.
    ///
    /// # Panics
    /// If there is none here: a defect.
    pub fn of(activation: network::Activation) -> Self {
        activation.name().parse().expect("every activation has its witness")
    }
}

impl Loss {
    /// The same loss.
    ///
    /// # Panics
    /// If there is none here: a defect.
    pub fn of(loss: network::Loss) -> Self {
        match loss {
            network::Loss::Mse => Self::Mse,
            network::Loss::CrossEntropy => Self::CrossEntropy,
            network::Loss::Bce => Self::Bce,
            other => panic!("{other:?} has no witness"),
        }
    }
}

impl Reduction {
    /// The same reduction.
    pub fn of(reduction: network::Reduction) -> Self {
        match reduction {
            network::Reduction::Mean => Self::Mean,
            network::Reduction::Sum => Self::Sum,
        }
    }
}

impl Targets {
    /// The same targets, with weights if they have them: the factor of each sample makes the mean
    /// over all of them the mean that is weighted.
    pub fn of<T: Float>(data: &desktop::Data<T>) -> Self {
        let plain = |targets: &desktop::Targets<T>| match targets {
            desktop::Targets::Values(y) | desktop::Targets::Weighted { values: y, .. } => {
                Self::Values(wide(y))
            }
            desktop::Targets::Labels(y) => Self::Labels(y.iter().map(|y| *y as usize).collect()),
        };
        let Some(given) = &data.weighted else { return plain(&data.targets) };
        let (weights, targets) = (&given.weighting, plain(&given.targets));
        let or_ones = |weights: &[T], n: usize| match weights {
            [] => vec![1.0; n],
            weights => wide(weights),
        };
        let classes = or_ones(&weights.classes, given.outputs);
        let mut samples = or_ones(&weights.samples, data.len());
        for (weight, _) in samples.iter_mut().zip(&weights.ignored).filter(|(_, ignored)| **ignored)
        {
            *weight = 0.0;
        }
        if given.loss.1 == network::Reduction::Mean {
            let of_class = |n: usize| match &targets {
                Self::Labels(y) => classes[y[n]],
                _ => 1.0,
            };
            let total: f64 = samples.iter().enumerate().map(|(n, s)| s * of_class(n)).sum();
            let power = if given.squared { 0.5 } else { 1.0 };
            let factor = (data.len() as f64 / total).powf(power);
            samples.iter_mut().for_each(|s| *s *= factor);
        }
        let smoothing = weights.smoothing.to_f64();
        Self::Weighted(Box::new(Weighted { targets, classes, smoothing, samples }))
    }
}
