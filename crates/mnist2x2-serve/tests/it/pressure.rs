//! More than the server can take, and its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mnist2x2_serve::{Answer, Error, Input, ModelInfo, Reader};

use crate::support::{Fake, Running, receive, request, start};

const PNG: &[(&str, &str)] = &[("Content-Type", "image/png")];

/// How long a machine that is busy with other tests may take for what needs no time.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Writes one byte every 20 ms until the other end closes, and gives how long that took.
fn drip(mut stream: TcpStream, bytes: &[u8]) -> Duration {
    let begin = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    for byte in bytes.iter().cycle() {
        let closed = match stream.read(&mut [0; 512]) {
            Ok(read) => read == 0,
            Err(error) => {
                !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
            }
        };
        if closed || stream.write_all(&[*byte]).is_err() {
            return begin.elapsed();
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "never cut");
    }
    unreachable!("the bytes never end")
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(10), "never");
        thread::sleep(Duration::from_millis(10));
    }
}

fn answers_at_once(server: &Running) {
    let begin = Instant::now();
    assert_eq!(server.picture(b"any").status, 200);
    assert_eq!(server.get("/healthz").status, 200);
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
}

#[test]
fn slow_headers_and_slow_bodies_are_cut_and_others_do_not_notice() {
    let server = start(Fake::new('a'), |settings| {
        settings.limits.header_timeout = Duration::from_millis(600);
        settings.limits.body_timeout = Duration::from_millis(600);
    });
    thread::scope(|scope| {
        let mut slow = Vec::new();
        for _ in 0..10 {
            slow.push(scope.spawn(|| drip(server.connect(), b"X-Header: x\r\n")));
            slow.push(scope.spawn(|| {
                let mut stream = server.connect();
                let whole = request("POST", "/api/predict", PNG, &[b'x'; 10_000]);
                stream.write_all(&whole[..whole.len() - 9_000]).unwrap();
                drip(stream, b"x")
            }));
        }
        thread::sleep(Duration::from_millis(200));
        answers_at_once(&server);
        for thread in slow {
            let time = thread.join().unwrap();
            assert!(time < Duration::from_secs(6), "cut after {time:?}");
        }
    });
}

#[test]
fn a_connection_on_which_nothing_more_comes_is_closed() {
    let server =
        start(Fake::new('a'), |settings| settings.limits.header_timeout = Duration::from_millis(300));
    let mut stream = server.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let begin = Instant::now();
    assert_eq!(receive(stream).status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(250), "not before its time");
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn who_takes_no_answer_is_cut() {
    let server = start(Fake::new('a'), |settings| settings.limits.write_timeout = Duration::from_millis(300));
    let mut stream = server.connect();
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    // Requests without end, of whose answers none is read: the buffers between fill up, and the server cannot write.
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    let begin = Instant::now();
    loop {
        match stream.write_all(requests.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => break,
            _ => assert!(begin.elapsed() < Duration::from_secs(15), "never cut"),
        }
    }
    answers_at_once(&server);
}

#[test]
fn connections_beyond_the_limit_are_refused_and_not_hung() {
    let server = start(Fake::new('a'), |settings| settings.limits.max_connections = 3);
    let held: Vec<TcpStream> = (0..3).map(|_| server.connect()).collect();
    thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    let refused = receive(server.connect());
    assert!(begin.elapsed() < AT_ONCE);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    drop(held);
    wait_until(|| server.get("/healthz").status == 200);
    assert!(server.metric("shed_total{full=\"connections\"}") >= 1.0);
}

#[test]
fn a_full_queue_sheds_at_once_and_the_server_stays_in_health() {
    let reader = Fake { time: Duration::from_millis(400), ..Fake::new('a') };
    let server = start(reader, |settings| {
        settings.limits.max_queue = 4;
        settings.limits.max_batch = 2;
    });
    let begin = Instant::now();
    thread::scope(|scope| {
        let send = || (server.picture(b"any"), begin.elapsed());
        let sent: Vec<_> = (0..24).map(|_| scope.spawn(send)).collect();
        thread::sleep(Duration::from_millis(100));
        let asked = Instant::now();
        assert_eq!(server.get("/healthz").status, 200);
        assert_eq!(server.get("/readyz").status, 200);
        assert!(asked.elapsed() < AT_ONCE);
        let answers: Vec<_> = sent.into_iter().map(|thread| thread.join().unwrap()).collect();
        let (good, shed): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(answer, _)| answer.status == 200);
        assert!(good.len() >= 4 && shed.len() >= 10, "{} answered", good.len());
        for (answer, time) in &shed {
            answer.problem(503);
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert!(*time < AT_ONCE, "{time:?}");
        }
    });
    answers_at_once(&server);
    assert!(server.metric("shed_total{full=\"queue\"}") >= 10.0);
}

#[test]
fn what_would_wait_too_long_is_refused_at_once_and_what_is_accepted_is_answered_soon() {
    let reader = Fake { time: Duration::from_millis(60), ..Fake::new('a') };
    let server = start(reader, |settings| {
        settings.limits.max_batch = 2;
        (settings.limits.max_wait, settings.limits.min_queue) = (Duration::from_millis(120), 2);
    });
    // It learns how long an input takes.
    for _ in 0..12 {
        assert_eq!(server.picture(b"any").status, 200);
    }
    thread::scope(|scope| {
        let send = || {
            let begin = Instant::now();
            (server.picture(b"any"), begin.elapsed())
        };
        let sent: Vec<_> = (0..40).map(|_| scope.spawn(send)).collect();
        let (good, shed): (Vec<_>, Vec<_>) = sent
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .partition(|(answer, _)| answer.status == 200);
        assert!(good.len() >= 2 && shed.len() >= 10, "{} answered", good.len());
        assert!(good.iter().all(|(_, time)| *time < AT_ONCE + Duration::from_millis(500)), "{good:?}");
        for (answer, time) in &shed {
            answer.problem(503);
            assert!(answer.header("retry-after").is_some() && *time < AT_ONCE, "{time:?}");
        }
    });
    answers_at_once(&server);
}

