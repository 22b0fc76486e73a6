use aar_cli::{Format, Rows};
use aar_types::Fingerprint;
use serde::Serialize;

use crate::{
    remotes::{Remote, Remotes},
    session::Session,
};

pub(super) fn list(session: &Session, remotes: &Remotes, format: Format) -> anyhow::Result<()> {
    Ok(session.printer.listing(format, &rows(remotes))?)
}

#[derive(Debug, Serialize)]
struct RemoteRow {
    name: String,
    url: String,
    default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint>,
}

fn rows(remotes: &Remotes) -> Vec<RemoteRow> {
    let row = |(name, remote): (String, Remote)| RemoteRow {
        default: name == remotes.default,
        name,
        url: remote.url,
        fingerprint: remote.fingerprint,
    };
    remotes.all().into_iter().map(row).collect()
}

impl Rows for RemoteRow {
    const HEADERS: &'static [&'static str] = &["NAME", "URL", "DEFAULT"];

    fn row(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.url.clone(),
            self.default.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use aar_cli::Printer;

    use super::*;

    fn printed(format: Format) -> String {
        let mut remotes = Remotes::default();
        let remote = Remote {
            url: "https://192.0.2.10:8444".to_owned(),
            fingerprint: Some(Fingerprint::from_bytes([0x5a; 32])),
        };
        remotes.add("prod", remote).unwrap();
        remotes.set_default("prod").unwrap();
        let (printer, captured) = Printer::captured();
        printer.listing(format, &rows(&remotes)).unwrap();
        captured.stdout()
    }

    #[test]
    fn remotes_are_listed_in_every_format() {
        insta::assert_snapshot!(printed(Format::Table), @"
        +-------+-------------------------+---------+
        |  NAME |           URL           | DEFAULT |
        +-------+-------------------------+---------+
        | local | unix://                 | false   |
        +-------+-------------------------+---------+
        | prod  | https://192.0.2.10:8444 | true    |
        +-------+-------------------------+---------+
        ");
        insta::assert_snapshot!(printed(Format::Csv), @"
        NAME,URL,DEFAULT
        local,unix://,false
        prod,https://192.0.2.10:8444,true
        ");
        insta::assert_snapshot!(printed(Format::Json), @r#"
        [
          {
            "name": "local",
            "url": "unix://",
            "default": false
          },
          {
            "name": "prod",
            "url": "https://192.0.2.10:8444",
            "default": true,
            "fingerprint": "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
          }
        ]
        "#);
        insta::assert_snapshot!(printed(Format::Yaml), @"
        - name: local
          url: unix://
          default: false
        - name: prod
          url: https://192.0.2.10:8444
          default: true
          fingerprint: 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a
        ");
    }
}
