//! The engine's curvatures by another route: formed, in f64, from the definitions.

use nalgebra::DMatrix;
use nanocurv::curvature::sample_generator;
use nanocurv::network::{self, Targets as CoreTargets};
use nanocurv::random::Rng;
use nanocurv::{Mat, MatMut};

use super::fisher::{self, Inverse};
use super::kfac::{Fisher, kfac_factors};
use super::{Dual, Loss, Network, Reduction, Targets, empirical_fisher, ggn, gradient, hessian};
use crate::desktop::array::wide;
use crate::desktop::curvature::{InverseDamping, InverseSettings, Kind, Problem};
use crate::desktop::kfac::{CHUNK, FisherKind};
use crate::desktop::{self, Data, Float};

/// Rows and columns of a part.
type Lists<'a> = Option<&'a (Vec<usize>, Vec<usize>)>;

/// A problem in f64.
pub struct Reference {
    kind: Kind,
    network: Network,
    theta: Vec<f64>,
    x: Vec<f64>,
    y: Targets,
    loss: (Loss, Reduction),
    /// What stands between the Jacobians, and the draws.
    middle: Fisher,
    separate: bool,
}

impl Reference {
    /// The same problem.
    pub fn new<T: Float>(problem: &Problem<'_, T>) -> Self {
        let Problem { net, data, loss: (loss, reduction), .. } = *problem;
        Self {
            kind: problem.kind,
            network: Network::of(net),
            theta: net.theta_f64(),
            x: wide(&data.x),
            y: Targets::of(data),
            loss: (Loss::of(loss), Reduction::of(reduction)),
            middle: middle(problem),
            separate: problem.separate_bias,
        }
    }

    /// The number of parameters.
    pub fn params(&self) -> usize {
        self.theta.len()
    }

    /// The gradient.
    pub fn gradient(&self) -> Vec<f64> {
        let (loss, reduction) = self.loss;
        gradient(&self.network, &self.theta, &self.x, &self.y, loss, reduction)
    }

    /// The matrix, row-major.
    pub fn matrix(&self) -> Vec<f64> {
        let (network, theta, x, y) = (&self.network, &self.theta, &self.x, &self.y);
        let (loss, reduction) = self.loss;
        match self.kind {
            Kind::Hessian => hessian(network, theta, x, y, loss, reduction),
            Kind::Ggn => ggn(network, theta, x, y, loss, reduction),
            Kind::EmpiricalFisher => empirical_fisher(network, theta, x, y, loss, reduction),
            Kind::FisherMc => fisher::fisher(network, theta, x, y, self.loss, &self.middle),
            Kind::Kfac => fisher::kfac(network, &self.factors(), self.separate, None),
            Kind::Ekfac => self.ekfac(None),
            Kind::Gradient => self.gradient(),
        }
    }

    /// The matrix, or these rows and columns of it, row-major.
    pub fn part(&self, lists: Lists<'_>) -> Vec<f64> {
        let matrix = self.matrix();
        match lists {
            Some((rows, cols)) => entries(&matrix, self.params(), rows, cols),
            None => matrix,
        }
    }

    /// `(A, G)` of every layer, row-major.
    pub fn factors(&self) -> Vec<(Vec<f64>, Vec<f64>)> {
        let (network, theta, x, y) = (&self.network, &self.theta, &self.x, &self.y);
        kfac_factors(network, theta, x, y, self.loss, &self.middle)
    }

    fn ekfac(&self, damping: Option<f64>) -> Vec<f64> {
        let (network, theta, x, y) = (&self.network, &self.theta, &self.x, &self.y);
        fisher::ekfac(network, theta, x, y, self.loss, &self.middle, self.separate, damping)
    }

    /// The damped inverse, row-major.
    pub fn inverse(&self, settings: &InverseSettings) -> Vec<f64> {
        let damping = settings.damping;
        match self.kind {
            Kind::Kfac => {
                let inverse = match settings.mode.unwrap_or_default() {
                    InverseDamping::Pi => Inverse::Pi(damping),
                    InverseDamping::Same => Inverse::Same(damping),
                    InverseDamping::Exact => Inverse::Exact(damping),
                };
                fisher::kfac(&self.network, &self.factors(), self.separate, Some(inverse))
            }
            Kind::Ekfac => self.ekfac(Some(damping)),
            _ => {
                let p = self.params();
                let mut matrix = DMatrix::from_row_slice(p, p, &self.matrix());
                (0..p).for_each(|i| matrix[(i, i)] += damping);
                let inverse = matrix.lu().try_inverse();
                inverse.map_or_else(|| vec![f64::NAN; p * p], |m| m.as_slice().to_vec())
            }
        }
    }

    /// The damped inverse times `k` vectors, the columns of a row-major matrix.
    pub fn solutions(&self, settings: &InverseSettings, v: &[f64], k: usize) -> Vec<f64> {
        product(&self.inverse(settings), self.params(), v, k)
    }

    /// The products with `k` vectors, the columns of a row-major matrix. Of the Hessian:
    /// derivatives of the gradient along the vectors, without the matrix.
    pub fn products(&self, lists: Lists<'_>, v: &[f64], k: usize) -> Vec<f64> {
        if self.kind == Kind::Hessian && lists.is_none() {
            let columns: Vec<Vec<f64>> = (0..k).map(|c| self.hessian_along(v, c, k)).collect();
            return (0..self.params()).flat_map(|i| columns.iter().map(move |c| c[i])).collect();
        }
        let inner = lists.map_or(self.params(), |(_, cols)| cols.len());
        product(&self.part(lists), inner, v, k)
    }

