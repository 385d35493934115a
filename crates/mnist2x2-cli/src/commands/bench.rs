//! `bench`: the speed of training and decoding on this machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::ValueEnum;
use mnist2x2::data::mnist::Split;
use mnist2x2::data::{GridSource, Layout, Loader, synthetic};
use mnist2x2::infer::{config_for, layout_of};
use mnist2x2::kernels::{Level, peak};
use mnist2x2::train::{BoxError, ModelSelection, StepReport, decode};
use mnist2x2::{Config, Device, Group, Observer, Parameters, Recipe, Seq2Seq, Trainer, Workers};
use serde::Serialize;

use super::train::RecipeName;
use crate::console::{self, percent};
use crate::device::ComputeArgs;

/// The time before the measurement, in which caches fill and clocks rise.
const WARM_UP: Duration = Duration::from_millis(500);
/// Grids that are decoded in a batch, if nothing is said.
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
    /// Vector instructions: avx512, avx2, neon or scalar [default: the widest that this machine has]
    #[arg(long, value_name = "LEVEL", value_parser = parse_level)]
    level: Option<Level>,
    /// The recipe to train by; its digits are drawn by this program
    #[arg(long, value_enum, default_value = "reference")]
    recipe: RecipeName,
    /// How the digits of a picture lie: rows x columns, line:N or scatter:N
    #[arg(long, value_name = "L", default_value = "2x2")]
    layout: Layout,
    /// Pictures in a batch [default: the recipe's; 500 to decode]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: Option<u32>,
    /// The processes that `mpirun` started swap over a network of G Gbit/s and a latency of L microseconds, both emulated
    #[arg(long, value_name = "G,L", value_parser = parse_network)]
    network: Option<Network>,
    /// Seconds to measure
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Print one line of JSON and nothing else
    #[arg(long)]
    json: bool,
}

/// A network: the time of the first bit, and the bits of a second.
#[derive(Clone, Copy, Debug)]
struct Network {
    latency: Duration,
    bits_per_second: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Training steps, with loading of data
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
    #[serde(flatten)]
    ceiling: Option<Ceiling>,
}

/// How near to what the processor can do at most that is.
#[derive(Serialize)]
struct Ceiling {
    /// The vector instructions.
    level: &'static str,
    /// Multiplications and additions that a core does in a second if it does nothing else, in thousand millions.
    peak_gflops: f64,
    /// The share of that which the matrix products' own take, on each thread.
    limit_share: f64,
}

/// What is measured.
struct Work {
    what: What,
    recipe: Recipe,
    model: Config,
}

/// Every process of `group` takes its share of training; the first prints.
pub(crate) fn run(args: &Args, group: &Group) -> anyhow::Result<()> {
    ensure!(args.level.is_none_or(Level::choose), "--level: the kernels run on another level already");
    ensure!(
        group.size() == 1 || args.what == What::Train,
        "processes do not decode together; start `bench decode` without mpirun"
    );
    ensure!(
        args.network.is_none() || group.size() > 1,
        "--network: there is no other process to swap with; start several by mpirun (docs/machines.md)"
    );
    let network =
        args.network.map(|Network { latency, bits_per_second }| group.over(latency, bits_per_second));
    let group = network.as_ref().unwrap_or(group);
    let (device, workers) = (args.compute.device.open()?, args.compute.workers_in(group)?);
    let time = Duration::from_secs(args.seconds);
    let recipe = args.recipe.recipe().on(&device);
    let usual = if args.what == What::Train { recipe.batch_size } else { DECODE_BATCH };
    let batch = args.batch.map_or(usual, |batch| batch as usize);
    let model = config_for(Config::reference(), args.layout);
    let work = Work {
        what: args.what,
        recipe: Recipe { batch_size: batch, model_selection: ModelSelection::Last, ..recipe },
        model,
    };
    let mut report = match args.what {
        What::Train => work.train(&device, &workers, time)?,
        What::Decode => work.decode(&device, &workers, time)?,
    };
    if device.is_cpu() {
        report.ceiling = Some(work.ceiling(report.grids_per_second, workers.count() * group.size()));
    }
    if !group.is_first() {
        return Ok(());
    }
    if args.json {
        return console::print_json(&report);
    }
    let Report { grids_per_second, batch, parameters, latency_ms_p50, ceiling } = report;
    let threads = match (workers.count(), group.size()) {
        (threads, 1) => format!("{threads} threads"),
        (threads, ranks) => format!("{ranks} processes of {threads} threads"),
    };
    console::print(&format!(
        "{grids_per_second:.0} grids/s in batches of {batch}, {parameters} parameters, {threads}"
    ))?;
    if let Some(latency) = latency_ms_p50 {
        console::print(&format!("{latency:.3} ms for a single grid (median, one thread)"))?;
    }
    if let Some(Ceiling { level, peak_gflops, limit_share }) = ceiling {
        console::print(&format!(
            "{} of what the matrix products alone would take, at {peak_gflops:.0} GFLOP/s for a thread ({level})",
            percent(limit_share)
        ))?;
    }
    if args.layout == layout_of(&Config::reference()) {
        console::log(args.what.usual());
    }
    Ok(())
}

