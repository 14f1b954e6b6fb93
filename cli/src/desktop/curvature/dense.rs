//! A risk's curvature written out on all threads: the units (l, o) of the structured route are
//! independent, each with columns of its own.

use nanocurv::curvature::structured::{TilePoint, Unit, tile_scratch, unit_scratch};
use nanocurv::curvature::{Curvature, CurvatureError, RiskCurvature};
use nanocurv::{MatMut, Real};
use rayon::prelude::*;

/// The full matrix, `P x P`, column-major, in `out`.
///
/// Beside the result it holds the linearisations of as many tiles as there are threads, and one
/// unit's scratch for each thread.
///
/// # Errors
/// [`CurvatureError`] if `out` has another size.
pub fn dense<'a, T: Real>(
    of: &(impl RiskCurvature<'a, T> + Sync),
    out: &mut [T],
) -> Result<(), CurvatureError> {
    let (risk, curvature) = (of.risk(), of.curvature());
    let (layers, params, tile) = (risk.net().layers(), risk.net().params(), risk.tile());
    let hessian = curvature == Curvature::Hessian;
    MatMut::new("matrix", &mut *out, params, params)?;
    let needed = tile_scratch(layers, tile, hessian);
    let recipes: Vec<_> = TilePoint::tiles(risk, curvature).collect();
    let mut storage = vec![T::ZERO; needed * recipes.len().min(rayon::current_num_threads())];
    let mut first = true;
    for group in recipes.chunks(rayon::current_num_threads()) {
        let points: Vec<_> = group
            .par_iter()
            .zip(storage.par_chunks_mut(needed.max(1)))
            .map(|(recipe, storage)| recipe.record(storage))
            .collect::<Result<_, _>>()?;
        let mut units = Vec::new();
        let mut rest = &mut *out;
        for (l, layer) in layers.iter().enumerate() {
            let (weights, behind) = rest.split_at_mut(params * layer.inputs * layer.outputs);
            let bias = if layer.bias { params * layer.outputs } else { 0 };
            let (biases, behind) = behind.split_at_mut(bias);
            rest = behind;
            let mut biases = biases.chunks_mut(params);
            for (o, weights) in weights.chunks_mut(params * layer.inputs).enumerate() {
                units.push((Unit { layer: l, output: o }, weights, biases.next()));
            }
        }
        // The first layer's units, which have the most rows, come first.
        units.into_par_iter().with_max_len(1).try_for_each_init(
            || vec![T::ZERO; unit_scratch(layers, tile, hessian)],
            |scratch, (unit, weights, bias)| {
                let inputs = layers[unit.layer].inputs;
                let bias = bias.unwrap_or_default();
                points.iter().enumerate().try_for_each(|(index, point)| {
                    let weights = MatMut::new("weights", &mut *weights, params, inputs)?;
                    point.unit(unit, first && index == 0, weights, bias, scratch)
                })
            },
        )?;
        first = false;
    }
    crate::desktop::mirror::mirror_lower(params, out);
    Ok(())
}
