//! Every order of two operations on one application: a change that is in flight, and one that takes
//! its reason away.

use std::cell::Cell;

use aar_sync::SyncMode;

use crate::support::{
    Setup, content,
    interleaving::{Actor, Gates, in_every_order},
    name,
};

/// The action of the user while the agent pushes or pulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    DeleteEverywhere,
    DeleteHere,
    SetPublished(bool),
    DeleteVersion,
    DeleteInRegistry,
    WithdrawInRegistry,
}

async fn change(setup: &Setup, application: &str, change: Change, gates: &Gates) {
    gates.pass(Actor::User).await;
    let lock = gates.lock(Actor::User).await;
    gates.pass(Actor::User).await;
    let catalogue = &setup.catalogue;
    match change {
        Change::DeleteEverywhere | Change::DeleteHere => catalogue.delete(application),
        Change::SetPublished(published) => {
            catalogue.edit(application, |app| app.versions[0].published = published);
        }
        Change::DeleteVersion => catalogue.edit(application, |app| app.versions.clear()),
        Change::DeleteInRegistry => setup.registry.remove_application(application),
        Change::WithdrawInRegistry => setup.registry.set_published(application, 0, false),
    }
    gates.record("changed");
    gates.pass(Actor::User).await;
    drop(lock);
    if change == Change::DeleteEverywhere {
        let _lock = gates.lock(Actor::User).await;
        gates.pass(Actor::User).await;
        setup.registry.remove_application(application);
        gates.pass(Actor::User).await;
    }
}

/// Runs pushes beside a change in every order. No change may reach the registry that the application
/// does not justify at that moment.
async fn push_beside(
    prepare: impl Fn(&Setup, &str),
    change_of_user: Change,
    check: impl Fn(&Setup, &str),
) {
    let setup = Setup::start(SyncMode::Manual).await;
    let sent = Cell::new(0);
    let runs = in_every_order(|run, gates| {
        let application = format!("app{run}");
        prepare(&setup, &application);
        setup.catalogue.set_gates(Some(&gates));
        setup.registry.set_gates(Some((&gates, &setup.catalogue)));
        let (setup, sent, check) = (&setup, &sent, &check);
        let (pushed, changed) = (name(&application), application.clone());
        let agent_gates = gates.clone();
        let agent = async move {
            agent_gates.pass(Actor::Agent).await;
            let _ = setup.agent.push_one(pushed).await;
        };
        let user_gates = gates.clone();
        let user = async move { change(setup, &changed, change_of_user, &user_gates).await };
        let checked = move || {
            setup.catalogue.set_gates(None);
            setup.registry.set_gates(None);
            assert_eq!(
                setup.registry.unjustified(),
                Vec::<String>::new(),
                "{gates:?}"
            );
            sent.set(sent.get() + usize::from(gates.came_first("sent", "")));
            check(setup, &application);
        };
        (agent, user, checked)
    })
    .await;
    assert!(
        (1..runs).contains(&sent.get()),
        "{} of {runs} were sent",
        sent.get()
    );
}

fn create(setup: &Setup, application: &str) {
    setup
        .catalogue
        .create(application, 0, &content(application, 100));
}

/// An application that the registry has, with another state of publication.
fn create_in_both(setup: &Setup, application: &str, published: bool) {
    create(setup, application);
    let bytes = content(application, 100);
    setup.registry.publish_content(application, 0, &[], bytes);
    setup.registry.set_published(application, 0, !published);
    setup
        .catalogue
        .edit(application, |app| app.versions[0].published = published);
}

fn is_deleted(setup: &Setup, application: &str) {
    assert_eq!(
        setup.registry.variant(application),
        None,
        "{application} returned"
    );
}

fn anything(_: &Setup, _: &str) {}

#[tokio::test]
async fn deleted_application_never_returns_by_a_push_in_flight() {
    push_beside(create, Change::DeleteEverywhere, is_deleted).await;
}

