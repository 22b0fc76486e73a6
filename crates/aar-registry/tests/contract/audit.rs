use aar_registry::AuditQuery;
use jiff::SignedDuration;

use crate::backend::on_every_backend;

#[tokio::test]
async fn audit_log_is_append_only() {
    on_every_backend(async |fixture| {
        fixture.publish("app", 0, b"image").await;
        for statement in ["UPDATE audit SET action = 'nothing'", "DELETE FROM audit"] {
            let error = fixture.execute(statement).await.unwrap_err();
            assert!(error.contains("append-only"), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn audit_log_is_read_backwards_in_pages() {
    on_every_backend(async |fixture| {
        for n in 0..3 {
            fixture.publish("app", n, format!("{n}").as_bytes()).await;
            fixture.clock.advance(SignedDuration::from_mins(1));
        }
        let operator = fixture.operator();
        let query = AuditQuery {
            limit: 2,
            ..Default::default()
        };
        let newest = operator.audit(&query).await.unwrap();
        let targets: Vec<_> = newest.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(targets, ["publish", "store-image"]);
        assert_eq!(newest[0].target, "app/amd64/2");

        let older = AuditQuery {
            before: Some(newest[1].id),
            ..query
        };
        let older = operator.audit(&older).await.unwrap();
        assert_eq!(older[0].target, "app/amd64/1");

        let since = fixture.now() - SignedDuration::from_mins(1);
        let recent = AuditQuery {
            since: Some(since),
            ..Default::default()
        };
        assert_eq!(operator.audit(&recent).await.unwrap(), newest);
    })
    .await;
}
