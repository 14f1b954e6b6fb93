//! `curvature` as a user meets it, on the reference cases.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use super::{nanocurv, reference, run};

/// `nanocurv curvature WORDS` on the tutorial's network, in its two mini-batches.
fn tutorial(words: &str) -> Command {
    let mut command = nanocurv();
    command.arg("curvature").args(words.split_whitespace()).arg("--quiet");
    command.arg("--net").arg(reference("seed_tutorial/net.safetensors"));
    command.args(["--activation", "relu,sigmoid", "--loss", "mse"]);
    for batch in ["1", "2"] {
        command.arg("--data").arg(reference(&format!("seed_tutorial/x{batch}.npy")));
        command.arg("--targets").arg(reference(&format!("seed_tutorial/y{batch}.npy")));
    }
    command
}

fn json(words: &str) -> Value {
    let (stdout, _) = run(tutorial(words).args(["--format", "json"]), 0);
    serde_json::from_str(&stdout).unwrap()
}

/// The shape of nested lists.
fn shape(value: &Value) -> Vec<usize> {
    let Value::Array(items) = value else { return Vec::new() };
    let inner = items.first().map(shape).unwrap_or_default();
    std::iter::once(items.len()).chain(inner).collect()
}

#[test]
fn every_curvature_holds_against_its_dense_reference() {
    for kind in ["hessian", "ggn", "empirical-fisher", "fisher-mc", "kfac", "ekfac"] {
        for rest in ["", "--rows 0,13,42,87 --cols 1,85,3", "--block 0.weight,5"] {
            run(&mut tutorial(&format!("{kind} {rest} --check")), 0);
        }
        let found = json(kind);
        assert_eq!(shape(&found[kind.replace('-', "_")]), [88, 88], "{kind}");
    }
    assert_eq!(shape(&json("gradient --check")["gradient"]), [88]);
    run(&mut tutorial("fisher-mc --draws 3 --seed 7 --check"), 0);
    run(&mut tutorial("kfac --fisher empirical --separate-bias --check"), 0);
    run(&mut tutorial("kfac --fisher mc --draws 2 --seed 5 --check"), 0);
    run(&mut tutorial("ekfac --fisher forward-only --check"), 0);
    run(&mut tutorial("hessian --dtype f32 --check"), 0);
}

#[test]
fn a_part_is_that_of_the_matrix() {
    let whole = json("hessian");
    let part = json("hessian --rows 11,36,54 --cols 83,41");
    for (i, row) in [11, 36, 54].into_iter().enumerate() {
        for (j, col) in [83, 41].into_iter().enumerate() {
            let (found, needed) = (&part["hessian"][i][j], &whole["hessian"][row][col]);
            let difference = found.as_f64().unwrap() - needed.as_f64().unwrap();
            assert!(difference.abs() < 1e-14);
        }
    }
    assert_eq!(shape(&json("hessian --block 0.weight,4.bias")["hessian"]), [35, 3]);
    assert_eq!(shape(&json("hessian --block 4.bias,0.weight")["hessian"]), [3, 35]);
}

#[test]
fn products_keep_the_shape_of_their_vectors() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, row: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, row.repeat(88)).unwrap();
        path
    };
    let (one, two) = (write("one.csv", "0.5\n"), write("two.csv", "0.5,1\n"));
    for kind in ["hessian", "ggn", "kfac"] {
        let words = format!("{kind} --check --format json");
        let product = |path: &Path| -> Value {
            let (stdout, _) = run(tutorial(&words).arg("--vector").arg(path), 0);
            serde_json::from_str(&stdout).unwrap()
        };
        assert_eq!(shape(&product(&two)["product"]), [88, 2]);
        assert_eq!(shape(&product(&one)["product"])[0], 88);
    }
    let words = "hessian --rows 0,1 --cols 2,3,4";
    let (_, stderr) = run(tutorial(words).arg("--vector").arg(&one), 2);
    assert!(stderr.contains("found 88 rows, needed 3"), "{stderr}");
}

