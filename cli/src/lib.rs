//! nanocurv-cli

pub mod plot;
