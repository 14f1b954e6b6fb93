//! What the program tells, in the same words on the target (defmt) and on the host.

/// Each event with its fields and its line, which both printers understand.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* } $line:literal)*) => {
        /// A line of the log. Pressures are in bar.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Event<'a> {
            $($(#[$doc])* #[allow(missing_docs)] $name { $($field: $type),* },)*
        }

        #[cfg(target_os = "none")]
        impl defmt::Format for Event<'_> {
            fn format(&self, f: defmt::Formatter<'_>) {
                match self {
                    $(Self::$name { $($field),* } => defmt::write!(f, $line, $($field),*),)*
                }
            }
        }

        impl core::fmt::Display for Event<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self {
                    $(Self::$name { $($field),* } => write!(f, $line, $($field),*),)*
                }
            }
        }
    };
}
events! {
    /// As it leaves the factory.
    Shipped { error: f32 }
        "as shipped, on a new sensor: error {} bar"
    /// A reading with a reference, and what was predicted.
    Compared { reading: u32, mean: f32, deviation: f32, pressure: f32 }
        "reading {}: {} bar, standard deviation {}; the reference shows {}"
    /// References on which nothing should have happened.
    Watched { references: u32, alarms: u32 }
        "{} references, {} alarms"
    /// The sensor is not what it was, and nobody says so.
    Aged { error: f32 }
        "the sensor has aged: error {} bar"
    /// The monitor has seen enough.
    Alarm { reading: u32 }
        "reading {}: alarm, learning begins"
    /// A step: its batch's loss before it, the damping after it, the monitor's evidence in percent.
    Learnt { references: u32, loss: f32, damping: f32, evidence: u32 }
        "learning from reference {}: loss {}, damping {}; evidence {} %"
    /// Everything that learns is in flash.
    Saved { bytes: u32 }
        "saved {} bytes; the power fails"
    /// The power is back.
    Restored { references: u32, evidence: u32 }
        "restored at reference {}, evidence {} %: learning goes on"
    /// The alarm ends.
    Calm { reading: u32, references: u32 }
        "reading {}: the alarm ends after {} references"
    /// How it went.
    Now { before: f32, after: f32, times: f32, samples: u32 }
        "on the aged sensor: error {} bar before, {} bar after, {} times less; learnt from {} samples"
    /// A row of the network's parameters.
    Parameters { words: Words<'a> }
        "theta {}"
}

/// Parameters as the hex digits of their little-endian bytes, which `xxd -r -p` makes a file of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Words<'a>(pub &'a [f32]);

impl Words<'_> {
    fn words(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|theta| theta.to_bits().swap_bytes())
    }
}

#[cfg(target_os = "none")]
impl defmt::Format for Words<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        for word in self.words() {
            defmt::write!(f, "{=u32:08x}", word);
        }
    }
}

impl core::fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.words().try_for_each(|word| write!(f, "{word:08x}"))
    }
}
