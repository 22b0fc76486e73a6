//! Downloads onto a volume that fills: a small tmpfs in a mount namespace of its own.

use std::{env, path::Path, process::Command, time::Duration};

use crate::{
    download::{download, downloaded},
    support::{TestFolder, client, content, image, images::serving},
};
use aar_client::Error;

const IN_NAMESPACE: &str = "AAR_TEST_IN_MOUNT_NAMESPACE";
/// Far more than the volume and all queues hold.
const LENGTH: usize = 40_000_000;

/// Runs a test of this file again in a mount namespace. Returns whether it already runs in one.
fn is_in_namespace(test: &str) -> bool {
    if env::var_os(IN_NAMESPACE).is_some() {
        return true;
    }
    let unshare = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]);
        command.args(arguments).env(IN_NAMESPACE, "1");
        command.status().is_ok_and(|status| status.success())
    };
    if !unshare(&["mount", "-t", "tmpfs", "none", "/mnt"]) {
        eprintln!("SKIPPED {test}: this machine allows no mount namespace");
        return false;
    }
    let program = env::current_exe().unwrap();
    let again = [program.to_str().unwrap(), "--exact", test, "--nocapture"];
    assert!(unshare(&again), "{test} fails in a mount namespace");
    false
}

fn mount(size: &str, at: &Path) {
    std::fs::create_dir_all(at).unwrap();
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", size, "none"]).arg(at);
    assert!(command.status().unwrap().success());
}

#[test]
fn full_volume_ends_the_download_which_continues_when_there_is_space() {
    let test = "full_volume::full_volume_ends_the_download_which_continues_when_there_is_space";
    if !is_in_namespace(test) {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Sizes around the chunks and queues: the writer fails while the hasher waits, and the reverse.
    for size in ["64k", "1m", "3m", "8m", "20m"] {
        runtime.block_on(fill_and_continue(size));
    }
}

async fn fill_and_continue(size: &str) {
    let content = content(LENGTH);
    let server = serving(&content, vec![]).await;
    let folder = TestFolder::new();
    let volume = folder.file().parent().unwrap().to_owned();
    mount(&format!("size={size}"), &volume);
    let client = client(&server);
    let image = image(&content);
    let limit = Duration::from_mins(1);
    let ended = tokio::time::timeout(limit, download(&client, &image, &folder)).await;
    let error = ended.expect("the download hangs").unwrap_err();
    assert!(matches!(error, Error::NoSpace { .. }), "{size}: {error}");
    let kept = std::fs::read(folder.partial()).unwrap();
    assert!(!kept.is_empty() && content.starts_with(&kept), "{size}");
    mount_again("remount,size=100m", &volume);
    download(&client, &image, &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content, "{size}");
    let range = format!("bytes={}-", kept.len());
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("range"), Some(&*range), "{size}");
}

fn mount_again(options: &str, at: &Path) {
    let mut command = Command::new("mount");
    assert!(
        command
            .args(["-o", options])
            .arg(at)
            .status()
            .unwrap()
            .success()
    );
}
