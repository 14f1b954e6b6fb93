//! The dense references against PyTorch and curvlinops: what holds the core must itself hold.

use anyhow::Result;

use super::Check;
use super::cases::Case;
use crate::check::Difference;
use crate::dense::{self, Reduce};

/// The references are naive sums in f64; the cases were computed in f64 too.
const TOLERANCE: f64 = 1e-12;

/// How far a quantity of one case is off.
type Measure = fn(&Case) -> Result<Difference>;

/// One line per quantity: the worst error over all cases.
pub fn checks() -> Vec<Check> {
    let quantities: [(&str, Measure); 8] = [
        ("outputs", outputs),
        ("jacobian", jacobian),
        ("ntk", ntk),
        ("gradient", gradient),
        ("hessian", |case| curvature(case, "hessian", dense::hessian)),
        ("ggn", |case| curvature(case, "ggn", dense::ggn)),
        ("empirical fisher", |case| curvature(case, "empirical_fisher", dense::empirical_fisher)),
        ("loss", loss),
    ];
    let check = |(quantity, difference): (&str, Measure)| {
        Check::new(format!("dense {quantity} = PyTorch"), TOLERANCE, move || {
            let mut worst = 0.0_f64;
            for case in super::cases::all()? {
                worst = worst.max(difference(&case)?.relative());
            }
            Ok(worst)
        })
    };
    quantities.into_iter().map(check).collect()
}

fn outputs(case: &Case) -> Result<Difference> {
    let net = case.net::<f64>()?;
    let x = case.x::<f64>()?;
    let found: Vec<f64> =
        x.values.chunks(x.cols).flat_map(|x| net.reference.forward(&net.theta, x)).collect();
    Ok(Difference::between(&found, &case.expected("outputs")?))
}

fn jacobian(case: &Case) -> Result<Difference> {
    let net = case.net::<f64>()?;
    let found = dense::jacobian(&net.reference, &net.theta, &case.x::<f64>()?.values);
    Ok(Difference::between(&found, &case.expected("jacobian")?))
}

fn ntk(case: &Case) -> Result<Difference> {
    let net = case.net::<f64>()?;
    let x = case.x::<f64>()?.values;
    let cross = case.matrix::<f64>("xcross")?.values;
    let all = 0..net.theta.len();
    let kernel =
        |x2: &[f64], reduce, range| dense::ntk(&net.reference, &net.theta, &x, x2, reduce, range);
    let mut pairs = vec![
        (kernel(&x, Reduce::Full, all.clone()), "ntk_full".to_owned()),
        (kernel(&x, Reduce::Trace, all.clone()), "ntk_trace".to_owned()),
        (kernel(&cross, Reduce::Trace, all), "ntk_cross_trace".to_owned()),
        (dense::ntk_params(&net.reference, &net.theta, &x), "ntk_params".to_owned()),
    ];
    for (tensor, name) in net.reference.tensors().into_iter().zip(net.tensor_names()) {
        pairs.push((kernel(&x, Reduce::Trace, tensor.range), format!("ntk_trace_{name}")));
    }
    let mut worst = Difference::default();
    for (found, name) in pairs {
        let difference = Difference::between(&found, &case.expected(&name)?);
        if difference.relative() >= worst.relative() {
            worst = difference;
        }
    }
    Ok(worst)
}

fn loss(case: &Case) -> Result<Difference> {
    let net = case.net::<f64>()?;
    let (x, y) = (case.x::<f64>()?.values, case.targets::<f64>()?.reference());
    let found = case.loss.total(case.reduction, &net.reference, &net.theta, &x, &y);
    Ok(Difference::between(&[found], &case.expected("loss")?))
}

fn gradient(case: &Case) -> Result<Difference> {
    let net = case.net::<f64>()?;
    let (x, y) = (case.x::<f64>()?.values, case.targets::<f64>()?.reference());
    let found = dense::gradient(&net.reference, &net.theta, &x, &y, case.loss, case.reduction);
    Ok(Difference::between(&found, &case.expected("gradient")?))
}

/// The common form of the references that give a `P x P` matrix.
type Matrix =
    fn(&dense::Network, &[f64], &[f64], &dense::Targets, dense::Loss, dense::Reduction) -> Vec<f64>;

fn curvature(case: &Case, name: &str, matrix: Matrix) -> Result<Difference> {
    let net = case.net::<f64>()?;
    let (x, y) = (case.x::<f64>()?.values, case.targets::<f64>()?.reference());
    let found = matrix(&net.reference, &net.theta, &x, &y, case.loss, case.reduction);
    Ok(Difference::between(&found, &case.expected(name)?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_references_agree_with_pytorch() {
        for check in super::checks() {
            let (name, tolerance) = (check.name, check.tolerance);
            let error = (check.error)().unwrap();
            assert!(error <= tolerance, "{name}: {error:e}");
        }
    }
}
