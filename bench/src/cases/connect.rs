//! A new connection for each request: a handshake in which both sides show who they are.

use aar_testkit::Folder;

use super::{
    Case,
    poll::{LIST, sample, tag},
};
use crate::{
    load::{Ab, Load},
    peers::Nginx,
    rounds::{Plan, Turn, in_turn},
    row::{Goal, Row, Unit},
    site::Site,
};

pub(crate) const CASE: Case = Case {
    name: "connect",
    about: "a new mutual-TLS connection for each request, beside nginx",
    run: measure,
};

const CONNECTIONS: usize = 8;

fn measure(plan: &Plan) -> Vec<Row> {
    let site = Site::start();
    let certificates = site.certificates();
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
    let ours = load(site.url(LIST), &tag(&site));
    let mut turns: Vec<Turn<'_>> = vec![("aar", Box::new(|| sample(&ab, &ours, &site.meter())))];
    if let Some(nginx) = &nginx {
        let load = load(nginx.url("/catalogue"), &nginx.tag("/catalogue"));
        let ab = &ab;
        turns.push(("nginx", Box::new(move || sample(ab, &load, &nginx.meter()))));
    }
    let goals = vec![Goal::Times("nginx", 1.0)];
    vec![in_turn(
        plan,
        Row::new("connect", Unit::PerSecond, goals),
        turns,
    )]
}
