//! Sites: what they report, and how the registry sees them.

mod report;
mod site;

pub use report::{ExceptionState, InvalidReport, SiteException, SiteMode, SiteReport};
pub use site::{Fleet, NoSite, Site, SiteName, SiteState};

/// The API extension of registries that take reports of sites.
pub const FLEET_EXTENSION: &str = "fleet";
