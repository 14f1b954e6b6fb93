//! Yardsticks: the same work by nalgebra's const-generic matrices, in the same harness.
//!
//! nalgebra can panic, so this image is linked without the proof.
#![no_std]
#![no_main]

use nalgebra::{Cholesky, Const, SMatrix, SVector};
use nanocurv_firmware::cases::{Agreement, Input, Memory, Run, Task, task};

nanocurv_firmware::image!(
    [
        yardstick("nalgebra gemm 16", &[Input::Values(512)], gemm),
        yardstick("nalgebra spd inverse 16", &[Input::Positive(16)], inverse),
        yardstick("nalgebra ldlt 32", &[Input::Positive(32)], cholesky),
        yardstick(
            "nalgebra precondition 8x9",
            &[Input::Positive(9), Input::Positive(8), Input::Values(72)],
            precondition
        ),
        yardstick("nalgebra ntk 4-8-8-1 batch 8", &[Input::Values(121), Input::Values(32)], ntk),
        yardstick(
            "nalgebra kfac step 4-8-8-1 batch 8",
            &[Input::Values(121), Input::Values(40)],
            kfac_step
        ),
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

/// `A^-1 V G^-1`, `A: 9 x 9`, `G: 8 x 8`.
#[inline(never)]
fn precondition(memory: &mut Memory) -> Option<&[f32]> {
    let (a, rest) = memory.input.split_at_mut(81);
    let (g, v) = rest.split_at_mut(64);
    let a = Cholesky::<f32, Const<9>>::new(*matrix::<9, 9>(a))?;
    let g = Cholesky::<f32, Const<8>>::new(*matrix::<8, 8>(g))?;
    let v = matrix::<9, 8>(v);
    a.solve_mut(v);
    *v = g.solve(&v.transpose()).transpose();
    memory.input.get(145..217)
}

type Batch<const WIDTH: usize> = SMatrix<f32, WIDTH, 8>;

/// The sensor's net: its weights and biases, and the inputs of its layers.
struct Forward {
    w: (SMatrix<f32, 8, 4>, SMatrix<f32, 8, 8>, SMatrix<f32, 1, 8>),
    x: (Batch<4>, Batch<8>, Batch<8>),
}

fn forward(theta: &[f32], x0: Batch<4>) -> Forward {
    let w0 = SMatrix::<f32, 8, 4>::from_row_slice(&theta[..32]);
    let b0 = SVector::<f32, 8>::from_row_slice(&theta[32..40]);
    let w1 = SMatrix::<f32, 8, 8>::from_row_slice(&theta[40..104]);
    let b1 = SVector::<f32, 8>::from_row_slice(&theta[104..112]);
    let w2 = SMatrix::<f32, 1, 8>::from_row_slice(&theta[112..120]);
    let layer = |mut z: Batch<8>, b: &SVector<f32, 8>| {
        z.column_iter_mut().for_each(|mut z| z += b);
        z.map(libm::tanhf)
    };
    let x1 = layer(w0 * x0, &b0);
    let x2 = layer(w1 * x1, &b1);
    Forward { w: (w0, w1, w2), x: (x0, x1, x2) }
}

fn slope(x: &Batch<8>) -> Batch<8> {
    x.map(|a| 1.0 - a * a)
}

/// One layer: the factors, damped by pi, and `A^-1 V G^-1` in parameter order; `N = I + 1`.
fn layer_step<const I: usize, const N: usize, const O: usize>(
    x: &Batch<I>,
    g: &Batch<O>,
    r: &Batch<O>,
    to: &mut [f32],
) -> Option<()> {
    let mut a = Batch::<N>::repeat(1.0);
    a.fixed_view_mut::<I, 8>(0, 0).copy_from(x);
    let at = a.transpose();
    let mut input = a * at / 8.0;
    let mut output = r * r.transpose() / 8.0;
    let v = a * g.transpose() / 8.0;
    let pi = libm::sqrtf((input.trace() / N as f32) / (output.trace() / O as f32));
    let root = libm::sqrtf(0.1);
    (0..N).for_each(|i| input[(i, i)] += pi * root);
    (0..O).for_each(|i| output[(i, i)] += root / pi);
    let w = Cholesky::<f32, Const<N>>::new(input)?.solve(&v);
    let d = Cholesky::<f32, Const<O>>::new(output)?.solve(&w.transpose());
    let (weights, bias) = to.split_at_mut(I * O);
    for o in 0..O {
        for i in 0..I {
            weights[i + I * o] = d[(o, i)];
        }
        bias[o] = d[(o, I)];
    }
    Some(())
}

/// The K-FAC step of 4-8-8-1 tanh, squared error, mean.
#[inline(never)]
fn kfac_step(memory: &mut Memory) -> Option<&[f32]> {
    let (theta, rest) = memory.input.split_at_mut(121);
    let (x, y) = rest.split_at_mut(32);
    let Forward { w, x } = forward(theta, *matrix::<4, 8>(x));
    let f = (w.2 * x.2).add_scalar(theta[120]);
    let g3 = (f - *matrix::<1, 8>(y)) * 2.0;
    let r3 = Batch::<1>::repeat(core::f32::consts::SQRT_2);
    let (s2, s1) = (slope(&x.2), slope(&x.1));
    let (g2, r2) = (w.2.tr_mul(&g3).component_mul(&s2), w.2.tr_mul(&r3).component_mul(&s2));
    let (g1, r1) = (w.1.tr_mul(&g2).component_mul(&s1), w.1.tr_mul(&r2).component_mul(&s1));
    let (first, rest) = memory.output[..121].split_at_mut(40);
    let (second, third) = rest.split_at_mut(72);
    layer_step::<4, 5, 8>(&x.0, &g1, &r1, first)?;
    layer_step::<8, 9, 8>(&x.1, &g2, &r2, second)?;
    layer_step::<8, 9, 1>(&x.2, &g3, &r3, third)?;
    memory.output.get(..121)
}

/// The kernel of 4-8-8-1 tanh: `K = sum_l (S_l^T S_l) .* (X_l^T X_l + 1)`.
#[inline(never)]
fn ntk(memory: &mut Memory) -> Option<&[f32]> {
    let (theta, x) = memory.input.split_at_mut(121);
    let Forward { w: (_, w1, w2), x: (x0, x1, x2) } = forward(theta, *matrix::<4, 8>(x));

    let s3 = Batch::<1>::repeat(1.0);
    let s2 = (w2.tr_mul(&s3)).component_mul(&slope(&x2));
    let s1 = (w1.tr_mul(&s2)).component_mul(&slope(&x1));

    let k = matrix::<8, 8>(&mut memory.output);
    *k = s3.tr_mul(&s3).component_mul(&x2.tr_mul(&x2).add_scalar(1.0))
        + s2.tr_mul(&s2).component_mul(&x1.tr_mul(&x1).add_scalar(1.0))
        + s1.tr_mul(&s1).component_mul(&x0.tr_mul(&x0).add_scalar(1.0));
    memory.output.get(..64)
}
