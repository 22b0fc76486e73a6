//! The machine and the versions of the peers, for the report.

use std::process::Command;

use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    peers: Vec<String>,
}

impl Machine {
    pub(crate) fn current() -> Self {
        let cpus = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = fs_err::read_to_string("/proc/meminfo").unwrap_or_default();
        let total =
            value(&memory, "MemTotal").and_then(|text| text.split(' ').next()?.parse().ok());
        Self {
            processor: value(&cpus, "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: total.unwrap_or(0u64) >> 20,
            kernel: first_line(Command::new("uname").arg("-sr")),
            peers: [
                first_line(Command::new("nginx").arg("-v")),
                first_line(Command::new("docker-registry").arg("--version")),
                first_line(Command::new("curl").arg("--version")),
            ]
            .into_iter()
            .filter(|line| !line.is_empty())
            .collect(),
        }
    }

    pub(crate) fn line(&self) -> String {
        format!(
            "{}, {} cores, {} GiB, {}; {}",
            self.processor,
            self.cores,
            self.memory_gib,
            self.kernel,
            self.peers.join("; ")
        )
    }
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}

/// The first line of the output of a command, on either stream; empty if it is not installed.
pub(crate) fn first_line(command: &mut Command) -> String {
    let Ok(output) = command.output() else {
        return String::new();
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or_default().trim().to_owned()
}
