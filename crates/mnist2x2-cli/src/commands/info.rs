//! `info`: a model's architecture and where it came from.

use std::process::ExitCode;

use mnist2x2::{Config, Device};

use crate::console;
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
    let c: &Config = parameters.config();
    let lines = [
        format!("model       {}", args.model.origin()),
        format!("sha256      {}", recognizer.digest()),
        format!(
            "picture     {} x {} pixels: {} x {} cells of {} x {}",
            c.image_height(),
            c.image_width(),
            c.rows,
            c.cols,
            c.cell,
            c.cell
        ),
        format!("patches     {}", patches(c)),
        format!("width       {}, {} heads, feed-forward {}", c.width, c.heads, c.feed_forward_width),
        format!("encoder     {} blocks", c.encoder_layers),
        format!(
            "decoder     {} blocks, {} tokens at most, vocabulary {}",
            c.decoder_layers,
            c.max_tokens(),
            c.vocabulary
        ),
        format!("parameters  {} in {} tensors\n", parameters.count(), parameters.specs().count()),
        format!("{:44} {:14} {:>8}", "tensor", "shape", "count"),
    ];
    for line in lines {
        console::print(&line)?;
    }
    for spec in parameters.specs() {
        console::print(&format!("{:44} {:14} {:8}", spec.name, format!("{:?}", spec.shape), spec.count()))?;
    }
    Ok(ExitCode::SUCCESS)
}
