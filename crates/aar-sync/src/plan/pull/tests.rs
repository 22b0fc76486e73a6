//! One row for each rule: what the registry has, what is here, and the steps that follow.
//!
//! Versions are written as `1` (published), `1w` (withdrawn), with `x` at the end where the content
//! is another one, and `1!` where the version is here and cannot be used.

use aar_types::RegistryId;

use super::*;
use crate::HeldReason;
use crate::plan::notation::{listing, local, steps};

fn policy() -> PullPolicy {
    PullPolicy {
        architecture: Architecture::Amd64,
        tags: Vec::new(),
        confirmed: Vec::new(),
        held_before: None,
    }
}

fn known(revision: u64) -> KnownRegistry {
    KnownRegistry {
        id: "home".parse().unwrap(),
        revision: aar_types::Revision(revision),
        held: None,
    }
}

fn plan(registry: &str, here: &str) -> PullPlan {
    plan_pull(&listing(registry), &local(here), Some(&known(1)), &policy())
}

#[test]
fn each_rule_leads_to_its_steps() {
    let table = [
        // What is new is imported, the newest version first.
        ("a: 0 1", "", "import a/1, import a/0"),
        // What is withdrawn is not.
        ("a: 0w 1", "", "import a/1"),
        ("a: 0w", "", ""),
        // What is the same stays.
        ("a: 0 1", "i a: 0 1", ""),
        // A version that is here and cannot be used is imported again.
        ("a: 0", "i a: 0!", "import a/0"),
        // Withdrawn and offered again.
        ("a: 0 1w", "i a: 0 1", "withdraw a/1"),
        ("a: 0 1", "i a: 0 1w", "offer a/1"),
        // All are withdrawn: they stay.
        ("a: 0w 1w", "i a: 0 1", "withdraw a/0, withdraw a/1"),
        ("a: 0w 1w", "i a: 0w 1w", ""),
        // A withdrawn version that is older than every published one is removed.
        ("a: 0w 1", "i a: 0w 1", "remove a/0"),
        ("a: 0w 1", "i a: 0 1", "withdraw a/0, remove a/0"),
        ("a: 0 1w 2", "i a: 0 1w 2", ""),
        // A version that is gone is removed, after its successor is there.
        ("a: 1", "i a: 0 1", "remove a/0"),
        ("a: 1", "i a: 0", "import a/1, remove a/0"),
        // A withdrawal waits where it would leave nothing while the successor is on its way.
        ("a: 0w 1", "i a: 0", "import a/1, withdraw a/0, remove a/0"),
        ("a: 0 1w 2", "i a: 0 1", "withdraw a/1, import a/2"),
        (
            "a: 0w 1w 2",
            "i a: 0 1w",
            "import a/2, withdraw a/0, remove a/0, remove a/1",
        ),
        // Metadata.
        ("a[t]: 0", "i a: 0", "update a"),
        ("a[t]: 0 1", "i a: 0", "update a, import a/1"),
        // What is gone, or has nothing left of it here, is removed, last of all.
        ("", "i a: 0", "remove a"),
        ("b: 0", "i a: 0", "import b/0, remove a"),
        ("a: 1w", "i a: 0", "remove a"),
        ("a: 1w", "i a:", "remove a"),
        // Another architecture is another application.
        ("a@arm64: 0", "", ""),
        ("a@arm64: 0", "i a: 0", "remove a"),
        // What was created here is never touched.
        ("a: 0 1", "l a: 0", "conflict a"),
        ("", "l a: 0", ""),
        ("a: 0w", "l a: 0", ""),
        // Same number, other content.
        ("a: 0x 1", "i a: 0", "import a/1, conflict a/0"),
        ("a: 0xw 1", "i a: 0 1", "conflict a/0"),
    ];
    for (registry, here, expected) in table {
        assert_eq!(
            steps(&plan(registry, here)),
            expected,
            "registry {registry:?}, here {here:?}"
        );
    }
}

