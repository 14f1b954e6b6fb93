//! The inverse of K-FAC's matrix on vectors in parameter order, in two representations:
//!
//! ```text
//! Preconditioner   every block's damped factors as L D L^T          pi, off, same
//! Eigenfactors     every block in its factors' eigenbases           exact, any power, any lambda
//! ```
//! Both are computed once and used often: a query changes nothing.

use super::damping::{Damping, Split, check};
use super::eigen::{Eigen, Shift, eigen_len, eigen_scratch};
use super::error::{KfacError, Side};
use super::factors::{Bias, Factors, Part, Place, Places, check_vector, max_block};
use super::kronecker::{FactoredBlock, factor};
use crate::error::{LinalgError, ShapeError, size};
use crate::linalg::ldlt_solve_right;
use crate::matrix::{Mat, MatMut};
use crate::network::Layer;
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Storage of [`Factors::preconditioner`].
pub const fn preconditioner_len(layers: &[Layer]) -> usize {
    // Separate biases take less or the same: in^2 + 2 out^2 against (in + 1)^2 + out^2 only
    // where out^2 <= 2 in + 1.
    let (mut len, mut l) = (0, 0);
    while l < layers.len() {
        let (n, b, m) = (layers[l].inputs, layers[l].bias as usize, layers[l].outputs);
        let (joint, separate) = ((n + b) * (n + b) + m * m, n * n + (1 + b) * m * m);
        len += if joint > separate { joint } else { separate };
        l += 1;
    }
    len
}

/// Scratch of [`Preconditioner::precondition`].
pub const fn precondition_scratch(layers: &[Layer]) -> usize {
    max_block(layers)
}

/// The damped factors of every block, factored: K-FAC's inverse.
#[derive(Clone, Copy, Debug)]
pub struct Preconditioner<'a, T> {
    layers: &'a [Layer],
    bias: Bias,
    data: &'a [T],
}

/// The values that a block takes in a [`Preconditioner`].
const fn factored_size(place: &Place) -> (usize, usize) {
    match place.part {
        Part::Bias => (0, place.cols()),
        _ => (place.rows(), place.cols()),
    }
}

impl<'a, T: Real> Factors<'a, T> {
    /// Damps and factors every block. `storage`: [`preconditioner_len`].
    ///
    /// A bias block of its own has one factor, `t^2 G`, and takes all of lambda.
    ///
    /// # Errors
    /// [`KfacError::Factor`] naming layer, factor and pivot; [`KfacError::Damping`].
    pub fn preconditioner<'s>(
        &self,
        lambda: T,
        damping: Damping,
        storage: &'s mut [T],
    ) -> Result<Preconditioner<'s, T>, KfacError>
    where
        'a: 's,
    {
        check(lambda)?;
        let mut rest = Scratch::new(storage, preconditioner_len(self.layers))?;
        for (place, block) in self.blocks() {
            let (n, m) = factored_size(&place);
            let (a, g) = (rest.take(n * n)?, rest.take(m * m)?);
            let damped = if place.part == Part::Bias {
                bias_factor(block.input.at(0, 0), block.output, lambda, g)
            } else {
                Split::new(lambda, damping, block.input, block.output).and_then(|split| {
                    factor(block.input, split.input, Side::Input, a)?;
                    factor(block.output, split.output, Side::Output, g)?;
                    Ok(())
                })
            };
            damped.map_err(|e| e.in_layer(place.index))?;
        }
        Ok(Preconditioner { layers: self.layers, bias: self.bias, data: storage })
    }
}

/// `t^2 G + lambda I = L D L^T`
fn bias_factor<T: Real>(
    square: T,
    g: Mat<'_, T>,
    lambda: T,
    storage: &mut [T],
) -> Result<(), KfacError> {
    let m = g.rows();
    let mut l = MatMut::of(storage, m, m);
    l.copy_from(g);
    l.scale(square);
    l.add_diagonal(lambda);
    crate::linalg::ldlt(l.reborrow()).map_err(KfacError::of(Side::Output))?;
    let (rounding, d) = (T::EPSILON * T::from_usize(m), l.as_ref());
    let noise = |(d, g): (&T, &T)| *d <= rounding * (square * *g + lambda);
    match d.diagonal().zip(g.diagonal()).position(noise) {
        Some(pivot) => {
            Err(KfacError::of(Side::Output)(LinalgError::NotPositive { pivot: size(pivot) }))
        }
        None => Ok(()),
    }
}

impl<'a, T: Real> Preconditioner<'a, T> {
    /// The preconditioner whose factored blocks [`Factors::preconditioner`] left in `data`.
    ///
    /// # Errors
    /// [`ShapeError`] if there are fewer values than [`preconditioner_len`].
    pub fn new(layers: &'a [Layer], bias: Bias, data: &'a [T]) -> Result<Self, ShapeError> {
        let len = preconditioner_len(layers);
        match data.get(..len) {
            Some(data) => Ok(Self { layers, bias, data }),
            None => Err(ShapeError {
                what: "preconditioner",
                needed: size(len),
                found: size(data.len()),
            }),
        }
    }

