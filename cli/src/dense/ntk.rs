//! `Theta[(n,a),(m,b)] = sum_p J[n,a,p] J'[m,b,p]` and its reductions over the outputs.

use std::ops::Range;

use rayon::prelude::*;

use super::{Network, jacobian, sample_jacobian};
use crate::desktop::kernel::Reduce;

/// Theta between the samples `x1` and `x2` over the parameters in `range` (a tensor's range gives
/// its component), row-major.
pub fn ntk(
    network: &Network,
    theta: &[f64],
    x1: &[f64],
    x2: &[f64],
    reduce: Reduce,
    range: Range<usize>,
) -> Vec<f64> {
    let (outputs, parameters) = (network.outputs(), network.parameters());
    let other = jacobian(network, theta, x2);
    let size = outputs * parameters;
    x1.par_chunks(network.inputs().max(1))
        .flat_map_iter(|x| {
            let own = sample_jacobian(network, theta, x);
            let entry = |j2: &[f64], a: usize, b: usize| -> f64 {
                let row = &own[a * parameters..][range.clone()];
                let col = &j2[b * parameters..][range.clone()];
                dot(row, col)
            };
            let count = outputs as f64;
            let mut block = Vec::new();
            if reduce == Reduce::Full {
                for a in 0..outputs {
                    for j2 in other.chunks(size) {
                        block.extend((0..outputs).map(|b| entry(j2, a, b)));
                    }
                }
                return block;
            }
            for j2 in other.chunks(size) {
                let diagonal = (0..outputs).map(|a| entry(j2, a, a));
                match reduce {
                    Reduce::Full => {}
                    Reduce::Trace => block.push(diagonal.sum()),
                    Reduce::Mean => block.push(diagonal.sum::<f64>() / count),
                    Reduce::Diagonal => block.extend(diagonal),
                    Reduce::Output(k) => block.push(entry(j2, k, k)),
                    Reduce::Pseudo => {
                        let all = (0..outputs).flat_map(|a| (0..outputs).map(move |b| (a, b)));
                        block.push(all.map(|(a, b)| entry(j2, a, b)).sum::<f64>() / count);
                    }
                }
            }
            block
        })
        .collect()
}

/// The scalar product in eight interleaved sums, which the compiler can run side by side.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a8.iter().zip(b8) {
        for k in 0..8 {
            sums[k] += a[k] * b[k];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// `sum_{n,a} J[n,a,p] J[n,a,q]`, the Gram matrix of the parameters: `P x P`.
pub fn ntk_params(network: &Network, theta: &[f64], x: &[f64]) -> Vec<f64> {
    let parameters = network.parameters();
    let jacobian = jacobian(network, theta, x);
    let mut gram = vec![0.0; parameters * parameters];
    gram.par_chunks_mut(parameters.max(1)).enumerate().for_each(|(p, row)| {
        for j in jacobian.chunks(parameters) {
            row.iter_mut().zip(j).for_each(|(g, q)| *g += j[p] * q);
        }
    });
    gram
}
