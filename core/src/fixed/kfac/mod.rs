//! K-FAC: [`Block`], [`DiagonalBlock`], [`FullBlock`] and [`SeriesBlock`] of one layer over
//! `SMatrix`; the factors, natural gradients and EKFAC states of a [`Problem`](super::Problem),
//! as [`OfNetwork`]; and [`Training`], the optimiser of a network named by [`mlp!`](crate::mlp).

mod block;
mod network;

pub use block::{Block, DiagonalBlock, EigenBlock, FullBlock, SeriesBlock, SolvedBlock};
pub use network::{OfNetwork, Training};
