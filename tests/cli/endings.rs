//! Exit codes, global options, broken pipes, interruptions.

use std::io::Read;
use std::process::{Command, Stdio};

use nanocurv_cli::desktop::Array;
use nanocurv_cli::io::npz;

use crate::{nanocurv, ntk, reference, run};

#[test]
fn done_is_0_a_failed_check_is_1_and_usage_is_2() {
    let x = reference("classifier/x1.npy");
    let (stdout, stderr) = run(ntk("classifier", "tanh", &x).arg("--check"), 0);
    assert!(stdout.contains("check against the dense reference") && stdout.contains("passed"));
    assert_eq!(stderr, "");
    let (stdout, _) = run(ntk("classifier", "tanh", &x).args(["--check", "--tolerance", "0"]), 1);
    assert!(stdout.contains("FAILED"));
    run(nanocurv().arg("no-such-command"), 2);
    run(&mut nanocurv(), 2);
    run(ntk("classifier", "tanh", &x).args(["--tolerance", "1e-3"]), 2);
    run(ntk("classifier", "tanh", &x).args(["--check", "--tolerance", "nan"]), 2);
    run(nanocurv().arg("--help"), 0);
}

#[test]
fn version_names_the_program() {
    let (stdout, _) = run(nanocurv().arg("--version"), 0);
    assert_eq!(stdout, format!("nanocurv {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_command_has_help_with_an_example() {
    let (help, _) = run(nanocurv().arg("--help"), 0);
    let commands = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<_> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.contains(&"ntk") && names.contains(&"validate"), "{names:?}");
    for name in names {
        let (help, _) = run(nanocurv().args([name, "--help"]), 0);
        assert!(help.contains(&format!("nanocurv {name}")), "{name}: {help}");
        assert!(help.contains("Example"), "{name}: {help}");
    }
}

#[test]
fn completions_and_manual_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (script, _) = run(nanocurv().args(["completions", shell]), 0);
        assert!(script.contains("jacobian"), "{shell}");
    }
    let (page, _) = run(nanocurv().arg("man"), 0);
    assert!(page.contains(".TH nanocurv") && page.contains("jacobian"));
    let (page, _) = run(nanocurv().args(["man", "ntk"]), 0);
    assert!(page.contains("data2"));
}

#[test]
fn global_options_are_taken_before_and_after_the_command() {
    let x = reference("classifier/x1.npy");
    let net = reference("classifier/net.safetensors");
    let command = ["ntk", "--activation", "tanh"];
    let global = ["--format", "json", "--dtype", "f32", "--threads", "1", "--timings"];
    let files = |c: &mut assert_cmd::Command| {
        c.arg("--data").arg(&x).arg("--net").arg(&net);
    };
    let mut before = nanocurv();
    before.args(global).args(command);
    files(&mut before);
    let mut after = nanocurv();
    after.args(command);
    files(&mut after);
    after.args(global);
    let (before, timings) = run(&mut before, 0);
    let (after, _) = run(&mut after, 0);
    assert_eq!(before, after);
    let timings: serde_json::Value = serde_json::from_str(&timings).unwrap();
    for key in ["read_s", "compute_s", "write_s"] {
        assert!(timings[key].as_f64().unwrap() >= 0.0, "{key}");
    }
    assert_eq!(timings.as_object().unwrap().len(), 3);
}

#[test]
fn a_closed_pipe_is_success() {
    for format in ["text", "json", "csv"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nanocurv"))
            .args(["ntk", "--activation", "tanh", "--output", "full", "--format", format])
            .arg("--net")
            .arg(reference("real/digits_64-32-16-10_tanh.safetensors"))
            .arg("--data")
            .arg(reference("real/digits_x.npy"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 16]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
        assert_eq!(output.status.code(), Some(0), "{format}");
    }
}

/// Ctrl-C in the middle of the work: 130, the file that was there before is as it was, and no
/// other is there.
#[cfg(unix)]
#[test]
fn an_interruption_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("k.json"), "old").unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_nanocurv"))
        .args(["ntk", "--activation", "tanh", "--output", "full", "--check"])
        .arg("--net")
        .arg(reference("real/digits_64-32-16-10_tanh.safetensors"))
        .arg("--data")
        .arg(reference("real/digits_x.npy"))
        .arg("--out")
        .arg(folder.path().join("k.json"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success(), "the program ended before it could be interrupted");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(std::fs::read(folder.path().join("k.json")).unwrap(), b"old");
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn validation_ends_in_the_count_alone() {
    let (stdout, _) = run(nanocurv().args(["validate", "--filter", "classifier"]), 0);
    let lines: Vec<_> = stdout.lines().collect();
    let (last, checks) = lines.split_last().unwrap();
    assert_eq!(*last, format!("{} passed, 0 failed", checks.len()));
    assert!(checks.iter().all(|line| line.contains("classifier") && line.ends_with("pass")));

    let (json, _) =
        run(nanocurv().args(["validate", "--filter", "classifier", "--format", "json"]), 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["passed"].as_u64(), Some(checks.len() as u64));
    assert_eq!(json["failed"].as_u64(), Some(0));
    let first = &json["checks"][0];
    assert!(first["error"].as_f64().unwrap() <= first["tolerance"].as_f64().unwrap());
    assert!(first["name"].is_string() && first["passed"].as_bool() == Some(true));

    let (_, stderr) = run(nanocurv().args(["validate", "--filter", "no such check"]), 2);
    assert!(stderr.contains("no such check"));
}

/// A computation that overflows has no result: exit 2, with the first entry that shows it.
#[test]
fn a_result_that_is_not_finite_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let net = folder.path().join("net.npz");
    let arrays = [
        ("0.weight", Array::new(&[2, 1], vec![1e200_f64, -1e200])),
        ("2.weight", Array::new(&[1, 2], vec![1e200_f64, 1e200])),
    ];
    let arrays = arrays.iter().map(|(name, array)| (*name, array));
    npz::write(&mut std::fs::File::create(&net).unwrap(), arrays).unwrap();
    let data = folder.path().join("x.csv");
    std::fs::write(&data, "1\n2\n").unwrap();
    for (command, key) in [
        (&["ntk"][..], "the kernel of samples 0 and 0 is not finite: the computation left"),
        (&["ntk", "--components", "--format", "json"], "samples 0 and 0"),
        (&["ntk", "--gram", "params"], "not finite: the computation left"),
    ] {
        let mut run_it = nanocurv();
        run_it.args(command).args(["--activation", "identity", "--net"]).arg(&net);
        let (stdout, stderr) = run(run_it.arg("--data").arg(&data), 2);
        assert!(stdout.is_empty(), "{stdout}");
        assert!(stderr.contains("not finite") && stderr.contains(key), "{stderr}");
    }
    // Infinity is the answer where the determinant is zero.
    let zero = folder.path().join("zero.csv");
    std::fs::write(&zero, "0,0\n0,0\n").unwrap();
    let mut info = nanocurv();
    info.args(["kron", "info", "--left"]).arg(&zero).arg("--right").arg(&zero);
    assert!(run(&mut info, 0).0.contains("-inf"));
}
