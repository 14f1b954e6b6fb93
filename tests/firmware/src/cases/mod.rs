//! The tasks: what is run on the target, with inputs that host and target make alike.
//!
//! This folder is compiled twice, into the images and into the host's test
//! `tests/tests/firmware_bits.rs`, which is how both are known to do the same work.

pub mod activations;
pub mod curvature;
pub mod dynamics;
pub mod kfac;
pub mod laplace;
pub mod linalg;
pub mod ntk;
pub mod setup;
pub mod stream;

/// The most values that a task may have of each kind.
pub const CAPACITY: usize = 8192;

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Task {
    /// The row's name: it says the work.
    pub name: &'static str,
    /// What the memory's inputs hold before each run, one after the other.
    pub inputs: &'static [Input],
    /// The number of scratch values that the work asks for.
    pub scratch: usize,
    /// The work; `None` if it failed, else the values it computed.
    pub run: Run,
    /// How far the target may be from the host.
    pub agreement: Agreement,
}

/// The work of a task.
pub type Run = fn(&mut Memory) -> Option<&[f32]>;

/// A task; the arguments are its fields.
pub const fn task(
    name: &'static str,
    inputs: &'static [Input],
    scratch: usize,
    run: Run,
    agreement: Agreement,
) -> Task {
    Task { name, inputs, scratch, run, agreement }
}

/// The target's agreement with the host.
#[derive(Clone, Copy, Debug)]
pub enum Agreement {
    /// Bit for bit: only + - x / occur.
    Exact,
    /// To this error, relative to the largest value: a transcendental function occurs.
    Within(f32),
}

/// One input, in values of type f32.
#[derive(Clone, Copy)]
pub enum Input {
    /// `x_i = ((7 i + 3 (i / 8) + 1) mod 11) / 8 - 5/8`: exact in f32, eleven values, no pattern
    /// of period 8 or 16.
    Values(usize),
    /// A symmetric positive definite `n x n` matrix: `x_|i-j| / 2 + n/2` on the diagonal.
    Positive(usize),
    /// `x_i + 3/4`, between 1/8 and 11/8: variances.
    Variances(usize),
    /// These values.
    Given(&'static [f32]),
}

/// Where a task lives: static, so that the stack holds frames only.
pub struct Memory {
    /// The inputs, which a task may overwrite.
    pub input: [f32; CAPACITY],
    /// What a task computes, if it is not in place.
    pub output: [f32; CAPACITY],
    /// The algorithms' scratch; a task takes exactly what it asks for.
    pub scratch: [f32; CAPACITY],
}

impl Memory {
    /// All zero.
    pub const EMPTY: Self =
        Self { input: [0.0; CAPACITY], output: [0.0; CAPACITY], scratch: [0.0; CAPACITY] };

    /// Writes a task's inputs.
    #[inline(never)]
    pub fn prepare(&mut self, inputs: &[Input]) {
        let mut rest = self.input.iter_mut();
        for input in inputs {
            match *input {
                Input::Values(len) => {
                    rest.by_ref().take(len).enumerate().for_each(|(i, v)| *v = value(i));
                }
                Input::Variances(len) => {
                    rest.by_ref().take(len).enumerate().for_each(|(i, v)| *v = value(i) + 0.75);
                }
                Input::Positive(n) => {
                    for j in 0..n {
                        for (i, v) in rest.by_ref().take(n).enumerate() {
                            let diagonal = if i == j { n as f32 } else { 0.0 };
                            *v = 0.5 * (value(i.abs_diff(j)) + diagonal);
                        }
                    }
                }
                Input::Given(values) => rest.by_ref().zip(values).for_each(|(v, x)| *v = *x),
            }
        }
    }
}

/// The `i`-th input value.
fn value(i: usize) -> f32 {
    ((7 * i + 3 * (i / 8) + 1) % 11) as f32 / 8.0 - 0.625
}
