//! One layer's block: A: N x N of the inputs, G: M x M of the outputs, V: N x M.

use crate::kfac::{
    self, Damping, Diagonal, Eigen, FactoredBlock, Full, KfacError, Kronecker, Root, Series,
    SeriesOption, Shift, Split,
};
use crate::scalar::Real;
use nalgebra::SMatrix;

/// A [`Kronecker`] block.
///
/// ```
/// use nanocurv::SMatrix;
/// use nanocurv::fixed::kfac::Block;
/// use nanocurv::kfac::{self, Damping};
///
/// let a = SMatrix::<f32, 2, 2>::new(2.0, 1.0, 1.0, 2.0);
/// let g = SMatrix::<f32, 1, 1>::new(3.0);
/// let block = Block::new(&a, &g)?;
/// let mut v = SMatrix::<f32, 2, 1>::new(9.0, 0.0);
/// let mut scratch = [0.0; kfac::solve_scratch(2, 1)];
/// block.solve(block.split(0.0, Damping::Pi)?, &mut v, &mut scratch)?;
/// assert!((v - SMatrix::<f32, 2, 1>::new(2.0, -1.0)).amax() < 1e-6);
/// # Ok::<(), nanocurv::kfac::KfacError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Block<'a, T, const N: usize, const M: usize>(Kronecker<'a, T>);

impl<'a, T: Real, const N: usize, const M: usize> Block<'a, T, N, M> {
    /// The block of the factors, trusted to be symmetric.
    ///
    /// # Errors
    /// None for these sizes.
    pub fn new(a: &'a SMatrix<T, N, N>, g: &'a SMatrix<T, M, M>) -> Result<Self, KfacError> {
        Ok(Self(Kronecker::new(a.into(), g.into())?))
    }

    /// The same block, used `renorm` times.
    ///
    /// # Errors
    /// [`KfacError::Renorm`].
    pub fn with_renorm(self, renorm: T) -> Result<Self, KfacError> {
        Ok(Self(self.0.with_renorm(renorm)?))
    }

    /// The run-time sized form.
    pub const fn erased(&self) -> &Kronecker<'a, T> {
        &self.0
    }

    /// [`Kronecker::split`].
    ///
    /// # Errors
    /// As there.
    pub fn split(&self, lambda: T, damping: Damping) -> Result<Split<T>, KfacError> {
        self.0.split(lambda, damping)
    }

    /// `V := C (A + a I) V (G + g I)`
    ///
    /// # Errors
    /// As [`Kronecker::apply`].
    pub fn apply<const S: usize>(
        &self,
        split: Split<T>,
        v: &mut SMatrix<T, N, M>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::apply_scratch(N, M));
        self.0.apply(split, v.into(), scratch)
    }

    /// `V := 1/C (A + a I)^-1 V (G + g I)^-1`
    ///
    /// # Errors
    /// As [`Kronecker::solve`].
    pub fn solve<const S: usize>(
        &self,
        split: Split<T>,
        v: &mut SMatrix<T, N, M>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::solve_scratch(N, M));
        self.0.solve(split, v.into(), scratch)
    }

    /// A triangular root of the damped block on V: [`Kronecker::root`].
    ///
    /// # Errors
    /// As there.
    pub fn root<const S: usize>(
        &self,
        root: Root,
        split: Split<T>,
        v: &mut SMatrix<T, N, M>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::root_scratch(N, M));
        self.0.root(root, split, v.into(), scratch)
    }

    /// `V := F^p V`, F the block damped by `shift`.
    ///
    /// # Errors
    /// As [`Kronecker::power`].
    pub fn power<const S: usize>(
        &self,
        p: T,
        shift: Shift<T>,
        v: &mut SMatrix<T, N, M>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::exact_scratch(N, M));
        self.0.power(p, shift, v.into(), scratch)
    }

    /// Factors the damped block once for many solves.
    ///
    /// # Errors
    /// As [`Kronecker::factor`].
    pub fn factor<'s, const S: usize>(
        &self,
        split: Split<T>,
        storage: &'s mut [T; S],
    ) -> Result<SolvedBlock<'s, T, N, M>, KfacError> {
        enough!("storage", S, kfac::factored_len(N, M));
        Ok(SolvedBlock(self.0.factor(split, storage)?))
    }

    /// Decomposes both factors once for many products.
    ///
    /// # Errors
    /// As [`Kronecker::eigen`].
    pub fn eigen<'s, const S: usize, const W: usize>(
        &self,
        storage: &'s mut [T; S],
        scratch: &mut [T; W],
    ) -> Result<EigenBlock<'s, T, N, M>, KfacError> {
        enough!("storage", S, kfac::eigen_len(N, M));
        enough!("scratch", W, kfac::eigen_scratch(N, M));
        Ok(EigenBlock(self.0.eigen(storage, scratch)?))
    }
}

