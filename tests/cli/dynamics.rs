//! `nanocurv dynamics`: the contract's names, the published numbers, and how it ends.

use std::path::{Path, PathBuf};

use nanocurv_cli::desktop::Array;
use nanocurv_cli::io::safetensors;
use serde_json::Value;

use crate::{nanocurv, run};

fn json(arguments: &str) -> Value {
    let mut command = nanocurv();
    command.args(["dynamics", "--format", "json"]).args(arguments.split_whitespace());
    serde_json::from_str(&run(&mut command, 0).0).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} instead of {expected}");
}

/// The published data as CSV files in a folder.
fn published(folder: &Path) -> (PathBuf, PathBuf) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/dynamics_data.json");
    let data: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (x, y) = (folder.join("x.csv"), folder.join("y.csv"));
    let rows = data["Xr"].as_array().unwrap().iter().map(|row| format!("{},{}\n", row[0], row[1]));
    std::fs::write(&x, rows.collect::<String>()).unwrap();
    let rows = data["y"].as_array().unwrap().iter().map(|y| format!("{y}\n"));
    std::fs::write(&y, rows.collect::<String>()).unwrap();
    (x, y)
}

/// `train` or `theory` on the published data, as published.
fn published_run(verb: &str, folder: &Path, more: &str) -> String {
    let (x, y) = published(folder);
    format!(
        "{verb} --data {} --targets {} --hidden 50 --init constant --scales 0.01,0.01 --beta 1,1 \
         {more}",
        x.display(),
        y.display()
    )
}

#[test]
fn training_and_theory_meet_the_published_run() {
    let folder = tempfile::tempdir().unwrap();
    let loss = [146.86744548, 146.28320322, 94.83432389, 15.98225491, 15.93134210];
    let more = "--lr 1e-3,1e-3 --times 0,1,10,100,1000 --check";
    for verb in ["train", "theory"] {
        let result = json(&published_run(verb, folder.path(), more));
        assert_eq!(numbers(&result["t"]), [0.0, 1.0, 10.0, 100.0, 1000.0]);
        for (found, expected) in numbers(&result["loss"]).iter().zip(loss) {
            close(*found, expected, 6e-9);
        }
        close(result["w_total"][4][0].as_f64().unwrap(), 1.1487736738, 6e-11);
        close(result["w_min"][1].as_f64().unwrap(), 0.3558922720, 6e-11);
        close(result["weight_norms"][0][1].as_f64().unwrap(), 0.01 * 50.0_f64.sqrt(), 1e-15);
        close(numbers(&result["weight_error"])[0], 0.995 * 0.995, 1e-12);
        assert_eq!(result["check"]["passed"], Value::Bool(true));
        assert_eq!(result.get("z").is_some(), verb == "theory");
        if verb == "theory" {
            assert_eq!(numbers(&result["u"]).len(), 5);
            assert_eq!(result["z"].as_array().unwrap().len(), 5);
        }
    }
}

/// The notebook's own run, which standardises the columns.
#[test]
fn standardised_training_meets_the_published_run() {
    let folder = tempfile::tempdir().unwrap();
    let loss = [147.62422824, 147.56722130, 146.50742013, 27.47525180, 27.47434826];
    let more = "--lr 1e-3,1e-3 --times 0,1,10,100,10000 --standardize --check";
    for verb in ["train", "theory"] {
        let result = json(&published_run(verb, folder.path(), more));
        for (found, expected) in numbers(&result["loss"]).iter().zip(loss) {
            close(*found, expected, 6e-9);
        }
        close(result["w_total"][4][0].as_f64().unwrap(), 3.4437569266, 6e-11);
        close(result["w_total"][4][1].as_f64().unwrap(), 0.2978370487, 6e-11);
        assert_eq!(result["check"]["passed"], Value::Bool(true));
    }
}

