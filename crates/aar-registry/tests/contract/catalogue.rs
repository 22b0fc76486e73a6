use aar_registry::ListQuery;
use aar_types::Revision;

use crate::backend::{AMD64, ARM64, Fixture, name, number, on_every_backend, put, tagged};

/// Five applications with two versions each, `app-0` to `app-4`. Odd ones are for arm64 too; each
/// has the tag `all` and one of its own.
async fn fill(fixture: &Fixture) {
    let operator = fixture.operator();
    for app in 0..5 {
        let own = format!("own-{app}");
        for n in 0..2 {
            let mut version = put(fixture.store(format!("{app} {n}").as_bytes()).await);
            version.application = tagged(&["all", &own]);
            let name = name(&format!("app-{app}"));
            operator
                .publish(&name, AMD64, number(n), version.clone())
                .await
                .unwrap();
            if app % 2 == 1 {
                version.application = tagged(&["all", "arm"]);
                operator
                    .publish(&name, ARM64, number(n), version)
                    .await
                    .unwrap();
            }
        }
    }
}

fn query(tags: &[&str], offset: u64, limit: u64) -> ListQuery {
    ListQuery {
        architecture: None,
        tags: tagged(tags).tags,
        offset,
        limit,
    }
}

async fn names(fixture: &Fixture, query: ListQuery) -> (Vec<String>, u64) {
    let page = fixture.operator().list(&query).await.unwrap();
    let names = page.applications.iter().map(|one| one.name.to_string());
    (names.collect(), page.total)
}

#[tokio::test]
async fn list_is_paged_by_name_with_the_total() {
    on_every_backend(async |fixture| {
        fill(&fixture).await;
        for (offset, limit, expected) in [
            (0, 2, vec!["app-0", "app-1"]),
            (2, 2, vec!["app-2", "app-3"]),
            (4, 2, vec!["app-4"]),
            (6, 2, vec![]),
            (0, 0, vec![]),
            (0, 5, vec!["app-0", "app-1", "app-2", "app-3", "app-4"]),
        ] {
            let (found, total) = names(&fixture, query(&[], offset, limit)).await;
            assert_eq!(
                (found, total),
                (expected.iter().map(ToString::to_string).collect(), 5)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn applications_have_all_their_versions_in_order() {
    on_every_backend(async |fixture| {
        fill(&fixture).await;
        let page = fixture.operator().list(&query(&[], 1, 2)).await.unwrap();
        assert_eq!(page.revision, fixture.revision().await);
        let odd = &page.applications[0];
        assert_eq!(odd.variants.len(), 2);
        for variant in &odd.variants {
            let numbers: Vec<_> = variant.versions.iter().map(|one| one.number.0).collect();
            assert_eq!(numbers, [0, 1]);
        }
        let even = &page.applications[1];
        assert_eq!(even.variants.len(), 1);
        assert_eq!(even.variants[0].metadata.tags, ["all", "own-2"]);
        let alone = fixture.operator().application(&odd.name).await.unwrap();
        assert_eq!(alone.as_ref(), Some(odd));
    })
    .await;
}

#[tokio::test]
async fn architecture_selects_variants_and_applications() {
    on_every_backend(async |fixture| {
        fill(&fixture).await;
        let query = ListQuery {
            architecture: Some(ARM64),
            ..query(&[], 0, 1)
        };
        let page = fixture.operator().list(&query).await.unwrap();
        assert_eq!((page.applications.len(), page.total), (1, 2));
        assert_eq!(page.applications[0].name, name("app-1"));
        assert_eq!(page.applications[0].variants.len(), 1);
        assert_eq!(page.applications[0].variants[0].architecture, ARM64);
        assert_eq!(page.applications[0].variants[0].versions.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn any_tag_selects_an_application() {
    on_every_backend(async |fixture| {
        fill(&fixture).await;
        let expected = (vec!["app-0".to_owned(), "app-3".to_owned()], 2);
        assert_eq!(
            names(&fixture, query(&["own-0", "own-3"], 0, 10)).await,
            expected
        );
        assert_eq!(
            names(&fixture, query(&["all"], 0, 1)).await,
            (vec!["app-0".to_owned()], 5)
        );
        assert_eq!(names(&fixture, query(&["none"], 0, 10)).await, (vec![], 0));
        let both = ListQuery {
            architecture: Some(AMD64),
            ..query(&["arm"], 0, 10)
        };
        assert_eq!(names(&fixture, both).await, (vec![], 0));
        let tricky = ["'); DROP TABLE versions; --", "all"];
        assert_eq!(names(&fixture, query(&tricky, 0, 1)).await.1, 5);
    })
    .await;
}

#[tokio::test]
async fn removed_tags_select_nothing() {
    on_every_backend(async |fixture| {
        fill(&fixture).await;
        let operator = fixture.operator();
        operator
            .put_application(&name("app-0"), AMD64, tagged(&["new"]))
            .await
            .unwrap();
        assert_eq!(names(&fixture, query(&["own-0"], 0, 10)).await.1, 0);
        assert_eq!(names(&fixture, query(&["new"], 0, 10)).await.1, 1);
        operator
            .remove_application(&name("app-0"), None)
            .await
            .unwrap();
        assert_eq!(names(&fixture, query(&["new"], 0, 10)).await.1, 0);
    })
    .await;
}

#[tokio::test]
async fn page_shows_one_moment_while_others_write() {
    on_every_backend(async |fixture| {
        fill(&fixture).await;
        let registry = fixture.registry.clone();
        let writer = tokio::spawn(async move {
            let operator = registry.operator("writer");
            for n in 0..40 {
                let published = n % 2 == 1;
                for app in ["app-0", "app-4"] {
                    let app = name(app);
                    let set = operator.set_published(&app, AMD64, number(0), published);
                    set.await.unwrap();
                }
            }
        });
        let before = Revision(14);
        while !writer.is_finished() {
            let page = fixture.operator().list(&query(&[], 0, 10)).await.unwrap();
            let offered = |app: usize| page.applications[app].variants[0].versions[0].published;
            // The first of the two is changed at every odd step, the second at every even one.
            let same = (page.revision.0 - before.0).is_multiple_of(2);
            assert_eq!(offered(0) == offered(4), same, "at {}", page.revision);
        }
        writer.await.unwrap();
    })
    .await;
}
