use std::path::{Path, PathBuf};

use aar_cli::{Failure, Printer};
use aar_types::Clock;
use ams_api::{AmsClient, Endpoint};
use clap::Args;
use url::Url;

use crate::{
    identity, paths,
    remotes::{Remote, Remotes},
};

const USER_AGENT: &str = concat!("amc/", env!("CARGO_PKG_VERSION"));

const GLOBAL: &str = "Global options";

/// Selects the AMS.
#[derive(Debug, Default, Args)]
pub(crate) struct GlobalArgs {
    /// Use the AMS that listens on this Unix socket
    #[arg(long, global = true, value_name = "PATH", help_heading = GLOBAL)]
    pub(crate) socket: Option<PathBuf>,
    /// Use this remote instead of the default one
    #[arg(long, global = true, value_name = "NAME", help_heading = GLOBAL)]
    #[arg(conflicts_with = "socket")]
    pub(crate) remote: Option<String>,
}

/// The printer, the clock and the selected AMS of a command.
pub(crate) struct Session {
    pub(crate) printer: Printer,
    pub(crate) clock: Clock,
    global: GlobalArgs,
}

impl Session {
    pub(crate) fn new(printer: Printer, global: GlobalArgs) -> Self {
        Self {
            printer,
            clock: Clock::system(),
            global,
        }
    }

    /// The client of the AMS that the command line names by socket or remote, or else of the default
    /// remote.
    pub(crate) fn client(&self) -> anyhow::Result<AmsClient> {
        if let Some(socket) = &self.global.socket {
            return self.connect(Endpoint::Socket(socket.clone()));
        }
        let folder = paths::config_dir()?;
        let remotes = Remotes::load(&folder)?;
        let name = self.global.remote.as_deref().unwrap_or(&remotes.default);
        self.client_of(&folder, &remotes.get(name)?)
    }

    pub(crate) fn client_of(&self, folder: &Path, remote: &Remote) -> anyhow::Result<AmsClient> {
        if let Some(socket) = socket_of(&remote.url) {
            return self.connect(Endpoint::Socket(socket));
        }
        let url = address(&remote.url)?;
        let server = remote.fingerprint.ok_or_else(|| {
            Failure::new(format!("no certificate is pinned for {url}"))
                .with_hint("remove the remote with `amc remote remove` and add it again")
        })?;
        let identity = identity::load_or_create(folder, &self.clock)?;
        self.connect(Endpoint::Remote {
            url,
            server,
            identity,
        })
    }

    fn connect(&self, endpoint: Endpoint) -> anyhow::Result<AmsClient> {
        Ok(AmsClient::new(endpoint, USER_AGENT, self.clock.clone())?)
    }
}

/// The socket of a `unix://PATH` address; without a path, that of the AMS on this machine.
pub(crate) fn socket_of(url: &str) -> Option<PathBuf> {
    match url.strip_prefix("unix://")? {
        "" => Some(paths::local_socket()),
        path => Some(PathBuf::from(path)),
    }
}

pub(crate) fn address(text: &str) -> anyhow::Result<Url> {
    let invalid = |reason| ams_api::Error::Address {
        url: text.to_owned(),
        reason,
    };
    let url = Url::parse(text).map_err(|_| invalid("it is not a URL"))?;
    if url.scheme() != "https" || url.host().is_none() {
        return Err(invalid("it does not start with https:// and a host").into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_address_is_a_socket_or_an_https_url() {
        assert_eq!(socket_of("unix:///run/a"), Some(PathBuf::from("/run/a")));
        assert!(socket_of("unix://").is_some());
        assert_eq!(socket_of("https://a:8444"), None);
        assert_eq!(address("https://a:8444").unwrap().port(), Some(8444));
        for bad in ["a:8444", "http://a:8444", "https://", "unix:///run/a"] {
            assert!(address(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
