//! The harness: runs tasks, counts their instructions, paints their stack, and reports rows as
//! JSON lines over semihosting.
#![no_std]

#[cfg(target_arch = "arm")]
pub mod adapt;
mod board;
pub mod cases;
pub mod instructions;
mod report;
pub mod sensor;
#[cfg(target_arch = "arm")]
mod stack;

pub use board::{exit, host};
use cases::{Memory, Task};
use core::hint::black_box;
use report::Report;

/// An image that runs `tasks`; with the environment variable `FIRMWARE_TASK` at build time, the
/// one of that name alone.
///
/// `image!(TASKS, may_panic)` is an image without the proof of [`cannot_panic!`].
#[macro_export]
macro_rules! image {
    ($tasks:expr) => {
        $crate::image!($tasks, may_panic);
        $crate::cannot_panic!();
    };
    ($tasks:expr, may_panic) => {
        static TASKS: &[$crate::cases::Task] = match option_env!("FIRMWARE_TASK") {
            Some(name) => &[$crate::find(&$tasks, name)],
            None => &$tasks,
        };

        #[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
        #[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
        fn main() -> ! {
            $crate::run(TASKS)
        }
    };
}

/// A panic handler that calls a function that does not exist: linking an image proves that nothing
/// in it can panic.
#[macro_export]
macro_rules! cannot_panic {
    () => {
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo) -> ! {
            #[cfg(target_arch = "arm")]
            {
                unsafe extern "C" {
                    safe fn this_image_can_panic() -> !;
                }
                this_image_can_panic()
            }
            // Elsewhere the board's own input and output can.
            #[cfg(not(target_arch = "arm"))]
            $crate::fail()
        }
    };
}

/// The task called `name`, at compile time.
pub const fn find(tasks: &[Task], name: &str) -> Task {
    let mut i = 0;
    while i < tasks.len() {
        if same(tasks[i].name.as_bytes(), name.as_bytes()) {
            return tasks[i];
        }
        i += 1;
    }
    panic!("FIRMWARE_TASK names no task of this image")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// Runs and reports every task. The exit code tells whether all of them did their work.
pub fn run(tasks: &'static [Task]) -> ! {
    static mut MEMORY: Memory = Memory::EMPTY;
    let memory = &raw mut MEMORY;
    // SAFETY: the entry point calls this once, and no interrupt is enabled.
    let memory = unsafe { &mut *memory };
    let mut done = true;
    // Opaque, so that an image with one task has the same harness as one with many.
    for task in black_box(tasks) {
        done &= measure(task, memory).is_some();
    }
    exit(done)
}

/// Ends the run as failed.
pub fn fail() -> ! {
    exit(false)
}

/// One row; `None` if the task or its measurement failed.
fn measure(task: &Task, memory: &mut Memory) -> Option<()> {
    let mut report = Report::new()?;
    report.begin(task);
    #[cfg(target_arch = "arm")]
    let stack = {
        memory.prepare(task.inputs);
        stack::deepest(task.run, memory)
    };
    memory.prepare(task.inputs);
    let done = (task.run)(memory).map(|result| report.bits(result));
    if done.is_none() {
        report.failed("the task returned an error");
    }
    let instructions = instructions::per_run(task, memory);
    #[cfg(target_arch = "arm")]
    {
        report.end(instructions, stack);
        instructions.and(stack).and(done)
    }
    // Elsewhere no stack is measured.
    #[cfg(not(target_arch = "arm"))]
    {
        report.end(instructions, None);
        instructions.and(done)
    }
}
