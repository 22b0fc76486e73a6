//! One row for each rule: what the registry has, what is here, and the steps that follow, in the
//! notation of the pull tables.

use super::*;
use crate::plan::notation::{listing, local, push_steps};

#[test]
fn each_rule_leads_to_its_steps() {
    let table = [
        // Published versions that the registry lacks are pushed, the newest first.
        ("", "l a: 0 1", "push a/1, push a/0"),
        ("a: 0", "l a: 0 1", "push a/1"),
        ("a@arm64: 0", "l a: 0", "push a/0"),
        // What is not published is not.
        ("", "l a: 0w", ""),
        // What is the same stays.
        ("a: 0 1w", "l a: 0 1w", ""),
        // Only what is ready.
        ("", "l a: 0!", ""),
        ("a: 0w", "l a: 0!", ""),
        // Revoked here, offered again here.
        ("a: 0 1", "l a: 0 1w", "withdraw a/1"),
        ("a: 0w", "l a: 0", "offer a/0"),
        ("a: 0", "l a: 0w", "withdraw a/0"),
        // A withdrawal waits where it would leave nothing while the successor is on its way.
        ("a: 0", "l a: 0w 1", "push a/1, withdraw a/0"),
        ("a: 0 1", "l a: 0w 1 2", "withdraw a/0, push a/2"),
        // Metadata.
        ("a: 0", "l a[t]: 0", "put a"),
        ("a: 0", "l a[t]: 0 1", "put a, push a/1"),
        ("a: 0", "l a[t]: 1", "push a/1"),
        ("a: 0x", "l a[t]: 0", "conflict a/0"),
        // Same number, other content.
        ("a: 0x", "l a: 0 1", "push a/1, conflict a/0"),
        // What was cleaned up here is withdrawn, unless it is something else there.
        ("a: 0 1", "l a: 0r 1", "withdraw a/0"),
        ("a: 0x 1", "l a: 0r 1", ""),
        ("a: 0x", "l a: 0r 1", "push a/1"),
        // Deleting here deletes nothing there.
        ("a: 0 1, b: 0", "l a: 1", ""),
        // What was pulled is never pushed.
        ("", "i a: 0", ""),
        ("a: 0", "i a[t]: 0w", ""),
    ];
    for (registry, here, expected) in table {
        let plan = plan_push(&listing(registry), &local(here), Architecture::Amd64);
        assert_eq!(
            push_steps(&plan),
            expected,
            "registry {registry:?}, here {here:?}"
        );
    }
}

#[test]
fn a_push_carries_what_is_here() {
    let here = local("l a[t]: 3");
    let plan = plan_push(&listing(""), &here, Architecture::Amd64);
    let [PushAction::Push { put, .. }] = &plan.actions[..] else {
        panic!("{:?}", plan.actions);
    };
    assert_eq!(put.application, here[0].metadata);
    assert_eq!(put.image, here[0].versions[0].image);
    assert!(put.published);
}
