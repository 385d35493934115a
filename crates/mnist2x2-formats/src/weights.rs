//! Reading and writing models: a folder, a bare `.safetensors`, or a PyTorch `.pt`.
//!
//! A *model folder* holds `config.json` ([`Config`] and the format's version) and `model.safetensors`. A bare file is
//! taken to be of the published architecture. Nothing read is ever executed, and what does not fit exactly is refused.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::Path;

use candle_core::Device;
use candle_core::safetensors::Load;
use mnist2x2_model::{Config, Parameters, StateDict};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::files::{Disk, hex};
use crate::{Error, pt};

/// The file with the sizes in a model folder.
const CONFIG: &str = "config.json";
/// The file with the tensors in a model folder.
const TENSORS: &str = "model.safetensors";
/// The version of `config.json` that this crate writes and reads.
const FORMAT: u64 = 1;
/// The largest file read: far above any model here, far below what would exhaust a machine.
const MAX_BYTES: u64 = 256 << 20;

/// A trained model as it was read.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Its parameters, frozen.
    pub parameters: Parameters,
    /// SHA-256 of the file with the tensors, in hexadecimal: which model this is.
    pub digest: String,
}

impl Weights {
    /// Reads a model folder, a `.safetensors` or a `.pt`.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read; [`Error::File`] if it is damaged, or holds other tensors than the model's.
    pub fn load(path: &Path, device: &Device) -> Result<Self, Error> {
        let (path, config) = if path.is_dir() {
            (path.join(TENSORS), read_config(&path.join(CONFIG))?)
        } else {
            (path.to_path_buf(), Config::reference())
        };
        let unknown = "is neither a model folder nor a .safetensors nor a .pt file";
        let parse = match path.extension().and_then(OsStr::to_str) {
            Some("safetensors") => parse_safetensors,
            Some("pt" | "pth") => parse_pt,
            _ => return Err(Error::file(&path, unknown)),
        };
        let weights = Self::new(parse, &read_bounded(&path)?, &config, device);
        weights.map_err(|error| match error {
            Error::Tensors(problem) | Error::Model(mnist2x2_model::Error::Tensors(problem)) => {
                Error::file(&path, problem)
            }
            other => other,
        })
    }

    /// A model from the bytes of a `.safetensors` file.
    ///
    /// # Errors
    /// [`Error::Tensors`] if the bytes are damaged, [`Error::Model`] if they hold other tensors than the model's.
    pub fn from_safetensors(bytes: &[u8], config: &Config, device: &Device) -> Result<Self, Error> {
        Self::new(parse_safetensors, bytes, config, device)
    }

    fn new(parse: Parse, bytes: &[u8], config: &Config, device: &Device) -> Result<Self, Error> {
        let parameters = Parameters::from_state_dict(config, &parse(bytes)?, device)?;
        Ok(Self { parameters, digest: hex(&Sha256::digest(bytes)) })
    }
}

/// From the bytes of a file to the tensors in it.
type Parse = fn(&[u8]) -> Result<StateDict, Error>;

fn parse_safetensors(bytes: &[u8]) -> Result<StateDict, Error> {
    let damaged = |error| Error::Tensors(format!("is no whole safetensors file ({error})"));
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let tensor = |(name, view): (String, TensorView<'_>)| match view.load(&Device::Cpu) {
        Ok(tensor) => Ok((name, tensor)),
        Err(error) => Err(Error::Tensors(format!("`{name}` cannot be read ({error})"))),
    };
    file.tensors().into_iter().map(tensor).collect()
}

fn parse_pt(bytes: &[u8]) -> Result<StateDict, Error> {
    pt::read(bytes).map_err(|error| Error::Tensors(error.to_string()))
}

/// Writes a model folder, creating it if need be; each file is whole at every moment, and the tensors come last: where
/// they are, the folder is complete. The same values always make the same bytes.
///
/// # Errors
/// [`Error::Io`] if a file cannot be written.
pub fn save(parameters: &Parameters, folder: &Path) -> Result<(), Error> {
    save_on(&Disk::default(), parameters, folder)
}

/// The same on a disk that may fail.
///
/// # Errors
/// As [`save`].
pub fn save_on(disk: &Disk, parameters: &Parameters, folder: &Path) -> Result<(), Error> {
    disk.create_folder(folder).map_err(Error::io(folder))?;
    let config = folder.join(CONFIG);
    disk.write(&config, config_json(parameters.config()).as_bytes()).map_err(Error::io(&config))?;
    let tensors = folder.join(TENSORS);
    disk.write(&tensors, &to_safetensors(parameters)?).map_err(Error::io(&tensors))
}

