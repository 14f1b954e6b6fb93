#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod curvature;
pub mod dynamics;
pub mod error;
pub mod fixed;
pub mod kfac;
pub mod kron;
pub mod laplace;
pub mod linalg;
pub mod matrix;
pub mod network;
pub mod ntk;
pub mod random;
pub mod scalar;
pub mod scratch;
pub mod store;
pub mod stream;

pub use matrix::{Mat, MatMut};
#[doc(no_inline)]
pub use nalgebra::SMatrix;
pub use scalar::Real;
