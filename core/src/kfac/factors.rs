//! The Kronecker factors of a layer, and of every layer of a network in one slice.
//!
//! ```text
//! A = mean_n a a^T,  a = (s x, t) or s x without a bias        homogeneous inputs, squared
//! G = c sum_n g g^T, c the loss's scale                        outputs, squared
//! block of the layer = G (x) A on PyTorch's out x (in + 1), A (x) G on in x out
//! ```
//! The 1 of the homogeneous coordinate is never stored: the last row of A is the mean input, its
//! corner `t^2`. Martens & Grosse (2015), section 3; N (in^2 + out^2) / 2 multiply-accumulates.
//!
//! Layout: A_0, G_0, A_1, G_1, ..., full symmetric matrices.

use super::error::{KfacError, Side};
use super::kronecker::Kronecker;
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::{axpy, syrk_nt};
use crate::matrix::{Mat, MatMut};
use crate::network::{Layer, Scale};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// The number of values of the factors of all layers.
pub const fn factors_len(layers: &[Layer]) -> usize {
    let (mut len, mut l) = (0, 0);
    while l < layers.len() {
        len += layer_len(&layers[l]);
        l += 1;
    }
    len
}

/// The number of values of one layer's factors.
const fn layer_len(layer: &Layer) -> usize {
    let (n, m) = (layer.homogeneous_inputs(), layer.outputs);
    n * n + m * m
}

/// The values of the largest block, in x out with the bias row.
pub(crate) const fn max_block(layers: &[Layer]) -> usize {
    let (mut max, mut l) = (0, 0);
    while l < layers.len() {
        if layers[l].params() > max {
            max = layers[l].params();
        }
        l += 1;
    }
    max
}

/// `A := keep A + weight sum_n a a^T`, `a = (s x, t)` with a bias, `s x` without.
///
/// `x`: inputs x samples, `a`: (inputs + bias) square. With `keep` 0 the old values do not
/// matter.
///
/// # Errors
/// [`ShapeError`] if the sizes do not fit.
pub fn input_factor<T: Real>(
    x: Mat<'_, T>,
    scale: Scale<T>,
    bias: bool,
    keep: T,
    weight: T,
    mut a: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    let (n, s, t) = (x.rows(), scale.weight, scale.bias);
    let size = n + usize::from(bias);
    a.as_ref().check(("A rows", "A columns"), size, size)?;
    syrk_nt(weight * s * s, x, keep, a.block(0, 0, n, n))?;
    if bias {
        // The sums run down the last column; its mirror image is the last row.
        if let Some((corner, sums)) = a.col(n).split_last_mut() {
            if keep == T::ZERO {
                sums.fill(T::ZERO);
                *corner = T::ZERO;
            } else {
                sums.iter_mut().for_each(|v| *v *= keep);
                *corner *= keep;
            }
            let weight = weight * t;
            x.columns().for_each(|x| axpy(weight * s, x, sums));
            *corner += weight * t * T::from_usize(x.cols());
        }
        let (mut left, right) = a.reborrow().split_at_col(n);
        for (column, v) in left.columns().zip(right.into_ref().col(0)) {
            if let Some(last) = column.last_mut() {
                *last = *v;
            }
        }
    }
    a.block(0, 0, n, n).mirror_lower();
    Ok(())
}

/// `G := keep G + weight sum_n g g^T`. `g`: outputs x samples.
///
/// # Errors
/// [`ShapeError`] unless G is outputs x outputs.
pub fn output_factor<T: Real>(
    g: Mat<'_, T>,
    keep: T,
    weight: T,
    mut to: MatMut<'_, T>,
) -> Result<(), ShapeError> {
    to.as_ref().check(("G rows", "G columns"), g.rows(), g.rows())?;
    syrk_nt(weight, g, keep, to.reborrow())?;
    to.mirror_lower();
    Ok(())
}

/// How the bias of a layer is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Bias {
    /// As the last input of one block with the weights.
    Joint,
    /// In a block of its own: `A_weight (x) G` and `t^2 G`.
    Separate,
}

/// Which parameters of a layer a block covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Weights and bias: V is (in + 1) x out. Without a bias: the weights, in x out.
    Joint,
    /// The weights: in x out.
    Weights,
    /// The bias: 1 x out.
    Bias,
}

