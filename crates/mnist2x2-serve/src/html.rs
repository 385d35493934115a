//! Plain HTML pages, for browsers without scripts.

use axum::response::Html;

use crate::assets::with_version;

/// A page around some HTML.
pub(crate) fn page(title: &str, body: &str) -> Html<String> {
    let page = with_version(include_str!("../page/plain.html"));
    Html(page.replace("{title}", title).replace("{body}", body))
}

/// Text as it may stand in HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
