//! `SeaweedFS`: master, volume, filer and S3 in one process.

use std::{path::Path, process::Command, time::Duration};

use serde_json::json;

use super::{Bucket, Credentials, S3Server, keeper::Keeper, unique};
use crate::{Folder, Port, Process, skip::find, until};

const START: Duration = Duration::from_mins(2);

/// Starts it. `None` where it is not installed.
pub(super) fn start() -> Option<S3Server> {
    let program = find("weed")?;
    let owner = Credentials::new(
        "AKIASEAWEEDOWNER0000",
        "seaweed/secret+0123456789abcdefghijklmn",
    );
    let folder = Folder::new("weed");
    fs_err::create_dir_all(folder.join("data")).unwrap();
    let identities = json!({"identities": [{
        "name": "owner",
        "credentials": [{"accessKey": owner.access_key, "secretKey": owner.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }]});
    folder.write("s3.json", identities.to_string());
    let port = Port::take();
    let mut process = Process::start(&mut command(&program, &folder, &port), &folder.join("log"));
    let mut keeper = Keeper::of(folder.path());
    keeper.watch(process.id());
    let server = S3Server {
        port,
        owner,
        ceph: None,
    };
    until("SeaweedFS makes buckets", START, || {
        process.assert_running();
        Bucket::try_create(&server, &unique("ready"))
    });
    // All of it lives as long as this program.
    std::mem::forget((process, keeper, folder));
    Some(server)
}

fn command(program: &Path, folder: &Folder, s3: &Port) -> Command {
    let mut command = Command::new(program);
    // It encrypts with a key that is derived from this.
    command.env("WEED_S3_SSE_KEY", "only a test");
    command.arg("server").current_dir(folder.path()).args([
        "-dir=data",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        // Each bucket takes several volumes at once, and there are as many as the disk has room for.
        "-master.volumeSizeLimitMB=64",
        "-volume.max=0",
        "-s3",
        "-s3.ip.bind=127.0.0.1",
        "-s3.config=s3.json",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.allowDeleteBucketNotEmpty=false",
        "-s3.autoCreateBucket=false",
    ]);
    command.arg(format!("-s3.port={}", s3.number()));
    let inner = [
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
        "s3.port.grpc",
    ];
    for name in inner {
        let port = Port::take();
        command.arg(format!("-{name}={}", port.number()));
        // Nobody else may have it while the server runs.
        std::mem::forget(port);
    }
    command
}
