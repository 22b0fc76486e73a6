use std::io;

use clap::Command;
use clap_markdown::{MarkdownOptions, help_markdown_command_custom};

use crate::Printer;

/// Prints the reference of a command line, in Markdown: every command with its arguments.
pub fn print_reference(command: &Command, printer: &Printer) -> io::Result<()> {
    let title = format!("The command line of `{}`", command.get_name());
    let options = MarkdownOptions::new()
        .title(title)
        .show_footer(false)
        .show_table_of_contents(true);
    // A flag takes none of the values that it is said to have.
    let reference = help_markdown_command_custom(command, &options)
        .replace("\n\n  Possible values: `true`, `false`\n", "\n");
    printer.data(&format!("{}\n", reference.trim_end()))
}
