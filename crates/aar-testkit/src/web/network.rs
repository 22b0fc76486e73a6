use std::{io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{
    Fault, RecordedRequest, TestCa,
    fault::{FaultPlan, RequestFilter},
    server::{Body, Handler, HttpResult, HttpServer, respond},
};

const SLOW_DOWN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>SlowDown</Code>\
                         <Message>Please reduce your request rate.</Message></Error>";

/// The network in front of an S3 server, with faults of HTTP. It forwards requests unchanged, so that
/// their signatures stay valid.
#[derive(Debug)]
pub struct S3Network {
    server: HttpServer,
    plan: FaultPlan,
    scheme: &'static str,
}

impl S3Network {
    /// A network without faults, in plain HTTP.
    pub fn start(to: SocketAddr) -> Self {
        let plan = FaultPlan::default();
        Self {
            server: HttpServer::start(forward_handler(to, plan.clone())),
            plan,
            scheme: "http",
        }
    }

    /// A network without faults, in HTTPS with a certificate of this CA.
    pub fn start_tls(to: SocketAddr, ca: &TestCa) -> Self {
        let plan = FaultPlan::default();
        Self {
            server: HttpServer::start_tls(&ca.issue().0, forward_handler(to, plan.clone())),
            plan,
            scheme: "https",
        }
    }

    /// The URL of the server through this network.
    pub fn url(&self) -> String {
        format!(
            "{}://localhost:{}",
            self.scheme,
            self.server.address().port()
        )
    }

    /// Adds faults for the next requests that the filter selects, one for each.
    pub fn next(&self, filter: RequestFilter, faults: impl IntoIterator<Item = Fault>) {
        self.plan.next(filter, faults);
    }

    /// Adds a fault for every request that the filter selects.
    pub fn each(&self, filter: RequestFilter, fault: Fault) {
        self.plan.each(filter, fault);
    }

    pub fn heal(&self) {
        self.plan.heal();
    }

    /// The number of faults for next requests that have not happened yet.
    pub fn pending_faults(&self) -> usize {
        self.plan.pending()
    }

    /// The requests so far, in their order.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.plan.requests()
    }
}

fn forward_handler(to: SocketAddr, plan: FaultPlan) -> Handler {
    Arc::new(move |request, recorded| {
        let fault = plan.record(&recorded);
        Box::pin(forward(to, request, fault))
    })
}

/// Forwards a request with its fault.
pub(super) async fn forward(
    to: SocketAddr,
    request: Request<Incoming>,
    fault: Fault,
) -> HttpResult {
    let fault = fault.delay().await;
    match fault {
        Fault::SlowDown => return respond(503, SLOW_DOWN),
        Fault::Status(status) => return respond(status, Bytes::new()),
        Fault::Reject(code) => {
            return respond(400, format!("<Error><Code>{code}</Code></Error>"));
        }
        Fault::Reset => return Err(io::Error::other("the connection is reset")),
        _ => {}
    }
    let response = send(to, request.map(|body| fault.apply_to_request(body))).await?;
    if fault == Fault::LoseResponse {
        let body = response.into_body().collect().await;
        body.map_err(io::Error::other)?;
        return Err(io::Error::other("the response is lost"));
    }
    let (mut head, body) = response.into_parts();
    if let Fault::Truncate(by) = fault {
        let length = head.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let shorter = length.unwrap_or(0).saturating_sub(by);
        head.headers.insert(CONTENT_LENGTH, shorter.into());
    }
    Ok(Response::from_parts(head, fault.apply_to_response(body)))
}

async fn send(to: SocketAddr, request: Request<Body>) -> io::Result<Response<Incoming>> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await;
    response.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{S3Server, http::run, s3::request::client};

    const TTL: Duration = Duration::from_mins(1);

    /// Status and body of the response; `None` if it is not complete.
    fn fetch(network: &S3Network, path: &str) -> Option<(u16, Vec<u8>)> {
        let url = format!("{}{path}", network.url()).parse().unwrap();
        run(async move {
            let request = client().request(aar_http::Method::GET, url);
            let response = request.send().await.ok()?;
            let status = response.status().as_u16();
            Some((status, response.bytes().await.ok()?.to_vec()))
        })
    }

    #[test]
    fn fault_for_the_next_request_happens_once() {
        let Some(server) = S3Server::ceph("a network before Ceph") else {
            return;
        };
        let bucket = server.new_bucket();
        let content: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        bucket.put("a", content.clone());
        let network = S3Network::start(server.address());
        let whole = Some((200, content.clone()));
        let path = signed_through(&network, &bucket);
        let get = |fault| {
            network.next(RecordedRequest::is_download, [fault]);
            let got = fetch(&network, &path);
            assert_eq!(network.pending_faults(), 0);
            assert_eq!(fetch(&network, &path), whole, "after {fault:?}");
            got
        };
        assert_eq!(get(Fault::None), whole);
        assert_eq!(get(Fault::SlowDown).unwrap().0, 503);
        assert_eq!(get(Fault::Status(403)), Some((403, Vec::new())));
        assert_eq!(get(Fault::Reset), None);
        assert_eq!(get(Fault::LoseResponse), None);
        assert_eq!(get(Fault::Delay(Duration::from_millis(50))), whole);
        assert_eq!(get(Fault::CutResponse(100_000)), None);
        let short = get(Fault::Truncate(1000)).unwrap().1;
        assert_eq!(short, content[..content.len() - 1000]);
        let mut flipped = content.clone();
        flipped[150_000] ^= 1;
        assert_eq!(get(Fault::FlipResponse(150_000)), Some((200, flipped)));
        let begun = std::time::Instant::now();
        assert_eq!(get(Fault::Throttle(1_000_000)), whole);
        assert!(begun.elapsed() >= Duration::from_millis(150));
        assert!(
            network
                .requests()
                .iter()
                .all(|request| !request.certificate)
        );
    }

    /// A path with a signature for the address of the network.
    fn signed_through(network: &S3Network, bucket: &crate::Bucket) -> String {
        let url = bucket.presigned_at(&network.url(), "a", TTL);
        format!("{}?{}", url.path(), url.query().unwrap())
    }
}
