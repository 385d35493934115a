//! Shows which patches of a picture the decoder looks at for each digit that it writes.
//!
//! ```text
//! cargo run -p mnist2x2 --features weights --example look_at_attention -- PICTURE
//! ```
#![allow(clippy::print_stdout, reason = "an example is a program")]

use candle_core::Tensor;
use mnist2x2::tokenizer::{START, name};
use mnist2x2::{Device, Picture, Recognizer, greedy};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "assets/grid.png".into());
    let recognizer = Recognizer::built_in(&Device::Cpu)?;
    let (model, config) = (recognizer.model(), recognizer.model().config());
    let (height, width) = (config.image_height(), config.image_width());

    let pixels = Picture::from_bytes(&std::fs::read(&path)?)?.normalised(height, width);
    let image = Tensor::from_vec(pixels, (1, height, width), &Device::Cpu)?; // (1, height, width)
    let written = greedy(model, &image)?.swap_remove(0).tokens;
    let input = [&[START], &written[..written.len() - 1]].concat();

    let tokens = Tensor::from_vec(input, (1, written.len()), &Device::Cpu)?; // (1, T)
    let (_, attention) = model.decode_with_attention(&tokens, &model.encode(&image)?)?;
    let last = attention.last().expect("a decoder has at least one block"); // (1, H, T, N)
    let mean_of_heads = last.mean(1)?.squeeze(0)?.to_vec2::<f32>()?; // (T, N)

    for (token, weights) in written.iter().zip(mean_of_heads) {
        println!("{}: where the last block looked, in percent of its attention", name(*token));
        for row in weights.chunks(config.image_width() / config.patch_width) {
            let percents: Vec<String> = row.iter().map(|weight| format!("{:5.1}", 100.0 * weight)).collect();
            println!("   {}", percents.concat());
        }
    }
    Ok(())
}
