//! No module imports one that imports it back, directly or around.
//!
//! The rule. Look at any module of a crate: its parts are the modules in it, each with everything beneath, and its own
//! file. One part imports another where its code names an item that the other defines. The arrows between the parts of
//! a module must form no cycle.
//!
//! A name belongs to the module that defines it: a `pub use` hands it on, and is no import unless the same file uses the
//! name too. Tests may name anything. Methods are not followed, because no path names them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::slice::from_ref;

use cargo_metadata::Package;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::failure::Failure;
use super::sources::without_tests;
use crate::workspace::{has_extension, relative};

/// How often a name is followed from one `use` to the next.
const MAX_STEPS: usize = 16;

/// A module or an item, as the names from the crate's root to it.
type Names = Vec<String>;
/// The modules of a crate.
type Modules = BTreeMap<Names, Module>;
/// From one part of a module to another, each with the place that shows it.
type Arrows = BTreeMap<String, BTreeMap<String, String>>;

/// A path as a file writes it.
struct Mention {
    path: Names,
    line: usize,
    /// Whether a `pub use` hands on what it means.
    is_handed_on: bool,
}

/// What a module's own file says.
#[derive(Default)]
struct Module {
    file: String,
    /// Paths of two names and more.
    mentions: Vec<Mention>,
    /// Names that stand alone.
    words: BTreeSet<String>,
    /// What each name is that a `use` brings in.
    imports: BTreeMap<String, Mention>,
}

/// The cycles between modules of `package`.
pub(super) fn check(package: &Package, texts: &BTreeMap<String, String>) -> Vec<Failure> {
    let manifest = relative(&package.manifest_path);
    let source = manifest.replace("Cargo.toml", "src/");
    let files = texts.iter().filter_map(|(path, text)| Some((path.strip_prefix(&source)?, text)));
    let is_test = |path: &str| path.split(['/', '.']).any(|part| part == "tests");
    let code = files.filter(|(path, _)| has_extension(path, "rs") && !is_test(path));
    let modules = code.map(|(path, text)| module(path, text)).collect();
    cycles(&modules).into_iter().map(|message| Failure::new(&manifest, 1, message)).collect()
}

/// The module that the file `path` in the folder `src` is, and what it says.
fn module(path: &str, text: &str) -> (Names, Module) {
    let mut names: Names = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    names.pop_if(|last| ["lib", "main", "mod"].contains(&last.as_str()));
    let mut module = Module { file: path.into(), ..Module::default() };
    let mut words = Vec::new();
    flatten(without_tests(text).parse().unwrap_or_default(), &mut words);
    module.read(&words);
    (names, module)
}

/// The names and marks of `tokens`, with their lines. Comments and strings are none.
fn flatten(tokens: TokenStream, words: &mut Vec<(String, usize)>) {
    for token in tokens {
        let line = token.span().start().line;
        match token {
            TokenTree::Group(group) => {
                let [open, close] = match group.delimiter() {
                    Delimiter::Brace => ["{", "}"],
                    Delimiter::Parenthesis => ["(", ")"],
                    _ => ["[", "]"],
                };
                words.push((open.into(), line));
                flatten(group.stream(), words);
                words.push((close.into(), line));
            }
            TokenTree::Literal(_) => words.push((String::new(), line)),
            mark_or_name => words.push((mark_or_name.to_string(), line)),
        }
    }
}

impl Module {
    fn read(&mut self, words: &[(String, usize)]) {
        let word = |at: usize| words.get(at).map_or("", |(word, _)| word.as_str());
        let mut at = 0;
        while at < words.len() {
            let (before, mut found) = (word(at.wrapping_sub(1)), Vec::new());
            if word(at) == "use" && is_name(word(at + 1)) {
                at = read_path(words, at + 1, &[], ["pub", ")"].contains(&before), &mut found);
                self.imports.extend(found);
            } else if is_name(word(at)) && word(at + 1) == ":" && word(at + 2) == ":" {
                at = read_path(words, at, &[], false, &mut found);
                self.mentions.extend(found.into_iter().map(|(_, mention)| mention));
            } else {
                // Neither a method nor a field.
                if before != "." && word(at + 1) != ":" {
                    self.words.insert(word(at).into());
                }
                at += 1;
            }
        }
    }

