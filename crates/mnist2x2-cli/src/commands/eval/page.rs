//! `eval --report`: the page.

use std::path::Path;

use anyhow::Context;
use mnist2x2::formats::files::Disk;
use mnist2x2::report::{Attention, Report};
use mnist2x2::{Recognizer, Seq2Seq};

use super::test_grids::{Test, grid};
use crate::console;
use crate::data::Dataset;
use crate::sheet;

/// Grids whose attention is shown.
const ATTENTION: usize = 6;

/// Writes `index.html` to `folder`.
pub(super) fn write(
    folder: &Path,
    test: &Test,
    recognizer: &Recognizer,
    facts: &[(String, String)],
    dataset: &Dataset,
) -> anyhow::Result<()> {
    let report = Report {
        title: "How well mnist2x2 reads",
        data: &test.grids.described(dataset),
        facts,
        layout: test.loader.layout(),
        graded: &test.predictions,
        evaluation: &test.evaluation,
        clusters: &test.clusters,
        picture: &|index| sheet::picture(&grid(&test.loader, index).images, test.loader.shape()),
        attention: &attention(test, recognizer.model())?,
    };
    let (path, disk) = (folder.join("index.html"), Disk::default());
    disk.create_folder(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    disk.write(&path, report.html()?.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    console::log(&format!("wrote {}", path.display()));
    Ok(())
}

/// The cross-attention of the decoder's last block, as the mean of its heads, for each digit of the first grids.
fn attention(test: &Test, model: &Seq2Seq) -> anyhow::Result<Vec<Attention>> {
    let config = model.config();
    let (rows, cols) =
        (config.image_height() / config.patch_height, config.image_width() / config.patch_width);
    let look = |index: usize| {
        let weights = mnist2x2::infer::cross_attention(model, &grid(&test.loader, index).images)?;
        Ok(Attention { grid: index, rows, cols, weights })
    };
    (0..test.predictions.len().min(ATTENTION)).map(look).collect()
}
