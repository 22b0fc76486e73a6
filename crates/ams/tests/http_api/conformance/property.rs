use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use aar_testkit::{skip, tool};
use serde_json::{Value, json};

use super::definition;
use crate::running::{Door, Running};

const TOOL: &str = "schemathesis==4.32.5";
/// How long a run may take.
const LIMIT: Duration = Duration::from_mins(2);

/// Requests of every form that the definition allows, and of many that it does not, without an
/// answer that is a failure of the server or another than the definition says.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_the_answer_is_one_of_the_definition() {
    let Some(program) = tokio::task::block_in_place(installed) else {
        return;
    };
    let ams = Running::at_present().await;
    ams.create("name: game\n").await;
    let limit = ("core.max_requests_per_second", "1000000");
    ams.ams.config().set(limit.0, limit.1).await.unwrap();
    let Door::Remote(Some(identity)) = ams.trusted("tester").await else {
        panic!("who is trusted has a certificate");
    };
    for (file, content) in [
        ("tester.crt", identity.certificate().to_pem()),
        ("tester.key", identity.key_pem().to_owned()),
        ("definition.json", folded().to_string()),
    ] {
        fs_err::write(ams.path(file), content).unwrap();
    }
    let mut run = tokio::process::Command::new(program);
    run.args(["run", "definition.json", "--url", &ams.url()])
        .args([
            "--request-cert",
            "tester.crt",
            "--request-cert-key",
            "tester.key",
        ])
        .args(["--tls-verify", "false", "--no-color", "--warnings", "off"])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "25",
        ])
        .args(["--checks", CHECKS, "--continue-on-failure"])
        .arg("--generation-deterministic")
        .current_dir(ams.path(""))
        .kill_on_drop(true);
    let run = tokio::time::timeout(LIMIT, run.output()).await;
    let run = run
        .unwrap_or_else(|_| panic!("not done within {LIMIT:?}"))
        .unwrap();
    let [report, complaint] = [&run.stdout, &run.stderr].map(|it| String::from_utf8_lossy(it));
    println!("{report}");
    assert!(run.status.success(), "{report}{complaint}");
    let tester = identity.certificate().fingerprint();
    assert!(ams.ams.trust().contains(&tester), "it ran as nobody");
}

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// The definition with one entry for each path, as tools read it: the answer has one of two forms
/// where `recursion` decides.
fn folded() -> Value {
    let mut document = definition::parse();
    let paths = document["paths"].as_object_mut().unwrap();
    let forms: Vec<_> = paths
        .keys()
        .filter_map(|path| Some((path.strip_suffix("?recursion=1")?.to_owned(), path.clone())))
        .collect();
    let answer = "/get/responses/200/content/application~1json/schema";
    for (path, whole) in forms {
        let whole = paths
            .remove(&whole)
            .unwrap()
            .pointer(answer)
            .unwrap()
            .clone();
        let schema = paths[&path].pointer_mut(answer).unwrap();
        *schema = json!({"anyOf": [schema.take(), whole]});
    }
    document
}

/// The tool, installed in the target folder by the first run that needs it.
fn installed() -> Option<PathBuf> {
    let what = "properties of the API";
    let Some(python) = tool("python3") else {
        skip(what, "there is no python3");
        return None;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    let (program, done) = (folder.join("bin/st"), folder.join(TOOL));
    if !done.exists() {
        let made = run(Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(&folder));
        let pip = || run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", TOOL]));
        if let Err(why) = made.and_then(|()| pip()) {
            skip(what, &why);
            return None;
        }
        fs_err::write(done, "").unwrap();
    }
    Some(program)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(complaint)
}
