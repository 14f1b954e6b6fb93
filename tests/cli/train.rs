//! `train`: it learns, goes on bit for bit, leaves files that others read, and stops when asked.

use std::path::{Path, PathBuf};

use nanocurv_cli::io::{network, safetensors};
use serde_json::Value;

use crate::{nanocurv, reference, run};

/// What trains the small net on the diabetes data: most options have a place behind it.
fn diabetes(optimizer: &str, iterations: usize) -> assert_cmd::Command {
    let mut command = nanocurv();
    command.args(["train", "--arch", "10-16-8-1", "--activation", "tanh", "--loss", "mse"]);
    command.arg("--data").arg(reference("real/diabetes_x.csv"));
    command.arg("--targets").arg(reference("real/diabetes_y.csv"));
    command.args(["--optimizer", optimizer, "--iterations", &iterations.to_string(), "--quiet"]);
    command
}

/// The same for classes, on the digits.
fn digits(iterations: usize) -> assert_cmd::Command {
    let mut command = nanocurv();
    command.args(["train", "--arch", "64-32-16-10", "--activation", "tanh", "--quiet"]);
    command.arg("--data").arg(reference("real/digits_x.npy"));
    command.arg("--targets").arg(reference("real/digits_y.npy"));
    command.args(["--loss", "cross-entropy", "--iterations", &iterations.to_string()]);
    command
}

/// The result of a run, as JSON.
fn json(command: &mut assert_cmd::Command) -> Value {
    serde_json::from_str(&run(command.args(["--format", "json"]), 0).0).unwrap()
}

fn column(result: &Value, name: &str) -> Vec<f64> {
    let values = result[name].as_array().unwrap_or_else(|| panic!("{name} in {result}"));
    values.iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The parameters of a file, bit for bit.
fn bits(path: &Path) -> Vec<u64> {
    network::read(path, &[]).unwrap().state.theta.iter().map(|t| t.to_bits()).collect()
}

#[test]
fn every_optimizer_lowers_the_loss_in_either_precision() {
    for (optimizer, rate) in [
        ("kfac", None),
        ("ekfac", None),
        ("kfac", Some("0.1")),
        ("sgd", Some("0.05")),
        ("adam", Some("0.01")),
    ] {
        for dtype in ["f32", "f64"] {
            let mut command = diabetes(optimizer, 30);
            command.args(["--dtype", dtype]);
            if let Some(rate) = rate {
                command.args(["--learning-rate", rate]);
            }
            let result = json(&mut command);
            let loss = column(&result, "loss");
            assert_eq!(column(&result, "iteration"), (0..=30).map(f64::from).collect::<Vec<_>>());
            assert!(loss[30] < 0.7 * loss[0], "{optimizer} {dtype}: {} to {}", loss[0], loss[30]);
            let best = loss.iter().copied().fold(f64::INFINITY, f64::min);
            assert_eq!(result["best_loss"].as_f64(), Some(best));
            assert_eq!(loss[result["best_iteration"].as_u64().unwrap() as usize], best);
        }
    }
}

#[test]
fn every_option_of_kfac_has_its_effect() {
    let plain = json(&mut diabetes("kfac", 12));
    for args in [
        &["--damping", "0.5"][..],
        &["--damping-mode", "exact"],
        &["--damping-mode", "off"],
        &["--damping-mode", "same"],
        &["--damping-interval", "2"],
        &["--damping-interval", "0"],
        &["--damping-decay", "0.5"],
        &["--ema", "0"],
        &["--refresh", "4"],
        &["--fisher", "mc"],
        &["--fisher", "empirical"],
        &["--fisher", "forward-only"],
        &["--momentum", "0"],
        &["--learning-rate", "0.3"],
        &["--learning-rate", "0.3", "--momentum", "0.5"],
        &["--learning-rate", "0.3", "--clip", "0.001"],
        &["--batch-size", "100", "--every", "1"],
        &["--seed", "5"],
        &["--no-bias"],
        &["--parameterization", "ntk", "--sigma-w", "1.4"],
        &["--reduction", "sum"],
    ] {
        let other = json(diabetes("kfac", 12).args(args));
        let (loss, plain) = (column(&other, "loss"), column(&plain, "loss"));
        assert_ne!(loss, plain, "{args:?}");
        assert!(loss[12] < loss[0], "{args:?}: {} to {}", loss[0], loss[12]);
    }
    assert_eq!(
        column(&json(diabetes("kfac", 12).args(["--damping-interval", "0"])), "damping"),
        [0.1; 13]
    );
}

#[test]
fn kfac_reaches_in_200_steps_what_adam_does_not_in_1000() {
    // The least at any of 1000 full-batch Adam steps, at the best of rates 0.001 to 0.2, from the
    // same weights: `cargo bench -p nanocurv-benches --bench train`.
    for (mut command, adam) in [(diabetes("kfac", 200), 0.030), (digits(200), 2.9e-5)] {
        let loss = column(&json(&mut command), "loss");
        assert!(loss[200] < adam, "{} instead of {adam}", loss[200]);
    }
}

#[test]
fn the_curve_has_what_was_held_out_and_the_share_of_right_classes() {
    let result = json(digits(20).args(["--validation", "0.25", "--batch-size", "48"]));
    // 192 samples in 4 batches.
    assert_eq!(column(&result, "iteration"), [0.0, 4.0, 8.0, 12.0, 16.0, 20.0]);
    let (training, validation) =
        (column(&result, "accuracy"), column(&result, "validation_accuracy"));
    assert!(training[5] > 0.9 && validation[5] > 0.6, "{training:?} {validation:?}");
    let held_out = column(&result, "validation_loss");
    assert!(held_out[5] < held_out[0]);
    assert_eq!(column(&result, "damping").len(), 6);
    let best = held_out.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(result["best_loss"].as_f64(), Some(best));

    let (csv, _) = run(digits(2).args(["--optimizer", "sgd", "--format", "csv"]), 0);
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "iteration,loss,accuracy");
    assert_eq!(lines.len(), 4);
    let (text, _) = run(&mut digits(2), 0);
    assert!(text.contains("iteration") && text.contains("best_loss"), "{text}");
}

