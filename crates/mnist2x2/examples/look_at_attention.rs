//! Shows which patches of a picture the decoder looks at for each digit that it writes.
//!
//! ```text
//! cargo run -p mnist2x2 --example look_at_attention -- PICTURE
//! ```
#![allow(clippy::print_stdout, reason = "an example is a program")]

use mnist2x2::infer::cross_attention;
use mnist2x2::{Device, ModelInput, Picture, Recognizer};

fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "assets/grid.png".into());
    let recognizer = Recognizer::built_in(&Device::Cpu)?;
    let (model, config) = (recognizer.model(), recognizer.model().config());

    let seen = ModelInput::from_picture(&Picture::open(path.as_ref())?, recognizer.shape());
    let written = recognizer.read_input(&seen)?.digits;
    for (digit, weights) in written.chars().zip(cross_attention(model, &seen.normalized())?) {
        println!("{digit}: where the last block looked, in percent of its attention");
        for row in weights.chunks(config.image_width() / config.patch_width) {
            let percents: Vec<String> = row.iter().map(|weight| format!("{:5.1}", 100.0 * weight)).collect();
            println!("   {}", percents.concat());
        }
    }
    Ok(())
}
