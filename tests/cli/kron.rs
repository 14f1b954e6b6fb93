//! `kron` as a user meets it: small files in, arrays out, held against numbers done by hand.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::{nanocurv, run};

/// A folder of CSV files.
struct Files(TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `nanocurv kron WORDS`, where a word that ends in .csv is a file of the folder.
    fn kron(&self, words: &str, code: i32) -> (String, String) {
        let mut command = nanocurv();
        command.arg("kron");
        for word in words.split_whitespace() {
            if word.ends_with(".csv") {
                command.arg(self.path(word));
            } else {
                command.arg(word);
            }
        }
        run(&mut command, code)
    }

    fn json(&self, words: &str) -> Value {
        let (stdout, _) = self.kron(&format!("{words} --format json --quiet"), 0);
        serde_json::from_str(&stdout).unwrap()
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

#[track_caller]
fn close(found: &Value, needed: &[f64]) {
    let found = numbers(found);
    assert_eq!(found.len(), needed.len(), "{found:?}");
    for (f, n) in found.iter().zip(needed) {
        assert!((f - n).abs() < 1e-12 * (1.0 + n.abs()), "{found:?} and {needed:?}");
    }
}

fn examples() -> Files {
    Files::new(&[
        ("a.csv", "1,2\n3,4\n"),
        ("b.csv", "0,1\n1,1\n"),
        ("wide.csv", "1,2\n"),
        ("tall.csv", "1\n1\n0\n"),
        ("s.csv", "2,0.5\n0.5,1\n"),
        ("g.csv", "1.5,-0.2\n-0.2,0.7\n"),
        ("singular.csv", "1,1\n1,1\n"),
        ("v.csv", "1\n2\n3\n4\n"),
        ("w.csv", "1\n2\n3\n-1\n"),
        ("vv.csv", "1,1\n2,0\n3,0\n4,0\n"),
        ("x.csv", "1,2,3\n4,5,6\n"),
        ("bad.csv", "1,nan\n1,1\n"),
        // a (x) s
        ("as.csv", "2,0.5,4,1\n0.5,1,1,2\n6,1.5,8,2\n1.5,3,2,4\n"),
    ])
}

#[test]
fn products_are_those_of_the_dense_matrix() {
    let files = examples();
    let found = files.json("apply --left a.csv --right b.csv --vector v.csv");
    // [[1, 2], [3, 4]] X B^T for X = [[1, 2], [3, 4]]
    close(&found["result"], &[10.0, 17.0, 22.0, 37.0]);
    let found = files.json("apply --left a.csv --right b.csv --vector v.csv --transpose");
    close(&found["result"], &[14.0, 24.0, 20.0, 34.0]);
    // The columns of P x K are vectors; the second one picks a column of the matrix.
    let found = files.json("apply --left a.csv --right b.csv --vector vv.csv --order column");
    close(&found["result"], &[10.0, 0.0, 17.0, 1.0, 22.0, 0.0, 37.0, 3.0]);
    let sum = "apply --left a.csv --right b.csv --left a.csv --right b.csv --vector v.csv --check";
    close(&files.json(sum)["result"], &[20.0, 34.0, 44.0, 74.0]);
    let found = files.json("apply --left a.csv --right b.csv --vector v.csv --damping 2");
    close(&found["result"], &[12.0, 21.0, 28.0, 45.0]);
}

#[test]
fn a_matrix_goes_between_the_factors() {
    let files = examples();
    // tall (3 x 1) X a^T, X: 1 x 2
    let found = files.json("apply --left tall.csv --right a.csv --vector wide.csv");
    assert_eq!(found["result"], serde_json::json!([[5.0, 11.0], [5.0, 11.0], [0.0, 0.0]]));
    // a^T X tall, X: 2 x 3
    let row = files.json("apply --left a.csv --right tall.csv --transpose --vector x.csv");
    assert_eq!(row["result"], serde_json::json!([[30.0], [42.0]]));
    // The same in column order, the factors named the other way round.
    let column =
        files.json("apply --left tall.csv --right a.csv --transpose --order column --vector x.csv");
    assert_eq!(column["result"], row["result"]);
}

#[test]
fn solutions_are_exact_and_checked() {
    let files = examples();
    let (stdout, _) = files.kron("solve --left a.csv --right b.csv --vector v.csv --check", 0);
    assert!(stdout.contains("passed"), "{stdout}");
    let found = files.json("solve --left s.csv --right g.csv --vector w.csv --damping 0.3 --check");
    let golden = [0.0944438551489246, 1.5415609483408061, 1.5780129626088115, -1.214499353882627];
    close(&found["result"], &golden);
    for more in ["--transpose", "--left s.csv --right g.csv", "--dtype f32"] {
        files.kron(&format!("solve --left a.csv --right b.csv --vector vv.csv --check {more}"), 0);
    }
    let strict = "solve --left s.csv --right g.csv --vector v.csv --check --tolerance 1e-12";
    files.kron(strict, 0);
    files.kron(&format!("{strict} --dtype f32"), 1);
}

#[test]
fn the_dense_matrix_and_its_invariants_agree() {
    let files = examples();
    let found = files.json("dense --left a.csv --right s.csv --check");
    let needed = [2.0, 0.5, 4.0, 1.0, 0.5, 1.0, 1.0, 2.0, 6.0, 1.5, 8.0, 2.0, 1.5, 3.0, 2.0, 4.0];
    close(&found["dense"], &needed);
    let found = files.json("info --left a.csv --right s.csv --check");
    close(&found["shape"], &[4.0, 4.0]);
    close(&found["trace"], &[15.0]);
    close(&found["det"], &[(-2.0_f64).powi(2) * 1.75_f64.powi(2)]);
    close(&found["logdet"], &[(4.0 * 1.75_f64.powi(2)).ln()]);
    close(&found["frobenius"], &[(30.0_f64 * 5.5).sqrt()]);
    let found = files.json("info --left wide.csv --right s.csv");
    assert_eq!((&found["shape"], &found["trace"]), (&serde_json::json!([2, 4]), &Value::Null));
    let found = files.json("info --left singular.csv --right s.csv --check");
    assert_eq!((&found["det"], &found["logdet"]), (&serde_json::json!(0.0), &Value::Null));
    files.kron("info --left s.csv --right g.csv --damping 0.5 --check", 0);
    files.kron("info --left s.csv --right g.csv --left a.csv --right b.csv --check", 0);
}

#[test]
fn the_nearest_product_of_a_product_is_itself() {
    let files = examples();
    let found = files.json("nearest --matrix as.csv --shape 2,2 --check");
    assert!(found["residual"].as_f64().unwrap() < 1e-13);
    let (left, right) = (numbers(&found["left_0"]), numbers(&found["right_0"]));
    assert!(left[0] + left[3] > 0.0 && right[0] + right[3] > 0.0);
    let entry = left[1] * right[2];
    assert!((entry - 1.0).abs() < 1e-13, "{entry}");
    let found = files.json("nearest --matrix as.csv --shape 2,2 --rank 2 --positive");
    assert!(found.get("left_1").is_some() && found["residual"].as_f64().unwrap() > 0.1);
    files.kron("nearest --matrix as.csv --shape 2,2 --positive --check --dtype f32", 0);
}

#[test]
fn a_fit_lowers_its_loss_and_repeats_itself() {
    let files = examples();
    let words = "fit --left s.csv --right g.csv --shape 2,2 --sketches 3 --iterations 600 \
                 --learning-rate 1e-2 --seed 4 --check";
    let found = files.json(words);
    let loss = numbers(&found["loss"]);
    assert_eq!(loss.len(), 600);
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    assert!(mean(&loss[500..]) < 0.05 * mean(&loss[..100]), "{loss:?}");
    assert_eq!(files.json(words), found);
    files.kron("fit --matrix as.csv --shape 2,2 --iterations 5 --check --dtype f32", 0);
}

#[test]
fn errors_name_the_file_and_the_place() {
    let files = examples();
    for (words, needed) in [
        (
            "apply --left a.csv --right b.csv --vector x.csv",
            "x.csv: found 2 rows and 3 columns, needed 4",
        ),
        ("apply --left a.csv --vector v.csv", "1 --left and 0 --right"),
        ("apply --left a.csv --right bad.csv --vector v.csv", "bad.csv: line 1 (row 1), column 2"),
        (
            "apply --left a.csv --right b.csv --left wide.csv --right b.csv --vector v.csv",
            "shape (2, 4)",
        ),
        (
            "solve --left a.csv --right singular.csv --vector v.csv",
            "singular.csv: the matrix is singular: pivot 1",
        ),
        (
            "solve --left wide.csv --right b.csv --vector v.csv",
            "wide.csv: found a 1 x 2 matrix, needed a square one",
        ),
        (
            "solve --left a.csv --right s.csv --vector v.csv --damping 1",
            "a.csv: the matrix is not symmetric",
        ),
        ("solve --left s.csv --right s.csv --vector v.csv --damping=-1", "--damping: found -1"),
        ("nearest --matrix as.csv --shape 2,3", "needed 6 x 6"),
        ("nearest --matrix as.csv --shape 2", "needed two sizes"),
        ("nearest --matrix as.csv --shape 2,2 --rank 9", "--rank: found 9, needed 1 to 4"),
        ("fit --shape 2,2 --sketches 1", "needed a target"),
        (
            "fit --matrix as.csv --shape 2,2 --iterations 500 --learning-rate 1e60",
            "smaller --learning-rate",
        ),
    ] {
        let (stdout, stderr) = files.kron(words, 2);
        assert!(stdout.is_empty() && stderr.contains(needed), "{words}: {stderr}");
    }
}
