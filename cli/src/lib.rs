//! nanocurv-cli
