use std::collections::BTreeSet;

use aar_testkit::TestRegistry;
use serde_json::Value;
use tokio::task::block_in_place;

use super::{examples::Examples, tool, widened::widened};
use crate::running::{Door, Running};

/// What the tool cannot be let into: events come over a websocket, which it does not speak, and no
/// operation of AMS talks over one.
const ONLY_REFUSED: &[&str] = &["GET /1.0/events", "GET /1.0/operations/{uuid}/websocket"];

/// Requests of every form that the definition allows, and of many that it does not, without an
/// answer that is a failure of the server or another than the definition says, and without one that
/// takes what the definition forbids.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_the_answer_is_one_of_the_definition() {
    let Some(program) = block_in_place(tool::installed) else {
        return;
    };
    let ams = Running::at_present().await;
    let registry = block_in_place(TestRegistry::start);
    let mut document = widened();
    let examples = Examples::make(&ams, &registry).await;
    examples.put_into(&mut document);
    let limit = ("core.max_requests_per_second", "1000000");
    ams.ams.config().set(limit.0, limit.1).await.unwrap();
    let Door::Remote(Some(identity)) = ams.trusted("tester").await else {
        panic!("who is trusted has a certificate");
    };
    for (file, content) in [
        ("tester.crt", identity.certificate().to_pem()),
        ("tester.key", identity.key_pem().to_owned()),
        ("definition.json", document.to_string()),
    ] {
        fs_err::write(ams.path(file), content).unwrap();
    }
    let run = tool::run(program, &ams.path(""), &ams.url()).await;
    println!("{}", run.told);
    assert!(run.succeeded, "{}", run.told);
    let tester = identity.certificate().fingerprint();
    assert!(ams.ams.trust().contains(&tester), "it ran as nobody");
    let all = operations(&document);
    let refused: Vec<_> = all.difference(&run.accepted).collect();
    assert_eq!(refused, ONLY_REFUSED, "never accepted");
}

/// The operations of a definition, as the tool calls them.
fn operations(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap().iter();
    let names = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    names.collect()
}
