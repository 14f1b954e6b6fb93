//! The dense reference of a curvature, in f64, by another route.

use anyhow::Result;
use nalgebra::DMatrix;
use nanocurv::curvature::sample_generator;
use nanocurv::network::Targets as CoreTargets;
use nanocurv::{Mat, MatMut};

use super::super::kfac::factors::{self, core_loss};
use super::inverse::{DampingMode, InverseArgs};
use super::{Kind, Problem, Vectors};
use crate::args::Targets;
use crate::array::Float;
use crate::dense::fisher::{self, Inverse};
use crate::dense::kfac::Fisher;
use crate::dense::{self, Dual};

/// The problem in f64.
pub(super) struct Reference {
    kind: Kind,
    network: dense::Network,
    theta: Vec<f64>,
    x: Vec<f64>,
    y: dense::Targets,
    loss: (dense::Loss, dense::Reduction),
    /// What stands between the Jacobians, and the draws.
    middle: Fisher,
    separate: bool,
}

impl Reference {
    pub(super) fn new<T: Float>(problem: &Problem<T>) -> Result<Self> {
        let middle = match problem.kind {
            Kind::FisherMc => Fisher::Drawn(draws(problem)?),
            _ => {
                let Problem { net, data, targets, loss, fisher, .. } = problem;
                factors::middle(net, data, targets, *loss, *fisher)?
            }
        };
        Ok(Self {
            kind: problem.kind,
            network: problem.net.reference.clone(),
            theta: problem.net.theta_f64(),
            x: problem.data.x.to_f64(),
            y: problem.targets.reference(),
            loss: problem.loss,
            middle,
            separate: problem.separate_bias,
        })
    }

    pub(super) fn params(&self) -> usize {
        self.theta.len()
    }

    pub(super) fn gradient(&self) -> Vec<f64> {
        let (loss, reduction) = self.loss;
        dense::gradient(&self.network, &self.theta, &self.x, &self.y, loss, reduction)
    }

    /// The matrix, row-major.
    pub(super) fn matrix(&self) -> Result<Vec<f64>> {
        let (network, theta, x, y) = (&self.network, &self.theta, &self.x, &self.y);
        let (loss, reduction) = self.loss;
        Ok(match self.kind {
            Kind::Hessian => dense::hessian(network, theta, x, y, loss, reduction),
            Kind::Ggn => dense::ggn(network, theta, x, y, loss, reduction),
            Kind::EmpiricalFisher => dense::empirical_fisher(network, theta, x, y, loss, reduction),
            Kind::FisherMc => fisher::fisher(network, theta, x, y, self.loss, &self.middle),
            Kind::Kfac => fisher::kfac(network, &self.factors(), self.separate, None),
            Kind::Ekfac => self.ekfac(None),
            Kind::Gradient => self.gradient(),
        })
    }

    fn factors(&self) -> Vec<(Vec<f64>, Vec<f64>)> {
        let (network, theta, x, y) = (&self.network, &self.theta, &self.x, &self.y);
        dense::kfac::kfac_factors(network, theta, x, y, self.loss, &self.middle)
    }

    fn ekfac(&self, damping: Option<f64>) -> Vec<f64> {
        let (network, theta, x, y) = (&self.network, &self.theta, &self.x, &self.y);
        fisher::ekfac(network, theta, x, y, self.loss, &self.middle, self.separate, damping)
    }

    /// The damped inverse, row-major.
    pub(super) fn inverse(&self, args: &InverseArgs) -> Result<Vec<f64>> {
        let damping = args.damping;
        Ok(match self.kind {
            Kind::Kfac => {
                let inverse = match args.damping_mode.unwrap_or_default() {
                    DampingMode::Pi => Inverse::Pi(damping),
                    DampingMode::Same => Inverse::Same(damping),
                    DampingMode::Exact => Inverse::Exact(damping),
                };
                fisher::kfac(&self.network, &self.factors(), self.separate, Some(inverse))
            }
            Kind::Ekfac => self.ekfac(Some(damping)),
            _ => {
                let p = self.params();
                let mut matrix = DMatrix::from_row_slice(p, p, &self.matrix()?);
                (0..p).for_each(|i| matrix[(i, i)] += damping);
                let inverse = matrix.lu().try_inverse();
                inverse.map_or_else(|| vec![f64::NAN; p * p], |m| m.as_slice().to_vec())
            }
        })
    }

