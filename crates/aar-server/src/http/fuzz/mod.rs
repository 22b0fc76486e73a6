//! Fuzz targets. Their corpus is in `__fuzz__`.

use aar_types::VersionPut;
use axum::http::{HeaderMap, HeaderValue};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::tus;

/// A digest that is read from the metadata of an upload is the one that is written for it.
fn check_upload_metadata(value: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(value) else {
        return false;
    };
    let headers = HeaderMap::from_iter([(tus::METADATA, value)]);
    let Ok(digest) = tus::metadata(&headers).and_then(tus::digest) else {
        return false;
    };
    let written = format!("digest {}", STANDARD.encode(digest.to_string()));
    assert_eq!(tus::digest(&written).unwrap(), digest);
    true
}

/// An accepted declaration of a version is the same after another round through JSON.
fn check_declaration(body: &[u8]) -> bool {
    let Ok(declared) = serde_json::from_slice::<VersionPut>(body) else {
        return false;
    };
    if declared.application.check().is_err() || declared.manifest.check().is_err() {
        return false;
    }
    let written: VersionPut =
        serde_json::from_slice(&serde_json::to_vec(&declared).unwrap()).unwrap();
    assert_eq!(written, declared);
    written.application.check().unwrap();
    written.manifest.check().unwrap();
    true
}

#[test]
fn upload_metadata() {
    aar_testkit::fuzz!("upload_metadata", check_upload_metadata);
}

#[test]
fn version_declaration() {
    aar_testkit::fuzz!("version_declaration", check_declaration);
}
