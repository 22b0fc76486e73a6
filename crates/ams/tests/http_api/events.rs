//! The event websocket.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, protocol::CloseFrame},
};

use crate::running_ams::{Caller, RunningAms, package, request, upload};

const TIME_LIMIT: Duration = Duration::from_secs(20);

pub(crate) async fn listen<S>(stream: S, query: &str) -> Result<WebSocketStream<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let address = format!("ws://localhost/1.0/events{query}");
    client_async(address, stream)
        .await
        .map(|(socket, _)| socket)
}

async fn next<S>(socket: &mut WebSocketStream<S>) -> Option<Message>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    timeout(TIME_LIMIT, socket.next()).await.unwrap()?.ok()
}

pub(crate) async fn event<S>(socket: &mut WebSocketStream<S>) -> Value
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match next(socket).await.unwrap() {
            Message::Text(json) => return serde_json::from_str(&json).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn close_of<S>(socket: &mut WebSocketStream<S>) -> Option<CloseFrame>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match next(socket).await {
            Some(Message::Close(frame)) => return frame,
            Some(_) => {}
            None => return None,
        }
    }
}

fn status_of(error: &Error) -> u16 {
    match error {
        Error::Http(response) => response.status().as_u16(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn subscriber_receives_its_operation_from_beginning_to_end() {
    let ams = RunningAms::start().await;
    let identity = ams.identity("sdk");
    ams.ams.trust().add(identity.certificate()).await.unwrap();
    let mut socket = listen(ams.remote(Some(&identity)).await, "?type=operation")
        .await
        .unwrap();

    let package = package("name: game\ninstance-type: a4.3\n");
    let caller = Caller::Remote(Some(identity));
    let accepted = ams
        .call(&caller, upload(Method::POST, "/1.0/applications", package))
        .await;
    let operation = accepted.metadata();
    assert_eq!(
        (&operation["class"], &operation["status_code"]),
        (&json!("task"), &json!(103))
    );
    assert!(
        operation["resources"]["applications"][0].is_string(),
        "{operation}"
    );

    let mut statuses = Vec::new();
    while statuses.last() != Some(&json!(200)) {
        let event = event(&mut socket).await;
        assert_eq!(event["type"], "operation");
        if event["metadata"]["id"] == operation["id"] {
            statuses.push(event["metadata"]["status_code"].clone());
        }
    }
    assert_eq!(statuses[0], 103, "the beginning was missed: {statuses:?}");
    ams.succeed(&accepted).await;
}

#[tokio::test]
async fn subscriber_receives_only_the_selected_kinds() {
    let ams = RunningAms::start().await;
    let mut lifecycle = listen(ams.local().await, "?type=lifecycle").await.unwrap();
    let mut all = listen(ams.local().await, "").await.unwrap();
    ams.create("name: game\n").await;
    assert_eq!(event(&mut lifecycle).await["type"], "lifecycle");
    assert_eq!(event(&mut all).await["type"], "operation");
    let refused = listen(ams.local().await, "?type=gossip").await.unwrap_err();
    assert_eq!(status_of(&refused), 400);
}

#[tokio::test]
async fn no_event_is_lost_under_load() {
    const CALLS: usize = 300;
    let ams = RunningAms::start().await;
    let mut socket = listen(ams.local().await, "?type=operation").await.unwrap();
    let change = || json!({"name": "registry.filter", "value": "a"});
    let calls = futures_util::stream::iter(0..CALLS)
        .map(|_| ams.json(Method::PATCH, "/1.0/config", change()))
        .buffer_unordered(20)
        .map(|response| response.metadata()["id"].clone());
    let mut begun: Vec<String> = calls.map(|id| id.to_string()).collect().await;
    let mut reported = Vec::new();
    while reported.len() < CALLS {
        let event = event(&mut socket).await;
        if event["metadata"]["status_code"] == 200 {
            reported.push(event["metadata"]["id"].to_string());
        }
    }
    begun.sort();
    reported.sort();
    assert_eq!(begun, reported);
}

#[tokio::test]
async fn token_opens_the_websocket_while_its_holder_is_trusted() {
    let ams = RunningAms::start().await;
    let identity = ams.identity("page");
    ams.ams.trust().add(identity.certificate()).await.unwrap();
    let caller = Caller::Remote(Some(identity.clone()));
    let auth = ams
        .call(
            &caller,
            request(Method::POST, "/1.0/events/auth", Body::empty()),
        )
        .await;
    let token = auth.metadata()["token"].as_str().unwrap().to_owned();
    let query = format!("?type=operation&token={token}");

    let mut socket = listen(ams.remote(None).await, &query).await.unwrap();
    ams.create("name: game\n").await;
    assert_eq!(event(&mut socket).await["type"], "operation");
    for invalid in ["", "?token=", "?token=a.b.c"] {
        let refused = listen(ams.remote(None).await, invalid).await.unwrap_err();
        assert!(
            [401, 403].contains(&status_of(&refused)),
            "{invalid}: {refused}"
        );
    }

    let fingerprint = identity.certificate().fingerprint();
    ams.ams.trust().remove(&fingerprint.into()).await.unwrap();
    let frame = close_of(&mut socket).await.unwrap();
    assert_eq!(u16::from(frame.code), 1008, "{frame:?}");
    let refused = listen(ams.remote(None).await, &query).await.unwrap_err();
    assert_eq!(status_of(&refused), 403);
}

#[tokio::test]
async fn expired_token_is_refused() {
    let ams = RunningAms::start().await;
    let auth = request(Method::POST, "/1.0/events/auth", Body::empty());
    let auth = ams.call(&Caller::Local, auth).await;
    let query = format!("?token={}", auth.metadata()["token"].as_str().unwrap());
    ams.clock.advance(jiff::SignedDuration::from_secs(61));
    let refused = listen(ams.remote(None).await, &query).await.unwrap_err();
    assert_eq!(status_of(&refused), 403);
}

#[tokio::test]
async fn connections_of_a_removed_certificate_are_cut() {
    let ams = RunningAms::start().await;
    let identity = ams.identity("client");
    ams.ams.trust().add(identity.certificate()).await.unwrap();
    let mut socket = listen(ams.remote(Some(&identity)).await, "").await.unwrap();
    let fingerprint = identity.certificate().fingerprint();
    ams.ams.trust().remove(&fingerprint.into()).await.unwrap();
    // The event of the removal may arrive before the connection is cut.
    close_of(&mut socket).await;
    assert!(next(&mut socket).await.is_none());
}

#[tokio::test]
async fn stopping_server_closes_websockets() {
    let mut ams = RunningAms::start().await;
    let mut socket = listen(ams.local().await, "").await.unwrap();
    timeout(Duration::from_secs(3), ams.stop()).await.unwrap();
    let frame = close_of(&mut socket).await.unwrap();
    assert_eq!(u16::from(frame.code), 1001, "{frame:?}");
}

#[tokio::test]
async fn request_without_upgrade_is_refused_with_a_hint() {
    let ams = RunningAms::start().await;
    let response = ams.get("/1.0/events").await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert!(response.error().contains("websocket"), "{response:?}");
}
