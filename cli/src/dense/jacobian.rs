//! `J[n, o, p] = d f_o(x_n) / d theta_p`, by reverse mode and, as its own witness, by dual numbers.

use rayon::prelude::*;

use super::{Dual, Network};

/// The Jacobian of one sample, `O x P` row-major.
pub fn sample_jacobian(network: &Network, theta: &[f64], x: &[f64]) -> Vec<f64> {
    let (outputs, parameters) = (network.outputs(), network.parameters());
    let trace = network.trace(theta, x);
    let mut jacobian = vec![0.0; outputs * parameters];
    for (o, row) in jacobian.chunks_mut(parameters.max(1)).enumerate() {
        let mut seed = vec![0.0; outputs];
        seed[o] = 1.0;
        network.pull_back(theta, &trace, &seed, row);
    }
    jacobian
}

/// The Jacobian of all samples, `N x O x P` row-major; `x` holds the samples one after the other.
pub fn jacobian(network: &Network, theta: &[f64], x: &[f64]) -> Vec<f64> {
    x.par_chunks(network.inputs().max(1))
        .flat_map_iter(|x| sample_jacobian(network, theta, x))
        .collect()
}

/// The same by forward mode: one pass with dual numbers per parameter.
pub fn jacobian_by_duals(network: &Network, theta: &[f64], x: &[f64]) -> Vec<f64> {
    let (outputs, parameters) = (network.outputs(), network.parameters());
    let mut dual: Vec<Dual> = theta.iter().map(|t| Dual::from(*t)).collect();
    let samples = x.len() / network.inputs().max(1);
    let mut jacobian = vec![0.0; samples * outputs * parameters];
    for (n, x) in x.chunks(network.inputs().max(1)).enumerate() {
        for p in 0..parameters {
            dual[p].slope = 1.0;
            for (o, f) in network.forward(&dual, x).iter().enumerate() {
                jacobian[(n * outputs + o) * parameters + p] = f.slope;
            }
            dual[p].slope = 0.0;
        }
    }
    jacobian
}
