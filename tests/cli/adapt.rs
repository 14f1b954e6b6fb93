//! Learning a part, in raw units, not far from the start: `--freeze`, `--standardize`, `--anchor` of
//! `train`; `--freeze` of `export` and `plan`.

use std::path::{Path, PathBuf};

use nanocurv::kfac::{Fisher, Weights, accumulate, accumulate_scratch, factors_len};
use nanocurv::network::{Loss, Mlp, Reduction, Targets, forward, forward_scratch};
use nanocurv::{Mat, MatMut};
use nanocurv_cli::desktop::network::activations;
use nanocurv_cli::desktop::{Array, Network};
use nanocurv_cli::io::{network, npy, npz};
use serde_json::Value;

use crate::export::build_and_run;
use crate::{nanocurv, reference, run};

const SAMPLES: usize = 40;
/// Of the arch 3-5-4-2: the first layer, and all.
const FIRST: usize = 20;
const ALL: usize = 54;

/// Three inputs and two targets in units of their own, as tables.
fn tables(folder: &Path) -> (PathBuf, PathBuf) {
    let (mut x, mut y) = (String::from("p,t,v\n"), String::from("a,b\n"));
    for n in 0..SAMPLES {
        let u = |k: usize| (((n * k) % 41) as f64 / 20.5 - 1.0) * 1.5;
        let (p, t, v) = (u(7), u(11), u(17));
        x += &format!("{},{},{}\n", 1013.0 + 12.0 * p, 21.0 + 8.0 * t, 3.3 + 0.05 * v);
        y += &format!("{},{}\n", 4e4 + 3e3 * (p + 0.5 * t * t), 0.02 * (v - p * t).sin());
    }
    let (x_file, y_file) = (folder.join("x.csv"), folder.join("y.csv"));
    std::fs::write(&x_file, x).unwrap();
    std::fs::write(&y_file, y).unwrap();
    (x_file, y_file)
}

/// `train` on the tables.
fn train(folder: &Path, net: &[&str], more: &[&str], out: &Path) -> assert_cmd::Command {
    let (x, y) = tables(folder);
    let mut command = nanocurv();
    command.args(["train", "--activation", "tanh", "--loss", "mse", "--quiet", "--format", "json"]);
    command.arg("--data").arg(x).arg("--targets").arg(y).args(net).args(more);
    command.arg("--out").arg(out);
    command
}

const NEW: &[&str] = &["--arch", "3-5-4-2"];

fn theta(path: &Path) -> Vec<f64> {
    network::read(path, &[]).unwrap().state.theta
}

fn losses(command: &mut assert_cmd::Command) -> Vec<f64> {
    let result: Value = serde_json::from_str(&run(command, 0).0).unwrap();
    result["loss"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn of_file(path: &Path) -> Network<f64> {
    let state = network::read(path, &[]).unwrap().state;
    Network::new("net", state, &activations(&["tanh"]).unwrap()).unwrap()
}

/// The outputs for a table, one sample behind the other.
fn outputs(net: &Mlp<'_, f64>, x: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(x).unwrap();
    let x: Vec<f64> =
        text.lines().skip(1).flat_map(|l| l.split(',')).map(|v| v.parse().unwrap()).collect();
    let x = Mat::new("x", &x, 3, SAMPLES).unwrap();
    let mut f = vec![0.0; 2 * SAMPLES];
    let mut scratch = vec![0.0; forward_scratch(net.layers(), SAMPLES)];
    forward(net, x, MatMut::new("f", &mut f, 2, SAMPLES).unwrap(), &mut scratch).unwrap();
    f
}

#[test]
fn what_is_standardised_in_training_takes_and_gives_raw_units() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, again) =
        (folder.path().join("raw.safetensors"), folder.path().join("again.safetensors"));
    let more = &["--standardize", "--iterations", "60"];
    let loss = losses(&mut train(folder.path(), NEW, more, &raw));
    assert!(loss[0] > 0.5 && loss[0] < 5.0 && loss[60] < 0.05, "in standardised units: {loss:?}");

    // The loss is that of the written network on the raw data, in units of the targets' variances.
    let (x, y) = tables(folder.path());
    let net = of_file(&raw);
    let f = outputs(&net.mlp().unwrap(), &x);
    let text = std::fs::read_to_string(y).unwrap();
    let y: Vec<f64> =
        text.lines().skip(1).flat_map(|l| l.split(',')).map(|v| v.parse().unwrap()).collect();
    let column = |values: &[f64], o: usize| -> Vec<f64> {
        values.iter().skip(o).step_by(2).copied().collect()
    };
    let mut found = 0.0;
    for o in 0..2 {
        let (f, y) = (column(&f, o), column(&y, o));
        let mean = y.iter().sum::<f64>() / SAMPLES as f64;
        let variance = y.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>();
        found += f.iter().zip(&y).map(|(f, y)| (f - y) * (f - y)).sum::<f64>() / variance / 2.0;
    }
    assert!((found / loss[60] - 1.0).abs() < 1e-9, "{found} {}", loss[60]);

    // What takes raw units goes on from there.
    let from = ["--net", raw.to_str().unwrap()];
    let more = &["--standardize", "--iterations", "0"];
    let same = losses(&mut train(folder.path(), &from, more, &again));
    assert!((same[0] / loss[60] - 1.0).abs() < 1e-9, "{} {}", same[0], loss[60]);
    for (a, b) in theta(&raw).iter().zip(theta(&again)) {
        assert!((a - b).abs() <= 1e-9 * a.abs().max(1.0), "{a} {b}");
    }
    let (_, stderr) = run(
        &mut train(folder.path(), NEW, &["--no-bias", "--standardize", "--iterations", "1"], &raw),
        2,
    );
    assert!(stderr.contains("--standardize") && stderr.contains("biases"), "{stderr}");
}

