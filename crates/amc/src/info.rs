use std::collections::BTreeMap;

use aar_cli::DocumentFormat;
use ams_api::ServiceStatus;
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::session::Session;

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
}

/// The configuration is empty when AMS does not trust this client.
#[derive(Serialize)]
struct Info {
    #[serde(flatten)]
    status: ServiceStatus,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    config: BTreeMap<String, Value>,
    service_version: String,
}

pub(crate) async fn show(session: &Session, arguments: &InfoArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let status = client.status().await?;
    let config = match status.auth {
        aar_types::Auth::Trusted => client.config().await?.config,
        aar_types::Auth::Untrusted => BTreeMap::new(),
    };
    let info = Info {
        status,
        config,
        service_version: client.version().await?,
    };
    Ok(session.printer.document(arguments.format, &info)?)
}

#[cfg(test)]
mod tests {
    use aar_cli::Printer;
    use aar_types::Auth;

    use super::*;

    fn printed(format: DocumentFormat) -> String {
        let info = Info {
            status: ServiceStatus {
                api_extensions: vec!["registry".to_owned(), "vm_support".to_owned()],
                api_status: "stable".to_owned(),
                api_version: "1.0".to_owned(),
                auth: Auth::Trusted,
                auth_methods: vec!["2waySSL".to_owned()],
                auth_permissions: BTreeMap::new(),
                cluster_id: "cilsreunfpfec9b1ktg0".to_owned(),
                cluster_name: "prod0".to_owned(),
            },
            config: BTreeMap::from([("registry.mode".to_owned(), Value::from("pull"))]),
            service_version: "0.1.0".to_owned(),
        };
        let (printer, captured) = Printer::captured();
        printer.document(format, &info).unwrap();
        captured.stdout()
    }

    #[test]
    fn info_is_printed_in_both_formats() {
        insta::assert_snapshot!(printed(DocumentFormat::Yaml), @r#"
        api_extensions:
        - registry
        - vm_support
        api_status: stable
        api_version: "1.0"
        auth: trusted
        auth_methods:
        - 2waySSL
        cluster_id: cilsreunfpfec9b1ktg0
        cluster_name: prod0
        config:
          registry.mode: pull
        service_version: "0.1.0"
        "#);
        insta::assert_snapshot!(printed(DocumentFormat::Json), @r#"
        {
          "api_extensions": [
            "registry",
            "vm_support"
          ],
          "api_status": "stable",
          "api_version": "1.0",
          "auth": "trusted",
          "auth_methods": [
            "2waySSL"
          ],
          "cluster_id": "cilsreunfpfec9b1ktg0",
          "cluster_name": "prod0",
          "config": {
            "registry.mode": "pull"
          },
          "service_version": "0.1.0"
        }
        "#);
    }
}
