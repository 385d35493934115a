//! `info`: a model's architecture and where it came from.

use mnist2x2::Device;
use serde_json::json;

use crate::console::{self, row};
use crate::model::ModelArgs;

/// Options of `info`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Print one line of JSON and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let recognizer = args.model.load(&Device::Cpu)?;
    let parameters = recognizer.model().parameters();
    if args.json {
        let tensors = parameters.specs().map(|spec| json!({ "name": spec.name, "shape": spec.shape }));
        return console::print_json(&json!({
            "model": args.model.origin(),
            "sha256": recognizer.digest(),
            "config": parameters.config(),
            "parameters": parameters.count(),
            "temperature": recognizer.calibration().map(|calibration| calibration.temperature.get()),
            "tensors": tensors.collect::<Vec<_>>(),
        }));
    }
    for (name, value) in args.model.facts(&recognizer) {
        row(&name, value)?;
    }
    console::print(&format!("\n{:44} {:14} {:>8}", "tensor", "shape", "count"))?;
    for spec in parameters.specs() {
        console::print(&format!("{:44} {:14} {:8}", spec.name, format!("{:?}", spec.shape), spec.count()))?;
    }
    Ok(())
}
