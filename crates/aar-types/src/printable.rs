//! Text of other parties, made printable.
//!
//! Names, messages and file names from outside may have characters that forge a line of a log, control a
//! terminal, change the order of a line, or cannot be seen. Each of these is shown by its number instead.
//! Everything else, also text in other scripts, stays as it is.

use std::{borrow::Cow, fmt};

/// Where the text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// One line or cell of text: `\n`, `\u{202e}`.
    Line,
    /// Several lines of text. Line feeds and tabs stay.
    Lines,
    /// A JSON or YAML document: `\u202e`, which both read as the character within double quotes. Line feeds
    /// and tabs stay, because those of strings are escaped already.
    Document,
}

impl Medium {
    fn shows(self, character: char) -> bool {
        match character {
            '\n' | '\t' => self != Self::Line,
            ' '..='~' => true,
            _ => !is_unprintable(character),
        }
    }

    fn escape(self, character: char, to: &mut impl fmt::Write) -> fmt::Result {
        if self != Self::Document {
            return write!(to, "{}", escaped(character));
        }
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            write!(to, "\\u{unit:04x}")?;
        }
        Ok(())
    }
}

fn escaped(character: char) -> String {
    match character {
        '\n' | '\r' | '\t' => character.escape_default().to_string(),
        _ => character.escape_unicode().to_string(),
    }
}

/// Whether a character controls what shows it, or is not visible.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
            '\u{ad}' | '\u{61c}' | '\u{180b}'..='\u{180f}'
            // Fillers that are blank letters.
            | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
            // Zero width, directions, line and paragraph separators, invisible operators.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Variation selectors, byte order mark, annotations, noncharacters.
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}'
            // Musical controls, shorthand controls, tags.
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The text in printable form.
pub fn printable(text: &str, medium: Medium) -> Cow<'_, str> {
    if text.chars().all(|character| medium.shows(character)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = PrintableWriter::new(String::with_capacity(text.len() + 16), medium);
    // Writing to a string cannot fail.
    let _ = fmt::Write::write_str(&mut escaped, text);
    Cow::Owned(escaped.0)
}

/// The text as a cell of a CSV file. A spreadsheet takes a cell that begins with one of a few signs for a
/// formula, which may run programs; an apostrophe before it prevents that. Numbers stay numbers.
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    let printable = printable(text, Medium::Line);
    let is_formula = text.len() > 1
        && text
            .trim_start()
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        && text.parse::<f64>().is_err();
    if is_formula {
        Cow::Owned(format!("'{printable}"))
    } else {
        printable
    }
}

/// Makes everything printable that is written through it.
#[derive(Debug)]
pub struct PrintableWriter<W>(W, Medium);

impl<W: fmt::Write> PrintableWriter<W> {
    /// Writes to `writer`.
    pub fn new(writer: W, medium: Medium) -> Self {
        Self(writer, medium)
    }
}

impl<W: fmt::Write> fmt::Write for PrintableWriter<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let Self(writer, medium) = self;
        let mut rest = text;
        while let Some(at) = rest.find(|character| !medium.shows(character)) {
            let (shown, hidden) = rest.split_at(at);
            writer.write_str(shown)?;
            let mut characters = hidden.chars();
            if let Some(character) = characters.next() {
                medium.escape(character, writer)?;
            }
            rest = characters.as_str();
        }
        writer.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_of_any_script_stays() {
        for text in [
            "game_1.2-x",
            "Spiel für Kinder",
            "ゲーム",
            "משחק",
            "لعبة",
            "🎮",
            r"C:\x",
        ] {
            for medium in [Medium::Line, Medium::Lines, Medium::Document] {
                assert_eq!(printable(text, medium), text);
            }
        }
    }

    #[test]
    fn characters_that_control_or_hide_are_shown_by_their_number() {
        for (text, line) in [
            ("a\nERROR forged", r"a\nERROR forged"),
            (
                "\r\x1b[2J\u{9b}31m\0\x07\x7f",
                r"\r\u{1b}[2J\u{9b}31m\u{0}\u{7}\u{7f}",
            ),
            (
                "gpj.\u{202e}exe\u{2066}\u{2069}",
                r"gpj.\u{202e}exe\u{2066}\u{2069}",
            ),
            (
                "ga\u{200b}me\u{feff}\u{ad}\u{2060}",
                r"ga\u{200b}me\u{feff}\u{ad}\u{2060}",
            ),
            ("a\u{2028}b\u{2029}c\u{85}", r"a\u{2028}b\u{2029}c\u{85}"),
            ("\u{e0041}\u{fe0f}\u{3164}", r"\u{e0041}\u{fe0f}\u{3164}"),
        ] {
            assert_eq!(printable(text, Medium::Line), line);
        }
        assert_eq!(printable("a\tb\nc\r", Medium::Lines), "a\tb\nc\\r");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let text = "\u{202e}\u{9b}\u{7f}\u{2028}\u{e0041}a\n\tb";
        let json = serde_json::to_string(text).unwrap();
        let escaped = printable(&json, Medium::Document);
        assert!(escaped.is_ascii(), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }

    #[test]
    fn formulas_are_text_and_numbers_stay_numbers() {
        for formula in [
            "=1+1",
            "+cmd|' /C calc'!A0",
            "-2+3",
            "@SUM(A1)",
            " =1",
            "\t=1",
            "＝1+1",
        ] {
            assert!(csv_cell(formula).starts_with('\''), "{formula}");
        }
        for text in ["-1", "+4.5", "-", "", "a=b", "2026-05-01"] {
            assert_eq!(csv_cell(text), text);
        }
    }
}
