//! An axis: how values become places, and which of them are labelled.
//!
//! Ticks are chosen by trying ever fewer until no two labels touch: linear axes step by 1, 2 or 5
//! times a power of ten; logarithmic axes label 1-2-5, then decades, then every second decade, ...

/// How values are laid out along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equal lengths.
    #[default]
    Linear,
    /// Equal ratios are equal lengths; values that are not positive are dropped.
    Log,
}

impl Scale {
    /// The place of a value before stretching; `None` for what cannot be drawn.
    pub(super) fn map(self, value: f64) -> Option<f64> {
        // The bound keeps differences of places finite.
        if !value.is_finite() || value.abs() >= 1e300 {
            return None;
        }
        match self {
            Self::Linear => Some(value),
            Self::Log => (value > 0.0).then(|| value.log10()),
        }
    }
}

/// The smallest interval over mapped values, widened by `pad` of its length on both sides; a
/// constant gets room around it, and no value at all gives `[0, 1]`.
pub(super) fn interval(values: impl Iterator<Item = f64>, scale: Scale, pad: f64) -> (f64, f64) {
    let (lo, hi) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (v.min(lo), v.max(hi)));
    if lo > hi {
        return (0.0, 1.0);
    }
    let (length, size) = (hi - lo, lo.abs().max(hi.abs()));
    if length <= 1e-9 * size || length < 1e-280 {
        let room = match scale {
            Scale::Log => 0.5,
            Scale::Linear if size < 1e-280 => 1.0,
            Scale::Linear => 0.1 * size,
        };
        return (lo - room, hi + room);
    }
    (lo - pad * length, hi + pad * length)
}

#[derive(Clone, Debug)]
pub(super) struct Tick {
    pub at: f64,
    pub label: String,
}

/// A drawn axis, `start` at pixel 0 and `end` at pixel `length`.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub scale: Scale,
    pub start: f64,
    pub end: f64,
    pub length: f64,
    pub ticks: Vec<Tick>,
    pub minor: Vec<f64>,
    /// Labels are to be read times ten to this power.
    pub exponent: i32,
}

impl Axis {
    /// An axis over mapped values whose labels do not touch. `extent` is the pixels a label takes
    /// along the axis.
    pub fn new(
        scale: Scale,
        (start, end): (f64, f64),
        length: f64,
        whole: bool,
        extent: impl Fn(&str) -> f64,
    ) -> Self {
        let length = length.max(1.0);
        let mut axis =
            Self { scale, start, end, length, ticks: Vec::new(), minor: Vec::new(), exponent: 0 };
        let (lo, hi) = (start.min(end), start.max(end));
        if scale == Scale::Log && axis.log(lo, hi, &extent) {
            return axis;
        }
        for count in (1..=9).rev() {
            let step = step(hi - lo, count, whole && scale == Scale::Linear);
            (axis.ticks, axis.exponent) = match scale {
                Scale::Linear => linear(lo, hi, step),
                // Less than a decade: round values between the ends.
                Scale::Log => {
                    let (from, to) = (10f64.powf(lo), 10f64.powf(hi));
                    let step = self::step(to - from, count, false);
                    let (mut ticks, exponent) = linear(from, to, step);
                    ticks.iter_mut().for_each(|tick| tick.at = tick.at.max(1e-300).log10());
                    (ticks, exponent)
                }
            };
            if axis.fits(&extent) {
                break;
            }
        }
        axis
    }

    /// An axis of equal slots around 0, 1, 2, ..., labelled by name.
    pub fn slots(names: &[String], length: f64, extent: impl Fn(&str) -> f64) -> Self {
        let ends = (-0.5, names.len().max(1) as f64 - 0.5);
        let mut axis = Self::new(Scale::Linear, ends, length, true, |_| 0.0);
        for stride in 1..=names.len().max(1) {
            axis.exponent = 0;
            axis.ticks = names
                .iter()
                .enumerate()
                .step_by(stride)
                .map(|(i, name)| Tick { at: i as f64, label: name.clone() })
                .collect();
            if axis.fits(&extent) {
                break;
            }
        }
        axis
    }

    /// Pixels from the start of the axis.
    pub fn place(&self, mapped: f64) -> f64 {
        (mapped - self.start) / (self.end - self.start) * self.length
    }

