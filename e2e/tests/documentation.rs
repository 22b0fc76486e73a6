//! The documentation names existing tests and files.

use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The text of every source file that may contain tests.
fn test_sources() -> String {
    let folders = ["crates", "e2e/tests", "charms/tests"];
    let mut pending: Vec<_> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut text = String::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            pending.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path
            .extension()
            .is_some_and(|kind| kind == "rs" || kind == "py")
        {
            text += &std::fs::read_to_string(&path).unwrap();
        }
    }
    text
}

#[test]
fn tests_named_in_the_comparison_exist() {
    let page = root().join("docs/explanation/what-is-different.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('_'));
    let cells: Vec<_> = rows.filter_map(|row| row.rsplit('|').nth(1)).collect();
    let names: Vec<_> = cells
        .iter()
        .flat_map(|cell| cell.split('`'))
        .filter(|name| !name.trim().is_empty())
        .collect();
    assert!(names.len() > 20, "the page names {} tests", names.len());
    let sources = test_sources();
    for name in names {
        let definitions = [format!("fn {name}("), format!("def {name}(")];
        assert!(
            definitions.iter().any(|it| sources.contains(it)),
            "there is no test {name}"
        );
    }
}

#[test]
fn links_between_documents_resolve() {
    let mut pending = vec![root().join("docs")];
    let mut pages: Vec<_> = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ]
    .map(|page| root().join(page))
    .into();
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => pending.push(path),
                Some(kind) if kind == "md" => pages.push(path),
                _ => {}
            }
        }
    }
    let mut checked = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        let links = text.split("](").skip(1);
        for link in links.filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let target = page.parent().unwrap().join(file);
            assert!(target.exists(), "{} links to {link}", page.display());
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} links were found");
}
