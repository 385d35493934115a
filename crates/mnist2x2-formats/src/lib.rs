//! Weights as files: a folder of this program, a `.safetensors`, or a file by PyTorch; and files that appear whole or not
//! at all.
//!
//! Nothing read is ever executed. The model's tensors are read whole and exact; what else a file holds is left alone.
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
mod onnx;
pub mod pt;
mod adaptation;
mod weights;

pub use adaptation::Adaptation;
pub use error::Error;
pub use onnx::{OnnxModel, RUN_ONNX, to_onnx};
pub use weights::{MODELING, Weights, model_files, save, save_on, to_safetensors};
