//! The program as a user meets it: what it reads, refuses, prints and returns.
//!
//! These files belong to the test target `cli` of the package `nanocurv-cli`, so that cargo builds
//! the program for them.

mod adapt;
mod curvature;
mod dynamics;
mod endings;
mod export;
mod files;
mod inputs;
mod kron;
mod laplace;
mod plan;
mod regress;
mod results;
mod train;
mod weights;

use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// The program.
fn nanocurv() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nanocurv"));
    command.env_remove("RUST_BACKTRACE").env("NO_COLOR", "1");
    command
}

/// A reference file, e.g. `classifier/x1.npy`.
fn reference(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/reference").join(path)
}

/// `ntk` on the network of a case with the given data.
fn ntk(case: &str, activation: &str, data: &Path) -> Command {
    let mut command = nanocurv();
    command.arg("ntk").arg("--net").arg(reference(&format!("{case}/net.safetensors")));
    command.arg("--activation").arg(activation).arg("--data").arg(data);
    command
}

/// stdout and stderr of a run that ends with `code`.
fn run(command: &mut Command, code: i32) -> (String, String) {
    let output = command.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "stdout: {stdout}\nstderr: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    (stdout, stderr)
}
