//! The flash that survives a reset, simulated: words of 8 bytes, pages of 4 kB, a word is written
//! once after its page was erased.
//!
//! On a board this is the HAL's driver: `nanocurv::store::Nor` takes one by `embedded-storage`.

use nanocurv::store::{Flash, StoreError};

/// The bytes of a page, one for each slot of the records.
pub const PAGE: u32 = 4096;

/// The pages.
pub const PAGES: u32 = 2;

/// Two pages of flash.
#[derive(Debug)]
pub struct Chip([u8; (PAGE * PAGES) as usize]);

impl Chip {
    /// Before it was ever written to.
    pub const ERASED: Self = Self([0xff; _]);

    fn part(&mut self, offset: u32, len: usize) -> Option<&mut [u8]> {
        let from = offset as usize;
        self.0.get_mut(from..from.checked_add(len)?)
    }
}

impl Flash for &mut Chip {
    const WRITE: u32 = 8;
    const ERASE: u32 = PAGE;

    fn capacity(&self) -> u32 {
        PAGE * PAGES
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), StoreError> {
        let here = self.part(offset, bytes.len());
        let here = here.ok_or(StoreError::Flash { what: "read", offset })?;
        bytes.iter_mut().zip(here).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), StoreError> {
        let pages = self.part(from, to.saturating_sub(from) as usize);
        pages.ok_or(StoreError::Flash { what: "erase", offset: from })?.fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), StoreError> {
        let here = self.part(offset, bytes.len());
        match here {
            Some(here) if here.iter().all(|byte| *byte == 0xff) => {
                here.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                Ok(())
            }
            _ => Err(StoreError::Flash { what: "write", offset }),
        }
    }
}
