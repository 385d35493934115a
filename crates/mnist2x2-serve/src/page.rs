//! The page that people draw on: files built into the program, and a reading for browsers without scripts.
//!
//! The files are few and small, and need no step between source and browser. Their addresses contain a digest of all of
//! them, so that a browser keeps them for good, and never mixes those of two versions: only the page itself is asked
//! for again, and sent again only if it is another.

mod upload;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::app::App;

pub(crate) const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// Where the page's files are, in its sources.
const FOLDER: &str = "/assets/";
const INDEX: &str = include_str!("../page/index.html");

/// All that the page asks for, by name.
const ASSETS: [Asset; 15] = [
    Asset { name: "page.css", kind: STYLE, text: include_str!("../page/page.css") },
    Asset { name: "icon.svg", kind: PICTURE, text: include_str!("../page/icon.svg") },
    Asset { name: "main.js", kind: SCRIPT, text: include_str!("../page/main.js") },
    Asset { name: "corrections.js", kind: SCRIPT, text: include_str!("../page/corrections.js") },
    Asset { name: "document.js", kind: SCRIPT, text: include_str!("../page/document.js") },
    Asset { name: "dom.js", kind: SCRIPT, text: include_str!("../page/dom.js") },
    Asset { name: "insight.js", kind: SCRIPT, text: include_str!("../page/insight.js") },
    Asset { name: "live.js", kind: SCRIPT, text: include_str!("../page/live.js") },
    Asset { name: "pad.js", kind: SCRIPT, text: include_str!("../page/pad.js") },
    Asset { name: "picture.js", kind: SCRIPT, text: include_str!("../page/picture.js") },
    Asset { name: "reader.js", kind: SCRIPT, text: include_str!("../page/reader.js") },
    Asset { name: "result.js", kind: SCRIPT, text: include_str!("../page/result.js") },
    Asset { name: "samples.js", kind: SCRIPT, text: include_str!("../page/samples.js") },
    Asset { name: "server.js", kind: SCRIPT, text: include_str!("../page/server.js") },
    Asset { name: "storage.js", kind: SCRIPT, text: include_str!("../page/storage.js") },
];

/// A file of the page.
struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// What the files are known by, all together.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    INDEX.hash(&mut hasher);
    for asset in &ASSETS {
        asset.text.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
});
/// The page, with the addresses of this version's files.
static PAGE: LazyLock<String> = LazyLock::new(|| versioned(INDEX));

fn versioned(html: &str) -> String {
    html.replace(FOLDER, &format!("{FOLDER}{}/", *VERSION))
}

/// The page's paths.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(async |headers: HeaderMap| sent(&headers, HTML, "no-cache", &PAGE)))
        .route("/assets/{version}/{name}", get(asset))
        .route("/upload", post(upload::read))
}

async fn asset(Path((version, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let is_it = |asset: &&Asset| asset.name == name && version == *VERSION;
    let asset = ASSETS.iter().find(is_it);
    let keep = "public, max-age=31536000, immutable";
    let missing = || StatusCode::NOT_FOUND.into_response();
    asset.map_or_else(missing, |asset| sent(&headers, asset.kind, keep, asset.text))
}

/// A text, or word that the one that the browser has is still the same.
fn sent(headers: &HeaderMap, kind: &'static str, cache: &'static str, text: &'static str) -> Response {
    let tag = format!("\"{}\"", *VERSION);
    let known = headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    let is_known = known.contains(&tag);
    let common = [(ETAG, tag), (CACHE_CONTROL, cache.to_owned())];
    if is_known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(CONTENT_TYPE, kind)], text).into_response()
}

/// A page around some HTML.
pub(crate) fn simple(title: &str, body: &str) -> String {
    versioned(&format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>mnist2x2: {title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"icon\" href=\"/assets/icon.svg\" type=\"image/svg+xml\">\
         <link rel=\"stylesheet\" href=\"/assets/page.css\"></head><body><header><h1>{title}</h1></header>\
         <main><div class=\"card plain\">{body}<p><a href=\"/\">Read another picture</a></p></div></main></body></html>"
    ))
}

/// Text as it may stand in HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
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
        assert_eq!(named(INDEX, "\"/assets/"), there, "each is loaded at once, none later");
        for script in ASSETS.iter().filter(|asset| asset.kind == SCRIPT) {
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
