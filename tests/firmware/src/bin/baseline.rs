//! The harness with a task that does nothing: what an image weighs before there is work in it.
#![no_std]
#![no_main]

use nanocurv_firmware::cases::{Agreement, Memory, Task};

nanocurv_firmware::image!([Task {
    name: "nothing",
    inputs: &[],
    scratch: 0,
    run: nothing,
    agreement: Agreement::Exact,
}]);

#[inline(never)]
fn nothing(memory: &mut Memory) -> Option<&[f32]> {
    memory.output.get(..0)
}
