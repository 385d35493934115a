//! Rules for every file of text: clean line ends, and nothing that is true on one machine only.

use super::failure::Failure;

/// Folders at the root of a machine that differ from one to the next.
const MACHINE_FOLDERS: [&str; 4] = ["work", "tmp", "home", "root"];

/// The one file that may know where it runs.
const LOCAL: &str = ".ci/run";

/// What is wrong with the lines of `text`.
pub(super) fn check(path: &str, text: &str) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut fail = |line, message: String| failures.push(Failure::new(path, line, message));
    for (index, line) in text.lines().enumerate() {
        if line.trim_end() != line {
            fail(index + 1, "remove the white space at the end of the line".into());
        }
        if let Some(local) = machine_path(line).filter(|_| path != LOCAL) {
            fail(index + 1, format!("`{local}` is a path of one machine; write it relative to the root"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        fail(text.lines().count(), "end the last line with a newline".into());
    }
    failures
}

/// The beginning of an absolute path into one of [`MACHINE_FOLDERS`].
fn machine_path(line: &str) -> Option<String> {
    let folders = MACHINE_FOLDERS.map(|folder| format!("/{folder}/"));
    let begins_a_path = |start: usize| {
        let before = line[..start].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-~*}>/".contains(c))
    };
    let occurs = |folder: &String| line.match_indices(folder.as_str()).any(|(start, _)| begins_a_path(start));
    folders.into_iter().find(occurs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: [usize; 0] = [];

    fn lines_of(path: &str, text: &str) -> Vec<usize> {
        check(path, text).iter().map(|failure| failure.line).collect()
    }

    #[test]
    fn lines_end_cleanly() {
        assert_eq!(lines_of("a.md", "one\ntwo\n"), CLEAN);
        assert_eq!(lines_of("a.md", ""), CLEAN);
        assert_eq!(lines_of("a.md", "one \ntwo\n\t\n"), [1, 3]);
        assert_eq!(lines_of("a.md", "one\ntwo"), [2]);
    }

    #[test]
    fn no_file_knows_the_machine() {
        for folder in MACHINE_FOLDERS {
            for line in ["/F/me/x", "open(\"/F/x\")", "see `/F/x`", "DIR=/F/x", "file:///F/x"] {
                let text = format!("\n{}\n", line.replace('F', folder));
                let expected = if line.starts_with("file:") { [].as_slice() } else { &[2] };
                assert_eq!(lines_of("a.md", &text), expected, "{text}");
                assert_eq!(lines_of(LOCAL, &text), CLEAN, "{text}");
            }
            for line in
                ["docs/F/x", "https://example.org/F/x", "./F/x", "$HOME/F", "\"${dir}/F/x\"", "/Flow/x"]
            {
                assert_eq!(lines_of("a.md", &format!("{}\n", line.replace('F', folder))), CLEAN, "{line}");
            }
        }
    }
}
