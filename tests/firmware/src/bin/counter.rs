//! Whether it is instructions that are counted: 2000 more rounds of a loop of two instructions must
//! be 4000 more, to the resolution of one in each of two counts.
#![no_std]
#![no_main]

use nanocurv_firmware::cases::Memory;
use nanocurv_firmware::{exit, instructions, place};

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let found = instructions::of_2000_rounds(place!(Memory = Memory::EMPTY));
    exit(found.is_some_and(|instructions| instructions.abs_diff(4000) <= 2))
}

nanocurv_firmware::cannot_panic!();