#[test]
fn the_filter_takes_applications_with_any_of_its_tags() {
    let table = [
        (
            "a[x]: 0, b[y z]: 0, c: 0, d[w]: 0",
            "",
            "import a/0, import b/0",
        ),
        // What no longer matches is removed like what is gone.
        ("a[w]: 0", "i a[x]: 0", "remove a"),
        ("a[w]: 0", "l a[x]: 0", ""),
    ];
    let policy = PullPolicy {
        tags: vec!["x".to_owned(), "z".to_owned()],
        ..policy()
    };
    for (registry, here, expected) in table {
        let plan = plan_pull(&listing(registry), &local(here), Some(&known(1)), &policy);
        assert_eq!(
            steps(&plan),
            expected,
            "registry {registry:?}, here {here:?}"
        );
    }
}

#[test]
fn removing_more_than_half_and_more_than_two_is_held() {
    let table = [
        ("", "i a: 0, i b: 0", "remove a, remove b"),
        ("", "i a: 0, i b: 0, i c: 0", "held a b c"),
        (
            "a: 0, b: 0, c: 0",
            "i a: 0, i b: 0, i c: 0, i d: 0, i e: 0, i f: 0",
            "remove d, remove e, remove f",
        ),
        (
            "a: 0, b: 0",
            "i a: 0, i b: 0, i c: 0, i d: 0, i e: 0",
            "held c d e",
        ),
        // Everything else goes on, also the removal of versions waits.
        (
            "a: 1, x: 0",
            "i a: 0 1, i c: 0, i d: 0, i e: 0",
            "import x/0, held a c d e",
        ),
        // Local applications do not count.
        (
            "",
            "l x: 0, l y: 0, l z: 0, l u: 0, i a: 0, i b: 0, i c: 0",
            "held a b c",
        ),
    ];
    for (registry, here, expected) in table {
        assert_eq!(
            steps(&plan(registry, here)),
            expected,
            "registry {registry:?}, here {here:?}"
        );
    }
}

#[test]
fn what_is_held_stays_held_until_it_is_there_again() {
    let here = "i a: 0, i b: 0, i c: 0, i d: 0, i e: 0";
    let emptied = plan("", here);
    assert_eq!(steps(&emptied), "held a b c d e");
    let policy = PullPolicy {
        held_before: emptied.held,
        ..policy()
    };
    let next =
        |registry: &str| plan_pull(&listing(registry), &local(here), Some(&known(1)), &policy);
    // The registry recovers piece by piece: the last pieces are no more than half, and no less held.
    let recovering = next("a: 0, b: 0, c: 0");
    assert_eq!(steps(&recovering), "held d e");
    let recovered = next("a: 0, b: 0, c: 0, d: 0, e: 0");
    assert_eq!((steps(&recovered).as_str(), recovered.held), ("", None));
}

/// What the registry has: its id, its revision, its applications.
type Shown = (&'static str, u64, &'static str);

/// The plan after somebody has confirmed what another one holds, both with revision 4 known.
fn confirmed(held: (Shown, &str), now: (Shown, &str)) -> PullPlan {
    let plan = |((id, revision, applications), here): (Shown, &str), policy: &PullPolicy| {
        let mut registry = listing(applications);
        registry.registry_id = id.parse().unwrap();
        registry.revision = aar_types::Revision(revision);
        plan_pull(&registry, &local(here), Some(&known(4)), policy)
    };
    let held = plan(held, &policy()).held;
    let policy = PullPolicy {
        confirmed: held.iter().cloned().collect(),
        held_before: held,
        ..policy()
    };
    plan(now, &policy)
}

#[test]
fn a_confirmation_lets_go_of_everything_that_is_held() {
    let here = "i a: 0, i b: 0, i c: 0, i d: 0";
    for (id, revision) in [("home", 5), ("other", 5), ("home", 1)] {
        let looked = ((id, revision, "a[t]: 0"), here);
        let plan = confirmed(looked, looked);
        let expected = "update a, remove b, remove c, remove d";
        assert_eq!(steps(&plan), expected, "{id} {revision}");
        assert_eq!(plan.held, None, "{id} {revision}");
    }
}

