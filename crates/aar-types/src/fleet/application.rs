use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ExceptionState, Site, SiteMode, SiteReport, SiteState};
use crate::{ApplicationName, Architecture, Fingerprint, Revision, Role, VersionNumber};

/// Whether a site can use a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum VersionState {
    /// The site has the version, and offers it.
    Usable,
    /// The image is in transfer.
    Arriving,
    /// The site has not begun with it.
    Pending,
    /// A step failed, or it needs an operator; the reason says more.
    Failed,
    /// The filter of the site does not take the application.
    Filtered,
    /// The site has another architecture.
    OtherArchitecture,
    /// The site publishes, or follows the registry only on request.
    NotFollowing,
    /// The site was not heard of for three minutes: its state is not known.
    Silent,
    /// The site has never reported.
    Unknown,
}

impl VersionState {
    /// The name in bodies and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Arriving => "arriving",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Filtered => "filtered",
            Self::OtherArchitecture => "other-architecture",
            Self::NotFollowing => "not-following",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the version is still to become usable at the site, as far as that is known.
    pub fn is_awaited(self) -> bool {
        matches!(self, Self::Arriving | Self::Pending | Self::Failed)
    }
}

impl fmt::Display for VersionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A version, as sites are compared with it.
#[derive(Debug, Clone, Copy)]
pub struct PublishedVersion<'a> {
    /// The application.
    pub application: &'a ApplicationName,
    /// Its tags.
    pub tags: &'a [String],
    /// The architecture of the version.
    pub architecture: Architecture,
    /// The number of the version.
    pub number: VersionNumber,
    /// The revision of its last change.
    pub revision: Revision,
}

/// A version at a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionAtSite {
    /// The name of the site.
    pub site: String,
    /// The fingerprint of its certificate.
    pub fingerprint: Fingerprint,
    /// Whether it can use the version.
    pub state: VersionState,
    /// The reason of a failure, in a sentence of the site.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The transferred bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The bytes to transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// A version at all sites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionInFleet {
    /// The architecture of the version.
    pub architecture: Architecture,
    /// The number of the version.
    pub number: VersionNumber,
    /// The sites, by name.
    pub sites: Vec<VersionAtSite>,
}

/// The published versions of an application at all sites: the body of
/// `GET /1.0/fleet/applications/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplicationInFleet {
    /// The application.
    pub name: ApplicationName,
    /// The present revision of the catalogue.
    pub revision: Revision,
    /// Its published versions.
    pub versions: Vec<VersionInFleet>,
}

impl Site {
    /// How a version stands at this site, by its last report.
    pub fn version(&self, version: &PublishedVersion<'_>) -> VersionAtSite {
        let at = |state| VersionAtSite {
            site: self.name.clone(),
            fingerprint: self.fingerprint,
            state,
            reason: String::new(),
            bytes: None,
            total: None,
        };
        let Some(report) = &self.report else {
            // A publisher may be a pipeline, which has no applications.
            return at(match self.role {
                Role::Publisher => VersionState::NotFollowing,
                Role::Client => VersionState::Unknown,
            });
        };
        if report.architecture != version.architecture {
            return at(VersionState::OtherArchitecture);
        }
        if report.mode != SiteMode::Pull {
            return at(VersionState::NotFollowing);
        }
        if !takes(report, version.tags) {
            return at(VersionState::Filtered);
        }
        if self.state == SiteState::Silent {
            return at(VersionState::Silent);
        }
        VersionAtSite {
            site: self.name.clone(),
            fingerprint: self.fingerprint,
            ..following(report, version, at(VersionState::Pending))
        }
    }
}

fn takes(report: &SiteReport, tags: &[String]) -> bool {
    report.filter.is_empty() || report.filter.iter().any(|tag| tags.contains(tag))
}

