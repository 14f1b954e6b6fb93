//! The scalars that the references run on: `f64`, and dual numbers for one more derivative.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// A real number with the functions that activations and losses are made of.
pub trait Number:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + From<f64>
{
    /// The value without its derivative.
    fn value(self) -> f64;
    /// The function with value `f` and derivative `df` here.
    fn lift(self, f: f64, df: f64) -> Self;

    /// `e^x`
    fn exp(self) -> Self {
        let e = self.value().exp();
        self.lift(e, e)
    }
    /// `e^x - 1`
    fn exp_m1(self) -> Self {
        let x = self.value();
        self.lift(x.exp_m1(), x.exp())
    }
    /// `ln x`
    fn ln(self) -> Self {
        let x = self.value();
        self.lift(x.ln(), 1.0 / x)
    }
    /// `ln(1 + x)`
    fn ln_1p(self) -> Self {
        let x = self.value();
        self.lift(x.ln_1p(), 1.0 / (1.0 + x))
    }
    /// `tanh x`
    fn tanh(self) -> Self {
        let t = self.value().tanh();
        self.lift(t, 1.0 - t * t)
    }
    /// `sin x`
    fn sin(self) -> Self {
        let (s, c) = self.value().sin_cos();
        self.lift(s, c)
    }
    /// `cos x`
    fn cos(self) -> Self {
        let (s, c) = self.value().sin_cos();
        self.lift(c, -s)
    }
    /// The error function, `2/sqrt(pi) int_0^x e^(-t^2) dt`.
    fn erf(self) -> Self {
        let x = self.value();
        self.lift(libm::erf(x), std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp())
    }
    /// `1 / (1 + e^-x)`, from the side that cannot overflow.
    fn sigmoid(self) -> Self {
        let one = Self::from(1.0);
        if self.value() >= 0.0 {
            one / (one + (-self).exp())
        } else {
            let e = self.exp();
            e / (one + e)
        }
    }
    /// `ln(1 + e^x)`, from the side that cannot overflow.
    fn softplus(self) -> Self {
        if self.value() > 0.0 { self + (-self).exp().ln_1p() } else { self.exp().ln_1p() }
    }
}

impl Number for f64 {
    fn value(self) -> f64 {
        self
    }
    fn lift(self, f: f64, _: f64) -> Self {
        f
    }
}

/// `value + slope eps` with `eps^2 = 0`: a value and its derivative in one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual {
    /// The value.
    pub value: f64,
    /// The derivative along the direction.
    pub slope: f64,
}

impl Dual {
    /// A number and its derivative.
    pub fn new(value: f64, slope: f64) -> Self {
        Self { value, slope }
    }
}

impl From<f64> for Dual {
    fn from(value: f64) -> Self {
        Self { value, slope: 0.0 }
    }
}

impl Number for Dual {
    fn value(self) -> f64 {
        self.value
    }
    fn lift(self, f: f64, df: f64) -> Self {
        Self { value: f, slope: df * self.slope }
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        Self::new(self.value + b.value, self.slope + b.slope)
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        Self::new(self.value - b.value, self.slope - b.slope)
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        Self::new(self.value * b.value, self.slope * b.value + self.value * b.slope)
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        let q = self.value / b.value;
        Self::new(q, (self.slope - q * b.slope) / b.value)
    }
}

impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(-self.value, -self.slope)
    }
}

impl AddAssign for Dual {
    fn add_assign(&mut self, b: Self) {
        *self = *self + b;
    }
}
