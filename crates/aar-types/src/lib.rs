//! The types that the programs share: names, numbers and hashes, and the bodies of the HTTP API.
//!
//! Every name is validated once, where it is parsed ([`ApplicationName`], [`Architecture`],
//! [`VersionNumber`], [`Fingerprint`], [`Digest`]), so a value of one of these types is valid.
//! Bodies are read leniently and written completely: an attribute that an older peer does not send
//! takes its default, an attribute that a newer peer adds is ignored.

#![deny(missing_docs)]

mod application;
mod architecture;
mod change;
mod clock;
mod duration;
mod envelope;
mod error;
mod error_chain;
mod fleet;
mod hash;
mod lenient;
mod manifest;
mod metadata;
mod name;
mod printable;
mod revision;
mod server;
mod trust;
mod version;

pub mod headers;
pub mod rules;

pub use application::{Application, Variant};
pub use architecture::Architecture;
pub use change::{Change, ChangeKind, Changes};
pub use clock::{Clock, ManualClock};
pub use duration::parse_duration;
pub use envelope::{Envelope, ErrorBody, ResponseKind};
pub use error::ErrorCode;
pub use error_chain::{error_chain, root_cause};
pub use fleet::{
    ApplicationInFleet, ExceptionState, FLEET_EXTENSION, Fleet, InvalidReport, NoSite,
    PublishedVersion, Site, SiteException, SiteMode, SiteName, SiteReport, SiteState,
    VersionAtSite, VersionInFleet, VersionState,
};
pub use hash::{Digest, Fingerprint, FingerprintPrefix};
pub use lenient::null_as_empty;
pub use manifest::{
    ApkFacts, Bootstrap, ExtraData, Hooks, NetworkProtocol, NetworkService, VersionManifest,
    VideoEncoder, Watchdog,
};
pub use metadata::{ApplicationMetadata, Resources};
pub use name::ApplicationName;
pub use printable::{Medium, PrintableWriter, csv_cell, printable};
pub use revision::Revision;
pub use rules::RuleViolation;
pub use server::{Auth, RegistryId, ServerInfo, ServerStatus};
pub use trust::{Role, TrustState};
pub use version::{ImageInfo, Version, VersionNumber, VersionPatch, VersionPut};

/// A text that cannot be parsed as a value of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {expected}")]
pub struct InvalidValue {
    /// The text that was parsed.
    pub value: String,
    /// The accepted form, worded to follow "is not".
    pub expected: &'static str,
}

impl InvalidValue {
    pub(crate) fn new(value: impl Into<String>, expected: &'static str) -> Self {
        Self {
            value: value.into(),
            expected,
        }
    }
}

/// The conversions that serde needs for a type whose text form is checked by its `FromStr`.
macro_rules! text_form {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = $crate::InvalidValue;

            fn try_from(value: String) -> Result<Self, Self::Error> {
                value.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}
pub(crate) use text_form;
