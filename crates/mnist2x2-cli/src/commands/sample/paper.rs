//! `sample --paper`: a folder of simulated pictures of handwriting on paper, each called by what is written on it.

use anyhow::Context;
use mnist2x2::formats::files::write_atomically;

use super::Args;
use crate::console::{self, Bar};
use crate::paper::{encode, file_name};

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let kinds = args.paper.kinds()?;
    let writing = args.paper.writing(args.strokes.as_deref(), &args.data)?;
    let paper = args.paper.paper(&writing)?;
    let out = args.out.display();
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make {out}"))?;
    let mut bar = Bar::new(kinds.len() * args.paper.count() as usize, "pictures");
    for kind in &kinds {
        for index in 0..args.paper.count() {
            let photo = paper.photograph(kind, index);
            let path = args.out.join(file_name(kind, index, &photo));
            write_atomically(&path, &encode(&photo)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
            bar.advance(1);
        }
    }
    drop(bar);
    console::log(&format!(
        "wrote {} pictures of {} kinds to {out}",
        kinds.len() as u64 * args.paper.count(),
        kinds.len()
    ));
    Ok(())
}
