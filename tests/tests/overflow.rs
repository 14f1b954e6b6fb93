//! A result that leaves the range of numbers is an error with a place, and no NaN that looks like
//! one: in f32, as a microcontroller computes.

use nanocurv::curvature::{
    Batch, Ggn, Hessian, LinearOperator, Risk, dense, dense_scratch, gradient, gradient_scratch,
};
use nanocurv::error::{LinalgError, NetworkError, NonFiniteError};
use nanocurv::kfac::{
    Damping, KfacError, Kronecker, apply_scratch, natural_gradient, natural_gradient_scratch,
};
use nanocurv::kron::{self, Kron, KronError, KronLdlt};
use nanocurv::network::{
    Activation, Layer, Loss, Mlp, Reduction, Targets, forward, forward_scratch,
};
use nanocurv::{Mat, MatMut, ntk};

const BATCH: usize = 3;

fn layers() -> [Layer; 2] {
    [Layer::new(2, 4, Activation::Relu), Layer::new(4, 1, Activation::Identity)]
}

/// Weights whose products leave the range of f32; each is a fine number itself.
fn weights() -> Vec<f32> {
    (0..17).map(|i| if i % 2 == 0 { 1e30 } else { 2e30 }).collect()
}

const X: [f32; 2 * BATCH] = [1.0, 2.0, 3.0, 0.5, 0.25, 1.5];
const Y: [f32; BATCH] = [1.0, 2.0, 3.0];

#[track_caller]
fn names(found: Option<NonFiniteError>, what: &str) {
    assert_eq!(found.map(|e| e.what), Some(what));
}

fn of_network<T>(result: Result<T, NetworkError>) -> Option<NonFiniteError> {
    match result {
        Err(NetworkError::NonFinite(e)) => Some(e),
        _ => None,
    }
}

#[test]
fn networks_and_kernels() {
    let (layers, theta) = (layers(), weights());
    let net = Mlp::new(&layers, &theta).unwrap();
    let x = Mat::new("x", &X, 2, BATCH).unwrap();
    let mut scratch = vec![0.0; 10_000];
    let mut f = [0.0; BATCH];
    let to = MatMut::new("f", &mut f, 1, BATCH).unwrap();
    let needed = forward_scratch(&layers, BATCH);
    names(of_network(forward(&net, x, to, &mut scratch[..needed])), "outputs");
    let mut k = [0.0; BATCH * BATCH];
    let to = MatMut::new("k", &mut k, BATCH, BATCH).unwrap();
    names(of_network(ntk::kernel(&net, x, to, &mut scratch)), "kernel");
    let mut gram = vec![0.0; 17 * 17];
    let to = MatMut::new("gram", &mut gram, 17, 17).unwrap();
    names(of_network(ntk::params_gram(&net, x, to, &mut scratch)), "Gram matrix");
    // Of three layers, whose first derivative has a product of two weights.
    let deep = [layers[0], Layer::new(4, 4, Activation::Relu), layers[1]];
    let theta: Vec<f32> = (0..37).map(|_| 1e30).collect();
    let net = Mlp::new(&deep, &theta).unwrap();
    let mut j = vec![0.0; 37 * BATCH];
    let to = MatMut::new("j", &mut j, 37, BATCH).unwrap();
    names(of_network(ntk::jacobian(&net, x, to, &mut scratch)), "Jacobian");
}

#[test]
fn gradients_and_curvature() {
    let (layers, theta) = (layers(), weights());
    let net = Mlp::new(&layers, &theta).unwrap();
    let (x, y) = (Mat::new("x", &X, 2, BATCH).unwrap(), Mat::new("y", &Y, 1, BATCH).unwrap());
    let batches = [Batch { x, targets: Targets::Values(y) }];
    let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap();
    let mut out = vec![0.0; 17];
    let mut scratch = vec![0.0; 10_000];
    let needed = gradient_scratch(&layers, BATCH);
    let found = gradient(&risk, &mut out, &mut scratch[..needed]);
    assert!(format!("{}", found.unwrap_err()).contains("loss"));
    let v = vec![1.0; 17];
    for found in [
        Hessian::new(risk).apply(&v, &mut out, &mut scratch),
        Ggn::new(risk).apply(&v, &mut out, &mut scratch),
    ] {
        assert!(format!("{}", found.unwrap_err()).contains("product"));
    }
    let mut matrix = vec![0.0; 17 * 17];
    let to = MatMut::new("matrix", &mut matrix, 17, 17).unwrap();
    let ggn = Ggn::new(risk);
    let found = dense(&ggn, to, &mut scratch[..dense_scratch(&layers, BATCH, false)]);
    assert!(format!("{}", found.unwrap_err()).contains("curvature"));
}

#[test]
fn steps_and_blocks() {
    let (layers, theta) = (layers(), weights());
    let net = Mlp::new(&layers, &theta).unwrap();
    let (x, y) = (Mat::new("x", &X, 2, BATCH).unwrap(), Mat::new("y", &Y, 1, BATCH).unwrap());
    let mut step = vec![0.0; 17];
    let mut scratch = vec![0.0; natural_gradient_scratch(&layers, BATCH)];
    let (loss, damping) = ((Loss::Mse, Reduction::Mean), (0.1, Damping::Pi));
    let found =
        natural_gradient(&net, x, Targets::Values(y), loss, damping, &mut step, &mut scratch);
    let place = match found.unwrap_err() {
        KfacError::NonFinite(e) => e.what,
        KfacError::Factor { error: LinalgError::NonFinite(e), .. } => e.what,
        other => panic!("{other}"),
    };
    assert!(["step", "pivot"].contains(&place), "{place}");
}

#[test]
fn blocks_and_kronecker_products() {
    let big = [1e30_f32, 0.0, 0.0, 1e30];
    let m = Mat::new("factor", &big, 2, 2).unwrap();
    let block = Kronecker::new(m, m).unwrap();
    let mut scratch = [0.0; apply_scratch(2, 2)];
    let mut v = [1.0_f32, 2.0, 3.0, 4.0];
    let to = MatMut::new("v", &mut v, 2, 2).unwrap();
    let found = block.apply_exact(0.1, to, &mut scratch).unwrap_err();
    assert!(matches!(found, KfacError::NonFinite(e) if e.what == "result"), "{found}");
    let kron = Kron::new(m, m);
    let mut y = [0.0; 4];
    let mut scratch = [0.0; kron::apply_scratch((2, 2), (2, 2))];
    let found =
        kron.apply(Mat::column_vector(&[1.0; 4]), MatMut::column_vector(&mut y), &mut scratch);
    assert!(matches!(found, Err(KronError::NonFinite(e)) if e.what == "y"));
    let small = [1e-30_f32, 0.0, 0.0, 1e-30];
    let m = Mat::new("factor", &small, 2, 2).unwrap();
    let mut memory = [0.0; 8];
    let solver = KronLdlt::new(Kron::new(m, m), &mut memory).unwrap();
    let found = solver.solve(MatMut::column_vector(&mut [1.0; 4]));
    assert!(matches!(found, Err(KronError::NonFinite(e)) if e.what == "solution"));
}
