//! Reading a large catalogue, by many at a time.

use super::Case;
use crate::{
    catalogue,
    load::{Ab, Load},
    rounds::{Plan, Turn, in_turn},
    row::{Goal, Row, Unit},
    sample::Sample,
    site::Site,
};

pub(crate) const CASE: Case = Case {
    name: "read",
    about: "pages, records and changes of a large catalogue: how long 99 of 100 requests take",
    run: measure,
};

const CONNECTIONS: usize = 32;
/// How many changes there are to tell.
const CHANGES: usize = 100;

fn measure(plan: &Plan) -> Vec<Row> {
    let site = catalogue::large(plan.versions);
    let Some(ab) = Ab::new(&site.certificates()) else {
        return Vec::new();
    };
    let middle = plan.versions / catalogue::VERSIONS_EACH / 2;
    let since = revision(&site) - CHANGES as u64;
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
    let each = cases.into_iter().map(|(what, path)| {
        let load = Load {
            url: site.url(&path),
            headers: Vec::new(),
            requests: plan.requests / 6,
            connections: CONNECTIONS,
            keep_alive: true,
            status: 200,
        };
        let turn = || {
            let meter = site.meter();
            let outcome = ab.run(&load);
            Sample {
                value: outcome.p99,
                usage: vec![meter.read(), outcome.usage],
            }
        };
        let turns: Vec<Turn<'_>> = vec![("aar", Box::new(turn))];
        let what = format!("{what} of {} versions, p99", plan.versions);
        in_turn(
            plan,
            Row::new(what, Unit::Milliseconds, vec![Goal::AtMost(10.0)]),
            turns,
        )
    });
    each.collect()
}

fn revision(site: &Site) -> u64 {
    let answer = site.publisher().get("/1.0/applications?limit=1");
    answer.headers["aar-revision"].parse().unwrap()
}
