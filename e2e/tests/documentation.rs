//! What the documentation claims to be tested is tested.

use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every source file that holds tests, as one text.
fn tests() -> String {
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
fn every_test_that_the_comparison_names_exists() {
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
    let tests = tests();
    for name in names {
        let found = [format!("fn {name}("), format!("def {name}(")];
        assert!(
            found.iter().any(|found| tests.contains(found)),
            "there is no test {name}"
        );
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
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
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap();
            let here = file.is_empty() || file.contains("://");
            let there = page.parent().unwrap().join(file);
            assert!(here || there.exists(), "{} links to {link}", page.display());
        }
    }
}
