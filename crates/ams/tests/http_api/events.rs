//! The events websocket, as the SDK, a web page and a slow reader meet it.

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

use crate::running::{Door, Running, package, request, upload};

const PATIENCE: Duration = Duration::from_secs(20);

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
    timeout(PATIENCE, socket.next()).await.unwrap()?.ok()
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
async fn the_sdk_listens_first_and_sees_its_operation_to_the_end() {
    let ams = Running::start().await;
    let identity = ams.identity("sdk");
    ams.ams.trust().add(identity.certificate()).await.unwrap();
    let mut socket = listen(ams.remote(Some(&identity)).await, "?type=operation")
        .await
        .unwrap();

    let package = package("name: game\ninstance-type: a4.3\n");
    let door = Door::Remote(Some(identity));
    let accepted = ams
        .call(&door, upload(Method::POST, "/1.0/applications", package))
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
async fn only_the_chosen_kinds_are_told() {
    let ams = Running::start().await;
    let mut lifecycle = listen(ams.local().await, "?type=lifecycle").await.unwrap();
    let mut all = listen(ams.local().await, "").await.unwrap();
    ams.create("name: game\n").await;
    assert_eq!(event(&mut lifecycle).await["type"], "lifecycle");
    assert_eq!(event(&mut all).await["type"], "operation");
    let refused = listen(ams.local().await, "?type=gossip").await.unwrap_err();
    assert_eq!(status_of(&refused), 400);
}

#[tokio::test]
async fn nothing_is_lost_under_load() {
    const CALLS: usize = 300;
    let ams = Running::start().await;
    let mut socket = listen(ams.local().await, "?type=operation").await.unwrap();
    let change = || json!({"name": "registry.filter", "value": "a"});
    let calls = futures_util::stream::iter(0..CALLS)
        .map(|_| ams.json(Method::PATCH, "/1.0/config", change()))
        .buffer_unordered(20)
        .map(|answer| answer.metadata()["id"].clone());
    let mut begun: Vec<String> = calls.map(|id| id.to_string()).collect().await;
    let mut told = Vec::new();
    while told.len() < CALLS {
        let event = event(&mut socket).await;
        if event["metadata"]["status_code"] == 200 {
            told.push(event["metadata"]["id"].to_string());
        }
    }
    begun.sort();
    told.sort();
    assert_eq!(begun, told);
}

#[tokio::test]
async fn a_token_opens_the_websocket_for_its_holder_only_while_that_is_trusted() {
    let ams = Running::start().await;
    let identity = ams.identity("page");
    ams.ams.trust().add(identity.certificate()).await.unwrap();
    let door = Door::Remote(Some(identity.clone()));
    let auth = ams
        .call(
            &door,
            request(Method::POST, "/1.0/events/auth", Body::empty()),
        )
        .await;
    let token = auth.metadata()["token"].as_str().unwrap().to_owned();
    let query = format!("?type=operation&token={token}");

    let mut socket = listen(ams.remote(None).await, &query).await.unwrap();
    ams.create("name: game\n").await;
    assert_eq!(event(&mut socket).await["type"], "operation");
    for bad in ["", "?token=", "?token=a.b.c"] {
        let refused = listen(ams.remote(None).await, bad).await.unwrap_err();
        assert!(
            [401, 403].contains(&status_of(&refused)),
            "{bad}: {refused}"
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
async fn an_expired_token_opens_nothing() {
    let ams = Running::start().await;
    let auth = request(Method::POST, "/1.0/events/auth", Body::empty());
    let auth = ams.call(&Door::Local, auth).await;
    let query = format!("?token={}", auth.metadata()["token"].as_str().unwrap());
    ams.clock.advance(jiff::SignedDuration::from_secs(61));
    let refused = listen(ams.remote(None).await, &query).await.unwrap_err();
    assert_eq!(status_of(&refused), 403);
}

#[tokio::test]
async fn the_connections_of_a_removed_certificate_are_cut() {
    let ams = Running::start().await;
    let identity = ams.identity("client");
    ams.ams.trust().add(identity.certificate()).await.unwrap();
    let mut socket = listen(ams.remote(Some(&identity)).await, "").await.unwrap();
    let fingerprint = identity.certificate().fingerprint();
    ams.ams.trust().remove(&fingerprint.into()).await.unwrap();
    // The change itself may still get through; then the connection is gone.
    close_of(&mut socket).await;
    assert!(next(&mut socket).await.is_none());
}

#[tokio::test]
async fn a_server_that_stops_says_goodbye_and_does_not_wait_for_listeners() {
    let mut ams = Running::start().await;
    let mut socket = listen(ams.local().await, "").await.unwrap();
    timeout(Duration::from_secs(3), ams.stop()).await.unwrap();
    let frame = close_of(&mut socket).await.unwrap();
    assert_eq!(u16::from(frame.code), 1001, "{frame:?}");
}

#[tokio::test]
async fn who_does_not_ask_for_the_upgrade_is_told_to() {
    let ams = Running::start().await;
    let answer = ams.get("/1.0/events").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.error().contains("websocket"), "{answer:?}");
}
