//! Schemathesis: generates requests from a definition and validates the responses.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use aar_testkit::python_environment;
use serde_json::Value;

const TOOL: &str = "schemathesis==4.32.5";
/// The longest duration of a run.
const LIMIT: Duration = Duration::from_mins(5);
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,\
                      negative_data_rejection";
const REPORT: &str = "report.ndjson";

/// The result of a run.
pub(super) struct ToolRun {
    pub(super) succeeded: bool,
    pub(super) output: String,
    /// The operations that succeeded at least once, such as `GET /1.0/config`.
    pub(super) accepted: BTreeSet<String>,
}

/// Runs the tool in a folder with `definition.json`, `tester.crt` and `tester.key`.
pub(super) async fn run(program: PathBuf, folder: &Path, url: &str) -> ToolRun {
    let mut run = tokio::process::Command::new(program);
    run.args(["run", "definition.json", "--url", url])
        .args(["--request-cert", "tester.crt"])
        .args(["--request-cert-key", "tester.key"])
        .args(["--tls-verify", "false", "--no-color", "--warnings", "off"])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", "25", "--generation-deterministic"])
        .args(["--checks", CHECKS, "--continue-on-failure"])
        .args(["--report", "ndjson", "--report-ndjson-path", REPORT])
        .current_dir(folder)
        .kill_on_drop(true);
    let run = tokio::time::timeout(LIMIT, run.output()).await;
    let run = run
        .unwrap_or_else(|_| panic!("not done within {LIMIT:?}"))
        .unwrap();
    let [report, errors] = [&run.stdout, &run.stderr].map(|it| String::from_utf8_lossy(it));
    ToolRun {
        succeeded: run.status.success(),
        output: format!("{report}{errors}"),
        accepted: accepted(&fs_err::read_to_string(folder.join(REPORT)).unwrap()),
    }
}

fn accepted(report: &str) -> BTreeSet<String> {
    let events = report.lines().map(serde_json::from_str::<Value>);
    let mut accepted = BTreeSet::new();
    for event in events.map(Result::unwrap) {
        let recorder = &event["ScenarioFinished"]["recorder"];
        let calls = recorder["interactions"].as_object().into_iter().flatten();
        let mut statuses = calls.filter_map(|(_, call)| call["response"]["status_code"].as_u64());
        if statuses.any(|status| (200..300).contains(&status)) {
            accepted.insert(recorder["label"].as_str().unwrap().to_owned());
        }
    }
    accepted
}

pub(super) fn installed() -> Option<PathBuf> {
    let programs = python_environment("properties of the API", "schemathesis", &[TOOL])?;
    Some(programs.join("st"))
}
