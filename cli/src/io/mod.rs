//! Files: one module a format, chosen by the extension.
//!
//! Every size in a header is held against the size of the file before anything is allocated, and
//! every error names the file, what was found, what was needed and how to mend it.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};

use ndarray::{Array2, ArrayD};

use crate::desktop::array::{self, Array, Float, Shape};

pub mod checkpoint;
pub mod csv;
pub mod network;
pub mod npy;
pub mod npz;
pub mod posterior;
pub mod rust;
pub mod safetensors;
mod unfinished;

pub use unfinished::remove_unfinished;

/// A file, or a part of one: `FILE`, an array `FILE.npz:NAME`, or columns `FILE.csv:COLUMNS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// The name of an array of an `.npz`, or the columns of a table: header names, numbers from 0
    /// and ranges, `temp,humidity` or `0,2-4`.
    pub part: Option<String>,
}

/// The formats of which a part can be chosen.
const PARTED: [&str; 4] = ["npz", "csv", "tsv", "txt"];

impl FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let splits = PARTED.iter().filter_map(|extension| {
            text.find(&format!(".{extension}:")).map(|at| at + 1 + extension.len())
        });
        Ok(match splits.min().map(|at| text.split_at(at)) {
            Some((path, part)) => Self { path: path.into(), part: Some(part[1..].to_owned()) },
            None => Self { path: text.into(), part: None },
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Some(part) => write!(f, "{}:{part}", self.path.display()),
            None => write!(f, "{}", self.path.display()),
        }
    }
}

/// The extension in lower case.
pub fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// The whole file. The buffer grows with what is really there, whatever a header says.
fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| {
            if file.metadata()?.is_dir() {
                return Err(std::io::ErrorKind::IsADirectory.into());
            }
            file.read_to_end(&mut bytes)
        })
        .map_err(|e| anyhow!("the file cannot be read: {e}"))?;
    Ok(bytes)
}

/// Reads one array from `.npy`, `.npz` or `.csv`.
///
/// # Errors
/// If the file cannot be read, is not what its extension says, or holds several arrays and none
/// is named.
pub fn read_array(source: &Source) -> Result<Array> {
    parse(source, || read_bytes(&source.path)).with_context(|| source.to_string())
}

/// The array in a file whose content is `bytes`.
fn parse(source: &Source, bytes: impl FnOnce() -> Result<Vec<u8>>) -> Result<Array> {
    match extension(&source.path).as_str() {
        "npy" => npy::read(&bytes()?),
        "npz" => npz::read(bytes()?, source.part.as_deref()),
        "csv" | "tsv" | "txt" => csv::read(&bytes()?, source.part.as_deref()),
        "safetensors" => bail!("is a network; data are read from .npy, .npz or .csv"),
        _ => bail!("the extension is none of .npy, .npz and .csv, which data come in"),
    }
}

/// Fails on the first infinite or NaN value, naming its row and column.
///
/// # Errors
/// If there is one.
pub fn require_finite(array: &Array, source: &Source) -> Result<()> {
    let Some(index) = array.first_non_finite() else { return Ok(()) };
    let place = match array.position(index).as_slice() {
        [] => String::new(),
        [row] => format!("row {}: ", row + 1),
        [row, col] => format!("row {}, column {}: ", row + 1, col + 1),
        more => format!("index {}: ", Shape(more)),
    };
    bail!(
        "{source}: {place}found {}, needed a finite number; remove or replace it",
        array.at(index)
    )
}

/// Reads a matrix of finite numbers; a one-dimensional array is a single column.
///
/// # Errors
/// As [`read_array`], or if the array has more than two axes, is empty or holds NaN or infinity.
pub fn read_matrix<T: Float>(source: &Source) -> Result<Array2<T>> {
    matrix(read_array(source)?, source)
}

/// The array that `source` holds as a matrix, as [`read_matrix`].
///
/// # Errors
/// As there.
pub fn matrix<T: Float>(array: Array, source: &Source) -> Result<Array2<T>> {
    let (rows, cols) = match *array.shape() {
        [rows] => (rows, 1),
        [rows, cols] => (rows, cols),
        ref shape => bail!(
            "{source}: found an array of shape {}, needed a matrix; reshape it to rows x columns",
            Shape(shape)
        ),
    };
    if rows == 0 || cols == 0 {
        bail!("{source}: found shape {}, which holds no values", Shape(array.shape()));
    }
    require_finite(&array, source)?;
    let values = array.to_vec::<T>();
    if let Some(at) = values.iter().position(|v| !v.is_finite()) {
        bail!(
            "{source}: row {}, column {}: the number is beyond the range of f32; use --dtype f64",
            at / cols + 1,
            at % cols + 1
        );
    }
    Ok(array::matrix(rows, cols, values))
}

/// Reads a vector of finite numbers, or a matrix with one row or column as one.
///
/// # Errors
/// As [`read_matrix`].
pub fn read_vector<T: Float>(source: &Source) -> Result<Vec<T>> {
    let matrix = read_matrix::<T>(source)?;
    let (rows, cols) = matrix.dim();
    if rows != 1 && cols != 1 {
        bail!("{source}: found a {rows} x {cols} matrix, needed a vector");
    }
    Ok(matrix.into_raw_vec_and_offset().0)
}

