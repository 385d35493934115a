//! Reading PyTorch's `.pt` state dicts without running anything.
//!
//! `torch.save` writes a zip archive: `data.pkl` is a program for Python's pickle machine that rebuilds the dict, and
//! `data/0`, `data/1`, ... hold the numbers. A pickle may call any function of any Python module, which is how a file
//! of "weights" takes over a computer. The machine here knows the few instructions and the few functions
//! that a dict of tensors needs, and has no means to run anything else.
//!
//! The bytes are not trusted: sizes are checked before memory is set aside, and every loop is bounded by the length of
//! the file, so that no input panics, hangs or takes more than 256 MiB.

mod error;
mod archive;
mod names;
mod pickle;
mod tensors;

use mnist2x2_model::StateDict;

use archive::Archive;
pub use archive::MAX_FILE_BYTES;
pub use error::PtError;

/// Reads the state dict in the bytes of a `.pt` file: each tensor by its name, in row-major order whatever order the file
/// had.
///
/// The dict may also stand in a larger one, under `state_dict`, `model_state_dict` or `model`.
///
/// # Errors
/// A [`PtError`] for anything but a zip archive by `torch.save` that holds a dict of float32 tensors.
pub fn read(bytes: &[u8]) -> Result<StateDict, PtError> {
    let archive = Archive::unpack(bytes)?;
    let pickled = pickle::run(archive.program()?)?;
    tensors::read_all(&pickled, &archive)
}
