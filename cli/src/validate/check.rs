//! One check.

use std::fmt;

use anyhow::Result;

/// One line of the validation: a name and how to find the worst error.
pub struct Check {
    /// What is held against what, topic first.
    pub name: String,
    /// What the error may be.
    pub tolerance: f64,
    /// Computes the worst relative error.
    pub error: Box<dyn FnOnce() -> Result<f64>>,
}

impl Check {
    /// A check of this name, tolerance and measure.
    pub fn new(
        name: impl Into<String>,
        tolerance: f64,
        error: impl FnOnce() -> Result<f64> + 'static,
    ) -> Self {
        Self { name: name.into(), tolerance, error: Box::new(error) }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({}, {:e})", self.name, self.tolerance)
    }
}
