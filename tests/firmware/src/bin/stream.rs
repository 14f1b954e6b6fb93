//! What arrives sample by sample, and what survives a power cut.
#![no_std]
#![no_main]

nanocurv_firmware::image!(nanocurv_firmware::cases::stream::TASKS);
