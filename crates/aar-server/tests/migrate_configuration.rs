//! `aar storage migrate` proves that it can write the configuration before it copies anything.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs::Permissions,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use aar_registry::Registry;
use aar_server::config::Config;
use aar_types::Clock;
use tempfile::TempDir;

const CONFIG: &str = "# mine\nstorage:\n  fs:\n    root-directory: data\n";

struct Base(TempDir);

impl Base {
    /// A base folder with a configuration file and a registry.
    async fn new() -> Self {
        let base = Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        fs_err::create_dir(base.path("conf")).unwrap();
        fs_err::write(base.path("conf/main.yaml"), CONFIG).unwrap();
        let config = Config::of_base(base.0.path()).unwrap();
        let registry = Registry::open(config.registry(Clock::system()).unwrap()).await;
        registry.unwrap().close().await;
        base
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> String {
        fs_err::read_to_string(self.path("conf/main.yaml")).unwrap()
    }

    /// Runs the migration after these commands of a shell, in a mount namespace of its own, where `$CONF` is
    /// the folder of the configuration. `None` without the right to mount.
    fn migrate_with_mounts(&self, mounts: &str) -> Option<Output> {
        let script = format!("{mounts} || exit 99; exec \"$AAR\" \"$@\"");
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script, "sh"])
            .args(self.arguments())
            .env("AAR", env!("CARGO_BIN_EXE_aar"))
            .env("CONF", self.path("conf"))
            .output();
        let output = output.ok()?;
        let may_not_mount = output.status.code() == Some(99)
            || String::from_utf8_lossy(&output.stderr).contains("unshare failed");
        (!may_not_mount).then_some(output)
    }

    fn migrate(&self) -> Output {
        let mut aar = Command::new(env!("CARGO_BIN_EXE_aar"));
        aar.args(self.arguments()).output().unwrap()
    }

    fn arguments(&self) -> Vec<String> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let words = ["storage", "migrate", "--to"].map(str::to_owned);
        let rest = [
            text(&self.path("new/")),
            "--base-dir".to_owned(),
            text(self.0.path()),
        ];
        words.into_iter().chain(rest).collect()
    }

    /// The registry still uses the storage that the configuration names.
    async fn assert_unchanged(&self) {
        assert_eq!(self.config(), CONFIG);
        assert!(!self.path("new/blobs").exists() || is_empty(&self.path("new/blobs")));
        assert!(!self.path("new/registry.json").exists());
        let config = Config::of_base(self.0.path()).unwrap();
        let registry = Registry::open(config.registry(Clock::system()).unwrap()).await;
        registry.unwrap().close().await;
    }
}

fn is_empty(folder: &Path) -> bool {
    fs_err::read_dir(folder).unwrap().next().is_none()
}

async fn assert_refused(mounts: &str) {
    let base = Base::new().await;
    let Some(output) = base.migrate_with_mounts(mounts) else {
        aar_testkit::skip("migrate_configuration", "only root can mount");
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write"), "{stderr}");
    assert!(stderr.contains("nothing was changed"), "{stderr}");
    base.assert_unchanged().await;
}

#[tokio::test]
async fn migration_with_a_configuration_that_is_mounted_by_itself_is_refused() {
    assert_refused("mount --bind \"$CONF/main.yaml\" \"$CONF/main.yaml\"").await;
}

#[tokio::test]
async fn migration_with_a_configuration_in_a_read_only_folder_is_refused() {
    assert_refused("mount --bind \"$CONF\" \"$CONF\" && mount -o remount,ro,bind \"$CONF\"").await;
}

#[tokio::test]
async fn migration_with_a_linked_configuration_keeps_the_link_owner_and_mode() {
    let base = Base::new().await;
    let (file, link) = (base.path("etc/aar.yaml"), base.path("conf/main.yaml"));
    fs_err::create_dir(base.path("etc")).unwrap();
    fs_err::rename(&link, &file).unwrap();
    fs_err::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    symlink("../etc/aar.yaml", &link).unwrap();
    let before = fs_err::metadata(&file).unwrap();
    let output = base.migrate();
    assert!(output.status.success(), "{output:?}");
    assert!(fs_err::symlink_metadata(&link).unwrap().is_symlink());
    let after = fs_err::metadata(&file).unwrap();
    let access = |file: &std::fs::Metadata| (file.mode(), file.uid(), file.gid());
    assert_eq!(access(&after), access(&before));
    assert!(base.config().contains("/new"), "{}", base.config());
    let copy = fs_err::metadata(base.path("etc/aar.yaml.old")).unwrap();
    assert_eq!(copy.mode() & 0o777, 0o600);
}
