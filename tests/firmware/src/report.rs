//! Rows as JSON lines over semihosting.

use crate::board::{self, Host};
use crate::cases::Task;
use core::fmt::Write;

/// An open row.
pub struct Report {
    host: Host,
}

impl Report {
    pub fn new() -> Option<Self> {
        Some(Self { host: board::host().ok()? })
    }

    fn text(&mut self, text: &str) {
        // What the host does not take shows as a row that the judge cannot read.
        let _ = self.host.write_str(text);
    }

    fn number(&mut self, n: u32) {
        let _ = write!(self.host, "{n}");
    }

    /// The task's name and what it asks for.
    pub fn begin(&mut self, task: &Task) {
        self.text("{\"task\":\"");
        self.text(task.name);
        self.text("\",\"scratch\":");
        self.number((4 * task.scratch) as u32);
    }

    /// The values computed, as the bits of f32.
    pub fn bits(&mut self, values: &[f32]) {
        self.text(",\"bits\":\"");
        for value in values {
            let _ = write!(self.host, "{:08x}", value.to_bits());
        }
        self.text("\"");
    }

    /// Why there is no result.
    pub fn failed(&mut self, why: &str) {
        self.text(",\"error\":\"");
        self.text(why);
        self.text("\"");
    }

    /// The row's figures; one that could not be measured is left out.
    pub fn end(&mut self, instructions: Option<u32>, stack: Option<u32>) {
        for (key, figure) in [(",\"instructions\":", instructions), (",\"stack\":", stack)] {
            if let Some(figure) = figure {
                self.text(key);
                self.number(figure);
            }
        }
        self.text("}\n");
    }
}