fn following(
    report: &SiteReport,
    version: &PublishedVersion<'_>,
    pending: VersionAtSite,
) -> VersionAtSite {
    let compared = report.revision.max(report.applied_revision);
    let mut exceptions = report.exceptions.iter();
    let exception = exceptions.find(|it| it.application == *version.application);
    let Some(exception) = exception else {
        let is_usable = compared >= Some(version.revision) && report.more_exceptions == 0;
        return VersionAtSite {
            state: if is_usable {
                VersionState::Usable
            } else {
                VersionState::Pending
            },
            ..pending
        };
    };
    let is_in_transfer = exception.version == Some(version.number);
    let state = match exception.state {
        ExceptionState::Pending | ExceptionState::Building if is_in_transfer => {
            VersionState::Arriving
        }
        ExceptionState::Pending | ExceptionState::Building => VersionState::Pending,
        ExceptionState::Failed
        | ExceptionState::Conflict
        | ExceptionState::Held
        | ExceptionState::Unknown => VersionState::Failed,
    };
    VersionAtSite {
        state,
        reason: exception.reason.clone(),
        bytes: exception.bytes.filter(|_| is_in_transfer),
        total: exception.total.filter(|_| is_in_transfer),
        ..pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SiteException;

    fn report() -> SiteReport {
        SiteReport {
            name: "tokyo".to_owned(),
            software_version: "1.0".to_owned(),
            architecture: Architecture::Amd64,
            mode: SiteMode::Pull,
            filter: Vec::new(),
            revision: Some(Revision(5)),
            applied_revision: Some(Revision(5)),
            exceptions: Vec::new(),
            more_exceptions: 0,
            free_bytes: None,
        }
    }

    fn exception(state: ExceptionState, version: Option<u32>) -> SiteException {
        SiteException {
            application: "chess".parse().unwrap(),
            version: version.map(VersionNumber),
            state,
            reason: "a reason".to_owned(),
            bytes: Some(43),
            total: Some(100),
        }
    }

    fn state(site: SiteState, report: Option<SiteReport>) -> VersionState {
        let site = Site {
            name: "tokyo".to_owned(),
            fingerprint: Fingerprint::from_bytes([1; 32]),
            role: Role::Client,
            state: site,
            behind: None,
            since: None,
            last_seen: None,
            report,
        };
        let version = PublishedVersion {
            application: &"chess".parse().unwrap(),
            tags: &["game".to_owned()],
            architecture: Architecture::Amd64,
            number: VersionNumber(42),
            revision: Revision(5),
        };
        site.version(&version).state
    }

    #[test]
    fn version_is_usable_only_if_the_report_says_so() {
        let behind = SiteReport {
            revision: Some(Revision(4)),
            applied_revision: Some(Revision(4)),
            ..report()
        };
        let with = |exceptions| SiteReport {
            exceptions,
            ..report()
        };
        let mut other = exception(ExceptionState::Failed, None);
        other.application = "checkers".parse().unwrap();
        let shortened = SiteReport {
            more_exceptions: 1,
            ..report()
        };
        for (expected, report) in [
            (VersionState::Usable, report()),
            (VersionState::Usable, with(vec![other])),
            (VersionState::Pending, behind),
            (VersionState::Pending, shortened),
            (
                VersionState::Arriving,
                with(vec![exception(ExceptionState::Pending, Some(42))]),
            ),
            (
                VersionState::Pending,
                with(vec![exception(ExceptionState::Pending, Some(41))]),
            ),
            (
                VersionState::Failed,
                with(vec![exception(ExceptionState::Held, None)]),
            ),
        ] {
            assert_eq!(state(SiteState::Behind, Some(report)), expected);
        }
    }

    #[test]
    fn site_that_does_not_take_the_version_is_told_apart_from_one_that_is_silent() {
        let of = |architecture, mode, filter: &[&str]| SiteReport {
            architecture,
            mode,
            filter: filter.iter().map(ToString::to_string).collect(),
            ..report()
        };
        let amd64 = Architecture::Amd64;
        for (expected, report) in [
            (
                VersionState::OtherArchitecture,
                of(Architecture::Arm64, SiteMode::Pull, &[]),
            ),
            (VersionState::NotFollowing, of(amd64, SiteMode::Push, &[])),
            (VersionState::NotFollowing, of(amd64, SiteMode::Manual, &[])),
            (VersionState::Filtered, of(amd64, SiteMode::Pull, &["tv"])),
            (
                VersionState::Silent,
                of(amd64, SiteMode::Pull, &["tv", "game"]),
            ),
        ] {
            assert_eq!(state(SiteState::Silent, Some(report)), expected);
        }
        assert_eq!(state(SiteState::Unknown, None), VersionState::Unknown);
    }
}
