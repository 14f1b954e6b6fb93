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

    /// One step on the sum of squares: against the derivative by each weight, from the old ones.
    pub fn step(&mut self, x: &[f64], y: &[f64], rates: (f64, f64)) {
        let gradient = self.gradient(x, y);
        for (row, slopes) in self.first.iter_mut().zip(&gradient.first) {
            row.iter_mut().zip(slopes).for_each(|(w, slope)| *w -= rates.0 * slope);
        }
        self.second.iter_mut().zip(&gradient.second).for_each(|(w, slope)| *w -= rates.1 * slope);
    }

    /// The derivative of the sum of squares by each weight.
    pub fn gradient(&self, x: &[f64], y: &[f64]) -> Self {
        let inputs = self.first.first().map_or(0, Vec::len);
        let zeros = vec![0.0; self.second.len()];
        let mut gradient = Self { first: vec![vec![0.0; inputs]; zeros.len()], second: zeros };
        for (sample, y) in x.chunks(inputs).zip(y) {
            let hidden = self.hidden(sample);
            let error = y - dot(&self.second, &hidden);
            for (k, row) in gradient.first.iter_mut().enumerate() {
                for (slope, x) in row.iter_mut().zip(sample) {
                    *slope -= 2.0 * error * self.second[k] * x;
                }
                gradient.second[k] -= 2.0 * error * hidden[k];
            }
        }
        gradient
    }

    /// `W1 x`
    pub fn hidden(&self, sample: &[f64]) -> Vec<f64> {
        self.first.iter().map(|w| dot(w, sample)).collect()
    }

    /// The Frobenius norms of the first layer over the inputs `from..to` and of the second layer.
    pub fn norms(&self, inputs: std::ops::Range<usize>) -> [f64; 2] {
        let first = self.first.iter().map(|w| dot(&w[inputs.clone()], &w[inputs.clone()]));
        [first.sum::<f64>().sqrt(), dot(&self.second, &self.second).sqrt()]
    }

    /// The weights in PyTorch's order.
    pub fn theta(&self) -> Vec<f64> {
        self.first.iter().flatten().chain(&self.second).copied().collect()
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
