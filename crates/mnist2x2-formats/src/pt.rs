//! Reading PyTorch's files (`.pt`, `.pth`, `.ckpt`, `.bin`) without running anything.
//!
//! `torch.save` writes a zip archive: `data.pkl` is a program for Python's pickle machine that rebuilds the dict, and
//! `data/0`, `data/1`, ... hold the numbers. (Before 1.6 it wrote the same parts one after another.) A pickle may call any
//! function of any Python module, which is how a file of "weights" takes over a computer. The machine here knows the few
//! instructions and the few functions that a checkpoint needs, and has no means to run anything.
//!
//! The bytes are not trusted: sizes are checked before memory is set aside, and every loop is bounded by the length of
//! the file, so that no input panics, hangs or takes more than 256 MiB.

mod error;
mod names;
mod pickle;
mod archive;
mod tensors;

use candle_core::DType;
use mnist2x2_model::StateDict;

use archive::Archive;
pub use archive::MAX_FILE_BYTES;
pub use error::PtError;
pub(crate) use error::shown;
pub(crate) use tensors::{Dict, MAX_VALUES};

/// Reads the state dict in the bytes of a PyTorch file: each tensor by its name, in f32 and in row-major order whatever
/// order the file had.
///
/// It is the first dict of the file in which there are tensors and nothing else; it may stand in a larger one, as in a
/// checkpoint of a training program.
///
/// # Errors
/// A [`PtError`] for anything but a file by `torch.save` that holds a dict of tensors of fractions.
pub fn read(bytes: &[u8]) -> Result<StateDict, PtError> {
    with_dicts(bytes, |dicts| {
        let pure = dicts.iter().find(|dict| dict.others.is_empty());
        let Some(dict) = pure else {
            let others: Vec<_> =
                dicts.iter().flat_map(|dict| &dict.others).map(|key| format!("\"{key}\"")).collect();
            return Err(PtError::NoStateDict(format!("no tensor under {}", others.join(", "))));
        };
        let read = |name: &str, room: &mut usize| {
            let failed = |error: candle_core::Error| PtError::Tensor {
                tensor: shown(name),
                problem: error.to_string(),
            };
            dict.read(name, room)?.to_dtype(DType::F32).map_err(failed)
        };
        let mut room = MAX_VALUES;
        dict.names().map(|name| Ok((name.to_owned(), read(name, &mut room)?))).collect()
    })
}

/// Hands `read` every dict of the file in which there are tensors, the outermost first.
pub(crate) fn with_dicts<T, E: From<PtError>>(
    bytes: &[u8],
    read: impl FnOnce(&[Dict<'_>]) -> Result<T, E>,
) -> Result<T, E> {
    let archive = Archive::unpack(bytes)?;
    let pickled = pickle::run(archive.program()?)?;
    read(&tensors::dicts(&pickled, &archive)?)
}
