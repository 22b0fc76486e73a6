//! `amc auth …`: today's name of `amc config trust add` in the vendor's `amc`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::{config::trust, session::Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Manage the identities of clients
    #[command(subcommand)]
    Identity(IdentityCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// Trust the certificate of a client, as `amc config trust add` does
    #[command(after_help = "Examples:
  amc auth identity create tls/dashboard dashboard.crt")]
    Create {
        /// Kind and name, such as tls/dashboard; AMS keeps no name beside that in the certificate
        #[arg(value_parser = tls_identity)]
        identity: String,
        /// PEM file of the certificate; `-` reads standard input
        path: PathBuf,
    },
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
        let Self::Identity(IdentityCommand::Create { path, .. }) = self;
        trust::add(session, path).await
    }
}

fn tls_identity(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        Some(("tls", name)) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err("expected tls/NAME: AMS knows clients by their certificates only".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_of_another_kind_is_refused() {
        assert_eq!(tls_identity("tls/desk"), Ok("desk".to_owned()));
        for bad in ["oidc/desk", "desk", "tls/", ""] {
            assert!(tls_identity(bad).unwrap_err().contains("tls/NAME"), "{bad}");
        }
    }
}
