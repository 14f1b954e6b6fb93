//! The posterior against laplace-torch: covariances, evidence, probabilities of every structure;
//! EKFAC, which it has not, against the dense matrix. The tangent kernel as a Gaussian process.

use anyhow::{Context as _, Result};
use nanocurv::network::Loss;
use serde_json::Value;

use super::cases::{file, matrix, network};
use super::check::Check;
use crate::dense::{self, Difference};
use crate::desktop::array::wide;
use crate::desktop::laplace::{Fitted, LaplaceSettings, StructureKind, fit};
use crate::desktop::regress::{RegressSettings, RegressSolver, regress};
use crate::desktop::{Data, Float, Network, Targets, UNWATCHED};

const NAMES: [&str; 3] = ["lap_regression", "lap_two_outputs", "lap_classifier"];

/// The names of a case's arrays and what they are of: structure, biases apart, last layer.
const STRUCTURES: [(&str, StructureKind, bool, bool); 5] = [
    ("full", StructureKind::Full, false, false),
    ("kron_joint", StructureKind::Kron, false, false),
    ("kron_separate", StructureKind::Kron, true, false),
    ("diag", StructureKind::Diagonal, false, false),
    ("last_layer_full", StructureKind::Full, false, true),
];

/// Every structure, one line a case and precision; the best prior precision; the dense reference.
pub fn checks() -> Vec<Check> {
    let mut checks = Vec::new();
    for name in NAMES {
        for (array, kind, separate, last) in STRUCTURES {
            let of = (array, kind, separate, last);
            checks.push(Check::new(format!("laplace {name} {array} f64"), 1e-9, move || {
                Case::<f64>::open(name)?.structure(of)
            }));
            // The log determinant sums as many roundings as there are parameters.
            checks.push(Check::new(format!("laplace {name} {array} f32"), 1e-4, move || {
                Case::<f32>::open(name)?.structure(of)
            }));
        }
        // A maximum is known to the root of the rounding of its height.
        checks.push(Check::new(format!("laplace {name} best prior precision"), 1e-6, move || {
            Case::<f64>::open(name)?.best()
        }));
        checks.push(Check::new(format!("laplace {name} ekfac = dense"), 1e-10, move || {
            Case::<f64>::open(name)?.ekfac()
        }));
        checks.push(Check::new(
            format!("dense laplace {name} = laplace-torch"),
            1e-10,
            move || Case::<f64>::open(name)?.witness(),
        ));
    }
    for name in &NAMES[..2] {
        for solver in [RegressSolver::Dense, RegressSolver::Cg] {
            checks.push(Check::new(format!("regress {name} {solver}"), 1e-9, move || {
                Case::<f64>::open(name)?.regression(solver)
            }));
        }
    }
    checks
}

/// A case of the posterior.
struct Case<T> {
    name: &'static str,
    net: Network<T>,
    data: Data<T>,
    test: ndarray::Array2<T>,
    settings: LaplaceSettings,
    precision: f64,
}

impl<T: Float> Case<T> {
    fn open(name: &'static str) -> Result<Self> {
        let json: Value = serde_json::from_slice(file(&format!("{name}/case.json"))?)?;
        let net = network(name, &json)?;
        let array = |array: &str| matrix(&format!("{name}/{array}.npy"));
        let number = |key: &str| json[key].as_f64().with_context(|| format!("{name}: {key}"));
        let regression = json["kind"] == "regression";
        let targets = match regression {
            true => Targets::Values(array("y")?),
            false => {
                let labels = matrix::<f64>(&format!("{name}/y.npy"))?;
                Targets::Labels(labels.iter().map(|label| *label as u32).collect())
            }
        };
        let (precision, sigma) = (number("prior")?, number("sigma")?);
        let settings = LaplaceSettings {
            prior_precision: Some(vec![precision]),
            noise: regression.then_some(sigma),
            ..LaplaceSettings::new(if regression { Loss::Mse } else { Loss::CrossEntropy })
        };
        let (data, test) = (Data::new(array("x")?, targets)?, array("xtest")?);
        Ok(Self { name, net, data, test, settings, precision })
    }

    fn fit(&self, settings: &LaplaceSettings) -> Result<Fitted<T>> {
        Ok(fit(&self.net, &self.data, settings, UNWATCHED)?)
    }

    fn expected(&self, name: &str) -> Result<Vec<f64>> {
        Ok(wide(&matrix::<f64>(&format!("{}/expected/{name}.npy", self.name))?))
    }

