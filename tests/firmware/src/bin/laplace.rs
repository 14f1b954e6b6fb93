//! The Laplace posterior.
#![no_std]
#![no_main]

nanocurv_firmware::image!(nanocurv_firmware::cases::laplace::TASKS);
