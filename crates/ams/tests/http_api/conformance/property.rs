use std::collections::BTreeSet;

use aar_testkit::TestRegistry;
use serde_json::Value;
use tokio::task::block_in_place;

use super::{examples::Examples, tool, tool_definition::tool_definition};
use crate::running_ams::{Caller, RunningAms};

/// The operations that the tool cannot call successfully: it does not support websockets, and no operation of
/// AMS has one.
const ONLY_REFUSED: &[&str] = &["GET /1.0/events", "GET /1.0/operations/{uuid}/websocket"];

/// Sends valid and invalid requests. No response is a failure of the server, all conform to the definition,
/// and invalid requests are refused.
#[tokio::test(flavor = "multi_thread")]
async fn every_generated_request_gets_a_response_of_the_definition() {
    let Some(program) = block_in_place(tool::installed) else {
        return;
    };
    let ams = RunningAms::at_present().await;
    let registry = block_in_place(TestRegistry::start);
    let mut document = tool_definition();
    let examples = Examples::create(&ams, &registry).await;
    examples.add_to(&mut document);
    let limit = ("core.max_requests_per_second", "1000000");
    ams.ams.config().set(limit.0, limit.1).await.unwrap();
    let Caller::Remote(Some(identity)) = ams.trusted("tester").await else {
        panic!("a trusted caller has a certificate");
    };
    for (file, content) in [
        ("tester.crt", identity.certificate().to_pem()),
        ("tester.key", identity.key_pem().to_owned()),
        ("definition.json", document.to_string()),
    ] {
        fs_err::write(ams.path(file), content).unwrap();
    }
    let run = tool::run(program, &ams.path(""), &ams.url()).await;
    println!("{}", run.output);
    assert!(run.succeeded, "{}", run.output);
    let tester = identity.certificate().fingerprint();
    assert!(
        ams.ams.trust().contains(&tester),
        "the tool was not trusted"
    );
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
