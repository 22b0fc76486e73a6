//! Pulling an image: received, verified, durable, imported.

use std::process::Command;

use aar_testkit::{Fleet, Mode, Package};

use super::{Case, megabytes};
use crate::{
    bench_registry::Certificates,
    peers::Nginx,
    plan::{Contender, Plan, measure_in_turns},
    result::{Comparison, Goal, Unit},
    sample::Sample,
    usage::{Meter, run},
};

pub(crate) const CASE: Case = Case {
    name: "pull",
    about: "pull an image to a client until it is usable, beside curl, SHA-256 and sync",
    run: measure,
};

fn measure(plan: &Plan) -> Vec<Comparison> {
    let mut fleet = Fleet::start_manual();
    let package = fleet.publisher.base().join("big");
    Package::new("big")
        .noise("level.dat", plan.image, 1)
        .write_folder(&package);
    fleet
        .publisher
        .amc(&["application", "create", package.to_str().unwrap()])
        .success();
    fleet.publisher.amc(&["registry", "push", "big"]).success();
    fs_err::remove_dir_all(&package).unwrap();
    fleet.publisher.stop();
    let image = &fleet.registry.application("big").unwrap()["variants"][0]["versions"][0]["image"];
    let (digest, size) = (
        image["digest"].as_str().unwrap(),
        image["size"].as_u64().unwrap(),
    );

    let certificates = certificates(&fleet);
    let nginx = Nginx::start(&fleet.registry.base().join("data"), &certificates);
    let path = format!("/blobs/sha256/{}/{digest}", &digest[..2]);
    let target = fleet.client.base().join("downloaded");
    let registry = fleet.registry.process().id();
    let mut contenders: Vec<Contender<'_>> = vec![(
        "aar",
        Box::new(|| {
            // A new client each time, because an image is pulled only once.
            let mut client = fleet.join("amd64", Mode::Manual);
            let meters = [
                Meter::start("ams", client.process().id()),
                Meter::start("aar", registry),
            ];
            let mut pull = client.amc_command();
            let ran = run("amc", pull.args(["registry", "pull", "big"]));
            let usage = meters.iter().map(Meter::read).collect();
            assert!(client.has_published("big", 0));
            Sample {
                value: megabytes(size, ran.wall),
                usage,
            }
        }),
    )];
    if let Some(nginx) = &nginx {
        contenders.push((
            "nginx",
            Box::new(|| {
                let meter = nginx.meter();
                let ran = run(
                    "sh",
                    &mut in_a_shell(&certificates, &nginx.url(&path), &target),
                );
                fs_err::remove_file(&target).unwrap();
                Sample {
                    value: megabytes(size, ran.wall),
                    usage: vec![ran.usage, meter.read()],
                }
            }),
        ));
    }
    let goals = vec![Goal::Times("nginx", 0.8)];
    vec![measure_in_turns(
        plan,
        Comparison::new("pull", Unit::Megabytes, goals),
        contenders,
    )]
}

/// The same steps in a shell.
fn in_a_shell(certificates: &Certificates, url: &str, target: &std::path::Path) -> Command {
    let mut curl = certificates.curl();
    curl.arg("--output").arg(target).arg(url);
    let words = std::iter::once(curl.get_program()).chain(curl.get_args());
    let mut sh = Command::new("sh");
    sh.arg("-c")
        .arg("target=$1; shift; \"$@\" && openssl dgst -sha256 \"$target\" && sync \"$target\"");
    sh.arg("sh").arg(target).args(words);
    sh
}

/// curl shows the certificate of the client AMS.
fn certificates(fleet: &Fleet) -> Certificates {
    let certs = fleet.registry.base().join("certs");
    Certificates {
        server: certs.join("server.crt"),
        server_key: certs.join("server.key"),
        client: fleet.client.client_certificate(),
        client_key: fleet.client.client_certificate().with_extension("key"),
    }
}
