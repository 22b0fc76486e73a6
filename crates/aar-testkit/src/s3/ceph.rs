//! One monitor, one object store in a sparse file, one gateway.

use std::{
    fmt::Write as _,
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use super::{Credentials, S3Server, keeper::Keeper, unique};
use crate::{Folder, Output, Port, Process, skip::find, until};

const START: Duration = Duration::from_mins(2);
/// Sparse: it takes what is written. Deleted objects are freed some time later.
const STORE: u64 = 24 << 30;
const OWNER: &str = "owner";

/// A running cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    folder: Folder,
    _mon: [Port; 2],
    _keeper: Keeper,
    _daemons: [Process; 3],
}

/// Starts the gateway with all that it needs. `None` where it is not installed.
pub(super) fn start() -> Option<S3Server> {
    let programs = ["radosgw", "ceph-mon", "ceph-osd", "ceph", "ceph-authtool"];
    if !programs.iter().all(|name| find(name).is_some()) {
        return None;
    }
    let (folder, port) = (Folder::new("ceph"), Port::take());
    let cluster = Cluster::start(folder, &port);
    let owner = Credentials::new(
        "AKIAOWNEROWNEROWNER0",
        "owner/secret+0123456789abcdefghijklmnop",
    );
    cluster.make_user(OWNER, &owner);
    Some(S3Server {
        port,
        owner,
        ceph: Some(cluster),
    })
}

impl Cluster {
    fn start(folder: Folder, gateway: &Port) -> Self {
        let mon = [Port::take(), Port::take()];
        let addresses = format!("[v2:{},v1:{}]", mon[0].address(), mon[1].address());
        let fsid = "5b2b4a9e-6b5c-4a57-9f9d-0d1b8f5d9a01";
        folder.write("ceph.conf", conf(&folder, fsid, &addresses, gateway));
        for part in ["mon", "osd", "run"] {
            fs_err::create_dir_all(folder.join(part)).unwrap();
        }
        let mut keeper = Keeper::of(folder.path());
        let daemons = {
            let mut begin = |name: &str, args: &[&str]| {
                let mut command = Command::new(name);
                command.args(["-f", "-c", "ceph.conf"]).args(args);
                let started = Process::start(
                    command.current_dir(folder.path()),
                    &folder.join(format!("{name}.out")),
                );
                keeper.watch(started.id());
                started
            };
            make_keys(&folder);
            make_mon(&folder, fsid, &addresses);
            let mon = begin("ceph-mon", &["-i", "a"]);
            make_osd(&folder);
            let osd = begin("ceph-osd", &["-i", "0"]);
            let mut rgw = begin("radosgw", &["-n", "client.rgw"]);
            until("the gateway answers", START, || {
                rgw.assert_running();
                TcpStream::connect(gateway.address()).is_ok()
            });
            [mon, osd, rgw]
        };
        Self {
            folder,
            _mon: mon,
            _keeper: keeper,
            _daemons: daemons,
        }
    }

    pub(super) fn new_key(&self) -> Credentials {
        let key = Credentials::new(&unique("AKIAKEY"), &unique("secretofakey"));
        self.admin(&["key", "create", "--key-type", "s3"], OWNER, Some(&key));
        key
    }

    pub(super) fn remove_key(&self, key: &Credentials) {
        let remove = ["key", "rm", "--key-type", "s3"];
        let id = ["--access-key", &key.access_key];
        self.admin(&[&remove[..], &id].concat(), OWNER, None);
    }

    pub(super) fn new_user(&self) -> (String, Credentials) {
        let name = unique("user");
        let key = Credentials::new(&unique("AKIAUSER"), &unique("secretofauser"));
        self.make_user(&name, &key);
        (name, key)
    }

    fn make_user(&self, name: &str, key: &Credentials) {
        self.admin(&["user", "create", "--display-name", name], name, Some(key));
    }

    fn admin(&self, what: &[&str], user: &str, key: Option<&Credentials>) {
        let mut command = tool(&self.folder, "radosgw-admin");
        command.args(what).args(["--uid", user]);
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
        ("mon data", at("mon")),
        ("osd data", at("osd")),
        ("osd objectstore", "bluestore".to_owned()),
        ("bluestore block size", STORE.to_string()),
        ("crash dir", at("crash")),
    ];
    let gateway = [
        (
            "rgw frontends",
            format!("beast endpoint={}", gateway.address()),
        ),
        ("rgw dns name", "localhost".to_owned()),
        // What was deleted is freed within seconds, or large tests would fill the store.
        ("rgw gc obj min wait", "1".to_owned()),
        ("rgw gc processor period", "5".to_owned()),
        // A store of keys that is made for tests, with one of 32 bytes.
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

fn tool(folder: &Folder, name: &str) -> Command {
    let mut command = Command::new(name);
    command
        .args(["-c", "ceph.conf"])
        .current_dir(folder.path())
        .stdin(Stdio::null());
    command
}

/// `words` of a command that needs no configuration.
fn run(folder: &Folder, words: &str) -> String {
    let mut words = words.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).current_dir(folder.path());
    Output::run(&mut command, &[]).success()
}

fn make_keys(folder: &Folder) {
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

fn make_mon(folder: &Folder, fsid: &str, addresses: &str) {
    run(
        folder,
        &format!("monmaptool --create --fsid {fsid} --addv a {addresses} monmap"),
    );
    run(
        folder,
        "ceph-mon -c ceph.conf --mkfs -i a --monmap monmap --keyring keyring",
    );
}

fn make_osd(folder: &Folder) {
    let id = "0c6f7f0e-20a6-4b3e-8a3a-6a2f7a6e6b02";
    let key = run(folder, "ceph-authtool --gen-print-key");
    let key = key.trim();
    let mut new = Command::new("ceph");
    new.args(["-c", "ceph.conf", "osd", "new", id, "-i", "-"])
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
