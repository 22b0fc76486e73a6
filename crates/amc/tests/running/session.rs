use std::fmt::Write;

use aar_testkit::TestAms;

use crate::terminal;

/// What is different in every run, and what is shown in its place.
const FILTERS: &[(&str, &str)] = &[
    (r"/[^ \n]*/ams-[^/ \n]+", "<base>"),
    (
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "<uuid>",
    ),
    (r"\b[0-9a-f]{64}\b", "<fingerprint>"),
    (r"\b[0-9a-f]{12}\b", "<prefix>"),
    (r"\b[0-9a-v]{20}\b", "<id>"),
    (r"\b(certificate: )[A-Za-z0-9+/=]{80,}", "$1<certificate>"),
    (
        r#"("certificate": )"[A-Za-z0-9+/=]{80,}""#,
        "$1\"<certificate>\"",
    ),
    (
        r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z| UTC)?",
        "<time>",
    ),
    (r"(created_at\W+)\d{10}", "$1<seconds>"),
    (
        r"[A-Z][a-z]{2} \d{1,2}, \d{4} at \d{1,2}:\d{2}[ap]m \(UTC\)",
        "<date>",
    ),
    (r"amc@[\w.-]+", "amc@<host>"),
    // Columns are as wide as what is shown shorter here.
    (r"-{3,}\+", "---+"),
    (r" +\|", " |"),
    (r"\| +", "| "),
    (r"(127\.0\.0\.1|localhost):\d+", "<address>"),
    (r"\b\d+(\.\d+)? ?(B|KiB|MiB)\b", "<size>"),
    (r"\b\d+(\.\d+)? ?(ms|s) ago", "<moment> ago"),
];

/// Somebody at a shell, and everything that was on the screen.
pub(crate) struct Session<'a> {
    ams: &'a TestAms,
    screen: String,
}

impl<'a> Session<'a> {
    pub(crate) fn at(ams: &'a TestAms) -> Self {
        Self {
            ams,
            screen: String::new(),
        }
    }

    /// Runs commands, one on each line, that have to be done.
    pub(crate) fn run(&mut self, commands: &str) -> &mut Self {
        self.all(commands, 0)
    }

    /// Runs commands that have to be refused.
    pub(crate) fn refused(&mut self, commands: &str) -> &mut Self {
        self.all(commands, 1)
    }

    /// Runs a command that nobody can use like that.
    pub(crate) fn misused(&mut self, command: &str) -> &mut Self {
        self.all(command, 2)
    }

    /// Runs a command in each of the forms that listings have.
    pub(crate) fn listed(&mut self, command: &str) -> &mut Self {
        for format in ["table", "csv", "json", "yaml"] {
            self.run(&format!("{command} --format {format}"));
        }
        self
    }

    /// Runs a command in each of the forms that documents have.
    pub(crate) fn shown(&mut self, command: &str) -> &mut Self {
        for format in ["yaml", "json"] {
            self.run(&format!("{command} --format {format}"));
        }
        self
    }

    /// Runs a command at a terminal, where it asks and gets an answer.
    pub(crate) fn answered(&mut self, answer: &str, command: &str, code: i32) -> &mut Self {
        let mut run = self.ams.amc_command();
        run.args(command.split_whitespace());
        let (ended, screen) = terminal::answered(run, answer);
        self.show(command, &screen);
        assert_eq!(ended, code, "{}", self.screen);
        self
    }

    /// Runs a command that has more to say than anybody reads here.
    pub(crate) fn begun(&mut self, command: &str) -> &mut Self {
        let words: Vec<_> = command.split_whitespace().collect();
        let all = self.ams.amc(&words).done();
        let first: Vec<_> = all.lines().take(2).collect();
        self.show(command, &format!("{}\n[...]\n", first.join("\n")));
        self
    }

    /// Shows a command and what it has said.
    pub(crate) fn show(&mut self, command: &str, said: &str) {
        write!(self.screen, "$ amc {command}\n{said}").unwrap();
    }

    /// Holds the screen against the snapshot.
    pub(crate) fn snapshot(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        for (pattern, shown) in FILTERS {
            settings.add_filter(pattern, *shown);
        }
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.screen));
    }

    fn all(&mut self, commands: &str, code: i32) -> &mut Self {
        for command in commands.lines().map(str::trim).filter(|it| !it.is_empty()) {
            let words: Vec<_> = command.split_whitespace().collect();
            let output = self.ams.amc(&words);
            self.show(command, &(output.stdout + &output.stderr));
            assert_eq!(output.code, code, "{}", self.screen);
        }
        self
    }
}
