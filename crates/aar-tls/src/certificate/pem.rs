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

/// All blocks of a text, in order. Text around blocks is ignored, a damaged block is an error. Lines may be
/// joined by blanks, or by the two characters `\n`, as in JSON and environment variables.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, Error> {
    let text = text.replace("\\r", "\n").replace("\\n", "\n");
    let text = text.replace(BEGIN, &format!("\n{BEGIN}"));
    let text = text.replace(END, &format!("\n{END}"));
    let mut lines = text.split(['\n', '\r']).map(str::trim);
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some((label, first)) = marker(line, BEGIN) {
            found.push(block(label, first, &mut lines)?);
        } else if let Some((label, _)) = marker(line, END) {
            return Err(damaged(label, "has no BEGIN line"));
        }
    }
    Ok(found)
}

/// The label of a line that begins or ends a block, and the text behind it.
fn marker<'a>(line: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    line.strip_prefix(start)?.split_once(DASHES)
}

fn block<'a>(
    label: &str,
    first: &str,
    lines: &mut impl Iterator<Item = &'a str>,
) -> Result<Block, Error> {
    let mut base64: String = first.split_ascii_whitespace().collect();
    for line in lines {
        if marker(line, END).is_some_and(|(ended, _)| ended == label) {
            return decode(label, &base64);
        }
        if line.starts_with(DASHES) {
            break;
        }
        base64.extend(line.split_ascii_whitespace());
    }
    Err(damaged(label, "has no END line: the text is cut off"))
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
