use std::fmt::Write;

use aar_testkit::TestAms;

use crate::terminal;

/// Patterns that differ in every run, and their replacements.
const FILTERS: &[(&str, &str)] = &[
    (r"/[^ \n]*/ams-[^/ \n]+", "<base>"),
    (
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "<uuid>",
    ),
    (r"\b[0-9a-f]{64}\b", "<fingerprint>"),
    (r"\b[0-9a-f]{12}\b", "<prefix>"),
    (r"\b[0-9a-v]{20}\b", "<id>"),
    (r"\bamc [0-9]+\.[0-9]+\.[0-9]+", "amc <version>"),
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
    // The width of a column depends on the text that is replaced.
    (r"-{3,}\+", "---+"),
    (r" +\|", " |"),
    (r"\| +", "| "),
    (r"(127\.0\.0\.1|localhost):\d+", "<address>"),
    (r"\b\d+(\.\d+)? ?(B|KiB|MiB)\b", "<size>"),
    (r"\b\d+(\.\d+)? ?(ms|s) ago", "<moment> ago"),
];

/// Runs commands as at a shell, and collects everything that is on the screen.
pub(crate) struct Transcript<'a> {
    ams: &'a TestAms,
    screen: String,
}

impl<'a> Transcript<'a> {
    pub(crate) fn at(ams: &'a TestAms) -> Self {
        Self {
            ams,
            screen: String::new(),
        }
    }

    /// Runs commands, one a line, that must succeed.
    pub(crate) fn succeed(&mut self, commands: &str) -> &mut Self {
        self.all(commands, 0)
    }

    /// Runs commands that must fail.
    pub(crate) fn fail(&mut self, commands: &str) -> &mut Self {
        self.all(commands, 1)
    }

    /// Runs a command line that must be invalid.
    pub(crate) fn usage_error(&mut self, command: &str) -> &mut Self {
        self.all(command, 2)
    }

    /// Runs a command in every format of listings.
    pub(crate) fn in_list_formats(&mut self, command: &str) -> &mut Self {
        for format in ["table", "csv", "json", "yaml"] {
            self.succeed(&format!("{command} --format {format}"));
        }
        self
    }

    /// Runs a command in every format of documents.
    pub(crate) fn in_document_formats(&mut self, command: &str) -> &mut Self {
        for format in ["yaml", "json"] {
            self.succeed(&format!("{command} --format {format}"));
        }
        self
    }

    /// Runs a command at a terminal and answers its question.
    pub(crate) fn answer(&mut self, answer: &str, command: &str, code: i32) -> &mut Self {
        let mut run = self.ams.amc_command();
        run.args(command.split_whitespace());
        let (exit_code, screen) = terminal::run_with_answer(run, answer);
        self.show(command, &screen);
        assert_eq!(exit_code, code, "{}", self.screen);
        self
    }

    /// Runs a command and shows the first lines of its output.
    pub(crate) fn run_shortened(&mut self, command: &str) -> &mut Self {
        let words: Vec<_> = command.split_whitespace().collect();
        let all = self.ams.amc(&words).success();
        let first: Vec<_> = all.lines().take(2).collect();
        self.show(command, &format!("{}\n[...]\n", first.join("\n")));
        self
    }

    /// Adds a command and its output.
    pub(crate) fn show(&mut self, command: &str, output: &str) {
        write!(self.screen, "$ amc {command}\n{output}").unwrap();
    }

    /// Compares the screen with the snapshot.
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
