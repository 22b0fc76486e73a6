//! `cargo xtask package`, and the checks of everything below `packaging/` and of the charms' files.
//!
//! Each definition is checked by its format's own tool, or by the schema that its project
//! publishes. The Debian packages are built, installed, run and purged again.

mod build;
mod definitions;
mod image;
mod machine;
mod service;
mod snapshot;

use anyhow::{Context, Result, ensure};

use crate::{
    command::{cargo, output, root, run},
    python,
    skip::skip,
};

/// How to build the packages.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Pack the programs of the development profile, as the tests do
    #[arg(long)]
    debug: bool,
}

/// Builds the Debian packages and says where they are.
pub(crate) fn package(args: &Args) -> Result<()> {
    let profile: &[&str] = if args.debug { &[] } else { &["--release"] };
    let programs = ["build", "-p", "aar-server", "-p", "ams", "-p", "amc"];
    run(cargo(&programs).args(profile))?;
    for package in build::packages(if args.debug { "debug" } else { "release" })? {
        println!("{}", package.display());
    }
    Ok(())
}

/// Checks the definitions and tests the Debian packages. The programs have been built.
pub(crate) fn test() -> Result<()> {
    match python::environment("packaging-venv", &root().join("packaging/requirements.txt")) {
        Ok(tools) => definitions::check(&tools)?,
        Err(reason) => skip("the definitions of charms, snaps and images", &reason)?,
    }
    match possible() {
        Ok(()) => machine::test(&build::packages("debug")?),
        Err(reason) => skip("the Debian packages", &reason),
    }
}

/// Installing is for root, on a machine that has neither the packages nor a systemd that would start
/// their services.
fn possible() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "only root can install them"
    );
    output(cargo(&["deb", "--version"]).env_remove("CARGO_TARGET_DIR"))
        .context("install cargo-deb")?;
    for tool in ["dpkg", "setpriv", "systemd-analyze"] {
        output(std::process::Command::new(tool).arg("--version"))?;
    }
    let running = std::path::Path::new("/run/systemd/system").exists();
    ensure!(!running, "systemd runs here and would start the services");
    for program in machine::PROGRAMS {
        let folder = machine::base(program);
        ensure!(!folder.exists(), "{} is in use", folder.display());
    }
    Ok(())
}
