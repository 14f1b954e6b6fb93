//! K-FAC's factors and blocks, formed.
//!
//! - `A_l = 1/N sum_n a a^T`, `a = (s_l x_{l-1}, t_l)`
//! - `G_l = c sum_n D_n^T M_n D_n`, `D_n = df/dz_l` by one backward pass an output, `M_n` the loss
//!   Hessian (type-2), the outer product of the loss gradient (empirical) or of draws (Monte
//!   Carlo); the identity (forward-only)
//! - a block of `in x out` matrices V is the matrix `C (A_d (x) G_d)` on `vec_r(V)`, products,
//!   solutions, powers and roots of it by nalgebra
//! - the temporal blocks are the sums over lags that define them

use nalgebra::{DMatrix, DVector};

use super::{Dual, Loss, Network, Reduction, Targets};
pub use crate::desktop::kfac::Product;

/// Which matrix stands between the output Jacobians.
#[derive(Clone, Debug)]
pub enum Fisher {
    /// The loss Hessian.
    TypeTwo,
    /// Outer products of these draws, `draws x N x O`, averaged.
    Drawn(Vec<f64>),
    /// The outer product of the loss gradient.
    Empirical,
    /// None: G is the identity.
    ForwardOnly,
}

/// `(A, G)` of every layer, row-major (they are symmetric).
pub fn kfac_factors(
    network: &Network,
    theta: &[f64],
    x: &[f64],
    y: &Targets,
    (loss, reduction): (Loss, Reduction),
    fisher: &Fisher,
) -> Vec<(Vec<f64>, Vec<f64>)> {
    let (inputs, outputs) = (network.inputs(), network.outputs());
    let samples = x.len() / inputs;
    let scale = loss.scale(reduction, samples, outputs);
    let mut factors: Vec<_> = network
        .layers
        .iter()
        .map(|l| {
            let n = l.inputs + usize::from(l.bias);
            (DMatrix::zeros(n, n), DMatrix::zeros(l.outputs, l.outputs))
        })
        .collect();
    for (n, x) in x.chunks(inputs).enumerate() {
        let trace = network.trace(theta, x);
        let slopes = network.output_slopes(theta, &trace);
        let middle = middle(loss, &trace.outputs, y, n, samples, fisher);
        for (l, layer) in network.layers.iter().enumerate() {
            let mut a: Vec<f64> = trace.inputs[l].iter().map(|x| layer.weight_scale * x).collect();
            if layer.bias {
                a.push(layer.bias_scale);
            }
            let a = DVector::from_vec(a);
            factors[l].0 += &a * a.transpose() / samples as f64;
            let d = DMatrix::from_row_slice(outputs, layer.outputs, &slopes[l]);
            factors[l].1 += match fisher {
                Fisher::ForwardOnly => {
                    DMatrix::identity(layer.outputs, layer.outputs) / samples as f64
                }
                _ => d.transpose() * &middle * &d * scale,
            };
        }
    }
    factors.into_iter().map(|(a, g)| (a.as_slice().to_vec(), g.as_slice().to_vec())).collect()
}

/// `M_n`
pub(super) fn middle(
    loss: Loss,
    f: &[f64],
    y: &Targets,
    n: usize,
    samples: usize,
    fisher: &Fisher,
) -> DMatrix<f64> {
    let outputs = f.len();
    match fisher {
        Fisher::TypeTwo | Fisher::ForwardOnly => {
            let mut hessian = DMatrix::zeros(outputs, outputs);
            for o in 0..outputs {
                let mut f: Vec<Dual> = f.iter().map(|f| Dual::from(*f)).collect();
                f[o].slope = 1.0;
                let column = loss.gradient(&f, y.sample(n, outputs));
                for (i, h) in column.iter().enumerate() {
                    hessian[(i, o)] = h.slope;
                }
            }
            hessian
        }
        Fisher::Empirical => {
            let g = DVector::from_vec(loss.gradient(f, y.sample(n, outputs)));
            &g * g.transpose()
        }
        Fisher::Drawn(draws) => {
            let mut sum = DMatrix::zeros(outputs, outputs);
            let all = draws.chunks(samples * outputs);
            let count = all.len() as f64;
            for draws in all {
                let g = DVector::from_column_slice(&draws[n * outputs..(n + 1) * outputs]);
                sum += &g * g.transpose() / count;
            }
            sum
        }
    }
}

/// A block, formed: on `vec_r(V)`, V `in x out`.
#[derive(Clone, Debug)]
pub struct Block {
    matrix: DMatrix<f64>,
}

/// `(input, output)` damping of the split by pi, or with pi = 1.
pub fn split(a: &DMatrix<f64>, g: &DMatrix<f64>, lambda: f64, pi: bool) -> (f64, f64) {
    let mean = |m: &DMatrix<f64>| m.trace() / m.nrows() as f64;
    let (a, g) = (mean(a), mean(g));
    let pi = if pi && a != 0.0 && g != 0.0 { (a / g).sqrt() } else { 1.0 };
    (lambda.sqrt() * pi, lambda.sqrt() / pi)
}

fn damped(m: &DMatrix<f64>, damping: f64) -> DMatrix<f64> {
    m + DMatrix::identity(m.nrows(), m.nrows()) * damping
}

