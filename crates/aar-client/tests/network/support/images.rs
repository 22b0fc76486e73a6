//! A registry or a storage that serves one image, with faults.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;

use super::{ReceivedRequest, Server, TestResponse};

/// The fault of one response.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    None,
    /// The connection is cut after this number of bytes.
    Cut(usize),
    /// The body stalls after this number of bytes.
    Stall(usize, Duration),
    /// This byte is flipped.
    Flip(usize),
    /// The image has only this number of bytes.
    Short(usize),
    /// The image has additional bytes.
    Long,
    /// The image has additional bytes, and the response does not declare its length.
    LongChunked,
    /// The range of the request is ignored.
    Whole,
    /// Another range than the requested one is sent.
    OtherRange,
    /// Another status with these headers.
    Status(u16, Vec<(String, String)>),
}

pub(crate) fn status(status: u16) -> Fault {
    Fault::Status(status, Vec::new())
}

/// A server of one image. The faults apply to its responses in order.
pub(crate) async fn serving(content: &[u8], faults: Vec<Fault>) -> Server {
    serving_at("127.0.0.1:0", content, faults).await
}

/// The same, on an address.
pub(crate) async fn serving_at(address: &str, content: &[u8], faults: Vec<Fault>) -> Server {
    let content = Bytes::copy_from_slice(content);
    let tag = format!("\"{}\"", super::image(&content).digest);
    let faults = Arc::new(Mutex::new(VecDeque::from(faults)));
    Server::responding_at(address, move |request| {
        let fault = faults.lock().unwrap().pop_front();
        respond(request, &content, &tag, fault.unwrap_or(Fault::None))
    })
    .await
}

/// A registry that redirects to an address.
pub(crate) async fn redirecting_to(address: &str, location: String) -> Server {
    let redirect = move |_: &_| TestResponse::status(307).header("location", &location);
    Server::responding_at(address, redirect).await
}

/// A registry that redirects to a storage, with a new URL each time.
pub(crate) async fn redirecting(storage: &Server) -> Server {
    let to = storage.url();
    let count = Mutex::new(0);
    Server::responding(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let to = to.join(&format!("bucket/blob?signature={count}")).unwrap();
        TestResponse::status(307).header("location", to)
    })
    .await
}

fn respond(request: &ReceivedRequest, content: &Bytes, tag: &str, fault: Fault) -> TestResponse {
    let range = request.header("range").map(|text| {
        let start = text
            .strip_prefix("bytes=")
            .unwrap()
            .strip_suffix('-')
            .unwrap();
        start.parse::<usize>().unwrap()
    });
    let matches = request.header("if-range").is_none_or(|known| known == tag);
    let mut start = range.filter(|_| matches).unwrap_or(0);
    match fault {
        Fault::Whole => start = 0,
        Fault::OtherRange => start = start.saturating_sub(1),
        _ => {}
    }
    let mut body = content.slice(start..);
    let mut response = if start > 0 {
        let end = content.len() - 1;
        let range = format!("bytes {start}-{end}/{}", content.len());
        TestResponse::status(206).header("content-range", range)
    } else {
        TestResponse::status(200)
    };
    response = response.header("etag", tag);
    match fault {
        Fault::Cut(after) => response.cut_after = Some(after),
        Fault::Stall(after, pause) => response.stall_after = Some((after, pause)),
        Fault::Flip(at) => {
            let mut bytes = body.to_vec();
            bytes[at] ^= 1;
            body = bytes.into();
        }
        Fault::Short(length) => body.truncate(length),
        Fault::Long => body = [&body, &b"more"[..]].concat().into(),
        Fault::LongChunked => {
            body = [&body, &b"more"[..]].concat().into();
            response = response.header("transfer-encoding", "chunked");
        }
        Fault::Status(status, headers) => {
            response = TestResponse {
                headers,
                ..TestResponse::status(status)
            };
            body = Bytes::new();
        }
        Fault::None | Fault::Whole | Fault::OtherRange => {}
    }
    response.body = body;
    response
}
