//! What is uploaded, and how it is announced.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Content that does not repeat, so that a piece in the wrong place shows.
pub(crate) fn content(size: usize) -> Vec<u8> {
    let words = (0u64..).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    words.take(size).collect()
}

pub(crate) fn sha256(content: &[u8]) -> String {
    aar_types::Digest::from_bytes(Sha256::digest(content).into()).to_string()
}

/// The declaration of an image with some content.
pub(crate) fn image(content: &[u8]) -> Value {
    json!({
        "fingerprint": sha256(&sha256(content).into_bytes()),
        "digest": sha256(content),
        "size": content.len(),
    })
}

/// `Upload-Metadata` of an upload with some content.
pub(crate) fn metadata(content: &[u8]) -> String {
    format!("digest {}", STANDARD.encode(sha256(content)))
}
