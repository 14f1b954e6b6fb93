//! How well predictions meet their targets.

use nanocurv::MatMut;
use nanocurv::linalg::{dot, ldlt, ldlt_logdet, ldlt_solve};
use nanocurv::network::Loss;
use ndarray::{Array2, ArrayView2, Axis};

use super::posterior::Posterior;
use super::predict::Prediction;
use crate::desktop::array::Float;
use crate::desktop::error::{Result, bail, ensure};
use crate::desktop::targets::Targets;

/// What half of a Gaussian's 95 % interval is in standard deviations.
const HALF_WIDTH: f64 = 1.96;

/// How well predictions meet their targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Score {
    /// Of a regression.
    Regression {
        /// The mean of `(y - f)^2 / (sigma^2 + cov)`: 1 where the model is calibrated.
        novelty: f64,
        /// The share of targets within 1.96 standard deviations: 0.95 where it is.
        coverage: f64,
        /// `sum_n log N(y_n; f_n, cov_n + sigma^2 I)`
        log_likelihood: f64,
    },
    /// Of classes.
    Classes {
        /// The share of samples whose most probable class is the target's.
        accuracy: f64,
        /// `sum_n log p(y_n)`
        log_likelihood: f64,
    },
}

impl<T: Float> Posterior<T> {
    /// Scores predictions that it made.
    ///
    /// # Errors
    /// If targets and predictions do not fit together, or values are given as labels.
    pub fn score(&self, prediction: &Prediction<T>, targets: &Targets<T>) -> Result<Score> {
        let (found, needed) = (targets.len(), prediction.mean.nrows());
        ensure!(found == needed, "--targets: found {found}, needed {needed}, one for each sample");
        match (&prediction.std, &prediction.probabilities, targets) {
            (Some(std), _, Targets::Values(y)) => Ok(self.regression(prediction, std, y)),
            (_, Some(p), Targets::Labels(labels)) => {
                // The probability of a label is a sum over one term.
                let mut y = Array2::from_elem(p.dim(), T::ZERO);
                labels.iter().enumerate().for_each(|(n, c)| y[(n, *c as usize)] = T::ONE);
                Ok(self.classes(p, &y))
            }
            (_, Some(p), Targets::Values(y)) => Ok(self.classes(p, y)),
            (_, None, Targets::Labels(_)) => {
                bail!("--targets: found labels, needed the values of a regression")
            }
            (_, _, Targets::Weighted { .. }) => {
                bail!("--weights: a prediction is scored without weights")
            }
            (None, None, Targets::Values(_)) => bail!("--targets: nothing was predicted"),
        }
    }

    fn regression(&self, prediction: &Prediction<T>, std: &Array2<T>, y: &Array2<T>) -> Score {
        let (mut novelty, mut within) = (0.0, 0_usize);
        for ((y, f), s) in y.iter().zip(&prediction.mean).zip(std) {
            let e = (y.to_f64() - f.to_f64()) / s.to_f64();
            novelty += e * e;
            within += usize::from(e.abs() <= HALF_WIDTH);
        }
        let terms = y.len() as f64;
        let samples = y.rows().into_iter().zip(prediction.mean.rows());
        let log_likelihood = samples
            .zip(prediction.covariance.axis_iter(Axis(0)))
            .map(|((y, f), covariance)| {
                let error = y.iter().zip(f).map(|(y, f)| y.to_f64() - f.to_f64()).collect();
                log_density(error, covariance, self.noise)
            })
            .sum();
        let coverage = within as f64 / terms;
        Score::Regression { novelty: novelty / terms, coverage, log_likelihood }
    }

    fn classes(&self, probabilities: &Array2<T>, y: &Array2<T>) -> Score {
        let (mut right, mut log_likelihood) = (0_usize, 0.0);
        let times_log = |y: f64, p: f64| if y == 0.0 { 0.0 } else { y * p.ln() };
        for (p, y) in probabilities.rows().into_iter().zip(y.rows()) {
            let pairs: Vec<_> = p.iter().zip(y).map(|(p, y)| (p.to_f64(), y.to_f64())).collect();
            if self.loss == Loss::Bce {
                right += usize::from(pairs.iter().all(|(p, y)| (*p > 0.5) == (*y > 0.5)));
                let terms =
                    pairs.iter().map(|(p, y)| times_log(*y, *p) + times_log(1.0 - y, 1.0 - p));
                log_likelihood += terms.sum::<f64>();
            } else {
                let largest = |of: fn(&(f64, f64)) -> f64| {
                    let best = pairs.iter().map(of).enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
                    best.map(|(class, _)| class)
                };
                right += usize::from(largest(|pair| pair.0) == largest(|pair| pair.1));
                log_likelihood += pairs.iter().map(|(p, y)| times_log(*y, *p)).sum::<f64>();
            }
        }
        let accuracy = right as f64 / probabilities.nrows() as f64;
        Score::Classes { accuracy, log_likelihood }
    }
}

/// `log N(e; 0, C + sigma^2 I)`, by `L D L^T`. A covariance that is not positive has no density:
/// minus infinity.
fn log_density<T: Float>(mut e: Vec<f64>, covariance: ArrayView2<'_, T>, noise: f64) -> f64 {
    let n = e.len();
    let mut c: Vec<f64> = covariance.iter().map(|v| v.to_f64()).collect();
    c.iter_mut().step_by(n + 1).for_each(|v| *v += noise * noise);
    let error = e.clone();
    let mut density = || -> Result<f64, nanocurv::error::LinalgError> {
        ldlt(MatMut::new("covariance", &mut c, n, n)?)?;
        let l = MatMut::new("covariance", &mut c, n, n)?.into_ref();
        ldlt_solve(l, MatMut::column_vector(&mut e))?;
        Ok(-0.5 * (dot(&error, &e) + ldlt_logdet(l) + n as f64 * std::f64::consts::TAU.ln()))
    };
    density().unwrap_or(f64::NEG_INFINITY)
}
