//! What the tasks look at and run: the files under version control, the packages that they make, and cargo.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{Message, MetadataCommand, Package};

/// The program, as cargo calls it.
pub(crate) const PROGRAM: &str = "mnist2x2";

/// The workspace as it lies on disk. All paths are relative to its root, with `/` between their parts.
pub(crate) struct Workspace {
    /// Every path under version control.
    pub(crate) paths: BTreeSet<String>,
    /// The text of those that hold text.
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) packages: Vec<Package>,
}

impl Workspace {
    /// Reads the workspace that this program was built in.
    pub(crate) fn read() -> Result<Self> {
        let paths = tracked_paths()?;
        let mut texts = BTreeMap::new();
        for path in &paths {
            let bytes = fs::read(root().join(path)).with_context(|| format!("cannot read {path}"))?;
            if let Some(text) = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')) {
                texts.insert(path.clone(), text);
            }
        }
        let manifest = root().join("Cargo.toml");
        let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec();
        let packages = metadata.context("cargo cannot read the manifests")?.packages;
        Ok(Self { paths, texts, packages })
    }

    /// The text at `path`; nothing if there is none.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.texts.get(path).map_or("", String::as_str)
    }
}

/// The folder of the root manifest.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in a folder of the workspace")
}

/// Whether the name of the file at `path` ends with a dot and `extension`.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// A path that cargo gives whole, relative to the root.
pub(crate) fn relative(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    let parts = path.strip_prefix(root()).unwrap_or(path).iter();
    parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The cargo that runs this program, at the root, with `arguments` that are divided at blanks.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments.split_whitespace()).current_dir(root());
    command
}

/// Runs `cargo build` with `arguments` and gives the path of the program or example `name`, which cargo tells.
pub(crate) fn build(arguments: &str, name: &str) -> Result<PathBuf> {
    let mut command = cargo("build --message-format=json-render-diagnostics");
    command.args(arguments.split_whitespace()).stderr(Stdio::inherit());
    let output = command.output().context("cannot run cargo")?;
    ensure!(output.status.success(), "`cargo build {arguments}` fails");
    let executable = Message::parse_stream(&output.stdout[..]).find_map(|message| match message {
        Ok(Message::CompilerArtifact(artifact)) if artifact.target.name == name => artifact.executable,
        _ => None,
    });
    executable.map(PathBuf::from).with_context(|| format!("cargo did not say where it put {name}"))
}

/// What a command prints; an error is what it says last.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", errors.trim().lines().last().unwrap_or("it says nothing"));
    Ok(String::from_utf8(output.stdout)?)
}

/// All paths that git tracks and that are there.
pub(crate) fn tracked_paths() -> Result<BTreeSet<String>> {
    let mut git = Command::new("git");
    let output = git.args(["ls-files", "-z"]).current_dir(root()).output();
    let output = output.context("cannot run git, which knows the files of the project; install it")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let paths = String::from_utf8(output.stdout).context("a file's name is not UTF-8; rename it")?;
    let exists = |path: &&str| root().join(path).is_file();
    Ok(paths.split_terminator('\0').filter(exists).map(str::to_owned).collect())
}
