//! Colours, dashes and markers that stay apart for colour-blind readers and on a grey printer.
//!
//! Series colours: Okabe and Ito, "Color Universal Design", 2008, without the yellow, which is lost
//! on white. Signed matrices: ColorBrewer's `RdBu`. Magnitudes: viridis from light to dark, without
//! its lightest tenth, so that the strong end prints dark.

/// Red, green, blue.
pub(super) type Colour = (u8, u8, u8);

pub(super) const WHITE: Colour = (255, 255, 255);
pub(super) const BLACK: Colour = (0, 0, 0);
pub(super) const TEXT: Colour = (38, 38, 38);
pub(super) const FRAME: Colour = (90, 90, 90);
pub(super) const GRID: Colour = (228, 228, 228);
pub(super) const MISSING: Colour = (205, 205, 205);

/// Font sizes in pixels of the picture.
pub(super) const TITLE: f64 = 18.0;
pub(super) const HEADING: f64 = 14.5;
pub(super) const NAME: f64 = 13.0;
pub(super) const LABEL: f64 = 12.0;

const SERIES: [Colour; 7] = [
    (0, 114, 178),   // blue
    (213, 94, 0),    // vermillion
    (0, 158, 115),   // bluish green
    (204, 121, 167), // reddish purple
    (230, 159, 0),   // orange
    (86, 180, 233),  // sky blue
    (0, 0, 0),       // black
];

/// Lengths in pixels: on, off, on, off, ...; the empty one is the solid line.
const DASHES: [&[f64]; 5] =
    [&[], &[7.0, 3.5], &[1.8, 2.6], &[9.0, 3.0, 1.8, 3.0], &[13.0, 4.0, 4.0, 4.0]];

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
}

const MARKERS: [Marker; 5] =
    [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Cross];

/// What tells a series from the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub colour: Colour,
    pub dash: &'static [f64],
    pub marker: Marker,
    /// A white edge, to stand out from a field.
    pub edged: bool,
}

impl Look {
    /// The look of the `index`-th series. The numbers of colours and dashes have no common
    /// divisor, so that 35 series differ pairwise.
    pub fn new(index: usize) -> Self {
        Self {
            colour: SERIES[index % SERIES.len()],
            dash: DASHES[index % DASHES.len()],
            marker: MARKERS[index % MARKERS.len()],
            edged: false,
        }
    }

    /// The look of the `index`-th series over a field: not its blue, first dash first.
    pub fn over_field(index: usize) -> Self {
        Self { colour: SERIES[(index + 1) % SERIES.len()], edged: true, ..Self::new(index) }
    }
}

const DIVERGING: [Colour; 9] = [
    (33, 102, 172),
    (67, 147, 195),
    (146, 197, 222),
    (209, 229, 240),
    (250, 250, 250),
    (253, 219, 199),
    (244, 165, 130),
    (214, 96, 77),
    (178, 24, 43),
];

const SEQUENTIAL: [Colour; 8] = [
    (187, 223, 39),
    (116, 208, 85),
    (53, 183, 121),
    (31, 158, 137),
    (38, 130, 142),
    (49, 104, 142),
    (65, 68, 135),
    (72, 26, 96),
];

/// The colour at `fraction` in `[0, 1]`; beyond it the end colours.
pub(super) fn ramp(diverging: bool, fraction: f64) -> Colour {
    let stops: &[Colour] = if diverging { &DIVERGING } else { &SEQUENTIAL };
    let place = fraction.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let below = (place as usize).min(stops.len() - 2);
    let t = place - below as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + t * (f64::from(b) - f64::from(a))).round() as u8;
    let (a, b) = (stops[below], stops[below + 1]);
    (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}
