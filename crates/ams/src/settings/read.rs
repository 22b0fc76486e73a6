//! Values of the settings file with their own syntax or rules.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
};

use serde::{Deserialize, Deserializer, de};

use super::{DEFAULT_PORT, MetricsTls, StoreDriver};
use crate::socket_group::SocketGroup;

/// The labels of the metrics of AMS. Prometheus refuses a sample that has a label twice.
const RESERVED_LABELS: &[&str] = &[
    "code",
    "direction",
    "handler",
    "kind",
    "le",
    "method",
    "outcome",
    "state",
];

impl<'de> Deserialize<'de> for StoreDriver {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "sqlite" => Ok(Self::Sqlite),
            etcd @ ("etcd" | "embedded-etcd") => Err(no_etcd(&format!("the driver {etcd}"))),
            other => Err(de::Error::custom(format!(
                "{other:?} is not a driver: use sqlite"
            ))),
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

/// The database file. Settings for etcd have a map instead.
pub(super) fn store_data<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum StoreData {
        File(PathBuf),
        Servers(de::IgnoredAny),
    }
    match Option::<StoreData>::deserialize(deserializer)? {
        Some(StoreData::File(path)) => Ok(Some(path)),
        Some(StoreData::Servers(_)) => Err(no_etcd("a list of etcd servers")),
        None => Ok(None),
    }
}

fn no_etcd<E: de::Error>(found: &str) -> E {
    E::custom(format!(
        "{found} is not supported: use `driver: sqlite` and omit `data`, or set it to the path of \
         the database file; SQLite needs no server"
    ))
}

pub(super) fn ignored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    de::IgnoredAny::deserialize(deserializer).map(drop)
}

pub(super) fn optional_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

pub(super) fn optional_certificate<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<MetricsTls>, D::Error> {
    let tls = Option::<MetricsTls>::deserialize(deserializer)?;
    let is_set = |path: &PathBuf| !path.as_os_str().is_empty();
    match tls {
        Some(tls) if is_set(&tls.cert) != is_set(&tls.key) => Err(de::Error::custom(
            "cert and key belong together: set both or neither",
        )),
        tls => Ok(tls.filter(|tls| is_set(&tls.cert))),
    }
}

pub(super) fn labels<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let labels = BTreeMap::<LabelName, String>::deserialize(deserializer)?;
    Ok(labels
        .into_iter()
        .map(|(LabelName(name), value)| (name, value))
        .collect())
}

/// A type of its own, so that a refusal names the line of the label.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct LabelName(String);

impl<'de> Deserialize<'de> for LabelName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if RESERVED_LABELS.contains(&&*name) {
            return Err(de::Error::custom(format!(
                "the label {name:?} is used by AMS: choose another name"
            )));
        }
        let are_valid = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let is_first_valid = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if !are_valid || !is_first_valid || name.starts_with("__") {
            return Err(de::Error::custom(format!(
                "{name:?} is not a valid label name: use letters, digits and underscores, without a \
                 digit or two underscores at the start"
            )));
        }
        Ok(Self(name))
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
