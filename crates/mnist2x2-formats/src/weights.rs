//! Reading and writing models: a folder, a `.safetensors`, or a file by PyTorch.
//!
//! A *model folder* holds `config.json` ([`Config`] and the format's version) and `model.safetensors`. A bare file, and a
//! folder of another program, is taken to be of the published architecture. What a file is, its content tells and not its
//! name. Nothing read is ever executed. Tensors may lie under a prefix, among others and in other types of numbers;
//! [`Adaptation`] says so. All of the model's must be there, in their shapes.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::safetensors::Load;
use candle_core::{Device, Tensor};
use mnist2x2_model::{Config, Parameters, StateDict, TensorSpec, parameter_groups};
use safetensors::SafeTensors;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::adaptation::{Adaptation, Found, Names, OTHER_SIZES, find};
use crate::files::{Disk, hex};
use crate::{Error, pt};

/// The file with the sizes in a model folder.
const CONFIG: &str = "config.json";
/// The file with the tensors in a model folder.
const TENSORS: &str = "model.safetensors";
/// The files with tensors that folders of other programs have, the likeliest first.
const OTHER_TENSORS: [&str; 2] = ["pytorch_model.bin", "diffusion_pytorch_model.safetensors"];
/// The version of `config.json` that this crate writes and reads.
const FORMAT: u64 = 1;
/// The largest file read: far above any model here, far below what would exhaust a machine.
const MAX_BYTES: u64 = 256 << 20;
/// By so many bytes at its beginning it is told what a file is.
const MAX_HEAD: u64 = 64;
/// The bytes of a number of the smallest type that is read.
const SMALLEST_NUMBER: u64 = 2;

/// A script of Python that loads a model folder into PyTorch and reads pictures with it.
pub const MODELING: &str = include_str!("weights/modeling_mnist2x2.py");

/// A trained model as it was read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Weights {
    /// Its parameters, frozen.
    pub parameters: Parameters,
    /// SHA-256 of the file with the tensors, in hexadecimal: which model this is.
    pub digest: String,
    /// What was done to the file's tensors to make them the model's.
    pub adaptation: Adaptation,
}

impl Weights {
    /// Reads a model folder, a `.safetensors`, or a file by PyTorch.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read; [`Error::File`] if it is damaged, or lacks a tensor of the model.
    pub fn load(path: &Path, device: &Device) -> Result<Self, Error> {
        let (file, config, architecture) = locate(path)?;
        let is_told = path.is_dir() && architecture.is_none();
        let (kind, bytes) = read_tensors(&file, is_told.then_some(&config))?;
        let mut weights = Self::parse(kind, &bytes, &config, device).map_err(|error| match error {
            Error::Tensors(problem) | Error::Model(mnist2x2_model::Error::Tensors(problem)) => {
                let assumed =
                    architecture.map(|why| format!("{why}, and the published architecture does not fit: "));
                Error::file(&file, assumed.unwrap_or_default() + &problem)
            }
            other => other,
        })?;
        weights.adaptation.architecture = architecture;
        Ok(weights)
    }

    /// A model from the bytes of a `.safetensors` file.
    ///
    /// # Errors
    /// [`Error::Tensors`] if the bytes are damaged or lack a tensor of the model, [`Error::Model`] if one has another shape.
    pub fn from_safetensors(bytes: &[u8], config: &Config, device: &Device) -> Result<Self, Error> {
        Self::parse(Kind::Safetensors, bytes, config, device)
    }

    /// Parameters that come from no file; `digest` tells which they are.
    pub fn new(parameters: Parameters, digest: impl Into<String>) -> Self {
        Self { parameters, digest: digest.into(), adaptation: Adaptation::default() }
    }

    fn parse(kind: Kind, bytes: &[u8], config: &Config, device: &Device) -> Result<Self, Error> {
        config.validate()?;
        let tensors: Vec<_> = parameter_groups(config).into_iter().flat_map(|group| group.tensors).collect();
        let (state, adaptation) = match kind {
            Kind::Safetensors => parse_safetensors(bytes, &tensors),
            Kind::Pt => parse_pt(bytes, &tensors),
        }?;
        let parameters = Parameters::from_state_dict(config, &state, device)?;
        Ok(Self { adaptation, ..Self::new(parameters, hex(&Sha256::digest(bytes))) })
    }
}

