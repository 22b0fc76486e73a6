//! A new connection with a mutual TLS handshake for each request.

use aar_testkit::Folder;

use super::{
    Case,
    poll::{LIST, sample, tag},
};
use crate::{
    bench_registry::BenchRegistry,
    load::{Ab, Load},
    peers::Nginx,
    plan::{Contender, Plan, measure_in_turns},
    result::{Comparison, Goal, Unit},
};

pub(crate) const CASE: Case = Case {
    name: "connect",
    about: "a new mutual-TLS connection for each request, beside nginx",
    run: measure,
};

const CONNECTIONS: usize = 8;

fn measure(plan: &Plan) -> Vec<Comparison> {
    let bench = BenchRegistry::start();
    let certificates = bench.certificates();
    let Some(ab) = Ab::new(&certificates) else {
        return Vec::new();
    };
    let folder = Folder::new("connect");
    folder.write("catalogue", "nothing new\n");
    let nginx = Nginx::start(folder.path(), &certificates);
    let load = |url: String, tag: &str| Load {
        url,
        headers: vec![format!("If-None-Match: {tag}")],
        requests: plan.requests / 10,
        connections: CONNECTIONS,
        keep_alive: false,
        status: 304,
    };
    let aar = load(bench.url(LIST), &tag(&bench));
    let mut contenders: Vec<Contender<'_>> =
        vec![("aar", Box::new(|| sample(&ab, &aar, &bench.meter())))];
    if let Some(nginx) = &nginx {
        let load = load(nginx.url("/catalogue"), &nginx.tag("/catalogue"));
        let ab = &ab;
        contenders.push(("nginx", Box::new(move || sample(ab, &load, &nginx.meter()))));
    }
    let goals = vec![Goal::Times("nginx", 1.0)];
    vec![measure_in_turns(
        plan,
        Comparison::new("connect", Unit::PerSecond, goals),
        contenders,
    )]
}
