//! Instructions: what QEMU's `-icount shift=0` makes one nanosecond each.
//!
//! `(t(R x (prepare, run)) - t(R x (prepare, nothing))) P / R`: the call, the loop and the
//! preparation cancel. On Arm t is SysTick's 25 MHz, that is P = 40 instructions a tick, and R = 80
//! repetitions bring the resolution to one instruction; a run that needs more than the 671 million
//! of its 24 bits has fewer. On RISC-V t is `minstret`, which is exact: P = R = 1. The image
//! `counter` holds both against a loop of known length.

use crate::cases::{Agreement, Input, Memory, Run, Task, task};
use core::hint::black_box;
pub use counter::{Counter, PER_TICK};
use counter::{REPETITIONS, rounds};

#[cfg(target_arch = "arm")]
mod counter {
    use core::arch::asm;
    use cortex_m::Peripherals;
    use cortex_m::peripheral::SYST;
    use cortex_m::peripheral::syst::SystClkSource;

    /// Instructions of a tick.
    pub const PER_TICK: u32 = 40;
    pub const REPETITIONS: &[u32] = &[80, 8, 1];
    const RANGE: u32 = 0x00ff_ffff;

    /// A count that goes on.
    pub struct Counter {
        systick: SYST,
        start: u32,
    }

    impl Counter {
        /// Begins to count. One at a time.
        #[inline(always)]
        pub fn start() -> Self {
            // SAFETY: nothing else uses SysTick.
            let mut systick = unsafe { Peripherals::steal() }.SYST;
            systick.set_clock_source(SystClkSource::Core);
            systick.set_reload(RANGE);
            systick.clear_current();
            systick.enable_counter();
            let start = SYST::get_current();
            systick.has_wrapped(); // reading the flag clears it
            Self { systick, start }
        }

        /// The ticks since; `None` if they are more than the counter holds.
        #[inline(always)]
        pub fn ticks(mut self) -> Option<u32> {
            let end = SYST::get_current();
            let wrapped = self.systick.has_wrapped();
            self.systick.disable_counter();
            if wrapped { None } else { Some(self.start.wrapping_sub(end) & RANGE) }
        }
    }

    /// `n` rounds of two instructions.
    #[inline(always)]
    pub fn rounds(n: u32) {
        // SAFETY: registers only.
        unsafe { asm!("2: subs {n}, {n}, #1", "bne 2b", n = inout(reg) n => _) }
    }
}

#[cfg(target_arch = "riscv32")]
mod counter {
    use core::arch::asm;

    /// Instructions of a tick.
    pub const PER_TICK: u32 = 1;
    pub const REPETITIONS: &[u32] = &[1];

    /// A count that goes on.
    pub struct Counter(u32);

    /// The instructions so far, modulo 2^32.
    #[inline(always)]
    fn now() -> u32 {
        let count;
        // SAFETY: a counter is read.
        unsafe { asm!("csrr {count}, minstret", count = out(reg) count) }
        count
    }

    impl Counter {
        /// Begins to count.
        #[inline(always)]
        pub fn start() -> Self {
            Self(now())
        }

        /// The ticks since.
        #[inline(always)]
        pub fn ticks(self) -> Option<u32> {
            Some(now().wrapping_sub(self.0))
        }
    }

    /// `n` rounds of two instructions.
    #[inline(always)]
    pub fn rounds(n: u32) {
        // SAFETY: registers only.
        unsafe { asm!("2: addi {n}, {n}, -1", "bnez {n}, 2b", n = inout(reg) n => _) }
    }
}

/// The instructions of one run; `None` if the counter does not hold those of any.
pub fn per_run(task: &Task, memory: &mut Memory) -> Option<u32> {
    let once = |&repetitions: &u32| {
        let with = ticks(repetitions, task.inputs, black_box(task.run), memory)?;
        let without = ticks(repetitions, task.inputs, black_box(nothing), memory)?;
        ((with - without) * PER_TICK + repetitions / 2).checked_div(repetitions)
    };
    REPETITIONS.iter().find_map(once)
}

#[inline(never)]
pub fn nothing(memory: &mut Memory) -> Option<&[f32]> {
    black_box(memory).output.get(..0)
}

#[inline(never)]
fn ticks(repetitions: u32, inputs: &[Input], run: Run, memory: &mut Memory) -> Option<u32> {
    let counter = Counter::start();
    for _ in 0..repetitions {
        memory.prepare(inputs);
        black_box(run(memory));
    }
    counter.ticks()
}

/// How many instructions more 3000 rounds of two have than 1000: 4000, if it is instructions that
/// are counted.
pub fn of_2000_rounds(memory: &mut Memory) -> Option<u32> {
    let mut of = |run: Run| per_run(&task("rounds", &[], 0, run, Agreement::Exact), memory);
    let short = of(of_rounds::<1000>)?;
    of(of_rounds::<3000>)?.checked_sub(short)
}

#[inline(never)]
fn of_rounds<const N: u32>(memory: &mut Memory) -> Option<&[f32]> {
    rounds(N);
    memory.output.get(..0)
}