/// The file with the tensors at `path`, the sizes of its model, and of a folder without our `config.json` why they are
/// those of the published architecture.
fn locate(path: &Path) -> Result<(PathBuf, Config, Option<&'static str>), Error> {
    if !path.exists() {
        return Err(Error::file(path, "is not there; check the path"));
    }
    if !path.is_dir() {
        return Ok((path.into(), Config::reference(), None));
    }
    let names = [TENSORS].into_iter().chain(OTHER_TENSORS);
    let Some(tensors) = names.map(|name| path.join(name)).find(|file| file.is_file()) else {
        return Err(Error::file(path, no_tensors(path)));
    };
    let config = path.join(CONFIG);
    if !config.is_file() {
        return Ok((tensors, Config::reference(), Some("it has no config.json")));
    }
    Ok(match read_config(&config)? {
        Some(config) => (tensors, config, None),
        None => (
            tensors,
            Config::reference(),
            Some("its config.json has no `format`, so it is another program's"),
        ),
    })
}

/// That a folder has no file of tensors, and what to name instead.
fn no_tensors(folder: &Path) -> String {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let has_weights =
        |path: &PathBuf| path.join(TENSORS).is_file() || path.extension().is_some_and(is_weights);
    let mut others: Vec<_> = entries.filter(has_weights).collect();
    others.sort();
    let next = match others.first() {
        Some(other) => format!("name what is in it, such as `{}`", other.display()),
        None => "name a model folder, or the file with the weights itself".into(),
    };
    format!("is a folder without `{TENSORS}`; {next}")
}

/// Whether files of weights often end so.
fn is_weights(extension: &std::ffi::OsStr) -> bool {
    ["safetensors", "pt", "pth", "ckpt", "bin"].iter().any(|known| extension == *known)
}

/// How a file holds its tensors.
#[derive(Clone, Copy)]
enum Kind {
    Safetensors,
    Pt,
}

/// The bytes of a file of tensors, and what it is by its first bytes. A file that cannot hold the model of `config` is
/// refused before it is read.
fn read_tensors(path: &Path, config: Option<&Config>) -> Result<(Kind, Vec<u8>), Error> {
    let (mut file, mut head) = (fs::File::open(path).map_err(Error::io(path))?, Vec::new());
    file.by_ref().take(MAX_HEAD).read_to_end(&mut head).map_err(Error::io(path))?;
    let kind = kind_of(&head, path)?;
    if let (Kind::Safetensors, Some(config)) = (kind, config) {
        let (len, count) = (file.metadata().map_err(Error::io(path))?.len(), numbers(config));
        if len < SMALLEST_NUMBER * count {
            let problem = format!(
                "is no whole safetensors file of the model in {CONFIG}, whose {count} numbers do not fit into {len} bytes; \
                 copy both files again"
            );
            return Err(Error::file(path, problem));
        }
    }
    Ok((kind, read_bounded(file, head, path)?))
}

/// How many numbers a model has.
fn numbers(config: &Config) -> u64 {
    parameter_groups(config).iter().map(|group| group.count() as u64).sum()
}

/// What a file is, by its first bytes; by its name only if they tell nothing.
fn kind_of(bytes: &[u8], path: &Path) -> Result<Kind, Error> {
    let problem = match bytes {
        [_, _, _, _, _, 0, 0, 0, b'{', ..] => return Ok(Kind::Safetensors),
        [b'P', b'K', ..] | [0x80, ..] => return Ok(Kind::Pt),
        _ if bytes.starts_with(b"version https://git-lfs") => {
            "is a pointer of Git LFS; fetch the file with `git lfs pull`"
        }
        [b'<', ..] => "is a web page; download the file itself",
        _ if path.extension().is_some_and(|extension| extension == "safetensors") => {
            return Ok(Kind::Safetensors);
        }
        [] => "is empty; copy or download it again",
        _ => {
            "is neither a model folder nor a .safetensors nor a file by torch.save; in PyTorch, \
            `torch.save(model.state_dict(), path)` writes what is read"
        }
    };
    Err(Error::file(path, problem))
}

fn parse_safetensors(bytes: &[u8], wanted: &[TensorSpec]) -> Result<(StateDict, Adaptation), Error> {
    let damaged = |error| Error::Tensors(format!("is no whole safetensors file ({error})"));
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let names = Names { tensors: file.names(), ..Names::default() };
    state_dict(wanted, find(&[names], wanted)?, |name| {
        let tensor = file
            .tensor(name)
            .map_err(|error| error.to_string())
            .and_then(|view| view.load(&Device::Cpu).map_err(|error| format!("{error}; save it as float32")));
        tensor.map_err(|problem| Error::Tensors(format!("`{name}` cannot be read: {problem}")))
    })
}

