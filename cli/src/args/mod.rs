//! What is said on the command line, in the groups that commands share.

mod choice;
mod data;
mod global;
mod loss;
mod net;
mod output;
mod word;

pub use choice::{choice, described};
pub use data::{DataArgs, TargetArgs, read_batch};
pub use global::{Color, Dtype, GlobalArgs};
pub use loss::LossArgs;
pub use net::NetArgs;
pub use output::{CheckArgs, OutputArgs, PlotArgs};
pub use word::word;
