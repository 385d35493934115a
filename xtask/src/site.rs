//! The page without a server: a folder of static files, in which a module of WebAssembly answers instead of the server.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::json;

use crate::workspace::{cargo, has_extension, root};

const TARGET: &str = "wasm32-unknown-unknown";
/// What builds the module. The target folder is its own, for other flags build other dependencies.
const BUILD: &str = "rustc --lib --crate-type cdylib --package mnist2x2-web --profile site --target wasm32-unknown-unknown \
    --target-dir target/site";
const MODULE: &str = "target/site/wasm32-unknown-unknown/site/mnist2x2_web.wasm";
/// The page as the server sends it, and what is different without a server.
const PAGES: [&str; 2] = ["crates/mnist2x2-serve/page", "crates/mnist2x2-web/page"];
/// The service worker, which must lie above all that it keeps.
const SERVICE_WORKER: &str = "sw.js";

/// Where to put it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of the site; what lies there under the same names is written over.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Take this module, such as one that wasm-opt has made smaller, and build none.
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
}

/// Builds the module, and writes the folder.
pub(crate) fn run(Arguments { out, module }: &Arguments) -> Result<()> {
    let here = env::current_dir().context("there is no current folder")?;
    let module = module.as_ref().map(|path| here.join(path));
    write(&here.join(out), &module.map_or_else(build, Ok)?)
}

/// Writes the folder, with the module in this file.
pub(crate) fn write(out: &Path, module: &Path) -> Result<()> {
    let files = site(fs::read(module).with_context(|| format!("cannot read {}", module.display()))?)?;
    for (name, bytes) in &files {
        let path = out.join(name);
        let written = fs::create_dir_all(path.parent().unwrap_or(out)).and_then(|()| fs::write(&path, bytes));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    let megabytes = files.values().map(Vec::len).sum::<usize>() as f64 / 1e6;
    println!(
        "site: {megabytes:.1} MB; look at it with: python3 -m http.server --directory {}",
        out.display()
    );
    Ok(())
}

/// The module of WebAssembly, built by the compiler of this workspace or by Debian's.
pub(crate) fn build() -> Result<PathBuf> {
    let mut command = if has_target()? { cargo(BUILD) } else { debian()? };
    let status = command.args(["--config", &without_paths()]).status().context("cannot run cargo")?;
    ensure!(status.success(), "the module of WebAssembly does not build");
    Ok(root().join(MODULE))
}

/// The setting of cargo by which messages of the module name the files of dependencies without where they lie on this machine.
fn without_paths() -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).unwrap_or_default();
    let folders = fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
    let flags: Vec<String> =
        folders.map(|folder| format!("--remap-path-prefix={}=", folder.path().display())).collect();
    format!("target.{TARGET}.rustflags = {}", json!(flags))
}

/// Whether the compiler of this workspace builds for WebAssembly; rustup adds that where it is missing.
fn has_target() -> Result<bool> {
    let libraries = output("rustc", &["--print", "target-libdir", "--target", TARGET])?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(true);
    }
    println!("site: rustup target add {TARGET}");
    let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(root()).status();
    Ok(added.is_ok_and(|status| status.success()))
}

/// Debian's cargo with its compiler, which builds the standard library too.
fn debian() -> Result<Command> {
    let [cargo, rustc] = ["/usr/bin/cargo", "/usr/bin/rustc"];
    let sysroot = output(rustc, &["--print", "sysroot"]).unwrap_or_default();
    if !Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library").is_dir() || !Path::new(cargo).is_file()
    {
        bail!(
            "there is no compiler for {TARGET}: `rustup target add {TARGET}` fails, and Debian's rustc-web, cargo-web, \
             rust-web-src and lld are not installed"
        );
    }
    println!("site: Debian's compiler builds it");
    let mut command = Command::new(cargo);
    command.args(BUILD.split_whitespace()).arg("-Zbuild-std=std,panic_abort").current_dir(root());
    command.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
    Ok(command)
}

