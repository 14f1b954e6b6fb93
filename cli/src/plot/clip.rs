//! Lines cut: thinned to what pixels show, clipped to the frame, broken into dashes.

use super::frame::{Frame, Point};

/// A line of more points than this is thinned to what its pixels show.
const MANY: usize = 2000;

/// Keeps, of each half pixel column, the first, least, greatest and last point: what is seen of a
/// curve does not change. Curves that turn back stay as they are.
pub(super) fn thin(pixels: Vec<Point>) -> Vec<Point> {
    let turns_back = pixels.windows(2).any(|p| p[1].0 < p[0].0);
    if pixels.len() <= MANY || turns_back {
        return pixels;
    }
    let column = |p: &Point| (p.0 * 2.0).floor();
    let mut kept = Vec::new();
    for run in pixels.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
        let (least, greatest) = (run.iter().min_by(by_height), run.iter().max_by(by_height));
        let corners = [run.first(), least, greatest, run.last()];
        let mut corners: Vec<Point> = corners.into_iter().flatten().copied().collect();
        corners[1..3].sort_by(|a, b| a.0.total_cmp(&b.0));
        corners.dedup();
        kept.extend(corners);
    }
    kept
}

/// The parts of a line inside the frame (Liang and Barsky, 1984, segment by segment).
pub(super) fn clip(points: &[Point], frame: &Frame) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    let mut joined = false;
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let (dx, dy) = (x1 - x0, y1 - y0);
        let edges = [
            (-dx, x0 - frame.left),
            (dx, frame.right() - x0),
            (-dy, y0 - frame.top),
            (dy, frame.bottom() - y0),
        ];
        let (mut from, mut to) = (0.0_f64, 1.0_f64);
        for (p, q) in edges {
            if p == 0.0 && q < 0.0 {
                to = -1.0;
            } else if p < 0.0 {
                from = from.max(q / p);
            } else if p > 0.0 {
                to = to.min(q / p);
            }
        }
        if from > to || !dx.is_finite() || !dy.is_finite() {
            joined = false;
            continue;
        }
        let (start, end) = ((x0 + from * dx, y0 + from * dy), (x0 + to * dx, y0 + to * dy));
        match parts.last_mut() {
            Some(part) if joined && from == 0.0 => part.push(end),
            _ => parts.push(vec![start, end]),
        }
        joined = to == 1.0;
    }
    parts
}

/// Cuts a line into the parts that `pattern` (on, off, on, off, ...) leaves.
pub(super) fn dashes(points: &[Point], pattern: &[f64]) -> Vec<Vec<Point>> {
    let mut parts = Vec::new();
    let mut current: Vec<Point> = points.first().copied().into_iter().collect();
    let mut phase = 0;
    let mut left = pattern[0];
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let length = (x1 - x0).hypot(y1 - y0);
        let mut gone = 0.0;
        while length - gone > left {
            gone += left;
            let t = gone / length;
            let at = (x0 + t * (x1 - x0), y0 + t * (y1 - y0));
            if phase % 2 == 0 {
                current.push(at);
                parts.push(std::mem::take(&mut current));
            } else {
                current = vec![at];
            }
            phase += 1;
            left = pattern[phase % pattern.len()];
        }
        left -= length - gone;
        if phase % 2 == 0 {
            current.push((x1, y1));
        }
    }
    if current.len() > 1 {
        parts.push(current);
    }
    parts
}
