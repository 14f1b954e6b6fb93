//! The constants of a graph: weights, biases, scales.

use super::proto::{DataType, Tensor};
use crate::desktop::array::Shape;
use anyhow::{Result, anyhow, bail, ensure};
use half::{bf16, f16};
use ndarray::Array2;

/// Numbers in a shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// The sizes of the axes.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f64>,
}

impl Constant {
    /// The constant in a tensor of the file.
    ///
    /// # Errors
    /// If its numbers are elsewhere, of another type or not as many as the shape says.
    pub fn of(tensor: &Tensor) -> Result<Self> {
        ensure!(
            tensor.data_location == 0,
            "its numbers are in a file beside; write one file: onnx.save(onnx.load(FILE), FILE, \
             save_as_external_data=False)"
        );
        let shape = tensor.dims.iter().map(|n| usize::try_from(*n)).collect::<Result<Vec<_>, _>>();
        let shape = shape.map_err(|_| anyhow!("found shape {:?}", tensor.dims))?;
        let raw = tensor.raw_data.as_deref();
        let values: Vec<f64> = match tensor.data_type() {
            DataType::Float => match raw {
                Some(raw) => each(raw, |b| f64::from(f32::from_le_bytes(b))),
                None => tensor.float_data.iter().map(|v| f64::from(*v)).collect(),
            },
            DataType::Double => match raw {
                Some(raw) => each(raw, f64::from_le_bytes),
                None => tensor.double_data.clone(),
            },
            // Half precisions without raw bytes are the low halves of 32 bits.
            DataType::Float16 => match raw {
                Some(raw) => each(raw, |b| f16::from_le_bytes(b).to_f64()),
                None => {
                    tensor.int32_data.iter().map(|v| f16::from_bits(*v as u16).to_f64()).collect()
                }
            },
            DataType::Bfloat16 => match raw {
                Some(raw) => each(raw, |b| bf16::from_le_bytes(b).to_f64()),
                None => {
                    tensor.int32_data.iter().map(|v| bf16::from_bits(*v as u16).to_f64()).collect()
                }
            },
            other => {
                bail!("found numbers of type {other:?}, needed Float, Double, Float16 or Bfloat16")
            }
        };
        let needed = shape.iter().try_fold(1_usize, |n, axis| n.checked_mul(*axis));
        ensure!(
            needed == Some(values.len()),
            "found {} numbers, needed as many as shape {} has",
            values.len(),
            Shape(&shape)
        );
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            bail!("number {at} is {}, needed a finite number", values[at]);
        }
        Ok(Self { shape, values })
    }

    /// One number.
    pub fn scalar(value: f64) -> Self {
        Self { shape: Vec::new(), values: vec![value] }
    }

    /// The number, if it is one.
    pub fn as_scalar(&self) -> Option<f64> {
        if let [value] = self.values.as_slice() { Some(*value) } else { None }
    }

    /// As a row that goes with every sample: `()`, `(1,)`, `(n,)` or `(1, n)`.
    pub fn as_row(&self) -> Option<&[f64]> {
        let (_, before) = self.shape.split_last().unwrap_or((&1, &[]));
        before.iter().all(|n| *n == 1).then_some(self.values.as_slice())
    }

    /// As a matrix, or its transpose.
    pub fn as_matrix(&self, transposed: bool) -> Option<Array2<f64>> {
        let [rows, cols] = *self.shape.as_slice() else { return None };
        let matrix = Array2::from_shape_vec((rows, cols), self.values.clone()).ok()?;
        Some(if transposed {
            matrix.reversed_axes().as_standard_layout().into_owned()
        } else {
            matrix
        })
    }
}

fn each<const SIZE: usize>(bytes: &[u8], convert: impl Fn([u8; SIZE]) -> f64) -> Vec<f64> {
    // What is left over makes too few numbers for the shape, or is none of them.
    bytes.as_chunks::<SIZE>().0.iter().map(|b| convert(*b)).collect()
}
