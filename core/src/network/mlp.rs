//! `Mlp`: layers, parameters and scales together, and the three steps that every algorithm on a
//! network is made of.
//!
//! ```text
//! forward     Z_l = s_l W_l X_{l-1} + t_l b_l 1^T
//! activate    X_l = phi(Z_l), D_l = phi'(Z_l)
//! pull back   G_{l-1} = D_{l-1} .* (s_l W_l^T G_l)
//! ```

use super::activation::{Evaluate, Jet, evaluate};
use super::layer::{self, Layer};
use crate::error::{NetworkError, NonFiniteError, ShapeError};
use crate::linalg::{axpy, gemm, gemm_tn};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::Carve;

/// The fixed scalars of a layer's parameterisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale<T> {
    /// `s_l`, on the weights. A scale r after the activation before belongs here as a factor.
    pub weight: T,
    /// `t_l`, on the bias.
    pub bias: T,
}

impl<T: Real> Scale<T> {
    /// PyTorch's: the variance sits in the initial weights.
    pub const STANDARD: Self = Self { weight: T::ONE, bias: T::ONE };

    /// The NTK parameterisation: `s_l = sigma_w / sqrt(fan_in)`, `t_l = sigma_b`.
    pub fn ntk(layer: &Layer, sigma_w: T, sigma_b: T) -> Self {
        Self { weight: sigma_w / T::from_usize(layer.inputs).sqrt(), bias: sigma_b }
    }

    /// This layer behind activations `x = r phi(z)`: torchntk's `r = 1 / sqrt(d)`.
    pub fn after_activation(self, r: T) -> Self {
        Self { weight: self.weight * r, bias: self.bias }
    }
}

/// A network: its layers, its parameters in PyTorch's order (W0 row-major `out x in`, b0, W1, ..),
/// the scales of its parameterisation and how it evaluates its activations.
#[derive(Clone, Copy)]
pub struct Mlp<'a, T> {
    layers: &'a [Layer],
    theta: &'a [T],
    scales: &'a [Scale<T>],
    evaluate: Evaluate<T>,
}

impl<'a, T: Real> Mlp<'a, T> {
    /// A network in the standard parameterisation.
    ///
    /// # Errors
    /// [`NetworkError`] if the layers do not follow each other, the number of parameters is wrong
    /// or one of them is not finite.
    pub fn new(layers: &'a [Layer], theta: &'a [T]) -> Result<Self, NetworkError> {
        Self::with_evaluate(layers, theta, evaluate)
    }

    /// As [`Mlp::new`], with an evaluation of the activations of one's own.
    ///
    /// # Errors
    /// Those of [`Mlp::new`].
    pub fn with_evaluate(
        layers: &'a [Layer],
        theta: &'a [T],
        evaluate: Evaluate<T>,
    ) -> Result<Self, NetworkError> {
        layer::check(layers)?;
        ShapeError::check("theta", layer::params(layers), theta.len())?;
        NonFiniteError::check("theta", theta)?;
        Ok(Self { layers, theta, scales: &[], evaluate })
    }

    /// The same network with one scale for each layer.
    ///
    /// # Errors
    /// [`ShapeError`] unless there are as many scales as layers.
    pub fn with_scales(self, scales: &'a [Scale<T>]) -> Result<Self, NetworkError> {
        ShapeError::check("scales", self.layers.len(), scales.len())?;
        Ok(Self { scales, ..self })
    }

    /// The layers.
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// The parameters.
    pub const fn theta(&self) -> &'a [T] {
        self.theta
    }

    /// The number of inputs.
    pub const fn inputs(&self) -> usize {
        layer::inputs(self.layers)
    }

    /// The number of outputs.
    pub const fn outputs(&self) -> usize {
        layer::outputs(self.layers)
    }

    /// The number of parameters.
    pub const fn params(&self) -> usize {
        self.theta.len()
    }

    /// The number of layers.
    pub const fn depth(&self) -> usize {
        self.layers.len()
    }

    /// The same network at other parameters, in a direction for instance.
    ///
    /// # Errors
    /// [`NetworkError::Shape`] or [`NetworkError::NonFinite`].
    pub fn at(self, what: &'static str, theta: &'a [T]) -> Result<Self, NetworkError> {
        ShapeError::check(what, self.theta.len(), theta.len())?;
        NonFiniteError::check(what, theta)?;
        Ok(Self { theta, ..self })
    }

    /// The layers from `first` on, as a network of their own: of the
    /// [`features`](super::features) that the layers before them make.
    ///
    /// # Errors
    /// [`NetworkError::NoLayers`] if none is left.
    pub fn back(self, first: usize) -> Result<Self, NetworkError> {
        let (before, layers) = self.layers.split_at_checked(first).unwrap_or((self.layers, &[]));
        let theta = self.theta.part(layer::params(before)..);
        let scales = self.scales.get(first..).unwrap_or_default();
        layer::check(layers)?;
        Ok(Self { layers, theta, scales, evaluate: self.evaluate })
    }

    /// `Ok` if `x` is a batch for this network: inputs x samples, finite, not empty.
    ///
    /// # Errors
    /// [`NetworkError`] naming what does not fit.
    pub fn check_batch(&self, what: &'static str, x: Mat<'_, T>) -> Result<(), NetworkError> {
        ShapeError::check(what, self.inputs(), x.rows())?;
        if x.cols() == 0 {
            return Err(NetworkError::EmptyBatch);
        }
        Ok(NonFiniteError::check_matrix(what, x)?)
    }

    /// The layers with their parameters, from either end.
    #[inline]
    pub fn dense(&self) -> Dense<'a, T> {
        Dense { net: *self, front: (0, 0), back: (self.layers.len(), self.theta.len()) }
    }
}

