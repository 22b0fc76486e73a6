//! `SeaweedFS`: master, volume, filer and S3 gateway in one process.

use std::{path::Path, process::Command, time::Duration};

use serde_json::json;

use super::{Bucket, Credentials, S3Server, unique};
use crate::{Folder, Port, Process, skip::find_tool, until};

const START_DEADLINE: Duration = Duration::from_mins(2);

/// Starts it. `None` where it is not installed.
pub(super) fn start() -> Option<S3Server> {
    let program = find_tool("weed")?;
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
    let server = S3Server {
        address: port.address(),
        owner,
        ceph: None,
    };
    until("SeaweedFS creates buckets", START_DEADLINE, || {
        process.assert_running();
        Bucket::try_create(&server, &unique("ready"))
    });
    // They are needed until the process ends; the watchdog ends them then.
    std::mem::forget((process, folder, port));
    Some(server)
}

fn command(program: &Path, folder: &Folder, s3: &Port) -> Command {
    let mut command = Command::new(program);
    // The server derives its encryption key from this.
    command.env("WEED_S3_SSE_KEY", "only a test");
    command.arg("server").current_dir(folder.path()).args([
        "-dir=data",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        // Each bucket takes several volumes at once; their number is limited by the disk only.
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
        // Reserved until the process ends.
        std::mem::forget(port);
    }
    command
}
