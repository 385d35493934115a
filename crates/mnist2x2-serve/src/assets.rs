//! The files of the drawing page, built into the program.
//!
//! The files are few and small, and need no step between source and browser. Their addresses contain a digest of all of
//! them, so that a browser keeps them for good, and never mixes those of two versions: only the page itself is asked
//! for again, and sent again only if it is another.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// The folder of the page's files, as its sources name it: relative to the page, which so works behind any prefix.
const FOLDER: &str = "\"assets/";
const INDEX: &str = include_str!("../page/index.html");

/// All that the page asks for, by name.
pub(crate) const ASSETS: [Asset; 17] = [
    Asset { name: "page.css", content_type: STYLE, text: include_str!("../page/page.css") },
    Asset { name: "icon.svg", content_type: PICTURE, text: include_str!("../page/icon.svg") },
    Asset { name: "main.js", content_type: SCRIPT, text: include_str!("../page/main.js") },
    Asset { name: "attention.js", content_type: SCRIPT, text: include_str!("../page/attention.js") },
    Asset { name: "boxes.js", content_type: SCRIPT, text: include_str!("../page/boxes.js") },
    Asset { name: "corrections.js", content_type: SCRIPT, text: include_str!("../page/corrections.js") },
    Asset { name: "document.js", content_type: SCRIPT, text: include_str!("../page/document.js") },
    Asset { name: "dom.js", content_type: SCRIPT, text: include_str!("../page/dom.js") },
    Asset { name: "live.js", content_type: SCRIPT, text: include_str!("../page/live.js") },
    Asset { name: "marks.js", content_type: SCRIPT, text: include_str!("../page/marks.js") },
    Asset { name: "pad.js", content_type: SCRIPT, text: include_str!("../page/pad.js") },
    Asset { name: "picture.js", content_type: SCRIPT, text: include_str!("../page/picture.js") },
    Asset { name: "reader.js", content_type: SCRIPT, text: include_str!("../page/reader.js") },
    Asset { name: "result.js", content_type: SCRIPT, text: include_str!("../page/result.js") },
    Asset { name: "samples.js", content_type: SCRIPT, text: include_str!("../page/samples.js") },
    Asset { name: "server.js", content_type: SCRIPT, text: include_str!("../page/server.js") },
    Asset { name: "storage.js", content_type: SCRIPT, text: include_str!("../page/storage.js") },
];

/// A file of the page.
pub(crate) struct Asset {
    pub(crate) name: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) text: &'static str,
}

/// A digest of all files.
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    INDEX.hash(&mut hasher);
    for asset in &ASSETS {
        asset.text.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
});
/// The page, with the addresses of this version's files.
pub(crate) static PAGE: LazyLock<String> = LazyLock::new(|| with_version(INDEX));

/// HTML with the addresses of this version's files.
pub(crate) fn with_version(html: &str) -> String {
    html.replace(FOLDER, &format!("{FOLDER}{}/", *VERSION))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names between `before` and the next `"`.
    fn named(text: &str, before: &str) -> BTreeSet<String> {
        text.split(before).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
    }

    #[test]
    fn the_page_is_whole_and_small() {
        let there: BTreeSet<_> = ASSETS.iter().map(|asset| asset.name.to_owned()).collect();
        assert_eq!(named(INDEX, "\"assets/"), there, "each is loaded at once, none later");
        for script in ASSETS.iter().filter(|asset| asset.content_type == SCRIPT) {
            let wanted = named(script.text, " from \"./");
            assert!(wanted.is_subset(&there), "{} wants {wanted:?}", script.name);
            assert!(script.text.starts_with("// @ts-check\n"), "{} is not checked", script.name);
        }
        let size = INDEX.len() + ASSETS.iter().map(|asset| asset.text.len()).sum::<usize>();
        assert!(size < 100_000, "{size} bytes");
    }

    #[test]
    fn the_page_keeps_the_policy_that_it_is_sent_with() {
        let page = INDEX;
        assert!(!page.contains(" style=") && !page.contains("<style"));
        assert!(!page.contains("<script>") && !page.contains(" onclick="));
        let outside = |text: &str| {
            text.contains("https://") || text.replace("http://www.w3.org", "").contains("http://")
        };
        assert!(!outside(page) && ASSETS.iter().all(|asset| !outside(asset.text)));
    }
}
