//! The learning dynamics of two-layer linear networks `f(x) = w2 W1 x`, and double descent: the
//! linear teacher, training, the exact (u, z) reduction, closed forms, risk curves, vector fields,
//! the Jacobian's spectrum by layer. Loss and risk are sums of squares.

mod ensemble;
mod field;
mod grid;
mod modes;
mod one_layer;
mod problem;
mod record;
mod risk;
mod run;
mod snapshot;
mod spectrum;
mod teacher;
mod tour;

pub use ensemble::{Average, average};
pub use field::{Field, PlaneName, Slice, Space};
pub use grid::{geometric, geometric_times};
pub use modes::mode_weights;
pub use one_layer::OneLayer;
pub use problem::{Init, Measures, Problem, Risk, hidden_units, standardize_features, start};
pub use record::Record;
pub use risk::{RiskCurve, excess, turn_tolerance, turning_points};
pub use run::{Route, run};
pub use snapshot::{Alignment, Snapshot, rows_of, shares_of};
pub use spectrum::{LayerSpectrum, layer_spectrum};
pub use teacher::Sample;
pub use tour::{HIDDEN, ITERATIONS, SAMPLES, Tour, Training, Turns, VISIBLE, tour};
