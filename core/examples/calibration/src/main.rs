//! The program on a Cortex-M4F, and on the host to compare it with.
#![cfg_attr(target_os = "none", no_std, no_main)]

use calibration::gauge::{self, Event, Memory};

/// How many times less the error must be in the end.
const NEEDED: f32 = 10.0;

#[cfg(target_os = "none")]
mod log;

#[cfg(target_os = "none")]
mod target {
    use super::{Event, Memory, NEEDED, gauge};
    use cortex_m_rt::{entry, exception};
    use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};

    #[entry]
    fn main() -> ! {
        // In .bss, not on the stack: the linker refuses what does not fit.
        static mut MEMORY: Memory = Memory::ZERO;
        let done = match gauge::run(MEMORY, tell) {
            Ok(times) => times >= NEEDED,
            Err(error) => {
                defmt::error!("{}", error);
                false
            }
        };
        exit(done)
    }

    fn tell(event: Event) {
        match event {
            Event::Start { new, aged } => {
                defmt::info!(
                    "error as trained: {=f32} on a new sensor, {=f32} on this one",
                    new,
                    aged
                );
            }
            Event::Step { step, loss, damping } => {
                defmt::info!("step {=u32}: loss {=f32}, damping {=f32}", step, loss, damping);
            }
            Event::End { aged, times } => {
                defmt::info!("error now: {=f32}, {=f32} times less", aged, times);
            }
        }
    }

    /// Ends the emulation; on a board with a debugger, stops there.
    fn exit(done: bool) -> ! {
        debug::exit(if done { EXIT_SUCCESS } else { EXIT_FAILURE });
        loop {
            cortex_m::asm::nop();
        }
    }

    #[exception]
    unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
        exit(false)
    }

    /// Calls a function that does not exist: an image in which anything can panic does not link.
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo) -> ! {
        unsafe extern "C" {
            safe fn this_image_can_panic() -> !;
        }
        this_image_can_panic()
    }
}

#[cfg(not(target_os = "none"))]
fn main() -> Result<std::process::ExitCode, nanocurv::kfac::KfacError> {
    let mut memory = Memory::ZERO;
    let times = gauge::run(&mut memory, |event| match event {
        Event::Start { new, aged } => {
            println!("error as trained: {new} on a new sensor, {aged} on this one");
        }
        Event::Step { step, loss, damping } => {
            println!("step {step}: loss {loss}, damping {damping}");
        }
        Event::End { aged, times } => println!("error now: {aged}, {times} times less"),
    })?;
    Ok(if times >= NEEDED { 0.into() } else { 1.into() })
}
