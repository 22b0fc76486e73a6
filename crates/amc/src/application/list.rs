use aar_cli::{Format, Rows};
use ams_api::{Application, ApplicationFilter};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::session::Session;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc application list
  amc application list -f status=ready -f tags=game
  amc application list --format json")]
pub(crate) struct ListArgs {
    /// Show only applications whose attribute has this value, such as published=true
    #[arg(short, long = "filter", value_name = "ATTRIBUTE=VALUE", value_parser = parse_filter)]
    filters: Vec<(String, String)>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn parse_filter(text: &str) -> Result<(String, String), String> {
    let valid = || ApplicationFilter::ATTRIBUTES.join(", ");
    let Some((attribute, value)) = text.split_once('=') else {
        let valid = valid();
        return Err(format!(
            "expected ATTRIBUTE=VALUE, where ATTRIBUTE is one of {valid}"
        ));
    };
    ApplicationFilter::default()
        .set(attribute, value)
        .map_err(|error| format!("{error}; valid attributes are {}", valid()))?;
    Ok((attribute.to_owned(), value.to_owned()))
}

pub(crate) async fn list(session: &Session, arguments: ListArgs) -> anyhow::Result<()> {
    let mut filter = ApplicationFilter::default();
    for (attribute, value) in &arguments.filters {
        filter.set(attribute, value)?;
    }
    let applications = session.client()?.applications(&filter).await?;
    let rows: Vec<_> = applications.into_iter().map(ApplicationRow).collect();
    Ok(session.printer.listing(arguments.format, &rows)?)
}

#[derive(Serialize)]
#[serde(transparent)]
struct ApplicationRow(Application);

impl Rows for ApplicationRow {
    const HEADERS: &'static [&'static str] = &[
        "ID",
        "NAME",
        "INSTANCE TYPE",
        "ADDONS",
        "TAGS",
        "PUBLISHED",
        "STATUS",
        "LAST UPDATED",
        "VM",
    ];

    fn row(&self) -> Vec<String> {
        let application = &self.0;
        vec![
            application.id.clone(),
            application.name.clone(),
            application.instance_type.clone(),
            application.addons.join(","),
            application.tags.join(","),
            application.published.to_string(),
            application.status.to_string(),
            time(last_update(application)),
            application.vm.to_string(),
        ]
    }
}

/// When the newest version was created, in seconds since 1970.
fn last_update(application: &Application) -> i64 {
    let versions = application.versions.iter();
    let newest = versions.map(|version| version.created_at).max();
    newest.unwrap_or(application.created_at)
}

fn time(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use aar_cli::Printer;
    use ams_api::{ApplicationStatus, ApplicationVersion};

    use super::*;

    fn printed(format: Format) -> String {
        let row = ApplicationRow(Application {
            id: "bkmtdm9hpuo01q954fng".to_owned(),
            name: "candy".to_owned(),
            status: ApplicationStatus::Ready,
            status_code: 2,
            instance_type: "a4.3".to_owned(),
            published: true,
            created_at: 1_563_285_212,
            tags: vec!["game".to_owned(), "created_by=anbox".to_owned()],
            versions: vec![ApplicationVersion {
                created_at: 1_563_371_612,
                ..ApplicationVersion::default()
            }],
            ..Application::default()
        });
        let (printer, captured) = Printer::captured();
        printer.listing(format, &[row]).unwrap();
        captured.stdout()
    }

    #[test]
    fn applications_are_listed_in_every_format() {
        insta::assert_snapshot!(printed(Format::Table), @"
        +----------------------+-------+---------------+--------+-----------------------+-----------+--------+---------------------+-------+
        |          ID          |  NAME | INSTANCE TYPE | ADDONS |          TAGS         | PUBLISHED | STATUS |     LAST UPDATED    |   VM  |
        +----------------------+-------+---------------+--------+-----------------------+-----------+--------+---------------------+-------+
        | bkmtdm9hpuo01q954fng | candy | a4.3          |        | game,created_by=anbox | true      | ready  | 2019-07-17 13:53:32 | false |
        +----------------------+-------+---------------+--------+-----------------------+-----------+--------+---------------------+-------+
        ");
        insta::assert_snapshot!(printed(Format::Csv), @r#"
        ID,NAME,INSTANCE TYPE,ADDONS,TAGS,PUBLISHED,STATUS,LAST UPDATED,VM
        bkmtdm9hpuo01q954fng,candy,a4.3,,"game,created_by=anbox",true,ready,2019-07-17 13:53:32,false
        "#);
        insta::assert_snapshot!("list_json", printed(Format::Json));
        insta::assert_snapshot!("list_yaml", printed(Format::Yaml));
    }

    #[test]
    fn invalid_filter_is_refused_before_a_request_is_sent() {
        assert!(parse_filter("published=true").is_ok());
        assert!(
            parse_filter("published")
                .unwrap_err()
                .contains("parent_image_variant")
        );
        assert!(parse_filter("colour=red").unwrap_err().contains("colour"));
    }
}
