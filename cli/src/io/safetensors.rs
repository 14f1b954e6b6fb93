//! `.safetensors`: named tensors, as PyTorch's state dictionaries are stored.

use std::collections::HashMap;

use anyhow::{Result, anyhow, bail};
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::desktop::Array;

/// All floating-point tensors with their names; half precisions are widened to f32.
///
/// # Errors
/// If the bytes are no safetensors file or a tensor is not of a floating-point type.
pub fn read(bytes: &[u8]) -> Result<Vec<(String, Array)>> {
    read_each(bytes)?.into_iter().map(|(name, array)| Ok((name, array?))).collect()
}

/// As [`read`], where a tensor of another type is the error of its place alone.
///
/// # Errors
/// If the bytes are no safetensors file.
pub fn read_each(bytes: &[u8]) -> Result<Vec<(String, Result<Array>)>> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| {
        anyhow!(
            "is not a readable .safetensors file ({e}); write it with safetensors.torch.save_file"
        )
    })?;
    let tensors = file.tensors().into_iter();
    Ok(tensors
        .map(|(name, view)| {
            let array = tensor(&view);
            (name, array)
        })
        .collect())
}

/// The words about the tensors of a file.
///
/// # Errors
/// If the bytes are no safetensors file.
pub fn metadata(bytes: &[u8]) -> Result<HashMap<String, String>> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)
        .map_err(|e| anyhow!("is not a readable .safetensors file ({e})"))?;
    Ok(metadata.metadata().clone().unwrap_or_default())
}

fn tensor(view: &TensorView<'_>) -> Result<Array> {
    let shape = view.shape();
    let data = view.data();
    Ok(match view.dtype() {
        Dtype::F64 => Array::new(shape, each(data, f64::from_le_bytes)),
        Dtype::F32 => Array::new(shape, each(data, f32::from_le_bytes)),
        Dtype::F16 => Array::new(shape, each(data, |b| f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => Array::new(shape, each(data, |b| bf16::from_le_bytes(b).to_f32())),
        other => bail!("found type {other:?}, needed F64, F32, F16 or BF16; convert with .float()"),
    })
}

fn each<const SIZE: usize, T>(data: &[u8], convert: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
    let (values, _) = data.as_chunks::<SIZE>();
    values.iter().map(|bytes| convert(*bytes)).collect()
}

/// The bytes of a file with the given tensors.
///
/// # Errors
/// If the format cannot hold them.
pub fn write(tensors: &[(String, Array)]) -> Result<Vec<u8>> {
    write_with(tensors, None)
}

/// As [`write()`], with words about them, which readers of the tensors pass over.
///
/// # Errors
/// As there.
pub fn write_with(
    tensors: &[(String, Array)],
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>> {
    let data: Vec<(Dtype, Vec<u8>)> = tensors
        .iter()
        .map(|(_, array)| match array {
            Array::F32(v) => (Dtype::F32, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Array::F64(v) => (Dtype::F64, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Array::I64(v) => (Dtype::I64, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
        })
        .collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, array), (dtype, bytes))| {
            Ok((name.as_str(), TensorView::new(*dtype, array.shape().to_vec(), bytes)?))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(safetensors::serialize(views, metadata)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let tensors = vec![
            ("0.bias".to_owned(), Array::new(&[2], vec![0.1_f64, -2.0])),
            ("0.weight".to_owned(), Array::new(&[2, 1], vec![1.5_f32, 0.25])),
        ];
        let bytes = write(&tensors).unwrap();
        let mut found = read(&bytes).unwrap();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(found, tensors);
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, b'9', b'[', b'{', b'"', 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                // An error or other tensors, but no panic.
                let _ = read(&damaged);
            }
        }
    }

    #[test]
    fn words_about_the_tensors_are_passed_over() {
        let tensors = vec![("w".to_owned(), Array::new(&[1], vec![0.5_f64]))];
        let words = HashMap::from([("a".to_owned(), "b \"c\" \n".to_owned())]);
        let bytes = write_with(&tensors, Some(words.clone())).unwrap();
        assert_eq!(read(&bytes).unwrap(), tensors);
        assert_eq!(metadata(&bytes).unwrap(), words);
        assert_eq!(metadata(&write(&tensors).unwrap()).unwrap(), HashMap::new());
        assert!(metadata(&bytes[..20]).is_err());
    }

    #[test]
    fn half_precisions_are_widened() {
        let bytes: Vec<u8> = [f16::from_f32(1.5), f16::from_f32(-0.25)]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let view = TensorView::new(Dtype::F16, vec![2], &bytes).unwrap();
        let file = safetensors::serialize([("w", view)], None).unwrap();
        assert_eq!(read(&file).unwrap()[0].1, Array::from(vec![1.5_f32, -0.25]));
    }
}
