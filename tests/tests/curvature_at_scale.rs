//! Twenty thousand parameters, whose Hessian would take 3.2 GB: products, a solve and a sub-matrix
//! in a few megabytes.

use nanocurv::curvature::{
    Batch, Damped, Ggn, Hessian, Identity, LinearOperator, Probe, Risk, Stop, Submatrix, Until, cg,
    cg_scratch, gradient, gradient_scratch, hutchinson_scratch, hutchinson_trace, submatrix,
    submatrix_scratch,
};
use nanocurv::network::{Activation, Layer, Loss, Mlp, Reduction};
use nanocurv::random::Rng;
use nanocurv_tests::{mat, mat_mut};

const PARAMS: usize = 19_933;
const SAMPLES: usize = 50;

fn normal(len: usize, size: f64, seed: u64) -> Vec<f64> {
    let mut rng = Rng::seed(seed);
    (0..len).map(|_| size * rng.normal::<f64>()).collect()
}

fn with_risk(work: impl FnOnce(Risk<'_, f64>)) {
    let layers = [
        Layer::new(64, 100, Activation::Tanh),
        Layer::new(100, 100, Activation::Tanh),
        Layer::new(100, 33, Activation::Identity),
    ];
    let theta = normal(PARAMS, 0.1, 1);
    let (x, y) = (normal(64 * SAMPLES, 1.0, 2), normal(33 * SAMPLES, 1.0, 3));
    let batches = [Batch::values(mat(&x, 64, SAMPLES), mat(&y, 33, SAMPLES))];
    let net = Mlp::new(&layers, &theta).unwrap();
    work(Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap());
}

fn norm(v: impl Iterator<Item = f64>) -> f64 {
    v.map(|v| v * v).sum::<f64>().sqrt()
}

/// The most memory that this process has held, where the system tells.
fn peak_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(1024 * line.split_whitespace().nth(1)?.parse::<usize>().ok()?)
}

#[test]
fn a_hessian_product_of_20_000_parameters_takes_a_thousandth_of_the_matrix() {
    with_risk(|risk| {
        let (hessian, v) = (Hessian::new(risk), normal(PARAMS, 1.0, 4));
        assert!(hessian.scratch() < PARAMS * PARAMS / 1000);
        let (mut hv, mut scratch) = (vec![0.0; PARAMS], vec![0.0; hessian.scratch()]);
        hessian.apply(&v, &mut hv, &mut scratch).unwrap();
        let along = |h: f64| {
            let theta: Vec<f64> =
                risk.net().theta().iter().zip(&v).map(|(t, v)| t + h * v).collect();
            let mut g = vec![0.0; PARAMS];
            let layers = risk.net().layers();
            let mut scratch = vec![0.0; gradient_scratch(layers, risk.tile())];
            gradient(&risk.at(&theta).unwrap(), &mut g, &mut scratch).unwrap();
            g
        };
        let (right, left) = (along(1e-5), along(-1e-5));
        let differences = right.iter().zip(&left).map(|(r, l)| (r - l) / 2e-5);
        let error = norm(differences.zip(&hv).map(|(d, h)| d - h));
        assert!(error < 1e-7 * norm(hv.iter().copied()), "{error:e}");
    });
}

#[test]
fn solves_estimates_and_sub_matrices_of_20_000_parameters_need_no_matrix() {
    with_risk(|risk| {
        let damped = Damped::new(Ggn::new(risk), 0.01).unwrap();
        let b = normal(PARAMS, 1.0, 5);
        let needed = cg_scratch(PARAMS, damped.scratch(), 0);
        assert!(needed < PARAMS * PARAMS / 1000);
        let (mut x, mut scratch) = (vec![0.0; PARAMS], vec![0.0; needed]);
        let until = Until { tolerance: 1e-6, iterations: 200 };
        let identity = Identity { size: PARAMS };
        let info = cg(&damped, &identity, &b, &mut x, until, &mut scratch).unwrap();
        assert_eq!(info.stop, Stop::Converged, "{info:?}");
        let mut ax = vec![0.0; PARAMS];
        damped.apply(&x, &mut ax, &mut scratch).unwrap();
        let error = norm(ax.iter().zip(&b).map(|(a, b)| a - b));
        assert!(error < 2e-6 * norm(b.iter().copied()), "{error:e}");

        let hessian = Hessian::new(risk);
        let mut scratch = vec![0.0; hutchinson_scratch(PARAMS, PARAMS, hessian.scratch())];
        // Two independent estimates agree within four of their errors.
        let [one, two] = [1, 2].map(|seed| {
            hutchinson_trace(&hessian, Probe::Rademacher, 10, seed, &mut scratch).unwrap()
        });
        let error = one.standard_error.hypot(two.standard_error);
        assert!((one.value - two.value).abs() < 4.0 * error, "{one:?} {two:?}");
        assert!(error < 0.2 * one.value, "{one:?}");

        // A sub-matrix from the structure and from products.
        let (rows, cols) = ([3, 6450, 9000, 16_590, PARAMS - 1], [0, 7000, 16_550, 19_000]);
        let mut entries = [0.0; 20];
        let mut scratch = vec![0.0; submatrix_scratch(risk.net().layers(), risk.tile(), true)];
        let to = mat_mut(&mut entries, 5, 4);
        submatrix(&hessian, &rows, &cols, to, &mut scratch).unwrap();
        let part = Submatrix::new(hessian, rows, cols).unwrap();
        let mut scratch = vec![0.0; part.scratch()];
        for (j, column) in entries.chunks(5).enumerate() {
            let (mut unit, mut product) = ([0.0; 4], [0.0; 5]);
            unit[j] = 1.0;
            part.apply(&unit, &mut product, &mut scratch).unwrap();
            for (a, b) in column.iter().zip(product) {
                assert!((a - b).abs() < 1e-14, "{a} {b}");
            }
        }
    });
    if let Some(bytes) = peak_bytes() {
        assert!(bytes < PARAMS * PARAMS, "{bytes} bytes, an eighth of the matrix");
    }
}
