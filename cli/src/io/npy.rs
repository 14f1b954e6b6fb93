//! `.npy`: NumPy's array files, float and integer, either byte order, C and Fortran order.

use std::io::Write;

use anyhow::{Result, anyhow, bail, ensure};
use npyz::{DType, NpyFile, Order, TypeChar, WriterBuilder};
use py_literal::Value;

use crate::desktop::array::{Array, Element, flat};

/// Far more than a header of a plain array needs; NumPy draws the same line.
const LONGEST_HEADER: usize = 10_000;

/// The array in the bytes of an `.npy` file.
///
/// # Errors
/// If they are not one: what was found, what was needed.
pub fn read(bytes: &[u8]) -> Result<Array> {
    let data = check_header(bytes)?;
    let file = NpyFile::new(bytes).map_err(|e| anyhow!("is not a readable .npy file: {e}"))?;
    let shape: Vec<usize> = file.shape().iter().map(|n| *n as usize).collect();
    let DType::Plain(kind) = file.dtype() else {
        bail!("found a structured array, needed plain numbers; save one field of it");
    };
    let size = kind.num_bytes().unwrap_or(0);
    let needed = shape.iter().product::<usize>().checked_mul(size);
    ensure!(
        needed.is_some_and(|needed| needed <= data),
        "the header promises {} values of {size} bytes, the file holds {data} bytes; \
         it is cut off, save it again",
        shape.iter().product::<usize>()
    );
    let fortran = file.order() == Order::Fortran;
    match (kind.type_char(), size) {
        (TypeChar::Float, 8) => values::<f64, f64>(file, &shape, fortran, |v| v),
        (TypeChar::Float, 4) => values::<f32, f32>(file, &shape, fortran, |v| v),
        (TypeChar::Float, 2) => values::<half::f16, f32>(file, &shape, fortran, f32::from),
        (TypeChar::Int, 8) => values::<i64, i64>(file, &shape, fortran, |v| v),
        (TypeChar::Int, 4) => values::<i32, i64>(file, &shape, fortran, i64::from),
        (TypeChar::Int, 2) => values::<i16, i64>(file, &shape, fortran, i64::from),
        (TypeChar::Int, 1) => values::<i8, i64>(file, &shape, fortran, i64::from),
        // Beyond 2^63 the wrapped value is negative and refused as a label.
        (TypeChar::Uint, 8) => values::<u64, i64>(file, &shape, fortran, |v| v as i64),
        (TypeChar::Uint, 4) => values::<u32, i64>(file, &shape, fortran, i64::from),
        (TypeChar::Uint, 2) => values::<u16, i64>(file, &shape, fortran, i64::from),
        (TypeChar::Uint, 1) => values::<u8, i64>(file, &shape, fortran, i64::from),
        (TypeChar::Bool, _) => values::<bool, i64>(file, &shape, fortran, i64::from),
        _ => bail!(
            "found values of type {kind}, needed floats or integers; \
             convert with .astype(numpy.float64)"
        ),
    }
}

/// Holds what the header says against the size of the file, and returns the size of the data.
fn check_header(bytes: &[u8]) -> Result<usize> {
    ensure!(
        bytes.starts_with(b"\x93NUMPY"),
        "does not start as an .npy file does; write it with numpy.save"
    );
    let (start, length) = match bytes {
        [_, _, _, _, _, _, 1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([*a, *b]))),
        [_, _, _, _, _, _, _, _, a, b, c, d, ..] => {
            (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize)
        }
        _ => bail!("the file ends within its header; save it again"),
    };
    ensure!(
        length <= LONGEST_HEADER,
        "the header is to be {length} bytes long, more than any plain array needs"
    );
    let header = bytes
        .get(start..start + length)
        .ok_or_else(|| anyhow!("the file ends within its header; save it again"))?;
    ensure!(
        header.iter().filter(|b| matches!(b, b'(' | b'[' | b'{')).count() <= 64,
        "the header is nested more deeply than any plain array needs"
    );
    let header = str::from_utf8(header).map_err(|_| anyhow!("the header is not text"))?;
    let shape = header
        .trim_end()
        .parse::<Value>()
        .ok()
        .and_then(|value| match value {
            Value::Dict(entries) => entries
                .into_iter()
                .find(|(key, _)| matches!(key, Value::String(key) if key == "shape")),
            _ => None,
        })
        .and_then(|(_, shape)| match shape {
            Value::Tuple(sizes) | Value::List(sizes) => Some(sizes),
            _ => None,
        })
        .ok_or_else(|| anyhow!("the header does not say the shape; save it again"))?;
    // As npyz multiplies them: zeros must not hide an overflow of the strides.
    let mut product = Some(1_usize);
    for size in &shape {
        let size = match size {
            Value::Integer(n) => usize::try_from(n.clone()).ok(),
            _ => None,
        };
        product = product.zip(size).and_then(|(p, n)| p.checked_mul(n.max(1)));
    }
    ensure!(
        product.is_some_and(|p| p <= isize::MAX as usize / 16),
        "the shape in the header is no possible array: {}",
        header.trim_end()
    );
    Ok(bytes.len() - start - length)
}

