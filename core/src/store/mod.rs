//! Survive a power cut: everything that learns as bytes with a version and a checksum, in flash
//! slots of which the newest valid one wins.
//!
//! ```text
//! save      erase slot k + 1,  write its body,  write its header last,  read it back
//! restore   the slot whose header and body are whole, and whose sequence number is the newest
//! ```
//! The slot that holds the newest record is never touched by a save, and the slot that is written
//! has no valid header before its body is whole: cut anywhere, what is restored is the record
//! before or the new one, never another. Records are [`encode`]d from slices of f32, f64, u32 and
//! u64 ([`Part`]) and [`decode`]d into as many of the same kinds and lengths; no buffer of a
//! record's size is needed, for [`Slots`] streams them through 32 bytes.
//!
//! | what learns | its words |
//! |---|---|
//! | parameters, the state of K-FAC, Adam, SGD | their slice |
//! | [`Progress`](crate::kfac::Progress), [`AdamProgress`](crate::kfac::AdamProgress) | `to_words`, `from_words` |
//! | the last layer's [`Stream`](crate::laplace::Stream), the [`Standardizer`](crate::stream::Standardizer) | their slice |
//! | the [`Monitor`](crate::stream::Monitor) | `state`, `resume` |
//! | the [`Replay`](crate::stream::Replay) memory | its two slices and `seen`, `resume` |
//! | [`Rng`](crate::random::Rng) | `state`, `restore` |
//!
//! ```
//! use nanocurv::store::{Part, PartMut, Slots, tag};
//! use nanocurv::{mlp, network::Network};
//!
//! mlp! { Sensor: 2 => 3 tanh => 1 }
//! let mut memory = [0xff; 2 * 256]; // flash, by the trait `Flash`
//! let mut slots = Slots::new(&mut memory[..], 0, 256, 2)?;
//!
//! let (theta, rng) = ([0.5_f32; Sensor::PARAMS], [7_u64, 30]);
//! slots.save(tag(Sensor::LAYERS), &[Part::F32(&theta), Part::U64(&rng)])?;
//!
//! let (mut found, mut state) = ([0.0; Sensor::PARAMS], [0; 2]);
//! slots.restore(tag(Sensor::LAYERS), &mut [PartMut::F32(&mut found), PartMut::U64(&mut state)])?;
//! assert_eq!((found, state), (theta, rng));
//! # Ok::<(), nanocurv::store::StoreError>(())
//! ```
//!
//! A flash cell that a power cut left between 0 and 1 may read as either from one start to the next:
//! save once after a restore that follows an unexpected reset, and both slots are firm again.
//!
//! What it does not do: hold keys and values, or fill a page with many small records before it is
//! erased; see the crates `sequential-storage` and `ekv` for those. With n slots each save erases
//! one in turn, so that a flash of 10 000 cycles takes 10 000 n saves.

mod error;
mod flash;
mod part;
mod record;
#[cfg(test)]
mod resume_tests;
mod slots;
#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use flash::Flash;
#[cfg(feature = "embedded-storage")]
pub use flash::Nor;
pub use part::{Part, PartMut};
pub use record::{HEADER, Record, VERSION, decode, encode, record_len, tag};
pub use slots::Slots;
