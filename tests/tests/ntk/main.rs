//! The tangent kernel of the core against PyTorch, the source notebook, its laws and the dense
//! references.

mod laws;
mod notebook;
mod properties;
mod reference;
