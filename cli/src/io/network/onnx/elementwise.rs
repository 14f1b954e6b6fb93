//! Activations that a graph spells out, such as GELU by `Erf`: a piece of the graph that is
//! elementwise is evaluated at many points, and is the activation that has the same values there.

use nanocurv::network::{Activation, Jet, evaluate};

/// From -6 to 6, past zero.
const POINTS: usize = 48;
/// Constants of the graph are in f32.
const TOLERANCE: f64 = 1e-6;
/// What a piece may be of an activation; the rest of the graph has the inverse.
const FACTORS: [f64; 3] = [1.0, 2.0, 0.5];

/// The points at which pieces are evaluated.
pub fn points() -> Vec<f64> {
    (0..POINTS).map(|i| -6.0 + 12.0 * (i as f64 + 0.4) / POINTS as f64).collect()
}

/// The values of an operator of one input.
pub fn unary(operator: &str, x: &[f64]) -> Option<Vec<f64>> {
    let by = |activation: Activation| Some(values(activation, x));
    let each = |f: fn(f64) -> f64| Some(x.iter().map(|x| f(*x)).collect());
    match operator {
        "Identity" => each(|x| x),
        "Neg" => each(|x| -x),
        "Abs" => each(f64::abs),
        "Sqrt" => each(f64::sqrt),
        "Exp" => each(f64::exp),
        "Log" => each(f64::ln),
        "Reciprocal" => each(f64::recip),
        "Relu" => by(Activation::Relu),
        "Tanh" => by(Activation::Tanh),
        "Sigmoid" => by(Activation::Sigmoid),
        "Softplus" => by(Activation::Softplus),
        "Erf" => by(Activation::Erf),
        "Sin" => by(Activation::Sin),
        _ => None,
    }
}

/// The values of an operator of two inputs; one of them may be a number.
pub fn binary(operator: &str, x: &[f64], y: &[f64]) -> Option<Vec<f64>> {
    let f: fn(f64, f64) -> f64 = match operator {
        "Add" => |x, y| x + y,
        "Sub" => |x, y| x - y,
        "Mul" => |x, y| x * y,
        "Div" => |x, y| x / y,
        "Pow" => f64::powf,
        "Max" => f64::max,
        "Min" => f64::min,
        _ => return None,
    };
    let n = x.len().max(y.len());
    let at = |v: &[f64], i: usize| v.get(if v.len() == 1 { 0 } else { i }).copied();
    (0..n).map(|i| Some(f(at(x, i)?, at(y, i)?))).collect()
}

/// The activation that is `f` at the points, times which factor.
pub fn recognised(f: &[f64]) -> Option<(Activation, f64)> {
    let points = points();
    let mut candidates = Activation::ALL.iter().flat_map(|a| FACTORS.map(|factor| (*a, factor)));
    candidates.find(|(activation, factor)| {
        let expected = values(*activation, &points);
        f.len() == expected.len()
            && f.iter().zip(&expected).all(|(found, value)| {
                (found - factor * value).abs() <= TOLERANCE * (1.0 + value.abs())
            })
    })
}

fn values(activation: Activation, x: &[f64]) -> Vec<f64> {
    let mut value = x.to_vec();
    evaluate(activation, Jet { value: &mut value, first: &mut [], second: &mut [] });
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_activation_is_recognised_as_itself_alone() {
        for activation in Activation::ALL.iter().copied() {
            let (found, factor) = recognised(&values(activation, &points())).unwrap();
            assert_eq!((found, factor), (activation, 1.0));
        }
        let mish = |x: &f64| x * x.exp().ln_1p().tanh();
        assert_eq!(recognised(&points().iter().map(mish).collect::<Vec<_>>()), None);
        assert_eq!(recognised(&[]), None);
    }

    #[test]
    fn numbers_go_with_every_point() {
        assert_eq!(binary("Sub", &[1.0, 2.0], &[0.5]), Some(vec![0.5, 1.5]));
        assert_eq!(binary("Div", &[1.0], &[2.0, 4.0]), Some(vec![0.5, 0.25]));
        assert_eq!(binary("Add", &[1.0, 2.0], &[1.0, 2.0, 3.0]), None);
        assert_eq!(binary("Mod", &[1.0], &[1.0]), None);
        assert_eq!(unary("Cos", &[1.0]), None);
    }
}
