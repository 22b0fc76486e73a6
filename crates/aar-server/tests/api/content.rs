//! Images to upload and their declaration.

use aar_testkit::Generated;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// An image without repetition, so that a misplaced piece is detected.
pub(crate) fn content(size: usize) -> Vec<u8> {
    let size = size as u64;
    Generated { size, seed: 1 }.bytes()
}

pub(crate) fn sha256(content: &[u8]) -> String {
    aar_fs::digest_of(content).to_string()
}

/// The declaration of an image.
pub(crate) fn image(content: &[u8]) -> Value {
    let limits = aar_package::Limits::DEFAULT;
    let checked = aar_package::check_image(content, content.len() as u64, &limits).unwrap();
    json!({
        "fingerprint": checked.fingerprint,
        "digest": sha256(content),
        "size": content.len(),
    })
}

/// The `Upload-Metadata` of an upload with this content.
pub(crate) fn metadata(content: &[u8]) -> String {
    format!("digest {}", STANDARD.encode(sha256(content)))
}
