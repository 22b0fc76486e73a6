//! Asking whether anything is new, when nothing is.

use aar_testkit::Folder;

use super::Case;
use crate::{
    catalogue,
    load::{Ab, Load},
    peers::{Distribution, MANIFEST, Nginx},
    rounds::{Plan, Turn, in_turn},
    row::{Goal, Row, Unit},
    sample::Sample,
    site::Site,
    usage::Meter,
};

pub(crate) const CASE: Case = Case {
    name: "poll",
    about: "a poll when nothing has changed, beside nginx and docker-registry",
    run: measure,
};

/// A catalogue in which nothing can be large.
const FEW: usize = 10;
pub(super) const LIST: &str = "/1.0/applications?architecture=amd64&recursion=1&limit=-1";

fn measure(plan: &Plan) -> Vec<Row> {
    let (many, few) = (catalogue::large(plan.versions), Site::start());
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
        let ours = load(many.url(LIST), &tag(&many));
        let ours_few = load(few.url(LIST), &tag(&few));
        let mut turns: Vec<Turn<'_>> = vec![
            ("aar", Box::new(|| sample(&ab, &ours, &many.meter()))),
            (
                "aar, 10 versions",
                Box::new(|| sample(&few_ab, &ours_few, &few.meter())),
            ),
        ];
        if let Some(nginx) = &nginx {
            let load = load(nginx.url("/catalogue"), &nginx.tag("/catalogue"));
            let ab = &ab;
            turns.push(("nginx", Box::new(move || sample(ab, &load, &nginx.meter()))));
        }
        if let Some(registry) = &registry {
            let (path, tag) = registry.put_manifest();
            let mut load = load(registry.url(&path), &tag);
            load.headers.push(format!("Accept: {MANIFEST}"));
            load.requests /= 10;
            let ab = &ab;
            turns.push((
                "docker-registry",
                Box::new(move || sample(ab, &load, &registry.meter())),
            ));
        }
        let goals = vec![
            Goal::Times("nginx", 0.7),
            Goal::Times("docker-registry", 20.0),
            Goal::Times("aar, 10 versions", 0.9),
        ];
        let what = format!(
            "poll, {connections} connections, {} versions",
            plan.versions
        );
        rows.push(in_turn(plan, Row::new(what, Unit::PerSecond, goals), turns));
    }
    rows
}

/// The tag of the catalogue as it is.
pub(super) fn tag(site: &Site) -> String {
    let answer = site.publisher().get("/1.0/applications?limit=1");
    answer.headers["etag"].clone()
}

pub(super) fn sample(ab: &Ab, load: &Load, meter: &Meter) -> Sample {
    let outcome = ab.run(load);
    Sample {
        value: outcome.per_second,
        usage: vec![meter.read(), outcome.usage],
    }
}
