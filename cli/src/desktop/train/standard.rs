//! Raw units outside, standardised ones in training, exactly:
//!
//! ```text
//! x' = (x - m) / d,  y' = (y - n) / e      mean and deviation of each column of the training data
//! first layer   s W' x' + t b' = s W x + t b:     W = W' diag(1 / d),  b = b' - s/t W m
//! last layer    f = e f' + n:                     W = diag(e) W',      b = diag(e) b' + n/t
//! ```
//! A column that does not vary has deviation 1.

use ndarray::{Array2, ArrayView2, Axis};

use crate::desktop::array::Float;
use crate::desktop::data::Data;
use crate::desktop::network::Network;
use crate::desktop::targets::Targets;
use crate::desktop::weighting::Weighted;

/// The mean and the deviation of each column.
#[derive(Clone, Debug, PartialEq)]
struct Moments {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Moments {
    fn of<T: Float>(columns: ArrayView2<'_, T>) -> Self {
        let columns = columns.mapv(|v| v.to_f64());
        let n = columns.nrows().max(1) as f64;
        let mean: Vec<_> = columns.axis_iter(Axis(1)).map(|column| column.sum() / n).collect();
        let deviation = |(column, mean): (ndarray::ArrayView1<'_, f64>, &f64)| {
            let deviation = (column.mapv(|v| (v - mean) * (v - mean)).sum() / n).sqrt();
            // Of a constant column only the mean's own rounding is left.
            if deviation > mean.abs() * 4.0 * f64::EPSILON { deviation } else { 1.0 }
        };
        let deviation = columns.axis_iter(Axis(1)).zip(&mean).map(deviation).collect();
        Self { mean, deviation }
    }

    /// Those with which [`Moments::apply`] is undone: `(v' + mean / deviation) deviation`.
    fn inverse(&self) -> Self {
        let pairs = self.mean.iter().zip(&self.deviation);
        Self {
            mean: pairs.map(|(mean, deviation)| -mean / deviation).collect(),
            deviation: self.deviation.iter().map(|d| 1.0 / d).collect(),
        }
    }

    /// `(v - mean) / deviation`
    fn apply<T: Float>(&self, values: &Array2<T>) -> Array2<T> {
        Array2::from_shape_fn(values.dim(), |(i, j)| {
            T::of((values[[i, j]].to_f64() - self.mean[j]) / self.deviation[j])
        })
    }
}

/// The units of the data that a network is trained on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standard {
    inputs: Option<Moments>,
    targets: Option<Moments>,
}

impl Standard {
    /// Of these samples: their inputs, unless something else takes them first, and their targets,
    /// if they are values.
    pub(super) fn of<T: Float>(data: &Data<T>, inputs: bool, targets: bool) -> Self {
        let values = match &data.targets {
            Targets::Values(values) | Targets::Weighted { values, .. } if targets => Some(values),
            _ => None,
        };
        Self {
            inputs: inputs.then(|| Moments::of(data.x.view())),
            targets: values.map(|values| Moments::of(values.view())),
        }
    }

    /// The data in standardised units.
    pub(super) fn data<T: Float>(&self, data: &Data<T>) -> Data<T> {
        let targets = |targets: &Targets<T>| match (&self.targets, targets) {
            (Some(moments), Targets::Values(values)) => Targets::Values(moments.apply(values)),
            _ => targets.clone(),
        };
        let weighted = data.weighted.as_ref().map(|weighted| {
            Box::new(Weighted { targets: targets(&weighted.targets), ..(**weighted).clone() })
        });
        Data {
            x: self.inputs.as_ref().map_or_else(|| data.x.clone(), |m| m.apply(&data.x)),
            targets: match &weighted {
                Some(weighted) => weighted.targets(),
                None => targets(&data.targets),
            },
            weighted,
            batches: data.batches.clone(),
        }
    }

