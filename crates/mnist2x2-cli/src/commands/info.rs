//! `info`: a model's architecture and where it came from.

use mnist2x2::Device;

use crate::console::{self, row};
use crate::model::ModelArgs;

/// Options of `info`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let recognizer = args.model.load(&Device::Cpu)?;
    for (name, value) in args.model.facts(&recognizer) {
        row(&name, value)?;
    }
    console::print(&format!("\n{:44} {:14} {:>8}", "tensor", "shape", "count"))?;
    for spec in recognizer.model().parameters().specs() {
        console::print(&format!("{:44} {:14} {:8}", spec.name, format!("{:?}", spec.shape), spec.count()))?;
    }
    Ok(())
}
