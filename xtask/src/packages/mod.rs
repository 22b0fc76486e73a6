//! `cargo xtask package`, and the checks of the files below `packaging/` and of the charms' definitions.
//!
//! The tool of each format checks its definitions, or the schema that its project publishes. The
//! Debian packages are built, installed, run and purged.

mod deb;
mod definitions;
mod image;
mod install;
mod service;
mod snapshot;

use std::{path::PathBuf, process::Command, slice};

use anyhow::{Result, ensure};

use crate::{
    command::{cargo, output, root, run},
    python,
    skip::skip,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Package the programs of the development profile, as the tests do
    #[arg(long)]
    debug: bool,
}

/// Builds the Debian packages and prints their paths.
pub(crate) fn package(args: &Args) -> Result<()> {
    let profile: &[&str] = if args.debug { &[] } else { &["--release"] };
    let programs = ["build", "-p", "aar-server", "-p", "ams", "-p", "amc"];
    run(cargo(&programs).args(profile))?;
    for package in deb::build(if args.debug { "debug" } else { "release" })? {
        println!("{}", package.display());
    }
    Ok(())
}

/// Checks the definitions and tests the Debian packages. The programs have to be built already.
pub(crate) fn test() -> Result<()> {
    match environment() {
        Ok(tools) => definitions::check(&tools)?,
        Err(reason) => skip("the definitions of charms, snaps and images", &reason)?,
    }
    match can_install() {
        Ok(()) => install::test(&deb::build("debug")?),
        Err(reason) => skip("the Debian packages", &reason),
    }
}

/// The folder with the tools that check the definitions.
pub(crate) fn environment() -> Result<PathBuf> {
    let requirements = root().join("packaging/requirements.txt");
    python::environment("packaging-venv", slice::from_ref(&requirements), |tools| {
        python::pip_install(tools, &[], &requirements)
    })
}

/// Packages can be installed by root, on a machine that has neither the packages nor a systemd that
/// would start their services.
fn can_install() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "only root can install them"
    );
    for tool in ["dpkg-deb", "dpkg-shlibdeps", "setpriv", "systemd-analyze"] {
        output(Command::new(tool).arg("--version"))?;
    }
    let systemd_runs = std::path::Path::new("/run/systemd/system").exists();
    ensure!(
        !systemd_runs,
        "systemd runs here and would start the services"
    );
    for program in install::SERVICES {
        let folder = install::base(program);
        ensure!(!folder.exists(), "{} is in use", folder.display());
    }
    Ok(())
}
