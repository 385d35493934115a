//! The program, started with a store of corrections; killed when it is dropped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{load, workspace};

/// A server that runs.
pub(super) struct Program {
    child: Child,
    /// Reads what it says, to the end, and gives the last line.
    listener: Option<JoinHandle<String>>,
    pub(super) address: SocketAddr,
}

/// Builds the program and gives its path.
pub(super) fn build() -> Result<PathBuf> {
    let status = Command::new(workspace::cargo())
        .args(["build", "--workspace", "--bin", "mnist2x2"])
        .current_dir(workspace::root())
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("the program does not build");
    }
    let target = std::env::current_exe().context("this program has no path")?;
    Ok(target.with_file_name(format!("mnist2x2{}", std::env::consts::EXE_SUFFIX)))
}

impl Program {
    /// Starts it on a free port, with corrections in `store`.
    pub(super) fn start(binary: &Path, store: &Path) -> Result<Self> {
        let mut child = Command::new(binary)
            .args(["serve", "--addr", "127.0.0.1:0", "--store"])
            .arg(store)
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut line = String::new();
        let stderr = child.stderr.take().context("standard error is piped")?;
        let mut lines = BufReader::new(stderr);
        lines.read_line(&mut line)?;
        // What else it says must not fill the pipe.
        let last = move || lines.lines().map_while(Result::ok).last().unwrap_or_default();
        let listener = Some(thread::spawn(last));
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let address = load::address(url.with_context(|| format!("the program says: {line}"))?)?;
        Ok(Self { child, listener, address })
    }

    /// Kills it as a loss of power would.
    pub(super) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop, and waits so long at most; gives how it ended and when.
    pub(super) fn stop(&mut self, patience: Duration) -> Result<(Option<ExitStatus>, Duration)> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let begin = Instant::now();
        while begin.elapsed() < patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok((Some(status), begin.elapsed()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok((None, begin.elapsed()))
    }

    /// The last line that it said, once it has ended.
    pub(super) fn last_words(&mut self) -> String {
        self.listener.take().and_then(|listener| listener.join().ok()).unwrap_or_default()
    }

    /// Bytes of memory that it takes; 0 where the system does not tell.
    pub(super) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kilobytes = line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        kilobytes.unwrap_or_default() << 10
    }

    /// Files and sockets that it has open; 0 where the system does not tell.
    pub(super) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).map_or(0, Iterator::count)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
