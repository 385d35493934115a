//! What the tasks look at: the files under version control and the packages that they make.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand, Package, Target};

/// The workspace as it lies on disk.
pub(crate) struct Workspace {
    /// Every path under version control, relative to the root, with `/` between its parts.
    pub(crate) paths: BTreeSet<String>,
    /// Those that hold text.
    pub(crate) files: Vec<File>,
    /// The packages.
    pub(crate) members: Vec<Member>,
}

/// A file of text.
#[derive(Clone, Default)]
pub(crate) struct File {
    /// Relative to the root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A package of the workspace.
#[derive(Clone, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) manifest: File,
    /// The files that its library and its programs begin with.
    pub(crate) roots: Vec<File>,
    pub(crate) dependencies: Vec<Dependency>,
    /// What each feature turns on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// A line under `[dependencies]`, `[dev-dependencies]` or `[build-dependencies]`.
#[derive(Clone, Default)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether it is a package of this workspace.
    pub(crate) inside: bool,
    /// Whether only tests, examples and benches see it.
    pub(crate) dev: bool,
    pub(crate) optional: bool,
}

impl Workspace {
    /// Reads the workspace that this program was built in.
    pub(crate) fn read() -> Result<Self> {
        let paths = tracked_paths()?;
        let files = paths.iter().map(|path| text_file(path)).collect::<Result<Vec<_>>>()?;
        Ok(Self { files: files.into_iter().flatten().collect(), members: members()?, paths })
    }

    /// The text of the file at `path`.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }
}

impl File {
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

impl Member {
    /// The line of the manifest on which `dependency` is named first, counted from 1.
    pub(crate) fn line_of(&self, dependency: &str) -> usize {
        let names_it =
            |line: &str| line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with(['.', ' ', '=']));
        self.manifest.text.lines().position(names_it).map_or(1, |index| index + 1)
    }
}

/// The folder of the root manifest.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in a folder of the workspace")
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// All paths that git tracks and that are there.
pub(crate) fn tracked_paths() -> Result<BTreeSet<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .context("cannot run git, which knows the files of the project; install it")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let paths = String::from_utf8(output.stdout).context("a file's name is not UTF-8; rename it")?;
    let there = |path: &&str| root().join(path).is_file();
    Ok(paths.split_terminator('\0').filter(there).map(str::to_owned).collect())
}

/// A file under the root, if it holds text.
fn text_file(path: &str) -> Result<Option<File>> {
    let bytes = fs::read(root().join(path)).with_context(|| format!("cannot read {path}"))?;
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    Ok(text.map(|text| File { path: path.to_owned(), text }))
}

fn members() -> Result<Vec<Member>> {
    let metadata = MetadataCommand::new()
        .cargo_path(cargo())
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo cannot read the manifests")?;
    metadata.packages.iter().map(member).collect()
}

fn member(package: &Package) -> Result<Member> {
    let roots = package.targets.iter().filter(|target| is_library_or_program(target));
    Ok(Member {
        name: package.name.to_string(),
        version: package.version.to_string(),
        manifest: read(package.manifest_path.as_std_path())?,
        roots: roots.map(|target| read(target.src_path.as_std_path())).collect::<Result<_>>()?,
        dependencies: package.dependencies.iter().map(dependency).collect(),
        features: package.features.clone(),
    })
}

fn is_library_or_program(target: &Target) -> bool {
    !(target.is_test() || target.is_bench() || target.is_example() || target.is_custom_build())
}

fn dependency(dependency: &cargo_metadata::Dependency) -> Dependency {
    Dependency {
        name: dependency.name.clone(),
        inside: dependency.path.is_some(),
        dev: dependency.kind == DependencyKind::Development,
        optional: dependency.optional,
    }
}

/// Reads a file of the workspace that cargo gives the whole path of.
fn read(path: &Path) -> Result<File> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let relative = path.strip_prefix(root()).unwrap_or(path);
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    Ok(File { path: parts.join("/"), text })
}
