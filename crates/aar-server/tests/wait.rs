//! `aar wait` with sites that reported a while ago.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::ffi::OsString;

use aar_cli::{Exit, Printer};
use aar_registry::{Caller, NewTrust, Registry, UploadNew};
use aar_server::{cli, config::Config};
use aar_testkit::PackedImage;
use aar_types::{
    ApplicationMetadata, Architecture, Clock, Fingerprint, ManualClock, Revision, Role, SiteMode,
    SiteReport, VersionManifest, VersionNumber, VersionPut,
};
use jiff::SignedDuration;
use tempfile::TempDir;

/// A registry with version 42 of `chess` and a site that reported at this time before now.
async fn registry(ago: SignedDuration, applied: u64) -> TempDir {
    let base = tempfile::tempdir().unwrap();
    let config = Config::of_base(base.path()).unwrap();
    let clock: Clock = ManualClock::new(Clock::system().now() - ago).into();
    let registry = Registry::open(config.registry(clock).unwrap())
        .await
        .unwrap();
    let operator = registry.operator("test");
    let PackedImage { bytes, info } = aar_testkit::packed(b"content");
    let new = UploadNew {
        length: info.size,
        digest: info.digest,
    };
    let upload = operator.create_upload(new, "").await.unwrap();
    let body = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes.into())]);
    operator.append(upload.id, 0, body).await.unwrap();
    let put = VersionPut {
        application: ApplicationMetadata::default(),
        manifest: VersionManifest::default(),
        image: info,
        published: true,
    };
    let (name, number) = ("chess".parse().unwrap(), VersionNumber(42));
    let published = operator.publish(&name, Architecture::Amd64, number, put);
    published.await.unwrap();
    report(&registry, applied).await;
    registry.close().await;
    base
}

async fn report(registry: &Registry, applied: u64) {
    let fingerprint = Fingerprint::from_bytes([0xaa; 32]);
    let trust = NewTrust {
        fingerprint,
        der: vec![0x30],
        role: Role::Client,
        subject: "CN=tokyo".to_owned(),
        not_before: "2000-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2100-01-01T00:00:00Z".parse().unwrap(),
    };
    registry.operator("test").trust_add(trust).await.unwrap();
    let caller = Caller {
        fingerprint: Some(fingerprint),
        address: None,
        method: "PUT",
        route: "/1.0/clients/self",
        path: "/1.0/clients/self",
    };
    let report = SiteReport {
        name: "tokyo".to_owned(),
        software_version: "1.0".to_owned(),
        architecture: Architecture::Amd64,
        mode: SiteMode::Pull,
        filter: Vec::new(),
        revision: Some(Revision(applied)),
        applied_revision: Some(Revision(applied)),
        exceptions: Vec::new(),
        more_exceptions: 0,
        free_bytes: None,
    };
    let site = registry.reader(&caller).unwrap();
    site.report_site(report).await.unwrap();
}

/// Runs `aar wait`. Returns the exit code and standard error.
async fn wait(base: &TempDir, arguments: &[&str]) -> (Exit, String) {
    let base = base.path().to_str().unwrap();
    let fixed = [
        "aar",
        "--base-dir",
        base,
        "wait",
        "--timeout",
        "0s",
        "--usable",
    ];
    let all: Vec<_> = fixed.iter().chain(arguments).map(OsString::from).collect();
    let (printer, captured) = Printer::captured();
    let run = move || cli::run(&printer, all);
    let exit = tokio::task::spawn_blocking(run).await.unwrap();
    (exit, captured.stderr())
}

#[tokio::test]
async fn silent_site_is_named_and_has_an_exit_code_of_its_own() {
    let base = registry(SignedDuration::from_mins(4), 1).await;
    let (exit, stderr) = wait(&base, &["chess@42"]).await;
    assert_eq!(exit, Exit::Incomplete, "{stderr}");
    assert!(stderr.contains("not heard of: tokyo"), "{stderr}");
}

#[tokio::test]
async fn version_is_usable_where_the_report_covers_it_and_awaited_elsewhere() {
    let base = registry(SignedDuration::ZERO, 1).await;
    for target in ["chess", "chess@42"] {
        let (exit, stderr) = wait(&base, &[target]).await;
        assert_eq!((exit, stderr.as_str()), (Exit::Done, "usable at tokyo\n"));
    }
    let (exit, stderr) = wait(&base, &["chess@43"]).await;
    assert_eq!(exit, Exit::Failed);
    assert!(stderr.contains("version 43 of chess is not usable everywhere: it is not published"));
    let (exit, stderr) = wait(&base, &["chess", "--sites", "oslo"]).await;
    assert_eq!(exit, Exit::Failed);
    assert!(
        stderr.contains("no trusted site has the name or fingerprint oslo"),
        "{stderr}"
    );
    let behind = registry(SignedDuration::ZERO, 0).await;
    let (exit, stderr) = wait(&behind, &["chess@42"]).await;
    assert_eq!(exit, Exit::Failed);
    assert!(stderr.contains("tokyo (pending)"), "{stderr}");
}
