//! The legend: lines of entries above the frame.

use anyhow::Result;

use super::canvas::{Canvas, cut, text_width};
use super::frame::Point;
use super::layers;
use super::panel::{Layer, Panel};
use super::style::{FRAME, LABEL, Look};

#[derive(Clone, Copy, Debug)]
pub(super) enum Swatch {
    Line(Look),
    Area(Look),
    Band(Look),
    Points(Look),
    Bar(Look),
    Stem(Look),
    Rug(Look),
    Level,
}

impl Swatch {
    pub fn width(self) -> f64 {
        match self {
            Self::Line(_) | Self::Area(_) | Self::Band(_) | Self::Level => 28.0,
            Self::Rug(_) => 20.0,
            Self::Points(_) | Self::Bar(_) | Self::Stem(_) => 14.0,
        }
    }

    pub fn draw(self, canvas: &Canvas<'_>, (x, y): Point) -> Result<()> {
        let (end, middle) = (x + self.width(), x + 0.5 * self.width());
        match self {
            Self::Line(look) => {
                canvas.dashed(&[(x, y), (end, y)], look.colour, layers::LINE, look.dash)
            }
            Self::Area(look) => {
                let (top, bottom) = (y - 4.0, y + 5.0);
                canvas.rectangle((x, top), (end, bottom), look.colour, layers::SHADE)?;
                canvas.dashed(&[(x, top), (end, top)], look.colour, layers::LINE, look.dash)
            }
            Self::Band(look) => {
                canvas.rectangle((x, y - 5.0), (end, y + 5.0), look.colour, layers::SHADE)
            }
            Self::Points(look) => canvas.marker((middle, y), look.marker, layers::DOT, look.colour),
            Self::Bar(look) => canvas.rectangle((x, y - 5.0), (end, y + 5.0), look.colour, 0.9),
            Self::Stem(look) => layers::stem(canvas, (middle, y + 6.0), (middle, y - 4.0), look),
            Self::Rug(look) => (0..4).try_for_each(|k| {
                let x = x + 2.0 + 5.0 * f64::from(k);
                canvas.line(&[(x, y - 4.0), (x, y + 5.0)], look.colour, 1.2)
            }),
            Self::Level => canvas.line(&[(x, y), (end, y)], FRAME, 1.0),
        }
    }
}

pub(super) struct Entry {
    pub swatch: Swatch,
    pub name: String,
}

pub(super) fn entries(panel: &Panel, room: f64) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |swatch: Swatch, name: &str| {
        if !name.is_empty() {
            let name = cut(name, room - swatch.width() - 6.0);
            entries.push(Entry { swatch, name });
        }
    };
    for (layer, look) in panel.layers.iter().zip(layers::looks(panel)) {
        match layer {
            Layer::Line { name, filled: false, .. } => add(Swatch::Line(look), name),
            Layer::Line { name, filled: true, .. } => add(Swatch::Area(look), name),
            Layer::Points { name, .. } => add(Swatch::Points(look), name),
            Layer::Band { name, .. } => add(Swatch::Band(look), name),
            Layer::Bars { name, .. } => add(Swatch::Bar(look), name),
            Layer::Stems { name, .. } => add(Swatch::Stem(look), name),
            Layer::Rug { name, .. } => add(Swatch::Rug(look), name),
            Layer::Stack { names, .. } => {
                names.iter().enumerate().for_each(|(l, name)| add(Swatch::Bar(Look::new(l)), name));
            }
            Layer::Arrows { .. } | Layer::Space { .. } | Layer::Cells { .. } => {}
        }
    }
    panel.levels.iter().for_each(|(_, name)| add(Swatch::Level, name));
    entries
}

/// Entries in lines of text that end before `far`, each with its place.
pub(super) fn rows(entries: &[Entry], left: f64, far: f64) -> Vec<Vec<(&Entry, f64)>> {
    let mut rows: Vec<Vec<(&Entry, f64)>> = Vec::new();
    let mut x = f64::INFINITY;
    for entry in entries {
        let width = entry.swatch.width() + 6.0 + text_width(&entry.name, LABEL, false);
        if x + width > far {
            rows.push(Vec::new());
            x = left;
        }
        if let Some(row) = rows.last_mut() {
            row.push((entry, x));
        }
        x += width + 18.0;
    }
    rows
}
