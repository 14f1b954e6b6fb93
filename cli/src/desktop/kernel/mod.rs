//! The neural tangent kernel, `Theta[(n,a),(m,b)] = <df_a(x_n)/dtheta, df_b(x_m)/dtheta>`: its
//! reductions over the outputs, its components, and the Gram matrix of the parameters.

use nanocurv::ntk::{self, params_gram_chunk};
use ndarray::{Array2, ArrayD, ArrayView2};

use super::array::{Float, columns, matrix, shaped, zeros};
use super::data::inputs;
use super::error::{Context, Result, ensure};
use super::network::Network;
use super::watch::{Watch, Work};

mod parts;
pub mod tiles;

pub use parts::{Part, Reduce, parts, total};

/// The kernel between the samples of `x` and those of `x2` (or themselves): one array for each of
/// `parts`, of the shape that [`Reduce::shape`] says.
///
/// # Errors
/// If a batch does not fit the network, there is no such output, memory runs out, or the watch
/// stops the work.
pub fn kernels<T: Float>(
    net: &Network<T>,
    x: ArrayView2<'_, T>,
    x2: Option<ArrayView2<'_, T>>,
    reduce: Reduce,
    parts: &[Part],
    watch: Watch<'_>,
) -> Result<Vec<ArrayD<T>>> {
    let outputs = net.outputs();
    if let Reduce::Output(k) = reduce {
        ensure!(
            k < outputs,
            "--output: found {k}, needed 0 to {}, as {} has {outputs} outputs",
            outputs - 1,
            net.name
        );
    }
    let shape = reduce.shape(x.nrows(), x2.unwrap_or(x).nrows(), outputs);
    let components: Vec<_> = parts.iter().map(|part| part.component).collect();
    let work = Work::new(watch, "kernel", parts.len() * tiles::steps(x.nrows()));
    let x2 = x2.map(|x2| inputs(net, x2)).transpose()?;
    let found = tiles::kernels(&net.mlp()?, inputs(net, x)?, x2, reduce, &components, &work)?;
    Ok(found.into_iter().map(|kernel| shaped(&shape, kernel)).collect())
}

/// The kernel of all parameters, as [`kernels`].
///
/// # Errors
/// As there.
pub fn kernel<T: Float>(
    net: &Network<T>,
    x: ArrayView2<'_, T>,
    x2: Option<ArrayView2<'_, T>>,
    reduce: Reduce,
    watch: Watch<'_>,
) -> Result<ArrayD<T>> {
    let mut found = kernels(net, x, x2, reduce, &[total(net)], watch)?;
    Ok(found.swap_remove(0))
}

/// The Gram matrix of the parameters, `J^T J`, `P x P`.
///
/// # Errors
/// If the batch does not fit the network, or memory runs out.
pub fn params_gram<T: Float>(net: &Network<T>, x: ArrayView2<'_, T>) -> Result<Array2<T>> {
    let p = net.params();
    let (mlp, x) = (net.mlp()?, inputs(net, x)?);
    let mut gram = zeros::<T>(&[p, p])?;
    let mut scratch = zeros::<T>(&[params_gram_chunk(mlp.layers(), x.cols().min(64))])?;
    ntk::params_gram(&mlp, x, columns(&mut gram, p, p)?, &mut scratch).context("--data")?;
    Ok(matrix(p, p, gram))
}