/// Reads parameters in flat order: an array with one axis of any kind that [`read_array`] reads, or
/// a `.bin` of little-endian f32, as a board sends them.
///
/// # Errors
/// As [`read_vector`], or if the bytes of a `.bin` are no whole numbers of four.
pub fn read_parameters<T: Float>(source: &Source) -> Result<Vec<T>> {
    if extension(&source.path) != "bin" {
        return read_vector(source);
    }
    let bytes = read_bytes(&source.path).with_context(|| source.to_string())?;
    let (values, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        bail!("{source}: found {} bytes, needed four for each parameter (f32)", bytes.len());
    }
    let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if let Some(at) = values.iter().position(|v| !v.is_finite()) {
        bail!("{source}: parameter {at} is {}, needed a finite number", values[at]);
    }
    Ok(values.into_iter().map(|v| T::of(f64::from(v))).collect())
}

/// Reads a vector or a matrix of finite numbers, with the axes that it has.
///
/// # Errors
/// As [`read_matrix`].
pub fn read_vectors<T: Float>(source: &Source) -> Result<ArrayD<T>> {
    let array = read_array(source)?;
    let shape = array.shape().to_vec();
    let values = matrix::<T>(array, source)?.into_raw_vec_and_offset().0;
    Ok(array::shaped(&shape, values))
}

/// Class labels: integers from 0, in any numeric type.
///
/// # Errors
/// As [`read_array`], or if a value is negative or not an integer.
pub fn labels(array: &Array, source: &Source) -> Result<Vec<usize>> {
    (0..array.len())
        .map(|i| {
            let value = array.at(i);
            if value >= 0.0 && value.fract() == 0.0 && value < 2f64.powi(53) {
                Ok(value as usize)
            } else {
                bail!("{source}: row {}: found {value}, needed a class label (0, 1, 2, ...)", i + 1)
            }
        })
        .collect()
}

/// Fails early if `path` has no extension that results are written to, or no folder to be in.
///
/// # Errors
/// If so.
pub fn check_destination(path: &Path, extensions: &[&str]) -> Result<()> {
    if !extensions.contains(&extension(path).as_str()) {
        bail!(
            "{}: the extension is none of .{}, which can be written",
            path.display(),
            extensions.join(", .")
        );
    }
    let folder = folder(path);
    if !folder.is_dir() {
        bail!("{}: there is no folder {}", path.display(), folder.display());
    }
    Ok(())
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes `path` through a temporary file beside it, renamed when it is complete: an interrupted
/// run leaves either the old file or the new one.
///
/// # Errors
/// If the disk or `content` fails; the temporary file is then gone.
pub fn write_atomically(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<&File>) -> Result<()>,
) -> Result<()> {
    let place = || format!("{}: cannot be written", path.display());
    // Through a link to what it points to; the link stays one.
    let target = resolved(path).with_context(place)?;
    let path = target.as_path();
    let temporary = tempfile::Builder::new()
        .prefix(".nanocurv-")
        .permissions_like_new_file()
        .tempfile_in(folder(path))
        .with_context(place)?;
    let _guard = unfinished::forget_if_interrupted(temporary.path());
    let mut writer = BufWriter::with_capacity(1 << 20, temporary.as_file());
    content(&mut writer).with_context(place)?;
    writer.flush().with_context(place)?;
    drop(writer);
    temporary.persist(path).map_err(|e| e.error).with_context(place)?;
    Ok(())
}

/// Where a chain of symbolic links ends, be there a file or not.
fn resolved(path: &Path) -> Result<PathBuf> {
    /// What Linux follows before it calls a chain a circle.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match std::fs::read_link(&path) {
            // Relative to the folder that the link is in; an absolute target replaces it.
            Ok(target) => path = folder(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    bail!("its symbolic links lead in a circle")
}

/// A new file has the permissions that the umask gives, not the private ones of a temporary.
trait NewFilePermissions {
    fn permissions_like_new_file(&mut self) -> &mut Self;
}

impl NewFilePermissions for tempfile::Builder<'_, '_> {
    #[cfg(unix)]
    fn permissions_like_new_file(&mut self) -> &mut Self {
        use std::os::unix::fs::PermissionsExt;
        self.permissions(std::fs::Permissions::from_mode(0o666))
    }
    #[cfg(not(unix))]
    fn permissions_like_new_file(&mut self) -> &mut Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_link_is_written_through() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("real")).unwrap();
        std::fs::write(at("real/file.csv"), "old").unwrap();
        symlink("real/file.csv", at("first")).unwrap();
        symlink(at("first"), at("second")).unwrap();
        symlink("real/new.csv", at("dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        let write = |name: &str| write_atomically(&at(name), |w| Ok(w.write_all(b"new")?));
        for (link, file) in [("second", "real/file.csv"), ("dangling", "real/new.csv")] {
            write(link).unwrap();
            assert!(at(link).symlink_metadata().unwrap().is_symlink());
            assert_eq!(std::fs::read(at(file)).unwrap(), b"new");
        }
        let error = format!("{:#}", write("circle").unwrap_err());
        assert!(error.contains("circle: cannot be written: its symbolic links"), "{error}");
    }

    #[test]
    fn a_write_that_fails_halfway_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.csv");
        let content = |text: &'static [u8]| {
            move |writer: &mut BufWriter<&File>| -> Result<()> { Ok(writer.write_all(text)?) }
        };
        write_atomically(&path, content(b"old")).unwrap();
        // More than any buffer holds, so that it is on the disk.
        let half = |writer: &mut BufWriter<&File>| writer.write_all(&[b'x'; 1 << 21]);
        let failed = write_atomically(&path, |writer| {
            half(writer)?;
            bail!("no space")
        });
        assert!(format!("{:#}", failed.unwrap_err()).contains("result.csv: cannot be written"));
        let path_of_the_other = path.clone();
        let panicked = std::thread::spawn(move || {
            write_atomically(&path_of_the_other, |writer| {
                half(writer)?;
                panic!("stopped")
            })
        });
        assert!(panicked.join().is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        write_atomically(&path, content(b"new")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }
}
