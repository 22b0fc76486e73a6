//! Keeps the imports inside each crate free of circles, so that a file can be read after those that it
//! uses, and no arrow of the picture runs up. (Between crates, cargo refuses circles itself.)

mod graph;
mod names;
mod source;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};

use self::source::SourceFile;
use crate::command::{output, root};

/// The path of a module inside its crate, such as `["storage", "fs"]`; empty for the root.
type ModulePath = Vec<String>;

/// Fails when files of one crate import each other in a circle.
pub(crate) fn check() -> Result<()> {
    let listed = output(
        std::process::Command::new("git")
            .args(["ls-files", "*.rs"])
            .current_dir(root()),
    )?;
    let files: Vec<&str> = listed.lines().filter(|file| is_production(file)).collect();
    let sources: std::collections::BTreeSet<&str> = files
        .iter()
        .filter_map(|file| source_folder(file))
        .collect();
    let mut circles = Vec::new();
    for folder in sources {
        let modules = read_crate(folder, &files)?;
        let arrows = names::arrows(&modules);
        circles.extend(
            graph::circles_between_siblings(&arrows)
                .into_iter()
                .map(|circle| describe(folder, &circle, &arrows)),
        );
    }
    ensure!(
        circles.is_empty(),
        "files import each other in a circle; move what both need into a file below them:\n{}",
        circles.join("\n")
    );
    Ok(())
}

fn is_production(file: &str) -> bool {
    let in_tests = file
        .split('/')
        .any(|part| matches!(part, "tests" | "tests.rs"));
    !in_tests && !file.ends_with("/src/main.rs") && !file.contains("/src/bin/")
}

/// `crates/aar-fs/src` of `crates/aar-fs/src/hash.rs`.
fn source_folder(file: &str) -> Option<&str> {
    file.find("/src/").map(|end| &file[..end + 4])
}

fn read_crate(folder: &str, files: &[&str]) -> Result<BTreeMap<ModulePath, SourceFile>> {
    let inside = files.iter().filter_map(|file| {
        let relative = file.strip_prefix(folder)?.strip_prefix('/')?;
        Some((*file, module_path(relative)))
    });
    inside
        .map(|(file, module)| {
            let text = fs::read_to_string(root().join(Path::new(file)))?;
            let source = SourceFile::parse(&text).with_context(|| format!("cannot read {file}"))?;
            Ok((module, source))
        })
        .collect()
}

fn module_path(relative: &str) -> ModulePath {
    let mut path: ModulePath = relative
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if path
        .last()
        .is_some_and(|last| last == "mod" || (path.len() == 1 && last == "lib"))
    {
        path.pop();
    }
    path
}

fn describe(folder: &str, circle: &[ModulePath], arrows: &names::Arrows) -> String {
    let mut lines = vec![format!("{folder}:")];
    let sibling = |module: &ModulePath| circle.iter().find(|sibling| module.starts_with(sibling));
    for (from, used) in arrows {
        for (to, names) in used {
            let (inside, target) = (sibling(from), sibling(to));
            if inside.is_some() && target.is_some() && inside != target {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                lines.push(format!(
                    "  {} uses {} of {}",
                    display(from),
                    names.join(", "),
                    display(to)
                ));
            }
        }
    }
    lines.join("\n")
}

fn display(module: &ModulePath) -> String {
    if module.is_empty() {
        "the root".to_owned()
    } else {
        module.join("::")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<Vec<ModulePath>> {
        let modules = files
            .iter()
            .map(|(file, text)| {
                (
                    module_path(file),
                    SourceFile::parse(text).expect("valid Rust"),
                )
            })
            .collect();
        graph::circles_between_siblings(&names::arrows(&modules))
    }

    #[test]
    fn files_that_use_each_other_are_reported() {
        let cases = [
            (
                "two siblings",
                "use crate::b::B;",
                "use super::a::A; pub struct B;",
            ),
            (
                "a path in an expression",
                "fn a() { super::b::b() }",
                "use crate::a::a; pub fn b() {}",
            ),
            (
                "a path in a macro",
                "fn a() { dbg!(crate::b::b()) }",
                "use crate::a::a; pub fn b() {}",
            ),
            (
                "a path in a type",
                "struct A(crate::b::B);",
                "use crate::a::A; pub struct B;",
            ),
            (
                "an inline module",
                "mod c { use super::super::b::B; }",
                "use crate::a::A; pub struct B;",
            ),
            ("a glob", "use crate::b::*;", "use crate::a::*;"),
        ];
        for (case, a, b) in cases {
            let found = circles(&[("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b.rs", b)]);
            assert_eq!(
                found,
                [[vec!["a".to_owned()], vec!["b".to_owned()]]],
                "{case}"
            );
        }
    }

    #[test]
    fn folders_that_use_each_other_by_their_files_are_reported() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod one; mod two;"),
            ("b/mod.rs", "mod one; mod two;"),
            ("a/one.rs", "use crate::b::two::Two;"),
            ("a/two.rs", "pub struct Two;"),
            ("b/one.rs", "use crate::a::two::Two;"),
            ("b/two.rs", "pub struct Two;"),
        ]);
        assert_eq!(found, [[vec!["a".to_owned()], vec!["b".to_owned()]]]);
    }

    #[test]
    fn file_of_a_folder_may_use_what_the_folder_defines() {
        let found = circles(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b; pub struct A; fn a() { b::b() }"),
            ("a/b.rs", "use super::A; pub fn b() {}"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn reexported_name_leads_to_the_file_that_defines_it() {
        let found = circles(&[
            ("lib.rs", "mod a; pub use a::{A, c::C as D};"),
            (
                "a/mod.rs",
                "mod b; mod c; pub use self::b::A; pub use c::*;",
            ),
            ("a/b.rs", "use crate::D; pub struct A;"),
            ("a/c.rs", "pub struct C;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn tests_may_use_everything() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B;"),
            (
                "b.rs",
                "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }",
            ),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
