//! Commands of the vendor's `amc` for the part of AMS that runs instances.

use aar_cli::Failure;
use clap::{Args, Subcommand};

/// Hidden, because each of them is refused.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(hide = true)]
    Addon(Ignored),
    #[command(hide = true)]
    Benchmark(Ignored),
    #[command(hide = true)]
    Container(Ignored),
    #[command(hide = true)]
    Delete(Ignored),
    #[command(hide = true)]
    Exec(Ignored),
    #[command(hide = true)]
    Image(Ignored),
    #[command(hide = true)]
    Instance(Ignored),
    #[command(hide = true)]
    Launch(Ignored),
    #[command(hide = true)]
    Logs(Ignored),
    #[command(hide = true, alias = "ls")]
    List(Ignored),
    #[command(hide = true)]
    Node(Ignored),
    #[command(hide = true)]
    Shell(Ignored),
    #[command(hide = true)]
    Show(Ignored),
    #[command(hide = true)]
    Start(Ignored),
    #[command(hide = true)]
    Stop(Ignored),
}

#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Ignored {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Command {
    pub(crate) fn refusal(&self) -> Failure {
        let (name, arguments) = self.parts();
        let first = arguments
            .first()
            .map_or(String::new(), |word| format!(" {word}"));
        Failure::new(format!(
            "`amc {name}{first}` is not supported: this AMS manages applications and starts no instances, so \
             it has no nodes, images, addons and instances"
        ))
        .with_hint("`amc --help` shows what it has; `amc application list` lists the applications")
    }

    fn parts(&self) -> (&'static str, &[String]) {
        let (name, Ignored { arguments }) = match self {
            Self::Addon(ignored) => ("addon", ignored),
            Self::Benchmark(ignored) => ("benchmark", ignored),
            Self::Container(ignored) => ("container", ignored),
            Self::Delete(ignored) => ("delete", ignored),
            Self::Exec(ignored) => ("exec", ignored),
            Self::Image(ignored) => ("image", ignored),
            Self::Instance(ignored) => ("instance", ignored),
            Self::Launch(ignored) => ("launch", ignored),
            Self::Logs(ignored) => ("logs", ignored),
            Self::List(ignored) => ("list", ignored),
            Self::Node(ignored) => ("node", ignored),
            Self::Shell(ignored) => ("shell", ignored),
            Self::Show(ignored) => ("show", ignored),
            Self::Start(ignored) => ("start", ignored),
            Self::Stop(ignored) => ("stop", ignored),
        };
        (name, arguments)
    }
}
