//! Instructions by SysTick: QEMU's `-icount shift=0` makes one instruction one nanosecond, and
//! SysTick counts 25 MHz, that is 40 instructions a tick.
//!
//! `(t(R x (prepare, run)) - t(R x (prepare, nothing))) 40 / R`: the call, the loop and the
//! preparation cancel, and R = 80 repetitions bring the resolution to one instruction.

use crate::cases::{Memory, Run, Task};
use core::hint::black_box;
use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

const PER_TICK: u32 = 40;
const REPETITIONS: u32 = 80;
const RANGE: u32 = 0x00ff_ffff;

/// The instructions of one run; `None` if the counter's 671 million are not enough.
pub fn per_run(task: &Task, memory: &mut Memory) -> Option<u32> {
    let with = ticks(task, black_box(task.run), memory)?;
    let without = ticks(task, black_box(nothing), memory)?;
    let rounded = (with - without) * PER_TICK + REPETITIONS / 2;
    Some(rounded / REPETITIONS)
}

#[inline(never)]
pub fn nothing(memory: &mut Memory) -> Option<&[f32]> {
    black_box(memory).output.get(..0)
}

#[inline(never)]
fn ticks(task: &Task, run: Run, memory: &mut Memory) -> Option<u32> {
    // SAFETY: nothing else uses SysTick.
    let mut systick = unsafe { Peripherals::steal() }.SYST;
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(RANGE);
    systick.clear_current();
    systick.enable_counter();
    let start = SYST::get_current();
    systick.has_wrapped(); // reading the flag clears it
    for _ in 0..REPETITIONS {
        memory.prepare(task.inputs);
        black_box(run(memory));
    }
    let end = SYST::get_current();
    let wrapped = systick.has_wrapped();
    systick.disable_counter();
    if wrapped { None } else { Some(start.wrapping_sub(end) & RANGE) }
}
