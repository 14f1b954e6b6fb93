//! The core's tangent kernel and Jacobian as row-major arrays, with exactly the scratch asked for.

use crate::{mat, mat_mut};
use nanocurv::linalg::{eigh, eigh_scratch};
use nanocurv::network::{Mlp, forward, forward_scratch};
use nanocurv::ntk::{
    Component, Directions, Pairing, Tape, jacobian_scratch, params_gram_scratch, square_tile,
    tape_len, tile, tile_scratch,
};
use nanocurv::{Mat, Real, ntk};

/// The components of all parameter tensors, in the order of the parameters.
pub fn components<T: Real>(net: &Mlp<'_, T>) -> Vec<Component> {
    let mut components = Vec::new();
    for (l, layer) in net.layers().iter().enumerate() {
        components.push(Component::Weights(l));
        if layer.bias {
            components.push(Component::Bias(l));
        }
    }
    components
}

/// The outputs, `(N, O)`.
///
/// # Panics
/// If the core returns an error, as all functions here.
pub fn outputs<T: Real>(net: &Mlp<'_, T>, x: Mat<'_, T>) -> Vec<T> {
    let mut f = vec![T::ZERO; net.outputs() * x.cols()];
    let mut scratch = vec![T::ZERO; forward_scratch(net.layers(), x.cols())];
    forward(net, x, mat_mut(&mut f, net.outputs(), x.cols()), &mut scratch).unwrap();
    f
}

/// The Jacobian, `(N, O, P)`.
///
/// # Panics
/// As [`outputs`].
pub fn jacobian<T: Real>(net: &Mlp<'_, T>, x: Mat<'_, T>) -> Vec<T> {
    let (rows, cols) = (net.params(), x.cols() * net.outputs());
    let mut j = vec![T::ZERO; rows * cols];
    let mut scratch = vec![T::ZERO; jacobian_scratch(net.layers(), x.cols())];
    ntk::jacobian(net, x, mat_mut(&mut j, rows, cols), &mut scratch).unwrap();
    j
}

/// The Gram matrix of the parameters, `(P, P)`.
///
/// # Panics
/// As [`outputs`].
pub fn params_gram<T: Real>(net: &Mlp<'_, T>, x: Mat<'_, T>) -> Vec<T> {
    let p = net.params();
    let mut gram = vec![T::ZERO; p * p];
    let mut scratch = vec![T::ZERO; params_gram_scratch(net.layers())];
    ntk::params_gram(net, x, mat_mut(&mut gram, p, p), &mut scratch).unwrap();
    gram
}

/// The kernel of one batch summed over the directions, `(N, N)`.
///
/// # Panics
/// As [`outputs`].
pub fn square<T: Real>(
    net: &Mlp<'_, T>,
    directions: Directions,
    component: Component,
    x: Mat<'_, T>,
) -> Vec<T> {
    let n = x.cols();
    let mut storage = vec![T::ZERO; tape_len(net.layers(), directions, n)];
    let tape = Tape::record(net, directions, x, &mut storage).unwrap();
    let (mut k, mut scratch) = (vec![T::ZERO; n * n], vec![T::ZERO; tile_scratch(n, n)]);
    square_tile(net, &tape, component, mat_mut(&mut k, n, n), &mut scratch).unwrap();
    k
}

/// The trace kernel of one batch, `(N, N)`.
///
/// # Panics
/// As [`outputs`].
pub fn trace<T: Real>(net: &Mlp<'_, T>, component: Component, x: Mat<'_, T>) -> Vec<T> {
    square(net, Directions::Each, component, x)
}

/// The kernel between two batches for one pairing of the directions, `(N, M)`.
///
/// # Panics
/// As [`outputs`].
pub fn between<T: Real>(
    net: &Mlp<'_, T>,
    directions: Directions,
    pairing: Pairing,
    component: Component,
    (x1, x2): (Mat<'_, T>, Mat<'_, T>),
) -> Vec<T> {
    let (n, m) = (x1.cols(), x2.cols());
    let mut storage = vec![T::ZERO; tape_len(net.layers(), directions, n)];
    let rows = Tape::record(net, directions, x1, &mut storage).unwrap();
    let mut storage = vec![T::ZERO; tape_len(net.layers(), directions, m)];
    let cols = Tape::record(net, directions, x2, &mut storage).unwrap();
    let (mut k, mut scratch) = (vec![T::ZERO; n * m], vec![T::ZERO; tile_scratch(n, m)]);
    let to = mat_mut(&mut k, n, m);
    tile(net, (&rows, &cols), pairing, component, to, &mut scratch).unwrap();
    let k = mat(&k, n, m);
    (0..n * m).map(|at| k.at(at / m, at % m)).collect()
}

/// The full kernel between two batches, `(N, O, M, O)`.
///
/// # Panics
/// As [`outputs`].
pub fn full<T: Real>(
    net: &Mlp<'_, T>,
    component: Component,
    x: (Mat<'_, T>, Mat<'_, T>),
) -> Vec<T> {
    let (n, m, o) = (x.0.cols(), x.1.cols(), net.outputs());
    let mut k = vec![T::ZERO; n * o * m * o];
    for (a, b) in (0..o).flat_map(|a| (0..o).map(move |b| (a, b))) {
        let block = between(net, Directions::Each, Pairing::Pair(a, b), component, x);
        for (at, v) in block.into_iter().enumerate() {
            k[((at / m * o + a) * m + at % m) * o + b] = v;
        }
    }
    k
}

/// The eigenvalues of a symmetric matrix, ascending.
///
/// # Panics
/// As [`outputs`].
pub fn eigenvalues<T: Real>(matrix: &[T], n: usize) -> Vec<T> {
    let mut a = matrix.to_vec();
    let (mut values, mut vectors) = (vec![T::ZERO; n], vec![T::ZERO; n * n]);
    let mut scratch = vec![T::ZERO; eigh_scratch(n)];
    let (a, vectors) = (mat_mut(&mut a, n, n), mat_mut(&mut vectors, n, n));
    eigh(a, &mut values, vectors, &mut scratch).unwrap();
    values
}
