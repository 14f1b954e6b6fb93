//! nanocurv-benches
