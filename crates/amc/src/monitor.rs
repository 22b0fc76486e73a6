use aar_cli::{DocumentFormat, Failure, Printer};
use ams_api::{Event, EventKind, EventSelection};
use clap::{Args, ValueEnum};

use crate::session::Session;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc monitor                              # every event, as YAML documents
  amc monitor -t lifecycle --format json   # created and deleted resources, one JSON object a line")]
pub(crate) struct MonitorArgs {
    /// Output format: YAML documents, or JSON with one event a line
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
    /// Kinds of events to show
    #[arg(
        short = 't',
        long = "type",
        value_enum,
        value_delimiter = ',',
        default_value = "all"
    )]
    kinds: Vec<MonitoredKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MonitoredKind {
    /// All events
    All,
    /// Creation, change and deletion of resources
    Lifecycle,
    /// Changes of operations
    #[value(alias = "operations")]
    Operation,
    /// Accepted for scripts: AMS sends no log entries
    Logging,
}

impl MonitorArgs {
    fn selection(&self) -> EventSelection {
        match *self.kinds {
            [MonitoredKind::Lifecycle] => EventSelection::Lifecycle,
            [MonitoredKind::Operation] => EventSelection::Operation,
            _ => EventSelection::All,
        }
    }

    fn includes(&self, kind: EventKind) -> bool {
        self.kinds.iter().any(|selected| match selected {
            MonitoredKind::All => true,
            MonitoredKind::Lifecycle => kind == EventKind::Lifecycle,
            MonitoredKind::Operation => kind == EventKind::Operation,
            MonitoredKind::Logging => false,
        })
    }
}

pub(crate) async fn monitor(session: &Session, arguments: &MonitorArgs) -> anyhow::Result<()> {
    if arguments.kinds.contains(&MonitoredKind::Logging) {
        session.printer.warn(
            "AMS sends no log entries as events: its log is on standard error of the service",
        );
    }
    let mut events = session.client()?.events(arguments.selection()).await?;
    while let Some(event) = events.next().await? {
        if arguments.includes(event.kind) {
            print(&session.printer, arguments.format, &event)?;
        }
    }
    Err(Failure::new("AMS closed the event stream").into())
}

fn print(printer: &Printer, format: DocumentFormat, event: &Event) -> anyhow::Result<()> {
    match format {
        DocumentFormat::Json => printer.json_line(event)?,
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
    fn events_are_printed_as_yaml_documents_or_json_lines() {
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
    fn monitor_shows_only_the_selected_kinds() {
        let arguments = |kinds: &[MonitoredKind]| MonitorArgs {
            format: DocumentFormat::Yaml,
            kinds: kinds.to_vec(),
        };
        let one = arguments(&[MonitoredKind::Lifecycle]);
        assert_eq!(one.selection(), EventSelection::Lifecycle);
        assert!(one.includes(EventKind::Lifecycle) && !one.includes(EventKind::Operation));
        let both = arguments(&[MonitoredKind::Lifecycle, MonitoredKind::Operation]);
        assert_eq!(both.selection(), EventSelection::All);
        assert!(both.includes(EventKind::Operation) && !both.includes(EventKind::Unknown));
    }
}
