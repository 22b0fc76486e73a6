//! Content of uploads and its declaration.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Content without repetition, so that a misplaced piece is detected.
pub(crate) fn content(size: usize) -> Vec<u8> {
    let words = (0u64..).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    words.take(size).collect()
}

pub(crate) fn sha256(content: &[u8]) -> String {
    aar_fs::digest_of(content).to_string()
}

/// The declaration of an image with this content.
pub(crate) fn image(content: &[u8]) -> Value {
    json!({
        "fingerprint": sha256(&sha256(content).into_bytes()),
        "digest": sha256(content),
        "size": content.len(),
    })
}

/// The `Upload-Metadata` of an upload with this content.
pub(crate) fn metadata(content: &[u8]) -> String {
    format!("digest {}", STANDARD.encode(sha256(content)))
}
