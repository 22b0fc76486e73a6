//! `cargo xtask demo`: an application travels from a publisher to a client on this machine, by the
//! documented commands alone.
//!
//! A registry, a publisher and a client run in a temporary folder on free loopback ports. Every
//! command is printed before it runs and can be copied into another terminal as it is.

mod busy;
mod command_line;
mod interrupt;
mod package;
mod servers;

use std::{
    io::{IsTerminal, stdout},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use self::{
    busy::BusyCores,
    interrupt::Interrupt,
    servers::{Ams, Servers},
};
use crate::command;

const ARRIVAL_DEADLINE: Duration = Duration::from_mins(10);
const CHECKED_RUNS: usize = 5;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Exit when the client has the new version, instead of running until Ctrl-C
    #[arg(long)]
    pub(crate) once: bool,
    /// Publish this package: a folder, a zip or a tar.bz2 with a manifest.yaml
    #[arg(long, value_name = "PATH")]
    pub(crate) package: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    run_with(args, &Interrupt::listen()?)
}

/// Runs the demo several times while every core is busy, with its own package and with a user's.
pub(crate) fn check() -> Result<()> {
    let (interrupt, folder) = (Interrupt::listen()?, tempfile::tempdir()?);
    let user_package = package::write(folder.path(), 1)?;
    let packages = [None, Some(user_package)];
    let _busy = BusyCores::start();
    for package in packages.into_iter().cycle().take(CHECKED_RUNS) {
        let once = true;
        run_with(&Args { once, package }, &interrupt)?;
    }
    Ok(())
}

fn run_with(args: &Args, interrupt: &Interrupt) -> Result<()> {
    println!(
        "Building aar, ams and amc from source: minutes the first time (about four on two cores), \
         seconds afterwards."
    );
    command::build_programs()?;
    let servers = start(interrupt)?;
    connect(&servers)?;
    let name = publish(&servers, args.package.as_deref(), interrupt)?;
    print_step("The demo worked");
    println!(
        "Two versions of {name} travelled from the publisher through the registry to the client."
    );
    if !args.once {
        print_next_commands(&servers, &name);
        interrupt.wait()?;
        println!("\nStopping the servers.");
    }
    servers.stop();
    Ok(())
}

fn start(interrupt: &Interrupt) -> Result<Servers> {
    print_step("Start a registry, a publisher and a client");
    let servers = Servers::start(interrupt)?;
    println!(
        "They run in {}.\nTo use the commands below in another terminal, enter first:\n\n  {}",
        servers.folder().display(),
        servers.export_path()
    );
    Ok(servers)
}

/// Each side learns the certificate of the other.
fn connect(servers: &Servers) -> Result<()> {
    print_step("Let the registry and each AMS trust each other");
    let Servers {
        registry,
        publisher,
        client,
        ..
    } = servers;
    let certificate = publisher.client_certificate();
    registry
        .aar
        .run(&["trust", "add", "--quiet", "--publisher", &certificate])?;
    let certificate = client.client_certificate();
    registry
        .aar
        .run(&["trust", "add", "--quiet", &certificate])?;
    for (ams, mode) in [(publisher, "push"), (client, "pull")] {
        let amc = &ams.amc;
        amc.run(&["config", "trust", "add", &registry.certificate()])?;
        let trusted = amc.query(&["config", "trust", "list", "--format", "json"])?;
        let fingerprint = trusted[0]["fingerprint"]
            .as_str()
            .context("the AMS lists no trusted certificate")?;
        amc.run(&["config", "set", "registry.url", &registry.url()])?;
        amc.run(&["config", "set", "registry.fingerprint", fingerprint])?;
        amc.run(&["config", "set", "registry.mode", mode])?;
    }
    registry.aar.run(&["trust", "list"])
}

/// Creates an application, then a new version of it, and waits for both at the client. Returns the
/// name of the application.
fn publish(servers: &Servers, package: Option<&Path>, interrupt: &Interrupt) -> Result<String> {
    print_step("Create an application on the publisher");
    let publisher = &servers.publisher.amc;
    let demo_package = package::write(&servers.folder().join("demo"), 1)?;
    let package = package.unwrap_or(&demo_package).display().to_string();
    publisher.run(&["application", "create", &package])?;
    let created = publisher.query(&["application", "list", "--format", "json"])?;
    let name = created[0]["name"]
        .as_str()
        .context("the publisher lists no application")?
        .to_owned();
    wait_for_version(&servers.client, &name, 0, interrupt)?;

    print_step("Update it");
    package::write(&demo_package, 2)?;
    publisher.run(&["application", "update", &name, &package])?;
    wait_for_version(&servers.client, &name, 1, interrupt)?;

    print_step("Look at both versions on the client and in the registry");
    servers.client.amc.run(&["application", "list"])?;
    servers.client.amc.run(&["registry", "status"])?;
    servers.registry.aar.run(&["application", "show", &name])?;
    Ok(name)
}

fn wait_for_version(client: &Ams, name: &str, version: u64, interrupt: &Interrupt) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < ARRIVAL_DEADLINE {
        if client.has_published(name, version) {
            let elapsed = start.elapsed();
            println!("The client has version {version} of {name} after {elapsed:.1?}.");
            return Ok(());
        }
        interrupt.sleep(Duration::from_millis(20))?;
    }
    client.amc.run(&["registry", "status"])?;
    bail!("the client did not receive version {version} of {name} within {ARRIVAL_DEADLINE:?}")
}

fn print_next_commands(servers: &Servers, name: &str) {
    println!(
        "Try these in another terminal:\n\n  \
         {}\n  \
         sub application show {name}\n  \
         sub application export {name} 1 {name}.tar.zst && tar --zstd -tf {name}.tar.zst\n  \
         sub registry status\n  \
         pub application revoke {name} 1 && sub application show {name}\n  \
         aar application list\n  \
         aar audit\n\n\
         Press Ctrl-C to stop the servers and delete their folder.",
        servers.export_path(),
    );
}

fn print_step(title: &str) {
    if stdout().is_terminal() {
        println!("\n\x1b[1;32m== {title}\x1b[0m");
    } else {
        println!("\n== {title}");
    }
}
