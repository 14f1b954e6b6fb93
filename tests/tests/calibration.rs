//! The calibration program (`core/examples/calibration`) on the host, against the log that it
//! printed on the Cortex-M4F: `tests/firmware/golden/calibration.log`, which
//! `tests/firmware/calibration` compares with every run there.

#[path = "../../core/examples/calibration/src/fault.rs"]
mod fault;
#[path = "../../core/examples/calibration/src/field.rs"]
mod field;
#[path = "../../core/examples/calibration/src/flash.rs"]
mod flash;
#[path = "../../core/examples/calibration/src/gauge.rs"]
mod gauge;
#[path = "../../core/examples/calibration/src/pressure.rs"]
mod pressure;
#[path = "../../core/examples/calibration/src/report.rs"]
mod report;
#[path = "../../core/examples/calibration/src/sensor.rs"]
mod sensor;

use flash::Chip;
use gauge::Memory;
use nanocurv::network::Network;

const LOG: &str = include_str!("../firmware/golden/calibration.log");

/// The lines of a run, and by how much the error is less in the end.
fn lines(cut: Option<u32>) -> (Vec<String>, f32) {
    let mut lines = Vec::new();
    let (mut memory, mut flash) = (Box::new(Memory::ZERO), Chip::ERASED);
    let times =
        field::run(&mut memory, &mut flash, cut, |event| lines.push(event.to_string())).unwrap();
    (lines, times)
}

#[test]
fn the_host_has_the_targets_log_to_the_last_bit() {
    let (lines, times) = lines(Some(field::CUT));
    let golden: Vec<&str> = LOG.lines().map(|line| line.trim_start_matches("INFO  ")).collect();
    assert_eq!(lines, golden);
    assert!(times >= 10.0, "{times}");
}

#[test]
fn a_reset_while_it_learns_changes_nothing_but_the_two_lines_that_tell_it() {
    let of_the_cut = |line: &String| line.starts_with("saved") || line.starts_with("restored");
    let (whole, _) = lines(None);
    assert!(!whole.iter().any(of_the_cut));
    for cut in [1, 16, field::CUT, 40] {
        let (mut cut, _) = lines(Some(cut));
        assert_eq!(cut.iter().filter(|line| of_the_cut(line)).count(), 2);
        cut.retain(|line| !of_the_cut(line));
        assert_eq!(cut, whole);
    }
}

#[test]
fn the_frozen_layer_stays_and_the_others_learn() {
    let (lines, _) = lines(None);
    let digits: String = lines.iter().filter_map(|line| line.strip_prefix("theta ")).collect();
    let learnt: Vec<u32> = (0..digits.len())
        .step_by(8)
        .map(|i| u32::from_str_radix(&digits[i..i + 8], 16).unwrap().swap_bytes())
        .collect();
    let shipped = pressure::THETA.map(f32::to_bits);
    assert_eq!(learnt.len(), shipped.len());
    let front = pressure::Pressure::PARAMS - gauge::PressureBack::PARAMS;
    assert_eq!(learnt[..front], shipped[..front]);
    assert!((front..shipped.len()).all(|i| learnt[i] != shipped[i]));
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