fn parse_level(name: &str) -> Result<Level, String> {
    let names = || Level::available().iter().map(|level| level.name()).collect::<Vec<_>>().join(", ");
    Level::named(name).ok_or_else(|| format!("this machine has {}", names()))
}

fn parse_network(text: &str) -> Result<Network, String> {
    let number = |text: &str| text.parse::<f64>().ok();
    let numbers = text.split_once(',').and_then(|(gigabits, wait)| Some((number(gigabits)?, number(wait)?)));
    match numbers {
        Some((gigabits, microseconds))
            if (1e-3..=1e4).contains(&gigabits) && (0.0..=1e6).contains(&microseconds) =>
        {
            let latency = Duration::from_secs_f64(1e-6 * microseconds);
            Ok(Network { latency, bits_per_second: 1e9 * gigabits })
        }
        _ => Err("say two numbers, such as 10,40 for 10 Gbit/s and 40 us".into()),
    }
}

impl Work {
    fn loader(&self, batch: usize) -> anyhow::Result<Loader> {
        let digits = Arc::new(synthetic::digits(Split::Train, DIGITS, 0));
        // More grids than any measurement gets through, so that it is one epoch.
        let source = GridSource::Fresh { grids: u32::MAX as usize };
        Ok(Loader::new(digits, source, layout_of(&self.model), batch, 0)?)
    }

    fn train(&self, device: &Device, workers: &Workers, time: Duration) -> anyhow::Result<Report> {
        let batch = self.recipe.batch_size;
        let loader = self.loader(batch)?.augmented(self.recipe.augmentation.clone())?;
        let mut trainer = Trainer::from_loader(&self.model, self.recipe.clone(), loader, device)?;
        trainer.join(workers.group())?;
        let parameters = trainer.model().parameters().count();
        let mut clock = Clock { start: Instant::now(), warm: None, grids: 0, time };
        trainer.run(workers, &mut clock)?;
        let seconds = clock.warm.map_or(f64::INFINITY, |warm| warm.elapsed().as_secs_f64());
        let grids_per_second = clock.grids as f64 / seconds;
        Ok(Report { grids_per_second, batch, parameters, latency_ms_p50: None, ceiling: None })
    }

    fn decode(&self, device: &Device, workers: &Workers, time: Duration) -> anyhow::Result<Report> {
        let parameters = Parameters::init(&self.model, 0, device)?;
        let count = parameters.count();
        let model = Seq2Seq::new(parameters.frozen()?)?;
        let batch = self.recipe.batch_size;
        let many = self.loader(batch)?.in_order().batch(0);
        let one = self.loader(1)?.in_order().batch(0);
        repeat(WARM_UP, 1, || decode(&model, &many, workers))?;
        let rounds = repeat(time, 1, || decode(&model, &many, workers))?;
        let grids_per_second = (batch * rounds.len()) as f64 / rounds.iter().sum::<f64>();
        let single = Workers::new(Some(1))?;
        let mut latencies = repeat(Duration::ZERO, LATENCY_GRIDS, || decode(&model, &one, &single))?;
        latencies.sort_by(f64::total_cmp);
        let latency_ms_p50 = Some(1e3 * latencies[latencies.len() / 2]);
        Ok(Report { grids_per_second, batch, parameters: count, latency_ms_p50, ceiling: None })
    }

    /// How near that is to the limit, with as many tokens as a picture has at most.
    fn ceiling(&self, grids_per_second: f64, threads: usize) -> Ceiling {
        let [first, others] = self.model.multiplications(self.model.max_tokens());
        // The backward pass has two products for each of the forward pass, one of them for the gradient of what came in.
        let products = match self.what {
            What::Train => 2 * first + 3 * others,
            What::Decode => first + others,
        };
        let level = Level::default();
        let peak = peak(level);
        let limit_share = 2.0 * products as f64 * grids_per_second / (peak * threads as f64);
        Ceiling { level: level.name(), peak_gflops: 1e-9 * peak, limit_share }
    }
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
