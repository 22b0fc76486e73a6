//! `cargo xtask ci`: what a change has to pass, cheapest first.

use anyhow::Result;

use crate::{
    bench,
    command::{cargo, run},
    demo, generate, instructions, test,
};

pub(crate) fn all() -> Result<()> {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    run(&mut cargo(&[
        "deny",
        "check",
        "--allow",
        "unused-wrapper",
        "bans",
        "licenses",
        "sources",
    ]))?;
    run(&mut cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    let mut doc = cargo(&[
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    generate::run(&generate::Args { check: true })?;
    test::run(&test::Args::default())?;
    demo::check()?;
    // That it works; how fast it is, a shared machine cannot tell.
    bench::run(&bench::Args {
        args: vec!["--quick".to_owned()],
    })?;
    instructions::run(&instructions::Args::default())
}