/// What a program says.
fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).current_dir(root()).stderr(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// All files of the site, by their paths in it.
fn site(module: Vec<u8>) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut assets = BTreeMap::new();
    for folder in PAGES {
        for entry in fs::read_dir(root().join(folder)).with_context(|| format!("cannot read {folder}"))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if ["js", "css", "svg"].iter().any(|extension| has_extension(&name, extension)) {
                let text =
                    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                assets.insert(name, without_comments(&text).into());
            }
        }
    }
    let service_worker = assets.remove(SERVICE_WORKER).context("the service worker is missing")?;
    let page = page(&fs::read_to_string(root().join(PAGES[0]).join("index.html"))?, module.len())?;
    assets.insert("mnist2x2.wasm".into(), module);
    let mut hasher = DefaultHasher::new();
    (&page, &service_worker, &assets).hash(&mut hasher);
    // Addresses with a version, so that no cache on the way mixes those of two.
    let version = format!("{:016x}", hasher.finish());
    let folder = format!("assets/{version}/");
    let mut files: BTreeMap<_, _> =
        assets.into_iter().map(|(name, bytes)| (format!("{folder}{name}"), bytes)).collect();
    let kept = json!({ "version": version, "paths": files.keys().collect::<Vec<_>>() });
    let service_worker =
        replaced(&String::from_utf8(service_worker)?, "/* files */", ";", &format!("{kept};"))?;
    files.insert(SERVICE_WORKER.into(), service_worker.into());
    files.insert("index.html".into(), page.replace("\"assets/", &format!("\"{folder}")).into());
    files.insert("README.md".into(), include_str!("../../crates/mnist2x2-web/page/space.md").into());
    Ok(files)
}

/// A script or a style sheet without indentation, and without the comments with which lines begin: no browser needs them, and they
/// are a third of the packed bytes.
fn without_comments(text: &str) -> String {
    let mut in_comment = false;
    let mut code = |line: &str| {
        in_comment |= line.starts_with("/*");
        let end = if in_comment { line.find("*/") } else { None };
        let line = end.map_or(line, |end| line[end + 2..].trim_start());
        in_comment &= end.is_none();
        (!in_comment && !line.is_empty() && !line.starts_with("//")).then(|| format!("{line}\n"))
    };
    text.lines().filter_map(|line| code(line.trim())).collect()
}

/// The page of the server with what is different without one, for a module of so many bytes.
fn page(index: &str, module: usize) -> Result<String> {
    let part = |name: &str| {
        let path = root().join(PAGES[1]).join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let page = replaced(index, "</head>", "", &(part("head.html")? + "</head>"))?;
    let page = replaced(&page, "  <noscript>", "</noscript>\n", &part("noscript.html")?)?;
    let error = "    <div id=\"error\"";
    let page = replaced(&page, error, "", &(part("loading.html")? + error))?;
    let page = replaced(&page, "<footer", "</footer>\n", &part("footer.html")?)?;
    replaced(&page, "BYTES", "", &module.to_string())
}

/// `text` with another part in place of the only one that begins with `from` and ends with the next `to`.
fn replaced(text: &str, from: &str, to: &str, part: &str) -> Result<String> {
    let (before, rest) = text.split_once(from).with_context(|| format!("the page has no {from:?}"))?;
    let (_, after) = rest.split_once(to).with_context(|| format!("the page has no {to:?} after {from:?}"))?;
    ensure!(!after.contains(from), "the page has {from:?} twice");
    Ok([before, part, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_of_the_page_is_replaced_and_no_other() {
        assert_eq!(replaced("a <b>c</b> d", "<b", "</b>", "x").unwrap(), "a x d");
        assert_eq!(replaced("a b", "b", "", "c").unwrap(), "a c");
        for (text, problem) in [("a", "no \"<b\""), ("<b", "no \"</b>\""), ("<b></b><b></b>", "twice")] {
            let error = replaced(text, "<b", "</b>", "x").unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn comments_with_which_lines_begin_are_left_out() {
        let text = "/** What\n * it is.\n */\n// @ts-check\n/** f */ let a = \"// b\"; // c\n\n  /* d */\n  f(/* e */ a);\n";
        assert_eq!(without_comments(text), "let a = \"// b\"; // c\nf(/* e */ a);\n");
    }

    #[test]
    fn the_site_names_each_of_its_files_and_no_other_host() {
        let files = site(b"a module".to_vec()).unwrap();
        let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
        let (page, kept) = (text("index.html"), text(SERVICE_WORKER));
        for (name, _) in files.iter().filter(|(name, _)| name.starts_with("assets/")) {
            assert!(kept.contains(&format!("\"{name}\"")), "{name} is not kept");
        }
        for address in page.split("=\"assets/").skip(1).filter_map(|rest| rest.split_once('"')) {
            assert!(files.contains_key(&format!("assets/{}", address.0)), "{} is missing", address.0);
        }
        assert!(page.contains("max=\"8\"") && !page.contains("openapi") && !page.contains("upload"));
        for (name, bytes) in &files {
            let text =
                String::from_utf8_lossy(bytes).replace("http://www.w3.org", "").replace("https://page/", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{name} names another host");
        }
        assert_eq!(files, site(b"a module".to_vec()).unwrap(), "the same sources make the same site");
        assert_ne!(
            kept,
            String::from_utf8(site(b"another".to_vec()).unwrap()[SERVICE_WORKER].clone()).unwrap()
        );
    }
}
