//! A chain of dense layers that grows node by node; what scales and shifts is folded in.
//!
//! ```text
//! after a layer,    y = s (W a + b) + t      is W <- diag(s) W,  b <- s b + t
//! before a layer,   W (s a + t) + b          is W <- W diag(s),  b <- b + W t
//! ```

use anyhow::{Result, bail, ensure};
use nanocurv::network::Activation;
use ndarray::Array2;

/// `y = s x + t`, entry by entry; a single entry goes for all.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// s.
    pub scale: Vec<f64>,
    /// t.
    pub shift: Vec<f64>,
}

impl Affine {
    /// `s x`.
    pub fn scaling(scale: Vec<f64>) -> Self {
        Self { scale, shift: vec![0.0] }
    }

    /// `x + t`.
    pub fn shifting(shift: Vec<f64>) -> Self {
        Self { scale: vec![1.0], shift }
    }

    /// For so many entries.
    fn of_width(self, width: usize) -> Result<Self> {
        let widened = |values: Vec<f64>| match values.as_slice() {
            [one] => Ok(vec![*one; width]),
            values if values.len() == width => Ok(values.to_vec()),
            values => {
                bail!("found {} numbers, needed {width}, the width of its input", values.len())
            }
        };
        Ok(Self { scale: widened(self.scale)?, shift: widened(self.shift)? })
    }

    /// This, then `next`.
    fn then(self, next: Self) -> Result<Self> {
        let width = [&self.scale, &self.shift, &next.scale, &next.shift].map(Vec::len);
        let width = width.into_iter().max().unwrap_or(1);
        let (first, next) = (self.of_width(width)?, next.of_width(width)?);
        let scale = first.scale.iter().zip(&next.scale).map(|(a, b)| a * b).collect();
        let entries = first.shift.iter().zip(next.scale.iter().zip(&next.shift));
        let shift = entries.map(|(t, (scale, shift))| t * scale + shift).collect();
        Ok(Self { scale, shift })
    }
}

/// A layer that may still be scaled and shifted.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// What the file calls its weight.
    pub tensor: String,
    /// W, outputs x inputs.
    pub weight: Array2<f64>,
    /// b.
    pub bias: Option<Vec<f64>>,
    /// What comes after it.
    pub activation: Option<Activation>,
}

/// The layers so far, and what is to be folded into the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// From the input on.
    pub layers: Vec<Folded>,
    /// What happens to the input of the next layer.
    pending: Option<Affine>,
}

impl Chain {
    /// Adds a layer; one that follows another at once has the identity between.
    ///
    /// # Errors
    /// If its width does not fit what is before it.
    pub fn layer(
        &mut self,
        tensor: &str,
        mut weight: Array2<f64>,
        mut bias: Option<Vec<f64>>,
    ) -> Result<()> {
        let (outputs, inputs) = weight.dim();
        ensure!(outputs > 0 && inputs > 0, "weight '{tensor}' is empty");
        if let Some(last) = self.layers.last_mut() {
            let found = last.weight.nrows();
            ensure!(found == inputs, "weight '{tensor}' takes {inputs} inputs, there are {found}");
            last.activation.get_or_insert(Activation::Identity);
        }
        if let Some(affine) = self.pending.take() {
            let affine = affine.of_width(inputs)?;
            if affine.shift.iter().any(|t| *t != 0.0) {
                let bias = bias.get_or_insert_with(|| vec![0.0; outputs]);
                for (b, row) in bias.iter_mut().zip(weight.rows()) {
                    *b += row.iter().zip(&affine.shift).map(|(w, t)| w * t).sum::<f64>();
                }
            }
            for mut row in weight.rows_mut() {
                row.iter_mut().zip(&affine.scale).for_each(|(w, s)| *w *= s);
            }
        }
        self.layers.push(Folded { tensor: tensor.to_owned(), weight, bias, activation: None });
        Ok(())
    }

    /// Whether the last thing was a layer.
    pub fn ends_in_a_layer(&self) -> bool {
        self.layers.last().is_some_and(|l| l.activation.is_none())
    }

    /// Scales and shifts what the chain gives.
    ///
    /// # Errors
    /// If the width does not fit.
    pub fn affine(&mut self, affine: Affine) -> Result<()> {
        let layer = self.layers.last_mut();
        let Some(layer) = layer.filter(|layer| layer.activation.is_none()) else {
            self.pending = Some(match self.pending.take() {
                None => affine,
                Some(before) => before.then(affine)?,
            });
            return Ok(());
        };
        let affine = affine.of_width(layer.weight.nrows())?;
        for (mut row, s) in layer.weight.rows_mut().into_iter().zip(&affine.scale) {
            row.iter_mut().for_each(|w| *w *= s);
        }
        let shifted = affine.shift.iter().any(|t| *t != 0.0);
        if shifted || layer.bias.is_some() {
            let bias = layer.bias.take().unwrap_or_else(|| vec![0.0; affine.shift.len()]);
            let entries = bias.iter().zip(affine.scale.iter().zip(&affine.shift));
            layer.bias = Some(entries.map(|(b, (s, t))| s * b + t).collect());
        }
        Ok(())
    }

    /// Adds an activation.
    ///
    /// # Errors
    /// If no layer is before it.
    pub fn activate(&mut self, activation: Activation) -> Result<()> {
        ensure!(
            self.ends_in_a_layer(),
            "an activation needs a dense layer right before it, as only chains of these are read"
        );
        if let Some(last) = self.layers.last_mut() {
            last.activation = Some(activation);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn what_scales_and_shifts_is_folded_into_the_layer_beside_it() {
        let mut chain = Chain::default();
        // ((x - 1) / (2, 4)) 3, then W, then 2 (..) + 1.
        chain.affine(Affine::shifting(vec![-1.0])).unwrap();
        chain.affine(Affine::scaling(vec![0.5, 0.25])).unwrap();
        chain.affine(Affine::scaling(vec![3.0])).unwrap();
        chain.layer("w", array![[1.0, 2.0], [0.0, -1.0]], None).unwrap();
        chain.affine(Affine::scaling(vec![2.0])).unwrap();
        chain.affine(Affine::shifting(vec![1.0, 0.0])).unwrap();
        let x = [1.5, -0.5];
        let a: Vec<f64> = x.iter().zip([2.0, 4.0]).map(|(x, d)| (x - 1.0) / d * 3.0).collect();
        let expected = [2.0 * (a[0] + 2.0 * a[1]) + 1.0, -2.0 * a[1]];
        let layer = &chain.layers[0];
        for (k, expected) in expected.into_iter().enumerate() {
            let found = layer.weight[[k, 0]] * x[0] + layer.weight[[k, 1]] * x[1];
            assert!((found + layer.bias.as_ref().unwrap()[k] - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn widths_and_places_must_fit() {
        let mut chain = Chain::default();
        assert!(chain.activate(Activation::Relu).is_err());
        chain.layer("w", array![[1.0, 2.0]], None).unwrap();
        assert!(chain.affine(Affine::scaling(vec![1.0, 2.0])).is_err());
        assert!(chain.layer("v", array![[1.0, 2.0]], None).is_err());
        chain.layer("v", array![[1.0]], None).unwrap();
        assert_eq!(chain.layers[0].activation, Some(Activation::Identity));
        chain.activate(Activation::Tanh).unwrap();
        assert!(chain.activate(Activation::Tanh).is_err());
    }
}
