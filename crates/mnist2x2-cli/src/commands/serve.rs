//! `serve`: the page to draw on, and the HTTP API behind it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use mnist2x2::Device;
use mnist2x2::serve::{Error, Reader, RecognizerReader, Server, Settings};

use crate::console;
use crate::model::ModelArgs;

/// Options of `serve`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7860")]
    addr: SocketAddr,
    /// The file that corrections are kept in, made if need be [default: none are kept]
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// What export and reload ask for as `Authorization: Bearer TOKEN`; without one they are closed to other machines
    #[arg(long, value_name = "TOKEN", env = "MNIST2X2_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A name by which browsers know this server, as behind a proxy; may be given several times
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { model, addr, store, token, host } = args;
    let reader = load(&model)?;
    let settings = Settings { address: addr, token, hosts: host, store, ..Settings::default() };
    let reload = move || load(&model).map_err(|error| Error::Model(format!("{error:#}")));
    let server = Server::bind(settings, reader, reload, console::log)?;
    let stopper = server.stopper();
    ctrlc::set_handler(move || stopper.stop()).context("cannot listen for interrupts")?;
    console::log(&format!("draw at http://{}/ (Ctrl-C stops it)", server.address()?));
    let cut = server.run()?;
    console::log(&if cut == 0 { "stopped".into() } else { format!("stopped; {cut} connections were cut") });
    Ok(ExitCode::SUCCESS)
}

fn load(model: &ModelArgs) -> anyhow::Result<Arc<dyn Reader>> {
    Ok(Arc::new(RecognizerReader::new(model.load(&Device::Cpu)?, &model.origin())))
}
