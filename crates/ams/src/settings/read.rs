//! Values of the settings file that need more than their type to be read.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Deserializer, de};

use super::{PORT, StoreDriver};

impl<'de> Deserialize<'de> for StoreDriver {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "sqlite" => Ok(Self::Sqlite),
            etcd @ ("etcd" | "embedded-etcd") => Err(de::Error::custom(format!(
                "the driver {etcd} is not supported: use `driver: sqlite` and leave `data` out, or \
                 name the file of the database there; nothing has to run beside AMS for it"
            ))),
            other => Err(de::Error::custom(format!(
                "{other:?} is not a driver: use sqlite"
            ))),
        }
    }
}

/// The database file. etcd has a map here; its driver is what is complained about then.
pub(super) fn store_data<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Data {
        File(PathBuf),
        Servers(de::IgnoredAny),
    }
    Ok(match Option::<Data>::deserialize(deserializer)? {
        Some(Data::File(path)) => Some(path),
        Some(Data::Servers(_)) | None => None,
    })
}

pub(super) fn ignored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    de::IgnoredAny::deserialize(deserializer).map(drop)
}

pub(super) fn listen_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    address(&text).ok_or_else(|| {
        de::Error::custom(format!(
            "{text:?} is not an address such as 10.0.0.5:{PORT} or :{PORT}"
        ))
    })
}

pub(super) fn some_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    listen_address(deserializer).map(Some)
}

/// `ADDRESS:PORT`, or a port alone as Go takes it.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    if let Some(port) = text.strip_prefix(':') {
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        return port.parse().ok().map(|port| SocketAddr::new(any, port));
    }
    match text.strip_prefix("localhost:") {
        Some(port) => port
            .parse()
            .ok()
            .map(|port| (Ipv4Addr::LOCALHOST, port).into()),
        None => text.parse().ok(),
    }
}
