//! What `train` and `theory` share: data, a start, rates, times.

use nanocurv::Mat;
use nanocurv::dynamics::Rates;
use nanocurv::dynamics::optimum::{w_min, w_min_scratch};
use nanocurv::dynamics::standard::{feature_scales, standardize};
use nanocurv::dynamics::train::{
    absolute_error, constant_start, kaiming_normal_start, kaiming_uniform_start, normal_start,
    rank_one_start, squared_error, two_layer_params,
};
use nanocurv::network::Activation;
use nanocurv::random::Rng;
use ndarray::Array2;

use crate::desktop::array::{Float, columns, flat_mut, samples, zeros};
use crate::desktop::choice::choices;
use crate::desktop::error::{Context, Result, ensure};
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
        /// Normal of deviation 1 / sqrt(3 fan-in), times the scales
        KaimingNormal = "kaiming-normal",
        /// Uniform up to 1 / sqrt(fan-in), times the scales: torch.nn.Linear's own
        KaimingUniform = "kaiming-uniform",
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
    /// What else is measured.
    pub measures: Option<Measures>,
}

/// What a run records beside losses, total weights and layer norms.
#[derive(Clone, Debug)]
pub struct Measures {
    /// The first layer's norm is that of the features before this one, and of the rest.
    pub group: usize,
    /// Iterations at which the layers are held against their data; ascending.
    pub snapshots: Vec<u64>,
    /// What hidden features go through before their singular vectors are taken.
    pub hidden_activation: Activation,
    /// Also descend on the total weight itself.
    pub one_layer: bool,
}

impl Measures {
    /// Gradients, ranks and norms of both halves of `dim` features, and no more.
    pub fn of(dim: usize) -> Self {
        Self {
            group: dim / 2,
            snapshots: Vec::new(),
            hidden_activation: Activation::Identity,
            one_layer: false,
        }
    }
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

    /// All iterations at which something is noted.
    pub(super) fn schedule(&self) -> Vec<u64> {
        let mut schedule = self.times.clone();
        schedule.extend(self.measures.iter().flat_map(|m| &m.snapshots));
        schedule.sort_unstable();
        schedule.dedup();
        schedule
    }

    /// The risk of the total weight `w`, if there are test data.
    pub(super) fn risk_of(&self, w: &[T]) -> Result<Option<T>> {
        let Some((x, y)) = &self.test else { return Ok(None) };
        let x = samples(x.view())?;
        Ok(Some(match self.risk {
            Risk::L2 => squared_error(x, y, w),
            Risk::L1 => absolute_error(x, y, w),
        }))
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
        Init::KaimingNormal => {
            kaiming_normal_start(&mut rng, scales, inputs, hidden, &mut theta)?;
        }
        Init::KaimingUniform => {
            kaiming_uniform_start(&mut rng, scales, inputs, hidden, &mut theta)?;
        }
    }
    Ok(theta)
}

/// Brings the features of `x`, and of `test` with them, to mean 0 and deviation 1 in `x`.
///
/// # Errors
/// A feature that does not vary.
pub fn standardize_features<T: Float>(
    x: &mut Array2<T>,
    test: Option<&mut Array2<T>>,
) -> Result<()> {
    let d = x.ncols();
    let (mut mean, mut deviation) = (zeros::<T>(&[d])?, zeros::<T>(&[d])?);
    feature_scales(samples(x.view())?, &mut mean, &mut deviation).context("--standardize")?;
    for x in [Some(x), test].into_iter().flatten() {
        let n = x.nrows();
        standardize(columns(flat_mut(x), d, n)?, &mean, &deviation)?;
    }
    Ok(())
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