#[test]
fn inverses_hold_against_dense_ones() {
    for words in [
        "ggn --inverse --damping 0.1",
        "hessian --inverse --damping 0.3",
        "ggn --inverse --damping 0.1 --solver cg",
        "hessian --inverse --damping 0.3 --solver lsmr --tolerance 1e-8",
        "kfac --inverse --damping 0.1",
        "kfac --inverse --damping 0.1 --damping-mode pi",
        "kfac --inverse --damping 0.1 --damping-mode same --separate-bias",
        "ekfac --inverse --damping 0.1",
    ] {
        run(&mut tutorial(&format!("{words} --check")), 0);
    }
    // A GGN of eight samples is singular.
    let (_, stderr) = run(&mut tutorial("ggn --inverse"), 2);
    assert!(stderr.contains("--damping"), "{stderr}");
}

#[test]
fn estimates_are_those_of_the_dense_matrix_with_the_same_vectors() {
    let trace = json("ggn --estimate trace --matvecs 30 --seed 3 --check");
    assert_eq!(trace["matvecs"], 30);
    assert!(trace["standard_error"].as_f64().unwrap() > 0.0);
    for estimator in ["hutch++", "xtrace"] {
        let words = format!("hessian --estimate trace --estimator {estimator} --matvecs 30");
        assert_eq!(json(&format!("{words} --check"))["matvecs"], 30);
    }
    let diagonal = json("hessian --estimate diagonal --matvecs 20 --check");
    assert_eq!(shape(&diagonal["diagonal"]), [88]);
    let spectrum = json("hessian --estimate spectrum --matvecs 60 --probes 3 --check");
    assert_eq!(shape(&spectrum["nodes"]), [60]);
    let weights = spectrum["weights"].as_array().unwrap();
    let sum: f64 = weights.iter().map(|w| w.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-12);
}

#[test]
fn pictures_are_drawn_of_matrices_and_spectra() {
    let folder = TempDir::new().unwrap();
    let picture = |name: &str| folder.path().join(name);
    run(tutorial("hessian").arg("--plot").arg(picture("h.svg")), 0);
    let svg = std::fs::read_to_string(picture("h.svg")).unwrap();
    assert!(svg.contains("0.weight") && svg.contains("Hessian"));
    run(tutorial("hessian --estimate spectrum").arg("--plot").arg(picture("s.svg")), 0);
    assert!(std::fs::read_to_string(picture("s.svg")).unwrap().contains("eigenvalue"));
    let (_, stderr) = run(tutorial("gradient").arg("--plot").arg(picture("g.svg")), 2);
    assert!(stderr.contains("--plot"), "{stderr}");
}

#[test]
fn what_does_not_fit_is_refused_with_the_place() {
    for (words, part) in [
        ("hessian --rows 0,88 --cols 1", "--rows: entry 1 is 88, needed 0 to 87"),
        ("hessian --rows 0 --cols 1,2,1", "--cols: entry 2 is 1 again"),
        ("hessian --rows 0", "--cols"),
        ("hessian --block 0.weight", "needed two"),
        ("hessian --block 0.weight,6.weight", "there is no parameter tensor '6.weight'"),
        ("hessian --damping 1", "--inverse"),
        ("hessian --inverse --damping -1", "--damping"),
        ("hessian --inverse --damping-mode pi", "--damping-mode"),
        ("kfac --inverse --solver cg", "--solver"),
        ("hessian --fisher mc", "--fisher"),
        ("gradient --rows 1 --cols 2", "gradient"),
        ("hessian --estimate trace --matvecs 1", "--matvecs"),
        ("hessian --inverse --rows 1 --cols 2", "--inverse"),
    ] {
        let (stdout, stderr) = run(&mut tutorial(words), 2);
        assert!(stderr.contains(part) && stdout.is_empty(), "{words}: {stderr}");
    }
}
