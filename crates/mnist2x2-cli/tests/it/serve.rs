//! A server that is told to read with another model.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::Bench;

/// A server that runs until it is dropped.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(bench: &Bench, arguments: &str) -> Self {
        let mut child = bench
            .command(&format!("serve --addr 127.0.0.1:0 {arguments}"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let address =
            line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
        // What it says later is read and thrown away, so that it can go on saying it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// The status and the JSON of an answer.
    fn ask(&self, request: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json";
        write!(stream, "{request} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    fn digest(&self) -> String {
        self.ask("GET /api/model", "").1["digest"].as_str().unwrap().into()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_server_with_the_built_in_model_takes_another_by_name_and_refuses_a_bad_one() {
    let bench = Bench::new();
    let train = "train --data-dir mnist --limit 8 --epochs 1 --no-test --set keep=last";
    for name in ["better", "bad"] {
        bench.done(&format!("{train} --out runs/{name}"));
    }
    std::fs::write(bench.path("runs/bad/model.safetensors"), "half of it").unwrap();
    let server = Serving::start(&bench, "");
    let built_in = server.digest();
    let reload = |body: &str| server.ask("POST /api/model/reload", body);

    for (name, why) in
        [("bad", "is no whole safetensors"), ("missing", "missing"), ("../mnist", "is no name of a model")]
    {
        let (status, problem) = reload(&format!("{{\"model\": \"{name}\"}}"));
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
        assert_eq!(server.digest(), built_in);
    }
    let (status, answer) = reload("{\"model\": \"better\"}");
    assert_eq!((status, &answer["before"]), (200, &built_in.as_str().into()), "{answer}");
    let info = bench.done("info --model runs/better").stdout;
    assert!(info.contains(&server.digest()), "{info}");
    assert_eq!(reload("").0, 200);
    assert_eq!(server.digest(), built_in, "without a name, the model that it was started with");
}
