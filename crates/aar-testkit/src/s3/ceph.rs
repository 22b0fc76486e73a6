//! A Ceph cluster: one monitor, one object store in a sparse file, one gateway.

use std::{
    fmt::Write as _,
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use super::{Credentials, S3Server, unique};
use crate::{Folder, Output, Port, Process, skip::find_tool, until};

const START_DEADLINE: Duration = Duration::from_mins(2);
/// The file is sparse. Space of deleted objects is freed some time later.
const STORE_SIZE: u64 = 24 << 30;
const OWNER: &str = "owner";

/// Starts the gateway with monitor and store. `None` where Ceph is not installed.
pub(super) fn start() -> Option<S3Server> {
    let programs = ["radosgw", "ceph-mon", "ceph-osd", "ceph", "ceph-authtool"];
    if !programs.iter().all(|name| find_tool(name).is_some()) {
        return None;
    }
    let folder = Folder::new("ceph");
    let gateway = Port::take();
    start_cluster(&folder, &gateway);
    let owner = Credentials::new(
        "AKIAOWNEROWNEROWNER0",
        "owner/secret+0123456789abcdefghijklmnop",
    );
    Admin::new(folder.path()).create_user(OWNER, &owner);
    let server = S3Server {
        address: gateway.address(),
        owner,
        ceph: Some(folder.path().to_owned()),
    };
    // Both are needed until the process ends.
    std::mem::forget((folder, gateway));
    Some(server)
}

fn start_cluster(folder: &Folder, gateway: &Port) {
    let monitor = [Port::take(), Port::take()];
    let addresses = format!("[v2:{},v1:{}]", monitor[0].address(), monitor[1].address());
    let fsid = "5b2b4a9e-6b5c-4a57-9f9d-0d1b8f5d9a01";
    folder.write("ceph.conf", conf(folder, fsid, &addresses, gateway));
    for part in ["mon", "osd", "run"] {
        fs_err::create_dir_all(folder.join(part)).unwrap();
    }
    let spawn = |name: &str, args: &[&str]| {
        let mut command = Command::new(name);
        command.args(["-f", "-c", "ceph.conf"]).args(args);
        let log = folder.join(format!("{name}.out"));
        Process::start(command.current_dir(folder.path()), &log)
    };
    create_keys(folder);
    create_monitor(folder, fsid, &addresses);
    let mon = spawn("ceph-mon", &["-i", "a"]);
    create_store(folder);
    let osd = spawn("ceph-osd", &["-i", "0"]);
    let mut rgw = spawn("radosgw", &["-n", "client.rgw"]);
    until("the gateway accepts connections", START_DEADLINE, || {
        rgw.assert_running();
        TcpStream::connect(gateway.address()).is_ok()
    });
    // They are needed until the process ends; the watchdog ends them then.
    std::mem::forget((monitor, mon, osd, rgw));
}

/// The administration of a running cluster.
pub(super) struct Admin<'a> {
    folder: &'a Path,
}

impl<'a> Admin<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self { folder }
    }

    pub(super) fn new_key(&self) -> Credentials {
        let key = Credentials::new(&unique("AKIAKEY"), &unique("secretofakey"));
        self.run(&["key", "create", "--key-type", "s3"], OWNER, Some(&key));
        key
    }

    pub(super) fn remove_key(&self, key: &Credentials) {
        let remove = ["key", "rm", "--key-type", "s3"];
        let id = ["--access-key", &key.access_key];
        self.run(&[&remove[..], &id].concat(), OWNER, None);
    }

    pub(super) fn new_user(&self) -> (String, Credentials) {
        let name = unique("user");
        let key = Credentials::new(&unique("AKIAUSER"), &unique("secretofauser"));
        self.create_user(&name, &key);
        (name, key)
    }

    fn create_user(&self, name: &str, key: &Credentials) {
        self.run(&["user", "create", "--display-name", name], name, Some(key));
    }

    fn run(&self, args: &[&str], user: &str, key: Option<&Credentials>) {
        let mut command = Command::new("radosgw-admin");
        command
            .args(["-c", "ceph.conf"])
            .current_dir(self.folder)
            .stdin(Stdio::null());
        command.args(args).args(["--uid", user]);
        if let Some(key) = key {
            command.args(["--access-key", &key.access_key]);
            command.args(["--secret-key", &key.secret_key]);
        }
        Output::run(&mut command, &[]).success();
    }
}

