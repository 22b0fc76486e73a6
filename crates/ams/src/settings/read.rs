//! Values of the settings file with their own syntax or rules.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
};

use aar_daemon::config_file::{OwnLabels, optional_text};
use serde::{Deserialize, Deserializer, de};

use super::{BackendSettings, DEFAULT_PORT, StoreSettings};
use crate::{config::parse_flag, socket_group::SocketGroup};

/// The labels of the metrics of AMS.
pub(super) struct AmsLabels;

impl OwnLabels for AmsLabels {
    const PROGRAM: &'static str = "AMS";
    const NAMES: &'static [&'static str] = &[
        "code",
        "direction",
        "handler",
        "kind",
        "le",
        "method",
        "outcome",
        "state",
    ];
}

/// The section `store` in the file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StoreSection {
    driver: String,
    data: Option<StoreData>,
}

/// The database file. Settings for etcd have a map instead.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoreData {
    File(PathBuf),
    Servers(de::IgnoredAny),
}

impl TryFrom<StoreSection> for StoreSettings {
    type Error = String;

    fn try_from(section: StoreSection) -> Result<Self, String> {
        let etcd = |driver: &str| Self {
            data: None,
            etcd: Some(driver.to_owned()),
        };
        match (section.driver.as_str(), section.data) {
            ("embedded-etcd", _) => Ok(etcd("embedded-etcd")),
            ("etcd", _) | ("", Some(StoreData::Servers(_))) => Ok(etcd("etcd")),
            ("sqlite" | "", Some(StoreData::File(path))) => Ok(Self {
                data: Some(path).filter(|path| !path.as_os_str().is_empty()),
                etcd: None,
            }),
            ("sqlite" | "", None) => Ok(Self::default()),
            ("sqlite", Some(StoreData::Servers(_))) => Err(
                "a list of etcd servers contradicts `driver: sqlite`: omit `data`, or set it to the \
                 path of the database file"
                    .to_owned(),
            ),
            (other, _) => Err(format!("{other:?} is not a driver: use `driver: sqlite`")),
        }
    }
}

/// A group that exists, so that a misspelt one is noticed.
pub(super) fn socket_group<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketGroup>, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() {
        return Ok(None);
    }
    match SocketGroup::configured(&name).map_err(de::Error::custom)? {
        Some(group) => Ok(Some(group)),
        None => Err(de::Error::custom(format!(
            "there is no group {name:?}: create it with `addgroup --system {name}`"
        ))),
    }
}

/// An empty section is the default.
pub(super) fn backend<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BackendSettings, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A boolean, which templates may write as text; an empty text is false.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Value(bool),
        Text(String),
    }
    match Option::<Flag>::deserialize(deserializer)? {
        None => Ok(false),
        Some(Flag::Value(value)) => Ok(value),
        Some(Flag::Text(text)) if text.is_empty() => Ok(false),
        Some(Flag::Text(text)) => parse_flag(&text)
            .ok_or_else(|| de::Error::custom(format!("{text:?} is neither true nor false"))),
    }
}

pub(super) fn listen_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    address(text.trim()).map_err(de::Error::custom)
}

pub(super) fn optional_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = optional_text(deserializer)?;
    let address = text.map(|text| address(text.trim()));
    address.transpose().map_err(de::Error::custom)
}

/// Parses `ADDRESS:DEFAULT_PORT`, or `:DEFAULT_PORT` as Go does. A host name is resolved once.
fn address(text: &str) -> Result<SocketAddr, String> {
    let refusal =
        || format!("{text:?} is not an address such as 10.0.0.5:{DEFAULT_PORT} or :{DEFAULT_PORT}");
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(refusal)?;
    let port = port.parse().map_err(|_| refusal())?;
    match host {
        "" => Ok((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into()),
        name => resolve(name, port).map_err(|error| format!("cannot resolve {name:?}: {error}")),
    }
}

/// Prefers IPv4, as Go does.
fn resolve(name: &str, port: u16) -> std::io::Result<SocketAddr> {
    let found: Vec<_> = (name, port).to_socket_addrs()?.collect();
    let first = found.iter().find(|it| it.is_ipv4()).or(found.first());
    first
        .copied()
        .ok_or_else(|| std::io::ErrorKind::NotFound.into())
}
