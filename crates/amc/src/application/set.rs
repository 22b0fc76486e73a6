//! `amc application set` and `unset`: changes attributes one by one.

use std::ffi::OsStr;

use aar_cli::Failure;
use aar_types::Watchdog;
use ams_api::{AmsClient, Application};
use clap::{
    Arg, Args, Command, ValueEnum,
    builder::{EnumValueParser, PossibleValue, TypedValueParser},
};

use super::field::Field;
use crate::{
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Id or name of the application
    id: String,
    /// The attribute
    #[arg(value_parser = Names)]
    field: Field,
    /// Its new value; of lists, all entries separated by commas
    #[arg(allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UnsetArgs {
    /// Id or name of the application
    id: String,
    /// The attribute
    #[arg(value_parser = Names)]
    field: Field,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

/// Takes the names of attributes with hyphens, and with the underscores of the API.
#[derive(Debug, Clone)]
struct Names;

impl TypedValueParser for Names {
    type Value = Field;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Field, clap::Error> {
        let name = value.to_string_lossy().replace('_', "-");
        EnumValueParser::new().parse_ref(command, argument, name.as_ref())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let all = Field::value_variants().iter();
        Some(Box::new(all.filter_map(ValueEnum::to_possible_value)))
    }
}

pub(crate) async fn set(session: &Session, arguments: &SetArgs) -> anyhow::Result<()> {
    let SetArgs {
        id, field, value, ..
    } = arguments;
    apply(session, id, *field, value, arguments.timeout).await
}

pub(crate) async fn unset(session: &Session, arguments: &UnsetArgs) -> anyhow::Result<()> {
    let UnsetArgs { id, field, timeout } = arguments;
    let default = field.default_value().ok_or_else(|| {
        Failure::new(format!("{} has no default", field.name()))
            .with_hint("give it a value with `amc application set`")
    })?;
    apply(session, id, *field, default, *timeout).await
}

async fn apply(
    session: &Session,
    id: &str,
    field: Field,
    value: &str,
    timeout: TimeoutArgs,
) -> anyhow::Result<()> {
    let client = session.client()?;
    let watchdog = current_watchdog(&client, id, field).await?;
    let patch = field.patch(value, watchdog)?;
    let ask = client.update_application(id, &patch);
    operation::complete(&client, Some(timeout.limit()), ask).await
}

/// The watchdog is changed as a whole: what is not meant stays as it is.
async fn current_watchdog(
    client: &AmsClient,
    id: &str,
    field: Field,
) -> Result<Watchdog, ams_api::Error> {
    match field {
        Field::WatchdogDisabled | Field::WatchdogAllowedPackages => {
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
    fn attributes_are_known_in_the_spelling_of_the_api_too() {
        let read = |name: &str| Names.parse_ref(&Command::new("amc"), None, name.as_ref());
        for field in Field::value_variants() {
            for name in [field.name(), field.name().replace('-', "_")] {
                assert_eq!(read(&name).unwrap(), *field, "{name}");
            }
        }
    }
}
