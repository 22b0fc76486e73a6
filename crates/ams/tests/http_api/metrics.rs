//! The metrics for Prometheus.

use aar_daemon::config_file::CertificateFiles;
use ams::Settings;
use axum::body::Body;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use tokio::net::TcpStream;

use crate::running_ams::{Caller, RunningAms, request, send_request};

const REFERENCE: &str = include_str!("../../../../docs/reference/metrics.md");

async fn measured() -> RunningAms {
    let mut settings = Settings::default();
    let prometheus = &mut settings.metrics.prometheus;
    prometheus.listen_address = Some("127.0.0.1:0".parse().unwrap());
    prometheus.username = Some("prometheus".to_owned());
    prometheus.password = Some("pa55".to_owned());
    let label = ("host".to_owned(), "ams-0".to_owned());
    prometheus.extra_labels.extend([label]);
    RunningAms::with(settings).await
}

async fn read(ams: &RunningAms, path: &str, credentials: &str) -> (StatusCode, String) {
    let stream = TcpStream::connect(ams.metrics.unwrap()).await.unwrap();
    let mut read = request(Method::GET, path, Body::empty());
    let basic = format!("Basic {}", BASE64_STANDARD.encode(credentials));
    let basic = basic.parse().unwrap();
    read.headers_mut().insert("authorization", basic);
    let (head, body) = send_request(stream, read).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    (head.status, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn metrics_of_requests_have_the_documented_names() {
    let ams = measured().await;
    ams.get("/1.0/registry/applications").await;
    ams.get("/1.0/applications").await;
    ams.get("/1.0/applications").await;
    for path in ["/metrics", "/internal/1.0/metrics"] {
        let (status, text) = read(&ams, path, "prometheus:pa55").await;
        assert_eq!(status, StatusCode::OK);
        let handler = "handler=\"unix_applications_GET\",method=\"get\"";
        for sample in [
            format!("ams_http_requests_total{{host=\"ams-0\",code=\"200\",{handler}}} 2\n"),
            format!("ams_http_request_duration_seconds_count{{host=\"ams-0\",{handler}}} 2\n"),
            format!("ams_http_response_size_bytes_count{{host=\"ams-0\",{handler}}} 2\n"),
            "handler=\"unix_registry_applications_GET\"".to_owned(),
            "ams_http_in_flight_requests{host=\"ams-0\"} 0\n".to_owned(),
            "ams_registry_conflicts{host=\"ams-0\"} 0\n".to_owned(),
        ] {
            assert!(text.contains(&sample), "{sample}: {text}");
        }
    }
}

#[tokio::test]
async fn metrics_equal_those_of_the_reference() {
    let ams = measured().await;
    ams.get("/1.0").await;
    let (_, text) = read(&ams, "/metrics", "prometheus:pa55").await;
    let served = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut served: Vec<_> = served.map(|line| line.split_once(' ').unwrap()).collect();
    let rows = REFERENCE
        .lines()
        .filter_map(|line| line.strip_prefix("| `ams_"));
    let mut named: Vec<_> = rows
        .filter_map(|row| {
            let (name, rest) = row.split_once('`')?;
            let kind = rest.split('|').nth(1)?.trim();
            // Without a registry there are no rounds.
            (!name.starts_with("registry_last_round_")).then_some((name, kind))
        })
        .collect();
    served.sort_unstable();
    named.sort_unstable();
    let named: Vec<_> = named
        .iter()
        .map(|(name, kind)| (format!("ams_{name}"), *kind))
        .collect();
    let served: Vec<_> = served
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), *kind))
        .collect();
    assert_eq!(served, named);
}