/// The bytes of a `.safetensors` file with all tensors under their published names.
///
/// # Errors
/// [`Error::Model`] if the device fails.
pub fn to_safetensors(parameters: &Parameters) -> Result<Vec<u8>, Error> {
    // One key only: a second would come in an order that changes from run to run.
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    let state = parameters.state_dict()?;
    safetensors::serialize(&state, Some(metadata)).map_err(|error| Error::Tensors(error.to_string()))
}

fn config_json(config: &Config) -> String {
    let mut fields = json!(config);
    fields["format"] = FORMAT.into();
    format!("{fields:#}\n")
}

fn read_config(path: &Path) -> Result<Config, Error> {
    let config = parse_config(&read_bounded(path)?).map_err(|problem| Error::file(path, problem))?;
    config.validate().map_err(|error| Error::file(path, error.to_string()))?;
    Ok(config)
}

fn parse_config(bytes: &[u8]) -> Result<Config, String> {
    let mut fields: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match fields.remove("format").and_then(|format| format.as_u64()) {
        Some(FORMAT) => serde_json::from_value(fields.into()).map_err(|error| error.to_string()),
        Some(other) => Err(format!("has format {other}; this program reads format {FORMAT}")),
        None => Err(format!("has no `format`; a model folder of this program says {FORMAT}")),
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(Error::io(path))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::file(path, format!("has more than the {MAX_BYTES} bytes that are read")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> (tempfile::TempDir, Parameters) {
        let folder = tempfile::tempdir().unwrap();
        let parameters = Parameters::init(&Config::tiny(), 5, &Device::Cpu).unwrap();
        save(&parameters, folder.path()).unwrap();
        (folder, parameters)
    }

    #[test]
    fn a_saved_folder_comes_back_and_saves_the_same_bytes() {
        let (folder, parameters) = saved();
        let weights = Weights::load(folder.path(), &Device::Cpu).unwrap();
        assert_eq!(weights.parameters.config(), parameters.config());
        assert_eq!(weights.parameters.to_flat().unwrap(), parameters.to_flat().unwrap());
        assert_eq!(
            to_safetensors(&weights.parameters).unwrap(),
            fs::read(folder.path().join(TENSORS)).unwrap()
        );
    }

    #[test]
    fn every_damage_is_an_error_that_names_the_file() {
        let (folder, _) = saved();
        let (tensors, config) = (folder.path().join(TENSORS), folder.path().join(CONFIG));
        let (whole, json) = (fs::read(&tensors).unwrap(), fs::read_to_string(&config).unwrap());
        let load = || Weights::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
        for length in [0, 7, 8, 100, whole.len() - 1] {
            fs::write(&tensors, &whole[..length]).unwrap();
            let message = load();
            assert!(message.contains("model.safetensors: is no whole safetensors file"), "{message}");
        }
        fs::write(&tensors, &whole).unwrap();
        let cases = [
            ("{", "config.json: EOF"),
            ("{}", "has no `format`"),
            (&json.replace("\"format\": 1", "\"format\": 2"), "has format 2"),
            (&json.replace("width", "breadth"), "unknown field"),
            (&json.replace("\"heads\": 3", "\"heads\": 5"), "does not divide"),
            (&json.replace("\"vocabulary\": 13", "\"vocabulary\": 12"), "has shape [13"),
        ];
        for (text, expected) in cases {
            fs::write(&config, text).unwrap();
            let message = load();
            assert!(message.contains(expected), "{message}");
        }
        fs::remove_file(&config).unwrap();
        assert!(load().contains("config.json"), "a missing file is named");
    }

    #[test]
    fn a_bare_file_is_of_the_published_architecture() {
        let (folder, _) = saved();
        let message = Weights::load(&folder.path().join(TENSORS), &Device::Cpu).unwrap_err().to_string();
        assert!(message.contains("missing") && message.contains("encoder.layers.2"), "{message}");
        let other = folder.path().join("model.bin");
        fs::write(&other, b"?").unwrap();
        let message = Weights::load(&other, &Device::Cpu).unwrap_err().to_string();
        assert!(message.contains("model.bin: is neither"), "{message}");
    }
}
