//! The program on a Cortex-M4F, and on the host to compare it with.
#![cfg_attr(target_os = "none", no_std, no_main)]

use calibration::field::{CUT, run};
use calibration::flash::Chip;
use calibration::gauge::Memory;

/// How many times less the error must be in the end.
const NEEDED: f32 = 10.0;

#[cfg(target_os = "none")]
mod log;

#[cfg(target_os = "none")]
mod target {
    use super::{CUT, Chip, Memory, NEEDED, run};
    use cortex_m_rt::{entry, exception};
    use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};

    #[entry]
    fn main() -> ! {
        // In .bss, not on the stack: the linker refuses what does not fit.
        static mut MEMORY: Memory = Memory::ZERO;
        static mut FLASH: Chip = Chip::ERASED;
        let done = match run(MEMORY, FLASH, Some(CUT), |event| defmt::info!("{}", event)) {
            Ok(times) => times >= NEEDED,
            Err(error) => {
                defmt::error!("{}", error);
                false
            }
        };
        exit(done)
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
fn main() -> std::process::ExitCode {
    let (mut memory, mut flash) = (Memory::ZERO, Chip::ERASED);
    match run(&mut memory, &mut flash, Some(CUT), |event| println!("{event}")) {
        Ok(times) if times >= NEEDED => 0.into(),
        Ok(_) => 1.into(),
        Err(fault) => {
            eprintln!("{fault:?}");
            1.into()
        }
    }
}
