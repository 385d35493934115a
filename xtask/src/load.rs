//! Load on a server of drawings, and a line on what came of it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use mnist2x2_load::{Load, pictures, strokes};

/// Whom to load, with what and for how long.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The server, as `mnist2x2 serve` tells its address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7860")]
    server: String,
    /// Connections, each of which sends its next request when it has the answer to the last one.
    #[arg(long, value_name = "N", default_value = "32", value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// How long it lasts.
    #[arg(long, value_name = "S", default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// What is sent: drawings as strokes, or as PNGs of 800 x 800 pixels.
    #[arg(long, value_enum, default_value = "strokes")]
    body: Body,
    /// Requests a second, all connections together [default: as many as are answered].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
}

/// What a request holds.
#[derive(Clone, Copy, ValueEnum)]
enum Body {
    /// The strokes of four digits, as the page sends them.
    Strokes,
    /// A picture of 800 x 800 pixels, drawn with a brush of 15.
    Png,
}

/// Loads the server and prints what came of it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let requests = match arguments.body {
        Body::Strokes => strokes(),
        Body::Png => pictures(),
    };
    let outcome = Load {
        connections: arguments.connections.into(),
        duration: Duration::from_secs(arguments.seconds.into()),
        rate: arguments.rate.map(f64::from),
        ..Load::new(address(&arguments.server)?, &requests)
    }
    .run();
    println!("{outcome}");
    match outcome.errors.first() {
        Some(error) => bail!("{} requests failed, the first with: {error}", outcome.errors.len()),
        None => Ok(()),
    }
}

/// The address in `http://HOST:PORT/`.
fn address(url: &str) -> Result<SocketAddr> {
    let host = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let mut addresses = host.to_socket_addrs().with_context(|| format!("{url} is no http://HOST:PORT"))?;
    addresses.next().with_context(|| format!("{url} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_what_the_server_prints() {
        for text in ["http://127.0.0.1:7860/", "127.0.0.1:7860", "http://127.0.0.1:7860"] {
            assert_eq!(address(text).unwrap(), "127.0.0.1:7860".parse().unwrap());
        }
        assert!(address("nowhere").is_err());
    }
}