/// A layer with its parameters.
#[derive(Clone, Copy)]
pub struct DenseLayer<'a, T> {
    /// Its index.
    pub index: usize,
    /// Its sizes and its activation.
    pub layer: Layer,
    /// The index of its first parameter.
    pub offset: usize,
    /// `W^T`, inputs x outputs: the column-major view of PyTorch's row-major `out x in`.
    pub weights: Mat<'a, T>,
    /// b, empty without a bias.
    pub bias: &'a [T],
    /// `s_l` and `t_l`.
    pub scale: Scale<T>,
    evaluate: Evaluate<T>,
}

impl<'a, T: Real> DenseLayer<'a, T> {
    /// `t_l`, or 0 without a bias: the last, constant coordinate of the layer's homogeneous input.
    #[inline]
    pub fn bias_input(&self) -> T {
        if self.layer.bias { self.scale.bias } else { T::ZERO }
    }

    /// The same layer of a network with other parameters, `theta`.
    #[inline]
    pub(crate) fn at<'v>(&self, theta: &'v [T]) -> DenseLayer<'v, T> {
        let (inputs, outputs) = (self.layer.inputs, self.layer.outputs);
        let theta = theta.part(self.offset..);
        let (weights, rest) = theta.cut(inputs * outputs);
        let bias = if self.layer.bias { rest.part(..outputs) } else { &[] };
        DenseLayer { weights: Mat::of(weights, inputs, outputs), bias, ..*self }
    }

    /// `Z = s W X + t b 1^T`
    ///
    /// # Errors
    /// [`ShapeError`] if X is not inputs x samples or Z not outputs x samples.
    #[inline]
    pub fn forward(&self, x: Mat<'_, T>, mut z: MatMut<'_, T>) -> Result<(), ShapeError> {
        gemm_tn(self.scale.weight, self.weights, x, T::ZERO, z.reborrow())?;
        if self.layer.bias {
            let t = self.scale.bias;
            for z in z.columns() {
                z.iter_mut().zip(self.bias).for_each(|(z, b)| *z += t * *b);
            }
        }
        Ok(())
    }

    /// `z = s W x + t b` of one sample, trusted to fit.
    #[inline]
    pub(crate) fn forward_one(&self, x: &[T], z: &mut [T]) {
        T::transpose_times(self.scale.weight, self.weights, x, z);
        axpy(self.scale.bias, self.bias, z);
    }

    /// `X = phi(Z)` in place; `phi'(Z)` and `phi''(Z)` as far as their slices reach.
    #[inline]
    pub fn activate(&self, jet: Jet<'_, T>) {
        (self.evaluate)(self.layer.activation, jet);
    }

    /// `s W^T G`, inputs x columns, for G: outputs x columns.
    ///
    /// # Errors
    /// [`ShapeError`] if the sizes do not fit together.
    #[inline]
    pub fn transpose(&self, g: Mat<'_, T>, to: MatMut<'_, T>) -> Result<(), ShapeError> {
        gemm(self.scale.weight, self.weights, g, T::ZERO, to)
    }

    /// `to = to .* (s W^T G)`: the pull back, with `D_{l-1}` in `to` on entry.
    ///
    /// # Errors
    /// [`ShapeError`] if the sizes do not fit together.
    #[inline]
    pub fn pull_back(&self, g: Mat<'_, T>, to: MatMut<'_, T>) -> Result<(), ShapeError> {
        crate::linalg::gemm_hadamard(self.scale.weight, self.weights, g, to)
    }
}

/// The layers with their parameters, from either end.
#[derive(Clone)]
pub struct Dense<'a, T> {
    net: Mlp<'a, T>,
    /// The index of the next layer and of its first parameter.
    front: (usize, usize),
    /// The index behind the last layer left and behind its last parameter.
    back: (usize, usize),
}

impl<'a, T: Real> Dense<'a, T> {
    #[inline]
    fn layer(&self, index: usize, offset: usize) -> Option<DenseLayer<'a, T>> {
        let layer = *self.net.layers.get(index)?;
        let theta = self.net.theta.get(offset..)?;
        let (weights, rest) = theta.split_at_checked(layer.inputs * layer.outputs)?;
        Some(DenseLayer {
            index,
            layer,
            offset,
            weights: Mat::of(weights, layer.inputs, layer.outputs),
            bias: if layer.bias { rest.get(..layer.outputs)? } else { &[] },
            scale: self.net.scales.get(index).copied().unwrap_or(Scale::STANDARD),
            evaluate: self.net.evaluate,
        })
    }
}

impl<'a, T: Real> Iterator for Dense<'a, T> {
    type Item = DenseLayer<'a, T>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (index, offset) = self.front;
        if index >= self.back.0 {
            return None;
        }
        let dense = self.layer(index, offset)?;
        self.front = (index + 1, offset + dense.layer.params());
        Some(dense)
    }
}

impl<T: Real> DoubleEndedIterator for Dense<'_, T> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let (end, offset) = self.back;
        if end <= self.front.0 {
            return None;
        }
        let index = end - 1;
        let offset = offset.checked_sub(self.net.layers.get(index)?.params())?;
        self.back = (index, offset);
        self.layer(index, offset)
    }
}
