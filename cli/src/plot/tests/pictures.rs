//! A picture of each kind, of numbers that look like results.

use crate::plot::*;

pub(super) fn range(n: usize, from: f64, to: f64) -> Vec<f64> {
    (0..n).map(|i| from + (to - from) * i as f64 / (n - 1).max(1) as f64).collect()
}

pub(super) fn powers(n: usize, from: f64, to: f64) -> Vec<f64> {
    range(n, from, to).into_iter().map(|e| 10f64.powf(e)).collect()
}

/// Deterministic values in `[-1, 1)` that look random.
pub(super) fn noise(k: usize) -> f64 {
    let x = (k as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

pub(super) fn risk() -> Figure {
    let t = powers(300, 0.0, 5.0);
    let of = |f: &dyn Fn(f64) -> f64| -> Vec<f64> { t.iter().map(|&t| f(t)).collect() };
    let bump = |t: f64, at: f64, width: f64| (-((t / at).ln() / width).powi(2)).exp();
    let risk = of(&|t| 0.26 + 0.7 * (-t / 4.0).exp() + 0.25 * bump(t, 60.0, 1.0));
    let loss = of(&|t| 0.8 * (-t / 5.0).exp() + 0.05 * (-t / 500.0).exp() + 1e-4);
    let strong = of(&|t| 1.0 - 0.9 * (1.0 - (-t / 5.0).exp()));
    let weak = of(&|t| 0.4 + 0.5 * (1.0 - (-t / 80.0).exp()));
    let first = of(&|t| 0.2 + 1.2 * (1.0 - (-t / 20.0).exp()));
    let second = of(&|t| 0.1 + 1.5 * (1.0 - (-t / 30.0).exp()));
    Figure::new("Double descent over time: two eigenvalues, published setup")
        .panel(
            Panel::lines("Risk")
                .x("iteration", Scale::Log)
                .y("excess risk", Scale::Linear)
                .series("theory", &t, &risk)
                .series("trained network", &t, &risk.iter().map(|r| r + 0.02).collect::<Vec<_>>())
                .horizontal(0.26, "limit")
                .mark(12.0, 0.2950, "min, k = 12")
                .mark(30.0, 0.4150, "max, k = 30")
                .mark(491.0, 0.2630, "min, k = 491"),
        )
        .panel(
            Panel::lines("Training loss")
                .x("iteration", Scale::Log)
                .y("loss (mean squared)", Scale::Log)
                .series("loss", &t, &loss),
        )
        .panel(
            Panel::lines("Weight error by group")
                .x("iteration", Scale::Log)
                .y("‖w − w*‖²", Scale::Linear)
                .series("strong features", &t, &strong)
                .series("weak features", &t, &weak)
                .series("all features, a long name that takes its room", &t, &first),
        )
        .panel(
            Panel::lines("Layer norms")
                .x("iteration", Scale::Log)
                .y("Frobenius norm", Scale::Linear)
                .series("W1", &t, &first)
                .series("W2", &t, &second),
        )
}

pub(super) fn training() -> Figure {
    let t = range(20_000, 0.0, 19_999.0);
    let decay = |t: f64, k: usize| 1e-5 * (1.0 + 9.0 * (-t / 3000.0).exp() + 0.5 * noise(k));
    let loss: Vec<f64> = t.iter().enumerate().map(|(k, &t)| decay(t, k)).collect();
    let at: Vec<f64> = range(11, 0.0, 19_999.0);
    let validation: Vec<f64> = at.iter().map(|&t| decay(t, 7) + 1e-5).collect();
    Figure::new("Training with kfac").panel(
        Panel::lines("")
            .x("step", Scale::Linear)
            .y("loss", Scale::Linear)
            .series("training (batch 32)", &t, &loss)
            .series("validation", &at, &validation),
    )
}

pub(super) fn fields() -> Figure {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for i in 0..17 {
        for j in 0..17 {
            x.push(-2.0 + 0.25 * i as f64);
            y.push(-2.0 + 0.25 * j as f64);
        }
    }
    let u: Vec<f64> = x.iter().zip(&y).map(|(u, z)| z * (1.0 - u * z)).collect();
    let v: Vec<f64> = x.iter().zip(&y).map(|(u, z)| u * (1.0 - u * z)).collect();
    let path: Vec<f64> = range(50, 0.1, 1.0);
    let panel = |heading: &str, length| {
        Panel::quiver(heading)
            .x("u", Scale::Linear)
            .y("z₁", Scale::Linear)
            .value("speed")
            .arrows(&x, &y, &u, &v, length)
    };
    Figure::new("Velocity in the (u, z) plane")
        .panel(panel("Directions", ArrowLength::Same).series(
            "trajectory",
            &path,
            &path.iter().map(|p| 0.2 + 0.8 * p).collect::<Vec<_>>(),
        ))
        .panel(panel("Scaled", ArrowLength::Magnitude))
}

pub(super) fn space() -> Figure {
    let grid = range(6, -2.0, 2.0);
    let mut arrows = Vec::new();
    for z2 in &grid {
        for z1 in &grid {
            for u in &grid {
                let (d1, d2) = (1.0 - u * z1, 1.0 - u * z2);
                arrows.push([[*u, *z1, *z2], [d1 * z1 + d2 * z2, d1 * u, d2 * u]]);
            }
        }
    }
    arrows[7][1] = [0.0; 3];
    arrows[8][1][0] = f64::NAN;
    let panel = Panel::space("Three dimensions", ["u", "z₁", "z₂"], (-2.0, 2.0), &arrows);
    Figure::new("").panel(panel.value("speed"))
}

pub(super) fn hessian() -> Figure {
    let entry = |i: usize, j: usize| {
        let (a, b) = (i.min(j), i.max(j));
        noise(a * 131 + b) * (-(a as f64) / 60.0).exp() * (-(b as f64 - a as f64) / 40.0).exp()
    };
    let kernel = |i: usize, j: usize| 3.0 + (-((i as f64 - j as f64) / 3.0).powi(2)).exp();
    Figure::new("Matrices")
        .panel(
            Panel::heat_map("Hessian of 4-8-8-1", 121, 121, entry)
                .blocks(&[("W1", 32), ("b1", 8), ("W2", 64), ("b2", 8), ("W3", 8), ("b3", 1)])
                .value("∂²L / ∂θᵢ∂θⱼ"),
        )
        .panel(
            Panel::heat_map("Tangent kernel", 12, 12, kernel)
                .x("sample", Scale::Linear)
                .y("sample", Scale::Linear)
                .value("Θ"),
        )
}

pub(super) fn spectra() -> Figure {
    let grid = range(400, -1.0, 6.0);
    let peak = |x: f64, at: f64, w: f64| (-((x - at) / w).powi(2)).exp() / w;
    let density: Vec<f64> =
        grid.iter().map(|&x| peak(x, 0.0, 0.1) + 0.1 * peak(x, 3.0, 0.4) + 1e-4).collect();
    let eigenvalues: Vec<f64> = (0..200).map(|k| noise(k) * 0.4 + 0.1).collect();
    let positive: Vec<f64> = (0..500).map(|k| 10f64.powf(-2.0 + 2.0 * noise(k))).collect();
    Figure::new("Spectra")
        .columns(2)
        .panel(
            Panel::spectrum("Hessian")
                .x("eigenvalue", Scale::Linear)
                .y("density", Scale::Linear)
                .density("Lanczos, 10 probes", &grid, &density)
                .stems("Ritz values", &[2.5, 3.0, 5.5], &[1.0, 2.0, 0.8])
                .rug("exact", &eigenvalues),
        )
        .panel(
            Panel::spectrum("Hessian, logarithmic")
                .x("eigenvalue", Scale::Linear)
                .y("density", Scale::Log)
                .density("Lanczos", &grid, &density)
                .stems("Ritz values", &[2.5, 3.0, 5.5], &[1.0, 2.0, 0.8]),
        )
        .panel(
            Panel::histogram("Eigenvalues")
                .x("eigenvalue", Scale::Log)
                .y("count", Scale::Linear)
                .histogram_of("Fisher", &positive, 24),
        )
        .panel(
            Panel::histogram("Two of them")
                .x("value", Scale::Linear)
                .y("count", Scale::Linear)
                .histogram_of("first", &eigenvalues, 20)
                .histogram_of("second", &(0..200).map(|k| noise(k + 999)).collect::<Vec<_>>(), 20),
        )
}

pub(super) fn jacobian() -> Figure {
    let sigma: Vec<f64> = (0..24).map(|i| 15.17 * 0.7f64.powi(i)).collect();
    let shares: Vec<Vec<f64>> = (0..24)
        .map(|i| {
            let a = 0.5 + 0.4 * (i as f64 / 4.0).sin();
            vec![a, (1.0 - a) * 0.6, (1.0 - a) * 0.4]
        })
        .collect();
    let share = |l: usize| shares.iter().map(|s| s[l]).collect::<Vec<_>>();
    Figure::new("Jacobian by layer")
        .panel(Panel::shares("Shares", &sigma, &["layer 1", "layer 2", "layer 3"], &shares))
        .panel(
            Panel::scatter("Singular value against share")
                .x("share of the squared norm", Scale::Linear)
                .y("singular value", Scale::Log)
                .points("layer 1", &share(0), &sigma)
                .points("layer 2", &share(1), &sigma)
                .points("layer 3", &share(2), &sigma),
        )
        .panel(
            Panel::bar_chart("Layer norms", &["W1", "W2", "W3"])
                .y("Frobenius norm", Scale::Linear)
                .bars("start", &[0.1, 0.2, 0.4])
                .bars("after 10⁴ steps", &[1.3, 0.9, 0.5]),
        )
        .panel(Panel::scatter("Signs").x("step", Scale::Linear).y("cosine", Scale::Linear).points(
            "between gradients",
            &range(40, 0.0, 39.0),
            &(0..40).map(noise).collect::<Vec<_>>(),
        ))
}

pub(super) fn crowded() -> Figure {
    let t = powers(50, 0.0, 9.0);
    let mut panel = Panel::lines("Many series, marks and decades <&\">")
        .x("time (s)", Scale::Log)
        .y("x", Scale::Log);
    for k in 0..9 {
        let y: Vec<f64> = t.iter().map(|t| t.powf(-0.1 * k as f64)).collect();
        panel = panel.series(format!("exponent −0.{k}"), &t, &y);
    }
    for k in 0..8 {
        panel = panel.vertical(10f64.powf(1.0 + 0.3 * k as f64), format!("event {k}"));
    }
    Figure::new("").panel(panel.mark(9e8, 0.5, "at the end"))
}

pub(super) fn wordy() -> Figure {
    let long = "a name without end ".repeat(30);
    let panel = Panel::lines(&long)
        .x(&long, Scale::Linear)
        .y(&long, Scale::Linear)
        .series(&long, &[0.0, 1.0], &[0.0, 1.0])
        .mark(0.0, 0.0, "bell \u{7} and\nbreak");
    let names = |k: usize| (0..k).map(|i| format!("{i} {long}")).collect::<Vec<_>>();
    let sizes: Vec<(String, usize)> = names(3).into_iter().map(|name| (name, 4)).collect();
    Figure::new(&long)
        .panel(panel.vertical(0.45, &long).vertical(0.55, &long))
        .panel(Panel::bar_chart("", &names(5)).bars(&long, &[1.0; 5]))
        .panel(Panel::heat_map("", 12, 12, |i, j| (i + j) as f64).blocks(&sizes).value(&long))
}

pub(super) fn odd() -> Figure {
    let nan = f64::NAN;
    Figure::new("Odd input")
        .columns(3)
        .panel(Panel::lines("Nothing").x("t", Scale::Log).y("y", Scale::Log))
        .panel(Panel::lines("Constant").x("t", Scale::Linear).y("y", Scale::Linear).series(
            "c",
            &[0.0, 1.0, 2.0],
            &[0.3; 3],
        ))
        .panel(Panel::lines("One point").x("t", Scale::Log).series("p", &[3.0], &[-2e-7]))
        .panel(Panel::lines("Holes").x("t", Scale::Linear).y("y", Scale::Log).series(
            "h",
            &[0., 1., 2., nan, 4., 5., 6., 7.],
            &[1., 2., nan, 3., 4., -1., 5., f64::INFINITY],
        ))
        .panel(Panel::heat_map("Holes", 2, 3, |i, j| if i == j { nan } else { -1.0 }))
        .panel(Panel::heat_map("No rows", 0, 0, |_, _| 0.0).blocks(&[("a", 0)]))
        .panel(Panel::quiver("Still").arrows(
            &[0.0, nan, 1.0],
            &[0.0, 1.0, 1.0],
            &[0.0, 1.0, 0.0],
            &[0.0; 3],
            ArrowLength::Magnitude,
        ))
        .panel(Panel::histogram("Same").histogram_of("v", &[2.0, 2.0, nan], 0))
        .panel(Panel::shares("No shares", &[], &["a"], &[]))
        .panel(Panel::heat_map("Zero", 3, 3, |_, _| 0.0))
        .panel(Panel::lines("Huge").series("h", &[-1e308, 1e299], &[1e299, -1e299]))
        .panel(Panel::lines("Cut").x_range(0.0, 1.0).y_range(0.0, 1.0).series(
            "beyond",
            &[-5.0, 0.5, 5.0],
            &[-20.0, 0.5, 30.0],
        ))
}

pub(super) fn gallery() -> Vec<(&'static str, Figure)> {
    vec![
        ("risk", risk()),
        ("training", training()),
        ("fields", fields()),
        ("space", space()),
        ("hessian", hessian()),
        ("spectra", spectra()),
        ("jacobian", jacobian()),
        ("crowded", crowded()),
        ("wordy", wordy()),
        ("odd", odd()),
    ]
}