/// The array of these values.
fn values<F: npyz::Deserialize, E: Element + Default>(
    file: NpyFile<&[u8]>,
    shape: &[usize],
    fortran: bool,
    convert: impl Fn(F) -> E,
) -> Result<Array> {
    let mut reader = file.data::<F>().map_err(|e| anyhow!("{e}"))?;
    let mut next = || {
        let value = reader.next().unwrap_or_else(|| Err(std::io::ErrorKind::UnexpectedEof.into()));
        value.map(&convert).map_err(|e| anyhow!("the values cannot be read: {e}"))
    };
    let count = shape.iter().product();
    if !fortran || shape.len() < 2 {
        return Ok(Array::new(shape, (0..count).map(|_| next()).collect::<Result<_>>()?));
    }
    // In Fortran order the first index runs fastest: step through the row-major strides.
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let mut values = vec![E::default(); count];
    let mut index = vec![0; shape.len()];
    for _ in 0..count {
        let at: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
        values[at] = next()?;
        for (i, n) in index.iter_mut().zip(shape) {
            *i += 1;
            if *i < *n {
                break;
            }
            *i = 0;
        }
    }
    Ok(Array::new(shape, values))
}

/// Writes an array in C order.
///
/// # Errors
/// If the writer fails.
pub fn write(writer: &mut impl Write, array: &Array) -> Result<()> {
    let shape: Vec<u64> = array.shape().iter().map(|n| *n as u64).collect();
    match array {
        Array::F32(v) => write_values(writer, &shape, flat(v)),
        Array::F64(v) => write_values(writer, &shape, flat(v)),
        Array::I64(v) => write_values(writer, &shape, flat(v)),
    }
}

fn write_values<E: npyz::AutoSerialize + Copy>(
    writer: &mut impl Write,
    shape: &[u64],
    values: &[E],
) -> Result<()> {
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(shape).writer(writer).begin_nd()?;
    writer.extend(values.iter().copied())?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let arrays = [
            Array::new(&[2, 3], vec![1.5_f32, -0.0, 3e-40, f32::MAX, 5.0, 0.1]),
            Array::new(&[3], vec![0.1_f64, 1e-310, -7.25]),
            Array::new(&[], vec![2.0_f64]),
            Array::new(&[2, 1, 2], vec![1_i64, -2, i64::MAX, 4]),
        ];
        for array in arrays {
            let mut bytes = Vec::new();
            write(&mut bytes, &array).unwrap();
            assert_eq!(read(&bytes).unwrap(), array);
            for cut in 0..bytes.len() {
                assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn no_single_byte_makes_it_panic() {
        let mut bytes = Vec::new();
        write(&mut bytes, &Array::new(&[2, 3], vec![1.5_f64; 6])).unwrap();
        for at in 0..bytes.len().min(130) {
            for value in [0, 1, b'(', b')', b'9', b'\'', b',', b'-', 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                // An error or another array: both are an answer.
                let _ = read(&damaged);
            }
        }
    }

    #[test]
    fn fortran_order_is_the_same_array() {
        let shape = [2_u64, 3, 4];
        let mut bytes = Vec::new();
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .order(Order::Fortran)
            .shape(&shape)
            .writer(&mut bytes)
            .begin_nd()
            .unwrap();
        for k in 0..4 {
            for j in 0..3 {
                for i in 0..2 {
                    writer.push(&f64::from(i * 12 + j * 4 + k)).unwrap();
                }
            }
        }
        writer.finish().unwrap();
        let counted: Vec<f64> = (0..24).map(f64::from).collect();
        assert_eq!(read(&bytes).unwrap(), Array::new(&[2, 3, 4], counted));
    }
}