#[test]
fn every_measure_has_its_name_and_shape_and_agrees_with_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let more = "--lr 1e-3 --times 0,10,200 --snapshots 200,0,55 --one-layer --group 1 --check";
    let shape = |value: &Value| {
        let (mut shape, mut value) = (Vec::new(), value);
        while let Some(array) = value.as_array() {
            shape.push(array.len());
            value = &array[0];
        }
        shape
    };
    let mut first = Vec::new();
    for verb in ["train", "theory"] {
        let result = json(&published_run(verb, folder.path(), more));
        assert_eq!(result["check"]["passed"], Value::Bool(true), "{}", result["check"]);
        for key in ["gradient_norms", "weight_ranks", "weight_norms_groups", "weight_error_each"] {
            assert_eq!(shape(&result[key]), [3, 2], "{key}");
        }
        assert_eq!(result["weight_ranks"][2], serde_json::json!([1, 1]));
        assert_eq!(numbers(&result["snapshots"]), [0.0, 55.0, 200.0]);
        for key in ["input_singular_values", "input_alignment", "jacobian_singular_values"] {
            assert_eq!(shape(&result[key]), [3, 2], "{key}");
        }
        // All hidden units are one.
        assert_eq!(shape(&result["hidden_alignment"]), [3, 1]);
        assert_eq!(shape(&result["jacobian_shares"]), [3, 2, 2]);
        assert_eq!(shape(&result["one_layer_w"]), [3, 2]);
        assert_eq!(shape(&result["one_layer_loss"]), [3]);
        assert!(result.get("one_layer_risk").is_none(), "there are no test data");
        assert_eq!(result.get("gradient_norm_u").is_some(), verb == "theory");
        first.push(result);
    }
    let [train, theory] = &first[..] else { unreachable!() };
    for i in 0..3 {
        let norms = numbers(&train["gradient_norms"][i]);
        close(numbers(&theory["gradient_norm_z"])[i], norms[0], 1e-10);
        close(numbers(&theory["gradient_norm_u"])[i], norms[1], 1e-10);
    }
}

#[test]
fn a_random_start_has_full_rank_and_relu_features_more_than_linear_ones() {
    let folder = tempfile::tempdir().unwrap();
    for init in ["kaiming-normal", "kaiming-uniform", "normal"] {
        let more = "--lr 1e-4 --iterations 50 --points 5 --snapshots 50 --scales 1,1 --check";
        let line = published_run("train", folder.path(), more);
        let line = line.replace("--init constant --scales 0.01,0.01", &format!("--init {init}"));
        let linear = json(&line);
        assert_eq!(linear["weight_ranks"][0], serde_json::json!([2, 1]), "{init}");
        assert_eq!(numbers(&linear["hidden_singular_values"][0]).len(), 2);
        let relu = json(&format!("{line} --hidden-activation relu"));
        assert!(numbers(&relu["hidden_singular_values"][0]).len() > 2, "{init}");
        for result in [linear, relu] {
            assert_eq!(result["check"]["passed"], Value::Bool(true), "{}", result["check"]);
        }
    }
}

#[test]
fn single_precision_trains_too() {
    let folder = tempfile::tempdir().unwrap();
    let more = "--lr 1e-3 --iterations 1000 --points 20 --check --dtype f32 --tolerance 1e-4";
    for verb in ["train", "theory"] {
        let result = json(&published_run(verb, folder.path(), more));
        assert_eq!(result["check"]["passed"], Value::Bool(true), "{}", result["check"]);
    }
}

#[test]
fn divergence_ends_with_its_iteration_and_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for verb in ["train", "theory"] {
        let line = published_run(verb, folder.path(), "--lr 1 --iterations 100000");
        let mut command = nanocurv();
        command.arg("dynamics").args(line.split_whitespace());
        let (stdout, stderr) = run(&mut command, 2);
        assert!(stdout.is_empty());
        assert!(stderr.contains("diverged at iteration"), "{stderr}");
    }
}

