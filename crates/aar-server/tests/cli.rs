//! The command line: exit code, standard output, standard error.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{ffi::OsString, path::Path};

use aar_cli::Printer;
use aar_registry::Registry;
use aar_server::{cli, config::Config};
use aar_tls::{Identity, NewIdentity};
use aar_types::Clock;
use tempfile::TempDir;

/// A base folder without a running service.
struct BaseFolder(TempDir);

impl BaseFolder {
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

    /// Creates the registry, as the first start does.
    fn create(&self) {
        let config = Config::of_base(self.path()).unwrap();
        let created = Registry::open(config.registry(Clock::system()).unwrap());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { created.await.unwrap().close().await });
    }

    /// Runs a command and returns its result as text.
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
fn trust_commands_add_list_and_remove_certificates() {
    let base = BaseFolder::new();
    base.create();
    let client = base.certificate("client.crt");
    let publisher = base.certificate("publisher.crt");
    let fingerprint = fingerprint(&client);
    assert_runs!(base.runs(&[
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
fn trust_add_of_a_trusted_certificate_succeeds_and_reports_it() {
    let base = BaseFolder::new();
    base.create();
    let client = base.certificate("client.crt");
    base.aar(&["trust", "add", &client]);
    let again = base.aar(&["trust", "add", &client]);
    assert!(
        again.contains("exit 0") && again.contains("already"),
        "{again}"
    );
}

#[test]
fn revoke_asks_for_confirmation_and_is_permanent() {
    let base = BaseFolder::new();
    base.create();
    let client = base.certificate("client.crt");
    let fingerprint = fingerprint(&client);
    let prefix = &fingerprint[..12];
    let runs = base.runs(&[
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
fn ambiguous_fingerprint_is_refused() {
    let base = BaseFolder::new();
    base.create();
    let seventeen: Vec<_> = (0..17)
        .map(|n| base.certificate(&format!("{n}.crt")))
        .collect();
    for file in &seventeen {
        base.aar(&["trust", "add", file]);
    }
    let mut digits = seventeen
        .iter()
        .map(|file| fingerprint(file)[..1].to_owned())
        .collect::<Vec<_>>();
    digits.sort();
    let twice = digits.windows(2).find(|pair| pair[0] == pair[1]).unwrap()[0].clone();
    let refusal = base.aar(&["trust", "remove", &twice]);
    assert!(
        refusal.contains("exit 1") && refusal.contains("several fingerprints"),
        "{refusal}"
    );
}

#[test]
fn invalid_certificate_is_refused_by_name() {
    let base = BaseFolder::new();
    base.create();
    let key = base.file("client.key", identity().key_pem());
    let two = identity().certificate().to_pem().repeat(2);
    let bundle = base.file("bundle.crt", &two);
    let garbage = base.file("garbage", "hello");
    let empty = base.file("empty", "");
    assert_runs!(base.runs(&[
        &["trust", "add", &key],
        &["trust", "add", &bundle],
        &["trust", "add", &garbage],
        &["trust", "add", &empty],
        &["trust", "add", "/nowhere/client.crt"],
        &["trust", "remove", "xyz"],
        &["trust", "remove", "00"],
    ]));
}

/// The commands that need an existing registry.
const REGISTRY_COMMANDS: &[&[&str]] = &[
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
fn base_folder_without_registry_is_refused_and_not_changed() {
    let (absent, empty) = (BaseFolder::new(), BaseFolder::new());
    fs_err::remove_dir(absent.path()).unwrap();
    for line in REGISTRY_COMMANDS {
        for base in [&absent, &empty] {
            let refused = base.aar(line);
            assert!(refused.contains("\nexit 1\n"), "{refused}");
            assert!(refused.contains("[base] has no registry"), "{refused}");
            assert!(
                refused.contains("select another folder with --base-dir"),
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
fn rebuild_without_storage_is_refused_and_creates_nothing() {
    let (absent, empty) = (BaseFolder::new(), BaseFolder::new());
    fs_err::remove_dir(absent.path()).unwrap();
    for base in [&absent, &empty] {
        let refused = base.aar(&["storage", "rebuild"]);
        assert!(refused.contains("\nexit 1\n"), "{refused}");
        let expected = "the folder [base]/data has no registry.json to rebuild from; \
                    is the right volume mounted";
        assert!(refused.contains(expected), "{refused}");
    }
    assert!(!absent.path().exists());
    assert_eq!(fs_err::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn trust_add_without_a_registry_is_refused_and_creates_nothing() {
    let (base, elsewhere) = (BaseFolder::new(), BaseFolder::new());
    let client = elsewhere.certificate("client.crt");
    let refused = base.aar(&["trust", "add", &client]);
    assert!(refused.contains("\nexit 1\n"), "{refused}");
    assert!(refused.contains("[base] has no registry"), "{refused}");
    assert_eq!(fs_err::read_dir(base.path()).unwrap().count(), 0);
}

#[test]
fn trust_is_withdrawn_while_the_storage_is_unusable() {
    let base = BaseFolder::new();
    base.create();
    let names = ["removed.crt", "revoked.crt"];
    let [removed, revoked] = names.map(|name| base.certificate(name));
    for one in [&removed, &revoked] {
        base.aar(&["trust", "add", one]);
    }
    let data = base.path().join("data");
    fs_err::rename(&data, base.path().join("moved")).unwrap();
    fs_err::write(&data, "in the way").unwrap();
    assert!(
        base.aar(&["trust", "list"])
            .contains(&fingerprint(&removed))
    );
    for line in [
        &["trust", "remove", &fingerprint(&removed)][..],
        &["trust", "revoke", "-y", &fingerprint(&revoked)],
    ] {
        let done = base.aar(line);
        assert!(done.contains("\nexit 0\n"), "{done}");
        assert!(done.contains("the storage cannot be used"), "{done}");
    }
    // Adding trust needs the storage.
    let refused = base.aar(&["trust", "add", &removed]);
    assert!(refused.contains("\nexit 1\n"), "{refused}");
    let listed = base.aar(&["trust", "list", "--format", "json"]);
    assert!(listed.contains("[]"), "{listed}");
    let listed = base.aar(&["trust", "list", "--revoked"]);
    assert!(listed.contains(&fingerprint(&revoked)), "{listed}");
}

#[test]
fn trust_is_withdrawn_while_the_storage_hangs() {
    let base = BaseFolder::new();
    base.create();
    let client = base.certificate("client.crt");
    base.aar(&["trust", "add", &client]);
    let mark = base.path().join("data/registry.json");
    fs_err::rename(&mark, base.path().join("moved.json")).unwrap();
    // Opening a FIFO blocks until there is a writer.
    let made = std::process::Command::new("mkfifo").arg(&mark).status();
    assert!(made.unwrap().success());
    let done = base.aar(&["trust", "revoke", "-y", &fingerprint(&client)]);
    assert!(done.contains("\nexit 0\n"), "{done}");
    assert!(done.contains("does not answer within 15 seconds"), "{done}");
    let listed = base.aar(&["trust", "list", "--revoked"]);
    assert!(listed.contains(&fingerprint(&client)), "{listed}");
}

#[test]
fn commands_on_an_empty_registry() {
    let base = BaseFolder::new();
    base.create();
    assert_runs!(base.runs(&[
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
fn quick_verification_says_that_content_was_not_read() {
    let base = BaseFolder::new();
    base.create();
    let quick = base.aar(&["storage", "verify", "--quick"]);
    assert!(quick.contains("images have the expected size"), "{quick}");
    assert!(quick.contains("was not read"), "{quick}");
    let full = base.aar(&["storage", "verify"]);
    assert!(full.contains("images verified"), "{full}");
    assert!(!full.contains("was not read"), "{full}");
}

#[test]
fn audit_shows_and_filters_entries() {
    let base = BaseFolder::new();
    base.create();
    let client = base.certificate("client.crt");
    base.aar(&["trust", "add", &client]);
    let all = base.aar(&["audit", "--format", "json"]);
    assert!(
        all.contains("trust") && all.contains(&fingerprint(&client)),
        "{all}"
    );
    let none = base.aar(&[
        "audit",
        "--since",
        "2099-01-01T00:00:00Z",
        "--format",
        "json",
    ]);
    assert!(none.contains("[]"), "{none}");
}

#[test]
fn lost_database_is_rebuilt_with_trust_and_revocations() {
    let base = BaseFolder::new();
    base.create();
    let (client, revoked) = (
        base.certificate("client.crt"),
        base.certificate("revoked.crt"),
    );
    base.aar(&["trust", "add", "-p", &client]);
    base.aar(&["trust", "add", &revoked]);
    base.aar(&["trust", "revoke", "-y", &fingerprint(&revoked)]);
    let early = base.aar(&["storage", "rebuild"]);
    assert!(early.contains("not empty"), "{early}");
    for suffix in ["", "-wal", "-shm"] {
        let file = base.path().join(format!("registry.sqlite{suffix}"));
        assert!(fs_err::remove_file(file).is_ok() || !suffix.is_empty());
    }
    let lost = base.aar(&["trust", "list"]);
    assert!(lost.contains("aar storage rebuild"), "{lost}");
    assert_runs!(base.runs(&[
        &["storage", "rebuild"],
        &["trust", "list", "--format", "csv"],
        &["trust", "list", "--format", "csv", "--revoked"],
        &["trust", "add", &revoked],
    ]));
}

#[test]
fn damaged_database_is_named_with_a_remedy() {
    let base = BaseFolder::new();
    base.create();
    let client = base.certificate("client.crt");
    base.aar(&["trust", "add", &client]);
    let database = base.path().join("registry.sqlite");
    let sound = fs_err::read(&database).unwrap();
    // The first page has the schema, the others the tables.
    let mut malformed = sound.clone();
    malformed[4096..].fill(0xff);
    for (content, cause) in [
        (vec![b'x'; sound.len()], "file is not a database"),
        (malformed, "database disk image is malformed"),
    ] {
        fs_err::write(&database, content).unwrap();
        for line in [&["trust", "list"][..], &["storage", "rebuild"]] {
            let refused = base.aar(line);
            assert!(refused.contains("\nexit 1\n"), "{refused}");
            let damaged = "the database [base]/registry.sqlite is damaged; move it away";
            assert!(refused.contains(damaged), "{refused}");
            assert!(refused.contains("run `aar storage rebuild`"), "{refused}");
            assert_eq!(refused.matches(cause).count(), 1, "{refused}");
        }
    }
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs_err::remove_file(base.path().join(format!("registry.sqlite{suffix}")));
    }
    let rebuilt = base.aar(&["storage", "rebuild"]);
    assert!(rebuilt.contains("\nexit 0\n"), "{rebuilt}");
}

#[test]
fn interrupted_migration_is_completed_by_the_next_run() {
    let (base, elsewhere) = (BaseFolder::new(), BaseFolder::new());
    base.create();
    let config = Config::path(base.path());
    let to = elsewhere.path().join("images");
    let to = to.to_str().unwrap();
    let migrate = &["storage", "migrate", "--to", to][..];
    assert!(base.aar(migrate).contains("\nexit 0\n"));
    // As before the migration.
    fs_err::remove_file(&config).unwrap();
    let refused = base.aar(&["status"]);
    assert!(
        refused.contains("has moved to another storage"),
        "{refused}"
    );
    let third = elsewhere.path().join("third");
    let refused = base.aar(&["storage", "migrate", "--to", third.to_str().unwrap()]);
    assert!(
        refused.contains("has moved to another storage"),
        "{refused}"
    );
    assert!(!config.exists());

    let again = base.aar(migrate);
    assert!(again.contains("\nexit 0\n"), "{again}");
    assert!(again.contains("already_there: true"), "{again}");
    assert!(fs_err::read_to_string(&config).unwrap().contains(to));
    assert!(base.aar(&["storage", "verify"]).contains("\nexit 0\n"));
}

#[test]
fn migration_to_a_misspelt_file_is_refused() {
    let base = BaseFolder::new();
    base.create();
    let typo = base.path().join("new.yaml");
    for to in [typo.to_str().unwrap(), "elsewhere"] {
        let refused = base.aar(&["storage", "migrate", "--to", to]);
        assert!(refused.contains("\nexit 1\n"), "{refused}");
        assert!(refused.contains("does not exist"), "{refused}");
    }
    assert!(!typo.exists());
    assert!(base.aar(&["status"]).contains("\nexit 0\n"));
}

#[test]
fn migration_keeps_a_copy_of_the_configuration() {
    let base = BaseFolder::new();
    let config = Config::path(base.path());
    let before = "# the only copy\nstorage:\n  fs:\n    root-directory: first\n";
    fs_err::create_dir_all(config.parent().unwrap()).unwrap();
    fs_err::write(&config, before).unwrap();
    base.create();
    let to = base.path().join("second/");
    let moved = base.aar(&["storage", "migrate", "--to", to.to_str().unwrap()]);
    assert!(moved.contains("\nexit 0\n"), "{moved}");
    let copy = "[base]/conf/main.yaml.old has a copy of the old configuration";
    assert!(moved.contains(copy), "{moved}");
    let copy = fs_err::read_to_string(base.path().join("conf/main.yaml.old")).unwrap();
    assert_eq!(copy, before);
}

#[test]
fn check_config_shows_or_refuses_the_configuration() {
    let base = BaseFolder::new();
    let s3 = base.file("s3.yaml", "storage:\n  s3:\n    region: r\n    bucket: b\n    access-key: k\n    secret-access-key: topsecret\n");
    let wrong = base.file("wrong.yaml", "http:\n  adr: x\n");
    let runs = base.runs(&[
        &["check-config"],
        &["check-config", &s3],
        &["check-config", &wrong],
        &["check-config", "/nowhere/main.yaml"],
    ]);
    assert!(!runs.contains("topsecret"), "{runs}");
    assert_runs!(runs);
    base.file("conf/main.yaml", "htp: {}\n");
    let refused = base.runs(&[&["serve"], &["check-config"], &["trust", "list"]]);
    assert_runs!(refused);
    assert!(Config::path(base.path()).exists());
}

#[test]
fn help_and_usage_errors() {
    let base = BaseFolder::new();
    assert_runs!(base.runs(&[
        &["--help"],
        &["trust", "--help"],
        &["trust", "add", "--help"],
        &["storage", "migrate", "--help"],
        &["trust", "frobnicate"],
        &["trust", "list", "--format", "xml"],
        &["audit", "--since", "yesterday"],
    ]));
    for flag in ["-v", "--version", "version"] {
        let version = base.aar(&[flag]);
        assert!(
            version.contains(concat!("aar ", env!("CARGO_PKG_VERSION"))),
            "{version}"
        );
    }
}

#[test]
fn completion_is_printed_for_every_shell() {
    let base = BaseFolder::new();
    for shell in ["bash", "fish", "powershell", "zsh"] {
        for line in [
            &["completion", shell][..],
            &["completion", shell, "--no-descriptions"],
        ] {
            let run = base.aar(line);
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
