//! What a record is made of: slices of words, little-endian, 32 bits at a time.

use crate::error::size;

/// A slice to write.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Part<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
    /// Words of 32 bits.
    U32(&'a [u32]),
    /// Words of 64 bits.
    U64(&'a [u64]),
}

/// A slice to read into.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum PartMut<'a> {
    /// Single precision.
    F32(&'a mut [f32]),
    /// Double precision.
    F64(&'a mut [f64]),
    /// Words of 32 bits.
    U32(&'a mut [u32]),
    /// Words of 64 bits.
    U64(&'a mut [u64]),
}

impl<'a> Part<'a> {
    /// The number of bytes.
    pub const fn bytes(&self) -> usize {
        match self {
            Part::F32(v) => 4 * v.len(),
            Part::F64(v) => 8 * v.len(),
            Part::U32(v) => 4 * v.len(),
            Part::U64(v) => 8 * v.len(),
        }
    }

    /// Its kind and length, which the record's layout is the checksum of.
    pub(super) const fn shape(&self) -> [u32; 2] {
        match self {
            Part::F32(v) => [0, size(v.len())],
            Part::F64(v) => [1, size(v.len())],
            Part::U32(v) => [2, size(v.len())],
            Part::U64(v) => [3, size(v.len())],
        }
    }

    /// Its 32-bit units, the lower half of a longer word first.
    pub(super) fn units(self) -> impl Iterator<Item = u32> {
        (0..self.bytes() / 4).map(move |i| {
            let half = |word: u64| (word >> (32 * (i as u32 & 1))) as u32;
            match self {
                Part::F32(v) => v.get(i).map_or(0, |x| x.to_bits()),
                Part::F64(v) => v.get(i / 2).map_or(0, |x| half(x.to_bits())),
                Part::U32(v) => v.get(i).map_or(0, |x| *x),
                Part::U64(v) => v.get(i / 2).map_or(0, |x| half(*x)),
            }
        })
    }
}

impl PartMut<'_> {
    /// The same slice, to be looked at.
    pub const fn as_part(&self) -> Part<'_> {
        match self {
            PartMut::F32(v) => Part::F32(v),
            PartMut::F64(v) => Part::F64(v),
            PartMut::U32(v) => Part::U32(v),
            PartMut::U64(v) => Part::U64(v),
        }
    }

    /// Writes all of its units.
    pub(super) fn fill(&mut self, units: &mut impl FnMut() -> u32) {
        match self {
            PartMut::F32(v) => v.iter_mut().for_each(|x| *x = f32::from_bits(units())),
            PartMut::F64(v) => v.iter_mut().for_each(|x| *x = f64::from_bits(long(units))),
            PartMut::U32(v) => v.iter_mut().for_each(|x| *x = units()),
            PartMut::U64(v) => v.iter_mut().for_each(|x| *x = long(units)),
        }
    }
}

/// Two units.
fn long(units: &mut impl FnMut() -> u32) -> u64 {
    let low = u64::from(units());
    low | u64::from(units()) << 32
}
