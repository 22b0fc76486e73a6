//! The configuration file: what is accepted, and how the rest is refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use aar_registry::{Encryption, StorageOptions};
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
fn all_examples_are_loaded() {
    let mut loaded = 0;
    for entry in fs_err::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("aar-") {
            Config::load(&path, Path::new(BASE)).unwrap_or_else(|error| panic!("{name}: {error}"));
            loaded += 1;
        }
    }
    assert_eq!(loaded, 7);
}

#[test]
fn full_example_equals_the_defaults() {
    let full = Config::load(&examples().join("aar-full.yaml"), Path::new(BASE)).unwrap();
    let defaults = load("").unwrap();
    assert_eq!(effective(&full), effective(&defaults));
    insta::assert_snapshot!(effective(&defaults));
}

#[test]
fn missing_file_equals_the_defaults() {
    let none = Config::load(Path::new("/nowhere/main.yaml"), Path::new(BASE)).unwrap();
    assert_eq!(effective(&none), effective(&load("").unwrap()));
}

#[test]
fn configuration_of_the_charm_is_accepted() {
    let config = Config::load(&examples().join("aar-fs.yaml"), Path::new(BASE)).unwrap();
    assert_eq!(config.http.addr.to_string(), "10.0.0.5:3000");
    let StorageConfig::Fs(fs) = config.storage else {
        panic!("not a folder")
    };
    assert_eq!(fs.root_directory, Path::new("/var/snap/aar/common/data"));
}