    /// What its code names: paths, and what it brings in for its own use.
    fn uses(&self) -> impl Iterator<Item = &Mention> {
        let imports = self.imports.iter();
        let used = imports.filter(|(name, import)| !import.is_handed_on || self.words.contains(*name));
        self.mentions.iter().chain(used.map(|(_, import)| import))
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads the path that begins at `at`, below the names `before`, and all that braces at its end name, each with the name
/// by which it is known from then on. Gives where it ends.
fn read_path(
    words: &[(String, usize)],
    mut at: usize,
    before: &[String],
    is_handed_on: bool,
    found: &mut Vec<(String, Mention)>,
) -> usize {
    let word = |at: usize| words.get(at).map_or("", |(word, _)| word.as_str());
    let (mut path, line) = (before.to_vec(), words[at].1);
    while is_name(word(at)) {
        if path.is_empty() || word(at) != "self" {
            path.push(word(at).into());
        }
        at += 1;
        if (word(at), word(at + 1)) != (":", ":") {
            break;
        }
        at += 2;
    }
    if word(at) == "{" && word(at - 1) == ":" {
        while at < words.len() && word(at) != "}" {
            at = read_path(words, at + 1, &path, is_handed_on, found); // It ends before a comma, or the last brace.
        }
        return at + 1;
    }
    let mut name = path.last().cloned().unwrap_or_default();
    if word(at) == "as" && is_name(word(at + 1)) && word(at + 2) != ":" {
        (name, at) = (word(at + 1).into(), at + 2);
    }
    if path.len() > before.len() {
        found.push((name, Mention { path, line, is_handed_on }));
    }
    at
}

/// The cycles between `modules`, each as a message.
fn cycles(modules: &Modules) -> Vec<String> {
    let mut all: BTreeMap<&[String], Arrows> = BTreeMap::new();
    for (from, module) in modules {
        for Mention { path, line, .. } in module.uses() {
            let Some(to) = definer(modules, from, path, MAX_STEPS) else { continue };
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            let [from_part, to_part] =
                [from, &to].map(|names| names.get(common).cloned().unwrap_or("self".into()));
            if from_part != to_part {
                let to_part =
                    all.entry(&from[..common]).or_default().entry(from_part).or_default().entry(to_part);
                to_part.or_insert_with(|| format!("{}:{line} names {}", module.file, path.join("::")));
            }
        }
    }
    let mut messages = Vec::new();
    for arrows in all.values_mut() {
        while let Some(cycle) = cycle(arrows) {
            let places: Vec<_> = cycle.windows(2).map(|pair| arrows[&pair[0]][&pair[1]].as_str()).collect();
            let (parts, places) = (cycle.join(" -> "), places.join(", "));
            messages.push(format!(
                "modules import each other: {parts} ({places}); move what they share below them"
            ));
            arrows.retain(|part, _| !cycle.contains(part));
        }
    }
    messages
}

/// The module that defines what `path` means in the module `from`; `None` if it is a module itself, or not of this crate.
fn definer(modules: &Modules, from: &Names, path: &[String], steps: usize) -> Option<Names> {
    let mut module = from.clone();
    for (index, name) in path.iter().enumerate() {
        match name.as_str() {
            "crate" => module.clear(),
            "self" => {}
            "super" => drop(module.pop()?),
            name => module.push(name.into()),
        }
        if !modules.contains_key(&module) {
            // What a `use` brings in, or an item of the module before it.
            let name = module.pop()?;
            return match modules.get(&module)?.imports.get(&name) {
                Some(import) => {
                    let path = [&import.path, &path[index + 1..]].concat();
                    definer(modules, &module, &path, steps.checked_sub(1)?)
                }
                None => (index > 0).then_some(module),
            };
        }
    }
    None
}

/// The shortest way along `arrows` from the first part that has one back to itself; that part is at both its ends.
fn cycle(arrows: &Arrows) -> Option<Names> {
    arrows.keys().find_map(|first| {
        let (mut ways, mut reached) = (VecDeque::from([vec![first.clone()]]), BTreeSet::new());
        while let Some(way) = ways.pop_front() {
            for next in arrows.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
                let way = [&way[..], from_ref(next)].concat();
                if next == first {
                    return Some(way);
                }
                if reached.insert(next) {
                    ways.push_back(way);
                }
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cycles between the files of a crate, each as its parts.
    fn cycles_of(files: &[(&str, &str)]) -> Vec<String> {
        let root = [("lib.rs", "")];
        let messages = cycles(&root.iter().chain(files).map(|&(path, text)| module(path, text)).collect());
        let begin = "modules import each other: ";
        let parts = |message: &String| message[begin.len()..].split(" (").next().unwrap().to_owned();
        messages.iter().map(parts).collect()
    }

    const CLEAN: [&str; 0] = [];

    #[test]
    fn modules_that_import_each_other_are_found_with_their_places() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "\nuse crate::b::B;\npub struct A(B);\n"),
            ("b.rs", "pub struct B;\nimpl B { fn a(&self) { crate::a::A(B); } }\n"),
        ];
        let messages = cycles(&files.iter().map(|&(path, text)| module(path, text)).collect());
        let expected = "modules import each other: a -> b -> a (a.rs:2 names crate::b::B, b.rs:2 names \
            crate::a::A); move what they share below them";
        assert_eq!(messages, [expected]);
    }

    #[test]
    fn a_cycle_may_go_around() {
        let [a, b, c] = [
            ("a.rs", "use super::b::X;"),
            ("b.rs", "use crate::{\n    c::{self, Y as Z},\n    d::D,\n};"),
            ("c.rs", "fn f() { crate::a::f() }"),
        ];
        assert_eq!(cycles_of(&[a, b, c, ("d.rs", "")]), ["a -> b -> c -> a"]);
        assert_eq!(cycles_of(&[a, b, ("c.rs", "fn f() { crate::d::f() }"), ("d.rs", "")]), CLEAN);
    }

    #[test]
    fn two_cycles_are_two() {
        let files = [
            ("a.rs", "use super::b::B;"),
            ("b.rs", "use super::a::A;"),
            ("c.rs", "use super::{a::A, d::D};"),
        ];
        assert_eq!(
            cycles_of(&[&files[..], &[("d.rs", "use super::c::C;")]].concat()),
            ["a -> b -> a", "c -> d -> c"]
        );
    }

    #[test]
    fn a_name_belongs_to_the_module_that_defines_it() {
        let lib = ("lib.rs", "mod a;\nmod b;\npub use a::A;\npub(crate) use b::{B, f};\n");
        assert_eq!(cycles_of(&[lib, ("a.rs", "use crate::B;"), ("b.rs", "use crate::Other;")]), CLEAN);
        assert_eq!(cycles_of(&[lib, ("a.rs", "use crate::B;"), ("b.rs", "use crate::A;")]), ["a -> b -> a"]);
        assert_eq!(
            cycles_of(&[lib, ("a.rs", "fn g() { crate::f() }"), ("b.rs", "use super::A;")]),
            ["a -> b -> a"]
        );
    }

    #[test]
    fn a_parent_hands_on_its_children_and_does_not_import_them() {
        let child = ("a.rs", "use super::Error;\npub struct A;");
        let parent = "mod a;\npub use a::A;\npub enum Error {}\n";
        assert_eq!(cycles_of(&[("lib.rs", parent), child]), CLEAN);
        for import in ["fn f(a: A) {}", "fn f() { a::f() }", "use a::f;"] {
            assert_eq!(
                cycles_of(&[("lib.rs", &[parent, import].concat()), child]),
                ["a -> self -> a"],
                "{import}"
            );
        }
    }

    #[test]
    fn folders_are_parts_with_all_that_is_beneath() {
        let files = [
            ("a.rs", "mod x; mod y;"),
            ("a/x.rs", "use crate::b::z::Z;"),
            ("a/y.rs", "pub struct Y;"),
            ("b/mod.rs", "mod w; mod z;"),
            ("b/w.rs", "use crate::a::y::Y;"),
            ("b/z.rs", "pub struct Z;"),
        ];
        assert_eq!(cycles_of(&files), ["a -> b -> a"]);
        let inner =
            [("a.rs", ""), ("a/x.rs", "use super::y::Y;"), ("a/y.rs", "use super::x;\nfn f() { x::g() }")];
        assert_eq!(cycles_of(&inner), ["x -> y -> x"]);
    }

    #[test]
    fn tests_comments_strings_and_other_crates_import_nothing() {
        let a = ("a.rs", "use crate::b::B;\nuse std::a::Other;\n");
        for b in [
            "struct B;\n\n#[cfg(test)]\nmod tests { use crate::a::A; }",
            "/// crate::a::A\nstruct B;",
            "// crate::a::A",
            "const B: &str = \"crate::a::A\";",
            "use anyhow::anyhow;\nfn f() { anyhow::a() }",
            "pub(in crate::a) struct B;",
        ] {
            assert_eq!(cycles_of(&[a, ("b.rs", b)]), CLEAN, "{b}");
        }
        let in_macro = ("b.rs", "fn f() { println!(\"{}\", crate::a::A) }");
        assert_eq!(cycles_of(&[a, in_macro]), ["a -> b -> a"]);
    }
}
