//! The losses with PyTorch's meaning, written once over [`Number`].
//!
//! - mse: `sum (f - y)^2`, mean divides by `N O`
//! - cross-entropy: `-sum_o y_o log softmax(f)_o` (a label is a one-hot `y`), mean divides by `N`
//! - bce: `sum softplus(f) - y f` (with logits), mean divides by `N O`

use super::Number;

/// Which loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Squared error.
    Mse,
    /// Cross-entropy of the softmax.
    CrossEntropy,
    /// Binary cross-entropy of each output's sigmoid.
    Bce,
}

/// How the terms are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Divided by their number (for cross-entropy by the number of samples).
    Mean,
    /// Undivided.
    Sum,
}

/// The targets of all samples.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// `N x O` numbers, row-major.
    Values(Vec<f64>),
    /// `N` class labels.
    Labels(Vec<usize>),
    /// Either of these with weights.
    Weighted(Box<Weighted>),
}

/// Targets with weights, by their definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    /// The targets.
    pub targets: Targets,
    /// A factor for each class, of all outputs.
    pub classes: Vec<f64>,
    /// The share of a label that goes to all classes.
    pub smoothing: f64,
    /// A factor for each sample's loss; 0 where the label is ignored.
    pub samples: Vec<f64>,
}

/// The target of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a> {
    /// One number per output.
    Values(&'a [f64]),
    /// The class.
    Label(usize),
    /// What sample `n` has there.
    Weighted(&'a Weighted, usize),
}

impl Targets {
    /// The target of sample `n` in a network with `outputs` outputs.
    pub fn sample(&self, n: usize, outputs: usize) -> Target<'_> {
        match self {
            Self::Values(y) => Target::Values(&y[n * outputs..(n + 1) * outputs]),
            Self::Labels(y) => Target::Label(y[n]),
            Self::Weighted(weighted) => Target::Weighted(weighted, n),
        }
    }
}

impl Target<'_> {
    /// The target of output `o`.
    fn at(&self, o: usize) -> f64 {
        match self {
            Target::Values(y) => y[o],
            Target::Label(class) => f64::from(u8::from(o == *class)),
            Target::Weighted(w, n) => w.targets.sample(*n, w.classes.len()).at(o),
        }
    }
}

impl Loss {
    /// The factor of each term.
    pub fn scale(self, reduction: Reduction, samples: usize, outputs: usize) -> f64 {
        match (reduction, self) {
            (Reduction::Sum, _) => 1.0,
            (Reduction::Mean, Self::CrossEntropy) => 1.0 / samples as f64,
            (Reduction::Mean, _) => 1.0 / (samples * outputs) as f64,
        }
    }

    /// The loss of one sample, unscaled.
    pub fn value<N: Number>(self, f: &[N], y: Target<'_>) -> N {
        if let Target::Weighted(w, n) = y {
            let own = w.targets.sample(n, f.len());
            let mut total = N::from(0.0);
            if self == Self::CrossEntropy {
                let norm = log_sum_exp(f);
                for (o, f) in f.iter().enumerate() {
                    let share =
                        (1.0 - w.smoothing) * own.at(o) + w.smoothing / w.classes.len() as f64;
                    total += N::from(w.classes[o] * share) * (norm - *f);
                }
            } else {
                total = self.value(f, own);
            }
            return N::from(w.samples[n]) * total;
        }
        let mut total = N::from(0.0);
        let terms = f.iter().enumerate().map(|(o, f)| (*f, N::from(y.at(o))));
        match self {
            Self::Mse => terms.for_each(|(f, y)| total += (f - y) * (f - y)),
            Self::CrossEntropy => {
                let norm = log_sum_exp(f);
                terms.for_each(|(f, y)| total += y * (norm - f));
            }
            Self::Bce => terms.for_each(|(f, y)| total += f.softplus() - y * f),
        }
        total
    }

    /// The gradient of one sample's unscaled loss with respect to the outputs.
    pub fn gradient<N: Number>(self, f: &[N], y: Target<'_>) -> Vec<N> {
        if let Target::Weighted(w, n) = y {
            let (own, factor) = (w.targets.sample(n, f.len()), N::from(w.samples[n]));
            if self != Self::CrossEntropy {
                return self.gradient(f, own).into_iter().map(|g| factor * g).collect();
            }
            // Class by class: that of a label, so often as the class has a share in the target.
            let mut total = vec![N::from(0.0); f.len()];
            for (c, class) in w.classes.iter().enumerate() {
                let share = (1.0 - w.smoothing) * own.at(c) + w.smoothing / f.len() as f64;
                let label = self.gradient(f, Target::Label(c));
                for (total, g) in total.iter_mut().zip(label) {
                    *total += factor * N::from(class * share) * g;
                }
            }
            return total;
        }
        let terms = f.iter().enumerate().map(|(o, f)| (*f, N::from(y.at(o))));
        match self {
            Self::Mse => terms.map(|(f, y)| N::from(2.0) * (f - y)).collect(),
            Self::CrossEntropy => {
                let norm = log_sum_exp(f);
                let mass = N::from((0..f.len()).map(|o| y.at(o)).sum());
                terms.map(|(f, y)| mass * (f - norm).exp() - y).collect()
            }
            Self::Bce => terms.map(|(f, y)| f.sigmoid() - y).collect(),
        }
    }
}

/// `ln sum_o e^{f_o}`, from the largest output so that nothing overflows.
fn log_sum_exp<N: Number>(f: &[N]) -> N {
    let top = N::from(f.iter().map(|f| f.value()).fold(f64::NEG_INFINITY, f64::max));
    let mut sum = N::from(0.0);
    f.iter().for_each(|f| sum += (*f - top).exp());
    sum.ln() + top
}
