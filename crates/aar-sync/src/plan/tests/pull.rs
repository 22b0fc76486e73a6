use aar_types::{Architecture, RegistryId, Revision};

use super::{
    super::pull::{PullPolicy, plan_pull},
    *,
};
use crate::{held::HoldReason, local_catalogue::KnownRegistry};

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
        revision: Revision(revision),
        held: None,
    }
}

fn plan(registry: &str, here: &str) -> Plan {
    plan_pull(&listing(registry), &local(here), Some(&known(1)), &policy())
}

#[test]
fn pull_rule_leads_to_its_steps() {
    let table = [
        // New versions are imported, the newest first.
        ("a: 0 1", "", "import a/1, import a/0"),
        // Withdrawn versions are not.
        ("a: 0w 1", "", "import a/1"),
        ("a: 0w", "", ""),
        // Unchanged versions stay.
        ("a: 0 1", "i a: 0 1", ""),
        // A local version that is not usable is imported again.
        ("a: 0", "i a: 0!", "import a/0"),
        // Withdrawn, and published again.
        ("a: 0 1w", "i a: 0 1", "withdraw a/1"),
        ("a: 0 1", "i a: 0 1w", "publish a/1"),
        // If all are withdrawn, they stay.
        ("a: 0w 1w", "i a: 0 1", "withdraw a/0, withdraw a/1"),
        ("a: 0w 1w", "i a: 0w 1w", ""),
        // A withdrawn version that is older than every published one is removed.
        ("a: 0w 1", "i a: 0w 1", "remove a/0"),
        ("a: 0w 1", "i a: 0 1", "withdraw a/0, remove a/0"),
        ("a: 0 1w 2", "i a: 0 1w 2", ""),
        // A deleted version is removed once its successor is imported.
        ("a: 1", "i a: 0 1", "remove a/0"),
        ("a: 1", "i a: 0", "import a/1, remove a/0"),
        // A withdrawal waits for the import if nothing else is usable.
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
        // An application that is deleted, or has no local version left, is removed last.
        ("", "i a: 0", "remove a"),
        ("b: 0", "i a: 0", "import b/0, remove a"),
        ("a: 1w", "i a: 0", "remove a"),
        ("a: 1w", "i a:", "remove a"),
        // Other architectures do not count.
        ("a@arm64: 0", "", ""),
        ("a@arm64: 0", "i a: 0", "remove a"),
        // Local applications are never changed.
        ("a: 0 1", "l a: 0", "conflict a"),
        ("", "l a: 0", ""),
        ("a: 0w", "l a: 0", ""),
        // The same number with other content.
        ("a: 0x 1", "i a: 0", "import a/1, conflict a/0"),
        ("a: 0xw 1", "i a: 0 1", "conflict a/0"),
    ];
    for (registry, here, expected) in table {
        assert_eq!(
            words(&plan(registry, here)),
            expected,
            "registry {registry:?}, local {here:?}"
        );
    }
}

#[test]
fn filter_matches_applications_with_any_of_its_tags() {
    let table = [
        (
            "a[x]: 0, b[y z]: 0, c: 0, d[w]: 0",
            "",
            "import a/0, import b/0",
        ),
        // An application that no longer matches is removed.
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
            words(&plan),
            expected,
            "registry {registry:?}, local {here:?}"
        );
    }
}

#[test]
fn removals_of_more_than_half_and_more_than_two_are_held() {
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
        // All other steps are applied; the removal of versions is held, too.
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
            words(&plan(registry, here)),
            expected,
            "registry {registry:?}, local {here:?}"
        );
    }
}

#[test]
fn held_removal_stays_held_until_the_registry_has_the_application_again() {
    let here = "i a: 0, i b: 0, i c: 0, i d: 0, i e: 0";
    let emptied = plan("", here);
    assert_eq!(words(&emptied), "held a b c d e");
    let policy = PullPolicy {
        held_before: emptied.held,
        ..policy()
    };
    let next =
        |registry: &str| plan_pull(&listing(registry), &local(here), Some(&known(1)), &policy);
    // The registry recovers piece by piece: the last pieces are less than half, and still held.
    let recovering = next("a: 0, b: 0, c: 0");
    assert_eq!(words(&recovering), "held d e");
    let recovered = next("a: 0, b: 0, c: 0, d: 0, e: 0");
    assert_eq!((words(&recovered).as_str(), recovered.held), ("", None));
}

/// A catalogue: the id of the registry, the revision, the applications.
type Catalogue = (&'static str, u64, &'static str);

