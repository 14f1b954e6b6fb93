//! The laws of a record and of the slots that hold it.

use super::*;
use crate::mlp;
use crate::network::Network;
use std::vec;
use std::vec::Vec;

mlp! { Net: 2 => 3 tanh => 1 }

const SLOT: usize = 128;
const TAG: u32 = 0x1234_5678;
/// The bytes of a state.
const BODY: usize = 5 * 4 + 3 * 8 + 4 + 2 * 8;

/// A state of every kind, of `k`.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    theta: [f32; 5],
    wide: [f64; 3],
    count: [u32; 1],
    words: [u64; 2],
}

impl State {
    fn of(k: u32) -> Self {
        let x = f64::from(k) + 0.1;
        Self {
            theta: core::array::from_fn(|i| (x * i as f64) as f32),
            wide: [x, -x, 1.0 / x],
            count: [k],
            words: [u64::MAX - u64::from(k), 0x0102_0304_0506_0708],
        }
    }

    fn parts(&self) -> [Part<'_>; 4] {
        [
            Part::F32(&self.theta),
            Part::F64(&self.wide),
            Part::U32(&self.count),
            Part::U64(&self.words),
        ]
    }

    fn parts_mut(&mut self) -> [PartMut<'_>; 4] {
        [
            PartMut::F32(&mut self.theta),
            PartMut::F64(&mut self.wide),
            PartMut::U32(&mut self.count),
            PartMut::U64(&mut self.words),
        ]
    }

    fn encoded(&self) -> Vec<u8> {
        let len = self.parts().iter().map(Part::bytes).sum();
        let mut bytes = vec![0; record_len(len)];
        assert_eq!(encode(TAG, 9, &self.parts(), &mut bytes), Ok(bytes.len()));
        bytes
    }
}

fn decoded(bytes: &[u8]) -> Result<State, StoreError> {
    let mut state = State::default();
    decode(bytes, TAG, &mut state.parts_mut()).map(|_| state)
}

/// Flash that loses power after so many bytes were erased or written: what is being written then
/// is torn, what follows does not happen. It checks that no word is written twice.
struct Torn<'a> {
    bytes: &'a mut [u8],
    power: usize,
    /// What an erase or a write that the power cut leaves in the rest of its bytes.
    rest: Option<u8>,
}

impl Torn<'_> {
    fn change(
        &mut self,
        offset: u32,
        len: usize,
        byte: impl Fn(usize) -> u8,
    ) -> Result<(), StoreError> {
        let part = &mut self.bytes[offset as usize..offset as usize + len];
        let done = len.min(self.power);
        self.power -= done;
        for (i, to) in part.iter_mut().enumerate() {
            *to = if i < done { byte(i) } else { self.rest.unwrap_or(*to) };
        }
        if done == len { Ok(()) } else { Err(StoreError::Flash { what: "go on", offset }) }
    }
}

impl Flash for Torn<'_> {
    const WRITE: u32 = 8;
    const ERASE: u32 = 64;

    fn capacity(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), StoreError> {
        assert!(offset.is_multiple_of(8) && bytes.len().is_multiple_of(8));
        bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), StoreError> {
        assert!(from.is_multiple_of(64) && to.is_multiple_of(64));
        self.change(from, (to - from) as usize, |_| 0xff)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), StoreError> {
        assert!(offset.is_multiple_of(8) && bytes.len().is_multiple_of(8));
        let here = &self.bytes[offset as usize..][..bytes.len()];
        assert!(here.iter().all(|b| *b == 0xff), "written twice");
        self.change(offset, bytes.len(), |i| bytes[i])
    }
}

fn save(bytes: &mut [u8], state: &State) -> Record {
    Slots::new(bytes, 0, SLOT as u32, 2).unwrap().save(TAG, &state.parts()).unwrap()
}

fn restored(bytes: &mut [u8]) -> Result<State, StoreError> {
    let mut state = State::default();
    let slots = Slots::new(bytes, 0, SLOT as u32, 2);
    slots?.restore(TAG, &mut state.parts_mut()).map(|_| state)
}

#[test]
fn what_is_decoded_is_what_was_encoded_bit_for_bit() {
    let mut state = State::of(3);
    state.theta[1] = f32::from_bits(0x7fc0_1234);
    state.wide[0] = -0.0;
    let found = decoded(&state.encoded()).unwrap();
    assert_eq!(found.theta.map(f32::to_bits), state.theta.map(f32::to_bits));
    assert_eq!(found.wide.map(f64::to_bits), state.wide.map(f64::to_bits));
    assert_eq!((found.count, found.words), (state.count, state.words));
}

