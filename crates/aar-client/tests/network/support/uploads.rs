//! The upload side of a registry: the tus protocol with accidents.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aar_tls::Peer;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{Reply, Seen, Server, server::Answer};

/// What happens to one `PATCH`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Accident {
    /// Nothing.
    None,
    /// The connection breaks after so many bytes, which are kept.
    Cut(usize),
    /// Everything arrives, and the answer does not.
    LoseAnswer,
    /// The upload has expired.
    Expire,
    /// This is answered, and nothing is kept.
    Refuse(u16, &'static str),
}

#[derive(Default)]
pub(crate) struct Uploads {
    /// What has arrived, by session.
    sessions: Mutex<Vec<Option<Session>>>,
    accidents: Mutex<VecDeque<Accident>>,
    /// What is answered to the next who ask how an upload stands.
    refused_looks: Mutex<VecDeque<u16>>,
    /// Whether the registry has the content already.
    known: bool,
}

#[derive(Clone, Default)]
struct Session {
    length: usize,
    digest: String,
    bytes: Vec<u8>,
}

impl Uploads {
    pub(crate) fn new(accidents: Vec<Accident>) -> Arc<Self> {
        Arc::new(Self {
            accidents: Mutex::new(accidents.into()),
            ..Self::default()
        })
    }

    /// With refusals for those who ask how an upload stands.
    pub(crate) fn refusing_looks(accidents: Vec<Accident>, looks: Vec<u16>) -> Arc<Self> {
        Arc::new(Self {
            accidents: Mutex::new(accidents.into()),
            refused_looks: Mutex::new(looks.into()),
            ..Self::default()
        })
    }

    pub(crate) fn that_know_everything() -> Arc<Self> {
        Arc::new(Self {
            known: true,
            ..Self::default()
        })
    }

    pub(crate) async fn serve(self: &Arc<Self>) -> Server {
        let uploads = Arc::clone(self);
        Server::start(Arc::new(move |seen, body, peer| -> Answer {
            let uploads = Arc::clone(&uploads);
            Box::pin(async move { uploads.answer(&seen, body, &peer).await })
        }))
        .await
    }

    /// What has arrived in a session.
    pub(crate) fn stored(&self, session: usize) -> Vec<u8> {
        let sessions = self.sessions.lock().unwrap();
        sessions[session].as_ref().unwrap().bytes.clone()
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions.lock().unwrap().len()
    }

    /// Begins a session from outside, with some content.
    pub(crate) fn begin(&self, length: usize, bytes: &[u8]) {
        self.sessions.lock().unwrap().push(Some(Session {
            length,
            bytes: bytes.to_vec(),
            ..Session::default()
        }));
    }

    async fn answer(&self, seen: &Seen, body: Incoming, peer: &Peer) -> Reply {
        assert_eq!(seen.header("tus-resumable"), Some("1.0.0"));
        match seen.method.as_str() {
            "POST" => self.create(seen),
            "HEAD" => self.show(seen),
            "PATCH" => self.append(seen, body, peer).await,
            other => panic!("{other}"),
        }
    }

    fn create(&self, seen: &Seen) -> Reply {
        use base64::Engine;
        let length: usize = seen.header("upload-length").unwrap().parse().unwrap();
        let metadata = seen.header("upload-metadata").unwrap();
        let encoded = metadata.strip_prefix("digest ").unwrap();
        let digest = base64::prelude::BASE64_STANDARD.decode(encoded).unwrap();
        let mut sessions = self.sessions.lock().unwrap();
        sessions.push(Some(Session {
            length,
            digest: String::from_utf8(digest).unwrap(),
            bytes: Vec::new(),
        }));
        let offset = if self.known { length } else { 0 };
        Reply::status(201)
            .header("location", format!("/1.0/uploads/{}", sessions.len() - 1))
            .header("upload-offset", offset)
    }

    fn session(&self, seen: &Seen) -> Option<Session> {
        let sessions = self.sessions.lock().unwrap();
        sessions.get(index(seen)).cloned().flatten()
    }

    fn show(&self, seen: &Seen) -> Reply {
        if let Some(status) = self.refused_looks.lock().unwrap().pop_front() {
            return Reply::status(status);
        }
        match self.session(seen) {
            None => Reply::status(404),
            Some(session) => Reply::status(200)
                .header("upload-length", session.length)
                .header("upload-offset", session.bytes.len()),
        }
    }

    async fn append(&self, seen: &Seen, body: Incoming, peer: &Peer) -> Reply {
        let accident = self.accidents.lock().unwrap().pop_front();
        let accident = accident.unwrap_or(Accident::None);
        match accident {
            Accident::Expire => self.sessions.lock().unwrap()[index(seen)] = None,
            Accident::Refuse(status, code) => return Reply::refusal(status, code),
            _ => {}
        }
        let Some(session) = self.session(seen) else {
            return Reply::refusal(404, "upload_not_found");
        };
        let offset = session.bytes.len().to_string();
        if seen.header("upload-offset") != Some(&offset) {
            return Reply::refusal(409, "upload_offset_conflict");
        }
        let most = match accident {
            Accident::Cut(after) => after,
            _ => usize::MAX,
        };
        self.receive(index(seen), body, most).await;
        if matches!(accident, Accident::Cut(_) | Accident::LoseAnswer) {
            peer.cut();
        }
        self.conclude(seen)
    }

    async fn receive(&self, index: usize, mut body: Incoming, most: usize) {
        let mut received = 0;
        while received < most
            && let Some(Ok(frame)) = body.frame().await
        {
            let data = frame.into_data().unwrap();
            let data = &data[..data.len().min(most - received)];
            received += data.len();
            let mut sessions = self.sessions.lock().unwrap();
            sessions[index]
                .as_mut()
                .unwrap()
                .bytes
                .extend_from_slice(data);
        }
    }

    fn conclude(&self, seen: &Seen) -> Reply {
        let session = self.session(seen).unwrap();
        if session.bytes.len() == session.length && !session.digest.is_empty() {
            let digest = super::image(&session.bytes).digest.to_string();
            if digest != session.digest {
                self.sessions.lock().unwrap()[index(seen)] = None;
                return Reply::refusal(422, "digest_mismatch");
            }
        }
        Reply::status(204).header("upload-offset", session.bytes.len())
    }
}

fn index(seen: &Seen) -> usize {
    seen.path.rsplit('/').next().unwrap().parse().unwrap()
}
