//! The page and its files, and the form for browsers without scripts.

use crate::support::{Fake, Response, start};

const FORM: [(&str, &str); 1] = [("Content-Type", "multipart/form-data; boundary=xyz")];

fn form(content: &[u8]) -> Vec<u8> {
    let head = b"--xyz\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a.png\"\r\n\r\n";
    [head, content, b"\r\n--xyz--\r\n"].concat()
}

/// Demands a page of this status and gives its text.
fn page(answer: &Response, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    answer.text()
}

#[test]
fn the_page_comes_with_its_files_and_is_not_sent_twice() {
    let server = start(Fake::new('a'), |_| ());
    let index = page(&server.get("/"), 200);
    let folder = index.split("main.js").next().and_then(|text| text.rsplit('"').next()).unwrap();
    assert!(folder.starts_with("assets/"), "relative to the page, which may lie behind a prefix: {folder}");
    let folder = format!("/{folder}");
    for (path, kind, cache) in [
        ("/".to_owned(), "text/html; charset=utf-8", "no-cache"),
        (format!("{folder}page.css"), "text/css; charset=utf-8", "public, max-age=31536000, immutable"),
        (format!("{folder}main.js"), "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        (format!("{folder}icon.svg"), "image/svg+xml", "public, max-age=31536000, immutable"),
    ] {
        let first = server.get(&path);
        assert_eq!((first.status, first.header("content-type")), (200, Some(kind)), "{path}");
        assert_eq!(first.header("cache-control"), Some(cache));
        let again = server.send("GET", &path, &[("If-None-Match", first.header("etag").unwrap())], b"");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), first.header("etag"));
        let other = server.send("GET", &path, &[("If-None-Match", "\"other\"")], b"");
        assert_eq!((other.status, other.body), (200, first.body), "{path}");
        assert_eq!(server.send("HEAD", &path, &[], b"").body, b"");
    }
    let missing = ["none.js", "", "../Cargo.toml", "%2e%2e%2fmain.js"].map(|name| format!("{folder}{name}"));
    for path in missing.iter().map(String::as_str).chain(["/assets/main.js", "/assets/0/main.js"]) {
        server.get(path).problem(404);
    }
}

/// Whatever prefix a proxy takes off: nothing on the page or in its files is asked for from the root.
#[test]
fn no_address_on_the_page_begins_at_the_root() {
    let server = start(Fake::new('a'), |_| ());
    let read = page(&server.send("POST", "/upload", &FORM, &form(b"any")), 200);
    let index = page(&server.get("/"), 200);
    let script = |name: &str| {
        let path = index.split('"').find(|part| part.ends_with(name)).unwrap();
        server.get(&format!("/{path}")).text()
    };
    let scripts = ["main.js", "reader.js", "corrections.js", "server.js"].map(script);
    let from_the_root =
        ["href=\"/", "src=\"/", "action=\"/", "request(\"/", "fetch(\"/", "url(/", "from \"/"];
    for text in scripts.iter().chain([&index, &read]) {
        assert!(from_the_root.iter().all(|root| !text.contains(root)), "{text}");
    }
    assert!(read.contains("href=\"./\""), "{read}");
}

#[test]
fn a_form_is_answered_with_a_page() {
    let server = start(Fake::new('a'), |_| ());
    let read = page(&server.send("POST", "/upload", &FORM, &form(b"any\r\nbytes")), 200);
    assert!(read.contains("12_4") && read.contains("25 % sure"), "{read}");
    let refused = page(&server.send("POST", "/upload", &FORM, &form(b"bad")), 422);
    assert!(refused.contains("no picture"), "{refused}");
    for nothing in [&form(b"")[..], b"", b"--xyz", b"--xyz\r\n\r\n", b"\r\n\r\n\r\n"] {
        let refused = page(&server.send("POST", "/upload", &FORM, nothing), 400);
        assert!(refused.contains("choose a picture"), "{refused}");
    }
}