#[test]
fn frozen_layers_stay_bit_for_bit_and_the_others_learn() {
    let folder = tempfile::tempdir().unwrap();
    let (start, end) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    run(&mut train(folder.path(), NEW, &["--standardize", "--iterations", "5"], &start), 0);
    let from = ["--net", start.to_str().unwrap()];
    for optimizer in ["kfac", "ekfac", "adam", "sgd"] {
        let more =
            ["--standardize", "--freeze", "1", "--iterations", "40", "--optimizer", optimizer];
        let loss = losses(&mut train(folder.path(), &from, &more, &end));
        let much = if optimizer.ends_with("kfac") { 0.9 } else { 1.0 };
        assert!(loss[40] < much * loss[0], "{optimizer} {loss:?}");
        let (before, after) = (theta(&start), theta(&end));
        assert_eq!((before.len(), &before[..FIRST]), (ALL, &after[..FIRST]), "{optimizer}");
        assert!(before[FIRST..].iter().zip(&after[FIRST..]).all(|(a, b)| a != b), "{optimizer}");
    }
    for (more, part) in [
        (
            &["--freeze", "3", "--iterations", "1"][..],
            "--freeze: found 3, needed fewer than the 3 layers",
        ),
        (&["--anchor=-1", "--iterations", "1"], "--anchor: found -1"),
        (&["--anchor", "nan", "--iterations", "1"], "--anchor: found NaN"),
    ] {
        let (_, stderr) = run(&mut train(folder.path(), &from, more, &end), 2);
        assert!(stderr.contains(part), "{stderr}");
    }
}

#[test]
fn the_stronger_the_anchor_the_nearer_the_end_for_every_optimizer() {
    let folder = tempfile::tempdir().unwrap();
    let (start, end) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    run(&mut train(folder.path(), NEW, &["--standardize", "--iterations", "3"], &start), 0);
    let from = ["--net", start.to_str().unwrap(), "--standardize"];
    for optimizer in ["kfac", "ekfac", "adam", "sgd"] {
        let lengths = ["1e-6", "0.1", "10"].map(|anchor| {
            let more = ["--anchor", anchor, "--iterations", "60", "--optimizer", optimizer];
            run(&mut train(folder.path(), &from, &more, &end), 0);
            let (before, after) = (theta(&start), theta(&end));
            // Of the middle layer, whose units no fold changes.
            before[FIRST..ALL - 10]
                .iter()
                .zip(&after[FIRST..])
                .map(|(a, b)| (a - b).powi(2))
                .sum::<f64>()
        });
        assert!(lengths.is_sorted_by(|a, b| a > b), "{optimizer} {lengths:?}");
    }
}

