//! An image through the API, to nowhere.

use std::process::Command;

use aar_testkit::Generated;

use super::{Case, megabytes};
use crate::{
    peers::Nginx,
    rounds::{Plan, Turn, in_turn},
    row::{Goal, Row, Unit},
    sample::Sample,
    site::Site,
    usage::{Meter, run},
};

pub(crate) const CASE: Case = Case {
    name: "download",
    about: "an image through the API to nowhere, beside nginx",
    run: measure,
};

fn measure(plan: &Plan) -> Vec<Row> {
    let site = Site::start();
    let content = Generated {
        size: plan.image,
        seed: 1,
    };
    let url = site.url(&site.publish("big", content));
    let certificates = site.certificates();
    let nginx = Nginx::start(&site.registry.base().join("data"), &certificates);
    let digest = content.digest();
    let file = format!("/blobs/sha256/{}/{digest}", &digest[..2]);
    let fetch = |url: &str, meter: &Meter| {
        let mut curl = certificates.curl();
        fetch(curl.args(["--output", "/dev/null", url]), plan.image, meter)
    };
    let mut turns: Vec<Turn<'_>> = vec![("aar", Box::new(|| fetch(&url, &site.meter())))];
    if let Some(nginx) = &nginx {
        turns.push((
            "nginx",
            Box::new(|| fetch(&nginx.url(&file), &nginx.meter())),
        ));
    }
    let row = Row::new("download", Unit::Megabytes, vec![Goal::Times("nginx", 1.0)]);
    vec![in_turn(plan, row, turns)]
}

fn fetch(curl: &mut Command, size: u64, meter: &Meter) -> Sample {
    let ran = run("curl", curl);
    Sample {
        value: megabytes(size, ran.wall),
        usage: vec![meter.read(), ran.usage],
    }
}
