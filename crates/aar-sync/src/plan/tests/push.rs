use aar_types::Architecture;

use super::{super::push::plan_push, *};

#[test]
fn push_rule_leads_to_its_steps() {
    let table = [
        // Published versions that the registry lacks are pushed, the newest first.
        ("", "l a: 0 1", "push a/1, push a/0"),
        ("a: 0", "l a: 0 1", "push a/1"),
        ("a@arm64: 0", "l a: 0", "push a/0"),
        // Withdrawn versions are not.
        ("", "l a: 0w", ""),
        // Unchanged versions stay.
        ("a: 0 1w", "l a: 0 1w", ""),
        // Only versions that are ready.
        ("", "l a: 0!", ""),
        ("a: 0w", "l a: 0!", ""),
        // Withdrawn and published locally.
        ("a: 0 1", "l a: 0 1w", "withdraw a/1"),
        ("a: 0w", "l a: 0", "publish a/0"),
        ("a: 0", "l a: 0w", "withdraw a/0"),
        // A withdrawal waits for the push if clients would be left with nothing.
        ("a: 0", "l a: 0w 1", "push a/1, withdraw a/0"),
        ("a: 0 1", "l a: 0w 1 2", "withdraw a/0, push a/2"),
        // Metadata.
        ("a: 0", "l a[t]: 0", "put a"),
        ("a: 0", "l a[t]: 0 1", "put a, push a/1"),
        ("a: 0", "l a[t]: 1", "push a/1"),
        ("a: 0x", "l a[t]: 0", "conflict a/0"),
        // The same number with other content.
        ("a: 0x", "l a: 0 1", "push a/1, conflict a/0"),
        // A retired version is withdrawn, unless the registry has other content.
        ("a: 0 1", "l a: 0r 1", "withdraw a/0"),
        ("a: 0x 1", "l a: 0r 1", ""),
        ("a: 0x", "l a: 0r 1", "push a/1"),
        // A local deletion deletes nothing in the registry.
        ("a: 0 1, b: 0", "l a: 1", ""),
        // Imported applications are never pushed.
        ("", "i a: 0", ""),
        ("a: 0", "i a[t]: 0w", ""),
    ];
    for (registry, here, expected) in table {
        let plan = plan_push(&listing(registry), &local(here), Architecture::Amd64);
        assert_eq!(
            words(&plan),
            expected,
            "registry {registry:?}, local {here:?}"
        );
    }
}

#[test]
fn push_carries_local_metadata_and_image() {
    let here = local("l a[t]: 3");
    let plan = plan_push(&listing(""), &here, Architecture::Amd64);
    let [step] = &plan.transfers[..] else {
        panic!("{plan:?}");
    };
    let Action::PushVersion(_, put) = &step.action else {
        panic!("{step:?}");
    };
    assert_eq!(put.application, here[0].metadata);
    assert_eq!(put.image, here[0].versions[0].image);
    assert!(put.published);
}
