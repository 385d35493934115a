//! Where a data set's files come from.

use std::path::PathBuf;

/// Where the files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The data set's known mirrors ([`MIRRORS`](super::MIRRORS), [`PENDIGITS_MIRRORS`](super::PENDIGITS_MIRRORS)), one
    /// after the other.
    Mirrors,
    /// The address of one folder that holds the files packed as the mirrors have them.
    Url(String),
    /// A folder on this machine, the files packed or unpacked.
    Dir(PathBuf),
}

impl From<&str> for Source {
    /// An address if it begins with `http://` or `https://`, else a folder.
    fn from(text: &str) -> Self {
        let is_url = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
        if is_url { Self::Url(text.into()) } else { Self::Dir(text.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart_by_their_scheme() {
        assert_eq!(
            Source::from("https://example.org/mnist"),
            Source::Url("https://example.org/mnist".into())
        );
        assert_eq!(Source::from("../mnist"), Source::Dir("../mnist".into()));
    }
}
