//! The engine's sums of Kronecker products, formed, and what its results must be.

use std::marker::PhantomData;

use nanocurv::random::Rng;

use super::formed::{kronecker, multiply, nearest, positive_part, transpose};
use crate::dense::{Check, Difference};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::kron::{FactorSizes, FitSettings, Nearest, Operator, Terms};

/// A sum plus `damping I`, row-major.
pub fn sum<T: Float>(terms: &Terms<T>, damping: f64) -> Vec<f64> {
    let (rows, cols) = terms.shape();
    let mut sum = vec![0.0; rows * cols];
    for (a, b) in &terms.pairs {
        let (left, right) = (wide(&a.to_matrix()), wide(&b.to_matrix()));
        let term = kronecker(&left, a.shape, &right, b.shape);
        sum.iter_mut().zip(term).for_each(|(s, t)| *s += t);
    }
    sum.iter_mut().step_by(cols + 1).for_each(|d| *d += damping);
    sum
}

/// An operator's matrix, row-major.
pub fn operator<T: Float>(operator: &Operator<T>) -> Vec<f64> {
    let g = sum(operator.terms(), operator.damping());
    let (rows, cols) = operator.terms().shape();
    if operator.is_transpose() { transpose(&g, rows, cols) } else { g }
}

/// The sum of the factors found as a dense matrix, and the residual, against the singular value
/// decomposition of the rearrangement of `g`. Where the last singular value that is kept is too
/// close to the first that is dropped, rounding chooses the sum, and only the residual is compared.
pub fn check_nearest<T: Float>(
    found: &Nearest<T>,
    g: &[f64],
    sizes: FactorSizes,
    positive: bool,
    tolerance: f64,
) -> Check {
    let (nl, nr) = (sizes.left, sizes.right);
    let p = nl * nr;
    let norm = g.iter().map(|v| v * v).sum::<f64>().sqrt();
    let rank = found.factors.len();
    let (mut terms, sigma) = nearest(g, (nl, nr), rank);
    if positive {
        for (a, b) in &mut terms {
            (*a, *b) = (positive_part(a, nl), positive_part(b, nr));
        }
    }
    let add = |sum: &mut Vec<f64>, a: &[f64], b: &[f64]| {
        let term = kronecker(a, (nl, nl), b, (nr, nr));
        sum.iter_mut().zip(term).for_each(|(s, t)| *s += t);
    };
    let (mut sum, mut needed) = (vec![0.0; p * p], vec![0.0; p * p]);
    for ((a, b), (x, y)) in found.factors.iter().zip(&terms) {
        add(&mut sum, &wide(a), &wide(b));
        add(&mut needed, x, y);
    }
    let rest = g.iter().zip(&needed).map(|(g, s)| (g - s) * (g - s)).sum::<f64>().sqrt();
    // A projection treats each term apart: every gap counts.
    let kept = if positive { 0..rank } else { rank - 1..rank };
    let at = |i: usize| sigma.get(i).copied().unwrap_or(0.0);
    let gap = kept.map(|i| at(i) - at(i + 1)).fold(f64::INFINITY, f64::min);
    let noise = 100.0 * p as f64 * T::EPSILON.to_f64() * at(0);
    let apart = gap * tolerance >= noise || rank == sigma.len() && !positive;
    // Either is small where the fit is good: the norm of G is the yardstick.
    let yardstick = |mut difference: Difference| {
        difference.add(norm, norm);
        difference.within(tolerance)
    };
    if positive && !apart {
        return yardstick(Difference::default());
    }
    let residual = yardstick(Difference::between(&[found.residual], &[rest]));
    if apart { residual.worse(yardstick(Difference::between(&sum, &needed))) } else { residual }
}

/// The loss of each step of a fit to `g` with everything formed: `mean (V^T (G^ - G) V)^2`.
pub struct FitWitness<T> {
    g: Vec<f64>,
    settings: FitSettings,
    rng: Rng,
    /// The losses so far.
    pub losses: Vec<f64>,
    precision: PhantomData<T>,
}

impl<T: Float> FitWitness<T> {
    /// Before the first step.
    pub fn new(g: Vec<f64>, settings: FitSettings) -> Self {
        let mut rng = Rng::seed(settings.seed);
        // What the start of the parameters draws.
        for _ in 0..settings.shape().parameters() {
            let _: T = rng.normal();
        }
        Self { g, settings, rng, losses: Vec::new(), precision: PhantomData }
    }

    /// The loss at the parameters before a step, on the same sketch.
    pub fn expect(&mut self, parameters: &[T]) {
        let FitSettings { sizes: FactorSizes { left: nl, right: nr }, sketches: k, .. } =
            self.settings;
        let p = nl * nr;
        let mut difference = self.g.iter().map(|g| -g).collect::<Vec<_>>();
        for term in wide(parameters).chunks(nl * nl + nr * nr) {
            // Columns one after the other: the transpose in row-major order.
            let gram = |t: &[f64], n: usize| multiply(&transpose(t, n, n), n, t, n);
            let (l, r) = term.split_at(nl * nl);
            let product = kronecker(&gram(l, nl), (nl, nl), &gram(r, nr), (nr, nr));
            difference.iter_mut().zip(product).for_each(|(d, t)| *d += t);
        }
        let vt: Vec<f64> = (0..p * k).map(|_| self.rng.normal::<T>().to_f64()).collect();
        let v = transpose(&vt, k, p);
        let sketch = multiply(&vt, p, &multiply(&difference, p, &v, k), k);
        self.losses.push(sketch.iter().map(|s| s * s).sum::<f64>() / (k * k) as f64);
    }
}
