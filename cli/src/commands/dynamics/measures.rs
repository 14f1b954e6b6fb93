//! What `dynamics train` and `theory` measure beside loss and weights: options and results.

use anyhow::{Result, anyhow, ensure};
use nanocurv::network::Activation;

use crate::desktop::array::matrix;
use crate::desktop::dynamics::{Measures, Record, rows_of, shares_of};
use crate::desktop::{Array, Float};
use crate::report::Report;

/// The options.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Measures")]
pub struct MeasureArgs {
    /// The first layer's norm by group: features before this one, and the rest [default: half]
    #[arg(long, value_name = "P")]
    group: Option<usize>,
    /// The iterations at which the layers are held against the singular vectors of their inputs
    #[arg(long, value_name = "0,20,400", value_delimiter = ',', num_args = 1)]
    snapshots: Vec<u64>,
    /// What hidden features go through before their singular vectors are taken
    #[arg(long, value_name = "NAME", default_value = "identity")]
    hidden_activation: String,
    /// Also gradient descent on the total weight itself, at the first rate from the same start
    #[arg(long)]
    one_layer: bool,
}

impl MeasureArgs {
    /// For inputs of `dim` features and a run that ends at `end`.
    ///
    /// # Errors
    /// If an option is out of range.
    pub fn measures(&self, dim: usize, end: u64) -> Result<Measures> {
        let group = self.group.unwrap_or(dim / 2);
        ensure!(group <= dim, "--group: found {group}, needed at most {dim}, the features");
        let mut snapshots = self.snapshots.clone();
        snapshots.sort_unstable();
        snapshots.dedup();
        if let Some(last) = snapshots.last() {
            ensure!(*last <= end, "--snapshots: found {last}, needed at most {end}, the last");
        }
        let name = &self.hidden_activation;
        let hidden_activation = Activation::from_name(name).ok_or_else(|| {
            let known: Vec<_> = Activation::ALL.iter().map(|a| a.name()).collect();
            anyhow!("--hidden-activation: found '{name}', needed one of {}", known.join(", "))
        })?;
        Ok(Measures { group, snapshots, hidden_activation, one_layer: self.one_layer })
    }
}

/// Adds the measures of every time.
pub fn report_layers<T: Float>(report: &mut Report, record: &Record<T>, d: usize) {
    let times = record.t.len();
    let pairs = |values: &[T]| matrix(times, 2, values.to_vec());
    report.array("gradient_norms", pairs(&record.gradient_norms));
    report.array("weight_ranks", Array::new(&[times, 2], record.ranks.clone()));
    report.array("weight_norms_groups", pairs(&record.groups));
    if !record.errors_each.is_empty() {
        report.array("weight_error_each", matrix(times, d, record.errors_each.clone()));
    }
    if !record.u.is_empty() {
        let gradients = || record.gradient_norms.iter().copied();
        report.array("gradient_norm_u", gradients().skip(1).step_by(2).collect::<Vec<T>>());
        report.array("gradient_norm_z", gradients().step_by(2).collect::<Vec<T>>());
    }
    if let Some(one) = &record.one_layer {
        report.array("one_layer_w", matrix(times, d, one.w.clone()));
        report.array("one_layer_loss", one.loss.clone());
        if !one.risk.is_empty() {
            report.array("one_layer_risk", one.risk.clone());
        }
    }
}

/// Adds the snapshots, one a row.
pub fn report_snapshots<T: Float>(report: &mut Report, record: &Record<T>) {
    let snapshots = &record.snapshots;
    if snapshots.is_empty() {
        return;
    }
    report.array("snapshots", snapshots.iter().map(|s| s.t as i64).collect::<Vec<i64>>());
    report.array("input_singular_values", rows_of(snapshots, |s| &s.input.values));
    report.array("input_alignment", rows_of(snapshots, |s| &s.input.aligned));
    report.array("hidden_singular_values", rows_of(snapshots, |s| &s.hidden.values));
    report.array("hidden_alignment", rows_of(snapshots, |s| &s.hidden.aligned));
    let values = rows_of(snapshots, |s| crate::desktop::array::flat(&s.jacobian.values));
    report.array("jacobian_singular_values", values);
    report.array("jacobian_shares", shares_of(snapshots));
}
