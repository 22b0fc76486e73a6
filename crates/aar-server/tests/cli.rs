//! Runs of the command line: exit code, standard output, standard error.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{ffi::OsString, path::Path};

use aar_cli::Printer;
use aar_registry::Registry;
use aar_server::{cli, config::Config};
use aar_tls::{Identity, NewIdentity};
use aar_types::Clock;
use tempfile::TempDir;

/// A base folder that no service runs on.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn certificate(&self, name: &str) -> String {
        self.file(name, &identity().certificate().to_pem())
    }

    /// Makes the registry that the first start would make.
    fn create(&self) {
        let config = Config::of_base(self.path()).unwrap();
        let created = Registry::open(config.registry(Clock::system()));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { created.await.unwrap().close().await });
    }

    /// A whole run, as text.
    fn aar(&self, arguments: &[&str]) -> String {
        let mut line: Vec<OsString> = vec!["aar".into()];
        line.extend(arguments.iter().map(OsString::from));
        line.extend(["--base-dir".into(), self.path().into()]);
        let (printer, captured) = Printer::captured();
        let exit = cli::run(&printer, line);
        let (stdout, stderr) = (captured.stdout(), captured.stderr());
        let shown = |stream: &str, text: &str| match text {
            "" => String::new(),
            text => format!("--- {stream}\n{text}"),
        };
        let exit = format!("$ aar {}\nexit {}\n", arguments.join(" "), exit as u8);
        let run = exit + &shown("stdout", &stdout) + &shown("stderr", &stderr);
        run.replace(&*self.path().to_string_lossy(), "[base]")
    }

    fn runs(&self, lines: &[&[&str]]) -> String {
        let runs = lines.iter().map(|line| self.aar(line));
        runs.collect::<Vec<_>>().join("\n")
    }
}

fn identity() -> Identity {
    let now = Clock::system().now();
    let new = NewIdentity {
        common_name: "ams0".to_owned(),
        hosts: vec![],
        not_before: now,
        not_after: now + std::time::Duration::from_hours(1),
    };
    Identity::generate(&new).unwrap()
}