#[test]
fn what_is_written_is_a_state_dict_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.safetensors");
    for (dtype, size) in [("f32", 4), ("f64", 8)] {
        let result = json(diabetes("kfac", 5).args(["--dtype", dtype, "--out"]).arg(&out));
        let tensors = safetensors::read(&std::fs::read(&out).unwrap()).unwrap();
        let mut names: Vec<_> =
            tensors.iter().map(|(name, a)| (name.as_str(), a.shape())).collect();
        names.sort_unstable();
        let expected: [(&str, &[usize]); 6] = [
            ("0.bias", &[16]),
            ("0.weight", &[16, 10]),
            ("2.bias", &[8]),
            ("2.weight", &[8, 16]),
            ("4.bias", &[1]),
            ("4.weight", &[1, 8]),
        ];
        assert_eq!(names, expected);
        assert!(tensors.iter().all(|(_, a)| a.dtype() == format!("float{}", 8 * size)));
        // Trained on from there it begins with the loss that it ended with.
        let mut command = nanocurv();
        command.args(["train", "--activation", "tanh", "--loss", "mse", "--iterations", "0"]);
        command.args(["--dtype", dtype, "--net"]).arg(&out);
        command.arg("--data").arg(reference("real/diabetes_x.csv"));
        command.arg("--targets").arg(reference("real/diabetes_y.csv"));
        assert_eq!(column(&json(&mut command), "loss"), [column(&result, "loss")[5]]);
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_resumed_run_goes_on_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    let cases: [(&str, &[&str]); 7] = [
        ("kfac", &[]),
        ("kfac", &["--refresh", "3", "--batch-size", "100", "--fisher", "mc", "--dtype", "f32"]),
        ("kfac", &["--damping-mode", "exact", "--validation", "0.2", "--refresh", "4"]),
        ("ekfac", &["--batch-size", "64", "--refresh", "5"]),
        ("sgd", &["--momentum", "0.9", "--batch-size", "50"]),
        ("adam", &["--learning-rate", "0.01", "--batch-size", "50", "--dtype", "f32"]),
        ("adam", &["--learning-rate", "0.01"]),
    ];
    for (optimizer, args) in cases {
        let command = |iterations: usize, out: &str| {
            let mut command = diabetes(optimizer, iterations);
            command.args(args).args(["--every", "1", "--out"]).arg(file(out));
            command
        };
        let straight = json(&mut command(17, "straight.safetensors"));
        json(&mut command(7, "half.safetensors"));
        let mut second = command(17, "resumed.safetensors");
        let resumed = json(second.arg("--resume").arg(file("half.safetensors")));
        let (whole, rest) = (column(&straight, "loss"), column(&resumed, "loss"));
        assert_eq!(whole[7..], rest, "{optimizer} {args:?}");
        assert_eq!(straight["best_loss"], resumed["best_loss"]);
        assert_eq!(bits(&file("straight.safetensors")), bits(&file("resumed.safetensors")));
        assert_eq!(
            std::fs::read(file("straight.safetensors")).unwrap().len(),
            std::fs::read(file("resumed.safetensors")).unwrap().len()
        );
    }
}

