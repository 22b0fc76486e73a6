//! Events, and waiting for operations by events or by polling.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use super::support::{
    FakeAms, TestRequest, TestResponse, TestServer, event, operation, refused, sync,
};
use ams_api::{Error, Event, EventKind, EventSelection, Operation, StatusCode};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

/// Responds to polls with the states in turn, and sends the events.
struct OperationScript {
    states: Vec<Operation>,
    polls: AtomicUsize,
    events: Option<Vec<Event>>,
    /// Whether the websocket stays open after its events.
    stays_open: bool,
}

impl OperationScript {
    fn polled(states: Vec<Operation>) -> Self {
        Self {
            states,
            polls: AtomicUsize::new(0),
            events: None,
            stays_open: false,
        }
    }

    fn with_events(events: &[Operation], stays_open: bool) -> Self {
        Self {
            events: Some(events.iter().map(event).collect()),
            stays_open,
            ..Self::polled(Vec::new())
        }
    }
}

impl FakeAms for OperationScript {
    fn respond(&self, _: TestRequest) -> TestResponse {
        let poll = self.polls.fetch_add(1, Ordering::SeqCst);
        match self.states.get(poll) {
            Some(state) => sync(&serde_json::to_value(state).unwrap()),
            None => refused(404, "no such operation"),
        }
    }

    fn events(&self) -> Option<BoxStream<'static, Event>> {
        let events = stream::iter(self.events.clone()?);
        Some(if self.stays_open {
            events.chain(stream::pending()).boxed()
        } else {
            events.boxed()
        })
    }
}

async fn wait(server: &TestServer, limit: Option<Duration>) -> Result<Vec<StatusCode>, Error> {
    let watch = server.client.watch().await;
    let mut states = Vec::new();
    let started = operation(103, "", 1);
    watch
        .wait(started, limit, |operation| {
            states.push(operation.status_code);
        })
        .await?;
    Ok(states)
}

#[tokio::test]
async fn events_arrive_in_order_until_the_stream_ends() {
    let states = [operation(103, "", 0), operation(200, "", 1)];
    let server =
        TestServer::on_tls(OperationScript::with_events(&states, false), |shown| shown).await;
    let mut events = server.client.events(EventSelection::All).await.unwrap();
    for expected in states {
        let event = events.next().await.unwrap().unwrap();
        assert_eq!(event.kind, EventKind::Operation);
        assert_eq!(event.operation(), Some(expected));
    }
    assert_eq!(events.next().await.unwrap(), None);
}

#[tokio::test]
async fn refused_subscription_has_the_message_of_ams() {
    let server = TestServer::on_socket(|_: TestRequest| refused(403, "not trusted"));
    let events = server.client.events(EventSelection::Lifecycle).await;
    assert_eq!(events.err().unwrap().to_string(), "not trusted");
}

#[tokio::test]
async fn operation_ends_with_its_final_event() {
    let events = [operation(103, "", 2), operation(200, "", 3)];
    let server = TestServer::on_socket(OperationScript::with_events(&events, true));
    let states = wait(&server, None).await.unwrap();
    let running = StatusCode::Running;
    assert_eq!(states, [running, running, StatusCode::Success]);
}

#[tokio::test]
async fn event_older_than_the_known_state_is_skipped() {
    let events = [operation(105, "", 0), operation(200, "", 3)];
    let server = TestServer::on_socket(OperationScript::with_events(&events, true));
    let states = wait(&server, None).await.unwrap();
    assert_eq!(states, [StatusCode::Running, StatusCode::Success]);
}

#[tokio::test]
async fn operation_without_events_is_polled() {
    let states = vec![operation(103, "", 2), operation(200, "", 3)];
    let server = TestServer::on_socket(OperationScript::polled(states));
    let states = wait(&server, None).await.unwrap();
    assert_eq!(states.last(), Some(&StatusCode::Success));
}

#[tokio::test]
async fn operation_is_polled_after_its_events_end() {
    let script = OperationScript {
        events: Some(vec![event(&operation(103, "", 2))]),
        ..OperationScript::polled(vec![operation(200, "", 3)])
    };
    let server = TestServer::on_socket(script);
    let states = wait(&server, None).await.unwrap();
    assert_eq!(states.last(), Some(&StatusCode::Success));
}

#[tokio::test]
async fn failed_operation_is_an_error_with_its_message() {
    let events = [operation(400, "app.apk is not an APK", 2)];
    let server = TestServer::on_socket(OperationScript::with_events(&events, true));
    let error = wait(&server, None).await.unwrap_err();
    assert_eq!(error.to_string(), "app.apk is not an APK");
}

#[tokio::test]
async fn wait_for_an_operation_ends_at_the_limit() {
    let server = TestServer::on_socket(OperationScript::with_events(&[], true));
    let limit = Duration::from_millis(50);
    let error = wait(&server, Some(limit)).await.unwrap_err();
    assert!(matches!(error, Error::WaitExpired { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("--timeout"));
}

#[tokio::test]
async fn wait_fails_when_ams_stops() {
    let server = TestServer::on_socket(OperationScript::with_events(&[], false));
    let watch = server.client.watch().await;
    drop(server);
    let waited = watch.wait(operation(103, "", 1), None, |_| {});
    let error = waited.await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}
