//! Dense kernels.

use super::{Agreement, Input, Memory, Task};

/// The rows of this family.
pub const TASKS: [Task; 2] = [
    Task {
        name: "dummy dot 256",
        inputs: &[Input::Values(512)],
        scratch: 0,
        run: dot,
        agreement: Agreement::Exact,
    },
    Task {
        name: "dummy gemm 16",
        inputs: &[Input::Values(512)],
        scratch: 0,
        run: gemm,
        agreement: Agreement::Exact,
    },
];

#[inline(never)]
fn dot(memory: &mut Memory) -> Option<&[f32]> {
    let (x, y) = memory.input[..512].split_at_checked(256)?;
    memory.output[0] = x.iter().zip(y).map(|(x, y)| x * y).sum();
    memory.output.get(..1)
}

#[inline(never)]
fn gemm(memory: &mut Memory) -> Option<&[f32]> {
    let (a, b) = memory.input[..512].split_at_checked(256)?;
    for (c, b) in memory.output[..256].chunks_exact_mut(16).zip(b.chunks_exact(16)) {
        c.fill(0.0);
        for (a, b) in a.chunks_exact(16).zip(b) {
            c.iter_mut().zip(a).for_each(|(c, a)| *c += a * b);
        }
    }
    memory.output.get(..256)
}