/// The words were packed and their checksums taken apart, by Python's `struct` and `zlib`.
#[test]
fn the_bytes_are_those_of_the_format() {
    let mut bytes = [0; 64];
    encode(7, 9, &[Part::F32(&[1.5]), Part::U64(&[0x0102_0304_0506_0708])], &mut bytes).unwrap();
    let golden = [
        0x6e, 0x63, 0x72, 0x76, 0x01, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0xbc, 0x67, 0x2d,
        0x41, 0x09, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x81, 0xf5, 0x0c, 0x32, 0xb3, 0x1f,
        0x37, 0x53, 0x00, 0x00, 0xc0, 0x3f, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff,
    ];
    assert_eq!(bytes, golden);
}

#[test]
fn a_network_has_a_tag_of_its_own() {
    mlp! { Wider: 2 => 4 tanh => 1 }
    mlp! { Other: 2 => 3 relu => 1 }
    mlp! { Plain: 2 => 3 tanh => 1, no bias }
    let tags = [Net::LAYERS, Wider::LAYERS, Other::LAYERS, Plain::LAYERS].map(tag);
    assert!((0..4).all(|i| (0..i).all(|j| tags[i] != tags[j])), "{tags:x?}");
}

#[test]
fn a_cut_at_every_byte_of_a_save_leaves_the_old_record_or_the_new_one() {
    let (before, old, new) = (State::of(1), State::of(2), State::of(3));
    let mut start = [0xff; 2 * SLOT];
    save(&mut start, &before);
    save(&mut start, &old);
    let body: usize = new.parts().iter().map(Part::bytes).sum();
    let all = SLOT + record_len(body);
    let (mut olds, mut news) = (0, 0);
    for rest in [None, Some(0xff), Some(0x00), Some(0x5a)] {
        for power in 0..=all {
            let mut bytes = start;
            let torn = Torn { bytes: &mut bytes, power, rest };
            let result = Slots::new(torn, 0, SLOT as u32, 2).unwrap().save(TAG, &new.parts());
            let found = restored(&mut bytes).unwrap();
            assert!(found == old || found == new, "{power} of {all}, {rest:?}: {found:?}");
            assert_eq!(result.is_ok(), power == all);
            assert!(result.is_err() || found == new);
            olds += u32::from(found == old);
            news += u32::from(found == new);
            // What comes after is as if nothing had happened.
            save(&mut bytes, &State::of(4));
            assert_eq!(restored(&mut bytes), Ok(State::of(4)));
        }
    }
    assert!(olds > 4 * SLOT as u32 && news >= 4, "{olds} {news}");
}

#[test]
fn a_cut_of_the_first_save_leaves_no_record() {
    for power in 0..SLOT + 96 {
        let mut bytes = [0x33; 2 * SLOT];
        let torn = Torn { bytes: &mut bytes, power, rest: None };
        let _ = Slots::new(torn, 0, SLOT as u32, 2).unwrap().save(TAG, &State::of(1).parts());
        assert_eq!(restored(&mut bytes), Err(StoreError::NoRecord), "{power}");
    }
}

#[test]
fn every_bit_flip_is_seen_or_harmless() {
    let state = State::of(5);
    let bytes = state.encoded();
    let mut seen = 0;
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match decoded(&flipped) {
            Ok(found) => assert_eq!(found, state, "bit {bit}"),
            Err(_) => seen += 1,
        }
    }
    // All but the padding's.
    assert_eq!(seen, (HEADER + BODY) * 8);
}

#[test]
fn a_record_cut_anywhere_is_none_and_leaves_the_parts_alone() {
    let bytes = State::of(6).encoded();
    for len in 0..bytes.len() {
        let mut state = State::of(7);
        assert!(decode(&bytes[..len], TAG, &mut state.parts_mut()).is_err());
        assert_eq!(state, State::of(7));
        for rest in [0, 0xff] {
            let mut torn = bytes.clone();
            torn[len..].fill(rest);
            let whole = torn == bytes || len >= HEADER + BODY;
            assert_eq!(decoded(&torn).is_ok(), whole, "{len} {rest}");
        }
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let state = State::of(8);
    let bytes = state.encoded();
    let mut other = State::default();
    let wrong = decode(&bytes, 1, &mut other.parts_mut());
    assert_eq!(wrong, Err(StoreError::Tag { needed: 1, found: TAG }));

    // As many bytes of another kind, fewer, and none.
    let mut four = [0_u32; 16];
    for len in [16, 15, 0] {
        let wrong = decode(&bytes, TAG, &mut [PartMut::U32(&mut four[..len])]);
        assert_eq!(wrong, Err(StoreError::Layout { needed: 4 * len as u32, found: 64 }));
    }
    assert_eq!(other, State::default());

    let mut future = bytes.clone();
    future[4] = 2;
    assert_eq!(decoded(&future), Err(StoreError::Header));
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&future[..28]);
    future[28..32].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(decoded(&future), Err(StoreError::Version { needed: VERSION, found: 2 }));

    let mut body = bytes.clone();
    body[40] ^= 1;
    assert!(matches!(decoded(&body), Err(StoreError::Checksum { .. })));
    assert_eq!(decoded(&[0xff; 256]), Err(StoreError::NoRecord));
    assert_eq!(decoded(&[0x00; 256]), Err(StoreError::NoRecord));
    let short = encode(TAG, 0, &state.parts(), &mut vec![0; bytes.len() - 1]);
    assert!(matches!(short, Err(StoreError::Scratch(_))));
}

