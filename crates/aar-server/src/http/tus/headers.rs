//! The headers of the protocol.

use aar_types::headers::{UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET};
use http::HeaderName;

pub(crate) const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(crate) const VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(crate) const EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(crate) const MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(crate) const OFFSET: HeaderName = HeaderName::from_static(UPLOAD_OFFSET);
pub(crate) const LENGTH: HeaderName = HeaderName::from_static(UPLOAD_LENGTH);
pub(crate) const METADATA: HeaderName = HeaderName::from_static(UPLOAD_METADATA);
pub(crate) const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
