//! The core's curvature against PyTorch autograd and curvlinops.

use anyhow::Result;

use super::cases::{self, Case};
use super::check::Check;
use crate::dense::Difference;
use crate::desktop::Float;
use crate::desktop::array::matrix;
use crate::desktop::curvature::{Curvature, Kind, Part, Problem, gradient};

/// The arrays of a case, each with the curvature that it is and whether it is a product.
const ARRAYS: [(&str, Kind, Asked); 7] = [
    ("gradient", Kind::Gradient, Asked::Whole),
    ("hessian", Kind::Hessian, Asked::Whole),
    ("ggn", Kind::Ggn, Asked::Whole),
    ("empirical_fisher", Kind::EmpiricalFisher, Asked::Whole),
    ("hessian_v", Kind::Hessian, Asked::Product),
    ("ggn_v", Kind::Ggn, Asked::Product),
    ("hessian_sub", Kind::Hessian, Asked::Lists),
];

/// What of a curvature an array holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// All of it.
    Whole,
    /// The product with `v`.
    Product,
    /// The rows and columns that the case names.
    Lists,
}

/// One line per case and array in double precision, one per case in single.
pub fn checks() -> Vec<Check> {
    let mut checks = Vec::new();
    for name in cases::NAMES {
        for (array, kind, asked) in ARRAYS {
            let what = array.replace('_', " ");
            checks.push(Check::new(
                format!("curvature {name} {what} f64 = PyTorch"),
                f64::TOLERANCE,
                move || error::<f64>(&Case::open(name)?, array, kind, asked),
            ));
        }
        checks.push(Check::new(
            format!("curvature {name} f32 = PyTorch"),
            f32::TOLERANCE,
            move || {
                let case = Case::open(name)?;
                ARRAYS.iter().try_fold(0.0, |worst: f64, (array, kind, asked)| {
                    Ok(worst.max(error::<f32>(&case, array, *kind, *asked)?))
                })
            },
        ));
    }
    checks
}

fn error<T: Float>(case: &Case, array: &str, kind: Kind, asked: Asked) -> Result<f64> {
    let (net, data) = (case.net::<T>()?, case.data::<T>()?);
    let loss = (case.loss, case.reduction);
    let expected = case.expected(array)?;
    if kind == Kind::Gradient {
        let found = gradient(&net, &data, loss)?;
        return Ok(Difference::of(&found, &expected).relative());
    }
    let curvature = Curvature::new(Problem::new(kind, &net, &data, loss))?;
    let found = match asked {
        Asked::Whole => curvature.matrix(&Part::All)?.into_dyn(),
        Asked::Lists => {
            let part = Part::lists(&net, case.rows.clone(), case.cols.clone())?;
            curvature.matrix(&part)?.into_dyn()
        }
        Asked::Product => {
            let (v, p) = (case.array("v")?.to_vec::<T>(), net.params());
            let v = matrix(p, v.len() / p, v).into_dyn();
            curvature.product(&Part::All, "v", v.view())?
        }
    };
    Ok(Difference::of(&found, &expected).relative())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_holds() {
        for check in checks() {
            let (name, tolerance) = (check.name, check.tolerance);
            let error = (check.error)().unwrap();
            assert!(error <= tolerance, "{name}: {error:e}");
        }
    }
}
