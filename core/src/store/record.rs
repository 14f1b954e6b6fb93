//! One record as bytes.
//!
//! ```text
//! header   magic  version  tag  layout  sequence  length  checksum of the body  checksum of the header
//! body     the parts' words, one after the other, then 0xff to a multiple of 32 bytes
//! ```
//! Eight little-endian words of 32 bits are the header. Checksums are CRC-32 (ISO-HDLC, that of zip
//! and Ethernet), which sees every single and double bit flip and every burst of up to 32 bits in a
//! record. The layout is the checksum of the parts' kinds and lengths, the tag that of the network.

use super::error::StoreError;
use super::part::{Part, PartMut};
use crate::error::{ScratchError, size};
use crate::network::Layer;

/// The bytes of a record's header.
pub const HEADER: usize = 32;

/// The version of the format.
pub const VERSION: u32 = 1;

/// "ncrv"
const MAGIC: u32 = u32::from_le_bytes(*b"ncrv");

/// What is read or written at once.
pub(super) type Grain = [u8; 32];

/// Bit by bit: no table in flash.
static CRC: crc::Crc<u32, crc::NoTable> = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);

type Digest = crc::Digest<'static, u32, crc::NoTable>;

/// Takes in bytes: the loop over their bits once in an image, for it is unrolled at opt-level 3.
#[inline(never)]
fn absorb(digest: &mut Digest, bytes: &[u8]) {
    digest.update(bytes);
}

/// The checksum of 32-bit units.
fn checksum(units: impl Iterator<Item = u32>) -> u32 {
    let mut digest = CRC.digest();
    units.for_each(|unit| absorb(&mut digest, &unit.to_le_bytes()));
    digest.finalize()
}

/// What a record's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Record {
    /// The network's tag.
    pub tag: u32,
    /// The number of the save, which wraps.
    pub sequence: u32,
    /// The bytes of the body.
    pub length: u32,
    /// The checksum of the parts' kinds and lengths.
    pub layout: u32,
    /// The checksum of the body.
    pub checksum: u32,
}

/// The bytes of a record whose parts have `body` bytes in all.
pub const fn record_len(body: usize) -> usize {
    HEADER.saturating_add(body.div_ceil(HEADER).saturating_mul(HEADER))
}

/// The tag of a network: the checksum of its layers' sizes, biases and activations. Add what else
/// decides whether old numbers may be used: `tag(LAYERS) ^ MY_VERSION`.
pub fn tag(layers: &[Layer]) -> u32 {
    let mut digest = CRC.digest();
    for layer in layers {
        absorb(&mut digest, &size(layer.inputs).to_le_bytes());
        absorb(&mut digest, &size(layer.outputs).to_le_bytes());
        absorb(&mut digest, &[u8::from(layer.bias)]);
        absorb(&mut digest, layer.activation.name().as_bytes());
    }
    digest.finalize()
}

