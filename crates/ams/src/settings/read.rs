//! Values of the settings file that need more than their type to be read.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
};

use serde::{Deserialize, Deserializer, de};

use super::{MetricsTls, PORT, StoreDriver};

/// The labels of AMS's own measurements. A sample with a label twice is refused by Prometheus.
const OWN_LABELS: &[&str] = &[
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

/// The database file. Only etcd has a map here.
pub(super) fn store_data<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Data {
        File(PathBuf),
        Servers(de::IgnoredAny),
    }
    match Option::<Data>::deserialize(deserializer)? {
        Some(Data::File(path)) => Ok(Some(path)),
        Some(Data::Servers(_)) => Err(no_etcd("a list of servers, as etcd has it,")),
        None => Ok(None),
    }
}

fn no_etcd<E: de::Error>(found: &str) -> E {
    E::custom(format!(
        "{found} is not supported: use `driver: sqlite` and leave `data` out, or name the file of \
         the database there; nothing has to run beside AMS for it"
    ))
}

pub(super) fn ignored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    de::IgnoredAny::deserialize(deserializer).map(drop)
}

pub(super) fn some_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

pub(super) fn some_certificate<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<MetricsTls>, D::Error> {
    let tls = Option::<MetricsTls>::deserialize(deserializer)?;
    let given = |path: &PathBuf| !path.as_os_str().is_empty();
    match tls {
        Some(tls) if given(&tls.cert) != given(&tls.key) => Err(de::Error::custom(
            "cert and key belong together: name both or neither",
        )),
        tls => Ok(tls.filter(|tls| given(&tls.cert))),
    }
}

pub(super) fn labels<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let labels = BTreeMap::<Label, String>::deserialize(deserializer)?;
    Ok(labels
        .into_iter()
        .map(|(Label(name), value)| (name, value))
        .collect())
}

/// The name of a label. It is checked where it stands, so that a refusal names that line.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Label(String);

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if OWN_LABELS.contains(&&*name) {
            return Err(de::Error::custom(format!(
                "AMS has a label {name:?} of its own: choose another name"
            )));
        }
        let good = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let begins = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if !good || !begins || name.starts_with("__") {
            return Err(de::Error::custom(format!(
                "{name:?} is not the name of a label: letters, digits and underscores, with no \
                 digit and not two underscores at the beginning"
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

pub(super) fn some_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = some_text(deserializer)?;
    let address = text.map(|text| address(text.trim()));
    address.transpose().map_err(de::Error::custom)
}

/// `ADDRESS:PORT`, or a port alone as Go takes it. A host name is looked up once.
fn address(text: &str) -> Result<SocketAddr, String> {
    let refusal = || format!("{text:?} is not an address such as 10.0.0.5:{PORT} or :{PORT}");
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(refusal)?;
    let port = port.parse().map_err(|_| refusal())?;
    match host {
        "" => Ok((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into()),
        name => resolve(name, port).map_err(|error| format!("{name:?} has no address: {error}")),
    }
}

/// The address of a host name, an IPv4 one where there are both, as Go chooses.
fn resolve(name: &str, port: u16) -> std::io::Result<SocketAddr> {
    let found: Vec<_> = (name, port).to_socket_addrs()?.collect();
    let first = found.iter().find(|it| it.is_ipv4()).or(found.first());
    first
        .copied()
        .ok_or_else(|| std::io::ErrorKind::NotFound.into())
}
