//! The Hessian, the GGN and the Fisher matrices of a risk as operators.
//!
//! ```text
//! H v    forward over reverse                     8 N P multiply-accumulates, 8/3 of a gradient
//! G v    J^T B J v, B by `Curvature`              6 N P
//! ```
//! All are symmetric, P x P, in PyTorch's parameter order, and stream the risk's tiles.

use super::error::CurvatureError;
use super::operator::LinearOperator;
use super::product::{Curvature, product, product_scratch};
use super::risk::Risk;
use crate::network::Layer;
use crate::scalar::Real;

/// A curvature of a risk: what [`super::structured`] can also write out.
pub trait RiskCurvature<'a, T: Real>: LinearOperator<T> {
    /// The risk.
    fn risk(&self) -> &Risk<'a, T>;
    /// Which curvature of it.
    fn curvature(&self) -> Curvature;
}

macro_rules! curvature {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* } = $curvature:expr, $scratch:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name<'a, T> {
            risk: Risk<'a, T>,
            $($field: $type,)*
        }

        impl<'a, T: Real> $name<'a, T> {
            /// The curvature of `risk`.
            #[must_use]
            pub const fn new(risk: Risk<'a, T>, $($field: $type),*) -> Self {
                Self { risk, $($field),* }
            }
        }

        impl<'a, T: Real> RiskCurvature<'a, T> for $name<'a, T> {
            fn risk(&self) -> &Risk<'a, T> {
                &self.risk
            }
            fn curvature(&self) -> Curvature {
                let Self { $($field,)* .. } = *self;
                $curvature
            }
        }

        impl<T: Real> LinearOperator<T> for $name<'_, T> {
            fn rows(&self) -> usize {
                self.risk.net().params()
            }
            fn cols(&self) -> usize {
                self.risk.net().params()
            }
            fn scratch(&self) -> usize {
                $scratch(self.risk.net().layers(), self.risk.tile())
            }
            fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError> {
                product(&self.risk, self.curvature(), v, out, scratch)
            }
            fn apply_transpose(
                &self,
                u: &[T],
                out: &mut [T],
                scratch: &mut [T],
            ) -> Result<(), CurvatureError> {
                self.apply(u, out, scratch)
            }
        }
    };
}

curvature!(
    /// `d^2 L / d theta^2`
    Hessian {} = Curvature::Hessian, hessian_scratch
);
curvature!(
    /// The generalised Gauss-Newton matrix `c sum_n J_n^T (d^2 l / df^2) J_n`, positive
    /// semidefinite; the type-2 Fisher.
    Ggn {} = Curvature::Ggn, ggn_scratch
);
curvature!(
    /// The empirical Fisher `c sum_n (J_n^T g_n) (J_n^T g_n)^T`, `g = dl/df` at the targets, with
    /// the risk's own c (for the mean of mse and bce: 1 / (N O)).
    EmpiricalFisher {} = Curvature::EmpiricalFisher, ggn_scratch
);
curvature!(
    /// The Fisher matrix by `draws` draws for each sample from the model's own predictions. The
    /// draws belong to the operator: it is the same matrix at every product.
    MonteCarloFisher {
        draws: usize,
        seed: u64
    } = Curvature::MonteCarloFisher { draws, seed }, ggn_scratch
);

/// Scratch of a product with [`Hessian`].
pub const fn hessian_scratch(layers: &[Layer], tile: usize) -> usize {
    product_scratch(layers, tile, true)
}

/// Scratch of a product with [`Ggn`], [`EmpiricalFisher`] and [`MonteCarloFisher`].
pub const fn ggn_scratch(layers: &[Layer], tile: usize) -> usize {
    product_scratch(layers, tile, false)
}

/// A curvature that is chosen at run time.
#[derive(Clone, Copy)]
pub struct CurvatureOperator<'a, T> {
    risk: Risk<'a, T>,
    curvature: Curvature,
}

impl<'a, T: Real> CurvatureOperator<'a, T> {
    /// The `curvature` of `risk`.
    #[must_use]
    pub const fn new(risk: Risk<'a, T>, curvature: Curvature) -> Self {
        Self { risk, curvature }
    }
}

impl<'a, T: Real> RiskCurvature<'a, T> for CurvatureOperator<'a, T> {
    fn risk(&self) -> &Risk<'a, T> {
        &self.risk
    }
    fn curvature(&self) -> Curvature {
        self.curvature
    }
}

impl<T: Real> LinearOperator<T> for CurvatureOperator<'_, T> {
    fn rows(&self) -> usize {
        self.risk.net().params()
    }
    fn cols(&self) -> usize {
        self.risk.net().params()
    }
    fn scratch(&self) -> usize {
        product_scratch(self.risk.net().layers(), self.risk.tile(), self.curvature.is_hessian())
    }
    fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError> {
        product(&self.risk, self.curvature, v, out, scratch)
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        self.apply(u, out, scratch)
    }
}