fn conf(folder: &Folder, fsid: &str, addresses: &str, gateway: &Port) -> String {
    let at = |part: &str| folder.join(part).display().to_string();
    let global = [
        ("fsid", fsid.to_owned()),
        ("mon host", addresses.to_owned()),
        ("public addr", "127.0.0.1".to_owned()),
        ("auth cluster required", "cephx".to_owned()),
        ("auth service required", "cephx".to_owned()),
        ("auth client required", "cephx".to_owned()),
        ("keyring", at("keyring")),
        ("run dir", at("run")),
        ("admin socket", String::new()),
        ("log file", at("$name.log")),
        ("log to stderr", "false".to_owned()),
        ("pid file", at("$name.pid")),
        ("osd pool default size", "1".to_owned()),
        ("osd pool default min size", "1".to_owned()),
        ("osd pool default pg num", "8".to_owned()),
        ("osd crush chooseleaf type", "0".to_owned()),
        ("mon allow pool size one", "true".to_owned()),
        ("mon warn on pool no redundancy", "false".to_owned()),
        // It otherwise refuses to start on a disk that is nearly full.
        ("mon data avail warn", "2".to_owned()),
        ("mon data avail crit", "1".to_owned()),
        ("mon data", at("mon")),
        ("osd data", at("osd")),
        ("osd objectstore", "bluestore".to_owned()),
        ("bluestore block size", STORE_SIZE.to_string()),
        ("crash dir", at("crash")),
    ];
    let gateway = [
        (
            "rgw frontends",
            format!("beast endpoint={}", gateway.address()),
        ),
        ("rgw dns name", "localhost".to_owned()),
        // Space of deleted objects is freed within seconds, or large tests would fill the store.
        ("rgw gc obj min wait", "1".to_owned()),
        ("rgw gc processor period", "5".to_owned()),
        // A key store for tests, with one key of 32 bytes.
        ("rgw crypt require ssl", "false".to_owned()),
        ("rgw crypt s3 kms backend", "testing".to_owned()),
        (
            "rgw crypt s3 kms encryption keys",
            format!(
                "{}=YWFyIGFhciBhYXIgYWFyIGFhciBhYXIgYWFyIGFhciE=",
                S3Server::ENCRYPTION_KEY
            ),
        ),
    ];
    let mut text = String::from("[global]\n");
    lines(&mut text, &global);
    text.push_str("[osd]\n");
    lines(&mut text, &[("keyring", at("osd/keyring"))]);
    text.push_str("[client.rgw]\n");
    lines(&mut text, &gateway);
    text
}

fn lines(text: &mut String, values: &[(&str, String)]) {
    for (name, value) in values {
        writeln!(text, "{name} = {value}").unwrap();
    }
}

/// Runs a command of words without spaces.
fn run(folder: &Folder, words: &str) -> String {
    let mut words = words.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).current_dir(folder.path());
    Output::run(&mut command, &[]).success()
}

fn create_keys(folder: &Folder) {
    let all = ["--cap", "mon", "allow *", "--cap", "osd", "allow *"];
    let entries: [(&str, &[&str]); 3] = [
        ("mon.", &["--cap", "mon", "allow *"]),
        ("client.admin", &all),
        (
            "client.rgw",
            &["--cap", "mon", "allow rw", "--cap", "osd", "allow rwx"],
        ),
    ];
    run(folder, "ceph-authtool --create-keyring keyring");
    for (name, caps) in entries {
        let mut command = Command::new("ceph-authtool");
        command
            .args(["keyring", "--gen-key", "-n", name])
            .args(caps)
            .current_dir(folder.path());
        Output::run(&mut command, &[]).success();
    }
}

fn create_monitor(folder: &Folder, fsid: &str, addresses: &str) {
    run(
        folder,
        &format!("monmaptool --create --fsid {fsid} --addv a {addresses} monmap"),
    );
    run(
        folder,
        "ceph-mon -c ceph.conf --mkfs -i a --monmap monmap --keyring keyring",
    );
}

fn create_store(folder: &Folder) {
    let id = "0c6f7f0e-20a6-4b3e-8a3a-6a2f7a6e6b02";
    let key = run(folder, "ceph-authtool --gen-print-key");
    let key = key.trim();
    let mut new = Command::new("ceph");
    // Fails, instead of waiting for ever, where the monitor does not run.
    new.args(["-c", "ceph.conf", "--connect-timeout", "60"])
        .args(["osd", "new", id, "-i", "-"])
        .current_dir(folder.path());
    let secret = format!("{{\"cephx_secret\": \"{key}\"}}");
    Output::run(&mut new, secret.as_bytes()).success();
    run(
        folder,
        &format!("ceph-authtool --create-keyring osd/keyring --name osd.0 --add-key {key}"),
    );
    run(
        folder,
        &format!("ceph-osd -c ceph.conf -i 0 --mkfs --osd-uuid {id}"),
    );
}
