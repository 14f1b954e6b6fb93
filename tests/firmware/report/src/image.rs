//! What an ELF image weighs, and what must not be in it.

use anyhow::{Context, Result};
use object::{Object, ObjectSegment, ObjectSymbol};
use std::path::Path;

/// The bytes of flash: what a loader writes, initial values of data included.
pub fn flash(path: &Path) -> Result<u64> {
    let data = read(path)?;
    let file = object::File::parse(&*data)?;
    Ok(file.segments().map(|s| s.file_range().1).sum())
}

/// The symbols of the allocator and of double-precision arithmetic.
pub fn unwanted(path: &Path) -> Result<Vec<String>> {
    let data = read(path)?;
    let file = object::File::parse(&*data)?;
    let names = file.symbols().filter_map(|s| s.name().ok().map(str::to_owned));
    Ok(names.filter(|name| allocates(name) || double(name)).collect())
}

fn allocates(name: &str) -> bool {
    name.contains("__rust_alloc") || name.contains("__rust_realloc") || name.contains("__rg_alloc")
}

/// The run-time ABI's arithmetic and comparisons in double, and the conversions to and from it.
fn double(name: &str) -> bool {
    name.strip_prefix("__aeabi_").is_some_and(|f| f.starts_with('d') || f.ends_with("2d"))
        || ["__adddf3", "__subdf3", "__muldf3", "__divdf3", "__extendsfdf2", "__truncdfsf2"]
            .contains(&name)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}
