//! `amc application set` and `unset`

use std::ffi::OsStr;

use aar_cli::Failure;
use aar_types::Watchdog;
use ams_api::{AmsClient, Application};
use clap::{
    Arg, Args, Command, ValueEnum,
    builder::{EnumValueParser, PossibleValue, TypedValueParser},
};

use super::attribute::Attribute;
use crate::{
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc application set candy tags game,eu
  amc application set candy resources.memory 4GB
  amc application set candy services '[{name: adb, port: 5559, protocols: [tcp]}]'")]
pub(crate) struct SetArgs {
    /// Id or name of the application
    id: String,
    /// Attribute to change
    #[arg(value_parser = AttributeParser)]
    attribute: Attribute,
    /// New value; for a list, all entries separated by commas
    #[arg(allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UnsetArgs {
    /// Id or name of the application
    id: String,
    /// Attribute to reset
    #[arg(value_parser = AttributeParser)]
    attribute: Attribute,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

/// Accepts attribute names with hyphens, and with the underscores of the API.
#[derive(Debug, Clone)]
struct AttributeParser;

impl TypedValueParser for AttributeParser {
    type Value = Attribute;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Attribute, clap::Error> {
        let name = value.to_string_lossy().replace('_', "-");
        EnumValueParser::new().parse_ref(command, argument, name.as_ref())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let all = Attribute::value_variants().iter();
        Some(Box::new(all.filter_map(ValueEnum::to_possible_value)))
    }
}

pub(crate) async fn set(session: &Session, arguments: &SetArgs) -> anyhow::Result<()> {
    let SetArgs {
        id,
        attribute,
        value,
        timeout,
    } = arguments;
    apply(session, id, *attribute, value, *timeout).await
}

pub(crate) async fn unset(session: &Session, arguments: &UnsetArgs) -> anyhow::Result<()> {
    let UnsetArgs {
        id,
        attribute,
        timeout,
    } = arguments;
    let default = attribute.default_value().ok_or_else(|| {
        Failure::new(format!("{} has no default", attribute.name()))
            .with_hint("set a value with `amc application set`")
    })?;
    apply(session, id, *attribute, default, *timeout).await
}

async fn apply(
    session: &Session,
    id: &str,
    attribute: Attribute,
    value: &str,
    timeout: TimeoutArgs,
) -> anyhow::Result<()> {
    let client = session.client()?;
    let watchdog = current_watchdog(&client, id, attribute).await?;
    let patch = attribute.patch(value, watchdog)?;
    let request = client.update_application(id, &patch);
    operation::complete(&client, Some(timeout.limit()), request).await
}

/// AMS replaces the watchdog as a whole, so the other settings are sent along.
async fn current_watchdog(
    client: &AmsClient,
    id: &str,
    attribute: Attribute,
) -> Result<Watchdog, ams_api::Error> {
    match attribute {
        Attribute::WatchdogDisabled | Attribute::WatchdogAllowedPackages => {
            Ok(newest_watchdog(client.application(id).await?))
        }
        _ => Ok(Watchdog::default()),
    }
}

fn newest_watchdog(application: Application) -> Watchdog {
    let versions = application.versions.into_iter();
    let newest = versions.max_by_key(|version| version.number);
    newest.map(|version| version.watchdog).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_names_are_accepted_with_hyphens_or_underscores() {
        let command = Command::new("amc");
        let parse = |name: &str| AttributeParser.parse_ref(&command, None, name.as_ref());
        for attribute in Attribute::value_variants() {
            for name in [attribute.name(), attribute.name().replace('-', "_")] {
                assert_eq!(parse(&name).unwrap(), *attribute, "{name}");
            }
        }
    }
}
