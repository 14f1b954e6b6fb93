//! `--check` of `dynamics field`: against the derivatives of the loss on data that have the modes.

use crate::dense::{self, Check, Difference};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::dynamics::{Field, PlaneName, Space};

/// What happens at a point, by the reference.
struct Point {
    u: f64,
    z: Vec<f64>,
    du: f64,
    dz: Vec<f64>,
    /// Of the total weights.
    dw: Vec<f64>,
    risk: f64,
    dr: f64,
}

impl Point {
    fn new(modes: &[Vec<f64>; 3], u: f64, z: Vec<f64>) -> Self {
        let [lambda, beta, epsilon] = modes.each_ref().map(Vec::as_slice);
        let (du, dz) = dense::dynamics::velocity([lambda, beta, epsilon], u, &z);
        let dw: Vec<f64> = z.iter().zip(&dz).map(|(z, dz)| du * z + u * dz).collect();
        let off: Vec<f64> = beta.iter().zip(&z).map(|(b, z)| b - u * z).collect();
        let risk = off.iter().map(|off| off * off).sum();
        let dr = off.iter().zip(&dw).map(|(off, dw)| -2.0 * off * dw).sum();
        Self { u, z, du, dz, dw, risk, dr }
    }
}

/// The differences of a plane.
pub fn plane<T: Float>(
    field: &Field<T>,
    plane: PlaneName,
    fixed: &[f64],
    modes: [&Vec<T>; 3],
    tolerance: f64,
) -> Check {
    let modes = modes.map(|values| wide(values));
    let (given, rest) = fixed.split_first().map_or((0.0, &[][..]), |(u, o)| (*u, o));
    let [mut across, mut upward, mut places, mut risks] = [Difference::default(); 4];
    let (found_x, found_y) = field.places();
    let (x, y) = field.coordinates();
    for (i, (x, y)) in x.into_iter().zip(y).enumerate() {
        let z = |first: f64, second: f64| [&[first, second], rest].concat();
        let point = match plane {
            PlaneName::UZ1 => Point::new(&modes, x, [&[y], fixed].concat()),
            PlaneName::TotalZ2 | PlaneName::RiskZ2 => Point::new(&modes, x, z(y, given)),
            PlaneName::UZ2 | PlaneName::TotalZ1 | PlaneName::RiskZ1 => {
                Point::new(&modes, x, z(given, y))
            }
            PlaneName::Total | PlaneName::Risk => {
                Point::new(&modes, given, z(x, y).iter().map(|w| w / given).collect())
            }
            PlaneName::Z1Z2 | PlaneName::UZ | PlaneName::UZ1Z2 => {
                Point::new(&modes, given, z(x, y))
            }
        };
        let Point { u, z, du, dz, dw, risk, dr } = point;
        let (place, (dx, dy)) = match plane {
            PlaneName::UZ1 => ((x, y), (du, dz[0])),
            PlaneName::UZ2 => ((x, y), (du, dz[1])),
            PlaneName::Z1Z2 | PlaneName::UZ1Z2 => ((x, y), (dz[0], dz[1])),
            PlaneName::UZ | PlaneName::Total | PlaneName::Risk => ((x, y), (dw[0], dw[1])),
            PlaneName::TotalZ1 | PlaneName::TotalZ2 => ((u * z[0], u * z[1]), (dw[0], dw[1])),
            PlaneName::RiskZ1 => ((z[1], risk), (dz[1], dr)),
            PlaneName::RiskZ2 => ((z[0], risk), (dz[0], dr)),
        };
        let at = (i / field.axis.len(), i % field.axis.len());
        across.add(field.dx[at].to_f64(), dx);
        upward.add(field.dy[at].to_f64(), dy);
        risks.add(field.dr[at].to_f64(), dr);
        places.add(found_x[i], place.0);
        places.add(found_y[i], place.1);
    }
    let worse = |check: Check, other: Difference| check.worse(other.within(tolerance));
    [upward, places, risks].into_iter().fold(across.within(tolerance), worse)
}

/// The differences in space.
pub fn space<T: Float>(
    space: &Space<T>,
    fixed: &[f64],
    modes: [&Vec<T>; 3],
    tolerance: f64,
) -> Check {
    let modes = modes.map(|values| wide(values));
    let [mut climbs, mut velocities, mut risks] = [Difference::default(); 3];
    let [u, z1, z2] = &space.velocities;
    let found = u.iter().zip(z1).zip(z2).zip(&space.dr);
    for (place, (((du, dz1), dz2), dr)) in space.places().zip(found) {
        let point = Point::new(&modes, place[0], [&place[1..], fixed].concat());
        climbs.add(du.to_f64(), point.du);
        velocities.add_all(&[*dz1, *dz2], &point.dz);
        risks.add(dr.to_f64(), point.dr);
    }
    let worse = climbs.within(tolerance).worse(velocities.within(tolerance));
    worse.worse(risks.within(tolerance))
}