#[test]
fn a_part_in_raw_units_at_an_anchor_goes_on_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (start, whole, half) =
        (file("a.safetensors"), file("b.safetensors"), file("c.safetensors"));
    run(&mut train(folder.path(), NEW, &["--standardize", "--iterations", "5"], &start), 0);
    let from = ["--net", start.to_str().unwrap()];
    let options = ["--standardize", "--freeze", "1", "--anchor", "0.01", "--iterations"];
    let of = |n: &str, more: &[&str], out: &Path| {
        train(folder.path(), &from, &[&options[..], &[n], more].concat(), out)
    };
    run(&mut of("12", &[], &whole), 0);
    run(&mut of("5", &[], &half), 0);
    let resume = ["--resume", half.to_str().unwrap()];
    run(&mut of("12", &resume, &half), 0);
    assert_eq!(theta(&whole), theta(&half));
    // The anchor is part of the run.
    let other = ["--net", whole.to_str().unwrap()];
    let options = [&options[..], &["12"], &resume].concat();
    let (_, stderr) = run(&mut train(folder.path(), &other, &options, &half), 2);
    assert!(stderr.contains("the parameters that it begins with"), "{stderr}");
}

/// The exported back is the whole network behind its front, its posterior and its factors are the
/// last blocks, and the factors are K-FAC's at the data.
#[test]
fn an_exported_back_is_the_end_of_the_network_and_of_its_posterior() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("src");
    std::fs::create_dir(&source).unwrap();
    let case = |file: &str| reference(&format!("lap_two_outputs/{file}"));
    let post = folder.path().join("post.npz");
    let net = |command: &mut assert_cmd::Command| {
        command.args(["--activation", "silu", "--quiet", "--net"]).arg(case("net.safetensors"));
    };
    let fit = |structure: &str| {
        let mut fit = nanocurv();
        fit.args(["laplace", "fit", "--loss", "mse", "--structure", structure]);
        net(&mut fit);
        fit.arg("--data").arg(case("x.npy")).arg("--targets").arg(case("y.npy"));
        run(fit.arg("--out").arg(&post), 0);
    };
    let export = |freeze: &str| {
        let mut export = nanocurv();
        export.args(["export", "--name", "Net", "--freeze", freeze, "--posterior"]).arg(&post);
        net(&mut export);
        export
    };
    fit("full");
    let (_, stderr) = run(&mut export("1"), 2);
    assert!(stderr.contains("--structure kron"), "{stderr}");
    fit("kron");
    run(export("0").arg("--out").arg(source.join("whole.rs")), 0);
    run(export("1").arg("--out").arg(source.join("part.rs")), 0);
    let (_, stderr) = run(&mut export("9"), 2);
    assert!(stderr.contains("--freeze: found 9"), "{stderr}");
    let whole = std::fs::read(&post).unwrap();
    for (name, part) in [("factors", "of the factors, needed"), ("posterior", "--posterior")] {
        let mut arrays = npz::read_all(whole.clone()).unwrap();
        let (_, array) = arrays.iter_mut().find(|(found, _)| found == name).unwrap();
        *array = Array::from(array.to_vec::<f64>()[1..].to_vec());
        let mut bytes = std::io::Cursor::new(Vec::new());
        npz::write(&mut bytes, arrays.iter().map(|(name, array)| (name.as_str(), array))).unwrap();
        std::fs::write(&post, bytes.into_inner()).unwrap();
        let (_, stderr) = run(&mut export("1"), 2);
        assert!(stderr.contains(part), "{name}: {stderr}");
    }

    let program = "mod part; mod whole;
        use nanocurv::network::{Back, Network, features, forward, forward_scratch};
        use nanocurv::{Mat, MatMut};
        fn main() {
            let net = whole::Net.at(&whole::THETA).unwrap();
            let back = part::NetBack.at(part::NetBack::part(&part::THETA).try_into().unwrap()).unwrap();
            let x = [0.3, -0.2, 0.7_f32];
            let x = Mat::new(\"x\", &x, 3, 1).unwrap();
            let mut scratch = [0.0; forward_scratch(whole::Net::LAYERS, 1)];
            let (mut f, mut g) = ([0.0; 2], [0.0; 2]);
            let mut phi = [0.0; part::NetBack::INPUTS];
            forward(&net, x, MatMut::new(\"f\", &mut f, 2, 1).unwrap(), &mut scratch).unwrap();
            let to = MatMut::new(\"phi\", &mut phi, part::NetBack::INPUTS, 1).unwrap();
            features(&net, part::NetBack::FIRST, x, to, &mut scratch).unwrap();
            let phi = Mat::new(\"phi\", &phi, part::NetBack::INPUTS, 1).unwrap();
            forward(&back, phi, MatMut::new(\"g\", &mut g, 2, 1).unwrap(), &mut scratch).unwrap();
            assert_eq!(f, g);
            assert_eq!(part::POSTERIOR_LAYERS, part::NetBack::LAYERS);
            let last = |all: &[f32], n: usize| all[all.len() - n..].to_vec();
            assert_eq!(part::POSTERIOR.to_vec(), last(&whole::POSTERIOR, part::POSTERIOR.len()));
            assert_eq!(part::FACTORS.to_vec(), last(&whole::FACTORS, part::FACTORS.len()));
            assert_eq!(part::STRUCTURE, whole::STRUCTURE);
            for v in whole::FACTORS { println!(\"{v}\"); }
            println!(\"{}\", part::NOISE);
        }";
    std::fs::write(source.join("main.rs"), program).unwrap();
    let said = build_and_run(folder.path(), "backs");
    let said: Vec<f64> = said.lines().map(|line| line.parse().unwrap()).collect();

    let state = network::read(&case("net.safetensors"), &[]).unwrap().state;
    let owned = Network::<f64>::new("net", state, &activations(&["silu"]).unwrap()).unwrap();
    let mlp = owned.mlp().unwrap();
    let read = |file: &str| npy::read(&std::fs::read(case(file)).unwrap()).unwrap().to_vec::<f64>();
    let (x, y) = (read("x.npy"), read("y.npy"));
    let n = x.len() / 3;
    let (x, y) = (Mat::new("x", &x, 3, n).unwrap(), Mat::new("y", &y, 2, n).unwrap());
    let mut factors = vec![0.0; factors_len(mlp.layers())];
    let mut scratch = vec![0.0; accumulate_scratch(mlp.layers(), n)];
    let weights = Weights::batch(Loss::Mse, Reduction::Mean, n, 2);
    let (targets, fisher) = (Targets::Values(y), Fisher::TypeTwo);
    accumulate(&mlp, x, targets, Loss::Mse, fisher, weights, &mut factors, &mut scratch).unwrap();
    assert_eq!(said.len(), factors.len() + 1);
    let largest = factors.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    for (said, expected) in said.iter().zip(&factors) {
        assert!((said - expected).abs() < 1e-6 * largest, "{said} {expected}");
    }
}

#[test]
fn a_plan_of_a_part_counts_the_part_and_leaves_the_front_in_flash() {
    let plan = |freeze: &str| -> Value {
        let mut command = nanocurv();
        command.args(["plan", "--arch", "4-8-8-1", "--activation", "tanh", "--batch", "8"]);
        command.args(["--task", "forward", "--optimizer", "kfac", "--freeze", freeze]);
        serde_json::from_str(&run(command.args(["--format", "json", "--quiet"]), 0).0).unwrap()
    };
    let values = |plan: &Value, name: &str, kind: &str| -> Option<u64> {
        let rows = plan["memory"].as_array().unwrap();
        rows.iter().find(|r| r["name"] == name && r["kind"] == kind)?["values"].as_u64()
    };
    let (whole, part) = (plan("0"), plan("2"));
    assert_eq!(values(&whole, "frozen layers", "constant"), None);
    assert_eq!(values(&part, "network", "parameters"), Some(9));
    assert_eq!(values(&part, "frozen layers", "constant"), Some(112));
    assert_eq!(values(&part, "features", "batch"), Some(64));
    assert_eq!(
        values(&part, "kfac step", "state"),
        Some(nanocurv::kfac::optimizer_len(
            &[nanocurv::network::Layer::new(8, 1, nanocurv::network::Activation::Identity)],
            nanocurv::kfac::Inverse::Factored
        ) as u64)
    );
    // The same code and stack; 112 parameters, the state and the scratch less.
    let ram = |plan: &Value| plan["ram"].as_u64().unwrap();
    assert!(ram(&part) + 2000 < ram(&whole), "{} {}", ram(&part), ram(&whole));
    assert_eq!(part["flash"], whole["flash"]);
    let mut wrong = nanocurv();
    wrong.args(["plan", "--arch", "4-8-8-1", "--activation", "tanh", "--freeze", "3"]);
    assert!(run(&mut wrong, 2).1.contains("--freeze: found 3"));
}
