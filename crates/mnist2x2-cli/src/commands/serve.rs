//! `serve`: a page to draw on, and the HTTP API behind it.

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use mnist2x2::Device;
use mnist2x2::serve::{Error, Reader, RecognizerReader, Server, Settings};

use crate::console;
use crate::model::ModelArgs;

/// Options of `serve`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// The folder of the models that `POST /api/model/reload` may name, as in `{"model": "NAME"}`
    #[arg(long, value_name = "DIR", default_value = "runs")]
    models: PathBuf,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7860")]
    addr: SocketAddr,
    /// The file to keep corrections in, created if need be [default: none are kept]
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// The token that export and reload require, as `Authorization: Bearer TOKEN`; without one, other machines cannot use them
    #[arg(long, value_name = "TOKEN", env = "MNIST2X2_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A host name that browsers use for this server, such as that of a proxy; may be given several times
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let Args { model, models, addr, store, token, host } = args;
    let reader = load(&model)?;
    let mut settings = Settings::default();
    (settings.address, settings.store) = (addr, store);
    (settings.token, settings.hosts) = (token, host);
    let reload = move |name: Option<&str>| {
        let reader = match name {
            Some(name) => named(&models, name).and_then(|path| load(&ModelArgs::at(path))),
            None => load(&model),
        };
        reader.map_err(|error| Error::Model(format!("{error:#}")))
    };
    let server = Server::bind(settings, reader, reload, console::log)?;
    let stopper = server.stopper();
    ctrlc::set_handler(move || stopper.stop()).context("cannot listen for interrupts")?;
    console::log(&format!("draw at http://{}/ (Ctrl-C stops it)", server.address()));
    let cut = server.run();
    console::log(&if cut == 0 { "stopped".into() } else { format!("stopped; connections cut: {cut}") });
    Ok(())
}

/// The path of this name in the folder `models`; a name never leads out of the folder.
fn named(models: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(only)), None) if only == name => Ok(models.join(only)),
        _ => bail!("{name:?} is no name of a model; name a folder or file in {}", models.display()),
    }
}

fn load(model: &ModelArgs) -> anyhow::Result<Arc<dyn Reader>> {
    Ok(Arc::new(RecognizerReader::new(model.load(&Device::Cpu)?, &model.origin())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_into_the_folder_and_nowhere_else() {
        assert_eq!(named("runs".as_ref(), "mine").unwrap(), Path::new("runs/mine"));
        for name in ["", ".", "..", "../mine", "/etc", "a/b", "mine/", "./mine"] {
            let error = named("runs".as_ref(), name).unwrap_err().to_string();
            assert!(error.contains("is no name of a model"), "{error}");
        }
    }
}
