//! The names of entries of zip files, as the programs that made them mean them.

use std::{borrow::Cow, fs::File};

use zip::{System, ZipArchive, read::ZipFileEntry};

/// The characters from 0x80 on that code pages 437 and 850 of DOS have in common. Other characters
/// depend on the language of the system that made the archive.
const COMMON: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ\0£\0\0ƒáíóúñÑªº¿\0¬½¼¡«»";
const SHARP_S: u8 = 0xe1;

/// How names of an archive are read.
pub(super) struct EntryNames {
    has_slashes: bool,
    /// The first name that was read by a code page.
    guessed: Option<String>,
}

impl EntryNames {
    pub(super) fn of(archive: &ZipArchive<File>) -> Self {
        let has_slashes = archive.file_names_raw().any(|name| name.contains(&b'/'));
        Self {
            has_slashes,
            guessed: None,
        }
    }

    /// The name of an entry in UTF-8 with slashes, or as it is if that is ambiguous.
    pub(super) fn name<'e>(&mut self, entry: &'e ZipFileEntry<'_>) -> Cow<'e, [u8]> {
        let name = self.decode(entry);
        // Old programs for Windows write backslashes, which are no part of names there.
        let is_windows = matches!(entry.system(), System::Dos | System::WindowsNTFS);
        if name.contains(&b'\\') && (is_windows || !self.has_slashes) {
            let slash = |byte: &u8| if *byte == b'\\' { b'/' } else { *byte };
            return Cow::Owned(name.iter().map(slash).collect());
        }
        name
    }

    fn decode<'e>(&mut self, entry: &'e ZipFileEntry<'_>) -> Cow<'e, [u8]> {
        let raw = entry.name_raw();
        if std::str::from_utf8(raw).is_ok() {
            return Cow::Borrowed(raw);
        }
        let Some(name) = code_page(raw) else {
            return Cow::Borrowed(raw);
        };
        self.guessed.get_or_insert_with(|| name.clone());
        Cow::Owned(name.into_bytes())
    }

    /// A warning about names that may have been meant in another code page, such as a Japanese one.
    pub(super) fn warning(self) -> Option<String> {
        let name = self.guessed?;
        Some(format!(
            "{name:?} is read in the code page of western DOS, because the archive does not state one; if \
             it is another name, pack it with names in UTF-8, as 7-Zip does with -mcu=on"
        ))
    }
}

fn code_page(raw: &[u8]) -> Option<String> {
    let character = |byte: &u8| match *byte {
        ascii @ 0..0x80 => Some(char::from(ascii)),
        SHARP_S => Some('ß'),
        high => COMMON
            .chars()
            .nth(usize::from(high - 0x80))
            .filter(|c| *c != '\0'),
    };
    raw.iter().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_in_a_code_page_is_decoded_where_it_is_unambiguous() {
        for (raw, name) in [
            (&b"\x81ber\xe1.txt"[..], Some("überß.txt")),
            (b"Caf\x82", Some("Café")),
            (b"\xa4\xaf\x9f", Some("ñ»ƒ")),
            (b"\x9b", None),
            (b"\xe0", None),
            (b"\xff", None),
        ] {
            assert_eq!(code_page(raw).as_deref(), name, "{raw:?}");
        }
    }
}
