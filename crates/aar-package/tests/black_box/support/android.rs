//! A tiny APK: a zip file with a binary `AndroidManifest.xml`.

use std::io::{Cursor, Write as _};

use zip::{ZipWriter, write::SimpleFileOptions};

const ANDROID: &str = "http://schemas.android.com/apk/res/android";

/// No string, no namespace, no comment.
const NONE: u32 = u32::MAX;

pub(crate) struct Apk<'a> {
    pub(crate) package: &'a str,
    pub(crate) version_name: &'a str,
    pub(crate) version_code: u32,
    pub(crate) files: &'a [(&'a str, &'a [u8])],
}

impl Default for Apk<'_> {
    fn default() -> Self {
        Self {
            package: "com.canonical.candy",
            version_name: "1.4.2",
            version_code: 142,
            files: &[],
        }
    }
}

impl Apk<'_> {
    pub(crate) fn build(&self) -> Vec<u8> {
        let manifest = axml(self.package, self.version_name, self.version_code);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let manifest = ("AndroidManifest.xml", &*manifest);
        for (name, content) in [&manifest].into_iter().chain(self.files) {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }
}

/// `<manifest package=… android:versionCode=… android:versionName=…/>` in Android's binary form.
/// A version name of `@` and eight digits is a reference.
pub(crate) fn axml(package: &str, version_name: &str, version_code: u32) -> Vec<u8> {
    let strings = [
        "manifest",
        "package",
        "versionCode",
        "versionName",
        ANDROID,
        "android",
        package,
        version_name,
    ];
    let version = match version_name.strip_prefix('@') {
        Some(id) => attribute(4, 3, NONE, 0x01, u32::from_str_radix(id, 16).unwrap()),
        None => attribute(4, 3, 7, 0x03, 7),
    };
    let attributes = [
        attribute(4, 2, NONE, 0x10, version_code),
        version,
        attribute(NONE, 1, 6, 0x03, 6),
    ]
    .concat();
    let mut start = words(&[NONE, 0]);
    start.extend(halves(&[20, 20, 3, 0, 0, 0]));
    start.extend(attributes);
    let body = [
        string_pool(&strings),
        node(0x0100, &words(&[5, 4])),
        node(0x0102, &start),
        node(0x0103, &words(&[NONE, 0])),
        node(0x0101, &words(&[5, 4])),
    ]
    .concat();
    chunk(0x0003, 8, &body)
}

/// `resources.arsc` with one text, whose id is `0x7f010000`.
pub(crate) fn resources(text: &str) -> Vec<u8> {
    resource_table(text, 0x03, 0)
}

fn resource_table(text: &str, kind: u8, data: u32) -> Vec<u8> {
    let value = words(&[0, 8, 0, 8 | u32::from(kind) << 24, data]);
    let kind = [words(&[1, 1, 36 + 4, 16, 0, 0, 0]), value].concat();
    let mut name = vec![0; 256];
    name.extend(words(&[0, 0, 0, 0, 0]));
    let package = [words(&[0x7f]), name, chunk(0x0201, 36, &kind)].concat();
    let package = chunk(0x0200, 288, &package);
    chunk(
        0x0002,
        12,
        &[words(&[1]), string_pool(&[text]), package].concat(),
    )
}

/// A value of an attribute in the binary form.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Typed(u8, u32),
}

/// `<manifest/>` with these attributes: the resource id, or none for an attribute without a
/// namespace, the name and the value.
pub(crate) fn axml_of(attributes: &[(Option<u32>, &str, Value<'_>)]) -> Vec<u8> {
    let ids: Vec<_> = attributes
        .iter()
        .map(|(id, ..)| id.unwrap_or_default())
        .collect();
    let mut strings: Vec<_> = attributes.iter().map(|(_, name, _)| *name).collect();
    strings.extend(["manifest", ANDROID]);
    let namespace = u32::try_from(strings.len() - 1).unwrap();
    let mut bodies = Vec::new();
    for (index, (id, _, value)) in attributes.iter().enumerate() {
        let namespace = id.map_or(NONE, |_| namespace);
        let index = u32::try_from(index).unwrap();
        let (raw, kind, data) = match *value {
            Value::Typed(kind, data) => (NONE, kind, data),
            Value::Text(text) => {
                strings.push(text);
                let at = u32::try_from(strings.len() - 1).unwrap();
                (at, 0x03, at)
            }
        };
        bodies.push(attribute(namespace, index, raw, kind.into(), data));
    }
    let mut start = words(&[NONE, namespace - 1]);
    let count = u16::try_from(attributes.len()).unwrap();
    start.extend(halves(&[20, 20, count, 0, 0, 0]));
    start.extend(bodies.concat());
    let body = [
        string_pool(&strings),
        chunk(0x0180, 8, &words(&ids)),
        node(0x0102, &start),
        node(0x0103, &words(&[NONE, namespace - 1])),
    ]
    .concat();
    chunk(0x0003, 8, &body)
}

/// `resources.arsc` with one value, whose id is `0x7f010000`.
pub(crate) fn resource_value(kind: u8, data: u32) -> Vec<u8> {
    resource_table("", kind, data)
}

fn attribute(namespace: u32, name: u32, raw: u32, kind: u32, data: u32) -> Vec<u8> {
    words(&[namespace, name, raw, 8 | kind << 24, data])
}

fn node(kind: u16, body: &[u8]) -> Vec<u8> {
    chunk(kind, 16, &[words(&[1, NONE]), body.to_owned()].concat())
}

fn string_pool(strings: &[&str]) -> Vec<u8> {
    const UTF8: u32 = 0x100;
    let mut data = Vec::new();
    let mut offsets = Vec::new();
    for string in strings {
        offsets.push(u32::try_from(data.len()).unwrap());
        let length = u8::try_from(string.len()).unwrap();
        data.extend([length, length]);
        data.extend(string.as_bytes());
        data.push(0);
    }
    data.resize(data.len().next_multiple_of(4), 0);
    let count = u32::try_from(strings.len()).unwrap();
    let header = words(&[count, 0, UTF8, 28 + 4 * count, 0]);
    chunk(0x0001, 28, &[header, words(&offsets), data].concat())
}

fn chunk(kind: u16, header: u16, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [halves(&[kind, header]), words(&[size]), body.to_owned()].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn halves(halves: &[u16]) -> Vec<u8> {
    halves.iter().flat_map(|half| half.to_le_bytes()).collect()
}