    fn fits(&self, extent: &impl Fn(&str) -> f64) -> bool {
        let mut places: Vec<(f64, f64)> =
            self.ticks.iter().map(|t| (self.place(t.at), extent(&t.label))).collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        places.windows(2).all(|p| p[1].0 - p[0].0 >= 0.5 * (p[0].1 + p[1].1))
    }

    fn log(&mut self, lo: f64, hi: f64, extent: &impl Fn(&str) -> f64) -> bool {
        let (first, last) = ((lo - 1e-9).floor() as i32, (hi + 1e-9).ceil() as i32);
        let inside = |at: f64| at >= lo - 1e-9 && at <= hi + 1e-9;
        let plain = first >= -3 && last <= 5;
        let tick = |digit: i32, power: i32| Tick {
            at: f64::from(digit).log10() + f64::from(power),
            label: log_label(digit, power, plain),
        };
        let decades = last - first;
        if decades <= 12 {
            let digits = |power| (2..=9).map(move |d| f64::from(d).log10() + f64::from(power));
            self.minor = (first..last).flat_map(digits).filter(|&at| inside(at)).collect();
        }
        let mut schemes: Vec<Vec<Tick>> = Vec::new();
        if decades <= 3 {
            for digits in [[1, 2, 5].as_slice(), &[1, 3]] {
                schemes.push(
                    (first..=last).flat_map(|p| digits.iter().map(move |&d| tick(d, p))).collect(),
                );
            }
        }
        for stride in 1..=decades.max(1) {
            schemes.push(
                (first..=last).filter(|p| p.rem_euclid(stride) == 0).map(|p| tick(1, p)).collect(),
            );
        }
        for mut scheme in schemes {
            scheme.retain(|tick| inside(tick.at));
            if scheme.len() >= 2 {
                self.ticks = scheme;
                if self.fits(extent) {
                    return true;
                }
            }
        }
        self.ticks.clear();
        if hi - lo < 1.0 {
            return false;
        }
        // No room for two: the decade in the middle.
        let middle = (0.5 * (lo + hi)).round() as i32;
        self.ticks.extend([tick(1, middle)].into_iter().filter(|tick| inside(tick.at)));
        true
    }

    /// The axis name with the power of ten its labels leave out.
    pub fn name(&self, name: &str) -> String {
        match (self.exponent, name) {
            (0, _) => name.to_owned(),
            (e, "") => format!("×10{}", superscript(e)),
            (e, _) => format!("{name} (×10{})", superscript(e)),
        }
    }
}

fn step(length: f64, count: usize, whole: bool) -> f64 {
    let raw = length / count as f64;
    let power = 10f64.powf(raw.log10().floor());
    let digit = [1.0, 2.0, 5.0, 10.0].into_iter().find(|d| d * power >= raw * (1.0 - 1e-9));
    let step = digit.unwrap_or(10.0) * power;
    if whole { step.max(1.0).round() } else { step }
}

fn linear(lo: f64, hi: f64, step: f64) -> (Vec<Tick>, i32) {
    let size = lo.abs().max(hi.abs());
    let power = size.log10().floor() as i32;
    let exponent = if (-3..5).contains(&power) { 0 } else { power };
    let unit = 10f64.powi(exponent);
    let decimals = (-(step / unit).log10() - 1e-9).ceil().clamp(0.0, 12.0) as usize;
    let first = (lo / step - 1e-9).ceil();
    let count = ((hi / step + 1e-9).floor() - first).clamp(-1.0, 50.0) as i32;
    let ticks = (0..=count).map(|k| {
        let at = (first + f64::from(k)) * step;
        let label = format!("{:.*}", decimals, at / unit + 0.0);
        Tick { at, label: minus(&label) }
    });
    (ticks.collect(), exponent)
}

/// A real minus sign, and none before zero.
fn minus(label: &str) -> String {
    match label.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| c == '0' || c == '.') => digits.to_owned(),
        Some(digits) => format!("−{digits}"),
        None => label.to_owned(),
    }
}

fn log_label(digit: i32, power: i32, plain: bool) -> String {
    if plain {
        let decimals = (-power).max(0) as usize;
        format!("{:.*}", decimals, f64::from(digit) * 10f64.powi(power))
    } else if digit == 1 {
        format!("10{}", superscript(power))
    } else {
        format!("{digit}·10{}", superscript(power))
    }
}

pub(super) fn superscript(number: i32) -> String {
    let raised = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        _ => '⁰',
    };
    number.to_string().chars().map(raised).collect()
}

