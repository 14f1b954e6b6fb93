//! What `train` and `theory` share: data, a start, rates, times.

use nanocurv::Mat;
use nanocurv::dynamics::Rates;
use nanocurv::dynamics::optimum::{w_min, w_min_scratch};
use nanocurv::dynamics::train::{constant_start, normal_start, rank_one_start, two_layer_params};
use nanocurv::random::Rng;
use ndarray::Array2;

use crate::desktop::array::{Float, samples, zeros};
use crate::desktop::choice::choices;
use crate::desktop::error::{Result, ensure};
use crate::desktop::network::LayerShape;

choices! {
    /// How the weights start.
    #[derive(Default)]
    pub enum Init {
        /// W1 = A, w2 = B everywhere
        #[default]
        Constant = "constant",
        /// Independent normal weights
        Normal = "normal",
        /// W1 = p z^T, w2 = u p^T with random z, u and direction p
        RankOne = "rank-one",
    }
}

choices! {
    /// The sum that is the risk.
    #[derive(Default)]
    pub enum Risk {
        /// Sum of squares
        #[default]
        L2 = "l2",
        /// Sum of absolute values
        L1 = "l1",
    }
}

/// All that a run needs.
#[derive(Clone, Debug)]
pub struct Problem<T> {
    /// `N x D`
    pub x: Array2<T>,
    /// `N`
    pub y: Vec<T>,
    /// Test inputs and targets, for the risk.
    pub test: Option<(Array2<T>, Vec<T>)>,
    /// The teacher, for the weight error.
    pub beta: Option<Vec<T>>,
    /// The number of hidden units.
    pub hidden: usize,
    /// The start, in PyTorch's order.
    pub theta: Vec<T>,
    /// The rate of each layer.
    pub rates: Rates<T>,
    /// Ascending.
    pub times: Vec<u64>,
    /// Which sum the risk is.
    pub risk: Risk,
}

impl<T: Float> Problem<T> {
    /// The number of features.
    pub fn dim(&self) -> usize {
        self.x.ncols()
    }

    /// The inputs as the core takes them.
    ///
    /// # Errors
    /// If they are not in row-major order.
    pub fn inputs(&self) -> Result<Mat<'_, T>> {
        samples(self.x.view())
    }

    /// Where training ends.
    ///
    /// # Errors
    /// Data of deficient rank.
    pub fn w_min(&self) -> Result<Vec<T>> {
        let (n, d) = self.x.dim();
        let mut w = zeros::<T>(&[d])?;
        let mut scratch = zeros::<T>(&[w_min_scratch(d, n)])?;
        w_min(self.inputs()?, &self.y, &mut w, &mut scratch)?;
        Ok(w)
    }
}

/// The weights that a run starts from, in PyTorch's order. `scales`: of the first and of the second
/// layer.
///
/// # Errors
/// If there are no hidden units, or a scale is none.
pub fn start<T: Float>(
    init: Init,
    scales: (T, T),
    inputs: usize,
    hidden: usize,
    seed: u64,
) -> Result<Vec<T>> {
    ensure!(hidden > 0, "--hidden: found 0, needed at least 1");
    let mut theta = zeros::<T>(&[two_layer_params(inputs, hidden)])?;
    let mut rng = Rng::seed(seed);
    match init {
        Init::Constant => constant_start(scales, inputs, hidden, &mut theta)?,
        Init::Normal => normal_start(&mut rng, scales, inputs, hidden, &mut theta)?,
        Init::RankOne => rank_one_start(&mut rng, scales, inputs, hidden, &mut theta)?,
    }
    Ok(theta)
}

/// The hidden units of the network called `name`, if it has two layers without biases and one
/// output.
///
/// # Errors
/// What is different.
pub fn hidden_units(name: &str, layers: &[LayerShape]) -> Result<usize> {
    ensure!(layers.len() == 2, "{name}: found {} layers, needed 2", layers.len());
    for layer in layers {
        ensure!(
            !layer.bias,
            "{name}: layer {} has a bias; the dynamics are of networks without (bias=False)",
            layer.prefix
        );
    }
    ensure!(layers[1].outputs == 1, "{name}: found {} outputs, needed 1", layers[1].outputs);
    Ok(layers[0].outputs)
}