fn parse_pt(bytes: &[u8], wanted: &[TensorSpec]) -> Result<(StateDict, Adaptation), Error> {
    pt::with_dicts(bytes, |dicts| {
        let names = dicts.iter().map(|dict| Names {
            place: dict.place.clone(),
            tensors: dict.names().collect(),
            others: dict.others.clone(),
        });
        let names: Vec<_> = names.collect();
        let (found, mut room) = (find(&names, wanted)?, pt::MAX_VALUES);
        let dict = &dicts[found.dict];
        state_dict(wanted, found, |name| Ok(dict.read(name, &mut room)?))
    })
}

/// These tensors, each as it is `read` under its name in the file, in f32.
fn state_dict(
    wanted: &[TensorSpec],
    Found { names, mut adaptation, .. }: Found<'_>,
    mut read: impl FnMut(&str) -> Result<Tensor, Error>,
) -> Result<(StateDict, Adaptation), Error> {
    let mut state = StateDict::new();
    for (TensorSpec { name, shape, .. }, in_file) in wanted.iter().zip(names) {
        let tensor = read(in_file)?;
        if tensor.dims() != shape {
            let problem = format!("`{name}` has shape {:?}, not {shape:?}; {OTHER_SIZES}", tensor.dims());
            return Err(Error::Tensors(problem));
        }
        let tensor = adaptation.convert(tensor);
        let failed = |problem| Error::Tensors(format!("`{name}` {problem}"));
        state.insert(name.clone(), tensor.map_err(failed)?);
    }
    Ok((state, adaptation))
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
    for (name, bytes) in model_files(parameters)? {
        let path = folder.join(name);
        disk.write(&path, &bytes).map_err(Error::io(&path))?;
    }
    Ok(())
}

/// The names and bytes of the files of a model folder, in the order in which they are written.
///
/// # Errors
/// As [`to_safetensors`].
pub fn model_files(parameters: &Parameters) -> Result<[(&'static str, Vec<u8>); 2], Error> {
    let config = config_json(parameters.config()).into_bytes();
    Ok([(CONFIG, config), (TENSORS, to_safetensors(parameters)?)])
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

/// The sizes in a `config.json`; nothing if it is another program's.
fn read_config(path: &Path) -> Result<Option<Config>, Error> {
    let file = fs::File::open(path).map_err(Error::io(path))?;
    let config =
        parse_config(&read_bounded(file, Vec::new(), path)?).map_err(|problem| Error::file(path, problem))?;
    if let Some(config) = &config {
        config.validate().map_err(|error| Error::file(path, error.to_string()))?;
    }
    Ok(config)
}

fn parse_config(bytes: &[u8]) -> Result<Option<Config>, String> {
    let mut fields: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match fields.remove("format").and_then(|format| format.as_u64()) {
        Some(FORMAT) => serde_json::from_value(fields.into()).map(Some).map_err(|error| error.to_string()),
        Some(other) => Err(format!("has format {other}; this program reads format {FORMAT}")),
        None => Ok(None),
    }
}

/// The bytes that were read of a file, and the rest.
fn read_bounded(file: fs::File, mut bytes: Vec<u8>, path: &Path) -> Result<Vec<u8>, Error> {
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
    fn a_file_that_cannot_hold_the_model_is_refused_before_it_is_read() {
        let (folder, parameters) = saved();
        let file = fs::File::options().write(true).open(folder.path().join(TENSORS)).unwrap();
        let load = || Weights::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
        file.set_len(2 * parameters.count() as u64 - 1).unwrap();
        let message = load();
        assert!(
            message.contains("numbers do not fit into") && message.ends_with("copy both files again"),
            "{message}"
        );
        file.set_len(2 * parameters.count() as u64).unwrap();
        assert!(!load().contains("do not fit into"), "it may be one in half precision");
    }

    #[test]
    fn what_float32_does_not_hold_is_refused() {
        let (folder, parameters) = saved();
        for value in [1e300, f64::INFINITY, f64::NAN] {
            let mut state = parameters.state_dict().unwrap();
            let (name, tensor) = state.iter_mut().next().unwrap();
            *tensor = Tensor::full(value, tensor.dims(), &Device::Cpu).unwrap();
            let expected = format!("`{name}` holds ");
            fs::write(folder.path().join(TENSORS), safetensors::serialize(&state, None).unwrap()).unwrap();
            let message = Weights::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
            assert!(
                message.contains(&expected) && message.ends_with("from before training diverged"),
                "{message}"
            );
        }
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
