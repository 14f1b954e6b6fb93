//! Learning dynamics of two-layer linear networks.
#![no_std]
#![no_main]

nanocurv_firmware::image!(nanocurv_firmware::cases::dynamics::TASKS);
