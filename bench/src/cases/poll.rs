//! Polling the catalogue when nothing has changed.

use aar_testkit::Folder;

use super::Case;
use crate::{
    bench_registry::BenchRegistry,
    catalogue,
    load::{Ab, Load},
    peers::{Distribution, MANIFEST, Nginx},
    plan::{Contender, Plan, measure_in_turns},
    result::{Comparison, Goal, Unit},
    sample::Sample,
    usage::Meter,
};

pub(crate) const CASE: Case = Case {
    name: "poll",
    about: "poll when nothing has changed, beside nginx and docker-registry",
    run: measure,
};

/// The versions of a small catalogue.
const FEW: usize = 10;
pub(super) const LIST: &str = "/1.0/applications?architecture=amd64&recursion=1&limit=-1";

fn measure(plan: &Plan) -> Vec<Comparison> {
    let (many, few) = (catalogue::large(plan.versions), BenchRegistry::start());
    let tools = (Ab::new(&many.certificates()), Ab::new(&few.certificates()));
    let (Some(ab), Some(few_ab)) = tools else {
        return Vec::new();
    };
    catalogue::fill(&few, FEW);
    let folder = Folder::new("poll");
    folder.write("catalogue", "nothing new\n");
    let nginx = Nginx::start(folder.path(), &many.certificates());
    let registry = Distribution::start(&many.certificates());
    let mut rows = Vec::new();
    for connections in [1, 32] {
        let load = |url: String, tag: &str| Load {
            url,
            headers: vec![format!("If-None-Match: {tag}")],
            requests: plan.requests,
            connections,
            keep_alive: true,
            status: 304,
        };
        let large = load(many.url(LIST), &tag(&many));
        let small = load(few.url(LIST), &tag(&few));
        let mut contenders: Vec<Contender<'_>> = vec![
            ("aar", Box::new(|| sample(&ab, &large, &many.meter()))),
            (
                "aar, 10 versions",
                Box::new(|| sample(&few_ab, &small, &few.meter())),
            ),
        ];
        if let Some(nginx) = &nginx {
            let load = load(nginx.url("/catalogue"), &nginx.tag("/catalogue"));
            let ab = &ab;
            contenders.push(("nginx", Box::new(move || sample(ab, &load, &nginx.meter()))));
        }
        if let Some(registry) = &registry {
            let (path, tag) = registry.put_manifest();
            let mut load = load(registry.url(&path), &tag);
            load.headers.push(format!("Accept: {MANIFEST}"));
            load.requests /= 10;
            let ab = &ab;
            contenders.push((
                "docker-registry",
                Box::new(move || sample(ab, &load, &registry.meter())),
            ));
        }
        let goals = vec![
            Goal::Times("nginx", 0.7),
            Goal::Times("docker-registry", 20.0),
            Goal::Times("aar, 10 versions", 0.9),
        ];
        let title = format!(
            "poll, {connections} connections, {} versions",
            plan.versions
        );
        rows.push(measure_in_turns(
            plan,
            Comparison::new(title, Unit::PerSecond, goals),
            contenders,
        ));
    }
    rows
}

/// The present `ETag` of the catalogue.
pub(super) fn tag(bench: &BenchRegistry) -> String {
    let response = bench.publisher().get("/1.0/applications?limit=1");
    response.headers["etag"].clone()
}

pub(super) fn sample(ab: &Ab, load: &Load, meter: &Meter) -> Sample {
    let result = ab.run(load);
    Sample {
        value: result.per_second,
        usage: vec![meter.read(), result.usage],
    }
}
