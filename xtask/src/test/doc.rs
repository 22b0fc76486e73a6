//! Examples in doc comments. nextest does not run them.

use std::{fs, path::Path};

use anyhow::Result;

use crate::command::{cargo, root, run};

/// Runs the examples where there are any: the tool takes seconds for each crate even without one.
pub(super) fn test() -> Result<()> {
    if has_example(&root().join("crates"))? {
        run(&mut cargo(&["test", "--workspace", "--doc"]))?;
    }
    Ok(())
}

fn has_example(folder: &Path) -> Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            has_example(&path)?
        } else {
            path.extension().is_some_and(|extension| extension == "rs")
                && fs::read_to_string(&path)?.lines().any(is_fence)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_fence(line: &str) -> bool {
    let line = line.trim_start();
    let comment = line.strip_prefix("///").or(line.strip_prefix("//!"));
    comment.is_some_and(|text| text.trim_start().starts_with("```"))
}