/// The second plan, after a confirmation of what the first one holds, both with revision 4 known.
fn confirmed(held: (Catalogue, &str), now: (Catalogue, &str)) -> Plan {
    let plan = |((id, revision, applications), here): (Catalogue, &str), policy: &PullPolicy| {
        let mut registry = listing(applications);
        registry.registry_id = id.parse().unwrap();
        registry.revision = Revision(revision);
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
fn confirmation_allows_all_held_removals() {
    let here = "i a: 0, i b: 0, i c: 0, i d: 0";
    for (id, revision) in [("home", 5), ("other", 5), ("home", 1)] {
        let looked = ((id, revision, "a[t]: 0"), here);
        let plan = confirmed(looked, looked);
        let expected = "update a, remove b, remove c, remove d";
        assert_eq!(words(&plan), expected, "{id} {revision}");
        assert_eq!(plan.held, None, "{id} {revision}");
    }
}

#[test]
fn confirmation_allows_no_removal_that_was_not_held() {
    let held = (("home", 5, ""), "i a: 0, i b: 0, i c: 0");
    let six = "i a: 0, i b: 0, i c: 0, i d: 0, i e: 0, i f: 0";
    let table = [
        // The guard applies again to the others: three of three are too many, one of three is not.
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
        // The confirmation was about the number of removals, not about the registry.
        (("other", 6, ""), held.1, "held a b c"),
        (("home", 3, ""), held.1, "held a b c"),
    ];
    for (registry, here, expected) in table {
        let plan = confirmed(held, (registry, here));
        assert_eq!(words(&plan), expected, "{registry:?}, local {here:?}");
    }
}

#[test]
fn confirmation_of_another_registry_does_not_cover_a_third_one() {
    let held = (("other", 5, "a: 0"), "i a: 0, i b: 0");
    let more = "i a: 0, i b: 0, i c: 0";
    let table = [
        // Other removals are in doubt as before.
        (("other", 6, "a[t]: 0"), more, "update a, remove b, held c"),
        (("third", 6, "a[t]: 0"), more, "held b c"),
        (("home", 3, "a[t]: 0"), more, "update a, held b c"),
    ];
    for (registry, here, expected) in table {
        let plan = confirmed(held, (registry, here));
        assert_eq!(words(&plan), expected, "{registry:?}, local {here:?}");
    }
}

#[test]
fn confirmation_of_an_older_catalogue_holds_after_it_has_grown() {
    let held = (("home", 2, "a: 0"), "i a: 0, i b: 0");
    let plan = confirmed(held, (("home", 3, "a: 0, n: 0"), held.1));
    assert_eq!(words(&plan), "import n/0, remove b");
}

#[test]
fn another_registry_changes_no_imported_application() {
    let mut registry = listing("a[t]: 0 1, b: 0x, n: 0, g: 0w");
    registry.registry_id = "other".parse::<RegistryId>().unwrap();
    let here = local("i a: 0, i b: 0, i c: 0, i g: 0");
    let plan = plan_pull(&registry, &here, Some(&known(1)), &policy());
    assert_eq!(words(&plan), "import n/0, conflict b/0, held c");
    assert!(matches!(
        plan.held.unwrap().reason,
        HoldReason::OtherRegistry { .. }
    ));

    let nothing_imported = local("l c: 0");
    let plan = plan_pull(&registry, &nothing_imported, Some(&known(1)), &policy());
    assert_eq!(plan.held, None);
}

#[test]
fn another_registry_is_reported_if_nothing_would_be_removed() {
    let mut registry = listing("a: 0");
    registry.registry_id = "other".parse::<RegistryId>().unwrap();
    let plan = plan_pull(&registry, &local("i a: 0"), Some(&known(1)), &policy());
    assert_eq!(plan.held.unwrap().applications, []);
}

#[test]
fn older_catalogue_removes_nothing() {
    let here = local("i a: 0 1, i b: 0");
    let plan = plan_pull(&listing("a[t]: 0 2"), &here, Some(&known(9)), &policy());
    assert_eq!(words(&plan), "update a, import a/2, held a b");
    let reason = plan.held.unwrap().reason.to_string();
    assert!(reason.contains('9'), "{reason}");
    let plan = plan_pull(&listing("a: 0 1, b: 0"), &here, Some(&known(9)), &policy());
    assert_eq!(words(&plan), "");
}

#[test]
fn plan_has_its_steps_in_phases_around_the_imports() {
    let plan = plan("a: 0w 1, b[t]: 0", "i a: 0, i b: 0");
    let actions = |steps: &[Step]| steps.iter().map(|it| it.action.clone()).collect::<Vec<_>>();
    assert!(matches!(
        actions(&plan.before)[..],
        [Action::UpdateMetadata(_)]
    ));
    assert!(matches!(
        actions(&plan.transfers)[..],
        [Action::Import { .. }]
    ));
    assert!(matches!(
        actions(&plan.after)[..],
        [Action::SetPublished(_, false)]
    ));
    assert!(matches!(
        actions(&plan.removals)[..],
        [Action::RemoveVersion(_)]
    ));
}
