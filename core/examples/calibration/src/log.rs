//! defmt over semihosting, without a panic in it. On a board with a probe, take `defmt-rtt`.

use core::cell::UnsafeCell;
use cortex_m_semihosting::hio::{self, HostStream};
use critical_section::RestoreState;

#[defmt::global_logger]
struct Logger;

struct Stream {
    encoder: defmt::Encoder,
    host: Option<HostStream>,
    restore: RestoreState,
}

struct Guarded(UnsafeCell<Stream>);

// SAFETY: defmt reaches the stream between acquire and release only, where no interrupt is.
unsafe impl Sync for Guarded {}

static STREAM: Guarded = Guarded(UnsafeCell::new(Stream {
    encoder: defmt::Encoder::new(),
    host: None,
    restore: RestoreState::invalid(),
}));

/// The stream and where its bytes go.
///
/// # Safety
/// From acquire to release only, and one at a time.
unsafe fn stream() -> (&'static mut Stream, impl FnMut(&[u8])) {
    // SAFETY: the caller's.
    let stream = unsafe { &mut *STREAM.0.get() };
    let mut host = stream.host;
    let write = move |bytes: &[u8]| {
        // What the host does not take is lost; the program goes on.
        let _ = host.as_mut().map(|host| host.write_all(bytes));
    };
    (stream, write)
}

// SAFETY: the critical section lasts from acquire to release.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        // SAFETY: release ends it.
        let restore = unsafe { critical_section::acquire() };
        // SAFETY: interrupts are off.
        unsafe {
            let (stream, _) = stream();
            stream.restore = restore;
            stream.host = stream.host.or_else(|| hio::hstdout().ok());
        }
        // SAFETY: as above; now with the host's stream.
        let (stream, write) = unsafe { stream() };
        stream.encoder.start_frame(write);
    }

    unsafe fn flush() {} // the host has every byte when a write returns

    unsafe fn release() {
        // SAFETY: defmt calls this after acquire.
        let (stream, write) = unsafe { stream() };
        stream.encoder.end_frame(write);
        let restore = stream.restore;
        // SAFETY: acquire began it.
        unsafe { critical_section::release(restore) }
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: defmt calls this between acquire and release.
        let (stream, write) = unsafe { stream() };
        stream.encoder.write(bytes, write);
    }
}