#[test]
fn bodies_together_take_no_more_than_their_share_of_memory() {
    let server = start(Fake::new('a'), |settings| settings.limits.max_total_body_bytes = 1 << 20);
    let whole = request("POST", "/api/predict", PNG, &vec![b'x'; 700_000]);
    let (most, rest) = whole.split_at(600_000);
    let mut held = server.connect();
    held.write_all(most).unwrap();
    thread::sleep(Duration::from_millis(100));
    server.raw(&whole).problem(503);
    answers_at_once(&server);
    held.write_all(rest).unwrap();
    assert_eq!(receive(held).status, 200);
    assert_eq!(server.raw(&whole).status, 200, "and what was taken is given back");
    assert!(server.metric("shed_total{full=\"bytes\"}") >= 1.0);
}

#[test]
fn what_waits_is_read_in_batches() {
    let reader = Fake { time: Duration::from_millis(100), ..Fake::new('a') };
    let batches = Arc::clone(&reader.batches);
    // A reader this slow is given one input at a time unless others may wait for long.
    let server = start(reader, |settings| {
        (settings.limits.max_batch, settings.limits.max_wait) = (5, Duration::from_secs(10));
    });
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(server.picture(b"any").status, 200));
        }
    });
    let batches = batches.lock().unwrap();
    assert_eq!(batches.iter().sum::<usize>(), 16);
    assert!(batches.len() < 12 && batches.iter().all(|&size| size <= 5), "{batches:?}");
}

#[test]
fn a_panic_costs_its_own_request_alone() {
    let server = start(Fake::new('a'), |_| ());
    thread::scope(|scope| {
        // While the slow one is read, the others gather into one batch.
        let slow = scope.spawn(|| server.picture(b"slow"));
        thread::sleep(Duration::from_millis(100));
        let panics = scope.spawn(|| server.picture(b"panic"));
        let good: Vec<_> = (0..5).map(|_| scope.spawn(|| server.picture(b"any"))).collect();
        panics.join().unwrap().problem(500);
        assert_eq!(slow.join().unwrap().status, 200);
        for thread in good {
            assert_eq!(thread.join().unwrap().status, 200);
        }
    });
    answers_at_once(&server);
    assert!(server.metric("panics_total{in=\"reader\"}") >= 1.0);
}

/// A reader that panics when it is asked what it is, every other time.
struct Moody(Fake, AtomicUsize);

impl Reader for Moody {
    fn model(&self) -> &ModelInfo {
        assert!(self.1.fetch_add(1, Ordering::Relaxed).is_multiple_of(2), "as the test wants");
        self.0.model()
    }

    fn read(&self, batch: &[Input]) -> Vec<Result<Answer, Error>> {
        self.0.read(batch)
    }
}

#[test]
fn a_panic_in_a_handler_or_after_reading_costs_its_own_request_alone() {
    let server = start(Moody(Fake::new('a'), AtomicUsize::new(0)), |_| ());
    for _ in 0..3 {
        assert_eq!(server.get("/api/model").status, 200);
        server.get("/api/model").problem(500);
        assert_eq!(server.picture(b"any").status, 200);
        server.picture(b"any").problem(500);
    }
    let metrics = server.get("/metrics").text();
    for line in ["panics_total{in=\"handler\"} 3", "panics_total{in=\"reader\"} 3"] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[test]
fn a_reader_that_takes_too_long_is_not_waited_for() {
    let reader = Fake { time: Duration::from_millis(500), ..Fake::new('a') };
    let server = start(reader, |settings| settings.limits.answer_timeout = Duration::from_millis(50));
    server.picture(b"any").problem(504);
}

#[test]
fn a_stop_answers_what_was_accepted_and_does_not_wait_for_who_is_stuck() {
    let reader = Fake { time: Duration::from_millis(150), ..Fake::new('a') };
    let batches = Arc::clone(&reader.batches);
    let mut server = start(reader, |settings| {
        settings.limits.drain_timeout = Duration::from_millis(1500);
        settings.limits.max_batch = 2;
    });
    let mut stuck = server.connect();
    stuck.write_all(b"GET /healthz HTTP/1.1\r\nHost: localh").unwrap();
    let idle = server.connect();
    let mut accepted: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
    for stream in &mut accepted {
        stream.write_all(&request("POST", "/api/predict", PNG, b"any")).unwrap();
    }
    let taken = || batches.lock().unwrap().iter().sum::<usize>() as f64;
    wait_until(|| server.metric("queue_depth") + taken() >= 8.0);
    let begin = Instant::now();
    server.stopper.stop();
    for stream in accepted {
        assert_eq!(receive(stream).status, 200);
    }
    assert_eq!(receive(idle).status, 0, "closed without a word");
    assert_eq!(server.join(), 1, "the stuck one was cut");
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    assert!(TcpStream::connect(server.address).is_err(), "and nobody is accepted any more");
}
