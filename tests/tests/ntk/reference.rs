//! Every `outputs`, `jacobian` and `ntk_*` array of the reference cases (PyTorch in float64),
//! through the core alone.

use nanocurv::ntk::{Component, Directions, Pairing};
use nanocurv_cli::desktop::Float;
use nanocurv_cli::desktop::array::samples;
use nanocurv_cli::validate::cases::{self, Case};
use nanocurv_tests::kernel;
use nanocurv_tests::tolerances::assert_close;

fn the_core_meets_pytorch<T: Float>() {
    let cases = cases::all().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let mut compared = 0;
        let mut compare = |name: &str, found: Vec<T>| {
            assert_close(
                &format!("{} {name}", case.name),
                &found,
                &case.expected(name).unwrap_or_else(|e| panic!("{}: {e:#}", case.name)),
            );
            compared += 1;
        };
        let net = case.net::<T>().unwrap();
        let mlp = net.mlp().unwrap();
        let (x, cross) = (case.x::<T>().unwrap(), case.matrix::<T>("xcross").unwrap());
        let (x, cross) = (samples(x.view()).unwrap(), samples(cross.view()).unwrap());
        let total = Component::Total;
        compare("outputs", kernel::outputs(&mlp, x));
        compare("jacobian", kernel::jacobian(&mlp, x));
        compare("ntk_full", kernel::full(&mlp, total, (x, x)));
        compare("ntk_trace", kernel::trace(&mlp, total, x));
        let between = kernel::between(&mlp, Directions::Each, Pairing::Trace, total, (x, cross));
        compare("ntk_cross_trace", between);
        compare("ntk_params", kernel::params_gram(&mlp, x));
        for (component, tensor) in kernel::components(&mlp).into_iter().zip(net.tensors()) {
            compare(&format!("ntk_trace_{}", tensor.name), kernel::trace(&mlp, component, x));
        }
        assert_eq!(compared, arrays(&case), "{}: arrays left out", case.name);
    }
}

/// The number of the case's arrays that this file is about.
fn arrays(case: &Case) -> usize {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../cli/data/reference")
        .join(case.name)
        .join("expected");
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    names
        .filter(|name| {
            let name = name.to_str().unwrap();
            name.starts_with("ntk_") || name == "jacobian.npy" || name == "outputs.npy"
        })
        .count()
}

#[test]
fn the_core_meets_pytorch_in_f64() {
    the_core_meets_pytorch::<f64>();
}

#[test]
fn the_core_meets_pytorch_in_f32() {
    the_core_meets_pytorch::<f32>();
}
