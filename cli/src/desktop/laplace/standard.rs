//! A posterior in the standard parameterisation: of the parameters with the network's scales
//! multiplied into them, as `export` writes them.
//!
//! ```text
//! theta' = D theta,  D = diag(s, .., t, ..) of each layer,  P'^-1 = D P^-1 D
//! full       B' = D B                    kron, ekfac   Q_A' = diag(s, .., s, t) Q_A
//! diagonal, a bias alone   V' = D^2 V
//! factors    A' = diag(s, .., s, t)^-1 A diag(s, .., s, t)^-1
//! ```

use super::posterior::Posterior;
use super::settings::StructureKind;
use crate::desktop::array::Float;
use crate::desktop::network::Network;

impl<T: Float> Posterior<T> {
    /// The numbers over the parameters of `net` in the standard parameterisation, in double
    /// precision.
    pub fn standard(&self, net: &Network<T>) -> Vec<f64> {
        let layers = self.of_layers(net);
        let mut numbers: Vec<f64> = self.data.iter().map(|v| v.to_f64()).collect();
        match self.structure {
            StructureKind::Full => {
                let scales = scales(&layers);
                for column in numbers.chunks_mut(scales.len()).take(scales.len()) {
                    column.iter_mut().zip(&scales).for_each(|(v, s)| *v *= s);
                }
            }
            StructureKind::Diagonal => {
                numbers.iter_mut().zip(scales(&layers)).for_each(|(v, s)| *v *= s * s);
            }
            StructureKind::Kron | StructureKind::Ekfac => {
                let mut rest = numbers.as_mut_slice();
                for (layer, (s, t)) in layers.layers().iter().zip(layers.factors()) {
                    let (n, m) = (layer.inputs, layer.outputs);
                    let weights = vec![*s; n];
                    let rows = match (layer.bias, self.separate_bias) {
                        (true, false) => [weights, vec![*t]].concat(),
                        _ => weights,
                    };
                    let k = rows.len();
                    let (q, after) = std::mem::take(&mut rest).split_at_mut(k * k);
                    for column in q.chunks_mut(k) {
                        column.iter_mut().zip(&rows).for_each(|(v, s)| *v *= s);
                    }
                    rest = after.split_at_mut(m * m + k * m).1;
                    if layer.bias && self.separate_bias {
                        // Its basis is the number 1, whatever sign it was written with.
                        let (block, after) = std::mem::take(&mut rest).split_at_mut(1 + m * m + m);
                        block[1 + m * m..].iter_mut().for_each(|v| *v *= t * t);
                        rest = after;
                    }
                }
            }
        }
        numbers
    }

    /// The factors over the same parameters, or none if there are none.
    pub fn standard_factors(&self, net: &Network<T>) -> Vec<f64> {
        let layers = self.of_layers(net);
        let mut numbers: Vec<f64> = self.factors.iter().map(|v| v.to_f64()).collect();
        let mut rest = numbers.as_mut_slice();
        for (layer, (s, t)) in layers.layers().iter().zip(layers.factors()) {
            let (k, m) = (layer.homogeneous_inputs(), layer.outputs);
            if rest.is_empty() {
                break;
            }
            let (a, after) = std::mem::take(&mut rest).split_at_mut(k * k);
            let scale = |i: usize| if i < layer.inputs { *s } else { *t };
            for (j, column) in a.chunks_mut(k).enumerate() {
                column.iter_mut().enumerate().for_each(|(i, v)| *v /= scale(i) * scale(j));
            }
            rest = after.split_at_mut(m * m).1;
        }
        numbers
    }
}

/// D
fn scales<T: Float>(net: &Network<T>) -> Vec<f64> {
    let scale = |layer: usize, bias: bool| {
        let (weights, of_bias) = net.factors()[layer];
        if bias { of_bias } else { weights }
    };
    let tensors = net.tensors();
    tensors
        .iter()
        .flat_map(|t| std::iter::repeat_n(scale(t.layer, t.bias), t.range.len()))
        .collect()
}
