//! The methods of [`nanocurv_firmware::adapt`] on a drifted sensor: a row of a table each, with the
//! instructions of a sample of the first stream. `tests/firmware/adapt` runs it.
//!
//! Floats are printed, which can panic: this image is linked without the proof.
#![no_std]
#![no_main]

use core::fmt::Write;
use nanocurv_firmware::adapt::{BATCH, Memory, Method, RATES, RIDGES, SEEDS};
use nanocurv_firmware::adapt::{best, errors, medians};
use nanocurv_firmware::instructions::{Counter, PER_TICK};
use nanocurv_firmware::{exit, fail, host};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    fail()
}

#[cortex_m_rt::entry]
fn main() -> ! {
    exit(table().is_some())
}

fn table() -> Option<()> {
    let memory = &mut Memory::new();
    let mut host = host().ok()?;
    let sgd = best(memory, RATES.into_iter().map(Method::Sgd))?;
    let adam = best(memory, RATES.into_iter().map(Method::Adam))?;
    let rls = best(memory, RIDGES.into_iter().map(Method::Rls))?;
    let heads = "| method | after 48 | 200 | 1000 | new sensor | instructions a sample | bytes |";
    write!(host, "{heads}\n|---|---:|---:|---:|---:|---:|---:|\n").ok()?;
    for method in [Method::Nothing, sgd, adam, rls, Method::Kfac, Method::KfacBehind] {
        let [first, second, last, new] = medians(memory, method);
        let count = instructions(memory, method)?;
        let bytes = method.bytes();
        write!(host, "| {method:?} | {first:.2e} | {second:.2e} | {last:.2e} | {new:.2e} ").ok()?;
        writeln!(host, "| {count} | {bytes} |").ok()?;
    }
    Some(())
}

/// The mean over a stream.
fn instructions(memory: &mut Memory, method: Method) -> Option<u32> {
    let (mut ticks, mut samples) = (0, 0);
    errors(memory, method, SEEDS.start, |memory, readings| {
        let counter = Counter::start();
        let done = memory.learn(method, readings);
        ticks += counter.ticks()?;
        samples += BATCH as u32;
        done
    });
    (ticks * PER_TICK).checked_div(samples)
}