#[test]
fn a_run_is_resumed_with_its_own_options() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.safetensors");
    run(diabetes("kfac", 4).arg("--out").arg(&out), 0);
    for (command, part) in [
        (&mut diabetes("adam", 9), "--optimizer: found kfac, needed adam"),
        (diabetes("kfac", 9).args(["--seed", "3"]), "--seed: found 0, needed 3"),
        (diabetes("kfac", 9).args(["--batch-size", "3"]), "--batch-size: found nothing, needed 3"),
        (diabetes("kfac", 9).args(["--dtype", "f32"]), "--dtype: found f64, needed f32"),
        (&mut diabetes("kfac", 3), "4 iterations are done already"),
    ] {
        let (_, stderr) = run(command.arg("--resume").arg(&out), 2);
        assert!(stderr.contains(part), "{stderr}");
        assert!(stderr.contains("net.safetensors"), "{stderr}");
    }
    let (_, stderr) = run(
        diabetes("kfac", 9)
            .arg("--resume")
            .arg(reference("real/diabetes_10-16-8-1_tanh.safetensors")),
        2,
    );
    assert!(stderr.contains("there is no state of a training in it"), "{stderr}");
    run(diabetes("kfac", 9).args(["--resume", "no-such.safetensors"]), 2);
}

#[test]
fn the_best_parameters_are_kept_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.safetensors");
    // A rate at which the loss goes up and down.
    let mut command = diabetes("sgd", 40);
    command
        .args(["--learning-rate", "0.45", "--momentum", "0.9", "--keep", "best", "--out"])
        .arg(&out);
    let result = json(&mut command);
    assert_ne!(result["best_iteration"], 40);
    let mut command = nanocurv();
    command.args(["train", "--activation", "tanh", "--loss", "mse", "--iterations", "0", "--net"]);
    command.arg(&out).arg("--data").arg(reference("real/diabetes_x.csv"));
    command.arg("--targets").arg(reference("real/diabetes_y.csv"));
    assert_eq!(column(&json(&mut command), "loss")[0], result["best_loss"].as_f64().unwrap());
}

#[test]
fn divergence_is_an_error_that_names_the_iteration() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.safetensors");
    for dtype in ["f32", "f64"] {
        for (optimizer, rate) in [("sgd", "1e6"), ("adam", "1e200")] {
            if dtype == "f32" && optimizer == "adam" {
                continue;
            }
            let mut command = diabetes(optimizer, 2000);
            command.args(["--learning-rate", rate, "--dtype", dtype, "--out"]).arg(&out);
            let (stdout, stderr) = run(&mut command, 2);
            assert!(
                stderr.contains("training diverged") && stderr.contains("iteration "),
                "{stderr}"
            );
            assert!(stderr.contains("lower --learning-rate"), "{stderr}");
            assert_eq!(stdout, "");
            assert!(!out.exists());
        }
    }
}

#[test]
fn steps_that_only_raise_the_loss_are_not_kept_and_said() {
    for dtype in ["f32", "f64"] {
        let mut command = nanocurv();
        command.args(["train", "--arch", "10-16-8-1", "--activation", "tanh", "--loss", "mse"]);
        command.arg("--data").arg(reference("real/diabetes_x.csv"));
        command.arg("--targets").arg(reference("real/diabetes_y.csv"));
        command.args(["--optimizer", "kfac", "--learning-rate", "1e9", "--iterations", "100"]);
        command.args(["--dtype", dtype, "--format", "json"]);
        let (stdout, stderr) = run(&mut command, 0);
        let curve: Value = serde_json::from_str(&stdout).unwrap();
        let losses: Vec<_> =
            curve["loss"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert!(losses.iter().all(|loss| *loss <= losses[0] * (1.0 + 1e-6)), "{losses:?}");
        assert!(stderr.contains("no progress"), "{stderr}");
    }
}

#[test]
fn the_curve_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("curve.svg");
    run(digits(8).args(["--validation", "0.2", "--plot"]).arg(&plot), 0);
    let text = std::fs::read_to_string(&plot).unwrap();
    roxmltree::Document::parse(&text).unwrap();
    for word in ["Training with kfac", "validation", "Accuracy", "Damping", "iteration"] {
        assert!(text.contains(word), "{word}");
    }
}

