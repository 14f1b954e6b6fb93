//! Data of a linear teacher.

use nanocurv::Mat;
use nanocurv::dynamics::teacher::{Teacher, teacher_scratch};
use nanocurv::random::Rng;
use ndarray::Array2;

use crate::desktop::array::{Float, columns, matrix, zeros};
use crate::desktop::error::Result;

/// Training and test data with all that made them.
#[derive(Clone, Debug)]
pub struct Sample<T> {
    /// `N x D`
    pub x: Array2<T>,
    /// `N`
    pub y: Vec<T>,
    /// `M x D`
    pub x_test: Array2<T>,
    /// `M`, without noise
    pub y_test: Vec<T>,
    /// The teacher, scaled.
    pub beta: Vec<T>,
    /// Of `x`, descending.
    pub singular_values: Vec<T>,
}

impl<T: Float> Sample<T> {
    /// Draws `samples` training and `tests` test samples; the teacher too, unless it is given.
    ///
    /// # Errors
    /// The core's.
    pub fn draw(
        teacher: &Teacher<'_, T>,
        seed: u64,
        beta: Option<Vec<T>>,
        (dim, samples, tests): (usize, usize, usize),
    ) -> Result<Self> {
        let mut rng = Rng::seed(seed);
        let mut beta = beta.unwrap_or_else(|| (0..dim).map(|_| rng.normal()).collect());
        let (mut x, mut y) = (zeros::<T>(&[samples, dim])?, zeros::<T>(&[samples])?);
        let (mut x_test, mut y_test) = (zeros::<T>(&[tests, dim])?, zeros::<T>(&[tests])?);
        let mut singular_values = zeros::<T>(&[dim])?;
        let mut map = zeros::<T>(&[dim, dim])?;
        let mut scratch = zeros::<T>(&[teacher_scratch(dim)])?;
        teacher.sample(
            &mut rng,
            &mut beta,
            columns(&mut x, dim, samples)?,
            &mut y,
            columns(&mut map, dim, dim)?,
            &mut singular_values,
            &mut scratch,
        )?;
        let map = Mat::new("map", &map, dim, dim)?;
        let to = columns(&mut x_test, dim, tests)?;
        teacher.sample_test(&mut rng, &beta, map, to, &mut y_test, &mut scratch)?;
        let (x, x_test) = (matrix(samples, dim, x), matrix(tests, dim, x_test));
        Ok(Self { x, y, x_test, y_test, beta, singular_values })
    }
}
