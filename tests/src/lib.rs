//! nanocurv-tests
