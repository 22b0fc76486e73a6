use std::path::Path;

use aar_cli::{Failure, Format, Rows};
use aar_tls::Certificate;
use aar_types::{Auth, Fingerprint};
use ams_api::AmsClient;
use clap::Subcommand;
use serde::Serialize;

use crate::{
    identity, location,
    remotes::{Remote, Remotes},
    session::{self, Session},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add an AMS on another machine
    Add(AddArgs),
    /// List the remotes
    #[command(visible_alias = "ls")]
    List {
        /// In which form to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Forget a remote
    #[command(visible_alias = "rm")]
    Remove {
        /// Name of the remote
        name: String,
    },
    /// Make a remote the one that commands talk to
    SetDefault {
        /// Name of the remote
        name: String,
    },
    /// Change the address of a remote
    SetUrl {
        /// Name of the remote
        name: String,
        /// Its new address
        url: String,
        /// Take the certificate that is shown there without asking
        #[arg(long)]
        accept_certificate: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// Name for the remote
    name: String,
    #[arg(help = "Its address, such as https://192.0.2.10:8444")]
    url: String,
    /// Password with which this client enrols itself, if AMS has one
    trust_password: Option<String>,
    /// Take the certificate that is shown there without asking
    #[arg(long)]
    accept_certificate: bool,
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
        let folder = location::config_dir()?;
        let mut remotes = Remotes::load(&folder)?;
        match self {
            Self::Add(arguments) => return add(session, &folder, remotes, arguments).await,
            Self::List { format } => {
                return Ok(session.printer.listing(format, &entries(&remotes))?);
            }
            Self::Remove { name } => remotes.remove(&name)?,
            Self::SetDefault { name } => remotes.set_default(&name)?,
            Self::SetUrl {
                name,
                url,
                accept_certificate,
            } => {
                remotes.check_changeable(&name)?;
                let remote = look_at(session, &url, accept_certificate).await?;
                remotes.replace(&name, remote)?;
            }
        }
        remotes.save(&folder)
    }
}

async fn add(
    session: &Session,
    folder: &Path,
    mut remotes: Remotes,
    arguments: AddArgs,
) -> anyhow::Result<()> {
    if remotes.is_local(&arguments.name, &arguments.url) {
        return Ok(());
    }
    remotes.check_free(&arguments.name)?;
    let remote = look_at(session, &arguments.url, arguments.accept_certificate).await?;
    if remote.fingerprint.is_some() {
        let password = arguments.trust_password.as_deref();
        introduce(session, folder, &remote, password).await?;
    }
    remotes.add(&arguments.name, remote)?;
    remotes.save(folder)
}

/// The remote at an address, with the certificate that it shows and somebody has accepted.
async fn look_at(session: &Session, url: &str, accept: bool) -> anyhow::Result<Remote> {
    let fingerprint = match session::socket_of(url) {
        Some(_) => None,
        None => Some(accepted_certificate(session, url, accept).await?),
    };
    Ok(Remote {
        url: url.to_owned(),
        fingerprint,
    })
}

async fn accepted_certificate(
    session: &Session,
    url: &str,
    accept: bool,
) -> anyhow::Result<Fingerprint> {
    let address = session::address(url)?;
    let host = address.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = address.port_or_known_default().unwrap_or(443);
    let certificate = aar_tls::observe_certificate(host, port).await?;
    let fingerprint = certificate.fingerprint();
    session.printer.note(format_args!(
        "{url} shows the certificate {fingerprint} of {}",
        certificate.subject()
    ));
    if accept || ask(session, &certificate)? {
        return Ok(fingerprint);
    }
    Err(not_accepted(session.printer.is_interactive()).into())
}

fn ask(session: &Session, certificate: &Certificate) -> anyhow::Result<bool> {
    let digits = certificate.fingerprint().to_string();
    let question = format!("Is {} … {} what you expect?", &digits[..12], &digits[52..]);
    Ok(session.printer.confirm(&question)?)
}

fn not_accepted(interactive: bool) -> Failure {
    let failure = Failure::new("the certificate was not accepted");
    if interactive {
        return failure;
    }
    failure.with_hint("compare the fingerprint with that of AMS, then add --accept-certificate")
}

/// Makes sure that AMS trusts this client, or says what is left to do.
async fn introduce(
    session: &Session,
    folder: &Path,
    remote: &Remote,
    password: Option<&str>,
) -> anyhow::Result<()> {
    let client = session.client_of(folder, remote)?;
    if client.status().await?.auth == Auth::Trusted {
        return Ok(());
    }
    let identity = identity::load_or_create(folder, &session.clock)?;
    if let Some(password) = password {
        return enrol(&client, identity.certificate(), password).await;
    }
    let certificate = folder.join(identity::CERTIFICATE);
    session.printer.warn("AMS does not trust this client yet");
    session.printer.hint(format_args!(
        "add {} on its machine with `amc config trust add`",
        certificate.display()
    ));
    Ok(())
}

/// Only once the certificate is in can its operation be looked at: asking comes before listening.
async fn enrol(
    client: &AmsClient,
    certificate: &Certificate,
    password: &str,
) -> anyhow::Result<()> {
    let begun = client.add_certificate(certificate, password).await;
    let begun = begun.map_err(|error| {
        Failure::from_error(&error).with_hint(
            "the trust password is what `amc config set core.trust_password` on its machine says",
        )
    })?;
    if let Some(operation) = begun {
        client.watch().await.finish(operation, None, |_| {}).await?;
    }
    Ok(())
}

/// A remote, as it is listed.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    url: String,
    default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint>,
}

fn entries(remotes: &Remotes) -> Vec<Entry> {
    let entry = |(name, remote): (String, Remote)| Entry {
        default: name == remotes.default,
        name,
        url: remote.url,
        fingerprint: remote.fingerprint,
    };
    remotes.all().into_iter().map(entry).collect()
}

impl Rows for Entry {
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
        printer.listing(format, &entries(&remotes)).unwrap();
        captured.stdout()
    }

    #[test]
    fn remotes_are_listed_in_every_form() {
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

    #[test]
    fn who_cannot_be_asked_is_told_what_to_do() {
        assert!(
            not_accepted(false)
                .hint()
                .unwrap()
                .contains("--accept-certificate")
        );
        assert_eq!(not_accepted(true).hint(), None);
    }
}