#[tokio::test]
async fn deleted_application_never_returns_by_a_change_in_flight() {
    let publish = |setup: &Setup, application: &str| create_in_both(setup, application, true);
    push_beside(publish, Change::DeleteEverywhere, is_deleted).await;
    let tagged = |setup: &Setup, application: &str| {
        create_in_both(setup, application, true);
        setup.registry.set_published(application, 0, true);
        let tags = vec!["x".to_owned()];
        setup
            .catalogue
            .edit(application, |app| app.metadata.tags = tags);
    };
    push_beside(tagged, Change::DeleteEverywhere, is_deleted).await;
}

#[tokio::test]
async fn version_that_is_deleted_or_withdrawn_is_not_committed_after_that() {
    push_beside(create, Change::DeleteHere, anything).await;
    push_beside(create, Change::DeleteVersion, anything).await;
    push_beside(create, Change::SetPublished(false), anything).await;
}

#[tokio::test]
async fn withdrawal_and_publication_are_not_sent_after_they_were_reversed() {
    for published in [true, false] {
        let prepare = |setup: &Setup, application: &str| {
            create_in_both(setup, application, published);
        };
        push_beside(prepare, Change::SetPublished(!published), anything).await;
    }
}

/// Runs pulls beside a change in every order.
async fn pull_beside(
    prepare: impl Fn(&Setup, &str),
    change_of_user: Change,
    check: impl Fn(&Setup, &str, &Gates),
) {
    let setup = Setup::start(SyncMode::Manual).await;
    let imported = Cell::new(0);
    let runs = in_every_order(|run, gates| {
        let application = format!("app{run}");
        prepare(&setup, &application);
        setup.catalogue.set_gates(Some(&gates));
        setup.registry.set_gates(Some((&gates, &setup.catalogue)));
        let (setup, imported, check) = (&setup, &imported, &check);
        let (pulled, changed) = (name(&application), application.clone());
        let agent_gates = gates.clone();
        let agent = async move {
            agent_gates.pass(Actor::Agent).await;
            let _ = setup.agent.pull_one(pulled).await;
        };
        let user_gates = gates.clone();
        let user = async move { change(setup, &changed, change_of_user, &user_gates).await };
        let checked = move || {
            setup.catalogue.set_gates(None);
            setup.registry.set_gates(None);
            imported.set(imported.get() + usize::from(gates.came_first("imported", "")));
            check(setup, &application, &gates);
        };
        (agent, user, checked)
    })
    .await;
    assert!(
        (1..runs).contains(&imported.get()),
        "{} of {runs}",
        imported.get()
    );
}

#[tokio::test]
async fn version_that_the_registry_withdrew_or_deleted_is_not_imported_after_that() {
    let publish = |setup: &Setup, application: &str| {
        let bytes = content(application, 100);
        setup.registry.publish_content(application, 0, &[], bytes);
    };
    for change in [Change::DeleteInRegistry, Change::WithdrawInRegistry] {
        pull_beside(publish, change, |setup, application, gates| {
            if gates.came_first("changed", "locked") {
                assert_eq!(
                    setup.catalogue.versions(application),
                    "-",
                    "{change:?}: {gates:?}"
                );
            }
        })
        .await;
    }
}

#[tokio::test]
async fn application_that_is_deleted_here_does_not_return_by_an_import_in_flight() {
    // The old version is withdrawn: the agent imports only the new one, whether or not it finds the
    // application here.
    let two_versions = |setup: &Setup, application: &str| {
        let (old, new) = (
            content(application, 100),
            content(&format!("{application}/1"), 100),
        );
        setup
            .registry
            .publish_content(application, 0, &[], old.clone());
        setup.registry.set_published(application, 0, false);
        setup.registry.publish_content(application, 1, &[], new);
        setup.catalogue.create(application, 0, &old);
        setup.catalogue.edit(application, |app| {
            app.origin = aar_sync::Origin::Imported;
            app.versions[0].published = false;
        });
    };
    pull_beside(
        two_versions,
        Change::DeleteHere,
        |setup, application, gates| {
            if gates.came_first("planned", "changed") {
                assert_eq!(setup.catalogue.versions(application), "-", "{gates:?}");
            }
        },
    )
    .await;
}
