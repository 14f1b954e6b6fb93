//! Slots in flash: where to write next, and which record counts.
//!
//! ```text
//! newest    of the slots whose record is whole, the one with the largest sequence number mod 2^32
//! next      the slot after it, in a circle
//! ```

use super::error::StoreError;
use super::flash::Flash;
use super::part::{Part, PartMut};
use super::record::{HEADER, Record, fill, for_each_grain, record_len, whole};
use crate::error::size;

/// Two slots or more, one behind the other, in a flash. See the [room](super) for an example.
///
/// A record is streamed: what is needed besides the parts themselves is a buffer of 32 bytes, and
/// each save reads and checks what the slots hold, erases one and writes one.
#[derive(Debug)]
pub struct Slots<F> {
    flash: F,
    start: u32,
    slot: u32,
    count: u32,
}

impl<F: Flash> Slots<F> {
    /// `count` slots of `slot` bytes each, from `start` on.
    ///
    /// # Errors
    /// [`StoreError::Geometry`] unless there are two slots at least, start and size are multiples of
    /// the flash's page and of 32 bytes, its word divides 32, and all slots lie within it.
    pub fn new(flash: F, start: u32, slot: u32, count: u32) -> Result<Self, StoreError> {
        let pages = |bytes: u32| {
            let within = |unit: u32| bytes.checked_rem(unit) == Some(0);
            within(F::ERASE) && within(size(HEADER))
        };
        let end = slot.checked_mul(count).and_then(|all| all.checked_add(start));
        let what = if size(HEADER).checked_rem(F::WRITE) != Some(0) {
            "the flash's words"
        } else if count < 2 {
            "two slots at least"
        } else if !pages(start) {
            "the start"
        } else if !pages(slot) || slot == 0 {
            "a slot's size"
        } else if end.is_none_or(|end| end > flash.capacity()) {
            "the slots' end"
        } else {
            return Ok(Self { flash, start, slot, count });
        };
        Err(StoreError::Geometry { what })
    }

    /// The newest whole record and the index of its slot.
    pub fn newest(&mut self) -> Option<(u32, Record)> {
        let mut newest: Option<(u32, Record)> = None;
        for slot in 0..self.count {
            // A flash with error correction refuses to read a torn word: no record there, either.
            let Ok(record) = self.check(slot) else { continue };
            if newest.is_none_or(|(_, other)| record.newer(&other)) {
                newest = Some((slot, record));
            }
        }
        newest
    }

    /// Writes a record to the slot behind the newest one, and reads it back. A save that a power
    /// cut ends anywhere leaves the newest record as it was, or is complete.
    ///
    /// # Errors
    /// [`StoreError::Slot`] if the record is longer than a slot, [`StoreError::Flash`], or what is
    /// wrong with the record when it is read back. The newest record before is whole then.
    pub fn save(&mut self, tag: u32, parts: &[Part<'_>]) -> Result<Record, StoreError> {
        let (slot, sequence) = match self.newest() {
            Some((slot, record)) => {
                ((slot + 1).checked_rem(self.count).unwrap_or(0), record.sequence.wrapping_add(1))
            }
            None => (0, 0),
        };
        let record = Record::of(tag, sequence, parts);
        let needed = record_len(record.length as usize);
        if needed > self.slot as usize {
            return Err(StoreError::Slot { needed: size(needed), found: self.slot });
        }
        let start = self.offset(slot);
        self.flash.erase(start, start + self.slot)?;
        let mut offset = start;
        for_each_grain(parts, |grain| {
            offset += size(HEADER);
            self.flash.write(offset, grain)
        })?;
        self.flash.write(start, &record.to_bytes())?;
        self.check(slot)
    }

    /// Reads the newest whole record into `parts`.
    ///
    /// # Errors
    /// [`StoreError::NoRecord`] if there is none; [`StoreError::Tag`] or [`StoreError::Layout`] if it
    /// is of another network or of other parts, which are as they were then; [`StoreError::Flash`] if
    /// the flash cannot be read twice, and then they may not be.
    pub fn restore(&mut self, tag: u32, parts: &mut [PartMut<'_>]) -> Result<Record, StoreError> {
        let (slot, record) = self.newest().ok_or(StoreError::NoRecord)?;
        record.fits(tag, parts)?;
        let start = self.offset(slot);
        fill(parts, &mut |offset, to| self.flash.read(start + size(offset), to))?;
        Ok(record)
    }

    /// The flash again.
    pub fn into_flash(self) -> F {
        self.flash
    }

    const fn offset(&self, slot: u32) -> u32 {
        self.start + slot * self.slot
    }

    /// The record of a slot, if it is whole.
    fn check(&mut self, slot: u32) -> Result<Record, StoreError> {
        let (start, len) = (self.offset(slot), self.slot);
        whole(&mut |offset, to| {
            // A length beyond the slot is no record of ours.
            if offset + HEADER > len as usize {
                return Err(StoreError::NoRecord);
            }
            self.flash.read(start + size(offset), to)
        })
    }
}
