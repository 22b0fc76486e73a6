//! A registry, or a storage behind one, that hands out one image with accidents.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;

use super::{Reply, Seen, Server};

/// What happens to one request.
#[derive(Debug, Clone)]
pub(crate) enum Accident {
    /// Nothing.
    None,
    /// The body breaks off after so many bytes.
    Cut(usize),
    /// The body stands still after so many bytes.
    Stall(usize, Duration),
    /// One byte of it is another one.
    Flip(usize),
    /// The body ends after so many bytes as if that were all.
    Short(usize),
    /// There are bytes at the end that do not belong to it.
    Long,
    /// The same, and nothing says beforehand how many bytes there are.
    LongUnsaid,
    /// The whole is sent although a part was asked for.
    Whole,
    /// Another part is sent than was asked for.
    OtherPart,
    /// This is answered instead.
    Status(u16, Vec<(String, String)>),
}

pub(crate) fn status(status: u16) -> Accident {
    Accident::Status(status, Vec::new())
}

/// A server of one image. Accidents happen to its requests in order; then there are none.
pub(crate) async fn serving(content: &[u8], accidents: Vec<Accident>) -> Server {
    let content = Bytes::copy_from_slice(content);
    let tag = format!("\"{}\"", super::image(&content).digest);
    let accidents = Arc::new(Mutex::new(VecDeque::from(accidents)));
    Server::answering(move |seen| {
        let accident = accidents.lock().unwrap().pop_front();
        answer(seen, &content, &tag, accident.unwrap_or(Accident::None))
    })
    .await
}

/// A registry that redirects to a storage, with a new address each time.
pub(crate) async fn redirecting(storage: &Server) -> Server {
    let to = storage.url();
    let count = Mutex::new(0);
    Server::answering(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let to = to.join(&format!("bucket/blob?signature={count}")).unwrap();
        Reply::status(307).header("location", to)
    })
    .await
}

fn answer(seen: &Seen, content: &Bytes, tag: &str, accident: Accident) -> Reply {
    let range = seen.header("range").map(|text| {
        let start = text
            .strip_prefix("bytes=")
            .unwrap()
            .strip_suffix('-')
            .unwrap();
        start.parse::<usize>().unwrap()
    });
    let matches = seen.header("if-range").is_none_or(|known| known == tag);
    let mut start = range.filter(|_| matches).unwrap_or(0);
    match accident {
        Accident::Whole => start = 0,
        Accident::OtherPart => start = start.saturating_sub(1),
        _ => {}
    }
    let mut body = content.slice(start..);
    let mut reply = if start > 0 {
        let end = content.len() - 1;
        let range = format!("bytes {start}-{end}/{}", content.len());
        Reply::status(206).header("content-range", range)
    } else {
        Reply::status(200)
    };
    reply = reply.header("etag", tag);
    match accident {
        Accident::Cut(after) => reply.cut_after = Some(after),
        Accident::Stall(after, pause) => reply.stall_after = Some((after, pause)),
        Accident::Flip(at) => {
            let mut bytes = body.to_vec();
            bytes[at] ^= 1;
            body = bytes.into();
        }
        Accident::Short(length) => body.truncate(length),
        Accident::Long => body = [&body, &b"more"[..]].concat().into(),
        Accident::LongUnsaid => {
            body = [&body, &b"more"[..]].concat().into();
            reply = reply.header("transfer-encoding", "chunked");
        }
        Accident::Status(status, headers) => {
            reply = Reply {
                headers,
                ..Reply::status(status)
            };
            body = Bytes::new();
        }
        Accident::None | Accident::Whole | Accident::OtherPart => {}
    }
    reply.body = body;
    reply
}
