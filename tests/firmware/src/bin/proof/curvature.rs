//! Curvature operators.

use nanocurv::curvature::*;
use nanocurv::kfac::{Ekfac, Factors, Preconditioner};
use nanocurv::{Mat, MatMut, Real, mlp};

mlp! { Net: 3 => 5 tanh => 4 relu => 2 }

/// The methods of an operator.
macro_rules! operator {
    ($($operator:ty),* $(,)?) => {
        $(keep!(
            <$operator as LinearOperator<T>>::rows,
            <$operator as LinearOperator<T>>::cols,
            <$operator as LinearOperator<T>>::scratch,
            <$operator as LinearOperator<T>>::apply,
            <$operator as LinearOperator<T>>::apply_transpose,
        );)*
    };
}

pub fn functions<T: Real>() {
    keep!(
        Diagonal::<T>::new,
        Dense::<T>::new,
        Damped::<Ggn<T>, T>::new,
        ScaledSum::<T, Ggn<T>>::new,
        Chain::<Ggn<T>, Dense<T>>::new,
        Submatrix::<Ggn<T>, [usize; 3]>::new::<T>,
        Gradient::<T>::new,
        Jacobian::<T>::new,
        Jacobian::<T>::with_tile,
        Hessian::<T>::new,
        Ggn::<T>::new,
        CurvatureOperator::<T>::new,
        EmpiricalFisher::<T>::new,
        MonteCarloFisher::<T>::new,
    );
    operator!(
        Identity, Diagonal<T>, Dense<T>, Transpose<Dense<T>>, Damped<Ggn<T>, T>,
        ScaledSum<T, Ggn<T>>, Chain<Ggn<T>, Dense<T>>, Submatrix<Ggn<T>, [usize; 3]>, Submatrix<Ggn<T>, &'static [usize]>, Gradient<T>,
        Jacobian<T>, Hessian<T>, Ggn<T>, EmpiricalFisher<T>, MonteCarloFisher<T>,
    );
    keep!(
        gradient_scratch,
        gradient::<T>,
        hessian_scratch,
        ggn_scratch,
        jacobian_scratch,
        to_dense_scratch,
    );
    keep!(
        cg_scratch,
        lsmr_scratch,
        neumann_scratch,
        eigenpairs_scratch,
        hutchinson_scratch,
        hutchpp_scratch,
        xtrace_scratch,
        diagonal_scratch,
        spectrum_scratch,
        spectral_density::<T>,
        sample_generator,
        Probe::draw::<T>,
        solvers::<T, Ggn<T>>,
        estimators::<T, Ggn<T>>,
    );
    keep!(DampedInverse::<T>::kfac, DampedInverse::<T>::ekfac);
    operator!(DampedInverse<T>, CurvatureOperator<T>, Factors<T>, Ekfac<T>, Preconditioner<T>);
    keep!(products::<T, Ggn<T>>, matrices::<T, Ggn<T>>, matrices::<T, Hessian<T>>);
    keep!(
        Batch::<T>::values,
        Batch::<T>::labels,
        Risk::<T>::new,
        Risk::<T>::with_tile,
        Risk::<T>::at,
        Risk::<T>::net,
        Risk::<T>::loss,
        Risk::<T>::reduction,
        Risk::<T>::batches,
        Risk::<T>::samples,
        Risk::<T>::tile,
        Risk::<T>::scale,
        Risk::<T>::tiles,
    );
    keep!(
        Tensor::range,
        structured::Unit::all,
        structured::tile_scratch,
        structured::unit_scratch,
        structured::TilePoint::<T>::tiles,
        structured::TilePoint::<T>::samples,
        structured::TilePoint::<T>::unit,
        structured::Recipe::<T>::record,
        dense_scratch,
        submatrix_scratch,
    );
}

/// Functions that take any operator have no address of their own.
fn products<T: Real, A: LinearOperator<T>>(
    of: &A,
    v: Mat<'_, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), CurvatureError> {
    apply_columns(of, v, out.reborrow(), scratch)?;
    to_dense(of, out, scratch)
}

fn matrices<'a, T: Real, A: RiskCurvature<'a, T>>(
    of: &A,
    (rows, cols): (Tensor, Tensor),
    (row_list, col_list): (&[usize], &[usize]),
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), CurvatureError> {
    dense(of, out.reborrow(), scratch)?;
    block(of, rows, cols, out.reborrow(), scratch)?;
    submatrix(of, row_list, col_list, out, scratch)
}

fn solvers<T: Real, A: LinearOperator<T>>(
    of: &A,
    (b, alpha): (&[T], T),
    x: &mut [T],
    until: Until<T>,
    (leading, vectors): (Leading, MatMut<'_, T>),
    scratch: &mut [T],
) -> Result<(), CurvatureError> {
    cg(of, of, b, x, until, scratch)?;
    lsmr(of, b, alpha, x, until, scratch)?;
    neumann(of, of, alpha, b, x, until, scratch)?;
    eigenpairs(of, leading, x.len(), 1, until, x, vectors, scratch)?;
    Ok(())
}

fn estimators<T: Real, A: LinearOperator<T>>(
    of: &A,
    (probe, products, seed): (Probe, usize, u64),
    (out, error): (&mut [T], &mut [T]),
    scratch: &mut [T],
) -> Result<(), CurvatureError> {
    hutchinson_trace(of, probe, products, seed, scratch)?;
    frobenius_squared(of, probe, products, seed, scratch)?;
    hutchpp_trace(of, probe, products, seed, scratch)?;
    xtrace(of, probe, products, seed, scratch)?;
    hutchinson_diagonal(of, products, seed, out, error, scratch)?;
    spectrum(of, probe, (products, products), seed, (out, error), scratch)?;
    Ok(())
}
