//! Mirrors of a data set, asked one after the other.

use ureq::Agent;

use super::progress::{Observer, Progress};
use crate::error::Error;

/// The mirrors that are still worth asking.
pub(super) struct Mirrors {
    agent: Agent,
    /// Addresses of folders, with a slash at the end.
    urls: Vec<String>,
    /// What came of those that could not be connected to.
    unreachable: Vec<String>,
}

impl Mirrors {
    /// Mirrors at these addresses.
    pub(super) fn new(urls: &[&str], agent: Agent) -> Self {
        let urls = urls.iter().map(|url| format!("{}/", url.trim_end_matches('/'))).collect();
        Self { agent, urls, unreachable: Vec::new() }
    }

    /// What `fetch` gets from the first address that has `file`, whose name ends there in one of `endings`.
    pub(super) fn fetch<T>(
        &mut self,
        file: &'static str,
        endings: &[&str],
        observer: Observer<'_>,
        mut fetch: impl FnMut(&Agent, &str, Observer<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut last = None;
        for mirror in self.urls.clone() {
            for ending in endings {
                let url = format!("{mirror}{file}{ending}");
                let error = match fetch(&self.agent, &url, observer) {
                    // Our own disk fails with every mirror.
                    result @ (Ok(_) | Err(Error::Write { .. })) => return result,
                    Err(error) => error,
                };
                observer(Progress::GaveUp { file, from: &url, error: &error });
                match error {
                    Error::Unreachable { tried } => {
                        self.urls.retain(|url| *url != mirror);
                        self.unreachable.extend(tried);
                        break; // With another ending it is no nearer.
                    }
                    error => last = Some(error),
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::Unreachable { tried: self.unreachable.clone() }))
    }
}
