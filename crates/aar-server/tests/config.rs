//! The configuration file: what is accepted unchanged, and how the rest is refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use aar_server::config::{Config, StorageConfig};
use aar_types::Clock;

const BASE: &str = "/base";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/config")
}

fn load(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = folder.path().join("main.yaml");
    fs_err::write(&file, text).unwrap();
    Config::load(&file, Path::new(BASE)).map_err(|error| {
        let message = format!("{:#}", anyhow::Error::new(error));
        message.replace(&*folder.path().to_string_lossy(), "conf")
    })
}

fn refusal(text: &str) -> String {
    load(text).expect_err("the file was accepted")
}

fn effective(config: &Config) -> String {
    let (printer, captured) = aar_cli::Printer::captured();
    printer
        .document(aar_cli::DocumentFormat::Yaml, config)
        .unwrap();
    captured.stdout()
}

#[test]
fn every_example_is_loaded() {
    let mut loaded = 0;
    for entry in fs_err::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("aar-") {
            Config::load(&path, Path::new(BASE)).unwrap_or_else(|error| panic!("{name}: {error}"));
            loaded += 1;
        }
    }
    assert_eq!(loaded, 4);
}

#[test]
fn the_full_example_shows_every_key_with_its_default() {
    let full = Config::load(&examples().join("aar-full.yaml"), Path::new(BASE)).unwrap();
    let defaults = load("").unwrap();
    assert_eq!(effective(&full), effective(&defaults));
    insta::assert_snapshot!(effective(&defaults));
}

#[test]
fn no_file_at_all_means_every_default() {
    let none = Config::load(Path::new("/nowhere/main.yaml"), Path::new(BASE)).unwrap();
    assert_eq!(effective(&none), effective(&load("").unwrap()));
}

#[test]
fn the_file_of_the_charm_is_accepted_unchanged() {
    let config = Config::load(&examples().join("aar-fs.yaml"), Path::new(BASE)).unwrap();
    assert_eq!(config.http.addr.to_string(), "10.0.0.5:3000");
    let StorageConfig::Fs(fs) = config.storage else {
        panic!("not a folder")
    };
    assert_eq!(fs.root_directory, Path::new("/var/snap/aar/common/data"));
}

#[test]
fn buckets_are_understood_and_their_secrets_never_shown() {
    for name in ["aar-s3.yaml", "aar-cloudfront.yaml"] {
        let config = Config::load(&examples().join(name), Path::new(BASE)).unwrap();
        let shown = format!("{}{config:?}", effective(&config));
        assert!(
            shown.contains("aar0") && shown.contains("********"),
            "{shown}"
        );
        assert!(
            !shown.contains("wJalr") && !shown.contains("BEGIN"),
            "{shown}"
        );
    }
}

#[test]
fn a_bucket_is_refused_at_the_start_in_one_sentence() {
    let config = Config::load(&examples().join("aar-s3.yaml"), Path::new(BASE)).unwrap();
    let refusal = config.registry(Clock::system()).unwrap_err().to_string();
    let expected = "storage.s3 is not supported by this version: configure storage.fs instead";
    assert_eq!(refusal, expected);
}

#[test]
fn mistakes_are_refused_by_file_line_and_key() {
    let mistakes = [
        "http:\n  address: 10.0.0.5:3000\n",
        "http:\n  addr: 10.0.0.5\n",
        "htpp: {}\n",
        "http:\n  drain: forever\n",
        "logger:\n  level: loud\n",
        "logger:\n  format: xml\n",
        "uploads:\n  max-open: many\n",
        "uploads:\n  max-open: 0\n",
        "uploads:\n  max-staged: 12 parsecs\n",
        "gc:\n  interval: 0s\n",
        "gc:\n  grace: -1h\n",
        "http: {}\nhttp: {}\n",
        "http:\n\t addr: x\n",
    ];
    let refusals = mistakes.map(|text| format!("{text}=> {}\n", refusal(text)));
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn storage_is_refused_unless_it_is_exactly_one_kind_completely_described() {
    let s3 = |rest: &str| format!("storage:\n  s3:\n    region: r\n    bucket: b\n{rest}");
    let cloudfront = |lines: &str| {
        let lines = lines.trim_end().replace('\n', "\n      ");
        s3(&format!("    cloudfront:\n      {lines}\n"))
    };
    let key = "private-key: |\n  -----BEGIN PRIVATE KEY-----\n  x\n  -----END PRIVATE KEY-----\n";
    let mistakes = [
        "storage: {}\n".to_owned(),
        "storage:\n  fs:\n    root-directory: /a\n  s3:\n    region: r\n    bucket: b\n".to_owned(),
        "storage:\n  fs: {}\n".to_owned(),
        "storage:\n  fs:\n    root-directory: ''\n".to_owned(),
        "storage:\n  ftp: {}\n".to_owned(),
        "storage:\n  s3:\n    region: r\n".to_owned(),
        s3("    access-key: half\n"),
        s3("    secret-access-key: half\n"),
        s3("    endpoint: x\n"),
        cloudfront(&format!("base-url: 'a b'\nkeypair-id: k\n{key}")),
        cloudfront("base-url: a.net\nkeypair-id: k\nprivate-key: k\n"),
        cloudfront(&format!("base-url: a.net\nkeypair-id: ''\n{key}")),
        cloudfront(&format!(
            "base-url: a.net\nkeypair-id: k\nduration: 1 day or so\n{key}"
        )),
    ];
    let refusals = mistakes.map(|text| format!("{text}=> {}\n", refusal(&text)));
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn a_file_that_cannot_be_read_is_refused_by_name() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let error = Config::load(folder.path(), Path::new(BASE))
        .unwrap_err()
        .to_string();
    assert!(error.contains(&*folder.path().to_string_lossy()), "{error}");
}
