//! `sample --paper`: a folder of simulated pictures of handwriting on paper, each called by what is written on it.

use std::path::Path;

use anyhow::Context;

use crate::console::{self, Bar};
use crate::data::DataArgs;
use crate::paper_args::{PaperArgs, encode, file_name};

pub(super) fn run(
    args: &PaperArgs,
    strokes: Option<&Path>,
    data: &DataArgs,
    folder: &Path,
) -> anyhow::Result<()> {
    let kinds = args.kinds()?;
    let writing = args.writing(strokes, data)?;
    let paper = args.paper(&writing)?;
    let out = folder.display();
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {out}"))?;
    let mut bar = Bar::new(kinds.len() * args.count() as usize, "pictures");
    for kind in &kinds {
        for index in 0..args.count() {
            let photo = paper.photograph(kind, index);
            let path = folder.join(file_name(kind, index, &photo));
            // Not flushed to the disk one by one: a thousand of these are made again by one command.
            std::fs::write(&path, encode(&photo)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
            bar.advance(1);
        }
    }
    drop(bar);
    console::log(&format!(
        "wrote {} pictures of {} kinds to {out}",
        kinds.len() as u64 * args.count(),
        kinds.len()
    ));
    Ok(())
}
