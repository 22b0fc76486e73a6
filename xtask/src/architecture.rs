//! Keeps the paths true that `ARCHITECTURE.md` names.

use std::fs;

use anyhow::{Result, ensure};

use crate::command::{output, root};

const DOCUMENT: &str = "ARCHITECTURE.md";

/// Every path in backticks exists: as it is, or as the end of the path of a file or folder, which may
/// leave out a crate's `src`.
pub(crate) fn check_paths() -> Result<()> {
    let text = fs::read_to_string(root().join(DOCUMENT))?;
    let listed = output(
        std::process::Command::new("git")
            .args(["ls-files"])
            .current_dir(root()),
    )?;
    let files: Vec<String> = listed.lines().map(|file| format!("/{file}")).collect();
    let missing = missing_paths(&text, &files);
    ensure!(
        missing.is_empty(),
        "{DOCUMENT} names paths that do not exist: {}",
        missing.join(", ")
    );
    Ok(())
}

/// `files` are all files of the repository, each beginning with a slash.
fn missing_paths<'a>(text: &'a str, files: &[String]) -> Vec<&'a str> {
    let (prose, blocks) = split_blocks(text);
    let quoted = prose
        .iter()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted
        // A block shows the layout of the storage, whose names are no files of the repository.
        .filter(|name| is_path(name) && !blocks.iter().any(|line| line.starts_with(name)))
        .filter(|path| !files.iter().any(|file| is_named(file, path)))
        .collect()
}

/// The lines of the text, and the lines of its fenced blocks.
fn split_blocks(text: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut prose, mut blocks) = (Vec::new(), Vec::new());
    let mut is_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_block = !is_block;
        } else if is_block {
            blocks.push(line);
        } else {
            prose.push(line);
        }
    }
    (prose, blocks)
}

fn is_path(name: &str) -> bool {
    let is_file = [".rs", ".toml", ".md", ".json", ".yaml"]
        .iter()
        .any(|extension| name.ends_with(extension));
    let is_relative = !name.starts_with(['/', '.']) && !name.contains([' ', '<', '{', ':', '*']);
    is_relative && (is_file || name.contains('/'))
}

fn is_named(file: &str, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    file.find(&format!("/{path}")).is_some_and(|start| {
        matches!(
            file.as_bytes().get(start + path.len() + 1),
            None | Some(b'/')
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_a_missing_file_is_reported() {
        let files = ["/crates/aar-sync/src/plan.rs", "/deny.toml"].map(str::to_owned);
        let text = "`plan.rs`, `aar-sync/src/`, `deny.toml`, `an.rs`, `sync/src/`, `GET /1.0/x`, \
                    `staging/`, `http/v1/`\n```\nstaging/   uploads\n```\n";
        assert_eq!(
            missing_paths(text, &files),
            ["an.rs", "sync/src/", "http/v1/"]
        );
    }
}
