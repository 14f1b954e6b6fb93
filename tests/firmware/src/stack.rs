//! The deepest stack of one run: paint what lies below the stack pointer, run, look how far the
//! paint is gone.

use crate::cases::{Memory, Run};
use crate::instructions::nothing;
use core::hint::black_box;
use cortex_m::register::msp;

const PAINT: u32 = 0xc0de_cafe;
/// What is painted, in words: 64 kB.
const DEPTH: u32 = 16 * 1024;

/// The bytes of stack that `run` used, its own frame included; `None` if more than was painted.
pub fn deepest(run: Run, memory: &mut Memory) -> Option<u32> {
    let base = touched(black_box(nothing), memory)?;
    Some(touched(black_box(run), memory)?.saturating_sub(base))
}

#[inline(never)]
fn touched(run: Run, memory: &mut Memory) -> Option<u32> {
    let top = msp::read();
    let word = |depth: u32| (top - 4 * depth) as *mut u32;
    // SAFETY: below the stack pointer nothing lives, interrupts are off, and RAM holds half a
    // megabyte of which the statics take 100 kB.
    (1..=DEPTH).for_each(|depth| unsafe { word(depth).write_volatile(PAINT) });
    black_box(run(memory));
    let deepest = (1..=DEPTH).rev().find(|&d| unsafe { word(d).read_volatile() } != PAINT);
    match deepest {
        Some(DEPTH) => None,
        Some(depth) => Some(4 * depth),
        None => Some(0),
    }
}
