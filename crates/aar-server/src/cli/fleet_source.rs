//! The registry whose fleet a command shows: that of the base folder, or a remote one.

use std::path::PathBuf;

use aar_cli::Failure;
use aar_client::{ClientOptions, Error as ClientError, RegistryClient};
use aar_tls::Identity;
use aar_types::{ApplicationInFleet, ApplicationName, Fingerprint, Fleet};
use clap::Args;
use url::Url;

use super::context::Context;

/// With these, a command runs on any machine, with the certificate of a publisher.
#[derive(Debug, Args)]
#[command(next_help_heading = "A registry on another machine")]
pub(super) struct RemoteArguments {
    /// The address of the registry
    #[arg(long, value_name = "URL", requires_all = ["fingerprint", "certificate", "key"])]
    registry: Option<Url>,
    /// The fingerprint of its certificate
    #[arg(long, value_name = "FINGERPRINT", requires = "registry", value_parser = Fingerprint::from_pasted)]
    fingerprint: Option<Fingerprint>,
    /// The file with a certificate that the registry trusts as a publisher
    #[arg(long, value_name = "FILE", requires = "registry")]
    certificate: Option<PathBuf>,
    /// The file with the key of this certificate
    #[arg(long, value_name = "FILE", requires = "registry")]
    key: Option<PathBuf>,
}

pub(super) enum FleetSource<'a> {
    Local(&'a Context<'a>),
    Remote(RegistryClient),
}

impl RemoteArguments {
    pub(super) fn is_given(&self) -> bool {
        self.registry.is_some()
    }

    pub(super) fn source<'a>(&self, context: &'a Context<'a>) -> anyhow::Result<FleetSource<'a>> {
        let Self {
            registry: Some(url),
            fingerprint: Some(fingerprint),
            certificate: Some(certificate),
            key: Some(key),
        } = self
        else {
            return Ok(FleetSource::Local(context));
        };
        let identity = Identity::load(certificate, key)?;
        let options = ClientOptions::new(url.clone(), *fingerprint, identity);
        Ok(FleetSource::Remote(RegistryClient::new(options)?))
    }
}

impl FleetSource<'_> {
    pub(super) async fn fleet(&self) -> anyhow::Result<Fleet> {
        match self {
            Self::Local(context) => {
                let opened = context.open().await?;
                let fleet = opened.operator.fleet().await;
                opened.close().await;
                Ok(fleet?)
            }
            Self::Remote(client) => client.fleet().await.map_err(explained),
        }
    }

    /// The published versions of an application at all sites; `None` if it does not exist.
    pub(super) async fn application(
        &self,
        name: &ApplicationName,
    ) -> anyhow::Result<Option<ApplicationInFleet>> {
        match self {
            Self::Local(context) => {
                let opened = context.open().await?;
                let found = opened.operator.application_in_fleet(name).await;
                opened.close().await;
                Ok(found?)
            }
            Self::Remote(client) => {
                let found = client.application_in_fleet(name).await;
                found.map_err(explained)
            }
        }
    }
}

/// The client names the settings of an AMS; here, options take their place.
fn explained(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::PinMismatch { expected, shown } => {
            let sentence = format!(
                "the registry shows the certificate {shown}, but --fingerprint is {expected}"
            );
            Failure::new(sentence).into()
        }
        other => other.into(),
    }
}