    /// The products with vectors, row-major. Of the Hessian: derivatives of the gradient along the
    /// vectors, without the matrix.
    pub(super) fn products<T: Float>(
        &self,
        lists: Option<(&[usize], &[usize])>,
        v: &Vectors<T>,
    ) -> Result<Vec<f64>> {
        let p = self.params();
        if self.kind == Kind::Hessian && lists.is_none() {
            let (loss, reduction) = self.loss;
            let v64 = v.to_f64();
            let columns: Vec<Vec<f64>> = (0..v.cols)
                .map(|k| {
                    let theta: Vec<Dual> = (0..p)
                        .map(|i| {
                            let mut t = Dual::from(self.theta[i]);
                            t.slope = v64[i * v.cols + k];
                            t
                        })
                        .collect();
                    let g =
                        dense::gradient(&self.network, &theta, &self.x, &self.y, loss, reduction);
                    g.into_iter().map(|g| g.slope).collect()
                })
                .collect();
            return Ok((0..p).flat_map(|i| columns.iter().map(move |c| c[i])).collect());
        }
        let matrix = self.matrix()?;
        Ok(match lists {
            Some((rows, cols)) => {
                product(&entries(&matrix, p, rows, cols), cols.len(), &v.to_f64(), v.cols)
            }
            None => product(&matrix, p, &v.to_f64(), v.cols),
        })
    }
}

/// The draws of the core's operator at the dense outputs, `draws x N x O`.
fn draws<T: Float>(problem: &Problem<T>) -> Result<Vec<f64>> {
    let (net, x, theta) = (&problem.net, problem.data.x.to_f64(), problem.net.theta_f64());
    let (_, count, seed) = problem.fisher;
    let (outputs, samples) = (net.outputs(), x.len() / net.inputs());
    let (loss, _) = core_loss(problem.loss.0, problem.loss.1);
    let mut all = vec![0.0; count as usize * samples * outputs];
    for (n, x) in x.chunks(net.inputs()).enumerate() {
        let f = net.reference.forward(&theta, x);
        let (y, label);
        let targets = match &problem.targets {
            Targets::Labels(labels) => {
                label = [labels[n] as u32];
                CoreTargets::Labels(&label)
            }
            Targets::Values(values) => {
                let row = &values.values[n * outputs..(n + 1) * outputs];
                y = row.iter().map(|y| y.to_f64()).collect::<Vec<f64>>();
                CoreTargets::Values(Mat::of(&y, outputs, 1))
            }
        };
        let mut rng = sample_generator(seed, n);
        for draw in all.chunks_mut(samples * outputs) {
            let to = MatMut::of(&mut draw[n * outputs..(n + 1) * outputs], outputs, 1);
            loss.draw(Mat::of(&f, outputs, 1), targets, &mut rng, to)?;
        }
    }
    Ok(all)
}

/// The entries of a row-major `p`-column matrix, row-major.
pub(super) fn entries(matrix: &[f64], p: usize, rows: &[usize], cols: &[usize]) -> Vec<f64> {
    rows.iter().flat_map(|i| cols.iter().map(move |j| matrix[i * p + j])).collect()
}

/// Matrix times vectors, all row-major: `(rows x inner) (inner x k)`.
pub(super) fn product(matrix: &[f64], inner: usize, v: &[f64], k: usize) -> Vec<f64> {
    let row =
        |row: &[f64], c: usize| -> f64 { row.iter().zip(v.chunks(k)).map(|(m, v)| m * v[c]).sum() };
    matrix.chunks(inner).flat_map(|m| (0..k).map(move |c| row(m, c))).collect()
}
