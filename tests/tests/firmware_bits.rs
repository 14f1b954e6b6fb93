//! The firmware's tasks on the host: `tests/firmware/golden/*.bits` holds what they compute in
//! f32, here and, by `tests/firmware/run`, on the Cortex-M4F.
//!
//! `UPDATE_GOLDEN=1 cargo test --test firmware_bits` writes the tables anew.

#[path = "../firmware/src/cases/mod.rs"]
mod cases;

use cases::{Agreement, Memory, Task};
use std::fmt::Write;
use std::path::PathBuf;

/// The table's line of a task: name, `exact` or the relative error allowed, bits.
fn line(task: &Task) -> String {
    assert!(task.scratch <= cases::CAPACITY, "{}", task.name);
    let mut memory = Box::new(Memory::EMPTY);
    memory.prepare(task.inputs);
    let result = (task.run)(&mut memory).unwrap_or_else(|| panic!("{} failed", task.name));
    assert!(result.iter().all(|v| v.is_finite()), "{}: {result:?}", task.name);
    let mut line = match task.agreement {
        Agreement::Exact => format!("{}\texact\t", task.name),
        Agreement::Within(error) => format!("{}\t{error:e}\t", task.name),
    };
    for value in result {
        write!(line, "{:08x}", value.to_bits()).unwrap();
    }
    line
}

/// The values of a line.
fn values(line: &str) -> Vec<f32> {
    let bits = line.rsplit('\t').next().unwrap().as_bytes();
    bits.chunks(8)
        .map(|word| u32::from_str_radix(std::str::from_utf8(word).unwrap(), 16).unwrap())
        .map(f32::from_bits)
        .collect()
}

fn assert_close(host: &[f32], golden: &[f32], error: f32, task: &str) {
    assert_eq!(host.len(), golden.len(), "{task}");
    let largest = golden.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    for (h, g) in host.iter().zip(golden) {
        assert!((h - g).abs() <= error * largest, "{task}: {h} is not {g}");
    }
}

fn check(family: &str, tasks: &[Task]) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("firmware/golden")
        .join(family)
        .with_extension("bits");
    let host: String = tasks.iter().map(|task| line(task) + "\n").collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &host).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    for ((host, golden), task) in host.lines().zip(golden.lines()).zip(tasks) {
        match task.agreement {
            Agreement::Exact => assert_eq!(host, golden, "in {}", file.display()),
            Agreement::Within(error) => {
                assert_close(&values(host), &values(golden), error, task.name);
            }
        }
    }
    assert_eq!(host.lines().count(), golden.lines().count(), "tasks in {}", file.display());
}

#[test]
fn the_host_computes_the_golden_bits_of_activations() {
    check("activations", &cases::activations::TASKS);
}

#[test]
fn the_host_computes_the_golden_bits_of_linalg() {
    check("linalg", &cases::linalg::TASKS);
}

#[test]
fn the_host_computes_the_golden_bits_of_ntk() {
    check("ntk", &cases::ntk::TASKS);
}

#[test]
fn the_host_computes_the_golden_bits_of_kfac() {
    check("kfac", &cases::kfac::TASKS);
}

#[test]
fn the_host_computes_the_golden_bits_of_dynamics() {
    check("dynamics", &cases::dynamics::TASKS);
}

#[test]
fn the_host_computes_the_golden_bits_of_curvature() {
    check("curvature", &cases::curvature::TASKS);
}

#[test]
fn the_host_computes_the_golden_bits_of_laplace() {
    check("laplace", &cases::laplace::TASKS);
}

#[test]
fn the_host_computes_the_golden_bits_of_streams() {
    check("stream", &cases::stream::TASKS);
}
