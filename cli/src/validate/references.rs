//! The dense references against PyTorch and curvlinops: what holds the core must itself hold.

use anyhow::Result;

use super::cases::Case;
use super::check::Check;
use crate::dense::{self, Difference, Reduce};
use crate::desktop::array::wide;

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

/// A case as the witness takes it.
struct Problem {
    network: dense::Network,
    theta: Vec<f64>,
    x: Vec<f64>,
    y: dense::Targets,
    loss: dense::Loss,
    reduction: dense::Reduction,
}

impl Problem {
    fn of(case: &Case) -> Result<Self> {
        let (net, data) = (case.net::<f64>()?, case.data::<f64>()?);
        Ok(Self {
            network: dense::Network::of(&net),
            theta: net.theta,
            x: wide(&data.x),
            y: dense::Targets::of(&data),
            loss: dense::Loss::of(case.loss),
            reduction: dense::Reduction::of(case.reduction),
        })
    }
}

fn outputs(case: &Case) -> Result<Difference> {
    let Problem { network, theta, x, .. } = Problem::of(case)?;
    let samples = x.chunks(network.inputs());
    let found: Vec<f64> = samples.flat_map(|x| network.forward(&theta, x)).collect();
    Ok(Difference::between(&found, &case.expected("outputs")?))
}

fn jacobian(case: &Case) -> Result<Difference> {
    let Problem { network, theta, x, .. } = Problem::of(case)?;
    let found = dense::jacobian(&network, &theta, &x);
    Ok(Difference::between(&found, &case.expected("jacobian")?))
}

fn ntk(case: &Case) -> Result<Difference> {
    let Problem { network, theta, x, .. } = Problem::of(case)?;
    let cross = wide(&case.matrix::<f64>("xcross")?);
    let all = 0..theta.len();
    let kernel = |x2: &[f64], reduce, range| dense::ntk(&network, &theta, &x, x2, reduce, range);
    let mut pairs = vec![
        (kernel(&x, Reduce::Full, all.clone()), "ntk_full".to_owned()),
        (kernel(&x, Reduce::Trace, all.clone()), "ntk_trace".to_owned()),
        (kernel(&cross, Reduce::Trace, all), "ntk_cross_trace".to_owned()),
        (dense::ntk_params(&network, &theta, &x), "ntk_params".to_owned()),
    ];
    for tensor in case.net::<f64>()?.tensors() {
        let name = format!("ntk_trace_{}", tensor.name);
        pairs.push((kernel(&x, Reduce::Trace, tensor.range), name));
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
    let Problem { network, theta, x, y, loss, reduction } = Problem::of(case)?;
    let found = loss.total(reduction, &network, &theta, &x, &y);
    Ok(Difference::between(&[found], &case.expected("loss")?))
}

fn gradient(case: &Case) -> Result<Difference> {
    curvature(case, "gradient", dense::gradient)
}

/// The common form of the references of the loss's derivatives.
type Derivative =
    fn(&dense::Network, &[f64], &[f64], &dense::Targets, dense::Loss, dense::Reduction) -> Vec<f64>;

fn curvature(case: &Case, name: &str, derivative: Derivative) -> Result<Difference> {
    let Problem { network, theta, x, y, loss, reduction } = Problem::of(case)?;
    let found = derivative(&network, &theta, &x, &y, loss, reduction);
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