/// A damped block, its factors factored: [`Block::factor`].
#[derive(Clone, Copy, Debug)]
pub struct SolvedBlock<'a, T, const N: usize, const M: usize>(FactoredBlock<'a, T>);

impl<T: Real, const N: usize, const M: usize> SolvedBlock<'_, T, N, M> {
    /// `V := 1/C (A + a I)^-1 V (G + g I)^-1`
    ///
    /// # Errors
    /// None for these sizes.
    pub fn solve(&self, v: &mut SMatrix<T, N, M>) -> Result<(), KfacError> {
        Ok(self.0.solve(v.into())?)
    }

    /// `ln det` of the damped block.
    pub fn logdet(&self) -> T {
        self.0.logdet()
    }
}

/// A block, its factors decomposed: [`Block::eigen`].
///
/// ```
/// use nanocurv::SMatrix;
/// use nanocurv::{fixed::kfac::Block, kfac};
///
/// let a = SMatrix::<f64, 2, 2>::new(2.0, 1.0, 1.0, 2.0); // eigenvalues 1 and 3
/// let g = SMatrix::<f64, 1, 1>::new(1.0);
/// let (mut storage, mut scratch) = ([0.0; kfac::eigen_len(2, 1)], [0.0; kfac::eigen_scratch(2, 1)]);
/// let eigen = Block::new(&a, &g)?.eigen(&mut storage, &mut scratch)?;
/// let mut v = SMatrix::<f64, 2, 1>::new(4.0, 4.0);
/// eigen.solve(1.0, &mut v, &mut [0.0; kfac::apply_scratch(2, 1)])?;
/// assert!((v[0] - 1.0).abs() < 1e-14);
/// # Ok::<(), nanocurv::kfac::KfacError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct EigenBlock<'a, T, const N: usize, const M: usize>(Eigen<'a, T>);

impl<T: Real, const N: usize, const M: usize> EigenBlock<'_, T, N, M> {
    /// `V := (C (A (x) G) + lambda I)^-1 V`
    ///
    /// # Errors
    /// As [`Eigen::solve`].
    pub fn solve<const S: usize>(
        &self,
        lambda: T,
        v: &mut SMatrix<T, N, M>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::apply_scratch(N, M));
        self.0.solve(lambda, v.into(), scratch)
    }

    /// `V := F^p V`, F the block damped by `shift`.
    ///
    /// # Errors
    /// As [`Eigen::power`].
    pub fn power<const S: usize>(
        &self,
        p: T,
        shift: Shift<T>,
        v: &mut SMatrix<T, N, M>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::apply_scratch(N, M));
        self.0.power(p, shift, v.into(), scratch)
    }
}

/// A [`Diagonal`] block, in the shape of V.
///
/// ```
/// use nanocurv::SMatrix;
/// use nanocurv::fixed::kfac::DiagonalBlock;
///
/// let d = SMatrix::<f32, 2, 1>::new(3.0, 1.0);
/// let mut v = SMatrix::<f32, 2, 1>::new(8.0, 8.0);
/// DiagonalBlock::new(&d).solve(1.0, &mut v)?;
/// assert_eq!(v, SMatrix::<f32, 2, 1>::new(2.0, 4.0));
/// # Ok::<(), nanocurv::kfac::KfacError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DiagonalBlock<'a, T, const N: usize, const M: usize>(Diagonal<'a, T>);

impl<'a, T: Real, const N: usize, const M: usize> DiagonalBlock<'a, T, N, M> {
    /// The block of the diagonal `d`.
    pub fn new(d: &'a SMatrix<T, N, M>) -> Self {
        Self(Diagonal::new(d.as_slice()))
    }

    /// `V := (d + lambda) .* V`
    ///
    /// # Errors
    /// As [`Diagonal::apply`].
    pub fn apply(&self, lambda: T, v: &mut SMatrix<T, N, M>) -> Result<(), KfacError> {
        self.0.apply(lambda, v.as_mut_slice())
    }

    /// `V := V ./ (d + lambda)`
    ///
    /// # Errors
    /// As [`Diagonal::solve`].
    pub fn solve(&self, lambda: T, v: &mut SMatrix<T, N, M>) -> Result<(), KfacError> {
        self.0.solve(lambda, v.as_mut_slice())
    }

    /// `V := (d + lambda)^p .* V`
    ///
    /// # Errors
    /// As [`Diagonal::power`].
    pub fn power(&self, p: T, lambda: T, v: &mut SMatrix<T, N, M>) -> Result<(), KfacError> {
        self.0.power(p, lambda, v.as_mut_slice())
    }
}

