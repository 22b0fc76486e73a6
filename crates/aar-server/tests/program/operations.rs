//! The listener for metrics and probes.

use std::{path::Path, sync::Arc};

use aar_http::{HttpClient, HttpOptions, Method};
use aar_tls::ServerTrust;
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{Service, base_with, identity, run};

const REFERENCE: &str = include_str!("../../../../docs/reference/metrics.md");
const OPEN: &str = "operations:\n  listen-address: 127.0.0.1:0\n";

/// The URL of the listener, from the log.
fn url(service: &Service, scheme: &str) -> String {
    let log = service.log();
    let mut lines = log.lines();
    let line = lines.find(|line| line.contains("metrics and probes are served"));
    let (_, address) = line.unwrap().split_once("address=").unwrap();
    format!("{scheme}://{}", address.split_whitespace().next().unwrap())
}

async fn get(url: &str, trust: ServerTrust, credentials: Option<&str>) -> (u16, String) {
    let client = HttpClient::new(HttpOptions::new(trust, "aar-tests")).unwrap();
    let mut request = client.request(Method::GET, url.parse().unwrap());
    if let Some(credentials) = credentials {
        let basic = format!("Basic {}", BASE64_STANDARD.encode(credentials));
        request = request.header("authorization", basic);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

async fn read(service: &Service, path: &str) -> (u16, String) {
    let url = format!("{}{path}", url(service, "http"));
    get(&url, ServerTrust::WebPki, None).await
}

/// Requests a listing, with a certificate that is trusted if it was added before.
async fn list(service: &Service, identity: &aar_tls::Identity) -> u16 {
    let options = HttpOptions {
        identity: Some(identity.clone()),
        ..HttpOptions::new(ServerTrust::Observe(Arc::default()), "aar-tests")
    };
    let url = format!("https://{}/1.0/applications", service.address());
    let client = HttpClient::new(options).unwrap();
    let request = client.request(Method::GET, url.parse().unwrap());
    request.send().await.unwrap().status().as_u16()
}

fn trust(base: &Path, identity: &aar_tls::Identity) {
    let pem = identity.certificate().to_pem();
    assert_eq!(run(base, &["trust", "add"], &pem).0, Some(0));
}

#[tokio::test]
async fn metrics_of_the_registry_equal_those_of_the_reference() {
    let base = base_with(OPEN);
    let service = Service::start(base.path());
    let (known, unknown) = (identity(), identity());
    trust(base.path(), &known);
    assert_eq!(list(&service, &known).await, 200);
    assert_eq!(list(&service, &unknown).await, 403);
    let (_, text) = read(&service, "/metrics").await;
    let served = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut served: Vec<_> = served.map(|line| line.split_once(' ').unwrap()).collect();
    let rows = REFERENCE.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("| `")?.split_once('`')?;
        let kind = rest.split('|').nth(1)?.trim();
        name.starts_with("aar_").then_some((name, kind))
    });
    // A folder has no requests.
    let mut named: Vec<_> = rows
        .filter(|(name, _)| !name.starts_with("aar_bucket_"))
        .collect();
    served.sort_unstable();
    named.sort_unstable();
    assert_eq!(served, named);
}

#[tokio::test]
async fn requests_refusals_and_certificates_are_measured() {
    let base = base_with(&format!("{OPEN}  extra-labels: {{region: eu}}\n"));
    let service = Service::start(base.path());
    let (known, unknown) = (identity(), identity());
    trust(base.path(), &known);
    assert_eq!(list(&service, &known).await, 200);
    assert_eq!(list(&service, &unknown).await, 403);
    let (status, text) = read(&service, "/metrics").await;
    assert_eq!(status, 200);
    let fingerprint = known.certificate().fingerprint();
    let handler = "handler=\"https_applications_GET\",method=\"get\"";
    for sample in [
        format!("aar_http_requests_total{{region=\"eu\",code=\"200\",{handler}}} 1\n"),
        format!("aar_http_request_duration_seconds_count{{region=\"eu\",{handler}}} 2\n"),
        "aar_refusals_total{region=\"eu\",reason=\"certificate_unknown\"} 1\n".to_owned(),
        "aar_handshakes_total{region=\"eu\",outcome=\"completed\"} 2\n".to_owned(),
        "aar_trusted_certificates{region=\"eu\"} 1\n".to_owned(),
        "aar_healthy{region=\"eu\"} 1\n".to_owned(),
        "aar_outbox_entries{region=\"eu\"} 0\n".to_owned(),
        "aar_gc_runs_total{region=\"eu\",outcome=\"done\"} 1\n".to_owned(),
        format!(
            "aar_certificate_expires_in_days{{region=\"eu\",role=\"client\",name=\"CN=ams0\",\
             fingerprint=\"{fingerprint}\"}} 0.0"
        ),
        "aar_certificate_expires_in_days{region=\"eu\",role=\"server\",name=".to_owned(),
        "aar_database_statement_errors_total{region=\"eu\",kind=\"query\"} 0\n".to_owned(),
    ] {
        assert!(text.contains(&sample), "{sample}: {text}");
    }
}

