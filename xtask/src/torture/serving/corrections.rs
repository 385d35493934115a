//! Corrections that are sent while the server is killed, again and again.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use mnist2x2_corrections::Store;
use serde_json::json;

use super::{Line, Program};
use crate::load::{Client, post};

/// Clients, and what they send and survive in the whole trial.
const CLIENTS: usize = 16;
const POSTS: f64 = 10_000.0;
const KILLS: f64 = 100.0;

/// Each acknowledged correction is there exactly once, however often the server was killed; `share` of the whole trial.
pub(super) fn killed(binary: &Path, share: f64) -> Result<Line> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("store");
    let [posts, kills] = [POSTS, KILLS].map(|count| (count * share).ceil() as usize);
    let mut program = Program::start(binary, &path)?;
    let (address, next) = (Mutex::new(program.address), AtomicUsize::new(0));
    let (sent, done) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
    thread::scope(|scope| -> Result<()> {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = None;
                while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&n| n < posts) {
                    sent.fetch_add(keep(number, &address, &mut client), Ordering::Relaxed);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for kill in 1..=kills {
            // Spread over all posts, at any point of one.
            while done.load(Ordering::Relaxed) < kill * posts / (kills + 1) {
                thread::sleep(Duration::from_micros(700));
            }
            program.kill();
            program = Program::start(binary, &path)?;
            *address.lock().expect("nobody panics with the address") = program.address;
        }
        Ok(())
    })?;
    drop(program);
    let store = Store::open(&path).context("the store cannot be opened any more")?;
    let is_whole = store.check().is_ok();
    let there = (0..posts).filter(|&number| matches!(store.get(&key(number)), Ok(Some(_)))).count();
    let count = store.count()?;
    Ok(Line {
        promise: "an acknowledged correction is there exactly once, whenever the server is killed".into(),
        measured: format!(
            "{posts} acknowledged after {} posts and {kills} kills: {there} there, {count} in all; {}",
            sent.load(Ordering::Relaxed),
            if is_whole { "integrity clean" } else { "DAMAGED" }
        ),
        met: is_whole && there == posts && count == posts as u64,
    })
}

fn key(number: usize) -> String {
    format!("torture-{number}")
}

/// Sends a correction until it is acknowledged; gives how often that was.
fn keep(number: usize, address: &Mutex<SocketAddr>, client: &mut Option<Client>) -> usize {
    let read = json!({ "key": key(number), "model": "a".repeat(64), "read": "1234", "right": "1235",
        "strokes": { "cells": [[[[1, 2], [3, 4]]], [], [], []], "width": 9, "height": 9 } });
    let request = post("/api/corrections", "application/json", read.to_string().as_bytes());
    for tries in 1.. {
        if client.is_none() {
            let address = *address.lock().expect("nobody panics with the address");
            *client = Client::connect(address).ok();
        }
        let answer =
            client.as_mut().and_then(|client| client.send(&request).ok().map(|answer| answer.status));
        match answer {
            Some(200 | 201) => return tries,
            Some(_) => {}
            None => *client = None,
        }
        thread::sleep(Duration::from_millis(5));
    }
    unreachable!("it is tried for ever")
}