/// Every series with its value, sorted. Numbers are normalised; values that depend on the speed of the
/// machine or on the wording of a message are left out.
fn series(exposition: &str) -> String {
    let number = |text: &str| text.parse::<f64>().unwrap().to_string();
    let lines = exposition
        .lines()
        .filter(|line| !line.starts_with("# HELP"));
    let mut lines: Vec<_> = lines
        .map(|line| match line.rsplit_once(' ') {
            Some((series, value)) if !line.starts_with('#') => {
                let is_timing = series.contains("_duration_seconds_") && !series.contains("_count");
                let value = if is_timing || series.contains("_response_size_bytes_sum") {
                    "any".to_owned()
                } else {
                    number(value)
                };
                let series = match series.split_once("le=\"") {
                    Some((before, bound)) => {
                        let (bound, after) = bound.split_once('"').unwrap();
                        format!("{before}le=\"{}\"{after}", number(bound))
                    }
                    None => series.to_owned(),
                };
                format!("{series} {value}")
            }
            _ => line.to_owned(),
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

#[tokio::test]
async fn exposition_has_exactly_these_series() {
    let ams = measured().await;
    ams.get("/1.0/registry/applications").await;
    ams.get("/1.0/applications").await;
    ams.get("/1.0/applications").await;
    let body = Body::from("{\"name\": \"registry.mode\", \"value\": \"\"}");
    ams.call(&Caller::Local, request(Method::PATCH, "/1.0/config", body))
        .await;
    let (_, text) = read(&ams, "/metrics", "prometheus:pa55").await;
    insta::assert_snapshot!(series(&text));
}

#[tokio::test]
async fn requests_over_https_have_their_own_labels() {
    let ams = measured().await;
    let caller = ams.trusted("client").await;
    let list = request(Method::GET, "/1.0/registry/applications", Body::empty());
    ams.call(&caller, list).await;
    let anonymous = request(
        Method::POST,
        "/1.0/registry/applications/a/push",
        Body::empty(),
    );
    ams.call(&Caller::Remote(None), anonymous).await;
    let (_, text) = read(&ams, "/metrics", "prometheus:pa55").await;
    for handler in [
        "code=\"400\",handler=\"https_registry_applications_GET\"",
        "code=\"401\",handler=\"https_registry_application_push_POST\"",
    ] {
        assert!(text.contains(handler), "{handler}: {text}");
    }
}

#[tokio::test]
async fn metrics_are_served_over_tls_with_a_certificate() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let [cert, key] = ["metrics.crt", "metrics.key"].map(|name| folder.path().join(name));
    let identity =
        crate::running_ams::new_identity("metrics", "2026-05-01T00:00:00Z".parse().unwrap());
    fs_err::write(&cert, identity.certificate().to_pem()).unwrap();
    fs_err::write(&key, identity.key_pem()).unwrap();
    let mut settings = Settings::default();
    let prometheus = &mut settings.metrics.prometheus;
    prometheus.listen_address = Some("127.0.0.1:0".parse().unwrap());
    prometheus.tls = Some(CertificateFiles { cert, key });
    let ams = RunningAms::with(settings).await;
    let port = ams.metrics.unwrap().port();
    let stream = ams
        .connect(port, identity.certificate().fingerprint(), None)
        .await;
    let read = request(Method::GET, "/internal/1.0/metrics", Body::empty());
    assert_eq!(
        send_request(stream, read).await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn metrics_need_the_configured_credentials() {
    let ams = measured().await;
    for credentials in ["", "prometheus:", "prometheus:wrong", "pa55"] {
        let (status, text) = read(&ams, "/metrics", credentials).await;
        assert_eq!(
            (status, &*text),
            (StatusCode::UNAUTHORIZED, ""),
            "{credentials}"
        );
    }
}

#[tokio::test]
async fn extra_label_with_the_name_of_another_is_refused() {
    let ams = measured().await;
    ams.get("/1.0").await;
    let (_, text) = read(&ams, "/metrics", "prometheus:pa55").await;
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let sets = samples.filter_map(|line| line.split_once('{')?.1.rsplit_once('}'));
    let labels = sets.flat_map(|(labels, _)| labels.split("\","));
    let own: std::collections::BTreeSet<_> = labels
        .filter_map(|label| Some(label.split_once('=')?.0))
        .filter(|label| *label != "host")
        .collect();
    assert!(own.contains("handler"), "{own:?}");
    for label in own {
        let settings = format!("metrics: {{prometheus: {{extra-labels: {{{label}: x}}}}}}\n");
        let file = ams.path("settings.yaml");
        fs_err::write(&file, settings).unwrap();
        assert!(Settings::load(&file).is_err(), "{label}");
    }
}
