//! A full block, `(F + L I)^p V`, and a diagonal one, `(d + L)^p .* v`.

use nanocurv::kfac::{
    Diagonal, Full, KfacError, full_apply_scratch, full_power_scratch, full_solve_scratch,
};
use ndarray::{ArrayD, ArrayViewD};

use super::block::{Product, check_damping, explain, square};
use crate::desktop::array::{Float, Shape, columns, shaped, zeros};
use crate::desktop::error::{Error, Result, ensure};
use crate::desktop::factor::{Factor, by_columns, of_columns};

/// `(F + L I)^p V`, `F: P x P` symmetric; V (which messages call `name`) is `P`, `P x K`, or an
/// `in x out` matrix of P values, which is taken row by row. In the shape of V.
///
/// # Errors
/// If sizes do not fit, or an eigenvalue with the damping is not positive where it must be.
pub fn full<T: Float>(
    f: &Factor<T>,
    (name, v): (&str, ArrayViewD<'_, T>),
    product: Product,
    damping: f64,
) -> Result<ArrayD<T>> {
    check_damping(damping)?;
    product.validate()?;
    square(f)?;
    let p = f.shape.0;
    let unfit = || {
        let found = Shape(v.shape());
        format!("{name}: found shape {found}, needed {p} rows, as {} has", f.name)
    };
    ensure!(v.shape().first() == Some(&p) || v.len() == p, "{}", unfit());
    let k = v.len() / p;
    let by_rows = v.to_shape((p, k)).map_err(|_| Error::Input(unfit()))?;
    let mut w = by_columns(by_rows.view());
    let len = match product {
        Product::Apply => full_apply_scratch(p, k),
        Product::Solve => full_solve_scratch(p),
        _ => full_power_scratch(p, k),
    };
    let mut scratch = zeros::<T>(&[len])?;
    let (matrix, to, lambda) = (f.view()?, columns(&mut w, p, k)?, T::of(damping));
    let run = || -> Result<(), KfacError> {
        let block = Full::new(matrix)?.checked()?;
        match product {
            Product::Apply => block.apply(lambda, to, &mut scratch),
            Product::Solve => block.solve(lambda, to, &mut scratch),
            _ => block.power(T::of(product.exponent()), lambda, to, &mut scratch),
        }
    };
    run().map_err(|e| match e {
        KfacError::NotPositive { row, .. } => Error::Numeric(format!(
            "{}: eigenvalue {row} with the damping is not positive; is --damping large enough?",
            f.name
        )),
        e => explain(e, &f.name, &f.name),
    })?;
    Ok(shaped(v.shape(), of_columns(&w, p, k).into_raw_vec_and_offset().0))
}

/// `(d + L)^p .* v`, of any shape; messages call the arrays by their names.
///
/// # Errors
/// If the shapes differ in size, or a value with the damping is not positive where it must be.
pub fn diagonal<T: Float>(
    (factor, d): (&str, ArrayViewD<'_, T>),
    (name, v): (&str, ArrayViewD<'_, T>),
    product: Product,
    damping: f64,
) -> Result<ArrayD<T>> {
    check_damping(damping)?;
    product.validate()?;
    ensure!(
        d.len() == v.len(),
        "{name}: found shape {}, needed {}, that of {factor}",
        Shape(v.shape()),
        Shape(d.shape())
    );
    let d: Vec<T> = d.iter().copied().collect();
    let mut found: Vec<T> = v.iter().copied().collect();
    Diagonal::new(&d).power(T::of(product.exponent()), T::of(damping), &mut found).map_err(
        |e| match e {
            KfacError::NotPositive { row, .. } => Error::Numeric(format!(
                "{factor}: value {row} with the damping is not positive; is --damping large \
                 enough?"
            )),
            e => Error::Numeric(format!("{factor}: {e}")),
        },
    )?;
    Ok(shaped(v.shape(), found))
}
