//! What Prometheus reads.

use ams::Settings;
use axum::body::Body;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use tokio::net::TcpStream;

use crate::running::{Running, converse, request};

async fn measured() -> Running {
    let mut settings = Settings::default();
    let prometheus = &mut settings.metrics.prometheus;
    prometheus.listen_address = Some("127.0.0.1:0".parse().unwrap());
    prometheus.username = Some("prometheus".to_owned());
    prometheus.password = Some("pa55".to_owned());
    let label = ("host".to_owned(), "ams-0".to_owned());
    prometheus.extra_labels.extend([label]);
    Running::with(settings).await
}

async fn read(ams: &Running, path: &str, credentials: &str) -> (StatusCode, String) {
    let stream = TcpStream::connect(ams.metrics.unwrap()).await.unwrap();
    let mut read = request(Method::GET, path, Body::empty());
    let basic = format!("Basic {}", BASE64_STANDARD.encode(credentials));
    let basic = basic.parse().unwrap();
    read.headers_mut().insert("authorization", basic);
    let (head, body) = converse(stream, read).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    (head.status, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn requests_are_measured_under_the_documented_names() {
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
async fn measurements_are_not_for_everybody() {
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
