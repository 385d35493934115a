//! A folder to work in, with a small MNIST made of synthetic digits.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mnist2x2::data::mnist::Split;
use mnist2x2::data::{GridShape, SIDE, stitch_u8, synthetic};
use tempfile::TempDir;

/// Training digits and test digits of the small MNIST.
const TRAIN: usize = 200;
const TEST: usize = 40;

/// A working folder; `mnist` in it holds four files.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(bench.path("mnist")).unwrap();
        bench.write_split("train", Split::Train, TRAIN);
        bench.write_split("t10k", Split::Test, TEST);
        bench
    }

    fn write_split(&self, name: &str, split: Split, count: usize) {
        let digits = synthetic::digits(split, count, 1);
        let header =
            |words: &[usize]| words.iter().flat_map(|&word| (word as u32).to_be_bytes()).collect::<Vec<_>>();
        let mut images = header(&[0x803, count, SIDE, SIDE]);
        let mut labels = header(&[0x801, count]);
        for index in 0..count {
            images.extend_from_slice(digits.image(index));
            labels.push(digits.label(index));
        }
        fs::write(self.path(&format!("mnist/{name}-images-idx3-ubyte")), images).unwrap();
        fs::write(self.path(&format!("mnist/{name}-labels-idx1-ubyte")), labels).unwrap();
    }

    /// Writes the file that names the writers of a split's digits: `writers` people in turn.
    pub(crate) fn name_writers(&self, split: &str, digits: &str, writers: u32) {
        let labels = self.read(&format!("mnist/{digits}-labels-idx1-ubyte")).split_off(8);
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
        let mut file = words(&[0xc02, labels.len() as u32, 8]);
        for (number, label) in (0..).zip(labels) {
            file.extend(words(&[label.into(), 0, number % writers, 0, 0, 0, 0, 0]));
        }
        fs::write(self.path(&format!("mnist/qmnist-{split}-labels-idx2-int")), file).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The names in a folder, sorted; none if there is no such folder.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Writes a picture of the test digits 0 to 3.
    pub(crate) fn write_grid(&self, name: &str) {
        let shape = GridShape { rows: 2, cols: 2 };
        let mut pixels = vec![0; shape.pixels()];
        stitch_u8(&synthetic::digits(Split::Test, 4, 1), &[0, 1, 2, 3], shape, &mut pixels);
        image::GrayImage::from_raw(56, 56, pixels).unwrap().save(self.path(name)).unwrap();
    }

    /// The program in this folder, with no way to a network and no MNIST but the one given by `arguments`.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mnist2x2"));
        command.args(arguments.split_whitespace()).current_dir(self.folder.path()).env_remove("MNIST_DIR");
        command.env_remove("CARGO_PKG_NAME"); // as people start it, not as cargo does
        for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy"] {
            command.env(proxy, "http://127.0.0.1:9"); // the discard port, where nobody answers
        }
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Run {
        Run::new(self.command(arguments).output().unwrap())
    }

    /// As [`Bench::run`], for what must succeed.
    pub(crate) fn done(&self, arguments: &str) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments}: {}", run.stderr);
        run
    }

    /// The one line of an error, for what must fail with this exit code.
    pub(crate) fn fails(&self, code: i32, arguments: &str) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, code, "{arguments}: {}", run.stderr);
        assert!(!run.stderr.contains("panicked"), "{arguments}: {}", run.stderr);
        let errors: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{arguments}: {}", run.stderr);
        errors[0].into()
    }
}

/// How the program ended and what it said.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let run = Self {
            code: output.status.code().expect("ended by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!run.stderr.contains('\u{1b}'), "escape codes where there is no terminal: {}", run.stderr);
        run
    }

    /// Standard output as JSON, a value per line.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Changes a file's bytes.
pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}
