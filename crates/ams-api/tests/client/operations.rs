//! Events, and waiting for operations: by events, and by polling where there are none.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use super::support::{Ams, Answer, Asked, Server, event, operation, refused, sync};
use ams_api::{Error, Event, EventKind, EventSelection, Operation, StatusCode};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

/// Answers questions after the operation with its states, one after the other, and tells events.
struct Scene {
    states: Vec<Operation>,
    asked: AtomicUsize,
    events: Option<Vec<Event>>,
    /// Whether the websocket stays open after its events.
    lasting: bool,
}

impl Scene {
    fn polled(states: Vec<Operation>) -> Self {
        Self {
            states,
            asked: AtomicUsize::new(0),
            events: None,
            lasting: false,
        }
    }

    fn told(events: &[Operation], lasting: bool) -> Self {
        Self {
            events: Some(events.iter().map(event).collect()),
            lasting,
            ..Self::polled(Vec::new())
        }
    }
}

impl Ams for Scene {
    fn answer(&self, _: Asked) -> Answer {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        match self.states.get(turn) {
            Some(state) => sync(&serde_json::to_value(state).unwrap()),
            None => refused(404, "no such operation"),
        }
    }

    fn events(&self) -> Option<BoxStream<'static, Event>> {
        let events = stream::iter(self.events.clone()?);
        Some(if self.lasting {
            events.chain(stream::pending()).boxed()
        } else {
            events.boxed()
        })
    }
}

async fn finish(server: &Server, limit: Option<Duration>) -> Result<Vec<StatusCode>, Error> {
    let watch = server.client.watch().await;
    let mut seen = Vec::new();
    let begun = operation(103, "", 1);
    watch
        .finish(begun, limit, |operation| seen.push(operation.status_code))
        .await?;
    Ok(seen)
}

#[tokio::test]
async fn events_come_in_order_until_the_stream_ends() {
    let states = [operation(103, "", 0), operation(200, "", 1)];
    let server = Server::on_tls(Scene::told(&states, false), |shown| shown).await;
    let mut events = server.client.events(EventSelection::All).await.unwrap();
    for expected in states {
        let event = events.next().await.unwrap().unwrap();
        assert_eq!(event.kind, EventKind::Operation);
        assert_eq!(event.operation(), Some(expected));
    }
    assert_eq!(events.next().await.unwrap(), None);
}

#[tokio::test]
async fn events_that_are_refused_tell_why() {
    let server = Server::on_socket(|_: Asked| refused(403, "not trusted"));
    let events = server.client.events(EventSelection::Lifecycle).await;
    assert_eq!(events.err().unwrap().to_string(), "not trusted");
}

#[tokio::test]
async fn an_operation_is_over_when_an_event_says_so() {
    let scene = Scene::told(&[operation(103, "", 2), operation(200, "", 3)], true);
    let server = Server::on_socket(scene);
    let seen = finish(&server, None).await.unwrap();
    let running = StatusCode::Running;
    assert_eq!(seen, [running, running, StatusCode::Success]);
}

#[tokio::test]
async fn events_that_are_older_than_what_is_known_are_passed_over() {
    let scene = Scene::told(&[operation(105, "", 0), operation(200, "", 3)], true);
    let server = Server::on_socket(scene);
    let seen = finish(&server, None).await.unwrap();
    assert_eq!(seen, [StatusCode::Running, StatusCode::Success]);
}

#[tokio::test]
async fn without_events_the_operation_is_looked_at() {
    let states = vec![operation(103, "", 2), operation(200, "", 3)];
    let server = Server::on_socket(Scene::polled(states));
    let seen = finish(&server, None).await.unwrap();
    assert_eq!(seen.last(), Some(&StatusCode::Success));
}

#[tokio::test]
async fn events_that_break_off_are_made_up_for() {
    let scene = Scene {
        events: Some(vec![event(&operation(103, "", 2))]),
        ..Scene::polled(vec![operation(200, "", 3)])
    };
    let server = Server::on_socket(scene);
    let seen = finish(&server, None).await.unwrap();
    assert_eq!(seen.last(), Some(&StatusCode::Success));
}

#[tokio::test]
async fn an_operation_that_fails_is_an_error_with_its_words() {
    let scene = Scene::told(&[operation(400, "app.apk is not an APK", 2)], true);
    let server = Server::on_socket(scene);
    let error = finish(&server, None).await.unwrap_err();
    assert_eq!(error.to_string(), "app.apk is not an APK");
}

#[tokio::test]
async fn an_operation_that_takes_too_long_is_left_alone() {
    let server = Server::on_socket(Scene::told(&[], true));
    let limit = Duration::from_millis(50);
    let error = finish(&server, Some(limit)).await.unwrap_err();
    assert!(matches!(error, Error::WaitExpired { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("--timeout"));
}

#[tokio::test]
async fn an_ams_that_goes_away_is_missed() {
    let server = Server::on_socket(Scene::told(&[], false));
    let watch = server.client.watch().await;
    drop(server);
    let waited = watch.finish(operation(103, "", 1), None, |_| {});
    let error = waited.await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}