/// Where a block stands in the parameters and in the factors.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The index of the layer.
    pub index: usize,
    /// The layer.
    pub layer: Layer,
    /// What it covers.
    pub part: Part,
    /// The index of its first parameter.
    pub offset: usize,
    /// The index of the layer's first factor value.
    pub(crate) factors: usize,
}

impl Place {
    /// The rows of V: inputs, the bias's included where it belongs to the block.
    pub const fn rows(&self) -> usize {
        match self.part {
            Part::Joint => self.layer.homogeneous_inputs(),
            Part::Weights => self.layer.inputs,
            Part::Bias => 1,
        }
    }

    /// The columns of V: outputs.
    pub const fn cols(&self) -> usize {
        self.layer.outputs
    }

    /// The number of parameters.
    pub const fn params(&self) -> usize {
        self.rows() * self.cols()
    }

    /// Runs on V, the block's part of a vector in parameter order, and on the rest of the
    /// scratch. Where the bias is the last row of V, the block is gathered into the scratch and
    /// put back.
    pub(crate) fn with<T: Real>(
        &self,
        vector: &mut [T],
        scratch: &mut [T],
        run: impl FnOnce(MatMut<'_, T>, &mut [T]) -> Result<(), KfacError>,
    ) -> Result<(), KfacError> {
        let (rows, cols) = (self.rows(), self.cols());
        let Some(vector) = vector.get_mut(self.offset..self.offset + rows * cols) else {
            return Ok(());
        };
        if self.part != Part::Joint || !self.layer.bias {
            return run(MatMut::of(vector, rows, cols), scratch);
        }
        let mut scratch = Scratch::new(scratch, rows * cols)?;
        let mut v = scratch.matrix(rows, cols)?;
        let (mut weights, bias) = self.split(vector);
        for ((v, w), b) in v.columns().zip(weights.columns()).zip(bias.iter()) {
            if let Some((last, v)) = v.split_last_mut() {
                v.iter_mut().zip(w).for_each(|(v, w)| *v = *w);
                *last = *b;
            }
        }
        run(v.reborrow(), scratch.rest())?;
        self.put(v.as_ref(), vector);
        Ok(())
    }

    /// The weights, in x out, and the bias of a joint block.
    fn split<'v, T: Real>(&self, vector: &'v mut [T]) -> (MatMut<'v, T>, &'v mut [T]) {
        let (n, m) = (self.layer.inputs, self.layer.outputs);
        match vector.split_at_mut_checked(n * m) {
            Some((weights, bias)) => (MatMut::of(weights, n, m), bias),
            None => (MatMut::of(&mut [], 0, 0), &mut []),
        }
    }

    /// Writes V, with its bias row if there is one, to the block's part of a vector.
    pub(crate) fn put<T: Real>(&self, v: Mat<'_, T>, vector: &mut [T]) {
        if self.part == Part::Bias {
            vector.iter_mut().zip(v.columns().flatten()).for_each(|(b, v)| *b = *v);
            return;
        }
        let (mut weights, bias) = self.split(vector);
        for (w, v) in weights.columns().zip(v.columns()) {
            w.iter_mut().zip(v).for_each(|(w, v)| *w = *v);
        }
        for (b, v) in bias.iter_mut().zip(v.columns()) {
            if let Some(v) = v.last() {
                *b = *v;
            }
        }
    }
}

/// The blocks of a network, in parameter order.
#[derive(Clone)]
pub(crate) struct Places<'a> {
    layers: &'a [Layer],
    bias: Bias,
    next: (usize, usize, usize),
    bias_next: bool,
}

impl<'a> Places<'a> {
    #[inline]
    pub(crate) fn new(layers: &'a [Layer], bias: Bias) -> Self {
        Self { layers, bias, next: (0, 0, 0), bias_next: false }
    }
}

impl Iterator for Places<'_> {
    type Item = Place;

    #[inline]
    fn next(&mut self) -> Option<Place> {
        let (index, offset, factors) = self.next;
        let layer = *self.layers.get(index)?;
        let separate = layer.bias && self.bias == Bias::Separate;
        let part = match (separate, self.bias_next) {
            (false, _) => Part::Joint,
            (true, false) => Part::Weights,
            (true, true) => Part::Bias,
        };
        let place = Place { index, layer, part, offset, factors };
        self.bias_next = part == Part::Weights;
        self.next = if self.bias_next {
            (index, offset + place.params(), factors)
        } else {
            (index + 1, offset + place.params(), factors + layer_len(&layer))
        };
        Some(place)
    }
}

