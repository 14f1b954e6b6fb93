//! The proof that no public function of the core can panic: each is in this image, for f32 and
//! f64, behind a pointer that the compiler cannot see through, and the image links.
//!
//! `tests/tests/firmware_proof.rs` checks that none is missing.
#![no_std]
#![no_main]

use nanocurv_firmware::cases::{Agreement, Memory, task};

/// Keeps functions in the image, for any arguments.
macro_rules! keep {
    ($($function:expr),* $(,)?) => {
        $(core::hint::black_box($function as *const ());)*
    };
}

mod curvature;
mod dynamics;
mod fixed;
mod foundation;
mod kfac;
mod kron;
mod laplace;
mod linalg;
mod matrix;
mod network;
mod ntk;
mod store;
mod stream;

nanocurv_firmware::image!([task("proof", &[], 0, proof, Agreement::Exact)]);

#[inline(never)]
fn proof(memory: &mut Memory) -> Option<&[f32]> {
    foundation::functions::<f32>();
    foundation::functions::<f64>();
    matrix::functions::<f32>();
    matrix::functions::<f64>();
    linalg::functions::<f32>();
    linalg::functions::<f64>();
    network::functions::<f32>();
    network::functions::<f64>();
    ntk::functions::<f32>();
    ntk::functions::<f64>();
    kron::functions::<f32>();
    kron::functions::<f64>();
    kfac::functions::<f32>();
    kfac::functions::<f64>();
    curvature::functions::<f32>();
    curvature::functions::<f64>();
    laplace::functions::<f32>();
    laplace::functions::<f64>();
    dynamics::functions::<f32>();
    dynamics::functions::<f64>();
    store::functions();
    stream::functions::<f32>();
    stream::functions::<f64>();
    fixed::functions::<f32>();
    fixed::functions::<f64>();
    memory.output.get(..0)
}