    /// The derivative of the gradient along column `c` of `k`.
    fn hessian_along(&self, v: &[f64], c: usize, k: usize) -> Vec<f64> {
        let (loss, reduction) = self.loss;
        let along = self.theta.iter().zip(v.iter().skip(c).step_by(k));
        let theta: Vec<Dual> = along
            .map(|(theta, v)| {
                let mut dual = Dual::from(*theta);
                dual.slope = *v;
                dual
            })
            .collect();
        let g = gradient(&self.network, &theta, &self.x, &self.y, loss, reduction);
        g.into_iter().map(|g| g.slope).collect()
    }
}

/// `(A, G)` of every layer by the definition, with the same draws, row-major.
pub fn factors_of<T: Float>(problem: &Problem<'_, T>) -> Vec<(Vec<f64>, Vec<f64>)> {
    Reference::new(problem).factors()
}

/// What stands between the output Jacobians, with the draws of the computation.
fn middle<T: Float>(problem: &Problem<'_, T>) -> Fisher {
    let desktop::kfac::Fisher { kind, draws, seed } = problem.fisher;
    let outputs = || Outputs::of(problem, draws.max(1) as usize);
    match (problem.kind, kind) {
        (Kind::FisherMc, _) => {
            // A generator for every sample.
            let mut outputs = outputs();
            for n in 0..outputs.samples {
                outputs.draw(n, 1, &mut sample_generator(seed, n));
            }
            Fisher::Drawn(outputs.drawn)
        }
        (_, FisherKind::TypeTwo) => Fisher::TypeTwo,
        (_, FisherKind::Empirical) => Fisher::Empirical,
        (_, FisherKind::ForwardOnly) => Fisher::ForwardOnly,
        (_, FisherKind::Mc) => {
            // One generator for all chunks in turn.
            let (mut outputs, mut rng) = (outputs(), Rng::seed(seed));
            for from in (0..outputs.samples).step_by(CHUNK) {
                outputs.draw(from, CHUNK.min(outputs.samples - from), &mut rng);
            }
            Fisher::Drawn(outputs.drawn)
        }
    }
}

/// The dense outputs of all samples, and draws from the distributions that they say.
struct Outputs {
    loss: network::Loss,
    samples: usize,
    outputs: usize,
    f: Vec<f64>,
    values: Vec<f64>,
    labels: Vec<u32>,
    /// The samples' factors, if they have any.
    weighted: Vec<f64>,
    /// `draws x N x O`
    drawn: Vec<f64>,
}

impl Outputs {
    fn of<T: Float>(problem: &Problem<'_, T>, draws: usize) -> Self {
        let Problem { net, data, loss: (loss, _), .. } = *problem;
        let Data { x, targets, .. } = data;
        let (network, theta) = (Network::of(net), net.theta_f64());
        let x = wide(x);
        let f: Vec<f64> = x.chunks(net.inputs()).flat_map(|x| network.forward(&theta, x)).collect();
        let mut weighted = Vec::new();
        let (values, labels) = match targets {
            desktop::Targets::Values(y) => (wide(y), Vec::new()),
            desktop::Targets::Labels(y) => (Vec::new(), y.clone()),
            desktop::Targets::Weighted { values, weights } => {
                weighted = wide(weights);
                (wide(values), Vec::new())
            }
        };
        let drawn = vec![0.0; draws * f.len()];
        Self {
            loss,
            samples: data.len(),
            outputs: net.outputs(),
            f,
            values,
            labels,
            weighted,
            drawn,
        }
    }

    /// Every draw of the samples `from..from + n`.
    ///
    /// # Panics
    /// If the targets do not fit the loss, which the engine has seen to.
    fn draw(&mut self, from: usize, n: usize, rng: &mut Rng) {
        let Self { loss, outputs, f, values, labels, weighted, .. } = self;
        let range = from * *outputs..(from + n) * *outputs;
        let view = |values| Mat::new("outputs", values, *outputs, n).expect("n samples");
        let targets = match labels.as_slice() {
            [] if weighted.is_empty() => CoreTargets::Values(view(&values[range.clone()])),
            [] => CoreTargets::Weighted {
                values: view(&values[range.clone()]),
                weights: &weighted[from..from + n],
            },
            labels => CoreTargets::Labels(&labels[from..from + n]),
        };
        for draw in self.drawn.chunks_mut(self.samples * *outputs) {
            let to = MatMut::new("draw", &mut draw[range.clone()], *outputs, n).expect("n samples");
            loss.draw(view(&f[range.clone()]), targets, rng, to).expect("targets that fit");
        }
    }
}

/// The entries of a row-major `p`-column matrix, row-major.
fn entries(matrix: &[f64], p: usize, rows: &[usize], cols: &[usize]) -> Vec<f64> {
    rows.iter().flat_map(|i| cols.iter().map(move |j| matrix[i * p + j])).collect()
}

/// Matrix times vectors, all row-major: `(rows x inner) (inner x k)`.
fn product(matrix: &[f64], inner: usize, v: &[f64], k: usize) -> Vec<f64> {
    let row =
        |row: &[f64], c: usize| -> f64 { row.iter().zip(v.chunks(k)).map(|(m, v)| m * v[c]).sum() };
    matrix.chunks(inner).flat_map(|m| (0..k).map(move |c| row(m, c))).collect()
}
