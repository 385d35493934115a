//! Another model in the place of the first.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use mnist2x2_serve::{Answer, Error, Input, ModelInfo, Reader};

use crate::support::{Fake, start, start_with};

/// A reader that panics, whatever it is given.
struct Broken(ModelInfo);

impl Reader for Broken {
    fn model(&self) -> &ModelInfo {
        &self.0
    }

    fn read(&self, _: &[Input]) -> Vec<Result<Answer, Error>> {
        panic!("as the test wants")
    }
}

#[test]
fn a_new_model_takes_over_and_no_request_fails_meanwhile() {
    let count = AtomicUsize::new(0);
    let next = move |_: Option<&str>| {
        let digest = if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { 'b' } else { 'a' };
        Ok(Arc::new(Fake::new(digest)) as Arc<dyn Reader>)
    };
    let server = start_with(Fake::new('a'), next, |_| ());
    let done = AtomicBool::new(false);
    let seen = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = server.picture(b"any");
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    seen.lock().unwrap().push(answer.json()["model"].as_str().unwrap().to_owned());
                }
            });
        }
        for expected in ["b", "a", "b"] {
            let answer = server.send("POST", "/api/model/reload", &[], b"");
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.json()["model"]["digest"], expected.repeat(64));
            assert_eq!(server.get("/api/model").json()["digest"], expected.repeat(64));
        }
        done.store(true, Ordering::Relaxed);
    });
    let known = ["a".repeat(64), "b".repeat(64)];
    assert!(seen.lock().unwrap().iter().all(|digest| known.contains(digest)));
}

#[test]
fn a_bad_model_is_refused_and_the_old_one_reads_on() {
    let broken = |_: Option<&str>| Ok(Arc::new(Broken(Fake::new('b').info)) as Arc<dyn Reader>);
    let missing = |_: Option<&str>| Err(Error::Model("runs/next: no such folder".into()));
    let panics = |_: Option<&str>| panic!("as the test wants");
    for server in [
        start_with(Fake::new('a'), broken, |_| ()),
        start_with(Fake::new('a'), missing, |_| ()),
        start_with(Fake::new('a'), panics, |_| ()),
        start(Fake::new('a'), |_| ()),
    ] {
        let detail = server.send("POST", "/api/model/reload", &[], b"").problem(422);
        assert!(detail.contains("the old one reads on"), "{detail}");
        assert_eq!(server.picture(b"any").json()["model"], "a".repeat(64));
    }
}

#[test]
fn a_model_is_loaded_by_its_name_by_those_who_may() {
    let named = |name: Option<&str>| match name {
        None => Ok(Arc::new(Fake::new('a')) as Arc<dyn Reader>),
        Some("next") => Ok(Arc::new(Fake::new('b')) as Arc<dyn Reader>),
        Some(other) => Err(Error::Model(format!("{other}: no such model"))),
    };
    let server = start_with(Fake::new('a'), named, |settings| settings.token = Some("secret".into()));
    let (path, wish) = ("/api/model/reload", br#"{"model": "next"}"#);
    let (json, token) = (("Content-Type", "application/json"), ("Authorization", "Bearer secret"));
    let digest = || server.get("/api/model").json()["digest"].as_str().unwrap()[..1].to_owned();

    for (headers, body, status) in [
        (&[json][..], &wish[..], 401),
        (&[json, token, ("Origin", "http://evil.example")], wish, 403),
        (&[token], wish, 415),
        (&[json, token], br#"{"path": "/etc/passwd"}"#, 400),
        (&[json, token], br#"{"model": 7}"#, 400),
        (&[json, token], br#"["next"]"#, 400),
        (&[json, token], br#"{"model": "../next"}"#, 422),
    ] {
        server.send("POST", path, headers, body).problem(status);
        assert_eq!(digest(), "a", "{status}");
    }
    let answer = server.send("POST", path, &[json, token], wish);
    assert_eq!((answer.status, digest()), (200, "b".into()), "{}", answer.text());
    assert_eq!(server.send("POST", path, &[token], b"").status, 200);
    assert_eq!(digest(), "a", "without a name, the model of the beginning");
}
