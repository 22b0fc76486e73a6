use aar_cli::Printer;
use ams_api::{
    ApplicationSync, Conflict, HeldRemovals, RegistryStatus, Round, RoundCounts, RoundFailure,
    RoundOutcome, Transfer, TransferDirection,
};

use super::*;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn busy() -> RegistryStatus {
    RegistryStatus {
        mode: "pull".to_owned(),
        url: "https://192.168.178.45:3000".to_owned(),
        registry_id: Some("cv3a7ofg2e7td2g9smt0".to_owned()),
        revision: Some(42),
        seen_at: Some(time("2026-03-01T11:59:10Z")),
        running: true,
        change_feed: "listening".to_owned(),
        clock_skew_seconds: Some(-90),
        last_round: Some(Round {
            started_at: time("2026-03-01T11:59:00Z"),
            finished_at: time("2026-03-01T11:59:18Z"),
            outcome: RoundOutcome::Incomplete,
            error: String::new(),
            counts: RoundCounts {
                imported: 2,
                removed: 1,
                ..RoundCounts::default()
            },
            failures: vec![
                RoundFailure {
                    application: "chess".to_owned(),
                    version: Some(1),
                    error: "no space left on device".to_owned(),
                },
                RoundFailure {
                    application: "nosuch".to_owned(),
                    version: None,
                    error: "the registry has no application nosuch for amd64".to_owned(),
                },
            ],
        }),
        next_round: Some(time("2026-03-01T12:58:20Z")),
        held: Some(HeldRemovals {
            reason: "3 of 4 imported applications would be removed at once".to_owned(),
            applications: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
        }),
        conflicts: vec![Conflict {
            application: "candy".to_owned(),
            version: Some(2),
            reason: "it has another content here".to_owned(),
        }],
        applications: vec![
            ApplicationSync {
                name: "candy".to_owned(),
                state: "conflict".to_owned(),
                error: String::new(),
            },
            ApplicationSync {
                name: "chess".to_owned(),
                state: "failed".to_owned(),
                error: "no space left on device".to_owned(),
            },
        ],
        transfers: vec![Transfer {
            application: "go".to_owned(),
            version: 7,
            direction: TransferDirection::Pull,
            bytes: 300 << 20,
            total: 1 << 30,
            bytes_per_second: 110 << 20,
        }],
        ..RegistryStatus::default()
    }
}

fn printed(status: RegistryStatus) -> String {
    let (printer, captured) = Printer::captured();
    print(&printer, status, time("2026-03-01T12:00:00Z")).unwrap();
    captured.stdout()
}

#[test]
fn status_of_a_busy_ams_shows_every_fact() {
    insta::assert_snapshot!(printed(busy()), @"
    mode:         pull
    registry:     https://192.168.178.45:3000 (id cv3a7ofg2e7td2g9smt0, revision 42)
    last round:   incomplete 42s ago: 2 imported, 1 removed; another round is running
    failed:       nosuch: the registry has no application nosuch for amd64
    next round:   in 58m20s
    change feed:  listening
    clock:        the registry is 1m30s behind this machine
    removal held: 3 of 4 imported applications would be removed at once
                  a
                  b
                  c
                  to carry it out once: amc registry pull --confirm-removals
    conflict:     candy version 2: it has another content here
    +-------------+----------+-------------------------+
    | APPLICATION |   STATE  |          ERROR          |
    +-------------+----------+-------------------------+
    | candy       | conflict |                         |
    +-------------+----------+-------------------------+
    | chess       | failed   | no space left on device |
    +-------------+----------+-------------------------+
    +----------+-------------+---------+----------+--------+------------+
    | TRANSFER | APPLICATION | VERSION |   DONE   |  TOTAL |    SPEED   |
    +----------+-------------+---------+----------+--------+------------+
    | pull     | go          | 7       | 300.0MiB | 1.0GiB | 110.0MiB/s |
    +----------+-------------+---------+----------+--------+------------+
    ");
}

#[test]
fn long_list_of_held_removals_names_the_first_and_counts_the_rest() {
    let held = HeldRemovals {
        reason: "all would go".to_owned(),
        applications: (0..500).map(|n| format!("app-{n:03}")).collect(),
    };
    let status = RegistryStatus {
        held: Some(held),
        ..busy()
    };
    let shown = printed(status);
    let mut lines = shown
        .lines()
        .skip_while(|line| *line != "removal held: all would go");
    assert_eq!(lines.nth(1).unwrap().trim(), "app-000");
    assert_eq!(lines.nth(18).unwrap().trim(), "app-019");
    assert_eq!(lines.next().unwrap().trim(), "and 480 more");
    let how_to_confirm = "to carry it out once: amc registry pull --confirm-removals";
    assert_eq!(lines.next().unwrap().trim(), how_to_confirm);
    assert!(lines.next().unwrap().starts_with("conflict:"));
}

#[test]
fn status_without_a_registry_says_so() {
    let status = RegistryStatus {
        mode: "manual".to_owned(),
        ..RegistryStatus::default()
    };
    insta::assert_snapshot!(printed(status), @"
    mode:         manual
    registry:     not configured
    last round:   none yet
    next round:   not scheduled
    ");
}

#[test]
fn failed_round_shows_its_error_and_a_done_round_its_counts() {
    let last = |outcome, error: &str| Round {
        outcome,
        error: error.to_owned(),
        counts: RoundCounts::default(),
        failures: Vec::new(),
        ..busy().last_round.unwrap()
    };
    let rounds_shown = |round| {
        let shown = printed(RegistryStatus {
            last_round: Some(round),
            next_round: None,
            ..busy()
        });
        let rounds = shown.lines().filter(|line| line.contains(" round:"));
        rounds.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(rounds_shown(last(RoundOutcome::Failed, "no connection")), @"
    last round:   failed 42s ago (no connection); another round is running
    next round:   after the current round
    ");
    insta::assert_snapshot!(rounds_shown(last(RoundOutcome::Done, "")), @"
    last round:   done 42s ago: nothing to do; another round is running
    next round:   after the current round
    ");
}

#[test]
fn states_without_an_answer_of_the_registry_show_their_age() {
    let states = |seen_at| {
        let shown = printed(RegistryStatus {
            seen_at,
            last_round: Some(Round {
                outcome: RoundOutcome::Failed,
                ..busy().last_round.unwrap()
            }),
            ..busy()
        });
        let states = shown.lines().find(|line| line.starts_with("states:"));
        states.unwrap().to_owned()
    };
    let seen = states(Some(time("2026-03-01T11:59:10Z")));
    let expected = "states:       as of 50s ago, when the registry last answered";
    assert_eq!(seen, expected);
    let expected = "states:       without the registry, which has not answered yet";
    assert_eq!(states(None), expected);
    assert!(!printed(busy()).contains("states:"));
}

#[test]
fn broken_change_feed_shows_its_error() {
    let status = RegistryStatus {
        change_feed: "broken".to_owned(),
        change_feed_error: Some("connection refused".to_owned()),
        ..busy()
    };
    let line = "change feed:  broken (connection refused)\n";
    assert!(printed(status).contains(line));
}

#[test]
fn status_is_printed_as_yaml_and_json() {
    let (printer, captured) = Printer::captured();
    printer.document(DocumentFormat::Yaml, &busy()).unwrap();
    printer.document(DocumentFormat::Json, &busy()).unwrap();
    insta::assert_snapshot!("status_documents", captured.stdout());
}
