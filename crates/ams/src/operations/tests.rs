use super::*;
use aar_types::ManualClock;
use jiff::Timestamp;

fn operations() -> (Operations, Events, ManualClock) {
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let events = Events::new(clock.clone().into());
    let operations = Operations::new(events.clone(), clock.clone().into());
    (operations, events, clock)
}

fn new() -> NewOperation {
    NewOperation::on("testing", "applications", "/1.0/applications/x".to_owned())
}

#[tokio::test]
async fn operation_that_succeeds_sends_an_event_at_start_and_end() {
    let (operations, events, _) = operations();
    let mut listener = events.subscribe();
    let begun = operations.start(new(), |_| async { Ok(()) });
    assert_eq!(begun.status_code, StatusCode::Running);
    assert_eq!(begun.status, "Running");
    let ended = operations.wait(begun.id, None).await.unwrap();
    assert_eq!(ended.status_code, StatusCode::Success);
    for status in [StatusCode::Running, StatusCode::Success] {
        let event = listener.next().await.unwrap().operation().unwrap();
        assert_eq!((event.id, event.status_code), (begun.id, status));
    }
}

#[tokio::test]
async fn failed_operation_has_the_whole_cause_as_error() {
    let (operations, ..) = operations();
    let begun = operations.start(new(), |_| async {
        Err(Error::ApplicationNotFound("x".into()))
    });
    let ended = operations.wait(begun.id, None).await.unwrap();
    assert_eq!(ended.status_code, StatusCode::Failure);
    assert_eq!(ended.err, "there is no application \"x\"");
}

#[tokio::test]
async fn panic_fails_the_operation_only() {
    let (operations, ..) = operations();
    let begun = operations.start(new(), |_| async { panic!("expected by the test") });
    let ended = operations.wait(begun.id, None).await.unwrap();
    assert_eq!(ended.status_code, StatusCode::Failure);
}

#[tokio::test]
async fn only_cancellable_operation_is_cancelled() {
    let (operations, ..) = operations();
    let uncancellable = operations.start(new(), |_| std::future::pending());
    assert!(matches!(
        operations.cancel(uncancellable.id),
        Err(Error::NotCancellable(_))
    ));
    let begun = operations.start(new().cancellable(), |context| async move {
        context.cancelled().await;
        context.check_cancelled()
    });
    assert!(begun.may_cancel);
    assert_eq!(operations.cancel(begun.id).unwrap(), Some(()));
    let ended = operations.wait(begun.id, None).await.unwrap();
    assert_eq!(ended.status_code, StatusCode::Cancelled);
    assert!(operations.cancel(Uuid::nil()).unwrap().is_none());
}

#[tokio::test]
async fn wait_ends_with_its_time_limit() {
    let (operations, ..) = operations();
    let begun = operations.start(new(), |_| std::future::pending());
    let limit = Some(Duration::from_millis(5));
    let waited = operations.wait(begun.id, limit).await.unwrap();
    assert_eq!(waited.status_code, StatusCode::Running);
    assert_eq!(operations.list().len(), 1);
}

#[tokio::test]
async fn ended_operation_is_readable_for_an_hour() {
    let (operations, _, clock) = operations();
    let first = operations.completed(new());
    assert_eq!(first.status_code, StatusCode::Success);
    assert!(operations.list().is_empty());
    clock.advance(SignedDuration::from_mins(59));
    operations.completed(new());
    assert!(operations.get(first.id).is_some());
    clock.advance(SignedDuration::from_mins(2));
    operations.completed(new());
    assert!(operations.get(first.id).is_none());
}

#[tokio::test]
async fn only_the_newest_ended_operations_are_kept() {
    let (operations, _, clock) = operations();
    let running = operations.start(new(), |_| std::future::pending());
    let mut ended = Vec::new();
    for _ in 0..MAX_ENDED + 10 {
        clock.advance(SignedDuration::from_millis(1));
        ended.push(operations.completed(new()).id);
    }
    assert!(operations.records().len() <= MAX_ENDED + 2);
    for id in [running.id, ended[ended.len() - 1], ended[20]] {
        assert!(operations.get(id).is_some());
    }
    assert!(operations.get(ended[0]).is_none());
}

#[tokio::test]
async fn progress_is_reported_at_intervals_and_at_the_end() {
    let (operations, events, _) = operations();
    let mut listener = events.subscribe();
    let begun = operations.start(new(), |context| async move {
        for done in 0..=10_000 {
            context.progress(done, 10_000);
        }
        Ok(())
    });
    operations.wait(begun.id, None).await;
    let mut statuses = Vec::new();
    while statuses.last() != Some(&StatusCode::Success) {
        statuses.push(
            listener
                .next()
                .await
                .unwrap()
                .operation()
                .unwrap()
                .status_code,
        );
    }
    assert!((4..100).contains(&statuses.len()), "{}", statuses.len());
    let ended = operations.get(begun.id).unwrap();
    assert_eq!(ended.metadata["progress"]["done"], 10_000);
}