#[test]
fn theory_refuses_a_start_that_is_not_of_rank_one() {
    let folder = tempfile::tempdir().unwrap();
    let line = published_run("theory", folder.path(), "--lr 1e-3 --iterations 10");
    let line = line.replace("--init constant", "--init normal");
    let mut command = nanocurv();
    command.arg("dynamics").args(line.split_whitespace());
    let (_, stderr) = run(&mut command, 2);
    assert!(stderr.contains("--init constant or rank-one"), "{stderr}");
}

#[test]
fn the_data_are_those_that_are_asked_for_and_training_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("d.npz");
    let make = |out: &str| {
        format!(
            "data --dim 3 --samples 12 --seed 7 --noise 0.5,0.1 --kappa 10 --p 1 --transform \
             --test 20 {out}"
        )
    };
    let data = json(&make(""));
    assert_eq!(numbers(&data["singular_values"]), [10.0, 10.0, 1.0]);
    assert_eq!(data["X"].as_array().unwrap().len(), 12);
    assert_eq!(numbers(&data["X"][0]).len(), 3);
    assert_eq!(data["X_test"].as_array().unwrap().len(), 20);
    assert_eq!(numbers(&data["y_test"]).len(), 20);
    assert_eq!(data, json(&make("")), "the same on every run");

    let mut command = nanocurv();
    command.arg("dynamics").args(make("--out").split_whitespace()).arg(&file);
    assert!(run(&mut command, 0).0.is_empty());
    let d = file.display();
    let result = json(&format!(
        "theory --data {d}:X --targets {d}:y --test-data {d}:X_test --test-targets {d}:y_test \
         --beta {d}:beta --hidden 5 --init rank-one --scales 0.1,0.1 --seed 3 --lr 1e-3,5e-4 \
         --iterations 2000 --points 30 --check"
    ));
    assert_eq!(result["check"]["passed"], Value::Bool(true));
    assert_eq!(numbers(&result["risk"]).len(), numbers(&result["t"]).len());
}

