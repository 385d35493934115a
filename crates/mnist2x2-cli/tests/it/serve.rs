//! A server that is told to read with another model.

use mnist2x2_load::{Client, get, post};
use serde_json::{Value, json};

use crate::server::Server;
use crate::support::Bench;

/// The status and the JSON of an answer.
fn ask(server: &Server, request: &[u8]) -> (u16, Value) {
    let answer = Client::connect(server.address).unwrap().send(request).unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn digest(server: &Server) -> String {
    ask(server, &get("/api/model")).1["digest"].as_str().unwrap().into()
}

#[test]
fn a_server_with_the_built_in_model_takes_another_by_name_and_refuses_a_bad_one() {
    let bench = Bench::new();
    let train = "train --data-dir mnist --limit 8 --epochs 1 --no-test --set keep=last";
    for name in ["better", "bad"] {
        bench.done(&format!("{train} --out runs/{name}"));
    }
    std::fs::write(bench.path("runs/bad/model.safetensors"), "half of it").unwrap();
    // Its sizes are refused before its tensors are looked at, which are damaged too.
    let sizes = std::fs::read_to_string(bench.path("runs/bad/config.json")).unwrap();
    let mut sizes: Value = serde_json::from_str(&sizes).unwrap();
    sizes["stem"] = json!([{ "channels": 1024, "stride": 1 }]);
    (sizes["rows"], sizes["cols"], sizes["width"]) = (64.into(), 64.into(), 4.into());
    (sizes["patch_height"], sizes["patch_width"]) = (28.into(), 28.into());
    std::fs::create_dir(bench.path("runs/huge")).unwrap();
    std::fs::write(bench.path("runs/huge/config.json"), sizes.to_string()).unwrap();
    std::fs::write(bench.path("runs/huge/model.safetensors"), "half of it").unwrap();
    let server = Server::start(&bench, "");
    let built_in = digest(&server);
    let reload = |body: &str| ask(&server, &post("/api/model/reload", "application/json", body.as_bytes()));

    for (name, why) in [
        ("bad", "is no whole safetensors"),
        ("huge", "`stem` makes "),
        ("missing", "missing"),
        ("../mnist", "is no name of a model"),
    ] {
        let (status, problem) = reload(&format!("{{\"model\": \"{name}\"}}"));
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
        assert_eq!(digest(&server), built_in);
    }
    let (status, answer) = reload("{\"model\": \"better\"}");
    assert_eq!((status, &answer["before"]), (200, &built_in.as_str().into()), "{answer}");
    let info = bench.done("info --model runs/better").stdout;
    assert!(info.contains(&digest(&server)), "{info}");
    assert_eq!(reload("").0, 200);
    assert_eq!(digest(&server), built_in, "without a name, the model that it was started with");
}