    /// The parameters in raw units, of those in standardised ones.
    pub(super) fn fold<T: Float>(&self, net: &Network<T>, theta: &[T]) -> Vec<T> {
        let mut theta: Vec<f64> = theta.iter().map(|v| v.to_f64()).collect();
        if let (Some(moments), Some((w, b))) = (&self.inputs, layer(net, &mut theta, 0)) {
            let (s, t) = net.factors()[0];
            for (row, b) in w.chunks_mut(moments.mean.len()).zip(b) {
                for ((w, mean), deviation) in
                    row.iter_mut().zip(&moments.mean).zip(&moments.deviation)
                {
                    *w /= deviation;
                    *b -= s / t * *w * mean;
                }
            }
        }
        let last = net.layers().len() - 1;
        let (width, (_, t)) = (net.layers()[last].inputs, net.factors()[last]);
        if let (Some(moments), Some((w, b))) = (&self.targets, layer(net, &mut theta, last)) {
            let rows = w.chunks_mut(width).zip(b);
            for ((row, b), (mean, deviation)) in
                rows.zip(moments.mean.iter().zip(&moments.deviation))
            {
                row.iter_mut().for_each(|w| *w *= deviation);
                *b = *b * deviation + mean / t;
            }
        }
        theta.into_iter().map(T::of).collect()
    }

    /// The parameters in standardised units, of the network's own in raw ones: what undoes
    /// [`Standard::fold`].
    pub(super) fn unfold<T: Float>(&self, net: &Network<T>) -> Vec<T> {
        let inverse = |moments: &Option<Moments>| moments.as_ref().map(Moments::inverse);
        let inverse = Self { inputs: inverse(&self.inputs), targets: inverse(&self.targets) };
        inverse.fold(net, &net.theta)
    }
}

/// Weights and bias of layer `index`, if it has one.
fn layer<'t, T: Float>(
    net: &Network<T>,
    theta: &'t mut [f64],
    index: usize,
) -> Option<(&'t mut [f64], &'t mut [f64])> {
    let mut tensors = net.tensors().into_iter().filter(|tensor| tensor.layer == index);
    let (weight, bias) = (tensors.next()?.range, tensors.next()?.range);
    let (weights, bias_on) = theta[weight.start..bias.end].split_at_mut(weight.len());
    Some((weights, bias_on))
}

#[cfg(test)]
mod tests {
    use nanocurv::network::Activation;
    use ndarray::array;

    use super::*;
    use crate::desktop::network::{Arch, Parameterization};

    /// The outputs, one row a sample.
    fn outputs(net: &Network<f64>, x: &Array2<f64>) -> Array2<f64> {
        let mlp = net.mlp().unwrap();
        let (n, outputs) = (x.nrows(), net.outputs());
        let mut f = vec![0.0; n * outputs];
        let mut scratch = vec![0.0; nanocurv::network::forward_scratch(mlp.layers(), n)];
        let to = nanocurv::MatMut::new("f", &mut f, outputs, n).unwrap();
        let x = crate::desktop::array::samples(x.view()).unwrap();
        nanocurv::network::forward(&mlp, x, to, &mut scratch).unwrap();
        Array2::from_shape_vec((n, outputs), f).unwrap()
    }

    #[test]
    fn the_folded_network_is_the_standardised_one_in_raw_units_and_back() {
        let x = array![[1013.0_f64, 20.0, 5.0], [1009.0, 24.5, 5.0], [1021.0, 19.0, 5.0]];
        let y = array![[3.0e4_f64, -1.0], [2.0e4, 4.0], [2.5e4, 0.5]];
        let data = Data::new(x.clone(), Targets::Values(y.clone())).unwrap();
        let standard = Standard::of(&data, true, true);
        let scaled = standard.data(&data);
        let Targets::Values(y_scaled) = &scaled.targets else { unreachable!() };
        for column in scaled.x.axis_iter(Axis(1)).chain(y_scaled.axis_iter(Axis(1))) {
            assert!(column.sum().abs() < 1e-12);
            let square = column.mapv(|v| v * v).sum() / 3.0;
            assert!((square - 1.0).abs() < 1e-12 || square == 0.0, "{square}");
        }
        for arch in ["3-2", "3-4-2", "3-4-4-2"] {
            for ntk in [false, true] {
                let state =
                    arch.parse::<Arch>().unwrap().initial(true, Parameterization::Standard, 3);
                let mut net = Network::new("net", state, &[Activation::Tanh]).unwrap();
                if ntk {
                    net = net.with_ntk_scales(1.4, 0.3).unwrap();
                }
                let inside = outputs(&net, &scaled.x);
                let own = net.theta.clone();
                net.theta = standard.fold(&net, &own);
                let outside = standard.targets.as_ref().unwrap().apply(&outputs(&net, &x));
                let error = (&outside - &inside).iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                assert!(error < 1e-10, "{arch} {ntk}: {error:e}");
                let back = standard.unfold(&net);
                assert!(back.iter().zip(&own).all(|(a, b)| (a - b).abs() < 1e-10), "{arch} {ntk}");
            }
        }
    }
}
