//! Reading a large catalogue on many connections.

use super::Case;
use crate::{
    bench_registry::BenchRegistry,
    catalogue,
    load::{Ab, Load},
    plan::{Contender, Plan, measure_in_turns},
    result::{Comparison, Goal, Unit},
    sample::Sample,
};

pub(crate) const CASE: Case = Case {
    name: "read",
    about: "read pages, versions and changes of a large catalogue: 99th percentile of the latency",
    run: measure,
};

const CONNECTIONS: usize = 32;
/// The changes in a response.
const CHANGES: usize = 100;

fn measure(plan: &Plan) -> Vec<Comparison> {
    let bench = catalogue::large(plan.versions);
    let Some(ab) = Ab::new(&bench.certificates()) else {
        return Vec::new();
    };
    let middle = plan.versions / catalogue::VERSIONS_EACH / 2;
    let since = revision(&bench) - CHANGES as u64;
    let cases = [
        (
            "a page of 100 applications",
            format!("/1.0/applications?recursion=1&limit=100&offset={middle}"),
        ),
        (
            "a version",
            format!(
                "/1.0/applications/{}/amd64/versions/1",
                catalogue::name(middle)
            ),
        ),
        ("100 changes", format!("/1.0/changes?since={since}")),
    ];
    let comparisons = cases.into_iter().map(|(name, path)| {
        let load = Load {
            url: bench.url(&path),
            headers: Vec::new(),
            requests: plan.requests / 6,
            connections: CONNECTIONS,
            keep_alive: true,
            status: 200,
        };
        let measure = || {
            let meter = bench.meter();
            let result = ab.run(&load);
            Sample {
                value: result.p99,
                usage: vec![meter.read(), result.usage],
            }
        };
        let contenders: Vec<Contender<'_>> = vec![("aar", Box::new(measure))];
        let title = format!("{name} of {} versions, p99", plan.versions);
        measure_in_turns(
            plan,
            Comparison::new(title, Unit::Milliseconds, vec![Goal::AtMost(10.0)]),
            contenders,
        )
    });
    comparisons.collect()
}

fn revision(bench: &BenchRegistry) -> u64 {
    let response = bench.publisher().get("/1.0/applications?limit=1");
    response.headers["aar-revision"].parse().unwrap()
}
