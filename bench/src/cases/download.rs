//! Downloading an image through the API.

use std::process::Command;

use aar_testkit::Generated;

use super::{Case, megabytes};
use crate::{
    bench_registry::BenchRegistry,
    peers::Nginx,
    plan::{Contender, Plan, measure_in_turns},
    result::{Comparison, Goal, Unit},
    sample::Sample,
    usage::{Meter, run},
};

pub(crate) const CASE: Case = Case {
    name: "download",
    about: "download an image through the API, beside nginx",
    run: measure,
};

fn measure(plan: &Plan) -> Vec<Comparison> {
    let bench = BenchRegistry::start();
    let content = Generated {
        size: plan.image,
        seed: 1,
    };
    let url = bench.url(&bench.publish("big", content));
    let certificates = bench.certificates();
    let nginx = Nginx::start(&bench.registry.base().join("data"), &certificates);
    let digest = content.digest();
    let file = format!("/blobs/sha256/{}/{digest}", &digest[..2]);
    let fetch = |url: &str, meter: &Meter| {
        let mut curl = certificates.curl();
        fetch(curl.args(["--output", "/dev/null", url]), plan.image, meter)
    };
    let mut contenders: Vec<Contender<'_>> =
        vec![("aar", Box::new(|| fetch(&url, &bench.meter())))];
    if let Some(nginx) = &nginx {
        contenders.push((
            "nginx",
            Box::new(|| fetch(&nginx.url(&file), &nginx.meter())),
        ));
    }
    let comparison = Comparison::new("download", Unit::Megabytes, vec![Goal::Times("nginx", 1.0)]);
    vec![measure_in_turns(plan, comparison, contenders)]
}

fn fetch(curl: &mut Command, size: u64, meter: &Meter) -> Sample {
    let ran = run("curl", curl);
    Sample {
        value: megabytes(size, ran.wall),
        usage: vec![meter.read(), ran.usage],
    }
}
