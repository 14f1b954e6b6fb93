//! The layers of a two-layer network beside the singular vectors of what they see.

use nanocurv::Mat;
use nanocurv::dynamics::measures::{alignment, hidden_features};
use nanocurv::network::Activation;
use ndarray::{Array2, Array3};

use super::problem::Problem;
use super::spectrum::{LayerSpectrum, layer_spectrum};
use crate::desktop::array::{Float, columns, flat, matrix, zeros};
use crate::desktop::error::Result;

/// At one iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot<T> {
    /// The iteration.
    pub t: u64,
    /// The first layer and the inputs.
    pub input: Alignment<T>,
    /// The second layer and the hidden features.
    pub hidden: Alignment<T>,
    /// The Jacobian by layer.
    pub jacobian: LayerSpectrum<T>,
}

/// Singular values of data down to their rank, and how long a layer makes each right singular
/// vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment<T> {
    /// In falling order.
    pub values: Vec<T>,
    /// `|W v_i|`
    pub aligned: Vec<T>,
}

impl<T: Float> Snapshot<T> {
    /// Of the weights `theta`.
    ///
    /// # Errors
    /// Values that are not finite.
    pub(super) fn new(
        problem: &Problem<T>,
        activation: Activation,
        t: u64,
        theta: &[T],
    ) -> Result<Self> {
        let ((n, d), h) = (problem.x.dim(), problem.hidden);
        let (first, second) = theta.split_at(h * d);
        let mut inputs = flat(&problem.x).to_vec();
        let input = Alignment::new(&mut inputs, (d, n), Mat::new("first layer", first, d, h)?)?;
        let mut features = zeros::<T>(&[h, n])?;
        let to = columns(&mut features, h, n)?;
        hidden_features(problem.inputs()?, theta, activation, to)?;
        let second = Mat::new("second layer", second, h, 1)?;
        let hidden = Alignment::new(&mut features, (h, n), second)?;
        Ok(Self { t, input, hidden, jacobian: layer_spectrum(problem.x.view(), theta, h)? })
    }
}

impl<T: Float> Alignment<T> {
    /// Overwrites the data.
    fn new(data: &mut [T], (d, n): (usize, usize), layer: Mat<'_, T>) -> Result<Self> {
        let most = d.min(n);
        let (mut values, mut aligned) = (zeros::<T>(&[most])?, zeros::<T>(&[most])?);
        let rank = alignment(columns(data, d, n)?, layer, &mut values, &mut aligned)?;
        values.truncate(rank);
        aligned.truncate(rank);
        Ok(Self { values, aligned })
    }
}

/// One row a snapshot, padded with zeros to the longest.
pub fn rows_of<'s, T: Float>(
    snapshots: &'s [Snapshot<T>],
    row: impl Fn(&'s Snapshot<T>) -> &'s [T],
) -> Array2<T> {
    let longest = snapshots.iter().map(|s| row(s).len()).max().unwrap_or(0);
    let padded = |s| row(s).iter().copied().chain(std::iter::repeat(T::ZERO)).take(longest);
    matrix(snapshots.len(), longest, snapshots.iter().flat_map(padded).collect())
}

/// The Jacobian's layer shares, `snapshots x rank x 2`, padded with zeros.
pub fn shares_of<T: Float>(snapshots: &[Snapshot<T>]) -> Array3<T> {
    let longest = snapshots.iter().map(|s| s.jacobian.values.len()).max().unwrap_or(0);
    let share = |(i, j, layer): (usize, usize, usize)| {
        snapshots[i].jacobian.shares.get((j, layer)).copied().unwrap_or(T::ZERO)
    };
    Array3::from_shape_fn((snapshots.len(), longest, 2), share)
}
