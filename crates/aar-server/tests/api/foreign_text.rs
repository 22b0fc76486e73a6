//! Text of other parties in the output of commands.

use serde_json::json;

use crate::{
    content::content,
    personas::{TestServer, named_identity},
};

const HOSTILE: &str = "=1+1\u{1b}[2J\u{202e}\u{200b}\u{9b}31m";

/// Tags, each of which may be refused.
const TAGS: [&str; 4] = ["=1+1", "\u{202e}gnp", "a\u{200b}b", "a\u{1b}[2Jb"];

#[tokio::test]
async fn text_of_others_is_printable_in_every_output() {
    let server = TestServer::start().await;
    let publisher = server
        .trusted(named_identity(HOSTILE), &["--publisher"])
        .await;
    let response = publisher
        .publish("game/amd64/versions/0", &content(5200))
        .await;
    assert_eq!(response.status, 201, "{}", response.text());
    for tag in TAGS {
        let tagged = json!({ "tags": [tag] });
        let path = "/1.0/applications/game/amd64";
        let status = publisher.put(path, &tagged).await.status;
        assert!([200, 400].contains(&status), "{tag:?}: {status}");
        check_outputs(&server).await;
    }
}

async fn check_outputs(server: &TestServer) {
    for format in ["table", "csv", "json", "yaml"] {
        for command in [
            &["trust", "list"][..],
            &["application", "list"],
            &["application", "show", "game"],
            &["audit"],
        ] {
            let shown = server.aar(&[command, &["--format", format]].concat()).await;
            let is_printable = |c: char| c == '\n' || (' '..='~').contains(&c);
            assert!(shown.chars().all(is_printable), "{command:?}: {shown:?}");
            let runs = |cell: &str| cell.trim_start_matches('"').starts_with('=');
            let is_csv = format == "csv";
            assert!(!(is_csv && shown.split([',', '\n']).any(runs)), "{shown}");
        }
    }
}