/// A [`Full`] block of P parameters, on C vectors at a time.
///
/// ```
/// use nanocurv::SMatrix;
/// use nanocurv::{fixed::kfac::FullBlock, kfac};
///
/// let f = SMatrix::<f64, 2, 2>::new(1.0, 1.0, 1.0, 1.0); // singular without damping
/// let mut v = SMatrix::<f64, 2, 1>::new(3.0, 3.0);
/// FullBlock::new(&f)?.solve(1.0, &mut v, &mut [0.0; kfac::full_solve_scratch(2)])?;
/// assert!((v[0] - 1.0).abs() < 1e-15 && (v[1] - 1.0).abs() < 1e-15);
/// # Ok::<(), nanocurv::kfac::KfacError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FullBlock<'a, T, const P: usize>(Full<'a, T>);

impl<'a, T: Real, const P: usize> FullBlock<'a, T, P> {
    /// The block of matrix `f`, trusted to be symmetric.
    ///
    /// # Errors
    /// None for these sizes.
    pub fn new(f: &'a SMatrix<T, P, P>) -> Result<Self, KfacError> {
        Ok(Self(Full::new(f.into())?))
    }

    /// `V := (F + lambda I) V`
    ///
    /// # Errors
    /// As [`Full::apply`].
    pub fn apply<const C: usize, const S: usize>(
        &self,
        lambda: T,
        v: &mut SMatrix<T, P, C>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::full_apply_scratch(P, C));
        self.0.apply(lambda, v.into(), scratch)
    }

    /// `V := (F + lambda I)^-1 V`
    ///
    /// # Errors
    /// As [`Full::solve`].
    pub fn solve<const C: usize, const S: usize>(
        &self,
        lambda: T,
        v: &mut SMatrix<T, P, C>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::full_solve_scratch(P));
        self.0.solve(lambda, v.into(), scratch)
    }

    /// `V := (F + lambda I)^p V`
    ///
    /// # Errors
    /// As [`Full::power`].
    pub fn power<const C: usize, const S: usize>(
        &self,
        p: T,
        lambda: T,
        v: &mut SMatrix<T, P, C>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::full_power_scratch(P, C));
        self.0.power(p, lambda, v.into(), scratch)
    }
}

/// A [`Series`] block: a layer that is used at several steps.
///
/// ```
/// use nanocurv::SMatrix;
/// use nanocurv::fixed::kfac::SeriesBlock;
/// use nanocurv::kfac::{self, SeriesOption};
///
/// let (a0, g0) = (SMatrix::<f64, 1, 1>::new(2.0), SMatrix::<f64, 1, 1>::new(1.0));
/// let none = SMatrix::<f64, 1, 1>::zeros(); // no correlation: independence over 4 steps
/// let block = SeriesBlock::new((&a0, &none), (&g0, &none), 4)?;
/// let mut v = SMatrix::<f64, 1, 1>::new(8.0);
/// block.solve(SeriesOption::Two, 0.0, &mut v, &mut [0.0; kfac::series_scratch(1, 1)])?;
/// assert!((v[0] - 1.0).abs() < 1e-14);
/// # Ok::<(), nanocurv::kfac::KfacError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SeriesBlock<'a, T, const N: usize, const M: usize>(Series<'a, T>);

impl<'a, T: Real, const N: usize, const M: usize> SeriesBlock<'a, T, N, M> {
    /// Covariances of inputs (A0, and A1 with the later step first) and of output gradients.
    ///
    /// # Errors
    /// As [`Series::new`].
    pub fn new(
        (a0, a1): (&'a SMatrix<T, N, N>, &'a SMatrix<T, N, N>),
        (g0, g1): (&'a SMatrix<T, M, M>, &'a SMatrix<T, M, M>),
        steps: usize,
    ) -> Result<Self, KfacError> {
        Ok(Self(Series::new((a0.into(), a1.into()), (g0.into(), g1.into()), steps)?))
    }

    /// The run-time sized form.
    pub const fn erased(&self) -> &Series<'a, T> {
        &self.0
    }

    /// `V := F^-1 V`, damping `lambda` split by pi.
    ///
    /// # Errors
    /// As [`Series::solve`].
    pub fn solve<const S: usize>(
        &self,
        option: SeriesOption,
        lambda: T,
        v: &mut SMatrix<T, N, M>,
        scratch: &mut [T; S],
    ) -> Result<(), KfacError> {
        enough!("scratch", S, kfac::series_scratch(N, M));
        self.0.solve(option, lambda, v.into(), scratch)
    }
}