#[test]
fn the_risk_turns_where_it_is_published() {
    let setup = "risk --sigmas 1,0.15 --thetas 0.45,3 --noise 1 --samples 10 --iterations 20000";
    let result = json(&format!("{setup} --lr 0.1"));
    let turns: Vec<_> = result["turning_points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| (t["kind"].as_str().unwrap(), t["k"].as_u64().unwrap()))
        .collect();
    assert_eq!(turns, [("minimum", 12), ("maximum", 30), ("minimum", 491)]);
    close(result["turning_points"][2]["excess"].as_f64().unwrap(), 0.1669421765, 6e-11);
    assert_eq!(numbers(&result["k"]).len(), 20_001);
    close(*numbers(&result["excess"]).last().unwrap(), 0.2, 1e-10);

    let scaled = json(&format!("{setup} --lr 0.1,4.3"));
    assert_eq!(scaled["turning_points"].as_array().unwrap().len(), 1);
    close(scaled["turning_points"][0]["excess"].as_f64().unwrap(), 0.1339743729, 6e-11);
    let equal = json(&format!("{setup} --lr 0.1 --equal-clocks"));
    assert_eq!(equal["turning_points"].as_array().unwrap().len(), 1);
    let single = json(&format!("{setup} --lr 0.1 --dtype f32"));
    assert_eq!(single["turning_points"].as_array().unwrap().len(), 3);
}

#[test]
fn closed_forms_meet_their_published_values() {
    let k = (0.3_f64 * 0.3 * 0.7 * 0.7 + 4.0 * 1.2 * 1.2).sqrt();
    let times: Vec<String> = (0..7).map(|j| (f64::from(j) / 6.0 * 3.0 / k).to_string()).collect();
    let result = json(&format!(
        "modes --c 0.3 --r 2 --s 1.2 --lambda 0.7 --w0 0.05 --times {}",
        times.join(",")
    ));
    let w = [0.05, 0.13308145, 0.23862715, 0.37757855, 0.55384372, 0.75969515, 0.97520216];
    for (found, expected) in numbers(&result["w"]).iter().zip(w) {
        close(*found, expected, 6e-9);
    }
    let result = json("ensemble --alpha 0.9 --snr 5 --times 0,1");
    close(numbers(&result["risk"])[0], 1.2, 1e-14);
    close(numbers(&result["risk"])[1], 0.6756976441, 6e-11);
    close(result["limit"].as_f64().unwrap(), 2.1, 1e-12);
}

#[test]
fn a_field_is_at_rest_where_training_ends() {
    let result = json(
        "field --plane total --fixed 1 --beta 1,1 --lambda 100,1 --epsilon 5,0 --range 1,1.5 \
         --grid 2",
    );
    // x is 1.5 and y is 1 in the first row, second column.
    assert_eq!(numbers(&result["x"]), [1.0, 1.5]);
    close(result["dx"][0][1].as_f64().unwrap(), 0.0, 1e-12);
    close(result["dy"][0][1].as_f64().unwrap(), 0.0, 1e-12);
    assert!(result["dx"][0][0].as_f64().unwrap() > 0.0);
    let mut command = nanocurv();
    command.args("dynamics field --plane total --fixed 0 --beta 1,1 --lambda 1,2".split(' '));
    assert!(run(&mut command, 2).1.contains("u != 0"));
}

#[test]
fn every_plot_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let plot = |name: &str| folder.path().join(name);
    let lines = [
        published_run("train", folder.path(), "--lr 1e-3 --iterations 500 --plot"),
        "risk --sigmas 1,0.15 --thetas 0.45,3 --noise 1 --samples 10 --lr 0.1 --iterations 900 --plot"
            .to_owned(),
        "ensemble --alpha 2 --snr 5 --plot".to_owned(),
        "field --plane risk --fixed 1 --beta 1,1 --lambda 100,1 --range -2,2 --plot".to_owned(),
        "field --plane u-z2 --fixed 1 --beta 1,1 --lambda 100,1 --range -2,2 --plot".to_owned(),
        "field --plane uz --fixed 1 --beta 1,1 --lambda 100,1 --range -2,2 --plot".to_owned(),
        "field --plane total-z1 --fixed 1 --beta 1,1 --lambda 100,1 --range -2,2 --plot".to_owned(),
        "field --plane total-z2 --fixed 1 --beta 1,1 --lambda 100,1 --range -2,2 --plot".to_owned(),
        "field --plane risk-z1 --fixed 1 --beta 1,1 --lambda 100,1 --range -2,2 --plot".to_owned(),
        "field --plane risk-z2 --fixed 1 --beta 1,1 --lambda 100,1 --range -2,2 --plot".to_owned(),
        "field --plane u-z1-z2 --beta 1,1 --lambda 100,1 --range -2,2 --grid 5 --plot".to_owned(),
        "modes --c 0.3 --r 2 --s 1.2 --lambda 0.7 --w0 0.05 --times 0,1,2 --plot".to_owned(),
        "tour --plot".to_owned(),
    ];
    for (i, line) in lines.iter().enumerate() {
        let path = plot(&format!("{i}.svg"));
        let mut command = nanocurv();
        command.arg("dynamics").args(line.split_whitespace()).arg(&path);
        let (stdout, _) = run(&mut command, 0);
        assert!(!stdout.is_empty());
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(roxmltree::Document::parse(&svg).is_ok(), "{line}");
    }
}

