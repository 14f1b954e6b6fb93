//! Tells the linker where flash and RAM are, whatever `RUSTFLAGS` says.

use std::{env, fs, path::PathBuf};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    // The linker script of cortex-m-rt includes memory.x and device.x, that of riscv-rt goes after one.
    for file in ["memory.x", "device.x", "riscv.x"] {
        fs::copy(file, out.join(file)).unwrap();
        println!("cargo:rerun-if-changed={file}");
    }
    println!("cargo:rustc-link-search={}", out.display());
    if env::var("CARGO_CFG_TARGET_ARCH").unwrap() == "riscv32" {
        println!("cargo:rustc-link-arg-bins=-Triscv.x");
    }
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
}
