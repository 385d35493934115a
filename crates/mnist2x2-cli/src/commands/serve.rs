//! `serve`: a page to draw on, and the HTTP API behind it.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
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
    /// Where to listen: an address or a name of this machine, and a port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7860", value_parser = parse_address)]
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
    /// An origin whose pages may use the API, such as `https://digits.example`, or `*` for all; may be given several times
    ///
    /// What the token guards stays closed to other origins while there is no token.
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    allow_origin: Vec<String>,
}

/// The first address of a host and port; one of IPv4 is preferred, because it is what other programs try first.
fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let has_port = text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if !has_port || text.parse::<IpAddr>().is_ok() {
        return Err("has no port; write it after the host, as in localhost:7860 or [::1]:7860".into());
    }
    let found: Vec<SocketAddr> = text.to_socket_addrs().map_err(|error| error.to_string())?.collect();
    let address = found.iter().find(|address| address.is_ipv4()).or(found.first());
    address.copied().ok_or_else(|| "this name has no address".into())
}

/// `*`, or an origin as browsers write it.
fn parse_origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    if text == "*" || !host.is_empty() && !host.contains(['/', ' ', '@', '*']) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("is no origin; write https://HOST or http://HOST:PORT, without a path, or * for all".into())
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let Args { model, models, addr, store, token, host, allow_origin } = args;
    let reader = load(&model)?;
    let mut settings = Settings::default();
    (settings.address, settings.store) = (addr, store);
    (settings.token, settings.hosts, settings.allow_origins) = (token, host, allow_origin);
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
    Ok(Arc::new(RecognizerReader::new(model.load_for_pictures(&Device::Cpu)?, &model.origin())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_name() {
        for (text, expected) in [("127.0.0.1:7952", "127.0.0.1:7952"), ("[::1]:80", "[::1]:80")] {
            assert_eq!(parse_address(text).unwrap(), expected.parse().unwrap());
        }
        let local = parse_address("localhost:7952").unwrap();
        assert!(local.ip().is_loopback() && local.port() == 7952, "{local}");
        for text in ["localhost", "127.0.0.1", "::1", "localhost:", "localhost:99999"] {
            assert!(parse_address(text).unwrap_err().contains("port"), "{text}");
        }
        assert!(parse_address("no such host:1").is_err());
    }

    #[test]
    fn an_origin_has_a_scheme_and_no_path() {
        for text in ["*", "https://digits.example", "http://localhost:3000"] {
            assert_eq!(parse_origin(text).unwrap(), text);
        }
        assert_eq!(parse_origin("https://Digits.Example").unwrap(), "https://digits.example");
        for text in
            ["", "digits.example", "https://", "https://digits.example/", "https://*.example", "ftp://a"]
        {
            assert!(parse_origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_leads_into_the_folder_and_nowhere_else() {
        assert_eq!(named("runs".as_ref(), "mine").unwrap(), Path::new("runs/mine"));
        for name in ["", ".", "..", "../mine", "/etc", "a/b", "mine/", "./mine"] {
            let error = named("runs".as_ref(), name).unwrap_err().to_string();
            assert!(error.contains("is no name of a model"), "{error}");
        }
    }
}
