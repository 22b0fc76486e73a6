//! `aar application delete --version`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::ffi::OsString;

use aar_cli::Printer;
use aar_registry::{Registry, UploadNew};
use aar_server::{cli, config::Config};
use aar_testkit::PackedImage;
use aar_types::{
    ApplicationMetadata, Architecture, Clock, VersionManifest, VersionNumber, VersionPut,
};
use tempfile::TempDir;

async fn open(base: &TempDir) -> Registry {
    let config = Config::of_base(base.path()).unwrap();
    Registry::open(config.registry(Clock::system()).unwrap())
        .await
        .unwrap()
}

/// Publishes a version, which can be withdrawn at once.
async fn publish(base: &TempDir, architecture: Architecture, number: u32, published: bool) {
    let registry = open(base).await;
    let operator = registry.operator("test");
    let PackedImage { bytes, info: image } = aar_testkit::packed(b"content");
    let new = UploadNew {
        length: image.size,
        digest: image.digest,
    };
    let upload = operator.create_upload(new, "").await.unwrap();
    if !upload.complete {
        let body = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes.into())]);
        operator.append(upload.id, 0, body).await.unwrap();
    }
    let put = VersionPut {
        application: ApplicationMetadata::default(),
        manifest: VersionManifest::default(),
        image,
        published: true,
    };
    let (name, number) = ("app".parse().unwrap(), VersionNumber(number));
    operator
        .publish(&name, architecture, number, put)
        .await
        .unwrap();
    if !published {
        let withdrawn = operator.set_published(&name, architecture, number, false);
        withdrawn.await.unwrap();
    }
    registry.close().await;
}

async fn versions(base: &TempDir) -> Vec<String> {
    let registry = open(base).await;
    let found = registry
        .operator("test")
        .application(&"app".parse().unwrap())
        .await;
    let found = found.unwrap().into_iter().flat_map(|found| found.variants);
    let versions = found.flat_map(|variant| {
        let architecture = variant.architecture;
        let versions = variant.versions.into_iter();
        versions.map(move |version| format!("{architecture}/{}", version.number))
    });
    let versions = versions.collect();
    registry.close().await;
    versions
}

/// Runs a command without a terminal. Returns the exit code and standard error.
fn aar(base: &TempDir, arguments: &[&str]) -> (u8, String) {
    let mut line: Vec<OsString> = vec!["aar".into()];
    line.extend(arguments.iter().map(OsString::from));
    line.extend(["--base-dir".into(), base.path().into()]);
    let (printer, captured) = Printer::captured();
    let exit = cli::run(&printer, line) as u8;
    (exit, captured.stderr())
}

#[test]
fn version_is_deleted_on_every_architecture_or_on_one_after_a_confirmation() {
    let base = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        publish(&base, Architecture::Amd64, 0, false).await;
        publish(&base, Architecture::Amd64, 1, true).await;
        publish(&base, Architecture::Arm64, 0, true).await;
        publish(&base, Architecture::Arm64, 1, false).await;
    });
    let versions = || runtime.block_on(versions(&base));
    let delete = ["application", "delete", "app", "--version"];
    let (exit, error) = aar(&base, &[&delete[..], &["0"]].concat());
    assert!(exit != 0 && error.contains("--yes"), "{error}");
    assert_eq!(versions().len(), 4);
    let one = ["1", "--architecture", "arm64", "--yes"];
    let (exit, error) = aar(&base, &[&delete[..], &one].concat());
    assert_eq!(exit, 0, "{error}");
    assert_eq!(versions(), ["amd64/0", "amd64/1", "arm64/0"]);
    let (exit, error) = aar(&base, &[&delete[..], &["0", "--yes"]].concat());
    assert_eq!(exit, 0, "{error}");
    assert_eq!(versions(), ["amd64/1"]);
    let (exit, error) = aar(&base, &[&delete[..], &["0", "--yes"]].concat());
    assert_ne!(exit, 0);
    assert!(
        error.contains("version 0 of application app does not exist"),
        "{error}"
    );
}
