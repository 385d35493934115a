//! `info`: a model's architecture and where it came from.

use std::process::ExitCode;

use mnist2x2::Device;

use crate::console::{self, row};
use crate::model::{ModelArgs, patches};

/// Options of `info`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let recognizer = args.model.load(&Device::Cpu)?;
    let parameters = recognizer.model().parameters();
    let c = parameters.config();
    let (height, width, tensors) = (c.image_height(), c.image_width(), parameters.specs().count());
    row("model", args.model.origin())?;
    row("sha256", recognizer.digest())?;
    row("image", format!("{height} x {width} pixels: {} x {} cells of {2} x {2}", c.rows, c.cols, c.cell))?;
    row("patches", patches(c))?;
    row("width", format!("{}, {} heads, feed-forward {}", c.width, c.heads, c.feed_forward_width))?;
    row("encoder", format!("{} blocks", c.encoder_layers))?;
    let (tokens, vocabulary) = (c.max_tokens(), c.vocabulary);
    row("decoder", format!("{} blocks, at most {tokens} tokens, vocabulary {vocabulary}", c.decoder_layers))?;
    row("parameters", format!("{} in {tensors} tensors\n", parameters.count()))?;
    console::print(&format!("{:44} {:14} {:>8}", "tensor", "shape", "count"))?;
    for spec in parameters.specs() {
        console::print(&format!("{:44} {:14} {:8}", spec.name, format!("{:?}", spec.shape), spec.count()))?;
    }
    Ok(ExitCode::SUCCESS)
}
