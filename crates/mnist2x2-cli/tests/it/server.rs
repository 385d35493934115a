//! The program as a server that runs in a folder of its own.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{env, fs};

use mnist2x2_load::Client;

use crate::support::Bench;

/// A server; it is killed when it is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// Reads what it says, so that it can go on saying it, and gives the last line.
    listener: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts `serve` with `arguments` on a free port.
    pub(crate) fn start(bench: &Bench, arguments: &str) -> Self {
        Self::of(&mut bench.command(&format!("serve --addr 127.0.0.1:0 {arguments}")))
    }

    /// The same, in a shell that has done `limits` before.
    #[cfg(unix)]
    pub(crate) fn start_after(bench: &Bench, limits: &str, arguments: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_mnist2x2");
        let line = format!("{limits}; exec '{program}' serve --addr 127.0.0.1:0 {arguments}");
        Self::of(Command::new("sh").args(["-c", &line]).current_dir(bench.path("")))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = lines.next().unwrap().unwrap();
        let address = said.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{said}"));
        let listener = thread::spawn(|| lines.map_while(Result::ok).last().unwrap_or_default());
        Self { child, address, listener: Some(listener) }
    }

    /// Kills it as a loss of power would.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The last line that it said, once it has ended.
    pub(crate) fn last_words(&mut self) -> String {
        self.listener.take().unwrap().join().unwrap()
    }

    /// Bytes of memory, and files and sockets that are open; 0 where the system does not tell.
    pub(crate) fn held(&self) -> (u64, usize) {
        let folder = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kilobytes = line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        let descriptors = fs::read_dir(format!("{folder}/fd")).map_or(0, Iterator::count);
        (kilobytes.unwrap_or_default() << 10, descriptors)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a request on a connection of its own and gives the status of the answer.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> io::Result<u16> {
    Ok(Client::connect(address)?.send(request)?.status)
}

/// The minutes that `cargo xtask stress` gives its tests together; none in the tests of every day.
pub(crate) fn stress_minutes() -> Option<f64> {
    env::var("MNIST2X2_STRESS_MINUTES").ok().map(|minutes| minutes.parse().unwrap())
}

/// What is promised of a machine that does nothing else. Beside other tests it takes ten times as long, or two seconds.
pub(crate) fn within(promised: Duration) -> Duration {
    if stress_minutes().is_some() { promised } else { (10 * promised).max(Duration::from_secs(2)) }
}
