//! What arrives sample by sample, and what survives a power cut.

use super::Agreement::Exact;
use super::Input::{Given, Values};
use super::setup::Sensor;
use super::{Input, Memory, Task, task};
use core::hint::black_box;
use nanocurv::network::Network;
use nanocurv::random::Rng;
use nanocurv::store::{Flash, Part, PartMut, Slots, StoreError, record_len, tag};
use nanocurv::stream::{Monitor, Replay, Standardizer, standardizer_len};

/// The samples of the replay memory.
const HELD: usize = 16;

/// A weight of four samples, means and variances; a sample.
const MOMENTS: &[Input] = &[Given(&[4.0, 0.5, -0.25, 1.0, 0.0, 1.0, 4.0, 0.25, 2.0]), Values(4)];
/// Parameters and what else is saved.
const LEARNED: &[Input] = &[Values(Sensor::PARAMS)];
/// The body: parameters and two words of 64 bits.
const BODY: usize = 4 * Sensor::PARAMS + 16;
const SLOT: usize = record_len(BODY);

/// The rows of this family. A save is that of the parameters of 4-8-8-1 and the state of a random
/// number generator, to empty slots in a memory as fast as RAM.
pub const TASKS: [Task; 7] = [
    task("stream standardizer update 4", MOMENTS, 0, update, Exact),
    task("stream standardize 4", MOMENTS, 0, standardize, Exact),
    task("stream fold 4-8-8-1", FOLD, 0, fold, Exact),
    task("stream replay 16 of 4 and 1", &[Values(5), Values(5 * HELD)], 0, replay, Exact),
    task("stream monitor", &[Given(&[0.5, 2.0, 8.0, 30.0])], 0, monitor, Exact),
    task("store save 4-8-8-1", LEARNED, 0, save, Exact),
    task("store save and restore 4-8-8-1", LEARNED, 0, restore, Exact),
];

const FOLD: &[Input] =
    &[Given(&[4.0, 0.5, -0.25, 1.0, 0.0, 1.0, 4.0, 0.25, 2.0]), Values(Sensor::PARAMS)];

#[inline(never)]
fn update(memory: &mut Memory) -> Option<&[f32]> {
    let (state, rest) = memory.input.split_at_mut_checked(standardizer_len(4))?;
    Standardizer::resume(4, state).ok()?.update(rest.get(..4)?).ok()?;
    memory.input.get(..standardizer_len(4))
}

#[inline(never)]
fn standardize(memory: &mut Memory) -> Option<&[f32]> {
    let (state, rest) = memory.input.split_at_mut_checked(standardizer_len(4))?;
    Standardizer::resume(4, state).ok()?.standardize(rest.get_mut(..4)?).ok()?;
    memory.input.get(standardizer_len(4)..standardizer_len(4) + 4)
}

#[inline(never)]
fn fold(memory: &mut Memory) -> Option<&[f32]> {
    let (state, rest) = memory.input.split_at_mut_checked(standardizer_len(4))?;
    let theta = rest.get_mut(..Sensor::PARAMS)?;
    Standardizer::resume(4, state).ok()?.fold_inputs(Sensor::LAYERS, theta).ok()?;
    rest.get(..Sensor::PARAMS)
}

/// One sample, with a full memory: the hundredth.
#[inline(never)]
fn replay(memory: &mut Memory) -> Option<&[f32]> {
    let (sample, rest) = memory.input.split_at_mut_checked(5)?;
    let (x, y) = rest.get_mut(..5 * HELD)?.split_at_mut_checked(4 * HELD)?;
    let (from_x, from_y) = sample.split_at_checked(4)?;
    let mut held = Replay::resume(4, 1, x, y, 99).ok()?;
    held.keep_uniform(from_x, from_y, &mut Rng::seed(black_box(4))).ok()?;
    memory.input.get(5..5 + 5 * HELD)
}

/// Four novelties, and the choices made before.
#[inline(never)]
fn monitor(memory: &mut Memory) -> Option<&[f32]> {
    let mut monitor = Monitor::of_novelty(1, 4.0, 1e4).ok()?;
    for (value, to) in memory.input.get(..4)?.iter().zip(&mut memory.output) {
        monitor.update(*value).ok()?;
        *to = monitor.evidence();
    }
    memory.output.get(..4)
}

/// The bits of values as bytes: two slots.
struct Bits<'a>(&'a mut [f32]);

impl Bits<'_> {
    fn words(&mut self, offset: u32, bytes: usize) -> Result<&mut [f32], StoreError> {
        let from = offset as usize / 4;
        let words = self.0.get_mut(from..).and_then(|rest| rest.get_mut(..bytes / 4));
        words.ok_or(StoreError::Flash { what: "hold so much", offset })
    }
}

impl Flash for Bits<'_> {
    const WRITE: u32 = 4;
    const ERASE: u32 = 4;

    fn capacity(&self) -> u32 {
        (4 * self.0.len()) as u32
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), StoreError> {
        let words = self.words(offset, bytes.len())?;
        for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *to = word.to_le_bytes();
        }
        Ok(())
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), StoreError> {
        self.words(from, to.saturating_sub(from) as usize)?.fill(f32::from_bits(u32::MAX));
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), StoreError> {
        let words = self.words(offset, bytes.len())?;
        for (word, from) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = f32::from_le_bytes(*from);
        }
        Ok(())
    }
}

#[inline(never)]
fn save(memory: &mut Memory) -> Option<&[f32]> {
    let theta = memory.input.get(..Sensor::PARAMS)?;
    let flash = memory.output.get_mut(..SLOT / 2)?;
    // A task is run more than once.
    flash.fill(0.0);
    let flash = Bits(flash);
    let mut slots = Slots::new(flash, 0, SLOT as u32, 2).ok()?;
    slots.save(tag(Sensor::LAYERS), &[Part::F32(theta), Part::U64(&[7, 30])]).ok()?;
    // The body of the first slot.
    memory.output.get(8..8 + Sensor::PARAMS)
}

#[inline(never)]
fn restore(memory: &mut Memory) -> Option<&[f32]> {
    save(memory)?;
    let (found, flash) = memory.output.split_at_mut_checked(SLOT / 2)?;
    let theta = flash.get_mut(..Sensor::PARAMS)?;
    let mut rng = [0; 2];
    let mut slots = Slots::new(Bits(found), 0, SLOT as u32, 2).ok()?;
    let mut parts = [PartMut::F32(theta), PartMut::U64(&mut rng)];
    slots.restore(tag(Sensor::LAYERS), &mut parts).ok()?;
    if rng != [7, 30] {
        return None;
    }
    memory.output.get(SLOT / 2..SLOT / 2 + Sensor::PARAMS)
}
