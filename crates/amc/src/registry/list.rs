use aar_cli::{Format, Rows};
use ams_api::RegistryApplication;
use clap::Args;
use serde::Serialize;

use crate::session::Session;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) async fn list(session: &Session, arguments: &ListArgs) -> anyhow::Result<()> {
    let applications = session.client()?.registry_applications().await?;
    let rows: Vec<_> = applications
        .into_iter()
        .map(RegistryApplicationRow)
        .collect();
    Ok(session.printer.listing(arguments.format, &rows)?)
}

#[derive(Serialize)]
#[serde(transparent)]
struct RegistryApplicationRow(RegistryApplication);

impl Rows for RegistryApplicationRow {
    const HEADERS: &'static [&'static str] = &[
        "NAME",
        "INSTANCE TYPE",
        "BOOT PACKAGE",
        "ARCHITECTURES",
        "VERSIONS",
        "TAGS",
        "VM",
    ];

    fn row(&self) -> Vec<String> {
        let application = &self.0;
        let versions = application.versions.keys().map(ToString::to_string);
        vec![
            application.name.clone(),
            application.instance_type.clone(),
            application.boot_package.clone(),
            application.architectures.join(","),
            versions.collect::<Vec<_>>().join(","),
            application.tags.join(","),
            application.vm.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aar_cli::Printer;
    use ams_api::RegistryApplicationVersion;

    use super::*;

    fn printed(format: Format) -> String {
        let version = RegistryApplicationVersion::default;
        let row = RegistryApplicationRow(RegistryApplication {
            name: "candy".to_owned(),
            architectures: vec!["amd64".to_owned(), "arm64".to_owned()],
            boot_package: "com.canonical.candy".to_owned(),
            instance_type: "a4.3".to_owned(),
            tags: vec!["game".to_owned()],
            versions: BTreeMap::from([(0, version()), (1, version())]),
            vm: false,
        });
        let (printer, captured) = Printer::captured();
        printer.listing(format, &[row]).unwrap();
        captured.stdout()
    }

    #[test]
    fn registry_applications_are_listed_in_every_format() {
        insta::assert_snapshot!(printed(Format::Table), @"
        +-------+---------------+---------------------+---------------+----------+------+-------+
        |  NAME | INSTANCE TYPE |     BOOT PACKAGE    | ARCHITECTURES | VERSIONS | TAGS |   VM  |
        +-------+---------------+---------------------+---------------+----------+------+-------+
        | candy | a4.3          | com.canonical.candy | amd64,arm64   | 0,1      | game | false |
        +-------+---------------+---------------------+---------------+----------+------+-------+
        ");
        insta::assert_snapshot!(printed(Format::Csv), @r#"
        NAME,INSTANCE TYPE,BOOT PACKAGE,ARCHITECTURES,VERSIONS,TAGS,VM
        candy,a4.3,com.canonical.candy,"amd64,arm64","0,1",game,false
        "#);
        insta::assert_snapshot!("registry_list_json", printed(Format::Json));
        insta::assert_snapshot!("registry_list_yaml", printed(Format::Yaml));
    }
}