impl Block {
    /// Any symmetric matrix, `P x P`.
    pub fn full(matrix: &[f64], lambda: f64) -> Self {
        let n = matrix.len().isqrt();
        Self { matrix: damped(&DMatrix::from_row_slice(n, n, matrix), lambda) }
    }

    /// `diag(d) + lambda I`
    pub fn diagonal(d: &[f64], lambda: f64) -> Self {
        Self { matrix: damped(&DMatrix::from_diagonal(&DVector::from_column_slice(d)), lambda) }
    }

    /// `C (A + a I) (x) (G + g I)`
    pub fn factored(a: &[f64], g: &[f64], renorm: f64, lambda: f64, pi: bool) -> Self {
        let (a, g) = (square(a), square(g));
        let (input, output) = split(&a, &g, lambda / renorm, pi);
        Self { matrix: damped(&a, input).kronecker(&damped(&g, output)) * renorm }
    }

    /// `C A (x) G + lambda I`
    pub fn exact(a: &[f64], g: &[f64], renorm: f64, lambda: f64) -> Self {
        Self { matrix: damped(&(square(a).kronecker(&square(g)) * renorm), lambda) }
    }

    /// The temporal block of option 1 at T = `steps`:
    /// `sum_{|d|<T} (T - |d|) Psi^|d| V0`, damping split by pi of `lambda / T`.
    pub fn series_one(a: [&[f64]; 2], g: [&[f64]; 2], steps: usize, lambda: f64) -> Self {
        let symmetric = |m: &[f64]| (square(m) + square(m).transpose()) * 0.5;
        let (v0, psi) = series(a, g, lambda / steps as f64, symmetric);
        let mut sum = DMatrix::identity(v0.nrows(), v0.nrows()) * steps as f64;
        let mut power = DMatrix::identity(v0.nrows(), v0.nrows());
        for lag in 1..steps {
            power = &psi * power;
            sum += &power * (2.0 * (steps - lag) as f64);
        }
        Self { matrix: sum * v0 }
    }

    /// The temporal block of option 2: `T (V0 + sum_d Psi^d V0 + (Psi^d V0)^T)`, d to infinity.
    pub fn series_two(a: [&[f64]; 2], g: [&[f64]; 2], steps: usize, lambda: f64) -> Self {
        let (v0, psi) = series(a, g, lambda / steps as f64, |m| square(m).transpose());
        // Doubling: S_2k = S_k + Psi^k S_k, S_1 = I.
        let identity = DMatrix::<f64>::identity(v0.nrows(), v0.nrows());
        let (mut sum, mut power) = (identity.clone(), psi);
        for _ in 0..64 {
            sum = &sum + &power * &sum;
            power = &power * &power;
            if power.amax() < 1e-18 {
                break;
            }
        }
        let tail = (sum - identity) * &v0;
        Self { matrix: (v0 + &tail + tail.transpose()) * steps as f64 }
    }

    /// The block or a function of it on the columns of `v`, `P x K` row-major.
    pub fn product(&self, product: Product, v: &[f64]) -> Option<Vec<f64>> {
        let n = self.matrix.nrows();
        let v = DMatrix::from_row_slice(n, v.len() / n, v);
        let result = match product {
            Product::Apply => &self.matrix * v,
            Product::Solve => self.matrix.clone().lu().solve(&v)?,
            Product::Power(p) => {
                let e = self.matrix.clone().symmetric_eigen();
                let powers = DMatrix::from_diagonal(&e.eigenvalues.map(|v| v.powf(p)));
                &e.eigenvectors * powers * e.eigenvectors.transpose() * v
            }
            Product::Cholesky { inverse, transpose } => {
                let l = self.matrix.clone().cholesky()?.unpack();
                match (inverse, transpose) {
                    (false, false) => l * v,
                    (false, true) => l.transpose() * v,
                    (true, false) => l.lu().solve(&v)?,
                    (true, true) => l.transpose().lu().solve(&v)?,
                }
            }
        };
        Some(result.transpose().as_slice().to_vec())
    }
}

/// Square from row-major values.
fn square(m: &[f64]) -> DMatrix<f64> {
    let n = m.len().isqrt();
    DMatrix::from_row_slice(n, n, m)
}

/// `V0 = A0 (x) G0` damped, and `Psi` from the lag-one matrices as `lag` reads them.
fn series(
    [a0, a1]: [&[f64]; 2],
    [g0, g1]: [&[f64]; 2],
    lambda: f64,
    lag: impl Fn(&[f64]) -> DMatrix<f64>,
) -> (DMatrix<f64>, DMatrix<f64>) {
    let (a0, g0) = (square(a0), square(g0));
    let (input, output) = split(&a0, &g0, lambda, true);
    let (a0, g0) = (damped(&a0, input), damped(&g0, output));
    // C1 C0^-1 = (C0^-1 C1^T)^T
    let transition = |c0: &DMatrix<f64>, c1: DMatrix<f64>| {
        c0.clone().lu().solve(&c1.transpose()).unwrap_or_default().transpose()
    };
    (a0.kronecker(&g0), transition(&a0, lag(a1)).kronecker(&transition(&g0, lag(g1))))
}
