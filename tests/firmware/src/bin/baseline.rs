//! The harness with a task that does nothing: what an image weighs before there is work in it.
#![no_std]
#![no_main]

use nanocurv_firmware::cases::{Agreement, Memory, task};

nanocurv_firmware::image!([task("nothing", &[], 0, nothing, Agreement::Exact)]);

#[inline(never)]
fn nothing(memory: &mut Memory) -> Option<&[f32]> {
    memory.output.get(..0)
}