/// The Kronecker factors of every layer.
///
/// As an operator on vectors in parameter order it is K-FAC's approximation of the Fisher or
/// GGN matrix: block diagonal, one Kronecker product a layer.
#[derive(Clone, Copy, Debug)]
pub struct Factors<'a, T> {
    pub(crate) layers: &'a [Layer],
    pub(crate) data: &'a [T],
    pub(crate) bias: Bias,
}

/// Scratch of [`Factors::apply`].
pub const fn factors_apply_scratch(layers: &[Layer]) -> usize {
    2 * max_block(layers)
}

impl<'a, T: Real> Factors<'a, T> {
    /// The factors in `data`, as [`accumulate`](super::accumulate) leaves them: [`factors_len`].
    ///
    /// # Errors
    /// [`ShapeError`] if their number is wrong.
    pub fn new(layers: &'a [Layer], data: &'a [T]) -> Result<Self, ShapeError> {
        ShapeError::check("factors", factors_len(layers), data.len())?;
        Ok(Self { layers, data, bias: Bias::Joint })
    }

    /// The same factors with the biases in blocks of their own, or not.
    pub const fn with_bias(self, bias: Bias) -> Self {
        Self { bias, ..self }
    }

    /// The layers.
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// A and G of layer `index`, the bias's coordinate included.
    pub fn layer(&self, index: usize) -> Option<Kronecker<'a, T>> {
        let place = Places::new(self.layers, Bias::Joint).nth(index)?;
        self.kronecker(&place)
    }

    /// The blocks, in parameter order.
    pub fn blocks(&self) -> impl Iterator<Item = (Place, Kronecker<'a, T>)> + use<'a, T> {
        let this = *self;
        Places::new(self.layers, self.bias).map_while(move |p| Some((p, this.kronecker(&p)?)))
    }

    #[inline]
    pub(crate) fn kronecker(&self, place: &Place) -> Option<Kronecker<'a, T>> {
        let (n, m) = (place.layer.homogeneous_inputs(), place.layer.outputs);
        let data = self.data.get(place.factors..)?;
        let (a, rest) = data.split_at_checked(n * n)?;
        let a = Mat::of(a, n, n);
        let inputs = place.layer.inputs;
        let input = match place.part {
            Part::Joint => a,
            Part::Weights => a.block(0, 0, inputs, inputs),
            Part::Bias => a.block(inputs, inputs, 1, 1),
        };
        let output = Mat::of(rest.get(..m * m)?, m, m);
        Some(Kronecker { input, output, renorm: T::ONE })
    }

    /// `v := K v`, K the K-FAC matrix without damping. `scratch`: [`factors_apply_scratch`].
    ///
    /// # Errors
    /// [`KfacError`] if v has not one value a parameter, or the scratch is too short.
    pub fn apply(&self, v: &mut [T], scratch: &mut [T]) -> Result<(), KfacError> {
        check_vector(self.layers, v)?;
        Scratch::new(scratch, factors_apply_scratch(self.layers))?;
        for (place, block) in self.blocks() {
            place.with(v, scratch, |v, scratch| block.apply_exact(T::ZERO, v, scratch))?;
        }
        Ok(())
    }

    /// `Ok` if all factors are finite.
    ///
    /// # Errors
    /// [`KfacError::Factor`] naming the layer, the factor and the place.
    pub fn check_finite(&self) -> Result<(), KfacError> {
        for (place, block) in self.with_bias(Bias::Joint).blocks() {
            for (side, factor) in [(Side::Input, block.input), (Side::Output, block.output)] {
                NonFiniteError::check("factor", factor.data())
                    .map_err(|e| KfacError::of(side)(e.into()).in_layer(place.index))?;
            }
        }
        Ok(())
    }
}

#[inline]
pub(crate) fn check_vector<T>(layers: &[Layer], v: &[T]) -> Result<(), ShapeError> {
    ShapeError::check("vector", crate::network::layer::params(layers), v.len())
}
