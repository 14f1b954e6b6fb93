//! A pressure gauge that calibrates itself in the field: the network that the desktop trained on
//! new sensors goes on learning, with K-FAC, when its own sensor has aged.
//!
//! All of the program but its input and output is here, so that it runs on the host as well
//! (`cargo run --target $(rustc --print host-tuple)`), with the same bits: only `+ - x /` and square
//! roots occur in it.
#![no_std]
#![forbid(unsafe_code)]

pub mod fault;
pub mod field;
pub mod flash;
pub mod gauge;
pub mod pressure;
pub mod report;
pub mod sensor;