/// Writes a record to the front of `bytes` ([`record_len`]); the number of bytes written.
///
/// # Errors
/// [`StoreError::Scratch`] if there are too few bytes.
pub fn encode(
    tag: u32,
    sequence: u32,
    parts: &[Part<'_>],
    bytes: &mut [u8],
) -> Result<usize, StoreError> {
    let header = Record::of(tag, sequence, parts);
    let needed = record_len(header.length as usize);
    let (grains, _) = bytes.as_chunks_mut::<HEADER>();
    let [first, body @ ..] = grains else {
        return Err(ScratchError::new(needed, bytes.len()).into());
    };
    if HEADER * body.len() < needed - HEADER {
        return Err(ScratchError::new(needed, bytes.len()).into());
    }
    *first = header.to_bytes();
    let mut body = body.iter_mut();
    for_each_grain(parts, |grain| {
        body.by_ref().take(1).for_each(|to| *to = *grain);
        Ok(())
    })?;
    Ok(needed)
}

/// Reads the record at the front of `bytes` into `parts`, which are as they were unless it is whole
/// and fits.
///
/// # Errors
/// [`StoreError`] that says what is wrong with the record.
pub fn decode(bytes: &[u8], tag: u32, parts: &mut [PartMut<'_>]) -> Result<Record, StoreError> {
    let mut read = |offset: usize, to: &mut Grain| {
        let from = bytes.get(offset..).and_then(|rest| rest.first_chunk());
        from.map(|from| *to = *from).ok_or(StoreError::NoRecord)
    };
    let header = whole(&mut read)?;
    header.fits(tag, parts)?;
    fill(parts, &mut read)?;
    Ok(header)
}

/// The header of a record whose header and body have the right checksums. `read`: 32 bytes at a
/// multiple of 32 from the record's front.
pub(super) fn whole(
    read: &mut impl FnMut(usize, &mut Grain) -> Result<(), StoreError>,
) -> Result<Record, StoreError> {
    let mut grain = [0; HEADER];
    read(0, &mut grain)?;
    let header = Record::from_bytes(&grain)?;
    let mut digest = CRC.digest();
    let mut left = header.length as usize;
    let mut offset = HEADER;
    while left > 0 {
        read(offset, &mut grain)?;
        let here = grain.get(..left).unwrap_or(&grain);
        absorb(&mut digest, here);
        left -= here.len();
        offset += HEADER;
    }
    let (needed, found) = (header.checksum, digest.finalize());
    if needed == found { Ok(header) } else { Err(StoreError::Checksum { needed, found }) }
}

/// Reads the parts of a record that is whole and fits.
pub(super) fn fill(
    parts: &mut [PartMut<'_>],
    read: &mut impl FnMut(usize, &mut Grain) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (mut grain, mut offset, mut at, mut done) = ([0; HEADER], HEADER, 8, Ok(()));
    let mut next = || {
        if at == 8 {
            if done.is_ok() {
                done = read(offset, &mut grain);
            }
            offset += HEADER;
            at = 0;
        }
        let unit = grain.as_chunks::<4>().0.get(at).map_or(0, |unit| u32::from_le_bytes(*unit));
        at += 1;
        unit
    };
    parts.iter_mut().for_each(|part| part.fill(&mut next));
    done
}

/// Gives the body's grains to `write`, one after the other.
pub(super) fn for_each_grain(
    parts: &[Part<'_>],
    mut write: impl FnMut(&Grain) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut units = parts.iter().flat_map(|part| part.units());
    loop {
        let (mut grain, mut any) = ([0xff; HEADER], false);
        for (to, unit) in grain.as_chunks_mut::<4>().0.iter_mut().zip(&mut units) {
            *to = unit.to_le_bytes();
            any = true;
        }
        if !any {
            return Ok(());
        }
        write(&grain)?;
    }
}

impl Record {
    /// The header of these parts.
    pub(super) fn of(tag: u32, sequence: u32, parts: &[Part<'_>]) -> Self {
        let bytes = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.bytes()));
        Self {
            tag,
            sequence,
            length: size(bytes),
            layout: checksum(parts.iter().flat_map(Part::shape)),
            checksum: checksum(parts.iter().flat_map(|part| part.units())),
        }
    }

    pub(super) fn to_bytes(self) -> Grain {
        let mut bytes = [0; HEADER];
        let Self { tag, sequence, length, layout, checksum: body } = self;
        let words = [MAGIC, VERSION, tag, layout, sequence, length, body];
        let last = checksum(words.into_iter());
        for (to, word) in
            bytes.as_chunks_mut::<4>().0.iter_mut().zip(words.into_iter().chain([last]))
        {
            *to = word.to_le_bytes();
        }
        bytes
    }

    fn from_bytes(bytes: &Grain) -> Result<Self, StoreError> {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let [magic, version, tag, layout, sequence, length, body, last] = words;
        if magic != MAGIC {
            return Err(StoreError::NoRecord);
        }
        if checksum(words.into_iter().take(7)) != last {
            return Err(StoreError::Header);
        }
        if version != VERSION {
            return Err(StoreError::Version { needed: VERSION, found: version });
        }
        Ok(Self { tag, sequence, length, layout, checksum: body })
    }

    /// `Ok` if the record is of this network and these parts.
    pub(super) fn fits(&self, tag: u32, parts: &[PartMut<'_>]) -> Result<(), StoreError> {
        if self.tag != tag {
            return Err(StoreError::Tag { needed: tag, found: self.tag });
        }
        let layout = checksum(parts.iter().flat_map(|part| part.as_part().shape()));
        let needed = size(parts.iter().map(|part| part.as_part().bytes()).sum());
        if self.layout == layout && self.length == needed {
            Ok(())
        } else {
            Err(StoreError::Layout { needed, found: self.length })
        }
    }

    /// Whether it was saved after the other one, as long as fewer than 2^31 saves are between them.
    pub const fn newer(&self, other: &Self) -> bool {
        self.sequence.wrapping_sub(other.sequence).cast_signed() > 0
    }
}
