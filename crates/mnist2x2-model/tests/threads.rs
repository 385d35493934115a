//! What training computes, it computes in the threads that it was given: candle's pool, whose threads spin while they wait,
//! stays asleep.
#![cfg(target_os = "linux")]

use std::process::Command;

use candle_core::{DType, Device, Tensor};
use mnist2x2_model::{Config, Parameters, Seq2Seq};

/// Set in the process of its own, where no other test has woken the pool.
const ALONE: &str = "MNIST2X2_TEST_ALONE";

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("Linux lists a process's threads").count()
}

#[test]
fn no_step_of_a_preset_wakes_candles_pool() {
    if std::env::var_os(ALONE).is_some() {
        return steps_alone();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "no_step_of_a_preset_wakes_candles_pool", "--nocapture"]);
    let output = child.env(ALONE, "1").env("CANDLE_NUM_THREADS", "4").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn steps_alone() {
    let before = threads();
    for config in [Config::reference(), Config::fine()] {
        let model = Seq2Seq::new(Parameters::init(&config, 0, &Device::Cpu).unwrap()).unwrap();
        let images = Tensor::ones((8, 56, 56), DType::F32, &Device::Cpu).unwrap();
        let tokens = Tensor::zeros((8, 5), DType::U32, &Device::Cpu).unwrap();
        for _ in 0..2 {
            let gradient =
                model.parameters().gradient(&model.loss(&images, &tokens, &tokens).unwrap()).unwrap();
            model.parameters().set_flat(&gradient).unwrap();
        }
        assert_eq!(threads(), before, "{config:?}");
    }
    // The pool is there, and would have been noticed.
    let large = Tensor::ones(1 << 16, DType::F32, &Device::Cpu).unwrap();
    drop((&large + &large).unwrap());
    assert_eq!(threads(), before + 3);
}
