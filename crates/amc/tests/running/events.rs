use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use aar_testkit::{Package, SOON, TestAms, until};

use crate::session::Session;

/// A monitor, ended with the test.
struct Monitor {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Monitor {
    fn start(ams: &TestAms, arguments: &[&str]) -> Self {
        let mut command = ams.amc_command();
        let command = command.arg("monitor").args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next lines up to one that says a word.
    fn until(&mut self, word: &str) -> String {
        let mut text = String::new();
        while !text.contains(word) {
            text += &self.lines.next().unwrap().unwrap();
            text.push('\n');
        }
        text
    }
}

/// What the monitor tells up to a word. It listens a moment after it starts; until then nothing
/// that is done here is told.
fn told(ams: &TestAms, arguments: &[&str], word: &str, mut change: impl FnMut()) -> String {
    let mut monitor = Monitor::start(ams, arguments);
    let (found, told) = std::sync::mpsc::channel();
    let word = word.to_owned();
    std::thread::spawn(move || found.send(monitor.until(&word)));
    let mut text = String::new();
    until("the monitor tells of a change", SOON, || {
        change();
        told.try_recv().map(|told| text = told).is_ok()
    });
    text
}

#[test]
fn the_monitor_tells_what_happens_in_both_forms() {
    let ams = TestAms::start();
    let change = || ams.set(&[("registry.filter", "fun")]);
    let json = ["--format", "json", "-t", "operation"];
    let json = told(&ams, &json, "Success", change);
    for line in json.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["type"], "operation");
        assert_eq!(event["metadata"]["description"], "Setting registry.filter");
    }
    let yaml = told(&ams, &[], "Success", change);
    assert!(yaml.contains("type: operation"), "{yaml}");
}

#[test]
fn the_monitor_is_shown() {
    let ams = TestAms::start();
    Package::new("game").write_folder(&ams.base().join("game"));
    ams.amc(&["application", "create", "game"]).done();
    let mut tag = 0;
    let mut change = || {
        tag += 1;
        let tag = format!("tag-{tag}");
        ams.amc(&["application", "set", "game", "tags", &tag])
            .done();
    };
    let mut session = Session::at(&ams);
    for format in ["yaml", "json"] {
        let arguments = ["-t", "lifecycle", "--format", format];
        let said = told(&ams, &arguments, "source", &mut change);
        session.show(&format!("monitor {}", arguments.join(" ")), &said);
    }
    session
        .refused("monitor --remote nowhere")
        .misused("monitor -t logging")
        .snapshot("monitor");
}
