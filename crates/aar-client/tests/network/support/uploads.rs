//! The uploads of a registry: the tus protocol with faults.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aar_tls::Peer;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{ReceivedRequest, Server, TestResponse, server::ResponseFuture};

/// The fault of one `PATCH`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    None,
    /// The connection is cut after this number of bytes, which are stored.
    Cut(usize),
    /// The part is stored, but the response is lost.
    LoseResponse,
    Expire,
    /// The request is refused, and nothing is stored.
    Refuse(u16, &'static str),
}

#[derive(Default)]
pub(crate) struct TestUploads {
    /// The uploads; none for an expired one.
    sessions: Mutex<Vec<Option<Session>>>,
    faults: Mutex<VecDeque<Fault>>,
    /// The statuses with which the next `HEAD` requests are refused.
    head_refusals: Mutex<VecDeque<u16>>,
    /// Whether the registry has the image.
    known: bool,
}

#[derive(Clone, Default)]
struct Session {
    length: usize,
    digest: String,
    bytes: Vec<u8>,
}

impl TestUploads {
    pub(crate) fn new(faults: Vec<Fault>) -> Arc<Self> {
        Arc::new(Self {
            faults: Mutex::new(faults.into()),
            ..Self::default()
        })
    }

    pub(crate) fn refusing_head(faults: Vec<Fault>, looks: Vec<u16>) -> Arc<Self> {
        Arc::new(Self {
            faults: Mutex::new(faults.into()),
            head_refusals: Mutex::new(looks.into()),
            ..Self::default()
        })
    }

    pub(crate) fn with_stored_image() -> Arc<Self> {
        Arc::new(Self {
            known: true,
            ..Self::default()
        })
    }

    pub(crate) async fn serve(self: &Arc<Self>) -> Server {
        let uploads = Arc::clone(self);
        Server::start(Arc::new(move |request, body, peer| -> ResponseFuture {
            let uploads = Arc::clone(&uploads);
            Box::pin(async move { uploads.respond(&request, body, &peer).await })
        }))
        .await
    }

    pub(crate) fn stored(&self, session: usize) -> Vec<u8> {
        let sessions = self.sessions.lock().unwrap();
        sessions[session].as_ref().unwrap().bytes.clone()
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions.lock().unwrap().len()
    }

    /// Adds an unfinished upload.
    pub(crate) fn begin(&self, length: usize, bytes: &[u8]) {
        self.sessions.lock().unwrap().push(Some(Session {
            length,
            bytes: bytes.to_vec(),
            ..Session::default()
        }));
    }

    async fn respond(
        &self,
        request: &ReceivedRequest,
        body: Incoming,
        peer: &Peer,
    ) -> TestResponse {
        assert_eq!(request.header("tus-resumable"), Some("1.0.0"));
        match request.method.as_str() {
            "POST" => self.create(request),
            "HEAD" => self.show(request),
            "PATCH" => self.append(request, body, peer).await,
            other => panic!("{other}"),
        }
    }

    fn create(&self, request: &ReceivedRequest) -> TestResponse {
        use base64::Engine;
        let length: usize = request.header("upload-length").unwrap().parse().unwrap();
        let metadata = request.header("upload-metadata").unwrap();
        let encoded = metadata.strip_prefix("digest ").unwrap();
        let digest = base64::prelude::BASE64_STANDARD.decode(encoded).unwrap();
        let mut sessions = self.sessions.lock().unwrap();
        sessions.push(Some(Session {
            length,
            digest: String::from_utf8(digest).unwrap(),
            bytes: Vec::new(),
        }));
        let offset = if self.known { length } else { 0 };
        TestResponse::status(201)
            .header("location", format!("/1.0/uploads/{}", sessions.len() - 1))
            .header("upload-offset", offset)
    }

    fn session(&self, request: &ReceivedRequest) -> Option<Session> {
        let sessions = self.sessions.lock().unwrap();
        sessions.get(index(request)).cloned().flatten()
    }

    fn show(&self, request: &ReceivedRequest) -> TestResponse {
        if let Some(status) = self.head_refusals.lock().unwrap().pop_front() {
            return TestResponse::status(status);
        }
        match self.session(request) {
            None => TestResponse::status(404),
            Some(session) => TestResponse::status(200)
                .header("upload-length", session.length)
                .header("upload-offset", session.bytes.len()),
        }
    }

    async fn append(&self, request: &ReceivedRequest, body: Incoming, peer: &Peer) -> TestResponse {
        let fault = self.faults.lock().unwrap().pop_front();
        let fault = fault.unwrap_or(Fault::None);
        match fault {
            Fault::Expire => self.sessions.lock().unwrap()[index(request)] = None,
            Fault::Refuse(status, code) => return TestResponse::refusal(status, code),
            _ => {}
        }
        let Some(session) = self.session(request) else {
            return TestResponse::refusal(404, "upload_not_found");
        };
        let offset = session.bytes.len().to_string();
        if request.header("upload-offset") != Some(&offset) {
            return TestResponse::refusal(409, "upload_offset_conflict");
        }
        let limit = match fault {
            Fault::Cut(after) => after,
            _ => usize::MAX,
        };
        self.receive(index(request), body, limit).await;
        if matches!(fault, Fault::Cut(_) | Fault::LoseResponse) {
            peer.cut();
        }
        self.conclude(request)
    }

    async fn receive(&self, index: usize, mut body: Incoming, limit: usize) {
        let mut received = 0;
        while received < limit
            && let Some(Ok(frame)) = body.frame().await
        {
            let data = frame.into_data().unwrap();
            let data = &data[..data.len().min(limit - received)];
            received += data.len();
            let mut sessions = self.sessions.lock().unwrap();
            sessions[index]
                .as_mut()
                .unwrap()
                .bytes
                .extend_from_slice(data);
        }
    }

    fn conclude(&self, request: &ReceivedRequest) -> TestResponse {
        let session = self.session(request).unwrap();
        if session.bytes.len() == session.length && !session.digest.is_empty() {
            let digest = super::image(&session.bytes).digest.to_string();
            if digest != session.digest {
                self.sessions.lock().unwrap()[index(request)] = None;
                return TestResponse::refusal(422, "digest_mismatch");
            }
        }
        TestResponse::status(204).header("upload-offset", session.bytes.len())
    }
}

fn index(request: &ReceivedRequest) -> usize {
    request.path.rsplit('/').next().unwrap().parse().unwrap()
}
