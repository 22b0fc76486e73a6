use aar_testkit::{Folder, Package, Process, SOON, TestAms, eventually};

use crate::transcript::Transcript;

/// Runs `amc monitor` and repeats a change until the output contains a word: a change before the
/// subscription causes no event. Returns the lines up to that word.
fn monitor(ams: &TestAms, arguments: &[&str], word: &str, mut change: impl FnMut()) -> String {
    let folder = Folder::new("monitor");
    let mut command = ams.amc_command();
    command.arg("monitor").args(arguments);
    let mut monitor = Process::start(&mut command, &folder.join("log"));
    eventually("the monitor shows the event", SOON, || {
        change();
        monitor.assert_running();
        lines_through(&monitor.log(), word)
    })
}

/// The complete lines up to the first one with the word.
fn lines_through(text: &str, word: &str) -> Option<String> {
    let end = text.find(word)?;
    let length = text[end..].find('\n')? + 1;
    Some(text[..end + length].to_owned())
}

#[test]
fn monitor_prints_events_in_both_formats() {
    let ams = TestAms::start();
    let change = || ams.set(&[("registry.filter", "fun")]);
    let json = ["--format", "json", "-t", "operation"];
    let json = monitor(&ams, &json, "Success", change);
    assert!(json.lines().count() > 0);
    for line in json.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["type"], "operation");
        assert_eq!(event["metadata"]["description"], "Setting registry.filter");
    }
    let yaml = monitor(&ams, &[], "Success", change);
    assert!(yaml.contains("type: operation"), "{yaml}");
}

#[test]
fn monitor_is_shown() {
    let ams = TestAms::start();
    Package::new("game").write_folder(&ams.base().join("game"));
    ams.amc(&["application", "create", "game"]).success();
    let mut tag = 0;
    let mut change = || {
        tag += 1;
        let tag = format!("tag-{tag}");
        ams.amc(&["application", "set", "game", "tags", &tag])
            .success();
    };
    let mut transcript = Transcript::at(&ams);
    for format in ["yaml", "json"] {
        let arguments = ["-t", "lifecycle", "--format", format];
        let output = monitor(&ams, &arguments, "source", &mut change);
        transcript.show(&format!("monitor {}", arguments.join(" ")), &output);
    }
    transcript
        .fail("monitor --remote nowhere")
        .usage_error("monitor -t debug")
        .snapshot("monitor");
}
