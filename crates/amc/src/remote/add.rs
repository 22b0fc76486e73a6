use std::path::Path;

use aar_cli::Failure;
use aar_tls::Certificate;
use aar_types::{Auth, Fingerprint};
use ams_api::AmsClient;
use clap::ValueEnum;

use crate::{
    identity,
    remotes::{Remote, Remotes},
    session::{self, Session},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  amc remote add prod https://192.0.2.10:8444            # asks whether the certificate is right
  amc remote add prod https://192.0.2.10:8444 PASSWORD   # AMS trusts this client from now on
  amc remote add test unix:///run/ams/unix.socket")]
pub(crate) struct AddArgs {
    /// Name for the remote
    name: String,
    #[arg(help = "Address of the AMS, such as https://192.0.2.10:8444")]
    url: String,
    /// Trust password of the AMS; with it, AMS trusts this client at once
    trust_password: Option<String>,
    /// How clients authenticate; only certificates are supported
    #[arg(long, value_enum, default_value_t)]
    auth_type: AuthType,
    /// Accept the certificate that the AMS shows, without a prompt
    #[arg(long)]
    accept_certificate: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum AuthType {
    #[default]
    Tls,
}

pub(super) async fn add(
    session: &Session,
    folder: &Path,
    mut remotes: Remotes,
    arguments: AddArgs,
) -> anyhow::Result<()> {
    if remotes.is_local(&arguments.name, &arguments.url) {
        return Ok(());
    }
    remotes.check_free(&arguments.name)?;
    let remote = pin(session, &arguments.url, arguments.accept_certificate).await?;
    Remotes::check_writable(folder)?;
    if remote.fingerprint.is_some() {
        let password = arguments.trust_password.as_deref();
        ensure_trusted(session, folder, &remote, password).await?;
    }
    remotes.add(&arguments.name, remote)?;
    remotes.save(folder)
}

/// The remote at an address, with the fingerprint of its certificate once the user has accepted it.
pub(super) async fn pin(session: &Session, url: &str, accept: bool) -> anyhow::Result<Remote> {
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
    if accept || confirm(session, &certificate)? {
        return Ok(fingerprint);
    }
    Err(Failure::new("the certificate was not accepted").into())
}

fn confirm(session: &Session, certificate: &Certificate) -> anyhow::Result<bool> {
    let digits = certificate.fingerprint().to_string();
    let question = format!(
        "Is {} … {} the fingerprint of your AMS?",
        &digits[..12],
        &digits[52..]
    );
    Ok(session.printer.confirm(&question, "--accept-certificate")?)
}

/// Adds the client certificate to the trust store of AMS if there is a password, or else tells the user
/// how to add it.
async fn ensure_trusted(
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
        "copy {} to the AMS machine and run `amc config trust add` there",
        certificate.display()
    ));
    Ok(())
}

/// AMS shows the operation only to trusted clients, so the client cannot subscribe before the request.
async fn enrol(
    client: &AmsClient,
    certificate: &Certificate,
    password: &str,
) -> anyhow::Result<()> {
    let operation = client.add_certificate(certificate, password).await;
    let operation = operation.map_err(|error| {
        Failure::from_error(&error).with_hint(
            "use the password that was set with `amc config set core.trust_password` on the AMS \
             machine",
        )
    })?;
    if let Some(operation) = operation {
        client.watch().await.wait(operation, None, |_| {}).await?;
    }
    Ok(())
}
