//! The desktop side of nanocurv: an engine, and the command-line program `nanocurv` over it.
//!
//! ```text
//! commands   validate        fronts: neither knows the other
//!     \\         /
//!   args  session            what is said on the command line; the clock, the way out
//!       \\    /
//!   report  plot             results as text, JSON and CSV; as pictures
//!      io  dense             files <-> the engine's types; the witness, naive and in f64
//!        desktop             THE ENGINE: owned networks and data, every computation on them
//!          |
//!       nanocurv             the core
//! ```
//!
//! Without the feature `program` (on by default) there are the engine, the files and the witness
//! alone: what another front builds on.

pub mod dense;
pub mod desktop;
pub mod io;

#[cfg(feature = "program")]
pub mod args;
#[cfg(feature = "program")]
pub mod commands;
#[cfg(feature = "program")]
pub mod plot;
#[cfg(feature = "program")]
mod program;
#[cfg(feature = "program")]
pub mod report;
#[cfg(feature = "program")]
pub mod session;
#[cfg(feature = "program")]
pub mod validate;

#[cfg(feature = "program")]
pub use program::main;
