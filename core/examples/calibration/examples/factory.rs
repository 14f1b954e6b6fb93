//! What the factory measures on new sensors, for `nanocurv train`: `x.csv` (bridge in mV, temperature
//! in degrees C, supply in V) and `y.csv` (pressure in bar) in the folder named.

use calibration::sensor::{Reading, Sensor};
use nanocurv::random::Rng;
use std::fmt::Write as _;
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| ".".into()));
    let (mut x, mut y) = (String::from("bridge,temperature,supply\n"), String::from("pressure\n"));
    let mut rng = Rng::seed(0);
    for _ in 0..256 {
        let Reading { inputs: [bridge, temperature, supply], pressure } =
            Sensor::NEW.read(&mut rng);
        let _ = writeln!(x, "{bridge},{temperature},{supply}");
        let _ = writeln!(y, "{pressure}");
    }
    std::fs::write(folder.join("x.csv"), x)?;
    std::fs::write(folder.join("y.csv"), y)
}
