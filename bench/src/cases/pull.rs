//! An image to a client: received, verified, durable, imported.

use std::process::Command;

use aar_testkit::{Fleet, Mode, Package};

use super::{Case, megabytes};
use crate::{
    peers::Nginx,
    rounds::{Plan, Turn, in_turn},
    row::{Goal, Row, Unit},
    sample::Sample,
    site::Certificates,
    usage::{Meter, run},
};

pub(crate) const CASE: Case = Case {
    name: "pull",
    about: "an image to a client AMS until it can be used, beside curl, SHA-256 and sync",
    run: measure,
};

fn measure(plan: &Plan) -> Vec<Row> {
    let mut fleet = Fleet::introduced();
    let package = fleet.publisher.base().join("big");
    Package::new("big")
        .noise("level.dat", plan.image, 1)
        .write_folder(&package);
    fleet
        .publisher
        .amc(&["application", "create", package.to_str().unwrap()])
        .done();
    fleet.publisher.amc(&["registry", "push", "big"]).done();
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
    let to = fleet.client.base().join("by-hand");
    let registry = fleet.registry.process().id();
    let mut turns: Vec<Turn<'_>> = vec![(
        "aar",
        Box::new(|| {
            // A new one each time: what is there already is not fetched.
            let mut client = fleet.join("amd64", Mode::Manual);
            let meters = [
                Meter::start("ams", client.process().id()),
                Meter::start("aar", registry),
            ];
            let mut pull = client.amc_command();
            let ran = run("amc", pull.args(["registry", "pull", "big"]));
            let usage = meters.iter().map(Meter::read).collect();
            assert!(client.offers("big", 0));
            Sample {
                value: megabytes(size, ran.wall),
                usage,
            }
        }),
    )];
    if let Some(nginx) = &nginx {
        turns.push((
            "nginx",
            Box::new(|| {
                let meter = nginx.meter();
                let ran = run("sh", &mut by_hand(&certificates, &nginx.url(&path), &to));
                fs_err::remove_file(&to).unwrap();
                Sample {
                    value: megabytes(size, ran.wall),
                    usage: vec![ran.usage, meter.read()],
                }
            }),
        ));
    }
    let goals = vec![Goal::Times("nginx", 0.8)];
    vec![in_turn(
        plan,
        Row::new("pull", Unit::Megabytes, goals),
        turns,
    )]
}

/// What a script would do, one thing after the other.
fn by_hand(certificates: &Certificates, url: &str, to: &std::path::Path) -> Command {
    let mut curl = certificates.curl();
    curl.arg("--output").arg(to).arg(url);
    let words = std::iter::once(curl.get_program()).chain(curl.get_args());
    let mut sh = Command::new("sh");
    sh.arg("-c")
        .arg("to=$1; shift; \"$@\" && openssl dgst -sha256 \"$to\" && sync \"$to\"");
    sh.arg("sh").arg(to).args(words);
    sh
}

/// The client AMS shows its own certificate.
fn certificates(fleet: &Fleet) -> Certificates {
    let certs = fleet.registry.base().join("certs");
    Certificates {
        server: certs.join("server.crt"),
        server_key: certs.join("server.key"),
        client: fleet.client.client_certificate(),
        client_key: fleet.client.client_certificate().with_extension("key"),
    }
}
