//! `amc config …`

pub(crate) mod trust;

use aar_cli::{DocumentFormat, Failure};
use ams_api::config_items::is_without_effect;
use clap::Subcommand;
use serde_json::Value;

use crate::{operation, session::Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show all configuration items
    Show,
    /// Show the value of a configuration item
    #[command(after_help = "Examples:
  amc config get registry.mode")]
    Get {
        /// Name of the item, such as registry.mode
        name: String,
    },
    /// Set a configuration item
    #[command(after_help = "Examples:
  amc config set registry.url https://registry.example.com:3000
  amc config set registry.mode pull
  amc config set registry.filter ''   # back to the default")]
    Set {
        /// Name of the item, such as registry.mode
        name: String,
        /// New value; an empty one restores the default
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Manage the certificates that AMS trusts
    #[command(subcommand)]
    Trust(trust::Command),
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Show => show(session).await,
            Self::Get { name } => get(session, &name).await,
            Self::Set { name, value } => set(session, &name, &value).await,
            Self::Trust(command) => command.run(session).await,
        }
    }
}

async fn show(session: &Session) -> anyhow::Result<()> {
    let mut config = session.client()?.config().await?;
    config.config.values_mut().for_each(show_flag);
    Ok(session.printer.document(DocumentFormat::Yaml, &config)?)
}

async fn get(session: &Session, name: &str) -> anyhow::Result<()> {
    let mut config = session.client()?.config().await?.config;
    let Some(value) = config.get_mut(name) else {
        let unknown = Failure::new(format!("unknown configuration item \"{name}\""));
        return Err(unknown.with_hint("`amc config show` lists all").into());
    };
    show_flag(value);
    let text = match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    Ok(session.printer.data(&format!("{text}\n"))?)
}

/// AMS has the state of a password as text.
fn show_flag(value: &mut Value) {
    match value.as_str() {
        Some("true") => *value = Value::Bool(true),
        Some("false") => *value = Value::Bool(false),
        _ => {}
    }
}

async fn set(session: &Session, name: &str, value: &str) -> anyhow::Result<()> {
    let client = session.client()?;
    operation::complete(&client, None, client.set_config(name, value)).await?;
    if is_without_effect(name) {
        session.printer.note(format_args!(
            "{name} has no effect: this AMS keeps the value and starts no instances"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aar_cli::Printer;
    use ams_api::ServiceConfig;
    use serde_json::json;

    use super::*;

    #[test]
    fn configuration_is_printed_as_yaml_with_one_key() {
        let config = ServiceConfig {
            config: serde_json::from_value(json!({
                "application.auto_publish": true,
                "application.max_published_versions": 3,
                "core.trust_password": false,
                "registry.filter": "",
                "registry.url": "https://192.168.178.45:3000",
            }))
            .unwrap(),
        };
        let (printer, captured) = Printer::captured();
        printer.document(DocumentFormat::Yaml, &config).unwrap();
        insta::assert_snapshot!(captured.stdout(), @r#"
        config:
          application.auto_publish: true
          application.max_published_versions: 3
          core.trust_password: false
          registry.filter: ""
          registry.url: https://192.168.178.45:3000
        "#);
    }
}