/// A value in four digits or so, for labels in running text.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !value.is_finite() {
        value.to_string()
    } else if (1e-3..1e5).contains(&size) {
        let decimals = (2 - size.log10().floor() as i32).clamp(0, 5) as usize;
        let text = format!("{value:.decimals$}");
        let text = if decimals == 0 {
            text
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        minus(&text)
    } else {
        let power = size.log10().floor() as i32;
        let digits = minus(&format!("{:.1}", value / 10f64.powi(power)));
        format!("{digits}·10{}", superscript(power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(label: &str) -> f64 {
        8.0 * label.chars().count() as f64 + 6.0
    }

    /// The value a label stands for.
    fn value(label: &str, exponent: i32) -> f64 {
        let digit = |c| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|raised| raised == c);
        let plain = label.replace('−', "-");
        let (digits, power) = match plain
            .split_once("10")
            .filter(|_| label.contains('⁰') || plain.chars().any(|c| digit(c).is_some()))
        {
            Some((front, raised)) => {
                let size = raised.chars().filter_map(digit).fold(0, |p, d| 10 * p + d as i32);
                let power = if raised.starts_with('⁻') { -size } else { size };
                (front.trim_end_matches('·').to_owned(), power)
            }
            None => (plain, 0),
        };
        let digits: f64 = if digits.is_empty() { 1.0 } else { digits.parse().expect("a number") };
        digits * 10f64.powi(power + exponent)
    }

    #[test]
    fn labels_say_where_they_are_do_not_touch_and_are_inside() {
        let ends = [
            (0.0, 1.0),
            (-1.0, 1.0),
            (-3.2e-7, 1.1e-6),
            (12345.0, 12345.1),
            (1e-290, 1e-280),
            (-1e299, 1e299),
            (0.9999999, 1.0000001),
            (1.0, 1.0001),
            (2.0, 3.1),
            (0.7, 130.0),
            (1e-12, 1e15),
            (1.0, 1e5),
            (3e-250, 2e250),
            (99_990.0, 100_010.0),
        ];
        for scale in [Scale::Linear, Scale::Log] {
            for (lo, hi) in ends.into_iter().filter(|e| scale == Scale::Linear || e.0 > 0.0) {
                for length in [60.0, 200.0, 850.0] {
                    let mapped = [lo, hi].map(|v| scale.map(v).expect("on the axis"));
                    let axis = Axis::new(scale, (mapped[0], mapped[1]), length, false, extent);
                    let case = format!("{scale:?} {lo} {hi} {length}: {:?}", axis.ticks);
                    let places: Vec<(f64, f64)> =
                        axis.ticks.iter().map(|t| (axis.place(t.at), extent(&t.label))).collect();
                    assert!(length < 200.0 || places.len() > 1, "{case}");
                    assert!(places.iter().all(|p| p.0 > -0.01 && p.0 < length + 0.01), "{case}");
                    let apart = |p: &[(f64, f64)]| p[1].0 - p[0].0 >= 0.5 * (p[0].1 + p[1].1);
                    assert!(length < 200.0 || places.windows(2).all(apart), "{case}");
                    for tick in &axis.ticks {
                        let said = value(&tick.label, axis.exponent);
                        let place = axis.place(scale.map(said).expect("on the axis"));
                        assert!((place - axis.place(tick.at)).abs() < 0.6, "{} {case}", said);
                    }
                }
            }
        }
    }

    #[test]
    fn slots_are_labelled_as_densely_as_fits() {
        let names: Vec<String> = (0..40).map(|i| format!("name {i}")).collect();
        let strides = [2000.0, 600.0, 40.0].map(|length| {
            let axis = Axis::slots(&names, length, extent);
            axis.ticks.get(1).map_or(40.0, |t| t.at)
        });
        assert_eq!(strides[2], 40.0);
        assert!(strides[0] < strides[1] && strides[1] < strides[2], "{strides:?}");
    }

    #[test]
    fn short_numbers_keep_three_digits() {
        let pairs = [
            (15.166345, "15.2"),
            (0.08649367, "0.0865"),
            (0.0, "0"),
            (-2.0, "−2"),
            (1234.4, "1234"),
            (1e-9, "1.0·10⁻⁹"),
            (-3.46e7, "−3.5·10⁷"),
            (100.0, "100"),
        ];
        for (value, text) in pairs {
            assert_eq!(short(value), text);
        }
    }
}
