//! `cargo xtask demo`: the main job on one machine, with nothing but the documented commands.
//!
//! A registry, a publisher and a client run in a temporary folder on free loopback ports. Every
//! command is shown before it runs, so that what happens here can be repeated anywhere.

mod interrupt;
mod package;
mod site;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use self::{
    interrupt::Interrupt,
    site::{Ams, Site},
};
use crate::command;

/// How to run the demo.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// End when the client has the new version, instead of staying up
    #[arg(long)]
    pub(crate) once: bool,
    /// Send this package on its way: a folder, a zip or a tar.bz2 with a manifest.yaml
    #[arg(long, value_name = "PATH")]
    pub(crate) package: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    show(args, &Interrupt::listen()?)
}

/// Shows it with its own package and with one of a user, and ends.
pub(crate) fn check() -> Result<()> {
    let (interrupt, folder) = (Interrupt::listen()?, tempfile::tempdir()?);
    let users = package::write(folder.path(), 1)?;
    for package in [None, Some(users)] {
        let args = Args {
            once: true,
            package,
        };
        show(&args, &interrupt)?;
    }
    Ok(())
}

fn show(args: &Args, interrupt: &Interrupt) -> Result<()> {
    command::build_programs()?;
    let site = start(interrupt)?;
    introduce(&site)?;
    let name = travel(&site, args.package.as_deref(), interrupt)?;
    if !args.once {
        println!(
            "\n{}\nCtrl-C ends it all and removes the folder.",
            look_around(&site, &name)
        );
        interrupt.wait()?;
        println!("\nstopping");
    }
    site.stop();
    Ok(())
}

fn start(interrupt: &Interrupt) -> Result<Site> {
    step("A registry, a publisher and a client");
    let site = Site::start(interrupt)?;
    println!("in {}", site.folder().display());
    Ok(site)
}

fn introduce(site: &Site) -> Result<()> {
    step("Each side learns the other's certificate");
    let publisher = site.publisher.client_certificate();
    site.aar(&["trust", "add", "--quiet", "--publisher", &publisher])?;
    site.aar(&["trust", "add", "--quiet", &site.client.client_certificate()])?;
    for (ams, mode) in [(&site.publisher, "push"), (&site.client, "pull")] {
        ams.amc(&["config", "trust", "add", &site.server_certificate()])?;
        let trusted = ams.query(&["config", "trust", "list", "--format", "json"])?;
        let fingerprint = trusted[0]["fingerprint"]
            .as_str()
            .context("no fingerprint is listed")?;
        ams.amc(&["config", "set", "registry.url", &site.url()])?;
        ams.amc(&["config", "set", "registry.fingerprint", fingerprint])?;
        ams.amc(&["config", "set", "registry.mode", mode])?;
    }
    site.aar(&["trust", "list"])
}

/// Creates an application, then a new version of it, and shows both arriving. Returns its name.
fn travel(site: &Site, package: Option<&std::path::Path>, interrupt: &Interrupt) -> Result<String> {
    step("The publisher creates an application");
    let own = package::write(&site.folder().join("demo"), 1)?;
    let package = package.unwrap_or(&own).display().to_string();
    site.publisher.amc(&["application", "create", &package])?;
    let created = site
        .publisher
        .query(&["application", "list", "--format", "json"])?;
    let name = created[0]["name"]
        .as_str()
        .context("no application is listed")?
        .to_owned();
    arrive(&site.client, &name, 0, interrupt)?;

    step("The publisher updates it");
    package::write(&own, 2)?;
    site.publisher
        .amc(&["application", "update", &name, &package])?;
    arrive(&site.client, &name, 1, interrupt)?;

    step("The client has both, and the registry knows them");
    site.client.amc(&["application", "list"])?;
    site.client.amc(&["registry", "status"])?;
    site.aar(&["application", "show", &name])?;
    Ok(name)
}

/// Waits until the client offers the version.
fn arrive(client: &Ams, name: &str, version: u64, interrupt: &Interrupt) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(10) {
        if client.offers(name, version) {
            println!(
                "the client has {name} version {version} after {:.1?}",
                start.elapsed()
            );
            return Ok(());
        }
        interrupt.pause(Duration::from_millis(20))?;
    }
    client.amc(&["registry", "status"])?;
    bail!("the client did not receive {name} version {version} within ten minutes")
}

fn look_around(site: &Site, name: &str) -> String {
    let (publisher, client) = (site.publisher.alias(), site.client.alias());
    format!(
        "Look around in another terminal:\n\n  \
         alias aar='{}' pub='{publisher}' sub='{client}'\n  \
         sub application show {name}\n  \
         sub application export {name} 1 {name}.tar.zst && tar --zstd -tf {name}.tar.zst\n  \
         sub registry status\n  \
         pub application revoke {name} 1 && sub application show {name}\n  \
         aar application list\n  \
         aar audit\n",
        site.aar_alias(),
    )
}

fn step(title: &str) {
    println!("\n\x1b[1;32m== {title}\x1b[0m");
}
