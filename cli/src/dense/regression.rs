//! Regression with the tangent kernel by the other route: in the parameters, formed.
//!
//! ```text
//! S = (J^T J + sigma^2 delta I)^-1,   mean = f + J* S J^T (y - f),   cov = sigma^2 J* S J*^T
//! ```

use nalgebra::{DMatrix, DVector};

use super::{Network, Targets, jacobian};
use crate::desktop::regress::RegressSettings;
use crate::desktop::{self, Data, Float};

/// Means and covariances of the outputs of samples `x`, one after the other.
pub fn predict<T: Float>(
    net: &desktop::Network<T>,
    data: &Data<T>,
    x: &[f64],
    settings: &RegressSettings,
) -> (Vec<f64>, Vec<f64>) {
    let (network, theta) = (Network::of(net), net.theta_f64());
    let (inputs, outputs, params) = (network.inputs(), network.outputs(), theta.len());
    let train: Vec<f64> = data.x.iter().map(|x| x.to_f64()).collect();
    let Targets::Values(y) = Targets::of(data) else { return (vec![], vec![]) };
    let rows = data.len() * outputs;
    let j = DMatrix::from_row_slice(rows, params, &jacobian(&network, &theta, &train));
    let f: Vec<f64> = train.chunks(inputs).flat_map(|x| network.forward(&theta, x)).collect();
    let residual = DVector::from_iterator(rows, y.iter().zip(&f).map(|(y, f)| y - f));
    let variance = settings.noise * settings.noise;
    let system =
        j.tr_mul(&j) + DMatrix::identity(params, params) * (variance * settings.prior_precision);
    let Some(cholesky) = system.cholesky() else { return (vec![], vec![]) };
    let u = cholesky.solve(&j.tr_mul(&residual));
    let (mut means, mut covariances) = (Vec::new(), Vec::new());
    for x in x.chunks(inputs) {
        let j = DMatrix::from_row_slice(outputs, params, &jacobian(&network, &theta, x));
        let step = &j * &u;
        means.extend(network.forward(&theta, x).iter().zip(&step).map(|(f, s)| f + s));
        let covariance = &j * cholesky.solve(&j.transpose()) * variance;
        covariances.extend(covariance.iter());
    }
    (means, covariances)
}
