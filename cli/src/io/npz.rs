//! `.npz`: a zip archive of `.npy` files, stored or deflated.

use std::io::{Cursor, Read, Seek, Write};

use anyhow::{Context, Result, anyhow, bail, ensure};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::npy;
use crate::desktop::Array;

/// Deflate cannot shrink by more than this.
const BEST_RATIO: u64 = 1032;

fn open(bytes: Vec<u8>) -> Result<ZipArchive<Cursor<Vec<u8>>>> {
    ZipArchive::new(Cursor::new(bytes))
        .map_err(|e| anyhow!("is not a readable .npz file ({e}); write it with numpy.savez"))
}

fn names(archive: &ZipArchive<Cursor<Vec<u8>>>) -> Vec<String> {
    let names = archive.file_names().flatten();
    names.map(|n| n.strip_suffix(".npy").unwrap_or(&n).to_owned()).collect()
}

fn member(archive: &mut ZipArchive<Cursor<Vec<u8>>>, name: &str) -> Result<Array> {
    let found = archive.index_for_name(&format!("{name}.npy"));
    let Some(index) = found.or_else(|| archive.index_for_name(name)) else {
        bail!("there is no array '{name}'; the file holds {}", names(archive).join(", "));
    };
    let file = archive.by_index(index)?;
    let size = file.size();
    ensure!(
        size / BEST_RATIO <= file.compressed_size(),
        "array '{name}': {} bytes cannot hold the {size} that the archive promises",
        file.compressed_size()
    );
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes).with_context(|| format!("array '{name}'"))?;
    npy::read(&bytes).with_context(|| format!("array '{name}'"))
}

/// The array `name`, or the only one.
///
/// # Errors
/// If there is none or no such array, or it is not readable.
pub fn read(bytes: Vec<u8>, name: Option<&str>) -> Result<Array> {
    let mut archive = open(bytes)?;
    if let Some(name) = name {
        return member(&mut archive, name);
    }
    match names(&archive).as_slice() {
        [] => bail!("the file holds no array"),
        [only] => member(&mut archive, only),
        several => bail!(
            "the file holds {} arrays ({}); name one as FILE.npz:{}",
            several.len(),
            several.join(", "),
            several[0]
        ),
    }
}

/// All arrays with their names, in the order of the file.
///
/// # Errors
/// If one is not readable.
pub fn read_all(bytes: Vec<u8>) -> Result<Vec<(String, Array)>> {
    read_each(bytes)?.into_iter().map(|(name, array)| Ok((name, array?))).collect()
}

/// As [`read_all`], where an array that is not readable is the error of its place alone.
///
/// # Errors
/// If the bytes are no archive.
pub fn read_each(bytes: Vec<u8>) -> Result<Vec<(String, Result<Array>)>> {
    let mut archive = open(bytes)?;
    let names = names(&archive).into_iter();
    Ok(names
        .map(|name| {
            let array = member(&mut archive, &name);
            (name, array)
        })
        .collect())
}

/// Writes arrays under their names.
///
/// # Errors
/// If the writer fails.
pub fn write<'a>(
    writer: &mut (impl Write + Seek),
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
) -> Result<()> {
    let mut archive = ZipWriter::new(writer);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, array) in arrays {
        let large = array.len() as u64 * 8 > u64::from(u32::MAX) / 2;
        archive.start_file(format!("{name}.npy"), options.large_file(large))?;
        npy::write(&mut archive, array)?;
    }
    archive.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let arrays = [
            ("0.weight", Array::new(&[1, 2], vec![1.0_f32, 2.0])),
            ("total", vec![3.0_f64].into()),
            ("trace", Array::new(&[], vec![4.5])),
        ];
        let mut bytes = Cursor::new(Vec::new());
        write(&mut bytes, arrays.iter().map(|(name, array)| (*name, array))).unwrap();
        let bytes = bytes.into_inner();
        let all = read_all(bytes.clone()).unwrap();
        assert_eq!(
            all.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
            ["0.weight", "total", "trace"]
        );
        assert_eq!(read(bytes.clone(), Some("total")).unwrap(), Array::from(vec![3.0_f64]));
        let error = read(bytes.clone(), Some("x")).unwrap_err().to_string();
        assert!(error.contains("0.weight, total, trace"), "{error}");
        assert!(read(bytes.clone(), None).unwrap_err().to_string().contains("3 arrays"));
        for cut in 0..bytes.len() {
            assert!(read_all(bytes[..cut].to_vec()).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 8, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                // An error or another array, but no panic.
                let _ = read_all(damaged);
            }
        }
    }
}
