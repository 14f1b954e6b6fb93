//! K-FAC with sizes that the compiler checks: [`Block`], [`DiagonalBlock`], [`FullBlock`] and
//! [`SeriesBlock`] of one layer over `SMatrix`, [`Samples`], [`OfNetwork`] and [`Training`] of a
//! network named by [`mlp!`](crate::mlp).
//!
//! Thin: each calls its run-time sized counterpart, which is compiled once for all sizes. A scratch
//! array that is too short does not compile, with a sentence that says how to place it.

mod block;
mod network;

pub use block::{Block, DiagonalBlock, EigenBlock, FullBlock, SeriesBlock, SolvedBlock};
pub use network::{OfNetwork, Samples, Training};

/// The sentence of a scratch array that is too short.
macro_rules! enough {
    ($given:expr, $needed:expr, $sentence:literal) => {
        const { assert!($given >= $needed, $sentence) }
    };
}
use enough;
