//! A bucket that throttles, is silent, or loses responses.

mod completion;
mod silence;

use super::*;

#[tokio::test]
async fn long_throttling_is_waited_for() {
    on_buckets(async |fixture| {
        let network = S3Network::start(fixture.bucket().server().address());
        let registry = open_with(&fixture, |s3| s3.endpoint = Some(network.url()))
            .await
            .unwrap();
        network.next(RecordedRequest::is_registry, [Fault::SlowDown; 10]);
        let new = upload_of(b"image");
        let operator = registry.operator("test");
        let upload = operator.create_upload(new, "").await.unwrap();
        assert!(
            operator
                .append(upload.id, 0, body([b"image"]))
                .await
                .unwrap()
                .complete
        );
        assert_eq!(network.pending_faults(), 0);
    })
    .await;
}

#[tokio::test]
async fn throttled_request_of_any_kind_is_retried() {
    on_buckets(async |fixture| {
        each_request_meets(&fixture, Fault::SlowDown).await;
    })
    .await;
}

#[tokio::test]
async fn reset_request_of_any_kind_is_retried() {
    on_buckets(async |fixture| {
        each_request_meets(&fixture, Fault::Reset).await;
    })
    .await;
}

#[tokio::test]
async fn request_of_any_kind_is_retried_after_a_lost_response() {
    on_buckets(async |fixture| {
        each_request_meets(&fixture, Fault::LoseResponse).await;
    })
    .await;
}

/// One request of each kind meets this fault, one kind after the other.
pub(super) async fn each_request_meets(fixture: &Fixture, fault: Fault) {
    let network = S3Network::start(fixture.bucket().server().address());
    for (n, (kind, which)) in KINDS.into_iter().enumerate() {
        network.next(which, [fault]);
        let registry = open_with(fixture, |s3| s3.endpoint = Some(network.url())).await;
        // The id of a multipart upload whose creation got no response is lost; its age gives it away.
        let lost_id = usize::from(kind == "create" && fault == Fault::LoseResponse);
        send_every_request(fixture, &registry.unwrap(), n, 1 + lost_id).await;
        assert_eq!(
            (network.pending_faults(), fixture.staged()),
            (0, 0),
            "{kind}"
        );
    }
}

type Kind = fn(&RecordedRequest) -> bool;

/// Every kind of request that the registry sends.
const KINDS: [(&str, Kind); 11] = [
    ("create", |request| {
        request.method == "POST" && request.query.starts_with("uploads")
    }),
    ("part", RecordedRequest::is_part),
    ("complete", is_complete),
    ("abort", is_abort),
    ("listing of uploads", |request| {
        request.method == "GET" && request.query.starts_with("uploads=")
    }),
    ("listing of parts", is_listing_of_parts),
    ("listing", |request| {
        request.method == "GET" && request.query.contains("list-type")
    }),
    ("head", is_head),
    ("get", is_get),
    ("put", |request| {
        request.method == "PUT" && request.query.is_empty()
    }),
    ("delete", |request| {
        request.method == "DELETE" && request.query.is_empty()
    }),
];

fn is_abort(request: &RecordedRequest) -> bool {
    request.method == "DELETE" && request.query.starts_with("uploadId=")
}

fn is_head(request: &RecordedRequest) -> bool {
    request.method == "HEAD"
}

fn is_get(request: &RecordedRequest) -> bool {
    request.method == "GET" && request.query.is_empty()
}

fn is_listing_of_parts(request: &RecordedRequest) -> bool {
    request.method == "GET" && request.query.starts_with("uploadId=")
}

fn is_complete(request: &RecordedRequest) -> bool {
    request.method == "POST" && request.query.starts_with("uploadId=")
}