#[test]
fn the_tour_tells_of_the_double_descent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tour.svg");
    let result = json(&format!("tour --plot {}", path.display()));
    let kinds = |key: &str| -> Vec<String> {
        let turns = result[key].as_array().unwrap();
        turns.iter().map(|t| t["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds("regression"), ["minimum", "maximum", "minimum"]);
    assert_eq!(kinds("equal_clocks"), ["minimum"]);
    assert_eq!(kinds("network")[..2], ["minimum", "maximum"]);
    assert!(result["theory_difference"].as_f64().unwrap() < 1e-12);
    assert!(path.exists());
}

/// Every command of the family against its dense reference, in both precisions.
#[test]
fn every_check_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (x, _) = published(folder.path());
    let net = folder.path().join("net.safetensors");
    let lines = [
        "data --dim 3 --samples 12 --seed 7 --noise 0.5 --kappa 10 --p 1 --transform --test 20",
        "data --dim 5 --samples 3 --seed 7 --kappa 2 --scale-beta --test 9",
        "modes --c 0.3 --r 2 --s 1.2 --lambda 0.7 --w0 0.05 --times 0,0.1,1,3,50",
        "modes --c -0.3 --r 0 --s 1.2 --lambda 0.7 --w0 0.05 --times 0,1,3",
        "modes --c 0 --r 2 --s -1.2 --lambda 0.7 --w0 -0.05 --times 0,1,3",
        "risk --sigmas 1,0.15 --thetas 0.45,3 --noise 1 --samples 10 --lr 0.1 --iterations 900",
        "ensemble --alpha 0.5 --snr 5 --inr 0.3 --times 0,0.1,1,10,100",
        "ensemble --alpha 1 --snr 5 --times 0,1,10,1000",
        "ensemble --alpha 2 --snr 0.5",
        "field --plane u-z1 --fixed 2,1 --beta 1,2,1 --lambda 9,1,4 --epsilon 1,0,2 --range -2,3",
        "field --plane z1-z2 --fixed 1,2 --beta 1,2,1 --lambda 9,1,4 --epsilon 1,0,2 --range -2,3",
        "field --plane total --fixed 2 --beta 1,-1 --lambda 100,1 --epsilon 5,0 --grid 7",
        "field --plane risk --fixed -1,3 --beta 1,2,1 --lambda 9,1,4 --range -2,3",
        "field --plane u-z2 --fixed 2,1 --beta 1,2,1 --lambda 9,1,4 --epsilon 1,0,2 --range -2,3",
        "field --plane uz --fixed 2,1 --beta 1,2,1 --lambda 9,1,4 --epsilon 1,0,2 --range -2,3",
        "field --plane total-z1 --fixed 2,1 --beta 1,2,1 --lambda 9,1,4 --range -2,3 --grid 9",
        "field --plane total-z2 --fixed 2,1 --beta 1,2,1 --lambda 9,1,4 --range -2,3 --grid 9",
        "field --plane risk-z1 --fixed 2,1 --beta 1,2,1 --lambda 9,1,4 --range -2,3 --grid 9",
        "field --plane risk-z2 --fixed 2,1 --beta 1,2,1 --lambda 9,1,4 --range -2,3 --grid 9",
        "field --plane u-z1-z2 --fixed 2 --beta 1,2,1 --lambda 9,1,4 --range -2,3 --grid 5",
        "field --plane u-z1-z2 --beta 1,2 --lambda 9,1 --epsilon 1,0 --range -2,3 --grid 4",
    ];
    for line in lines {
        for more in ["--check", "--check --dtype f32 --tolerance 2e-5"] {
            let result = json(&format!("{line} {more}"));
            assert_eq!(result["check"]["passed"], Value::Bool(true), "{line}: {}", result["check"]);
        }
    }
    let values = |count: u32| (0..count).map(|i| f64::from(i).sin()).collect::<Vec<_>>();
    let tensors = [
        ("0.weight".to_owned(), Array::new(&[4, 2], values(8))),
        ("1.weight".to_owned(), Array::new(&[1, 4], values(4))),
    ];
    std::fs::write(&net, safetensors::write(&tensors).unwrap()).unwrap();
    let line = format!("jacobian --net {} --data {} --check", net.display(), x.display());
    let result = json(&line);
    assert_eq!(result["check"]["passed"], Value::Bool(true), "{}", result["check"]);
    assert_eq!(numbers(&result["singular_values"]).len(), 2);
}

#[test]
fn wrong_input_ends_with_code_2_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let (x, y) = published(folder.path());
    let run_of = |more: &str| {
        format!("train --data {} --targets {} --iterations 5 {more}", x.display(), y.display())
    };
    let short = folder.path().join("short.csv");
    std::fs::write(&short, "1\n2\n").unwrap();
    let wrong = [
        ("data --dim 0 --samples 3".to_owned(), "--dim: found 0"),
        ("data --dim 2 --samples 3 --beta 1".to_owned(), "--beta: found 1 numbers, needed 2"),
        ("data --dim 2 --samples 3 --noise 1,2,3".to_owned(), "--noise: found 3"),
        ("data --dim 2 --samples 3 --sigmas one".to_owned(), "--sigmas: found 'one'"),
        ("data --dim 2 --samples 3 --p 1".to_owned(), "--kappa"),
        (run_of("--hidden 3 --lr 1,2,3"), "--lr: found 3 numbers"),
        (run_of("--hidden 0 --lr 1"), "--hidden: found 0"),
        (run_of("--hidden 3 --lr nan"), "--lr: found NaN"),
        (run_of("--hidden 3 --lr 1 --beta 1,2,3"), "--beta: found 3 numbers, needed 2"),
        (run_of("--hidden 3 --lr 1e-3 --beta 0,1"), "--beta"),
        (run_of("--hidden 3 --lr 1e-3 --times 0,9"), "--times: found 9, needed at most 5"),
        (run_of("--hidden 3 --lr 1e-3 --out r.doc"), "r.doc"),
        (
            format!(
                "train --data {} --targets {} --iterations 5 --hidden 3 --lr 1e-3",
                x.display(),
                short.display()
            ),
            "found 2 targets, needed 10",
        ),
        ("modes --c 0 --r=-1 --s 1 --lambda 1 --w0 1 --times 1".to_owned(), "--r: found -1"),
        ("modes --c 0 --r 1 --s 1 --lambda 1 --w0 1 --times=-1".to_owned(), "--times: found -1"),
        (
            "risk --sigmas 1,2 --thetas 1,2,3 --noise 1 --samples 3 --lr 1 --iterations 3"
                .to_owned(),
            "--thetas: found 3 numbers",
        ),
        (
            "risk --sigmas 1 --thetas 1 --noise 1 --samples 0 --lr 1 --iterations 3".to_owned(),
            "samples",
        ),
        ("ensemble --alpha 0 --snr 1".to_owned(), "--alpha"),
        (
            "field --plane z1-z2 --fixed 1,2 --beta 1,1 --lambda 1,1".to_owned(),
            "--fixed: found 2 numbers, needed 1",
        ),
        (
            "field --plane u-z1-z2 --beta 1 --lambda 1".to_owned(),
            "--lambda: found 1 eigenvalues, needed at least 2",
        ),
        (
            "field --plane u-z1-z2 --fixed 1 --beta 1 --lambda 1,2".to_owned(),
            "--fixed: found 1 numbers, needed 0",
        ),
        (run_of("--hidden 3 --lr 1e-3 --group 3"), "--group: found 3, needed at most 2"),
        (run_of("--hidden 3 --lr 1e-3 --snapshots 0,9"), "--snapshots: found 9, needed at most 5"),
        (
            run_of("--hidden 3 --lr 1e-3 --hidden-activation rlu"),
            "--hidden-activation: found 'rlu'",
        ),
        (run_of("--hidden 3 --lr 1e3,1e-9 --one-layer").replace(" 5 ", " 500 "), "diverged"),
        ("tour --plot tour.pdf".to_owned(), "tour.pdf"),
    ];
    for (line, message) in wrong {
        let mut command = nanocurv();
        command.arg("dynamics").args(line.split_whitespace()).current_dir(folder.path());
        let (stdout, stderr) = run(&mut command, 2);
        assert!(stdout.is_empty(), "{line}");
        assert!(stderr.contains(message), "{line}: {stderr}");
    }
}
