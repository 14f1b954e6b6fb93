//! Boundaries of consecutive blocks of a matrix, such as the tensors of a parameter vector.

use anyhow::Result;

use super::canvas::{Align, Canvas, Lettering, cut};
use super::frame::Frame;
use super::panel::Panel;
use super::style::{BLACK, FRAME, LABEL};

/// The longest name of a block and of a slot.
pub(super) const BLOCK: f64 = 110.0;

/// Lines between blocks and their names, moved apart where blocks are thinner than a line of text.
pub(super) fn draw(canvas: &Canvas<'_>, frame: &Frame, panel: &Panel) -> Result<()> {
    let mut from = 0;
    let mut middles = Vec::new();
    for (name, size) in panel.blocks.iter().filter(|b| b.1 > 0) {
        let to = from + size;
        middles.push((cut(name, BLOCK), 0.5 * (from + to) as f64 - 0.5));
        let edge = to as f64 - 0.5;
        let (x, y) = (frame.across(edge), frame.up(edge));
        if x < frame.right() - 0.5 {
            canvas.line(&[(x, frame.top), (x, frame.bottom())], BLACK, 0.8)?;
        }
        if y < frame.bottom() - 0.5 {
            canvas.line(&[(frame.left, y), (frame.right(), y)], BLACK, 0.8)?;
        }
        from = to;
    }
    let names = middles.iter().map(|m| m.0.as_str());
    let rows: Vec<f64> = middles.iter().map(|m| frame.up(m.1)).collect();
    let spread = apart(&rows, LABEL + 2.0, frame.top, frame.bottom());
    for ((name, y), to) in names.clone().zip(rows).zip(spread) {
        let left = frame.left;
        canvas.line(
            &[(left, y), (left - 4.0, y), (left - 13.0, to), (left - 16.0, to)],
            FRAME,
            0.8,
        )?;
        canvas.text(name, (left - 19.0, to), Lettering::new(LABEL, Align::Right))?;
    }
    let columns: Vec<f64> = middles.iter().map(|m| frame.across(m.1)).collect();
    let spread = apart(&columns, LABEL + 2.0, frame.left, frame.right());
    for ((name, x), to) in names.zip(columns).zip(spread) {
        let low = frame.bottom();
        canvas.line(&[(x, low), (x, low + 4.0), (to, low + 13.0), (to, low + 16.0)], FRAME, 0.8)?;
        canvas.text(name, (to, low + 19.0), Lettering::new(LABEL, Align::Right).upright())?;
    }
    Ok(())
}

/// Moves increasing places apart to `gap` and back between the ends, as far as there is room.
fn apart(places: &[f64], gap: f64, lo: f64, hi: f64) -> Vec<f64> {
    let gap = gap.min((hi - lo) / places.len().max(1) as f64);
    let mut moved = places.to_vec();
    // Each pass moves touching neighbours away from each other by half of what is missing.
    for _ in 0..200 {
        for k in 1..moved.len() {
            let missing = gap - (moved[k] - moved[k - 1]);
            if missing > 0.0 {
                moved[k - 1] -= 0.5 * missing;
                moved[k] += 0.5 * missing;
            }
        }
    }
    let mut least = lo + 0.5 * gap;
    for place in &mut moved {
        *place = place.max(least);
        least = *place + gap;
    }
    let mut most = hi - 0.5 * gap;
    for place in moved.iter_mut().rev() {
        *place = place.min(most);
        most = *place - gap;
    }
    moved
}
