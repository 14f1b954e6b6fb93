//! The whole firmware of two networks that learn: what the second one adds.
#![no_std]
#![no_main]

use nanocurv::mlp;
use nanocurv::network::Network;
use nanocurv_firmware::{batch, memory, sensor};

mlp! { Sensor: 4 => 8 tanh => 8 tanh => 1 }
mlp! { Other: 4 => 6 tanh => 5 tanh => 1 }

#[cortex_m_rt::entry]
fn main() -> ! {
    let (theta, step, scratch) = memory!(Sensor);
    let (other, other_step, other_scratch) = memory!(Other);
    sensor::run(batch!(), |x, y| {
        sensor::learn::<Sensor>(theta, (x, y), step, scratch)?;
        sensor::learn::<Other>(other, (x, y), other_step, other_scratch)
    })
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    unsafe extern "C" {
        safe fn this_image_can_panic() -> !;
    }
    this_image_can_panic()
}
