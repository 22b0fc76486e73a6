use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SiteReport;
use crate::{Fingerprint, FingerprintPrefix, InvalidValue, Medium, Revision, Role, printable};

/// How a site stands, as the registry sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SiteState {
    /// It has applied the present revision.
    InStep,
    /// It has not applied the present revision yet.
    Behind,
    /// Applications have failed, are in conflict, or their removal is held.
    Failing,
    /// It follows the registry only on request.
    Manual,
    /// It was not heard of for three minutes: its state is not known.
    Silent,
    /// It has never reported.
    Unknown,
}

impl SiteState {
    /// The name in bodies and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InStep => "in-step",
            Self::Behind => "behind",
            Self::Failing => "failing",
            Self::Manual => "manual",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for SiteState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A trusted certificate, with the last report of its site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Site {
    /// The name by which operators know it.
    pub name: String,
    /// The fingerprint of its certificate.
    pub fingerprint: Fingerprint,
    /// The role of its certificate.
    pub role: Role,
    /// How it stands.
    pub state: SiteState,
    /// How many revisions it is behind; none if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<u64>,
    /// Since when it is in this state; none if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub since: Option<Timestamp>,
    /// When it reported last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_seen: Option<Timestamp>,
    /// Its last report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<SiteReport>,
}

impl Site {
    /// How many applications have failed, are in conflict, or are held, as it reported last.
    pub fn failing(&self) -> usize {
        self.report.as_ref().map_or(0, SiteReport::failing)
    }
}

/// All sites: the body of `GET /1.0/fleet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fleet {
    /// The present revision of the catalogue.
    pub revision: Revision,
    /// The sites, by name.
    pub sites: Vec<Site>,
}

impl Fleet {
    /// The one site with this name.
    pub fn site(self, name: &SiteName) -> Result<Site, NoSite> {
        let mut found = self.sites.into_iter().filter(|site| name.matches(site));
        match (found.next(), found.next()) {
            (Some(site), None) => Ok(site),
            (None, _) => Err(NoSite::Unknown(name.clone())),
            (Some(_), Some(_)) => Err(NoSite::Ambiguous(name.clone())),
        }
    }
}

/// A name does not stand for one site.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSite {
    /// No site has the name.
    #[error("no trusted site has the name or fingerprint {0}")]
    Unknown(SiteName),
    /// Several sites have the name.
    #[error("several sites are called {0}: use the fingerprint")]
    Ambiguous(SiteName),
}

/// The name or the beginning of the fingerprint of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteName(String);

impl SiteName {
    /// Whether it names this site.
    pub fn matches(&self, site: &Site) -> bool {
        self.stands_for(&site.name, &site.fingerprint)
    }

    /// Whether it stands for the site with this name and this fingerprint.
    pub fn stands_for(&self, name: &str, fingerprint: &Fingerprint) -> bool {
        let prefix = self.0.parse::<FingerprintPrefix>();
        let prefix = prefix.map_or_else(|_| String::new(), |prefix| prefix.to_string());
        name == self.0 || (prefix.len() >= 6 && fingerprint.to_string().starts_with(&prefix))
    }
}

impl FromStr for SiteName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text.is_empty() {
            return Err(InvalidValue::new(text, "the name of a site"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&printable(&self.0, Medium::Line))
    }
}
