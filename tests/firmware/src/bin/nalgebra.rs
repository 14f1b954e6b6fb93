//! Yardsticks: the same work by nalgebra's const-generic matrices, in the same harness.
//!
//! nalgebra can panic, so this image is linked without the proof.
#![no_std]
#![no_main]

use nalgebra::{Cholesky, Const, SMatrix};
use nanocurv_firmware::cases::{Agreement, Input, Memory, Run, Task, task};

nanocurv_firmware::image!(
    [
        yardstick("nalgebra gemm 16", &[Input::Values(512)], gemm),
        yardstick("nalgebra spd inverse 16", &[Input::Positive(16)], inverse),
        yardstick("nalgebra ldlt 32", &[Input::Positive(32)], cholesky),
    ],
    may_panic
);

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    nanocurv_firmware::fail()
}

/// A yardstick takes no scratch: nalgebra's temporaries are on the stack.
const fn yardstick(name: &'static str, inputs: &'static [Input], run: Run) -> Task {
    task(name, inputs, 0, run, Agreement::Within(1e-4))
}

/// The `R x C` matrix at the start of an array, where it lies.
fn matrix<const R: usize, const C: usize>(values: &mut [f32]) -> &mut SMatrix<f32, R, C> {
    let values = &mut values[..R * C];
    // SAFETY: SMatrix is a transparent [[f32; R]; C], columns one after the other.
    unsafe { &mut *values.as_mut_ptr().cast() }
}

#[inline(never)]
fn gemm(memory: &mut Memory) -> Option<&[f32]> {
    let (a, b) = memory.input.split_at_mut(256);
    matrix::<16, 16>(&mut memory.output).gemm(1.0, matrix::<16, 16>(a), matrix::<16, 16>(b), 0.0);
    memory.output.get(..256)
}

#[inline(never)]
fn inverse(memory: &mut Memory) -> Option<&[f32]> {
    let a = *matrix::<16, 16>(&mut memory.input);
    *matrix(&mut memory.output) = Cholesky::<f32, Const<16>>::new(a)?.inverse();
    memory.output.get(..256)
}

/// nalgebra's nearest to LDL^T, with square roots: its values are not compared.
#[inline(never)]
fn cholesky(memory: &mut Memory) -> Option<&[f32]> {
    let a = *matrix::<32, 32>(&mut memory.input);
    *matrix(&mut memory.output) = Cholesky::<f32, Const<32>>::new(a)?.unpack_dirty();
    memory.output.get(..0)
}
