//! Limits on a JSON body, checked before it is parsed.
//!
//! A parsed value takes up to fifty times the memory of its text, so the size of the body alone limits
//! little.

use crate::limits::{
    LIST_ENTRIES as MAX_ENTRIES, RESPONSE_DEPTH as MAX_DEPTH, RESPONSE_VALUES as MAX_VALUES,
    TEXT_BYTES as MAX_TEXT,
};

/// Counts the values of a body, or names the limit that it exceeds.
pub(crate) fn check(body: &[u8]) -> Result<usize, String> {
    let mut counter = Counter::default();
    for byte in body {
        counter.add(*byte)?;
    }
    Ok(counter.values)
}

#[derive(Default)]
struct Counter {
    values: usize,
    /// The entries so far of each open list or object.
    open: Vec<usize>,
    /// The length so far of the open text.
    text: Option<usize>,
    escaped: bool,
}

impl Counter {
    fn add(&mut self, byte: u8) -> Result<(), String> {
        if let Some(length) = self.text {
            return self.add_to_text(byte, length);
        }
        match byte {
            b'"' => self.text = Some(0),
            b'[' | b'{' => {
                self.add_value()?;
                self.open.push(1);
                if self.open.len() > MAX_DEPTH {
                    return Err(format!("it has more than {MAX_DEPTH} levels"));
                }
            }
            b']' | b'}' => drop(self.open.pop()),
            b',' => {
                self.add_value()?;
                self.add_entry()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn add_to_text(&mut self, byte: u8, length: usize) -> Result<(), String> {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.text = None;
                return Ok(());
            }
            _ => {}
        }
        if length == MAX_TEXT {
            return Err(format!("it has a text of more than {MAX_TEXT} bytes"));
        }
        self.text = Some(length + 1);
        Ok(())
    }

    fn add_value(&mut self) -> Result<(), String> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(format!("it has more than {MAX_VALUES} values"));
        }
        Ok(())
    }

    fn add_entry(&mut self) -> Result<(), String> {
        let Some(entries) = self.open.last_mut() else {
            return Ok(());
        };
        *entries += 1;
        if *entries > MAX_ENTRIES {
            return Err(format!("it has a list of more than {MAX_ENTRIES} entries"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entry: &str, count: usize) -> String {
        format!("[{}]", vec![entry; count].join(","))
    }

    #[test]
    fn body_beyond_a_limit_is_refused_with_the_limit() {
        for (body, expected) in [
            (list("\"a\"", MAX_ENTRIES + 1), "a list of more than 50000"),
            (
                list(&list("1", MAX_ENTRIES), 21),
                "more than 1000000 values",
            ),
            (
                format!("\"{}\"", "x".repeat(MAX_TEXT + 1)),
                "a text of more than 65536",
            ),
            ("[".repeat(MAX_DEPTH + 1), "more than 32 levels"),
        ] {
            let refused = check(body.as_bytes()).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[test]
    fn body_within_the_limits_is_accepted_whatever_its_texts_contain() {
        let brackets = format!("{{\"a\\\"{}\": [1, 2]}}", "[,".repeat(1000));
        for body in [list("{}", MAX_ENTRIES), brackets, String::new()] {
            assert!(check(body.as_bytes()).is_ok(), "{body:.40}");
        }
    }
}
