//! Dense kernels.

use super::Agreement::{Exact, Within};
use super::Input::{Positive, Values};
use super::setup::{mat, mat_mut};
use super::{Memory, Task, task};
use nanocurv::linalg::{
    dot, eigh, gemm, gemm_nt, gemm_tn, ldlt, ldlt_inverse, ldlt_inverse_scratch, ldlt_solve,
    ldlt_solve_right, lu, lu_solve, syrk_tn,
};
use nanocurv::{Mat, MatMut};

/// The rows of this family.
pub const TASKS: [Task; 10] = [
    task("dot 256", &[Values(512)], 0, dot_256, Exact),
    task("gemm 16", &[Values(512)], 0, gemm_16, Exact),
    task("gemm transposed 16", &[Values(512)], 0, gemm_tn_16, Exact),
    task("gemm by transposed 16", &[Values(512)], 0, gemm_nt_16, Exact),
    task("gram 16", &[Values(256)], 0, gram_16, Exact),
    task("ldlt 32", &[Positive(32)], 0, ldlt_32, Exact),
    task("spd inverse 16", &[Positive(16)], ldlt_inverse_scratch(16), inverse_16, Exact),
    task("precondition 8x9", &[Positive(9), Positive(8), Values(72)], 0, precondition, Exact),
    task("lu solve 16", &[Positive(16), Values(16)], 0, lu_solve_16, Exact),
    // Square roots occur, but correctly rounded ones.
    task("eigh 8", &[Positive(8)], 0, eigh_8, Within(1e-6)),
];

#[inline(never)]
fn dot_256(memory: &mut Memory) -> Option<&[f32]> {
    let (x, y) = memory.input[..512].split_at_checked(256)?;
    memory.output[0] = dot(x, y);
    memory.output.get(..1)
}

/// Two 16 x 16 factors and where their product goes.
fn factors(memory: &mut Memory) -> Option<(Mat<'_, f32>, Mat<'_, f32>, MatMut<'_, f32>)> {
    let (a, b) = memory.input[..512].split_at_checked(256)?;
    let c = mat_mut(&mut memory.output[..256], 16, 16)?;
    Some((mat(a, 16, 16)?, mat(b, 16, 16)?, c))
}

#[inline(never)]
fn gemm_16(memory: &mut Memory) -> Option<&[f32]> {
    let (a, b, c) = factors(memory)?;
    gemm(1.0, a, b, 0.0, c).ok()?;
    memory.output.get(..256)
}

#[inline(never)]
fn gemm_tn_16(memory: &mut Memory) -> Option<&[f32]> {
    let (a, b, c) = factors(memory)?;
    gemm_tn(1.0, a, b, 0.0, c).ok()?;
    memory.output.get(..256)
}

#[inline(never)]
fn gemm_nt_16(memory: &mut Memory) -> Option<&[f32]> {
    let (a, b, c) = factors(memory)?;
    gemm_nt(1.0, a, b, 0.0, c).ok()?;
    memory.output.get(..256)
}

#[inline(never)]
fn gram_16(memory: &mut Memory) -> Option<&[f32]> {
    let a = mat(&memory.input[..256], 16, 16)?;
    let mut c = mat_mut(&mut memory.output[..256], 16, 16)?;
    syrk_tn(1.0, a, 0.0, c.reborrow()).ok()?;
    c.mirror_lower();
    memory.output.get(..256)
}

#[inline(never)]
fn ldlt_32(memory: &mut Memory) -> Option<&[f32]> {
    ldlt(mat_mut(&mut memory.input[..1024], 32, 32)?).ok()?;
    memory.input.get(..1024)
}

#[inline(never)]
fn inverse_16(memory: &mut Memory) -> Option<&[f32]> {
    let a = mat_mut(&mut memory.input[..256], 16, 16)?;
    ldlt_inverse(a, &mut memory.scratch[..ldlt_inverse_scratch(16)]).ok()?;
    memory.input.get(..256)
}

/// `A^-1 V G^-1` for one layer with 8 inputs, a bias and 8 outputs: `A: 9 x 9`, `G: 8 x 8`.
#[inline(never)]
fn precondition(memory: &mut Memory) -> Option<&[f32]> {
    let (a, rest) = memory.input[..217].split_at_mut_checked(81)?;
    let (g, v) = rest.split_at_mut_checked(64)?;
    let (mut a, mut g) = (mat_mut(a, 9, 9)?, mat_mut(g, 8, 8)?);
    let mut v = mat_mut(v, 9, 8)?;
    ldlt(a.reborrow()).ok()?;
    ldlt(g.reborrow()).ok()?;
    ldlt_solve(a.as_ref(), v.reborrow()).ok()?;
    ldlt_solve_right(g.as_ref(), v).ok()?;
    memory.input.get(145..217)
}

#[inline(never)]
fn lu_solve_16(memory: &mut Memory) -> Option<&[f32]> {
    let (a, b) = memory.input[..272].split_at_mut_checked(256)?;
    let mut a = mat_mut(a, 16, 16)?;
    let mut pivots = [0; 16];
    lu(a.reborrow(), &mut pivots).ok()?;
    lu_solve(a.as_ref(), &pivots, mat_mut(b, 16, 1)?).ok()?;
    memory.input.get(256..272)
}

#[inline(never)]
fn eigh_8(memory: &mut Memory) -> Option<&[f32]> {
    let a = mat_mut(&mut memory.input[..64], 8, 8)?;
    let (values, vectors) = memory.output[..72].split_at_mut_checked(8)?;
    eigh(a, values, mat_mut(vectors, 8, 8)?, &mut []).ok()?;
    memory.output.get(..72)
}
