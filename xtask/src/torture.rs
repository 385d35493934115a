//! The promises of the server, tried for as long as one likes: a table of what is promised and what was found.

mod serving;

use anyhow::{Result, bail};
use clap::Args;

/// How long to try.
#[derive(Args)]
pub(crate) struct Arguments {
    /// About how long it takes, on top of building; counts and durations grow with it.
    #[arg(long, value_name = "M", default_value = "20")]
    minutes: f64,
}

/// A promise and what became of it.
pub(crate) struct Line {
    pub(crate) promise: String,
    pub(crate) measured: String,
    pub(crate) met: bool,
}

/// Tries everything and prints the table.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let lines = serving::lines(arguments.minutes)?;
    println!("| promise | measured | met |\n|---|---|---|");
    for Line { promise, measured, met } in &lines {
        println!("| {promise} | {measured} | {} |", if *met { "yes" } else { "NO" });
    }
    let broken = lines.iter().filter(|line| !line.met).count();
    if broken == 0 { Ok(()) } else { bail!("{broken} promises are not kept") }
}
