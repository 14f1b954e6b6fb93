//! The posterior formed: `P = h H + diag(delta)`, its inverse and its determinant, dense.
//!
//! H of a structure is assembled from the definitions of [`fisher`](super::fisher): the GGN, its
//! diagonal, the Kronecker products of the factors, EKFAC's. Of the last layer it is the block of
//! the last layer's parameters.

use std::ops::Range;

use nalgebra::{DMatrix, DVector};

use super::fisher::{ekfac, kfac};
use super::kfac::{Fisher, kfac_factors};
use super::{Loss, Network, Reduction, Targets, ggn, jacobian};
use crate::desktop::laplace::{Posterior, StructureKind};
use crate::desktop::{self, Data, Float};

/// A posterior as a matrix.
pub struct Dense {
    network: Network,
    theta: Vec<f64>,
    /// The parameters that it is over.
    over: Range<usize>,
    /// Their covariance.
    covariance: DMatrix<f64>,
}

/// The evidence's parts, by another route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// `log p(y | theta)`
    pub log_likelihood: f64,
    /// `log det P - sum log delta`
    pub log_det_ratio: f64,
    /// `sum delta theta^2`
    pub scatter: f64,
    /// `P - trace(delta P^-1)`
    pub effective_parameters: f64,
}

/// Fits the posterior's structure to data, at one prior precision a parameter of the layers that it
/// is over, and the posterior's noise.
pub fn fit<T: Float>(
    net: &desktop::Network<T>,
    data: &Data<T>,
    posterior: &Posterior<T>,
    precisions: &[f64],
) -> (Dense, Evidence) {
    let (network, theta) = (Network::of(net), net.theta_f64());
    let x: Vec<f64> = data.x.iter().map(|x| x.to_f64()).collect();
    let (y, loss) = (Targets::of(data), Loss::of(posterior.loss));
    let sum = (loss, Reduction::Sum);
    let params = theta.len();
    // The squared error's Hessian is 2 I.
    let half = if loss == Loss::Mse { 0.5 } else { 1.0 };
    let separate = posterior.separate_bias;
    let of = Fisher::TypeTwo;
    let h = match posterior.structure {
        StructureKind::Full | StructureKind::Diagonal => {
            ggn(&network, &theta, &x, &y, loss, Reduction::Sum)
        }
        StructureKind::Kron => {
            let factors = kfac_factors(&network, &theta, &x, &y, sum, &of);
            kfac(&network, &factors, separate, None)
        }
        StructureKind::Ekfac => ekfac(&network, &theta, &x, &y, sum, &of, separate, None),
    };
    let over = over(&network, posterior.last_layer);
    let inverse_noise = 1.0 / (posterior.noise * posterior.noise);
    let diagonal = posterior.structure == StructureKind::Diagonal;
    let size = over.len();
    let precision = DMatrix::from_fn(size, size, |i, j| {
        let value = h[(over.start + i) * params + over.start + j];
        let value = if diagonal && i != j { 0.0 } else { value };
        half * inverse_noise * value + if i == j { precisions[i] } else { 0.0 }
    });
    let own = &theta[over.clone()];
    let log_det: f64 = match precision.clone().cholesky() {
        Some(cholesky) => 2.0 * cholesky.l_dirty().diagonal().map(f64::ln).sum(),
        None => f64::NAN,
    };
    let covariance =
        precision.try_inverse().unwrap_or_else(|| DMatrix::from_element(size, size, f64::NAN));
    let trace: f64 = covariance.diagonal().iter().zip(precisions).map(|(v, d)| v * d).sum();
    let value: f64 = loss.total::<f64>(Reduction::Sum, &network, &theta, &x, &y);
    let log_likelihood = if loss == Loss::Mse {
        let terms = (data.len() * network.outputs()) as f64;
        -0.5 * inverse_noise * value - 0.5 * terms * (std::f64::consts::TAU / inverse_noise).ln()
    } else {
        -value
    };
    let evidence = Evidence {
        log_likelihood,
        log_det_ratio: log_det - precisions.iter().map(|d| d.ln()).sum::<f64>(),
        scatter: own.iter().zip(precisions).map(|(t, d)| d * t * t).sum(),
        effective_parameters: size as f64 - trace,
    };
    (Dense { network, theta, over, covariance }, evidence)
}

/// The parameters that a posterior is over.
fn over(network: &Network, last_layer: bool) -> Range<usize> {
    let last = network.layers.last().map_or(0, |layer| layer.parameters());
    let params = network.parameters();
    if last_layer { params - last..params } else { 0..params }
}

