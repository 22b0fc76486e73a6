use aar_cli::{DocumentFormat, Failure};
use ams_api::{Event, EventKind, EventSelection};
use clap::{Args, ValueEnum};

use crate::session::Session;

#[derive(Debug, Args)]
pub(crate) struct MonitorArgs {
    /// In which form to print: YAML documents, or JSON with one event on each line
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
    /// Which events to show
    #[arg(
        short = 't',
        long = "type",
        value_enum,
        value_delimiter = ',',
        default_value = "all"
    )]
    kinds: Vec<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// All events
    All,
    /// What comes and goes
    Lifecycle,
    /// Changes of operations
    #[value(alias = "operations")]
    Operation,
}

impl MonitorArgs {
    fn selection(&self) -> EventSelection {
        match *self.kinds {
            [Kind::Lifecycle] => EventSelection::Lifecycle,
            [Kind::Operation] => EventSelection::Operation,
            _ => EventSelection::All,
        }
    }

    fn takes(&self, kind: EventKind) -> bool {
        self.kinds.iter().any(|wanted| match wanted {
            Kind::All => true,
            Kind::Lifecycle => kind == EventKind::Lifecycle,
            Kind::Operation => kind == EventKind::Operation,
        })
    }
}

pub(crate) async fn monitor(session: &Session, arguments: &MonitorArgs) -> anyhow::Result<()> {
    let mut events = session.client()?.events(arguments.selection()).await?;
    while let Some(event) = events.next().await? {
        if arguments.takes(event.kind) {
            print(session, arguments.format, &event)?;
        }
    }
    Err(Failure::new("AMS has ended the stream of events").into())
}

fn print(session: &Session, format: DocumentFormat, event: &Event) -> anyhow::Result<()> {
    let printer = &session.printer;
    match format {
        DocumentFormat::Json => printer.data(&format!("{}\n", serde_json::to_string(event)?))?,
        DocumentFormat::Yaml => {
            printer.data("---\n")?;
            printer.document(format, event)?;
        }
    }
    Ok(())
}
