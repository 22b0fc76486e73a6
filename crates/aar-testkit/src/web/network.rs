use std::net::SocketAddr;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{
    Fault, Seen, TestCa,
    fault::{Plan, Which},
    serve::{Answer, Body, Failure, Handler, Serving, say},
};

const SLOW_DOWN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>SlowDown</Code>\
                         <Message>Please reduce your request rate.</Message></Error>";

/// The network before an S3 server: it passes requests on as they are, so that their signatures
/// hold, and can fail in the ways of HTTP.
#[derive(Debug)]
pub struct S3Network {
    serving: Serving,
    plan: Plan,
    scheme: &'static str,
}

impl S3Network {
    /// A network that works, in plain HTTP.
    pub fn start(to: SocketAddr) -> Self {
        let plan = Plan::default();
        Self {
            serving: Serving::plain(passing(to, plan.clone())),
            plan,
            scheme: "http",
        }
    }

    /// A network that works, and speaks HTTPS with a certificate of that issuer.
    pub fn start_tls(to: SocketAddr, ca: &TestCa) -> Self {
        let plan = Plan::default();
        Self {
            serving: Serving::tls(&ca.issue().0, passing(to, plan.clone())),
            plan,
            scheme: "https",
        }
    }

    /// The server's address through this network.
    pub fn url(&self) -> String {
        format!(
            "{}://localhost:{}",
            self.scheme,
            self.serving.address().port()
        )
    }

    /// Gives faults to the next requests of a kind, one to each.
    pub fn next(&self, which: Which, faults: impl IntoIterator<Item = Fault>) {
        self.plan.next(which, faults);
    }

    /// Gives a fault to each request of a kind.
    pub fn each(&self, which: Which, fault: Fault) {
        self.plan.each(which, fault);
    }

    /// Works again.
    pub fn heal(&self) {
        self.plan.heal();
    }

    /// How many faults for next requests have not been met yet.
    pub fn left(&self) -> usize {
        self.plan.left()
    }

    /// The requests that came, in their order.
    pub fn seen(&self) -> Vec<Seen> {
        self.plan.seen()
    }
}

fn passing(to: SocketAddr, plan: Plan) -> Handler {
    std::sync::Arc::new(move |request, seen| {
        let fault = plan.meet(&seen);
        Box::pin(pass(to, request, fault))
    })
}

/// Passes a request on, with what is to happen to it.
pub(super) async fn pass(to: SocketAddr, request: Request<Incoming>, fault: Fault) -> Answer {
    let fault = fault.wait().await;
    match fault {
        Fault::SlowDown => return say(503, SLOW_DOWN),
        Fault::Status(status) => return say(status, Bytes::new()),
        Fault::Refuse(code) => {
            return say(400, format!("<Error><Code>{code}</Code></Error>"));
        }
        Fault::Reset => return Err(Failure::other("the connection ends")),
        _ => {}
    }
    let response = send(to, request.map(|body| fault.up(body))).await?;
    if fault == Fault::LoseAnswer {
        response
            .into_body()
            .collect()
            .await
            .map_err(Failure::other)?;
        return Err(Failure::other("the answer is lost"));
    }
    let (mut head, body) = response.into_parts();
    if let Fault::Truncate(by) = fault {
        let length = head.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let shorter = length.unwrap_or(0).saturating_sub(by);
        head.headers.insert(CONTENT_LENGTH, shorter.into());
    }
    Ok(Response::from_parts(head, fault.down(body)))
}

async fn send(to: SocketAddr, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(Failure::other)?;
    tokio::spawn(connection);
    let sent = sender.send_request(request).await;
    sent.map_err(Failure::other)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aar_http::{HttpClient, HttpOptions, Method};

    use super::*;
    use crate::{S3Server, http::run};

    const LIFE: Duration = Duration::from_mins(1);

    /// Status and body of what comes; `None` where it does not come whole.
    fn fetch(network: &S3Network, path: &str) -> Option<(u16, Vec<u8>)> {
        let trust = aar_tls::ServerTrust::Pinned(Vec::new());
        let client = HttpClient::new(HttpOptions::new(trust, "aar-testkit")).unwrap();
        let url = format!("{}{path}", network.url()).parse().unwrap();
        run(async move {
            let response = client.request(Method::GET, url).send().await.ok()?;
            let status = response.status().as_u16();
            Some((status, response.bytes().await.ok()?.to_vec()))
        })
    }

    #[test]
    fn every_fault_is_met_once_and_then_all_is_well() {
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
            network.next(Seen::is_download, [fault]);
            let got = fetch(&network, &path);
            assert_eq!(network.left(), 0);
            assert_eq!(fetch(&network, &path), whole, "after {fault:?}");
            got
        };
        assert_eq!(get(Fault::None), whole);
        assert_eq!(get(Fault::SlowDown).unwrap().0, 503);
        assert_eq!(get(Fault::Status(403)), Some((403, Vec::new())));
        assert_eq!(get(Fault::Reset), None);
        assert_eq!(get(Fault::LoseAnswer), None);
        assert_eq!(get(Fault::Wait(Duration::from_millis(50))), whole);
        assert_eq!(get(Fault::CutDown(100_000)), None);
        let short = get(Fault::Truncate(1000)).unwrap().1;
        assert_eq!(short, content[..content.len() - 1000]);
        let mut flipped = content.clone();
        flipped[150_000] ^= 1;
        assert_eq!(get(Fault::FlipDown(150_000)), Some((200, flipped)));
        let begun = std::time::Instant::now();
        assert_eq!(get(Fault::Slow(1_000_000)), whole);
        assert!(begun.elapsed() >= Duration::from_millis(150));
        assert!(network.seen().iter().all(|seen| !seen.certificate));
    }

    /// A path with a signature that holds for the address of the network.
    fn signed_through(network: &S3Network, bucket: &crate::Bucket) -> String {
        let url = bucket.presigned_at(&network.url(), "a", LIFE);
        format!("{}?{}", url.path(), url.query().unwrap())
    }
}
