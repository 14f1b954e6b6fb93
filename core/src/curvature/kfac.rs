//! K-FAC and EKFAC as operators in parameter order.
//!
//! ```text
//! Factors           K = blockdiag(G_l (x) A_l)            Ekfac            E
//! Preconditioner    (K damped)^-1, the damped factors     DampedInverse    (K + lambda I)^-1, (E + lambda I)^-1
//! ```
//! `sum_l d_in d_out (d_in + d_out)` multiply-accumulates a product, EKFAC's twice that. All are
//! symmetric. As preconditioners of [`cg`](super::cg()) they turn a curvature solve into a few
//! iterations.

use super::error::CurvatureError;
use super::operator::{LinearOperator, check};
use crate::error::NonFiniteError;
use crate::kfac::{
    Eigenfactors, Ekfac, Factors, KfacError, Preconditioner, eigenfactors_scratch, ekfac_scratch,
    factors_apply_scratch, precondition_scratch,
};
use crate::network::layer;
use crate::scalar::Real;

/// An operator that works in place on vectors in parameter order.
macro_rules! in_place {
    ($type:ident, $scratch:ident, |$self:ident, $v:ident, $work:ident| $product:expr) => {
        impl<T: Real> LinearOperator<T> for $type<'_, T> {
            fn rows(&self) -> usize {
                layer::params(self.layers())
            }
            fn cols(&self) -> usize {
                layer::params(self.layers())
            }
            fn scratch(&self) -> usize {
                $scratch(self.layers())
            }
            fn apply(
                &$self,
                v: &[T],
                $v: &mut [T],
                $work: &mut [T],
            ) -> Result<(), CurvatureError> {
                let size = layer::params($self.layers());
                check(v, size, $v, size)?;
                $v.iter_mut().zip(v).for_each(|(out, v)| *out = *v);
                Ok($product?)
            }
            fn apply_transpose(
                &self,
                u: &[T],
                out: &mut [T],
                scratch: &mut [T],
            ) -> Result<(), CurvatureError> {
                LinearOperator::apply(self, u, out, scratch)
            }
        }
    };
}

in_place!(Factors, factors_apply_scratch, |self, v, work| Factors::apply(self, v, work));
in_place!(Ekfac, ekfac_scratch, |self, v, work| Ekfac::apply(self, v, work));
in_place!(Preconditioner, precondition_scratch, |self, v, work| self.precondition(v, work));
in_place!(DampedInverse, damped_scratch, |self, v, work| self.solve(v, work));

/// `(K + lambda I)^-1` or `(E + lambda I)^-1`, exactly.
#[derive(Clone, Copy, Debug)]
pub struct DampedInverse<'a, T> {
    of: Basis<'a, T>,
    damping: T,
}

#[derive(Clone, Copy, Debug)]
enum Basis<'a, T> {
    Kfac(Eigenfactors<'a, T>),
    Ekfac(Ekfac<'a, T>),
}

/// Scratch of a product with a [`DampedInverse`].
const fn damped_scratch(layers: &[crate::network::Layer]) -> usize {
    let (kfac, ekfac) = (eigenfactors_scratch(layers), ekfac_scratch(layers));
    if kfac > ekfac { kfac } else { ekfac }
}

impl<'a, T: Real> DampedInverse<'a, T> {
    /// The inverse of K-FAC's matrix plus `damping` times the identity.
    ///
    /// # Errors
    /// [`CurvatureError::NonFinite`].
    pub fn kfac(of: Eigenfactors<'a, T>, damping: T) -> Result<Self, CurvatureError> {
        NonFiniteError::check("damping", &[damping])?;
        Ok(Self { of: Basis::Kfac(of), damping })
    }

    /// The inverse of EKFAC's matrix plus `damping` times the identity.
    ///
    /// # Errors
    /// [`CurvatureError::NonFinite`].
    pub fn ekfac(of: Ekfac<'a, T>, damping: T) -> Result<Self, CurvatureError> {
        NonFiniteError::check("damping", &[damping])?;
        Ok(Self { of: Basis::Ekfac(of), damping })
    }

    fn layers(&self) -> &'a [crate::network::Layer] {
        match &self.of {
            Basis::Kfac(of) => of.layers(),
            Basis::Ekfac(of) => of.layers(),
        }
    }

    fn solve(&self, v: &mut [T], scratch: &mut [T]) -> Result<(), KfacError> {
        crate::scratch::Scratch::new(&mut *scratch, damped_scratch(self.layers()))?;
        match &self.of {
            Basis::Kfac(of) => of.solve(self.damping, v, scratch),
            Basis::Ekfac(of) => of.solve(self.damping, v, scratch),
        }
    }
}
