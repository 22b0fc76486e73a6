//! `cargo xtask lint`: what can be checked without running tests.

use anyhow::Result;

use crate::{
    architecture, arrows,
    command::{cargo, run},
    generate,
};

pub(crate) fn lint() -> Result<()> {
    quick()?;
    clippy()?;
    documentation()?;
    generate::run(&generate::Args { check: true })
}

pub(crate) fn quick() -> Result<()> {
    run_cargo(&["fmt", "--all", "--check"])?;
    run_cargo(&[
        "deny",
        "check",
        "--allow",
        "unused-wrapper",
        "bans",
        "licenses",
        "sources",
    ])?;
    architecture::check_paths()?;
    arrows::check()
}

pub(crate) fn clippy() -> Result<()> {
    run_cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])
}

/// The documentation of every item, private ones included: a link to a name that does not exist fails.
pub(crate) fn documentation() -> Result<()> {
    let mut doc = cargo(&[
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    // There are no examples; naming them selects the features of the tests, with which clippy has
    // checked the dependencies already.
    doc.args(["--lib", "--bins", "--examples"]);
    run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

fn run_cargo(args: &[&str]) -> Result<()> {
    run(&mut cargo(args))
}
