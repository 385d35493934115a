//! Reads the digits of a picture with the shipped model.
//!
//! ```text
//! cargo run -p mnist2x2 --example read_a_picture -- PICTURE
//! ```
#![allow(clippy::print_stdout, reason = "an example is a program")]

use mnist2x2::{Device, Recognizer};

fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "assets/grid.png".into());
    let reading = Recognizer::built_in(&Device::Cpu)?.read_file(path.as_ref())?;
    println!("{path}: {} with probability {:.3}", reading.digits, reading.confidence);
    for (place, cell) in reading.cells.iter().enumerate() {
        println!("  cell {place}: {:?} with probability {:.3}", cell.digit, cell.confidence);
    }
    for other in &reading.alternatives {
        println!("  or {} with probability {:.1e}", other.digits, other.confidence);
    }
    Ok(())
}