impl Dense {
    /// The covariance matrix that a posterior's numbers stand for.
    pub fn of<T: Float>(net: &desktop::Network<T>, posterior: &Posterior<T>) -> Self {
        let (network, theta) = (Network::of(net), net.theta_f64());
        let over = over(&network, posterior.last_layer);
        let numbers: Vec<f64> = posterior.data.iter().map(|v| v.to_f64()).collect();
        let size = over.len();
        let covariance = match posterior.structure {
            StructureKind::Diagonal => DMatrix::from_diagonal(&DVector::from_vec(numbers)),
            StructureKind::Full => {
                let b = DMatrix::from_column_slice(size, size, &numbers[..size * size]);
                let v =
                    DMatrix::from_diagonal(&DVector::from_column_slice(&numbers[size * size..]));
                &b * v * b.transpose()
            }
            StructureKind::Kron | StructureKind::Ekfac => {
                let first = if posterior.last_layer { network.layers.len() - 1 } else { 0 };
                blocks(&network, first, posterior.separate_bias, &numbers, size)
            }
        };
        Self { network, theta, over, covariance }
    }

    /// Means, and covariances `J P^-1 J^T` of the outputs, of samples one after the other.
    pub fn predict(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (inputs, outputs, params) =
            (self.network.inputs(), self.network.outputs(), self.theta.len());
        let (mut means, mut covariances) = (Vec::new(), Vec::new());
        for x in x.chunks(inputs) {
            means.extend(self.network.forward(&self.theta, x));
            let j = jacobian(&self.network, &self.theta, x);
            let j = DMatrix::from_row_slice(outputs, params, &j);
            let j = j.columns(self.over.start, self.over.len());
            covariances.extend((j * &self.covariance * j.transpose()).iter());
        }
        (means, covariances)
    }
}

/// The blocks `(Q_G (x) Q_A) diag(V) (Q_G (x) Q_A)^T` of layers from `first` on, in parameter order.
fn blocks(
    network: &Network,
    first: usize,
    separate: bool,
    numbers: &[f64],
    size: usize,
) -> DMatrix<f64> {
    let mut covariance = DMatrix::zeros(size, size);
    let (mut rest, mut start) = (numbers, 0);
    for layer in &network.layers[first..] {
        let (n, m) = (layer.inputs, layer.outputs);
        // Parameter of (input, output): the bias is the last input.
        let place = |i: usize, o: usize| start + if i < n { o * n + i } else { n * m + o };
        let parts = match (layer.bias, separate) {
            (false, _) => vec![(0, n)],
            (true, false) => vec![(0, n + 1)],
            (true, true) => vec![(0, n), (n, n + 1)],
        };
        for (from, to) in parts {
            let k = to - from;
            let mut take = |rows: usize, cols: usize| {
                let (head, tail) = rest.split_at(rows * cols);
                rest = tail;
                DMatrix::from_column_slice(rows, cols, head)
            };
            let (qa, qg, v) = (take(k, k), take(m, m), take(k, m));
            let q = qg.kronecker(&qa);
            let block = &q
                * DMatrix::from_diagonal(&DVector::from_column_slice(v.as_slice()))
                * q.transpose();
            let places: Vec<usize> = (0..m)
                .flat_map(|o| (from..to).map(move |i| (i, o)))
                .map(|(i, o)| place(i, o))
                .collect();
            for (row, p) in places.iter().enumerate() {
                for (column, q) in places.iter().enumerate() {
                    covariance[(*p, *q)] = block[(row, column)];
                }
            }
        }
        start += layer.parameters();
    }
    covariance
}

/// Probabilities by the probit approximation: softmax, or a sigmoid an output, of
/// `f / sqrt(1 + pi/8 v)`.
pub fn probit(softmax: bool, mean: &[f64], covariance: &[f64], outputs: usize) -> Vec<f64> {
    let mut all = Vec::with_capacity(mean.len());
    for (f, c) in mean.chunks(outputs).zip(covariance.chunks(outputs * outputs)) {
        let z: Vec<f64> = (0..outputs)
            .map(|o| f[o] / (1.0 + std::f64::consts::PI / 8.0 * c[o * outputs + o]).sqrt())
            .collect();
        if softmax {
            let sum = |z0: f64| z.iter().map(|z| (z - z0).exp()).sum::<f64>();
            all.extend(z.iter().map(|z| 1.0 / sum(*z)));
        } else {
            all.extend(z.iter().map(|z| 1.0 / (1.0 + (-z).exp())));
        }
    }
    all
}
