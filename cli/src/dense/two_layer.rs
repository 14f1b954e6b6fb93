//! Gradient descent on two linear layers, weight by weight.

/// `w2 W1 x` after every step.
#[derive(Clone, Debug)]
pub struct TwoLayer {
    /// `h` rows of `d`.
    pub first: Vec<Vec<f64>>,
    /// `h`
    pub second: Vec<f64>,
}

impl TwoLayer {
    /// The network of `theta` in PyTorch's order.
    pub fn new(theta: &[f64], inputs: usize, hidden: usize) -> Self {
        let (first, second) = theta.split_at(inputs * hidden);
        let first = first.chunks(inputs).map(<[f64]>::to_vec).collect();
        Self { first, second: second.to_vec() }
    }

    /// The total weight, `sum_k w2_k W1_k`.
    pub fn total(&self) -> Vec<f64> {
        let inputs = self.first.first().map_or(0, Vec::len);
        (0..inputs)
            .map(|j| self.first.iter().zip(&self.second).map(|(w, b)| w[j] * b).sum())
            .collect()
    }

    /// One step on the sum of squares: the derivative by each weight, from the old ones.
    pub fn step(&mut self, x: &[f64], y: &[f64], rates: (f64, f64)) {
        let inputs = self.first.first().map_or(0, Vec::len);
        let old = self.clone();
        for (sample, y) in x.chunks(inputs).zip(y) {
            let hidden: Vec<f64> = old.first.iter().map(|w| dot(w, sample)).collect();
            let error = y - dot(&old.second, &hidden);
            for (k, row) in self.first.iter_mut().enumerate() {
                for (w, x) in row.iter_mut().zip(sample) {
                    *w += rates.0 * 2.0 * error * old.second[k] * x;
                }
                self.second[k] += rates.1 * 2.0 * error * hidden[k];
            }
        }
    }

    /// The sum of squares.
    pub fn loss(&self, x: &[f64], y: &[f64]) -> f64 {
        let total = self.total();
        x.chunks(total.len().max(1)).zip(y).map(|(x, y)| (y - dot(&total, x)).powi(2)).sum()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
