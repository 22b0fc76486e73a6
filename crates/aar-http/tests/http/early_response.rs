//! A server that answers before it has read the request, and resets the connection.

use std::{
    error::Error as _,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use aar_http::{Body, Error, HttpClient, HttpOptions, Method, header::CONTENT_LENGTH};
use aar_tls::ServerTrust;
use bytes::Bytes;
use futures_util::stream;

const LARGE: usize = 32 << 20;
const REFUSAL: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\n\r\nForbidden";

/// Answers each connection once the head of its request is there, and closes with the body unread, which
/// resets the connection.
fn start_server(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_head(&mut stream);
            stream.write_all(answer).unwrap();
        }
    });
    address
}

fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
}

async fn put(server: SocketAddr, body: Body) -> Result<(u16, String), Error> {
    let client = HttpClient::new(HttpOptions::new(ServerTrust::WebPki, "test/1"))?;
    let url = format!("http://{server}/object").parse().unwrap();
    let request = client
        .request(Method::PUT, url)
        .header(CONTENT_LENGTH, LARGE);
    let response = request.body(body).send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

fn pieces() -> Body {
    let piece = Bytes::from(vec![7; 64 << 10]);
    let count = LARGE / piece.len();
    Body::from_stream(stream::iter(
        std::iter::repeat_n(piece, count).map(Ok::<_, std::io::Error>),
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusal_before_the_body_is_read_is_reported_as_a_refusal() {
    let server = start_server(REFUSAL);
    for _ in 0..20 {
        for body in [Body::from(vec![7; LARGE]), pieces()] {
            let (status, text) = put(server, body).await.unwrap();
            assert_eq!((status, text.as_str()), (403, "Forbidden"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reset_without_a_response_is_reported_as_a_broken_connection() {
    let server = start_server(b"");
    for body in [Body::from(vec![7; LARGE]), pieces()] {
        let error = put(server, body).await.unwrap_err();
        assert!(matches!(error, Error::Broken(_)), "{error:?}");
        assert!(error.source().is_some());
    }
}
