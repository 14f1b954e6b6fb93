//! The scratch protocol: beside every algorithm stands a function with the number of values that
//! it needs; it works with exactly that many and says so with one fewer, and what the scratch
//! holds before does not matter. The last test reads the sources: a function that is not held to
//! this here fails it.

mod table;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use nanocurv::linalg;
use nanocurv::network::{Activation, Layer, layer};
use nanocurv::random::Rng;
use nanocurv_tests::{mat, mat_mut};

/// What has been held to the protocol, and whether it ever needed a value.
#[derive(Default)]
struct Ledger(RefCell<BTreeMap<String, bool>>);

impl Ledger {
    /// `run` works with `needed` values and fails with one fewer.
    #[track_caller]
    fn hold<V: Clone, E: Display>(
        &self,
        name: &str,
        needed: usize,
        fill: V,
        mut run: impl FnMut(&mut [V]) -> Result<(), E>,
    ) {
        if let Err(error) = run(&mut vec![fill.clone(); needed]) {
            panic!("{name}: {needed} values are not enough: {error}");
        }
        if needed > 0 {
            let Err(error) = run(&mut vec![fill; needed - 1]) else {
                panic!("{name}: {} values are enough, {needed} are asked for", needed - 1);
            };
            let message = error.to_string();
            assert!(message.contains("needed") && message.contains("found"), "{name}: {message}");
        }
        *self.0.borrow_mut().entry(name.to_owned()).or_default() |= needed > 0;
    }

    /// The same for floating-point values, which are NaN before.
    #[track_caller]
    fn scratch<E: Display>(
        &self,
        name: &str,
        needed: usize,
        run: impl FnMut(&mut [f64]) -> Result<(), E>,
    ) {
        self.hold(name, needed, f64::NAN, run);
    }
}

fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = Rng::seed(seed);
    (0..count).map(|_| rng.normal()).collect()
}

/// A symmetric positive definite matrix.
fn positive(n: usize, seed: u64) -> Vec<f64> {
    let a = noise(n * n, seed);
    let mut c = vec![0.0; n * n];
    linalg::syrk_tn(1.0, mat(&a, n, n), 0.0, mat_mut(&mut c, n, n)).unwrap();
    let mut m = mat_mut(&mut c, n, n);
    m.mirror_lower();
    m.add_diagonal(0.5);
    c
}

/// Networks of one, two and three layers, with biases and without, two outputs.
fn networks() -> Vec<(Vec<Layer>, Vec<f64>)> {
    let tanh = Activation::Tanh;
    let last = |inputs| Layer::new(inputs, 2, Activation::Identity);
    let no_bias = |layer: Layer| layer.with_bias(false);
    let nets = [
        vec![last(3)],
        vec![Layer::new(3, 5, tanh), last(5)],
        vec![no_bias(Layer::new(3, 4, tanh)), Layer::new(4, 1, tanh), no_bias(last(1))],
    ];
    nets.into_iter()
        .map(|layers| {
            let theta = noise(layer::params(&layers), 1);
            (layers, theta)
        })
        .collect()
}

/// `module::function` of every public function of the core that says how many values to place.
fn declared() -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src");
    let (mut folders, mut files) = (vec![source.clone()], Vec::<PathBuf>::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let mut names = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&source).unwrap().with_extension("");
        let parts = relative.iter().map(|part| part.to_str().unwrap());
        let module: Vec<&str> = parts.filter(|part| *part != "mod").collect();
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let line = line.trim_start();
            let function =
                line.strip_prefix("pub const fn ").or_else(|| line.strip_prefix("pub fn "));
            let Some(end) = function.and_then(|f| f.find(['(', '<'])) else { continue };
            let name = &function.unwrap()[..end];
            let ending = name.rsplit('_').next().unwrap();
            if ["scratch", "len", "memory", "pivots", "chunk"].contains(&ending) {
                names.push(format!("{}::{name}", module.join("::")));
            }
        }
    }
    names
}

#[test]
fn every_scratch_function_says_exactly_how_many_values_are_needed() {
    let ledger = Ledger::default();
    table::ROWS.iter().for_each(|rows| rows(&ledger));

    let held = ledger.0.into_inner();
    for (name, ever) in &held {
        assert!(ever, "{name}: never needed a value, so nothing was shown");
    }
    let declared = declared();
    assert!(declared.len() > 50, "{declared:?}");
    let missing: Vec<&String> = declared.iter().filter(|name| !held.contains_key(*name)).collect();
    assert!(missing.is_empty(), "not held to the protocol: {missing:?}");
}
