//! Writes a report and plots of readings that nobody made: to see what they look like without a model.
//!
//! ```text
//! cargo run -p mnist2x2-report --example report -- FOLDER
//! ```

use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use image::GrayImage;
use mnist2x2_data::mnist::Split;
use mnist2x2_data::{GridShape, reference, stitch_u8, synthetic};
use mnist2x2_random::Random;
use mnist2x2_report::{Attention, Clusters, EventFile, Plot, Report, Scale, Series};
use mnist2x2_train::{Evaluation, Prediction};

const GRIDS: usize = 3_000;
const SHAPE: GridShape = GridShape { rows: 2, cols: 2 };

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("name the folder to write into")?);
    std::fs::create_dir_all(&folder)?;
    let digits = synthetic::digits(Split::Test, 2_000, 1);
    let grids = reference::grids(digits.len() as u32, GRIDS, SHAPE.cells());
    let graded: Vec<_> = (0..GRIDS)
        .map(|i| invented(i, grids.grid(i).iter().map(|&digit| digits.label(digit as usize)).collect()))
        .collect();
    let report = Report {
        title: "An invented evaluation",
        data: "synthetic test grids",
        facts: &[("model".into(), "none: these readings are invented".into())],
        layout: SHAPE.into(),
        graded: &graded,
        evaluation: &Evaluation::of(&graded, 1.0),
        clusters: &Clusters { unit: "digit", ids: (0..GRIDS).flat_map(|i| grids.grid(i).to_vec()).collect() },
        picture: &|i| {
            let mut picture = GrayImage::new(SHAPE.width() as u32, SHAPE.height() as u32);
            stitch_u8(&digits, grids.grid(i), SHAPE, &mut picture);
            picture
        },
        attention: &[0, 1, 2].map(attention),
    };
    std::fs::write(folder.join("index.html"), report.html()?)?;
    std::fs::write(folder.join("loss.svg"), loss().svg())?;
    let mut events = EventFile::create(&folder, UNIX_EPOCH + Duration::from_secs(1_700_000_000), 0)?;
    for (step, loss) in &loss().series[0].points {
        events.scalar(
            UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            *step as u64,
            "loss/training",
            *loss,
        )?;
    }
    Ok(())
}

/// A reader that is mostly sure, and nearly as often right as it says.
fn invented(i: usize, labels: Vec<u8>) -> Prediction {
    let mut random = Random::keyed(3, "invented reading", 0, i as u64);
    let cells: Vec<f64> = labels.iter().map(|_| 1.0 - 0.3 * random.uniform(0.0, 1.0).powi(12)).collect();
    let read = labels.iter().zip(&cells).map(|(&label, &confidence)| {
        let right = random.uniform(0.0, 1.0) < confidence - 0.001;
        let mistaken =
            [Some(6), Some(7), Some(7), Some(8), Some(9), Some(3), None, Some(1), Some(3), Some(4)];
        if right { Some(label) } else { mistaken[usize::from(label)] }
    });
    let (predicted, confidence) = (read.collect(), cells.iter().product());
    Prediction { predicted, confidence, labels, cell_confidences: cells }
}

/// Weights that fall with the distance from the digit being written.
fn attention(grid: usize) -> Attention {
    let (rows, cols) = (4, 4);
    let weights = (0..SHAPE.cells()).map(|digit| {
        let center = [digit / 2, digit % 2].map(|place| 2.0 * place as f32 + 0.5);
        let near = |patch: usize| {
            let [dy, dx] = [(patch / cols) as f32 - center[0], (patch % cols) as f32 - center[1]];
            (-dx * dx - dy * dy - 0.4 * ((patch * 7 + grid) % 5) as f32).exp()
        };
        let total: f32 = (0..rows * cols).map(near).sum();
        (0..rows * cols).map(|patch| near(patch) / total).collect()
    });
    Attention { grid, rows, cols, weights: weights.collect() }
}

fn loss() -> Plot {
    let curve = |name: &str, floor: f64| {
        let points = (1..=10).map(|epoch| (f64::from(epoch), floor + 1.5 * (-0.8 * f64::from(epoch)).exp()));
        Series { name: name.into(), points: points.collect() }
    };
    Plot {
        title: "Loss".into(),
        x_label: "epoch".into(),
        y_label: "nats per token".into(),
        scale: Scale::Logarithmic,
        series: vec![curve("training", 0.02), curve("validation", 0.03)],
    }
}