    /// How far a structure's arrays are off.
    fn structure(
        &self,
        (array, structure, separate_bias, last_layer): (&str, StructureKind, bool, bool),
    ) -> Result<f64> {
        let settings =
            LaplaceSettings { structure, separate_bias, last_layer, ..self.settings.clone() };
        let fitted = self.fit(&settings)?;
        let prediction = fitted.posterior.predict(&self.net, self.test.view(), None)?;
        let mut pairs = vec![
            (wide(&prediction.mean), self.expected("mean")?),
            (wide(&prediction.covariance), self.expected(&format!("{array}_covariance"))?),
            (
                vec![fitted.evidence.log_det_ratio],
                self.expected(&format!("{array}_log_det_ratio"))?,
            ),
            (
                vec![fitted.evidence.log_marginal_likelihood],
                self.expected(&format!("{array}_log_marginal_likelihood"))?,
            ),
        ];
        if !last_layer {
            pairs.push((vec![fitted.evidence.log_likelihood], self.expected("log_likelihood")?));
        }
        if let Some(probabilities) = &prediction.probabilities {
            pairs.push((wide(probabilities), self.expected(&format!("{array}_probit"))?));
        }
        Ok(worst(&pairs))
    }

    /// The prior precision of the largest evidence of the full structure.
    fn best(&self) -> Result<f64> {
        let settings = LaplaceSettings {
            structure: StructureKind::Full,
            prior_precision: None,
            ..self.settings.clone()
        };
        let fitted = self.fit(&settings)?;
        let best = self.expected("best_prior_precision")?;
        let evidence = self.expected("best_log_marginal_likelihood")?;
        Ok(worst(&[
            (fitted.prior_precision.clone(), best),
            (vec![fitted.evidence.log_marginal_likelihood], evidence),
        ]))
    }

    /// EKFAC against the dense matrix.
    fn ekfac(&self) -> Result<f64> {
        let settings = LaplaceSettings { structure: StructureKind::Ekfac, ..self.settings.clone() };
        let fitted = self.fit(&settings)?;
        let precisions = vec![self.precision; self.net.params()];
        let (dense, evidence) =
            dense::laplace::fit(&self.net, &self.data, &fitted.posterior, &precisions);
        let prediction = fitted.posterior.predict(&self.net, self.test.view(), None)?;
        let (mean, covariance) = dense.predict(&wide(&self.test));
        Ok(worst(&[
            (wide(&prediction.mean), mean),
            (wide(&prediction.covariance), covariance),
            (vec![fitted.evidence.log_det_ratio], vec![evidence.log_det_ratio]),
        ]))
    }

    /// The tangent kernel as a Gaussian process: its own mean, the full structure's covariance.
    fn regression(&self, solver: RegressSolver) -> Result<f64> {
        let settings = RegressSettings {
            prior_precision: self.precision,
            solver,
            tolerance: Some(1e-13),
            ..RegressSettings::new(self.settings.noise.unwrap_or(1.0))
        };
        let found = regress(&self.net, &self.data, self.test.view(), &settings, UNWATCHED)?;
        let mut pairs = vec![(wide(&found.mean), self.expected("ntk_regression_mean")?)];
        if let Some(covariance) = &found.covariance {
            pairs.push((wide(covariance), self.expected("full_covariance")?));
        }
        Ok(worst(&pairs))
    }

    /// The dense reference against the arrays.
    fn witness(&self) -> Result<f64> {
        let mut pairs = Vec::new();
        for (array, structure, separate_bias, last_layer) in STRUCTURES {
            let settings =
                LaplaceSettings { structure, separate_bias, last_layer, ..self.settings.clone() };
            // What the witness takes of it is the structure and the noise.
            let fitted = self.fit(&settings)?;
            let first = if last_layer { self.net.layers().len() - 1 } else { 0 };
            let precisions = vec![self.precision; self.net.back(first).params()];
            let (dense, evidence) =
                dense::laplace::fit(&self.net, &self.data, &fitted.posterior, &precisions);
            let (_, covariance) = dense.predict(&wide(&self.test));
            pairs.push((covariance, self.expected(&format!("{array}_covariance"))?));
            let log_det = self.expected(&format!("{array}_log_det_ratio"))?;
            pairs.push((vec![evidence.log_det_ratio], log_det));
        }
        Ok(worst(&pairs))
    }
}

fn worst(pairs: &[(Vec<f64>, Vec<f64>)]) -> f64 {
    let errors = pairs.iter().map(|(found, expected)| Difference::between(found, expected));
    errors.map(|d| d.relative()).fold(0.0, f64::max)
}
