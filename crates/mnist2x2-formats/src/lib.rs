//! Weights as files: a folder of this program, a `.safetensors`, or a PyTorch `.pt`; and files that appear whole or not
//! at all.
//!
//! Nothing read is ever executed, and what does not fit the model exactly is refused.
//!
//! ```
//! use mnist2x2_formats::Weights;
//! use mnist2x2_model::{Config, Device, Parameters};
//!
//! let folder = tempfile::tempdir()?;
//! let parameters = Parameters::init(&Config::reference(), 42, &Device::Cpu)?;
//! mnist2x2_formats::save(&parameters, folder.path())?;
//!
//! let weights = Weights::load(folder.path(), &Device::Cpu)?;
//! assert_eq!(weights.parameters.to_flat()?, parameters.to_flat()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod error;
pub mod files;
pub mod pt;
mod weights;

pub use error::Error;
pub use weights::{Weights, save, save_on, to_safetensors};
