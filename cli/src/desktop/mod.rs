//! The engine of the desktop: owned networks and data, and every computation on them, in parallel,
//! in single and double precision.
//!
//! ```text
//! network    a network that is owned: layers, parameters, names of tensors
//! data       inputs, targets, mini-batches
//! array      arrays whose type a file or a caller chooses; views of them as the core takes them
//! choice     choices by name: losses, activations, solvers, ...
//! watch      how long work reports and is asked to stop
//! error      what a caller is told
//! ```
//!
//! The computations stand beside them, one module a family. Several fronts call them: the command
//! line, `validate`, other languages. Nothing here knows a command line, a path or a terminal, and
//! nothing prints. Arrays of several dimensions are [`ndarray`]'s, in row-major order.
//!
//! ```
//! use nanocurv::network::Activation;
//! use nanocurv_cli::desktop::kernel::{Reduce, kernel};
//! use nanocurv_cli::desktop::network::{Arch, Parameterization};
//! use nanocurv_cli::desktop::{Network, UNWATCHED};
//! use ndarray::Array2;
//!
//! let arch: Arch = "2-8-1".parse()?;
//! let state = arch.initial(true, Parameterization::Standard, 0);
//! let net = Network::<f64>::new("a new network", state, &[Activation::Tanh])?;
//! let x = Array2::from_shape_fn((5, 2), |(n, j)| 0.1 * n as f64 - 0.3 * j as f64);
//! let k = kernel(&net, x.view(), None, Reduce::Trace, UNWATCHED)?;
//! assert_eq!(k.shape(), [5, 5]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod array;
pub mod choice;
pub mod curvature;
pub mod data;
pub mod dynamics;
pub mod error;
mod factor;
mod features;
pub mod jacobian;
pub mod kernel;
pub mod kfac;
pub mod kron;
pub mod laplace;
mod mirror;
pub mod network;
pub mod plan;
pub mod regress;
mod shape;
pub mod targets;
pub mod train;
pub mod watch;
pub mod weighting;

pub use array::{Array, Float};
pub use choice::Choice;
pub use data::Data;
pub use error::{Error, Result};
pub use factor::Factor;
pub use features::features;
pub use network::Network;
pub use targets::Targets;
pub use watch::{Progress, UNWATCHED, Watch};
