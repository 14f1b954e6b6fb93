//! The matrices and vectors that are written out.

use anyhow::Result;
use nanocurv::curvature::{
    Batch, Curvature, CurvatureOperator, Tensor, block, dense_scratch, gradient, gradient_scratch,
    submatrix, submatrix_scratch,
};
use nanocurv::{Mat, MatMut};

use super::Kind;
use super::operator::{Operator, Store};
use super::part::Part;
use super::problem::{Problem, Vectors};
use crate::args::Data;
use crate::array::{Float, zeros};
use crate::commands::kfac::factors::{self, Fisher, core_labels};
use crate::commands::validate::cases::Case;
use crate::commands::validate::curvature::Asked;
use crate::parallel;

/// The gradient.
pub(super) fn of_gradient<T: Float>(
    problem: &Problem<T>,
    batches: &[Batch<'_, T>],
) -> Result<Vec<T>> {
    let risk = problem.risk(batches)?;
    let mut out = vec![T::ZERO; problem.params()];
    let mut scratch = zeros::<T>(&[gradient_scratch(risk.net().layers(), risk.tile())])?;
    gradient(&risk, &mut out, &mut scratch)?;
    Ok(out)
}

/// The matrix or its part, row-major.
pub(super) fn matrix<T: Float>(
    problem: &Problem<T>,
    batches: &[Batch<'_, T>],
    store: &Store<T>,
    part: &Part,
    lists: Option<(&[usize], &[usize])>,
) -> Result<Vec<T>> {
    let p = problem.params();
    let Some(curvature) = problem.curvature() else {
        let operator = Operator::new(problem, batches, store, None)?;
        let all: Vec<usize> = (0..p).collect();
        let (rows, cols) = lists.unwrap_or((&all, &all));
        return operator.entries(rows, cols);
    };
    let risk = problem.risk(batches)?;
    let operator = CurvatureOperator::new(risk, curvature);
    let (layers, tile) = (risk.net().layers(), risk.tile());
    let hessian = curvature == Curvature::Hessian;
    let (height, width) = lists.map_or((p, p), |(r, c)| (r.len(), c.len()));
    let mut out = zeros::<T>(&[height, width])?;
    // The core's columns are the rows of the symmetric matrix, and a part's those of its transpose.
    let view = MatMut::of(&mut out, width, height);
    match (part, lists) {
        (Part::Block(rows, cols), _) => {
            let tensors = problem.net.reference.tensors();
            let tensor = |at: usize| {
                let kind = if tensors[at].bias { Tensor::Bias } else { Tensor::Weight };
                kind(tensors[at].layer)
            };
            let mut scratch = zeros::<T>(&[dense_scratch(layers, tile, hessian)])?;
            block(&operator, tensor(*cols), tensor(*rows), view, &mut scratch)?;
        }
        (Part::Lists, Some((rows, cols))) => {
            let mut scratch = zeros::<T>(&[submatrix_scratch(layers, tile, hessian)])?;
            submatrix(&operator, cols, rows, view, &mut scratch)?;
        }
        _ => parallel::dense(&operator, &mut out)?,
    }
    Ok(out)
}

/// The factors of K-FAC over all the data.
pub(super) fn kfac_factors<T: Float>(problem: &Problem<T>) -> Result<Vec<T>> {
    let x: Mat<'_, T> = problem.data.x.batch();
    factors::accumulate(&problem.net, x, &problem.targets, problem.loss, problem.fisher)
}

/// A curvature of an example case, row-major: for `validate`.
///
/// # Errors
/// If the case is damaged.
pub fn of_case<T: Float>(case: &Case, kind: Kind, asked: Asked) -> Result<Vec<T>> {
    let data = Data { x: case.x::<T>()?, batches: case.samples()? };
    let problem = Problem {
        kind,
        net: case.net()?,
        data,
        targets: case.targets()?,
        loss: (case.loss, case.reduction),
        fisher: (Fisher::TypeTwo, 1, 0),
        separate_bias: false,
    };
    let labels = core_labels(&problem.targets);
    let batches = problem.batches(&labels);
    if kind == Kind::Gradient {
        return of_gradient(&problem, &batches);
    }
    let store = Store::new(&problem)?;
    match asked {
        Asked::Whole => matrix(&problem, &batches, &store, &Part::All, None),
        Asked::Lists => {
            matrix(&problem, &batches, &store, &Part::Lists, Some((&case.rows, &case.cols)))
        }
        Asked::Product => {
            let v = case.array("v")?;
            let rows = problem.params();
            let values = v.to_vec();
            let vectors = Vectors { rows, cols: values.len() / rows, vector: false, values };
            Operator::new(&problem, &batches, &store, None)?.product(&vectors)
        }
    }
}
