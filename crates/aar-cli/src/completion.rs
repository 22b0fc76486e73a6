use std::io;

use clap::{Args, Command, ValueEnum};

use crate::Printer;

/// Arguments of `completion bash|fish|powershell|zsh [--no-descriptions]`.
#[derive(Debug, Clone, Args)]
pub struct CompletionArgs {
    /// Shell to generate the script for
    pub shell: Shell,
    /// Omit the descriptions of commands and options
    #[arg(long)]
    pub no_descriptions: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Fish,
    Powershell,
    Zsh,
}

impl CompletionArgs {
    pub fn print(&self, command: Command, printer: &Printer) -> io::Result<()> {
        printer.data(&self.script(command))
    }

    fn script(&self, command: Command) -> String {
        let mut command = if self.no_descriptions {
            without_descriptions(command)
        } else {
            command
        };
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell.generator(), &mut command, name, &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}

impl Shell {
    fn generator(self) -> clap_complete::Shell {
        match self {
            Self::Bash => clap_complete::Shell::Bash,
            Self::Fish => clap_complete::Shell::Fish,
            Self::Powershell => clap_complete::Shell::PowerShell,
            Self::Zsh => clap_complete::Shell::Zsh,
        }
    }
}

fn without_descriptions(command: Command) -> Command {
    command
        .about(None)
        .long_about(None)
        .mut_args(|argument| argument.help(None).long_help(None))
        .mut_subcommands(without_descriptions)
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn probe() -> Command {
        Command::new("probe").subcommand(
            Command::new("trust")
                .about("Manage certificates")
                .arg(Arg::new("quiet").long("quiet").help("Say less")),
        )
    }

    fn script(shell: Shell, no_descriptions: bool) -> String {
        CompletionArgs {
            shell,
            no_descriptions,
        }
        .script(probe())
    }

    #[test]
    fn script_of_every_shell_names_commands_and_options() {
        for shell in Shell::value_variants() {
            let script = script(*shell, false);
            assert!(
                script.contains("trust") && script.contains("quiet"),
                "{shell:?}: {script}"
            );
        }
    }

    #[test]
    fn script_without_descriptions_has_no_help_texts() {
        for shell in [Shell::Fish, Shell::Powershell, Shell::Zsh] {
            assert!(script(shell, false).contains("Manage certificates"));
            let bare = script(shell, true);
            assert!(!bare.contains("Manage certificates"), "{shell:?}: {bare}");
            assert!(!bare.contains("Say less"), "{shell:?}: {bare}");
        }
    }
}
