use std::io;

use clap::Command;
use clap_markdown::{MarkdownOptions, help_markdown_command_custom};

use crate::Printer;

/// How the examples of a command begin, at the end of its help.
const EXAMPLES: &str = "Examples:\n";

/// Prints the Markdown reference of a command line: every command with its arguments.
pub fn print_reference(command: &Command, printer: &Printer) -> io::Result<()> {
    let title = format!("The command line of `{}`", command.get_name());
    let options = MarkdownOptions::new()
        .title(title)
        .show_footer(false)
        .show_table_of_contents(true);
    let command = with_examples_as_code(command.clone());
    // clap-markdown lists values for flags, which take none.
    let reference = help_markdown_command_custom(&command, &options)
        .replace("\n\n  Possible values: `true`, `false`\n", "\n");
    printer.data(&format!("{}\n", reference.trim_end()))
}

fn with_examples_as_code(command: Command) -> Command {
    let help = command.get_after_help().map(ToString::to_string);
    let examples = help.as_deref().and_then(|help| help.strip_prefix(EXAMPLES));
    let command = match examples {
        Some(examples) => command.after_help(code_block(examples)),
        None => command,
    };
    command.mut_subcommands(with_examples_as_code)
}

fn code_block(examples: &str) -> String {
    let lines = examples.lines().map(str::trim_start);
    let code = lines.collect::<Vec<_>>().join("\n");
    format!("###### **Examples:**\n\n```sh\n{code}\n```")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_shows_examples_as_code() {
        let pull = Command::new("pull").after_help("Examples:\n  probe pull\n  probe pull candy");
        let (printer, captured) = Printer::captured();
        print_reference(&Command::new("probe").subcommand(pull), &printer).unwrap();
        let reference = captured.stdout();
        let examples = "###### **Examples:**\n\n```sh\nprobe pull\nprobe pull candy\n```";
        assert!(reference.contains(examples), "{reference}");
    }
}