/// Ctrl-C and SIGTERM in the middle of the training: 130 and 143, the curve so far, the best parameters so far, and
/// a state to go on from.
#[cfg(unix)]
#[test]
fn an_interruption_keeps_the_best_parameters() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        interrupted_by(signal, code);
    }
}

#[cfg(unix)]
fn interrupted_by(signal: &str, code: i32) {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.safetensors");
    let args = |iterations: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nanocurv"));
        command.args(["train", "--arch", "64-32-16-10", "--activation", "tanh", "--quiet"]);
        command.arg("--data").arg(reference("real/digits_x.npy"));
        command.arg("--targets").arg(reference("real/digits_y.npy"));
        command.args(["--loss", "cross-entropy", "--optimizer", "adam", "--format", "json"]);
        command.args(["--iterations", iterations, "--out"]).arg(&out);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let child = args("100000000").spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(killed.success(), "the program ended before it could be interrupted");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (iterations, losses) = (column(&result, "iteration"), column(&result, "loss"));
    let done = *iterations.last().unwrap() as usize;
    assert!(done > 0, "it was interrupted before the first step");
    assert_eq!(
        losses.iter().copied().fold(f64::INFINITY, f64::min),
        result["best_loss"].as_f64().unwrap()
    );
    assert_eq!(network::read(&out, &[]).unwrap().state.layers.len(), 3);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    let resumed = args(&(done + 1).to_string()).arg("--resume").arg(&out).output().unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{}", String::from_utf8_lossy(&resumed.stderr));
    let resumed: Value = serde_json::from_slice(&resumed.stdout).unwrap();
    assert_eq!(column(&resumed, "loss")[0], *losses.last().unwrap());
}

#[test]
fn nonsense_is_refused_before_the_work() {
    for (args, part) in [
        (&["--learning-rate", "0"][..], "--learning-rate: found 0"),
        (&["--learning-rate", "nan"], "--learning-rate"),
        (&["--momentum", "1", "--learning-rate", "1"], "--momentum: found 1"),
        (&["--momentum", "0.5"], "goes with --learning-rate"),
        (&["--damping", "0"], "--damping: found 0"),
        (&["--damping-decay", "1"], "--damping-decay: found 1"),
        (&["--ema", "1"], "--ema: found 1"),
        (&["--refresh", "0"], "--refresh: found 0"),
        (&["--clip", "1"], "--learning-rate"),
        (&["--batch-size", "0"], "--batch-size: found 0"),
        (&["--every", "0"], "--every: found 0"),
        (&["--validation", "1"], "--validation: found 1"),
        (&["--validation", "0.001"], "none to validate on"),
        (&["--out", "net.npz"], "extension is none of .safetensors"),
        (&["--plot", "curve.txt"], "extension is none of .svg"),
        (&["--out", "no-such-folder/net.safetensors"], "there is no folder"),
        (&["--net", "net.safetensors"], "cannot be used with"),
        (&["--iterations", "-1"], "--iterations"),
        (&["--fisher", "exact"], "--fisher"),
    ] {
        let (stdout, stderr) = run(diabetes("kfac", 3).args(args), 2);
        assert!(stderr.contains(part), "{args:?}: {stderr}");
        assert_eq!(stdout, "");
    }
    for option in ["--damping", "--damping-decay", "--damping-interval", "--ema", "--refresh"] {
        let (_, stderr) = run(diabetes("adam", 3).args([option, "1"]), 2);
        assert!(stderr.contains(&format!("{option} is no option of --optimizer adam")), "{stderr}");
    }
    let (_, stderr) = run(diabetes("adam", 3).args(["--momentum", "0.5"]), 2);
    assert!(stderr.contains("--momentum is no option"), "{stderr}");
    let (_, stderr) = run(diabetes("ekfac", 3).args(["--damping-mode", "pi"]), 2);
    assert!(stderr.contains("--damping-mode is no option"), "{stderr}");
}