macro_rules! assert_runs {
    ($runs:expr) => {
        insta::with_settings!({ filters => vec![
            (r"[0-9a-f]{64}", "[fingerprint]"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
            (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[uuid]"),
            (r"\d+\.\d[KMGT]iB *", "[size] "),
        ] }, {
            insta::assert_snapshot!($runs);
        })
    };
}

#[test]
fn certificates_are_added_listed_removed_and_added_again() {
    let site = Site::new();
    let client = site.certificate("client.crt");
    let publisher = site.certificate("publisher.crt");
    let fingerprint = fingerprint(&client);
    assert_runs!(site.runs(&[
        &["trust", "add", &client],
        &["trust", "add", &client],
        &["trust", "add", "--publisher", "--quiet", &publisher],
        &["trust", "list"],
        &["trust", "ls", "--format", "csv"],
        &["trust", "list", "--format", "json"],
        &["trust", "list", "--format", "yaml"],
        &["trust", "remove", &fingerprint],
        &["trust", "remove", &fingerprint],
        &["trust", "add", "-p", &client],
        &["trust", "add", &client],
    ]));
}

#[test]
fn a_duplicate_certificate_with_the_same_role_succeeds_and_says_so() {
    let site = Site::new();
    let client = site.certificate("client.crt");
    site.aar(&["trust", "add", &client]);
    let again = site.aar(&["trust", "add", &client]);
    assert!(
        again.contains("exit 0") && again.contains("already"),
        "{again}"
    );
}

#[test]
fn revoking_asks_first_and_is_for_ever() {
    let site = Site::new();
    let client = site.certificate("client.crt");
    let fingerprint = fingerprint(&client);
    let prefix = &fingerprint[..12];
    let runs = site.runs(&[
        &["trust", "add", &client],
        &["trust", "revoke", prefix],
        &["trust", "list", "--revoked"],
        &["trust", "revoke", prefix, "--yes"],
        &["trust", "revoke", prefix, "-y"],
        &["trust", "list", "--format", "json"],
        &["trust", "list", "--format", "json", "--revoked"],
        &["trust", "add", &client],
    ]);
    assert_runs!(
        runs.replace(prefix, "[prefix]")
            .replace(&fingerprint[12..], "")
    );
}

#[test]
fn a_prefix_must_stand_for_one_certificate() {
    let site = Site::new();
    let seventeen: Vec<_> = (0..17)
        .map(|n| site.certificate(&format!("{n}.crt")))
        .collect();
    for file in &seventeen {
        site.aar(&["trust", "add", file]);
    }
    let mut digits = seventeen
        .iter()
        .map(|file| fingerprint(file)[..1].to_owned())
        .collect::<Vec<_>>();
    digits.sort();
    let twice = digits.windows(2).find(|pair| pair[0] == pair[1]).unwrap()[0].clone();
    let refusal = site.aar(&["trust", "remove", &twice]);
    assert!(
        refusal.contains("exit 1") && refusal.contains("several fingerprints"),
        "{refusal}"
    );
}

#[test]
fn what_is_no_certificate_is_refused_by_name() {
    let site = Site::new();
    site.create();
    let key = site.file("client.key", identity().key_pem());
    let two = identity().certificate().to_pem().repeat(2);
    let bundle = site.file("bundle.crt", &two);
    let garbage = site.file("garbage", "hello");
    let empty = site.file("empty", "");
    assert_runs!(site.runs(&[
        &["trust", "add", &key],
        &["trust", "add", &bundle],
        &["trust", "add", &garbage],
        &["trust", "add", &empty],
        &["trust", "add", "/nowhere/client.crt"],
        &["trust", "remove", "xyz"],
        &["trust", "remove", "00"],
    ]));
}

/// The commands that look at a registry, or change what is in it.
const OF_A_REGISTRY: &[&[&str]] = &[
    &["status"],
    &["trust", "list"],
    &["trust", "list", "--format", "json"],
    &["trust", "remove", "00"],
    &["trust", "revoke", "-y", "00"],
    &["application", "list"],
    &["application", "show", "game"],
    &["application", "delete", "-y", "game"],
    &["audit"],
    &["gc"],
    &["gc", "--dry-run"],
    &["storage", "verify"],
    &["storage", "migrate", "--to", "elsewhere/"],
];

#[test]
fn a_mistyped_base_folder_is_refused_by_name_and_stays_what_it_is() {
    let (absent, empty) = (Site::new(), Site::new());
    fs_err::remove_dir(absent.path()).unwrap();
    for line in OF_A_REGISTRY {
        for site in [&absent, &empty] {
            let refused = site.aar(line);
            assert!(refused.contains("\nexit 1\n"), "{refused}");
            assert!(
                refused.contains("there is no registry in [base]"),
                "{refused}"
            );
            assert!(
                refused.contains("`aar serve` and `aar trust add` create"),
                "{refused}"
            );
            assert!(!refused.contains("--- stdout"), "{refused}");
        }
        assert!(!absent.path().exists(), "{line:?}");
        assert_eq!(
            fs_err::read_dir(empty.path()).unwrap().count(),
            0,
            "{line:?}"
        );
    }
}

#[test]
fn nothing_is_rebuilt_from_a_folder_without_a_registry_and_nothing_is_created() {
    let (absent, empty) = (Site::new(), Site::new());
    fs_err::remove_dir(absent.path()).unwrap();
    for site in [&absent, &empty] {
        let refused = site.aar(&["storage", "rebuild"]);
        assert!(refused.contains("\nexit 1\n"), "{refused}");
        let said = "the folder [base]/data has no registry.json to rebuild from; \
                    is the right volume mounted";
        assert!(refused.contains(said), "{refused}");
    }
    assert!(!absent.path().exists());
    assert_eq!(fs_err::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn who_is_trusted_before_the_first_start_is_trusted_by_the_registry_that_comes() {
    let (site, elsewhere) = (Site::new(), Site::new());
    fs_err::remove_dir(site.path()).unwrap();
    let client = elsewhere.certificate("client.crt");
    assert!(site.aar(&["trust", "add", &client]).contains("\nexit 0\n"));
    let listed = site.aar(&["trust", "list"]);
    assert!(listed.contains(&fingerprint(&client)), "{listed}");
}

#[test]
fn trust_is_withdrawn_also_while_the_storage_cannot_be_used() {
    let site = Site::new();
    let names = ["removed.crt", "revoked.crt"];
    let [removed, revoked] = names.map(|name| site.certificate(name));
    for one in [&removed, &revoked] {
        site.aar(&["trust", "add", one]);
    }
    let data = site.path().join("data");
    fs_err::rename(&data, site.path().join("away")).unwrap();
    fs_err::write(&data, "in the way").unwrap();
    assert!(
        site.aar(&["trust", "list"])
            .contains(&fingerprint(&removed))
    );
    for line in [
        &["trust", "remove", &fingerprint(&removed)][..],
        &["trust", "revoke", "-y", &fingerprint(&revoked)],
    ] {
        let done = site.aar(line);
        assert!(done.contains("\nexit 0\n"), "{done}");
        assert!(done.contains("the storage cannot be used"), "{done}");
    }
    // To trust somebody takes the storage.
    let refused = site.aar(&["trust", "add", &removed]);
    assert!(refused.contains("\nexit 1\n"), "{refused}");
    let listed = site.aar(&["trust", "list", "--format", "json"]);
    assert!(listed.contains("[]"), "{listed}");
    let listed = site.aar(&["trust", "list", "--revoked"]);
    assert!(listed.contains(&fingerprint(&revoked)), "{listed}");
}

#[test]
fn trust_is_withdrawn_also_while_the_folder_of_the_images_hangs() {
    let site = Site::new();
    let client = site.certificate("client.crt");
    site.aar(&["trust", "add", &client]);
    let mark = site.path().join("data/registry.json");
    fs_err::rename(&mark, site.path().join("away.json")).unwrap();
    // Whoever opens it waits for somebody who writes.
    let made = std::process::Command::new("mkfifo").arg(&mark).status();
    assert!(made.unwrap().success());
    let done = site.aar(&["trust", "revoke", "-y", &fingerprint(&client)]);
    assert!(done.contains("\nexit 0\n"), "{done}");
    assert!(done.contains("does not answer within 15 seconds"), "{done}");
    let listed = site.aar(&["trust", "list", "--revoked"]);
    assert!(listed.contains(&fingerprint(&client)), "{listed}");
}

#[test]
fn an_empty_registry_is_shown() {
    let site = Site::new();
    site.create();
    assert_runs!(site.runs(&[
        &["application", "list"],
        &["application", "ls", "--format", "json"],
        &["application", "show", "game"],
        &["application", "show", "no name"],
        &["application", "delete", "game"],
        &[
            "application",
            "delete",
            "game",
            "-y",
            "--architecture",
            "arm64"
        ],
        &["status"],
        &["audit"],
        &["gc", "--dry-run"],
        &["gc"],
        &["storage", "verify"],
    ]));
}

#[test]
fn the_audit_log_tells_who_did_what() {
    let site = Site::new();
    let client = site.certificate("client.crt");
    site.aar(&["trust", "add", &client]);
    let all = site.aar(&["audit", "--format", "json"]);
    assert!(
        all.contains("trust") && all.contains(&fingerprint(&client)),
        "{all}"
    );
    let none = site.aar(&[
        "audit",
        "--since",
        "2099-01-01T00:00:00Z",
        "--format",
        "json",
    ]);
    assert!(none.contains("[]"), "{none}");
}

#[test]
fn a_lost_database_is_rebuilt_from_storage_with_trust_and_revocations() {
    let site = Site::new();
    let (client, revoked) = (
        site.certificate("client.crt"),
        site.certificate("revoked.crt"),
    );
    site.aar(&["trust", "add", "-p", &client]);
    site.aar(&["trust", "add", &revoked]);
    site.aar(&["trust", "revoke", "-y", &fingerprint(&revoked)]);
    let early = site.aar(&["storage", "rebuild"]);
    assert!(early.contains("not empty"), "{early}");
    for suffix in ["", "-wal", "-shm"] {
        let file = site.path().join(format!("registry.sqlite{suffix}"));
        assert!(fs_err::remove_file(file).is_ok() || !suffix.is_empty());
    }
    let lost = site.aar(&["trust", "list"]);
    assert!(lost.contains("aar storage rebuild"), "{lost}");
    assert_runs!(site.runs(&[
        &["storage", "rebuild"],
        &["trust", "list", "--format", "csv"],
        &["trust", "list", "--format", "csv", "--revoked"],
        &["trust", "add", &revoked],
    ]));
}

#[test]
fn a_damaged_database_is_named_with_what_to_do_about_it() {
    let site = Site::new();
    let client = site.certificate("client.crt");
    site.aar(&["trust", "add", &client]);
    let database = site.path().join("registry.sqlite");
    let sound = fs_err::read(&database).unwrap();
    // The first page has the schema, the others the tables.
    let mut malformed = sound.clone();
    malformed[4096..].fill(0xff);
    for (content, says) in [
        (vec![b'x'; sound.len()], "file is not a database"),
        (malformed, "database disk image is malformed"),
    ] {
        fs_err::write(&database, content).unwrap();
        for line in [&["trust", "list"][..], &["storage", "rebuild"]] {
            let refused = site.aar(line);
            assert!(refused.contains("\nexit 1\n"), "{refused}");
            let damaged = "the database [base]/registry.sqlite is damaged; move it away";
            assert!(refused.contains(damaged), "{refused}");
            assert!(refused.contains("run `aar storage rebuild`"), "{refused}");
            assert_eq!(refused.matches(says).count(), 1, "{refused}");
        }
    }
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs_err::remove_file(site.path().join(format!("registry.sqlite{suffix}")));
    }
    let rebuilt = site.aar(&["storage", "rebuild"]);
    assert!(rebuilt.contains("\nexit 0\n"), "{rebuilt}");
}

#[test]
fn a_move_that_was_cut_short_before_the_configuration_was_written_is_finished_by_the_next_run() {
    let (site, elsewhere) = (Site::new(), Site::new());
    site.create();
    let config = Config::path(site.path());
    let to = elsewhere.path().join("images");
    let to = to.to_str().unwrap();
    let migrate = &["storage", "migrate", "--to", to][..];
    assert!(site.aar(migrate).contains("\nexit 0\n"));
    // What the file was before.
    fs_err::remove_file(&config).unwrap();
    let refused = site.aar(&["status"]);
    assert!(
        refused.contains("has moved to another storage"),
        "{refused}"
    );
    let third = elsewhere.path().join("third");
    let refused = site.aar(&["storage", "migrate", "--to", third.to_str().unwrap()]);
    assert!(
        refused.contains("has moved to another storage"),
        "{refused}"
    );
    assert!(!config.exists());

    let again = site.aar(migrate);
    assert!(again.contains("\nexit 0\n"), "{again}");
    assert!(again.contains("already_there: true"), "{again}");
    assert!(fs_err::read_to_string(&config).unwrap().contains(to));
    assert!(site.aar(&["storage", "verify"]).contains("\nexit 0\n"));
}

#[test]
fn a_slip_in_the_name_of_the_new_configuration_moves_nothing() {
    let site = Site::new();
    site.create();
    let typo = site.path().join("new.yaml");
    for to in [typo.to_str().unwrap(), "elsewhere"] {
        let refused = site.aar(&["storage", "migrate", "--to", to]);
        assert!(refused.contains("\nexit 1\n"), "{refused}");
        assert!(
            refused.contains("there is no file and no folder"),
            "{refused}"
        );
    }
    assert!(!typo.exists());
    assert!(site.aar(&["status"]).contains("\nexit 0\n"));
}

#[test]
fn a_move_keeps_the_configuration_as_it_was_and_says_where() {
    let site = Site::new();
    let config = Config::path(site.path());
    let before = "# the only copy\nstorage:\n  fs:\n    root-directory: first\n";
    fs_err::create_dir_all(config.parent().unwrap()).unwrap();
    fs_err::write(&config, before).unwrap();
    site.create();
    let to = site.path().join("second/");
    let moved = site.aar(&["storage", "migrate", "--to", to.to_str().unwrap()]);
    assert!(moved.contains("\nexit 0\n"), "{moved}");
    let kept = "the configuration is kept as it was in [base]/conf/main.yaml.old";
    assert!(moved.contains(kept), "{moved}");
    let kept = fs_err::read_to_string(site.path().join("conf/main.yaml.old")).unwrap();
    assert_eq!(kept, before);
}

#[test]
fn the_configuration_is_checked_and_shown() {
    let site = Site::new();
    let s3 = site.file("s3.yaml", "storage:\n  s3:\n    region: r\n    bucket: b\n    access-key: k\n    secret-access-key: topsecret\n");
    let wrong = site.file("wrong.yaml", "http:\n  adr: x\n");
    let runs = site.runs(&[
        &["check-config"],
        &["check-config", &s3],
        &["check-config", &wrong],
        &["check-config", "/nowhere/main.yaml"],
    ]);
    assert!(!runs.contains("topsecret"), "{runs}");
    assert_runs!(runs);
    site.file("conf/main.yaml", "htp: {}\n");
    let refused = site.runs(&[&["serve"], &["check-config"], &["trust", "list"]]);
    assert_runs!(refused);
    assert!(Config::path(site.path()).exists());
}

#[test]
fn usage_is_explained() {
    let site = Site::new();
    assert_runs!(site.runs(&[
        &["--help"],
        &["trust", "--help"],
        &["trust", "add", "--help"],
        &["trust", "frobnicate"],
        &["trust", "list", "--format", "xml"],
        &["audit", "--since", "yesterday"],
    ]));
    for flag in ["-v", "--version"] {
        let version = site.aar(&[flag]);
        assert!(
            version.contains(concat!("aar ", env!("CARGO_PKG_VERSION"))),
            "{version}"
        );
    }
}

#[test]
fn every_shell_gets_completion() {
    let site = Site::new();
    for shell in ["bash", "fish", "powershell", "zsh"] {
        for line in [
            &["completion", shell][..],
            &["completion", shell, "--no-descriptions"],
        ] {
            let run = site.aar(line);
            assert!(
                run.contains("exit 0") && run.contains("revoke"),
                "{shell}: {run}"
            );
        }
    }
}

fn fingerprint(file: &str) -> String {
    let pem = fs_err::read_to_string(file).unwrap();
    aar_tls::Certificate::from_pem(&pem)
        .unwrap()
        .fingerprint()
        .to_string()
}
