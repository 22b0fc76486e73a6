//! Downloads onto a volume that fills: a small tmpfs in a mount namespace of its own.

use std::{path::Path, time::Duration};

use crate::{
    download::{download, downloaded},
    support::{
        TestFolder, client, content, image,
        images::serving,
        namespaces::{in_namespaces, run},
    },
};
use aar_client::Error;

/// Far more than the volume and all queues hold.
const LENGTH: usize = 40_000_000;

fn mount(size: &str, at: &Path) {
    std::fs::create_dir_all(at).unwrap();
    let at = at.to_str().unwrap();
    run("mount", &["-t", "tmpfs", "-o", size, "none", at]);
}

#[test]
fn full_volume_ends_the_download_which_continues_when_there_is_space() {
    let test = "full_volume::full_volume_ends_the_download_which_continues_when_there_is_space";
    if !in_namespaces(test, &["--mount"]) {
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
    run(
        "mount",
        &["-o", "remount,size=100m", volume.to_str().unwrap()],
    );
    download(&client, &image, &folder).await.unwrap();
    assert_eq!(downloaded(&folder), content, "{size}");
    let range = format!("bytes={}-", kept.len());
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("range"), Some(&*range), "{size}");
}