#[test]
fn a_confirmation_lets_go_of_nothing_beyond_what_was_held() {
    let held = (("home", 5, ""), "i a: 0, i b: 0, i c: 0");
    let six = "i a: 0, i b: 0, i c: 0, i d: 0, i e: 0, i f: 0";
    let table = [
        // What is left has a brake of its own: three of three are too many, one of three is not.
        (
            ("home", 6, ""),
            six,
            "remove a, remove b, remove c, held d e f",
        ),
        (
            ("home", 6, "d: 0, e: 0"),
            six,
            "remove a, remove b, remove c, remove f",
        ),
        // It was about how many would go, and not about whose word is taken.
        (("other", 6, ""), held.1, "held a b c"),
        (("home", 3, ""), held.1, "held a b c"),
    ];
    for (registry, here, expected) in table {
        let plan = confirmed(held, (registry, here));
        assert_eq!(steps(&plan), expected, "{registry:?}, here {here:?}");
    }
}

#[test]
fn a_confirmation_lets_one_registry_take_the_place_of_another_and_no_third_one() {
    let held = (("other", 5, "a: 0"), "i a: 0, i b: 0");
    let more = "i a: 0, i b: 0, i c: 0";
    let table = [
        // What it would remove beyond that is in doubt as before.
        (("other", 6, "a[t]: 0"), more, "update a, remove b, held c"),
        (("third", 6, "a[t]: 0"), more, "held b c"),
        (("home", 3, "a[t]: 0"), more, "update a, held b c"),
    ];
    for (registry, here, expected) in table {
        let plan = confirmed(held, (registry, here));
        assert_eq!(steps(&plan), expected, "{registry:?}, here {here:?}");
    }
}

#[test]
fn an_older_catalogue_that_was_confirmed_may_have_grown_since() {
    let held = (("home", 2, "a: 0"), "i a: 0, i b: 0");
    let plan = confirmed(held, (("home", 3, "a: 0, n: 0"), held.1));
    assert_eq!(steps(&plan), "import n/0, remove b");
}

#[test]
fn another_registry_has_no_say_in_what_is_here() {
    let mut registry = listing("a[t]: 0 1, b: 0x, n: 0, g: 0w");
    registry.registry_id = "other".parse::<RegistryId>().unwrap();
    let here = local("i a: 0, i b: 0, i c: 0, i g: 0");
    let plan = plan_pull(&registry, &here, Some(&known(1)), &policy());
    assert_eq!(steps(&plan), "import n/0, conflict b/0, held c");
    assert!(matches!(
        plan.held.unwrap().reason,
        HeldReason::OtherRegistry { .. }
    ));

    let nothing_imported = local("l c: 0");
    let plan = plan_pull(&registry, &nothing_imported, Some(&known(1)), &policy());
    assert_eq!(plan.held, None);
}

#[test]
fn another_registry_is_reported_also_when_nothing_would_go() {
    let mut registry = listing("a: 0");
    registry.registry_id = "other".parse::<RegistryId>().unwrap();
    let plan = plan_pull(&registry, &local("i a: 0"), Some(&known(1)), &policy());
    assert_eq!(plan.held.unwrap().applications, []);
}

#[test]
fn a_catalogue_that_went_back_in_time_removes_nothing() {
    let here = local("i a: 0 1, i b: 0");
    let plan = plan_pull(&listing("a[t]: 0 2"), &here, Some(&known(9)), &policy());
    assert_eq!(steps(&plan), "update a, import a/2, held a b");
    let reason = plan.held.unwrap().reason.to_string();
    assert!(reason.contains('9'), "{reason}");
    let plan = plan_pull(&listing("a: 0 1, b: 0"), &here, Some(&known(9)), &policy());
    assert_eq!(steps(&plan), "");
}

#[test]
fn the_phases_are_cut_at_the_imports() {
    let plan = plan("a: 0w 1, b[t]: 0", "i a: 0, i b: 0");
    let [before, imports, after] = plan.phases();
    assert!(matches!(before, [PullAction::UpdateMetadata { .. }]));
    assert!(matches!(imports, [PullAction::Import { .. }]));
    assert!(matches!(after, [PullAction::SetPublished { .. }, last] if last.is_removal()));
}