    /// The layers.
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// `v := (K damped)^-1 v`. `scratch`: [`precondition_scratch`].
    ///
    /// # Errors
    /// [`KfacError`] if v has not one value a parameter, or the scratch is too short.
    pub fn precondition(&self, v: &mut [T], scratch: &mut [T]) -> Result<(), KfacError> {
        check_vector(self.layers, v)?;
        Scratch::new(scratch, precondition_scratch(self.layers))?;
        let mut data = self.data;
        for place in Places::new(self.layers, self.bias) {
            let (n, m) = factored_size(&place);
            let Some((block, rest)) = data.split_at_checked(n * n + m * m) else { break };
            let Some((a, g)) = block.split_at_checked(n * n) else { break };
            data = rest;
            let (input, output) = (Mat::of(a, n, n), Mat::of(g, m, m));
            place.with(v, scratch, |v, _| {
                if place.part == Part::Bias {
                    Ok(ldlt_solve_right(output, v)?)
                } else {
                    Ok(FactoredBlock { input, output, renorm: T::ONE }.solve(v)?)
                }
            })?;
        }
        Ok(())
    }
}

/// Storage of [`Factors::eigen`].
pub const fn eigenfactors_len(layers: &[Layer], bias: Bias) -> usize {
    let (mut len, mut l) = (0, 0);
    while l < layers.len() {
        let layer = &layers[l];
        len += match bias {
            Bias::Separate if layer.bias => {
                eigen_len(layer.inputs, layer.outputs) + eigen_len(1, layer.outputs)
            }
            _ => eigen_len(layer.homogeneous_inputs(), layer.outputs),
        };
        l += 1;
    }
    len
}

/// Scratch of [`Factors::eigen`] and of the products of [`Eigenfactors`].
pub const fn eigenfactors_scratch(layers: &[Layer]) -> usize {
    let (mut max, mut l) = (2 * max_block(layers), 0);
    while l < layers.len() {
        let len = eigen_scratch(layers[l].homogeneous_inputs(), layers[l].outputs);
        if len > max {
            max = len;
        }
        l += 1;
    }
    max
}

/// Every block in its factors' eigenbases.
#[derive(Clone, Copy, Debug)]
pub struct Eigenfactors<'a, T> {
    layers: &'a [Layer],
    bias: Bias,
    data: &'a [T],
}

impl<'a, T: Real> Factors<'a, T> {
    /// Decomposes every factor. `storage`: [`eigenfactors_len`], `scratch`:
    /// [`eigenfactors_scratch`].
    ///
    /// # Errors
    /// [`KfacError::Factor`] naming layer and factor.
    pub fn eigen<'s>(
        &self,
        storage: &'s mut [T],
        scratch: &mut [T],
    ) -> Result<Eigenfactors<'s, T>, KfacError>
    where
        'a: 's,
    {
        Scratch::new(scratch, eigenfactors_scratch(self.layers))?;
        let len = eigenfactors_len(self.layers, self.bias);
        let mut rest = Scratch::new(&mut *storage, len)?;
        for (place, block) in self.blocks() {
            let storage = rest.take(eigen_len(place.rows(), place.cols()))?;
            block.eigen(storage, scratch).map_err(|e| e.in_layer(place.index))?;
        }
        Ok(Eigenfactors { layers: self.layers, bias: self.bias, data: storage })
    }
}

impl<'a, T: Real> Eigenfactors<'a, T> {
    /// The operator whose blocks [`Factors::eigen`] left in `data`.
    ///
    /// # Errors
    /// [`ShapeError`] if there are not [`eigenfactors_len`] values.
    pub fn new(layers: &'a [Layer], bias: Bias, data: &'a [T]) -> Result<Self, ShapeError> {
        ShapeError::check("eigenfactors", eigenfactors_len(layers, bias), data.len())?;
        Ok(Self { layers, bias, data })
    }

    /// The layers.
    pub const fn layers(&self) -> &'a [Layer] {
        self.layers
    }

    /// `v := (K + lambda I)^-1 v`, exactly. `scratch`: [`eigenfactors_scratch`].
    ///
    /// # Errors
    /// [`KfacError::NotPositive`]; a vector, a lambda or a scratch that does not fit.
    pub fn solve(&self, lambda: T, v: &mut [T], scratch: &mut [T]) -> Result<(), KfacError> {
        self.each(v, scratch, |block, v, scratch| block.solve(lambda, v, scratch))
    }

    /// `v := (K + lambda I)^p v`. `scratch`: [`eigenfactors_scratch`].
    ///
    /// # Errors
    /// Those of [`Eigenfactors::solve`].
    pub fn power(&self, p: T, lambda: T, v: &mut [T], scratch: &mut [T]) -> Result<(), KfacError> {
        self.each(v, scratch, |b, v, scratch| b.power(p, Shift::Exact(lambda), v, scratch))
    }

    fn each(
        &self,
        v: &mut [T],
        scratch: &mut [T],
        run: impl Fn(Eigen<'_, T>, MatMut<'_, T>, &mut [T]) -> Result<(), KfacError>,
    ) -> Result<(), KfacError> {
        check_vector(self.layers, v)?;
        Scratch::new(scratch, eigenfactors_scratch(self.layers))?;
        let mut data = self.data;
        for place in Places::new(self.layers, self.bias) {
            let (n, m) = (place.rows(), place.cols());
            let Some(block) = Eigen::from_storage(n, m, data) else { break };
            data = data.part(eigen_len(n, m)..);
            place.with(v, scratch, |v, scratch| run(block, v, scratch))?;
        }
        Ok(())
    }
}
