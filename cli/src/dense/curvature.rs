//! Gradient, Hessian, Gauss-Newton matrix and empirical Fisher of the loss, all formed.
//!
//! With the loss `l = c sum_n l_n(f(x_n))`, `c` from [`Loss::scale`]:
//! - gradient `= c sum_n J_n^T grad l_n`
//! - hessian column `p` = the derivative of the gradient along `theta_p`, by dual numbers
//! - ggn `= c sum_n J_n^T (hess l_n) J_n`, the loss Hessian by dual numbers
//! - empirical Fisher `= c sum_n g_n g_n^T` with `g_n = J_n^T grad l_n`, as curvlinops scales it:
//!   the GGN with the loss Hessian replaced by the outer product of the loss gradient

use rayon::prelude::*;

use super::{Dual, Loss, Network, Number, Reduction, Targets, sample_jacobian};

impl Loss {
    /// The loss of all samples.
    pub fn total<N: Number>(
        self,
        reduction: Reduction,
        network: &Network,
        theta: &[N],
        x: &[f64],
        y: &Targets,
    ) -> N {
        let (inputs, outputs) = (network.inputs(), network.outputs());
        let scale = self.scale(reduction, x.len() / inputs, outputs);
        let mut total = N::from(0.0);
        for (n, x) in x.chunks(inputs).enumerate() {
            total += self.value(&network.forward(theta, x), y.sample(n, outputs));
        }
        N::from(scale) * total
    }
}

/// The gradient with respect to the parameters.
pub fn gradient<N: Number>(
    network: &Network,
    theta: &[N],
    x: &[f64],
    y: &Targets,
    loss: Loss,
    reduction: Reduction,
) -> Vec<N> {
    let (inputs, outputs) = (network.inputs(), network.outputs());
    let scale = N::from(loss.scale(reduction, x.len() / inputs, outputs));
    let mut gradient = vec![N::from(0.0); theta.len()];
    for (n, x) in x.chunks(inputs).enumerate() {
        let trace = network.trace(theta, x);
        let mut seed = loss.gradient(&trace.outputs, y.sample(n, outputs));
        seed.iter_mut().for_each(|s| *s = scale * *s);
        network.pull_back(theta, &trace, &seed, &mut gradient);
    }
    gradient
}

/// The Hessian, `P x P`.
pub fn hessian(
    network: &Network,
    theta: &[f64],
    x: &[f64],
    y: &Targets,
    loss: Loss,
    reduction: Reduction,
) -> Vec<f64> {
    (0..theta.len())
        .into_par_iter()
        .flat_map_iter(|p| {
            let mut dual: Vec<Dual> = theta.iter().map(|t| Dual::from(*t)).collect();
            dual[p].slope = 1.0;
            gradient(network, &dual, x, y, loss, reduction).into_iter().map(|g| g.slope)
        })
        .collect()
}

/// The generalised Gauss-Newton matrix, `P x P`.
pub fn ggn(
    network: &Network,
    theta: &[f64],
    x: &[f64],
    y: &Targets,
    loss: Loss,
    reduction: Reduction,
) -> Vec<f64> {
    let (inputs, outputs, parameters) = (network.inputs(), network.outputs(), network.parameters());
    let scale = loss.scale(reduction, x.len() / inputs, outputs);
    // Rows of J_n and of (hess l_n) J_n, samples one below the other.
    let pairs: Vec<_> = x
        .par_chunks(inputs)
        .enumerate()
        .map(|(n, x)| {
            let jacobian = sample_jacobian(network, theta, x);
            let f: Vec<Dual> = network.forward(theta, x).into_iter().map(Dual::from).collect();
            let mut curved = vec![0.0; jacobian.len()];
            for o in 0..outputs {
                let mut f = f.clone();
                f[o].slope = scale;
                let column = loss.gradient(&f, y.sample(n, outputs));
                for (row, h) in curved.chunks_mut(parameters).zip(column) {
                    let jacobian = &jacobian[o * parameters..(o + 1) * parameters];
                    row.iter_mut().zip(jacobian).for_each(|(c, j)| *c += h.slope * j);
                }
            }
            (jacobian, curved)
        })
        .collect();
    sum_of_products(parameters, pairs.iter().map(|(j, c)| (j.as_slice(), c.as_slice())))
}

/// The empirical Fisher, `P x P`.
pub fn empirical_fisher(
    network: &Network,
    theta: &[f64],
    x: &[f64],
    y: &Targets,
    loss: Loss,
    reduction: Reduction,
) -> Vec<f64> {
    let (inputs, outputs, parameters) = (network.inputs(), network.outputs(), network.parameters());
    let scale = loss.scale(reduction, x.len() / inputs, outputs);
    let gradients: Vec<Vec<f64>> = x
        .chunks(inputs)
        .enumerate()
        .map(|(n, x)| {
            let trace = network.trace(theta, x);
            let mut gradient = vec![0.0; parameters];
            let seed = loss.gradient(&trace.outputs, y.sample(n, outputs));
            network.pull_back(theta, &trace, &seed, &mut gradient);
            gradient
        })
        .collect();
    let mut fisher =
        sum_of_products(parameters, gradients.iter().map(|g| (g.as_slice(), g.as_slice())));
    fisher.iter_mut().for_each(|v| *v *= scale);
    fisher
}

/// `sum A^T B` over pairs of matrices with `columns` columns.
fn sum_of_products<'a>(
    columns: usize,
    pairs: impl Iterator<Item = (&'a [f64], &'a [f64])> + Clone + Sync,
) -> Vec<f64> {
    let mut sum = vec![0.0; columns * columns];
    sum.par_chunks_mut(columns.max(1)).enumerate().for_each(|(p, row)| {
        for (a, b) in pairs.clone() {
            for (a, b) in a.chunks(columns).zip(b.chunks(columns)) {
                row.iter_mut().zip(b).for_each(|(s, b)| *s += a[p] * b);
            }
        }
    });
    sum
}