#[test]
fn secrets_of_buckets_are_not_shown() {
    for name in [
        "aar-s3.yaml",
        "aar-s3-compatible.yaml",
        "aar-cloudfront.yaml",
    ] {
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
fn bucket_options_reach_the_registry() {
    let of = |name: &str| {
        let config = Config::load(&examples().join(name), Path::new(BASE)).unwrap();
        match config.registry(Clock::system()).unwrap().storage {
            StorageOptions::S3(options) => *options,
            other @ StorageOptions::Fs { .. } => panic!("{other:?}"),
        }
    };
    let plain = of("aar-s3.yaml");
    assert_eq!(
        (plain.region.as_str(), plain.bucket.as_str()),
        ("eu-west-3", "aar0")
    );
    assert!(plain.credentials.is_some() && plain.redirect && !plain.force_path_style);
    let own = of("aar-s3-compatible.yaml");
    assert_eq!(own.endpoint.as_deref(), Some("https://s3.example.com:9000"));
    assert_eq!(own.prefix, "registry/eu");
    assert!(own.force_path_style && !own.redirect);
    let encrypted = of("aar-s3-encrypted.yaml");
    assert!(matches!(
        encrypted.encryption,
        Some(Encryption::Kms { key_id: Some(_) })
    ));
    assert_eq!(encrypted.url_duration, Some(Duration::from_mins(30)));
    assert_eq!(encrypted.retry_for, Duration::from_mins(5));
    assert!(encrypted.credentials.is_none());
    let cdn = of("aar-cloudfront.yaml").cloudfront.unwrap();
    assert_eq!(cdn.base_url, "https://d1dfs.cloudfront.net");
    assert_eq!(cdn.duration, Some(Duration::from_mins(1)));
}

#[test]
fn mistakes_are_refused_with_file_line_and_key() {
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
fn invalid_storage_is_refused_with_file_line_and_key() {
    let s3 = |rest: &str| format!("storage:\n  s3:\n    region: r\n    bucket: b\n{rest}");
    let cloudfront = |lines: &str| {
        let lines = lines.trim_end().replace('\n', "\n      ");
        s3(&format!("    cloudfront:\n      {lines}\n"))
    };
    let key = "private-key: |\n  -----BEGIN PRIVATE KEY-----\n  x\n  -----END PRIVATE KEY-----\n";
    let mistakes = [
        "storage: {}\n".to_owned(),
        "storage:\n  fs:\n    root-directory: /a\n  s3:\n    region: r\n    bucket: b\n".to_owned(),
        "storage:\n  s3:\n    bucket: b\n  fs:\n    root-directory: /a\n".to_owned(),
        "storage:\n  fs: {}\n".to_owned(),
        "storage:\n  fs:\n    root-directory: ''\n".to_owned(),
        "storage:\n  ftp: {}\n".to_owned(),
        "storage:\n  s3:\n    region: r\n".to_owned(),
        s3("    access-key: half\n"),
        s3("    secret-access-key: half\n"),
        s3("    access-key:\n    secret-access-key: s\n"),
        s3("    prefix:\n"),
        s3("    endpoint: minio:9000\n"),
        s3("    endpoint: https://me:hush@host\n"),
        s3("    endpoint: https://host/#there\n"),
        s3("    endpoint: http://10.0.0.7:7480\n"),
        "storage:\n  s3:\n    region: eu west\n    bucket: b\n".to_owned(),
        s3("    session-token: alone\n"),
        s3("    kms-key-id: alone\n"),
        s3("    server-side-encryption: rot13\n"),
        s3("    url-duration: 169h\n"),
        s3("    url-duration: 500ms\n"),
        s3("    prefix: ../other\n"),
        s3("    prefix: a//b\n"),
        s3("    prefix: a+b\n"),
        cloudfront(&format!("base-url: 'a b'\nkeypair-id: k\n{key}")),
        cloudfront(&format!("base-url: http://a.net\nkeypair-id: k\n{key}")),
        cloudfront(&format!(
            "base-url: https://me:hush@a.net\nkeypair-id: k\n{key}"
        )),
        cloudfront(&format!("base-url: https://\nkeypair-id: k\n{key}")),
        cloudfront("base-url: a.net\nkeypair-id: k\nprivate-key: k\n"),
        cloudfront(
            "base-url: a.net\nkeypair-id: k\nprivate-key: -----BEGIN ENCRYPTED PRIVATE KEY----- x -----END ENCRYPTED PRIVATE KEY-----\n",
        ),
        cloudfront(&format!("base-url: a.net\nkeypair-id: k/1\n{key}")),
        cloudfront(&format!("base-url: a.net\nkeypair-id: ''\n{key}")),
        cloudfront(&format!(
            "base-url: a.net\nkeypair-id: k\nduration: 1 day or so\n{key}"
        )),
        cloudfront(&format!(
            "base-url: a.net\nkeypair-id: k\nduration: 500ms\n{key}"
        )),
    ];
    let refusals = mistakes.map(|text| format!("{text}=> {}\n", refusal(&text)));
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn unreadable_file_is_refused_by_name() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let error = Config::load(folder.path(), Path::new(BASE))
        .unwrap_err()
        .to_string();
    assert!(error.contains(&*folder.path().to_string_lossy()), "{error}");
}

#[test]
fn value_below_an_unknown_key_is_never_shown() {
    for text in [
        "storage: {s3: {bucket: b, region: r, secret-acces-key: hunter2}}\n",
        "storage: {s3: {bucket: b, region: r, credentials: {secret: hunter2}}}\n",
        "storage: {s4: {secret-access-key: hunter2}}\n",
        "storage: {s3: {cloudfront: {privat-key: |\n  hunter2\n  }}}\n",
        "storage:\n  s3:\n    secrets: [hunter2, \"hunter2\\q\"]\n",
        "secret: {a: &x hunter2, b: *y}\n",
        "password: hunter2\n",
        "hunter2\n",
    ] {
        let base = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let file = base.path().join("main.yaml");
        fs_err::write(&file, text).unwrap();
        let refused = Config::load(&file, base.path()).unwrap_err();
        let shown = aar_cli::Failure::from_error(&refused).to_string();
        assert!(!shown.contains("hunter2"), "{text}: {shown}");
    }
}