#[test]
fn slots_take_turns_and_sequence_numbers_wrap() {
    let mut bytes = [0xff; 3 * SLOT];
    let first = State::of(0);
    encode(TAG, u32::MAX - 1, &first.parts(), &mut bytes[SLOT..]).unwrap();
    let mut slots = Slots::new(&mut bytes[..], 0, SLOT as u32, 3).unwrap();
    for (k, (slot, sequence)) in [(2, u32::MAX), (0, 0), (1, 1), (2, 2)].into_iter().enumerate() {
        let saved = slots.save(TAG, &State::of(k as u32).parts()).unwrap();
        assert_eq!(saved.sequence, sequence);
        assert_eq!(slots.newest(), Some((slot, saved)));
        let mut found = State::default();
        slots.restore(TAG, &mut found.parts_mut()).unwrap();
        assert_eq!(found, State::of(k as u32));
    }
}

#[test]
fn a_record_of_another_network_is_named_and_written_over_in_turn() {
    let mut bytes = [0xff; 2 * SLOT];
    save(&mut bytes, &State::of(1));
    let mut slots = Slots::new(&mut bytes[..], 0, SLOT as u32, 2).unwrap();
    let mut found = State::default();
    let wrong = slots.restore(5, &mut found.parts_mut());
    assert_eq!(wrong, Err(StoreError::Tag { needed: 5, found: TAG }));
    let saved = slots.save(5, &State::of(2).parts()).unwrap();
    assert_eq!((saved.tag, saved.sequence), (5, 1));
    slots.restore(5, &mut found.parts_mut()).unwrap();
    assert_eq!(found, State::of(2));
}

#[test]
fn slots_that_do_not_fit_are_refused() {
    let of = |start, slot, count| {
        let torn = Torn { bytes: &mut [0; 512], power: 0, rest: None };
        Slots::new(torn, start, slot, count).map(|_| ()).map_err(|e| std::format!("{e}"))
    };
    assert_eq!(of(0, 256, 2), Ok(()));
    assert_eq!(of(64, 64, 7), Ok(()));
    for (start, slot, count, what) in [
        (0, 256, 1, "two slots"),
        (32, 64, 2, "the start"),
        (0, 96, 2, "size"),
        (0, 0, 2, "size"),
        (64, 256, 2, "end"),
        (0, 1 << 31, 2, "end"),
    ] {
        assert!(of(start, slot, count).unwrap_err().contains(what), "{start} {slot} {count}");
    }
    let mut bytes = [0xff; 128];
    let mut slots = Slots::new(&mut bytes[..], 0, 64, 2).unwrap();
    let long = slots.save(TAG, &State::of(1).parts());
    assert_eq!(long, Err(StoreError::Slot { needed: 96, found: 64 }));
}

#[test]
fn an_empty_record_is_one() {
    let mut bytes = [0; HEADER];
    assert_eq!(encode(TAG, 0, &[], &mut bytes), Ok(HEADER));
    assert_eq!(decode(&bytes, TAG, &mut []).unwrap().length, 0);
}

#[cfg(feature = "embedded-storage")]
#[test]
fn a_flash_by_embedded_storage_holds_slots() {
    use embedded_storage::nor_flash::{
        ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
    };
    struct Chip([u8; 512]);
    impl ErrorType for Chip {
        type Error = NorFlashErrorKind;
    }
    impl ReadNorFlash for Chip {
        const READ_SIZE: usize = 4;
        fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
            check_read(self, offset, bytes.len())?;
            bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]);
            Ok(())
        }
        fn capacity(&self) -> usize {
            512
        }
    }
    impl NorFlash for Chip {
        const WRITE_SIZE: usize = 16;
        const ERASE_SIZE: usize = 256;
        fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
            check_erase(self, from, to)?;
            self.0[from as usize..to as usize].fill(0xff);
            Ok(())
        }
        fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
            check_write(self, offset, bytes.len())?;
            self.0[offset as usize..][..bytes.len()].copy_from_slice(bytes);
            Ok(())
        }
    }
    let mut slots = Slots::new(Nor(Chip([0; 512])), 0, 256, 2).unwrap();
    for k in 0..5 {
        slots.save(TAG, &State::of(k).parts()).unwrap();
        let mut found = State::default();
        slots.restore(TAG, &mut found.parts_mut()).unwrap();
        assert_eq!(found, State::of(k));
    }
    let read = slots.into_flash().read(510, &mut [0; 32]);
    assert_eq!(read, Err(StoreError::Flash { what: "read", offset: 510 }));
}
