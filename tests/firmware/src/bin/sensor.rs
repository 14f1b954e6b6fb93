//! The whole firmware of one network that learns.
#![no_std]
#![no_main]

use nanocurv::mlp;
use nanocurv::network::Network;
use nanocurv_firmware::{batch, memory, sensor};

mlp! { Sensor: 4 => 8 tanh => 8 tanh => 1 }

#[cortex_m_rt::entry]
fn main() -> ! {
    let (theta, step, scratch) = memory!(Sensor);
    sensor::run(batch!(), |x, y| sensor::learn::<Sensor>(theta, (x, y), step, scratch))
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    unsafe extern "C" {
        safe fn this_image_can_panic() -> !;
    }
    this_image_can_panic()
}
