use aar_cli::{DocumentFormat, Failure, Printer};
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
            print(&session.printer, arguments.format, &event)?;
        }
    }
    Err(Failure::new("AMS has ended the stream of events").into())
}

fn print(printer: &Printer, format: DocumentFormat, event: &Event) -> anyhow::Result<()> {
    match format {
        DocumentFormat::Json => printer.data(&format!("{}\n", serde_json::to_string(event)?))?,
        DocumentFormat::Yaml => {
            printer.data("---\n")?;
            printer.document(format, event)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(format: DocumentFormat) -> String {
        let event = json!({
            "type": "lifecycle",
            "timestamp": "2026-03-01T12:00:00Z",
            "metadata": {"action": "application-created", "source": "/1.0/applications/candy"},
        });
        let event = serde_json::from_value(event).unwrap();
        let (printer, captured) = Printer::captured();
        for _ in 0..2 {
            print(&printer, format, &event).unwrap();
        }
        captured.stdout()
    }

    #[test]
    fn events_follow_each_other_as_documents_or_as_lines() {
        insta::assert_snapshot!(printed(DocumentFormat::Yaml), @r#"
        ---
        type: lifecycle
        timestamp: "2026-03-01T12:00:00Z"
        metadata:
          action: application-created
          source: /1.0/applications/candy
        ---
        type: lifecycle
        timestamp: "2026-03-01T12:00:00Z"
        metadata:
          action: application-created
          source: /1.0/applications/candy
        "#);
        insta::assert_snapshot!(printed(DocumentFormat::Json), @r#"
        {"type":"lifecycle","timestamp":"2026-03-01T12:00:00Z","metadata":{"action":"application-created","source":"/1.0/applications/candy"}}
        {"type":"lifecycle","timestamp":"2026-03-01T12:00:00Z","metadata":{"action":"application-created","source":"/1.0/applications/candy"}}
        "#);
    }

    #[test]
    fn only_the_kinds_that_are_asked_for_are_taken() {
        let arguments = |kinds: &[Kind]| MonitorArgs {
            format: DocumentFormat::Yaml,
            kinds: kinds.to_vec(),
        };
        let one = arguments(&[Kind::Lifecycle]);
        assert_eq!(one.selection(), EventSelection::Lifecycle);
        assert!(one.takes(EventKind::Lifecycle) && !one.takes(EventKind::Operation));
        let both = arguments(&[Kind::Lifecycle, Kind::Operation]);
        assert_eq!(both.selection(), EventSelection::All);
        assert!(both.takes(EventKind::Operation) && !both.takes(EventKind::Unknown));
    }
}
