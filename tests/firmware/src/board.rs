//! The processor and its host: where rows are written, and how a run ends.

#[cfg(target_arch = "arm")]
mod arm {
    use cortex_m_rt::exception;
    use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
    pub use cortex_m_semihosting::hio::HostStream as Host;
    pub use cortex_m_semihosting::hio::hstdout as host;

    unsafe extern "C" {
        fn DefaultHandler();
    }

    /// The interrupts of the MPS2 boards, none of them in use: what the crate of a device brings.
    /// Without it there are places for 240.
    #[unsafe(link_section = ".vector_table.interrupts")]
    #[unsafe(no_mangle)]
    static __INTERRUPTS: [unsafe extern "C" fn(); 32] = [DefaultHandler; 32];

    /// Ends the run.
    pub fn exit(done: bool) -> ! {
        debug::exit(if done { EXIT_SUCCESS } else { EXIT_FAILURE });
        loop {
            cortex_m::asm::nop();
        }
    }

    /// A fault ends the run instead of hanging it.
    #[exception]
    unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
        exit(false)
    }
}
#[cfg(target_arch = "arm")]
pub use arm::{Host, exit, host};

#[cfg(target_arch = "riscv32")]
mod riscv {
    use core::fmt;
    use semihosting::io::{self, Write};

    /// The host's output.
    pub struct Host(io::Stdout);

    impl fmt::Write for Host {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write_all(text.as_bytes()).map_err(|_| fmt::Error)
        }
    }

    /// The host's output, if it has one.
    pub fn host() -> Result<Host, io::Error> {
        io::stdout().map(Host)
    }

    /// Ends the run.
    pub fn exit(done: bool) -> ! {
        semihosting::process::exit(if done { 0 } else { 1 })
    }

    /// A fault ends the run instead of hanging it.
    #[unsafe(export_name = "ExceptionHandler")]
    fn fault(_: &riscv_rt::TrapFrame) -> ! {
        exit(false)
    }
}
#[cfg(target_arch = "riscv32")]
pub use riscv::{Host, exit, host};
