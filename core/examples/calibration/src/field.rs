//! The story: a gauge leaves the factory, its sensor ages, it notices, learns, loses power in the
//! middle, and goes on.

use crate::fault::Fault;
use crate::flash::Chip;
use crate::gauge::{Gauge, Memory, Prediction};
use crate::report::{Event, Words};
use crate::sensor::{Reading, Sensor};
use nanocurv::Real;
use nanocurv::kfac::Report;
use nanocurv::random::Rng;
use nanocurv::stream::Drift;

/// Readings from one with a reference to the next.
const EVERY: u32 = 8;
/// References on the new sensor, and after the gauge has learnt.
const CALM: u32 = 50;
/// The most references that an alarm may last.
const MOST: u32 = 400;
/// The reference of the alarm after which the power fails.
pub const CUT: u32 = 24;
/// Readings that the gauge is judged by, and never learns from.
const JUDGED: u32 = 256;

/// The sensor in its place, and the time that it has been there.
struct Field {
    sensor: Sensor,
    rng: Rng,
    reading: u32,
}

impl Field {
    fn read(&mut self) -> Reading {
        self.reading += 1;
        self.sensor.read(&mut self.rng)
    }

    /// Readings that the gauge shows the pressure of, up to the next one with a reference.
    fn until_reference(&mut self, gauge: &mut Gauge<'_>) -> Result<Reading, Fault> {
        for _ in 1..EVERY {
            let reading = self.read();
            gauge.predict(reading.inputs)?;
        }
        Ok(self.read())
    }
}

/// The program: what it tells, and by how much the error is less in the end. With `cut` the power
/// fails after so many references of the alarm.
///
/// # Errors
/// [`Fault`]
pub fn run(
    memory: &mut Memory,
    flash: &mut Chip,
    cut: Option<u32>,
    mut tell: impl FnMut(Event<'_>),
) -> Result<f32, Fault> {
    let mut field = Field { sensor: Sensor::NEW, rng: Rng::seed(3), reading: 0 };
    let mut gauge = Gauge::new(memory)?;
    tell(Event::Shipped { error: judge(&mut gauge, &Sensor::NEW)? });
    watch(&mut gauge, &mut field, &mut tell)?;

    field.sensor = Sensor::AGED;
    let before = judge(&mut gauge, &Sensor::AGED)?;
    tell(Event::Aged { error: before });
    let mut since = 0;
    while since < MOST {
        let reading = field.until_reference(&mut gauge)?;
        let (drift, report) = gauge.compare(&reading)?;
        match drift {
            Drift::None => {}
            Drift::Raised => tell(Event::Alarm { reading: field.reading }),
            Drift::Lasts | Drift::Cleared => since += 1,
        }
        if let Some(Report { loss, damping, .. }) = report
            && since.is_multiple_of(8)
        {
            let evidence = gauge.evidence();
            tell(Event::Learnt { references: since, loss, damping, evidence });
        }
        if drift == Drift::Cleared {
            break;
        }
        if cut == Some(since) && drift == Drift::Lasts {
            tell(Event::Saved { bytes: gauge.save(flash)? });
            *memory = Memory::ZERO;
            gauge = Gauge::restore(memory, flash)?;
            tell(Event::Restored { references: since, evidence: gauge.evidence() });
        }
    }
    tell(Event::Calm { reading: field.reading, references: since });
    watch(&mut gauge, &mut field, &mut tell)?;

    let after = judge(&mut gauge, &Sensor::AGED)?;
    let times = before / after;
    tell(Event::Now { before, after, times, samples: gauge.seen() as u32 });
    for words in gauge.theta().chunks(8) {
        tell(Event::Parameters { words: Words(words) });
    }
    Ok(times)
}

/// References that should fit.
fn watch(
    gauge: &mut Gauge<'_>,
    field: &mut Field,
    tell: &mut impl FnMut(Event<'_>),
) -> Result<(), Fault> {
    let mut alarms = 0;
    for reference in 0..CALM {
        let reading = field.until_reference(gauge)?;
        if reference % 10 == 0 {
            let Prediction { mean, deviation } = gauge.predict(reading.inputs)?;
            let Reading { pressure, .. } = reading;
            tell(Event::Compared { reading: field.reading, mean, deviation, pressure });
        }
        alarms += u32::from(gauge.compare(&reading)?.0 == Drift::Raised);
    }
    tell(Event::Watched { references: CALM, alarms });
    Ok(())
}

/// The root of the mean squared error on readings that nothing is learnt from, in bar.
fn judge(gauge: &mut Gauge<'_>, sensor: &Sensor) -> Result<f32, Fault> {
    let mut rng = Rng::seed(1);
    let mut sum = 0.0;
    for _ in 0..JUDGED {
        let Reading { inputs, pressure } = sensor.read(&mut rng);
        let error = pressure - gauge.predict(inputs)?.mean;
        sum += error * error;
    }
    Ok(Real::sqrt(sum / JUDGED as f32))
}
