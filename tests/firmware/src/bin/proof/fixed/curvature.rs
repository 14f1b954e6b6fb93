//! The curvature of a named network's batch.

use nanocurv::curvature::{Curvature, CurvatureError, DampedInverse, SolveInfo, Until};
use nanocurv::fixed::Problem;
use nanocurv::fixed::curvature::{solve_scratch, trace_scratch};
use nanocurv::network::Network;
use nanocurv::{Real, mlp};

mlp! { Net: 3 => 5 tanh => 4 relu => 2 }
const PARAMS: usize = Net::PARAMS;
/// More than any of the functions takes.
const SCRATCH: usize = 16384;

pub fn functions<T: Real>() {
    keep!(
        solve_scratch,
        trace_scratch,
        Problem::<Net, T, 7>::gradient::<SCRATCH>,
        Problem::<Net, T, 7>::hessian_product::<SCRATCH>,
        Problem::<Net, T, 7>::ggn_product::<SCRATCH>,
        Problem::<Net, T, 7>::product::<SCRATCH>,
        Problem::<Net, T, 7>::jacobian_product::<SCRATCH>,
        Problem::<Net, T, 7>::jacobian_transpose_product::<SCRATCH>,
        Problem::<Net, T, 7>::matrix::<PARAMS, SCRATCH>,
        Problem::<Net, T, 7>::block::<15, 5, SCRATCH>,
        Problem::<Net, T, 7>::submatrix::<2, 3, SCRATCH>,
        Problem::<Net, T, 7>::solve::<SCRATCH>,
        preconditioned::<T>,
        Problem::<Net, T, 7>::lsmr_solve::<SCRATCH>,
        Problem::<Net, T, 7>::least_squares::<SCRATCH>,
        Problem::<Net, T, 7>::neumann_solve::<SCRATCH>,
        Problem::<Net, T, 7>::trace::<SCRATCH>,
        Problem::<Net, T, 7>::hutchpp_trace::<6, SCRATCH>,
        Problem::<Net, T, 7>::xtrace::<6, SCRATCH>,
        Problem::<Net, T, 7>::frobenius_squared::<SCRATCH>,
        Problem::<Net, T, 7>::diagonal::<SCRATCH>,
        Problem::<Net, T, 7>::spectrum::<5, 2, SCRATCH>,
        Problem::<Net, T, 7>::eigenpairs::<PARAMS, 2, 8, SCRATCH>,
    );
}

/// A function that takes any preconditioner has no address of its own.
fn preconditioned<T: Real>(
    problem: &Problem<'_, Net, T, 7>,
    curvature: Curvature,
    (damping, until): (T, Until<T>),
    preconditioner: &DampedInverse<'_, T>,
    (b, x): (&[T; PARAMS], &mut [T; PARAMS]),
    scratch: &mut [T; SCRATCH],
) -> Result<SolveInfo<T>, CurvatureError> {
    Problem::preconditioned_solve(problem, curvature, damping, preconditioner, b, x, until, scratch)
}
