//! Sites: what they report, and how the registry sees them.

mod application;
mod report;
mod site;

pub use application::{
    ApplicationInFleet, PublishedVersion, VersionAtSite, VersionInFleet, VersionState,
};
pub use report::{ExceptionState, InvalidReport, SiteException, SiteMode, SiteReport};
pub use site::{Fleet, NoSite, Site, SiteName, SiteState};

/// The API extension of registries that take reports of sites.
pub const FLEET_EXTENSION: &str = "fleet";
