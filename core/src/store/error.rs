//! What can go wrong with a record.

use crate::error::{ScratchError, error_type};
use core::fmt;

error_type! {
    /// A record cannot be written, or what is found is none or another one.
    pub enum StoreError {
        /// The bytes are too few for the record.
        Scratch(ScratchError),
        /// There is no record: erased, or never written to the end.
        NoRecord,
        /// The header's own checksum is wrong.
        Header,
        /// The record is of another version of the format.
        Version {
            /// The version that is read.
            needed: u32,
            /// The record's.
            found: u32,
        },
        /// The record is of another network.
        Tag {
            /// The tag that was asked for.
            needed: u32,
            /// The record's.
            found: u32,
        },
        /// The record's parts have other kinds or lengths.
        Layout {
            /// The bytes of the parts that were asked for.
            needed: u32,
            /// The record's.
            found: u32,
        },
        /// The checksum of the record's body is wrong.
        Checksum {
            /// The one of the header.
            needed: u32,
            /// The body's.
            found: u32,
        },
        /// The record is longer than a slot.
        Slot {
            /// The record's bytes.
            needed: u32,
            /// The slot's.
            found: u32,
        },
        /// The slots do not fit the flash: which of its sizes.
        Geometry {
            /// Which.
            what: &'static str,
        },
        /// The flash refused.
        Flash {
            /// Which operation.
            what: &'static str,
            /// Where.
            offset: u32,
        },
    }
}

impl From<ScratchError> for StoreError {
    #[inline]
    fn from(error: ScratchError) -> Self {
        Self::Scratch(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scratch(e) => e.fmt(f),
            Self::NoRecord => write!(f, "there is no record"),
            Self::Header => write!(f, "the checksum of the record's header is wrong"),
            Self::Version { needed, found } => {
                write!(f, "the record's format: needed version {needed}, found {found}")
            }
            Self::Tag { needed, found } => write!(
                f,
                "the record is of another network: needed tag {needed:#010x}, found {found:#010x}"
            ),
            Self::Layout { needed, found } => write!(
                f,
                "the record has other parts: needed {needed} bytes of them, found {found}"
            ),
            Self::Checksum { needed, found } => {
                write!(f, "the record's checksum: needed {needed:#010x}, found {found:#010x}")
            }
            Self::Slot { needed, found } => {
                write!(f, "the slot: needed {needed} bytes, found {found}")
            }
            Self::Geometry { what } => write!(f, "the slots do not fit the flash: {what}"),
            Self::Flash { what, offset } => write!(f, "the flash refused to {what} at {offset}"),
        }
    }
}
