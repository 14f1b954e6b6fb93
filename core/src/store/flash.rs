//! The memory that survives.

use super::error::StoreError;
use crate::error::size;

/// A memory that is erased in pages and written in words: the flash of a microcontroller.
///
/// Everything that is read and written here begins at a multiple of 32 bytes from the first slot
/// and is a multiple of 32 bytes long, so that a word of up to 32 bytes is written once. A slice of
/// bytes is such a memory: battery-backed or ferroelectric RAM, a file's image on the host.
pub trait Flash {
    /// The bytes of a word, a divisor of 32.
    const WRITE: u32;
    /// The bytes of a page.
    const ERASE: u32;

    /// The bytes in all.
    fn capacity(&self) -> u32;

    /// Reads from `offset` on.
    ///
    /// # Errors
    /// [`StoreError::Flash`].
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), StoreError>;

    /// Erases the pages of `from..to`.
    ///
    /// # Errors
    /// [`StoreError::Flash`].
    fn erase(&mut self, from: u32, to: u32) -> Result<(), StoreError>;

    /// Writes to words that are erased.
    ///
    /// # Errors
    /// [`StoreError::Flash`].
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), StoreError>;
}

impl Flash for &mut [u8] {
    const WRITE: u32 = 1;
    const ERASE: u32 = 1;

    fn capacity(&self) -> u32 {
        size(self.len())
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), StoreError> {
        let from = self.iter().skip(offset as usize);
        if from.len() < bytes.len() {
            return Err(StoreError::Flash { what: "read", offset });
        }
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), StoreError> {
        let part = self.get_mut(from as usize..to as usize);
        part.ok_or(StoreError::Flash { what: "erase", offset: from })?.fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), StoreError> {
        let to = self.iter_mut().skip(offset as usize);
        if to.len() < bytes.len() {
            return Err(StoreError::Flash { what: "write", offset });
        }
        to.zip(bytes).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

/// A flash by `embedded-storage`'s traits, as most HALs have it.
#[cfg(feature = "embedded-storage")]
#[derive(Debug)]
pub struct Nor<F>(pub F);

#[cfg(feature = "embedded-storage")]
impl<F: embedded_storage::nor_flash::NorFlash> Flash for Nor<F> {
    const WRITE: u32 = match (size(F::WRITE_SIZE), size(F::READ_SIZE)) {
        // Reads are held to the larger of both.
        (write, read) if read > write => read,
        (write, _) => write,
    };
    const ERASE: u32 = size(F::ERASE_SIZE);

    fn capacity(&self) -> u32 {
        size(self.0.capacity())
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), StoreError> {
        self.0.read(offset, bytes).map_err(|_| StoreError::Flash { what: "read", offset })
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), StoreError> {
        self.0.erase(from, to).map_err(|_| StoreError::Flash { what: "erase", offset: from })
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.write(offset, bytes).map_err(|_| StoreError::Flash { what: "write", offset })
    }
}