#[tokio::test]
async fn metrics_require_the_credentials_and_probes_do_not() {
    let base = base_with(&format!("{OPEN}  username: prometheus\n  password: pa55\n"));
    let service = Service::start(base.path());
    let url = url(&service, "http");
    for (path, credentials, expected) in [
        ("/metrics", Some("prometheus:pa55"), 200),
        ("/metrics", Some("prometheus:wrong"), 401),
        ("/metrics", None, 401),
        ("/healthz", None, 200),
        ("/readyz", None, 200),
        ("/1.0/applications", None, 404),
    ] {
        let url = format!("{url}{path}");
        let (status, _) = get(&url, ServerTrust::WebPki, credentials).await;
        assert_eq!(status, expected, "{path} {credentials:?}");
    }
    let (_, shown, _) = run(base.path(), &["check-config"], "");
    assert!(
        shown.contains("********") && !shown.contains("pa55"),
        "{shown}"
    );
}

#[tokio::test]
async fn unusable_storage_makes_the_registry_unready_but_not_dead() {
    let base = base_with(OPEN);
    let service = Service::start(base.path());
    fs_err::rename(base.path().join("data"), base.path().join("away")).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let problems = loop {
        let (status, text) = read(&service, "/readyz").await;
        if status == 503 {
            break text;
        }
        assert!(std::time::Instant::now() < deadline, "{status} {text}");
    };
    assert!(problems.contains("the storage"), "{problems}");
    assert_eq!(read(&service, "/healthz").await.0, 200);
    let (status, text) = read(&service, "/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("aar_healthy 0\n"), "{text}");
    assert!(text.contains("aar_revision 0\n"), "{text}");
}

#[tokio::test]
async fn operations_are_served_over_tls_with_a_certificate() {
    let base = base_with(&format!(
        "{OPEN}  tls: {{cert: own/cert.pem, key: own/key.pem}}\n"
    ));
    let own = identity();
    let folder = base.path().join("own");
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(folder.join("cert.pem"), own.certificate().to_pem()).unwrap();
    fs_err::write(folder.join("key.pem"), own.key_pem()).unwrap();
    let service = Service::start(base.path());
    let url = format!("{}/healthz", url(&service, "https"));
    let pinned = ServerTrust::Pinned(vec![own.certificate().fingerprint()]);
    assert_eq!(get(&url, pinned, None).await, (200, "ok\n".to_owned()));
}

#[test]
fn reserved_label_or_half_of_a_certificate_is_refused_with_its_line() {
    for (line, reason) in [
        ("  extra-labels: {role: x}", "is used by aar"),
        ("  extra-labels: {le: x}", "is used by aar"),
        ("  tls: {cert: a, key: ''}", "set both or neither"),
        ("  listen-address: here", "operations.listen-address"),
        ("  lisen-address: :1", "lisen-address"),
    ] {
        let base = base_with(&format!("operations:\n{line}\n"));
        let (code, _, stderr) = run(base.path(), &["check-config"], "");
        assert_eq!(code, Some(1), "{line}");
        assert!(stderr.contains("main.yaml:4"), "{line}: {stderr}");
        assert!(stderr.contains(reason), "{line}: {stderr}");
    }
}
