//! The calibration program (`core/examples/calibration`) on the host, against the log that it
//! printed on the Cortex-M4F: `tests/firmware/golden/calibration.log`, which
//! `tests/firmware/calibration` compares with every run there.

#[path = "../../core/examples/calibration/src/gauge.rs"]
mod gauge;
#[path = "../../core/examples/calibration/src/pressure.rs"]
mod pressure;
#[path = "../../core/examples/calibration/src/sensor.rs"]
mod sensor;

use gauge::{Event, Memory};

const LOG: &str = include_str!("../firmware/golden/calibration.log");

/// The numbers of a line, in order: defmt prints the shortest decimals that read back as the same
/// bits.
fn numbers(line: &str) -> Vec<u32> {
    let words = line.split([' ', ',', ':']);
    words.filter_map(|word| word.parse::<f32>().ok()).map(f32::to_bits).collect()
}

#[test]
fn the_host_has_the_targets_trajectory_bit_for_bit() {
    let mut lines = Vec::new();
    let times = gauge::run(&mut Box::new(Memory::ZERO), |event| {
        lines.push(match event {
            Event::Start { new, aged } => vec![new, aged],
            Event::Step { step, loss, damping } => vec![step as f32, loss, damping],
            Event::End { aged, times } => vec![aged, times],
        });
    })
    .unwrap();
    let lines: Vec<Vec<u32>> =
        lines.into_iter().map(|line| line.into_iter().map(f32::to_bits).collect()).collect();
    assert_eq!(lines, LOG.lines().map(numbers).collect::<Vec<_>>());
    assert_eq!(lines.len(), 12);
    assert!(times >= 10.0, "{times}");
}

#[test]
fn the_exported_weights_are_those_that_the_desktop_trained() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../core/examples/calibration/desktop/pressure.safetensors"
    );
    let net = nanocurv_cli::io::network::read(file.as_ref(), &[]).unwrap();
    let trained: Vec<u32> = net.state.theta.iter().map(|t| (*t as f32).to_bits()).collect();
    assert_eq!(trained, pressure::THETA.map(f32::to_bits));
}
