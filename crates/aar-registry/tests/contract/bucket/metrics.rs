use aar_testkit::{Fault, S3Network};
use prometheus_client::{encoding::prometheus_text, registry::Registry as Exposition};

use super::*;

const REFERENCE: &str = include_str!("../../../../../docs/reference/metrics.md");

#[tokio::test]
async fn requests_to_a_bucket_are_measured_under_documented_names() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let registry = open_with(&fixture, |s3| s3.endpoint = Some(network.url())).await;
        let registry = registry.unwrap();
        network.next(|_| true, [Fault::SlowDown]);
        assert!(registry.health().await.healthy);
        let mut exposition = Exposition::with_prefix("aar");
        registry.register_metrics(&mut exposition);
        let mut text = String::new();
        prometheus_text::encode(&mut text, &exposition).unwrap();
        let bucket = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let bucket: Vec<_> = bucket
            .filter(|line| line.starts_with("aar_bucket_"))
            .collect();
        assert_eq!(bucket.len(), 3, "{text}");
        for line in bucket {
            let (name, kind) = line.split_once(' ').unwrap();
            let row = format!("| `{name}` | {kind} |");
            assert!(REFERENCE.contains(&row), "{row}");
        }
        let retries = "aar_bucket_request_retries_total 1\n";
        assert!(text.contains(retries), "{text}");
    })
    .await;
}
