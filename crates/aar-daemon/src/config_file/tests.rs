use std::{error::Error, net::SocketAddr, num::NonZeroU32};

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    http: Http,
    storage: Option<Storage>,
    limits: Vec<u32>,
    most: Option<NonZeroU32>,
    name: String,
    sound: bool,
    level: Option<Level>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Low,
    High,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct Http {
    addr: Option<SocketAddr>,
    max_connections: u16,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Storage {
    fs: Fs,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Fs {
    root_directory: PathBuf,
}

fn read(text: &str) -> Result<Config, ConfigError> {
    parse(Path::new("conf/main.yaml"), text)
}

fn message(text: &str) -> String {
    let error = read(text).unwrap_err();
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

#[test]
fn valid_file_is_read() {
    let text = "# ours\nhttp:\n  addr: 10.0.0.5:3000\nstorage:\n  fs:\n    root-directory: /data\n";
    let config = read(text).unwrap();
    assert_eq!(config.http.addr, Some("10.0.0.5:3000".parse().unwrap()));
    assert_eq!(
        config.storage.unwrap().fs.root_directory,
        Path::new("/data")
    );
}

#[test]
fn file_without_content_has_no_keys() {
    for text in ["", "\n\n", "# nothing yet\n", "---\n", "\u{feff}", "{}"] {
        assert_eq!(read(text).unwrap(), Config::default(), "{text:?}");
    }
}

#[test]
fn message_names_file_line_and_key() {
    let cases = [
        ("http:\n  adr: 1.2.3.4:1\n", ":2: http.adr: ", "addr"),
        ("htp: {}\n", ":1: htp: ", "http"),
        ("http:\n  addr: here\n", ":2: http.addr: ", "socket address"),
        (
            "http:\n\n  max-connections: lots\n",
            ":3: http.max-connections: ",
            "a whole number from 0 to 65535",
        ),
        (
            "http:\n  max-connections: 70000\n",
            ":2: http.max-connections: ",
            "a whole number from 0 to 65535",
        ),
        (
            "http:\n  max-connections: -1\n",
            ":2: http.max-connections: ",
            "a whole number from 0 to 65535",
        ),
        (
            "limits:\n  - 1\n  - two\n",
            ":3: limits[1]: ",
            "number from 0 to 4294967295",
        ),
        ("limits: 1\n", ":1: limits: ", "a list"),
        ("storage:\n  fs:\n", ":2: storage.fs: ", ""),
        ("storage:\n  fs: {}\n", ": storage.fs: ", "root-directory"),
        (
            "storage:\n  fs:\n    root-directory: [a]\n",
            ":3: storage.fs.root-directory: ",
            "",
        ),
        (
            "http:\n  addr: 1.2.3.4:1\n  addr: 1.2.3.4:2\n",
            ":3: http",
            "twice",
        ),
        ("http: 5\n", ":1: http: ", "a section"),
        (
            "limits: [0]\nmost: 0\n",
            ":2: most: ",
            "from 1 to 4294967295",
        ),
        (
            "storage:\n  fs:\n    root-directory:\n",
            ":3: storage.fs.root-directory: ",
            "",
        ),
        ("name:\n", ":1: name: ", "has no value"),
        ("name: [a]\n", ":1: name: ", "a single value"),
        ("sound: maybe\n", ":1: sound: ", "true or false"),
        (
            "level: loud\n",
            ":1: level: ",
            "\"loud\" is not one of low, high",
        ),
    ];
    for (text, position, word) in cases {
        let message = message(text);
        let start = format!("conf/main.yaml{position}");
        for word in ["start", "null", "u16", "u32", "Option"] {
            assert!(
                !message.contains(word),
                "{text:?}: {message} contains {word}"
            );
        }
        assert!(message.starts_with("conf/main.yaml"), "{text:?}: {message}");
        assert!(
            message.contains(position),
            "{text:?}: {message} lacks {start}"
        );
        assert!(message.contains(word), "{text:?}: {message} lacks {word}");
    }
}

#[test]
fn invalid_yaml_is_refused_with_its_line() {
    let broken = [
        "http:\n\taddr: x\n",
        "http: [\n",
        "http: {addr: 1.2.3.4:1\n",
        "http:\n  addr: \"open\n",
        "http: *nowhere\n",
        "- a\n- b\n",
        "just words\n",
        "http: {}\n---\nhttp: {}\n",
        "a: &a [*a]\n",
        "%YAML 9.9\n",
    ];
    for text in broken {
        let message = message(text);
        let line = message.strip_prefix("conf/main.yaml:");
        let digit = line.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        assert!(digit, "{text:?}: {message}");
        assert!(!message.contains('\n'), "{text:?}: {message}");
    }
}

#[test]
fn missing_file_is_none_and_unreadable_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.yaml");
    assert!(load::<Config>(&path).unwrap().is_none());
    fs_err::write(&path, b"http: \xff\xfe\n").unwrap();
    let error = load::<Config>(&path).unwrap_err().to_string();
    assert!(error.contains("main.yaml"), "{error}");
    fs_err::remove_file(&path).unwrap();
    fs_err::create_dir(&path).unwrap();
    let error = load::<Config>(&path).unwrap_err().to_string();
    assert!(error.contains("main.yaml"), "{error}");
}

#[test]
fn second_document_and_a_value_without_quotes_are_explained() {
    let second = message("name: x\n---\n");
    assert!(second.contains("one document only"), "{second}");
    let unquoted = message("http:\n  addr: [::]:3000\n");
    assert!(
        unquoted.ends_with(
            "main.yaml:2: http.addr: a value that begins with [ needs quotes: \"[::]:3000\""
        ),
        "{unquoted}"
    );
}
