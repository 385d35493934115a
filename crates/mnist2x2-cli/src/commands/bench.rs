//! `bench`: the speed of training and decoding on this machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use mnist2x2::data::mnist::Split;
use mnist2x2::data::{GridSource, Loader, synthetic};
use mnist2x2::train::{BoxError, StepReport, decode};
use mnist2x2::{Config, Device, Observer, Parameters, Recipe, Seq2Seq, Trainer, Workers};
use serde::Serialize;

use crate::console;
use crate::device::ComputeArgs;
use crate::model::grid_shape;

/// The time before the measurement, in which caches fill and clocks rise.
const WARM_UP: Duration = Duration::from_millis(500);
/// Grids that are decoded in a batch.
const DECODE_BATCH: usize = 500;
/// Single grids whose median time is the latency.
const LATENCY_GRIDS: usize = 500;
/// Synthetic digits that the grids are made of.
const DIGITS: usize = 10_000;

/// Options of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to measure
    what: What,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Seconds to measure
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Print one line of JSON and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Training steps of the reference recipe, with loading of data
    Train,
    /// Greedy decoding: in batches, and of a single grid
    Decode,
}

impl What {
    /// What to compare a figure with.
    fn usual(self) -> &'static str {
        match self {
            Self::Train => {
                "servers with two cores of an AMD EPYC trained 4,200 grids/s on one core and 8,200 on two with AVX-512, and \
                 1,400 to 1,800 on one and 2,500 to 3,000 on two with AVX2 alone"
            }
            Self::Decode => {
                "servers with two cores of an AMD EPYC decoded 13,100 grids/s on one core and 25,700 on two with AVX-512, \
                 and a single grid in 0.17 ms; with AVX2 alone 5,800 to 7,700 on one, 10,300 to 13,400 on two, and a single \
                 grid in 0.26 to 0.4 ms"
            }
        }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    grids_per_second: f64,
    batch: usize,
    parameters: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms_p50: Option<f64>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (device, workers) = (args.compute.device.open()?, args.compute.workers()?);
    let time = Duration::from_secs(args.seconds);
    let report = match args.what {
        What::Train => train(&device, &workers, time)?,
        What::Decode => read(&device, &workers, time)?,
    };
    if args.json {
        return console::print_json(&report);
    }
    let Report { grids_per_second, batch, parameters, latency_ms_p50 } = report;
    let threads = workers.count();
    console::print(&format!(
        "{grids_per_second:.0} grids/s in batches of {batch}, {parameters} parameters, {threads} threads"
    ))?;
    if let Some(latency) = latency_ms_p50 {
        console::print(&format!("{latency:.3} ms for a single grid (median, one thread)"))?;
    }
    console::log(args.what.usual());
    Ok(())
}

fn loader(batch: usize) -> anyhow::Result<Loader> {
    let digits = Arc::new(synthetic::digits(Split::Train, DIGITS, 0));
    // More grids than any measurement gets through, so that it is one epoch.
    let source = GridSource::Fresh { grids: u32::MAX as usize };
    Ok(Loader::new(digits, source, grid_shape(&Config::reference()), batch, 0)?)
}

fn train(device: &Device, workers: &Workers, time: Duration) -> anyhow::Result<Report> {
    let recipe = Recipe::reference().on(device);
    let batch = recipe.batch_size;
    let mut trainer = Trainer::from_loader(&Config::reference(), recipe, loader(batch)?, device)?;
    let parameters = trainer.model().parameters().count();
    let mut clock = Clock { start: Instant::now(), warm: None, grids: 0, time };
    trainer.run(workers, &mut clock)?;
    let seconds = clock.warm.map_or(f64::INFINITY, |warm| warm.elapsed().as_secs_f64());
    let grids_per_second = clock.grids as f64 / seconds;
    Ok(Report { grids_per_second, batch, parameters, latency_ms_p50: None })
}

/// Counts grids from the end of the warm-up until the time is over.
struct Clock {
    start: Instant,
    /// The end of the warm-up.
    warm: Option<Instant>,
    grids: usize,
    time: Duration,
}

impl Observer for Clock {
    fn on_step(&mut self, _: &Trainer, report: &StepReport) -> Result<(), BoxError> {
        match self.warm {
            None if self.start.elapsed() >= WARM_UP => self.warm = Some(Instant::now()),
            None => {}
            Some(_) => self.grids += report.grids,
        }
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.warm.is_some_and(|warm| warm.elapsed() >= self.time)
    }
}

fn read(device: &Device, workers: &Workers, time: Duration) -> anyhow::Result<Report> {
    let parameters = Parameters::init(&Config::reference(), 0, device)?;
    let count = parameters.count();
    let model = Seq2Seq::new(parameters.frozen()?)?;
    let many = loader(DECODE_BATCH)?.in_order().batch(0);
    let one = loader(1)?.in_order().batch(0);
    repeat(WARM_UP, 1, || decode(&model, &many, workers))?;
    let rounds = repeat(time, 1, || decode(&model, &many, workers))?;
    let grids_per_second = DECODE_BATCH as f64 * rounds.len() as f64 / rounds.iter().sum::<f64>();
    let single = Workers::new(Some(1))?;
    let mut latencies = repeat(Duration::ZERO, LATENCY_GRIDS, || decode(&model, &one, &single))?;
    latencies.sort_by(f64::total_cmp);
    let latency_ms_p50 = Some(1e3 * latencies[latencies.len() / 2]);
    Ok(Report { grids_per_second, batch: DECODE_BATCH, parameters: count, latency_ms_p50 })
}

/// Does `work` until `time` is over, at least `least` times, and returns the seconds that each took.
fn repeat<T, E>(time: Duration, least: usize, mut work: impl FnMut() -> Result<T, E>) -> Result<Vec<f64>, E> {
    let (start, mut seconds) = (Instant::now(), Vec::new());
    while seconds.len() < least || start.elapsed() < time {
        let before = Instant::now();
        work()?;
        seconds.push(before.elapsed().as_secs_f64());
    }
    Ok(seconds)
}
