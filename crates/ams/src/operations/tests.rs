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
async fn an_operation_runs_to_success_and_is_told_from_begin_to_end() {
    let (operations, events, _) = operations();
    let mut listener = events.subscribe();
    let begun = operations.start(new(), |_| async { Ok(()) });
    assert_eq!(begun.status_code, StatusCode::Running);
    assert_eq!(begun.status, "Running");
    let ended = operations.wait(begun.id, None).await.unwrap();
    assert_eq!(ended.status_code, StatusCode::Success);
    for status in [StatusCode::Running, StatusCode::Success] {
        let told = listener.next().await.unwrap().operation().unwrap();
        assert_eq!((told.id, told.status_code), (begun.id, status));
    }
}

#[tokio::test]
async fn a_failed_operation_tells_the_whole_cause() {
    let (operations, ..) = operations();
    let begun = operations.start(new(), |_| async {
        Err(Error::ApplicationNotFound("x".into()))
    });
    let ended = operations.wait(begun.id, None).await.unwrap();
    assert_eq!(ended.status_code, StatusCode::Failure);
    assert_eq!(ended.err, "there is no application \"x\"");
}

#[tokio::test]
async fn a_panic_ends_the_operation_and_nothing_else() {
    let (operations, ..) = operations();
    let begun = operations.start(new(), |_| async { panic!("on purpose") });
    let ended = operations.wait(begun.id, None).await.unwrap();
    assert_eq!(ended.status_code, StatusCode::Failure);
}

#[tokio::test]
async fn only_work_that_allows_it_is_cancelled() {
    let (operations, ..) = operations();
    let stubborn = operations.start(new(), |_| std::future::pending());
    assert!(matches!(
        operations.cancel(stubborn.id),
        Err(Error::NotCancellable(_))
    ));
    let begun = operations.start(new().cancellable(), |context| async move {
        context.cancelled().await;
        context.go_on()
    });
    assert!(begun.may_cancel);
    assert_eq!(operations.cancel(begun.id).unwrap(), Some(()));
    let ended = operations.wait(begun.id, None).await.unwrap();
    assert_eq!(ended.status_code, StatusCode::Cancelled);
    assert!(operations.cancel(Uuid::nil()).unwrap().is_none());
}

#[tokio::test]
async fn waiting_ends_with_the_time_limit() {
    let (operations, ..) = operations();
    let begun = operations.start(new(), |_| std::future::pending());
    let limit = Some(Duration::from_millis(5));
    let waited = operations.wait(begun.id, limit).await.unwrap();
    assert_eq!(waited.status_code, StatusCode::Running);
    assert_eq!(operations.list().len(), 1);
}

#[tokio::test]
async fn an_operation_is_kept_for_a_while_after_its_end() {
    let (operations, _, clock) = operations();
    let first = operations.done(new());
    assert_eq!(first.status_code, StatusCode::Success);
    assert!(operations.list().is_empty());
    clock.advance(SignedDuration::from_mins(59));
    operations.done(new());
    assert!(operations.get(first.id).is_some());
    clock.advance(SignedDuration::from_mins(2));
    operations.done(new());
    assert!(operations.get(first.id).is_none());
}

#[tokio::test]
async fn progress_is_told_now_and_then_and_at_the_end() {
    let (operations, events, _) = operations();
    let mut listener = events.subscribe();
    let begun = operations.start(new(), |context| async move {
        for done in 0..=10_000 {
            context.progress(done, 10_000);
        }
        Ok(())
    });
    operations.wait(begun.id, None).await;
    let mut told = Vec::new();
    while told.last() != Some(&StatusCode::Success) {
        told.push(
            listener
                .next()
                .await
                .unwrap()
                .operation()
                .unwrap()
                .status_code,
        );
    }
    assert!((4..100).contains(&told.len()), "{}", told.len());
    let ended = operations.get(begun.id).unwrap();
    assert_eq!(ended.metadata["progress"]["done"], 10_000);
}
