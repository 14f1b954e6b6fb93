//! The ends of the axes that the data asks for.

use super::axis::{Scale, interval};
use super::panel::{AxisSpec, Layer, Panel};

impl Panel {
    pub(super) fn matrix_shape(&self) -> Option<(usize, usize)> {
        self.layers.iter().find_map(|layer| match layer {
            Layer::Cells { rows, columns, .. } => Some((*rows, *columns)),
            _ => None,
        })
    }

    pub(super) fn is_space(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer, Layer::Space { .. }))
    }

    pub(super) fn is_heat_map(&self) -> bool {
        self.matrix_shape().is_some()
    }
}

/// The mapped ends of both axes.
pub(super) fn of(panel: &Panel) -> [(f64, f64); 2] {
    if let Some((rows, columns)) = panel.matrix_shape() {
        // Row 0 is at the top.
        return [(-0.5, columns.max(1) as f64 - 0.5), (rows.max(1) as f64 - 0.5, -0.5)];
    }
    let (sx, sy) = (panel.x.scale, panel.y.scale);
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    let mut base = false;
    let mut whole = false;
    let mut field = false;
    for layer in &panel.layers {
        match layer {
            Layer::Line { points, filled, .. } => {
                both(points, sx, sy, &mut xs, &mut ys);
                base |= filled;
            }
            Layer::Points { points, .. } => both(points, sx, sy, &mut xs, &mut ys),
            Layer::Band { edges, .. } => {
                for (x, low, high) in edges {
                    both(&[(*x, *low), (*x, *high)], sx, sy, &mut xs, &mut ys);
                }
            }
            Layer::Stems { points, .. } => {
                both(points, sx, sy, &mut xs, &mut ys);
                base = true;
            }
            Layer::Arrows { arrows, .. } => {
                let bases: Vec<_> = arrows.iter().map(|a| (a[0], a[1])).collect();
                both(&bases, sx, sy, &mut xs, &mut ys);
                field = true;
            }
            Layer::Bars { bars, .. } => {
                for (from, to, height) in bars {
                    xs.extend(sx.map(*from).into_iter().chain(sx.map(*to)));
                    ys.extend(sy.map(*height));
                }
                base = true;
            }
            Layer::Rug { at, .. } => xs.extend(at.iter().filter_map(|&x| sx.map(x))),
            Layer::Stack { heights, .. } => {
                let sum = |h: &Vec<f64>| -> f64 { h.iter().filter(|h| **h > 0.0).sum() };
                let sums: Vec<f64> = heights.iter().map(sum).collect();
                whole = sums.iter().all(|s| *s <= 1.0 + 1e-6);
                ys.extend(sums.into_iter().filter_map(|s| sy.map(s)));
                base = true;
            }
            Layer::Space { .. } | Layer::Cells { .. } => {}
        }
    }
    for mark in &panel.marks {
        xs.extend(sx.map(mark.x));
        ys.extend(mark.y.and_then(|y| sy.map(y)));
    }
    ys.extend(panel.levels.iter().filter_map(|(y, _)| sy.map(*y)));

    let pad = if field { 0.06 } else { 0.02 };
    let x_ends = axis_ends(&panel.x, &xs, pad);
    if base && sy == Scale::Linear {
        ys.push(0.0);
    }
    let mut y_ends = axis_ends(&panel.y, &ys, 0.05);
    if base && sy == Scale::Linear && panel.y.range.is_none() {
        // Bars stand on the frame unless some hang below zero.
        if ys.iter().all(|&y| y >= 0.0) {
            y_ends.0 = 0.0;
        }
        if whole {
            y_ends = (0.0, 1.0);
        }
    }
    [x_ends, y_ends]
}

fn both(points: &[(f64, f64)], sx: Scale, sy: Scale, xs: &mut Vec<f64>, ys: &mut Vec<f64>) {
    for (x, y) in points {
        if let (Some(x), Some(y)) = (sx.map(*x), sy.map(*y)) {
            xs.push(x);
            ys.push(y);
        }
    }
}

/// The ends of an axis over mapped values: the given ones if they can be drawn, else the data's.
fn axis_ends(spec: &AxisSpec, values: &[f64], pad: f64) -> (f64, f64) {
    let scale: Scale = spec.scale;
    if let Some((from, to)) = spec.range
        && let (Some(a), Some(b)) = (scale.map(from), scale.map(to))
        && a < b
    {
        return interval([a, b].into_iter(), scale, 0.0);
    }
    interval(values.iter().copied(), scale, pad)
}
