//! Predictions: outputs with their covariance, observations, classes.

use nanocurv::laplace;
use nanocurv::network::Loss;
use nanocurv::random::Rng;
use nanocurv::{Mat, MatMut};
use ndarray::{Array2, Array3, ArrayView2};
use rayon::prelude::*;

use super::posterior::Posterior;
use crate::desktop::array::{Float, columns, matrix, zeros};
use crate::desktop::data::inputs;
use crate::desktop::error::{Context, Result, ensure};
use crate::desktop::features::features;
use crate::desktop::network::Network;

/// Samples that one thread takes at a time.
const CHUNK: usize = 32;

/// What a posterior says of samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction<T> {
    /// The outputs at the trained parameters, `M x O`.
    pub mean: Array2<T>,
    /// The covariance of the outputs, `M x O x O`.
    pub covariance: Array3<T>,
    /// Regression: the standard deviation of an observation of each output, `M x O`.
    pub std: Option<Array2<T>>,
    /// Classes: their probabilities, `M x O`.
    pub probabilities: Option<Array2<T>>,
}

impl<T: Float> Posterior<T> {
    /// Predicts samples `x`, `M x d`. Probabilities of classes by the probit approximation or,
    /// with `draws` and a seed, as the mean over so many draws of the outputs.
    ///
    /// # Errors
    /// If the posterior is of another network or damaged, or the samples do not fit.
    pub fn predict(
        &self,
        net: &Network<T>,
        x: ArrayView2<'_, T>,
        draws: Option<(u32, u64)>,
    ) -> Result<Prediction<T>> {
        self.check(net)?;
        ensure!(x.nrows() > 0, "--data: found no samples, needed one at least");
        if self.last_layer && net.layers().len() > 1 {
            let features = features(net, net.layers().len() - 1, x)?;
            return self.predict_layers(&self.of_layers(net), features.view(), draws);
        }
        self.predict_layers(net, x, draws)
    }

    fn predict_layers(
        &self,
        net: &Network<T>,
        x: ArrayView2<'_, T>,
        draws: Option<(u32, u64)>,
    ) -> Result<Prediction<T>> {
        let (mlp, core, x) = (net.mlp()?, self.core(net)?, inputs(net, x)?);
        let (count, o) = (x.cols(), net.outputs());
        let mut mean = zeros::<T>(&[count, o])?;
        let mut covariance = zeros::<T>(&[count, o, o])?;
        let chunks = mean.par_chunks_mut(CHUNK * o).zip(covariance.par_chunks_mut(CHUNK * o * o));
        chunks.enumerate().try_for_each(|(chunk, (mean, covariance))| -> Result<()> {
            let (from, n) = (chunk * CHUNK, mean.len() / o);
            let needed = laplace::predict_scratch(mlp.layers(), core.structure(), n);
            let mut scratch = zeros::<T>(&[needed])?;
            let mean = columns(mean, o, n)?;
            core.predict(&mlp, x.columns_range(from, n), mean, covariance, &mut scratch)
                .context("--data")
        })?;
        let regression = self.loss == Loss::Mse;
        let std = regression.then(|| {
            let noise = core.noise_variance();
            let variances = covariance.chunks(o * o).flat_map(|c| c.iter().step_by(o + 1));
            matrix(count, o, variances.map(|v| (*v + noise).sqrt()).collect())
        });
        let probabilities = match regression {
            true => None,
            false => Some(matrix(count, o, self.probabilities(&mean, &covariance, o, draws)?)),
        };
        Ok(Prediction {
            mean: matrix(count, o, mean),
            covariance: Array3::from_shape_vec((count, o, o), covariance)
                .expect("as many values as were asked for"),
            std,
            probabilities,
        })
    }

    fn probabilities(
        &self,
        mean: &[T],
        covariance: &[T],
        o: usize,
        draws: Option<(u32, u64)>,
    ) -> Result<Vec<T>> {
        let mut all = zeros::<T>(&[mean.len()])?;
        let mut rng = Rng::seed(draws.map_or(0, |(_, seed)| seed));
        let mut root = vec![T::ZERO; o * o];
        let mut scratch = vec![T::ZERO; laplace::probabilities_by_draws_scratch(o)];
        let samples = mean.chunks(o).zip(covariance.chunks(o * o)).zip(all.chunks_mut(o));
        for ((mean, covariance), to) in samples {
            match draws {
                None => {
                    let covariance = Mat::new("covariance", covariance, o, o)?;
                    laplace::probit(self.loss, mean, covariance, to)?;
                }
                Some((draws, _)) => {
                    root.copy_from_slice(covariance);
                    laplace::covariance_root(MatMut::new("covariance", &mut root, o, o)?)?;
                    let root = Mat::new("root", &root, o, o)?;
                    laplace::probabilities_by_draws(
                        self.loss,
                        mean,
                        root,
                        draws,
                        &mut rng,
                        to,
                        &mut scratch,
                    )
                    .context("--draws")?;
                }
            }
        }
        Ok(all)
    }
}
