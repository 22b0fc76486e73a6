//! Blocks of PEM, found in text as editors and tools leave it.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::Error;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// A block with its label, such as `CERTIFICATE`.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) der: Vec<u8>,
}

/// All blocks of a text, in order. Text around blocks is ignored, a damaged block is an error.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, Error> {
    let mut lines = text.split(['\n', '\r']).map(str::trim);
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(label) = label(line, BEGIN) {
            found.push(block(label, &mut lines)?);
        } else if let Some(label) = label(line, END) {
            return Err(damaged(label, "has no BEGIN line"));
        }
    }
    Ok(found)
}

fn label<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix(DASHES)
}

fn block<'a>(label_: &str, lines: &mut impl Iterator<Item = &'a str>) -> Result<Block, Error> {
    let mut base64 = String::new();
    for line in lines {
        if label(line, END) == Some(label_) {
            return decode(label_, &base64);
        }
        if line.starts_with(DASHES) {
            break;
        }
        base64.extend(line.split_ascii_whitespace());
    }
    Err(damaged(label_, "has no END line: the text is cut off"))
}

/// Content that is not base64 is left to the reader of the label: an encrypted key has headers.
fn decode(label: &str, base64: &str) -> Result<Block, Error> {
    match BASE64_STANDARD.decode(base64) {
        Ok(der) => Ok(Block {
            label: label.to_owned(),
            der,
        }),
        Err(_) if !label.ends_with("CERTIFICATE") => Ok(Block {
            label: label.to_owned(),
            der: Vec::new(),
        }),
        Err(_) => Err(damaged(label, "is broken: its content is not base64")),
    }
}

fn damaged(label: &str, problem: &str) -> Error {
    Error::not_a_certificate(format!("the PEM block {label} {problem}"))
}
