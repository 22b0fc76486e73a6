//! PostgreSQL: one server for all test programs of a run, or one of its own for a test that stops it.

use std::{
    env,
    net::SocketAddr,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    Folder, Port, Process,
    shared::{Shared, request_or},
    skip, until,
};

const USER: &str = "aar";
const PASSWORD: &str = "only a test";
const START_DEADLINE: Duration = Duration::from_mins(1);
/// The user that Debian's package creates: the server refuses to run as root.
const SYSTEM_USER: &str = "postgres";

/// A PostgreSQL server on the loopback interface. Users log in with a password.
#[derive(Debug)]
pub struct PostgresServer {
    address: SocketAddr,
    /// `None` for a server of another process.
    own: Option<OwnServer>,
}

#[derive(Debug)]
struct OwnServer {
    programs: PathBuf,
    folder: Folder,
    process: Process,
    port: Port,
}

/// A new database of a server.
#[derive(Debug)]
pub struct TestDatabase {
    address: SocketAddr,
    name: String,
}

impl Shared for PostgresServer {
    fn describe(&self) -> Value {
        json!({ "address": self.address })
    }

    fn of(description: &Value) -> Self {
        let address = description["address"].as_str().unwrap();
        Self {
            address: address.parse().unwrap(),
            own: None,
        }
    }
}

impl PostgresServer {
    /// The server of all tests. `None`, and a skip, where it is not installed.
    pub fn shared(what: &str) -> Option<&'static Self> {
        static SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();
        let server = SERVER.get_or_init(|| request_or("postgres", start));
        if server.is_none() {
            skip(what, "PostgreSQL is not installed: initdb, postgres");
        }
        server.as_ref()
    }

    /// A server for one test. `None`, and a skip, where it is not installed.
    pub fn start(what: &str) -> Option<Self> {
        let server = start();
        if server.is_none() {
            skip(what, "PostgreSQL is not installed: initdb, postgres");
        }
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn new_database(&self) -> TestDatabase {
        let name = format!("t{}", fastrand::u64(..));
        self.execute(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        );
        TestDatabase {
            address: self.address,
            name,
        }
    }

    /// Executes SQL as the superuser of the server and returns its output.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        psql(self.address, database, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Kills the server: connections break, and it recovers at the next start.
    pub fn kill(&mut self) {
        self.own().process.kill();
    }

    /// Starts it again after [`kill`](Self::kill).
    pub fn restart(&mut self) {
        let address = self.address;
        let own = self.own();
        own.process = run(&own.programs, &own.folder, own.port.number());
        wait(&mut own.process, address);
    }

    fn own(&mut self) -> &mut OwnServer {
        self.own.as_mut().expect("a server of this test")
    }
}

impl TestDatabase {
    /// The address with user and password.
    pub fn url(&self) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!(
            "postgres://{USER}:{password}@{}/{}",
            self.address, self.name
        )
    }

    /// The address without password.
    pub fn url_without_password(&self) -> String {
        format!("postgres://{USER}@{}/{}", self.address, self.name)
    }

    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Executes SQL and returns its output.
    pub fn execute(&self, sql: &str) -> String {
        self.try_execute(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Executes SQL and returns its output or its error.
    pub fn try_execute(&self, sql: &str) -> Result<String, String> {
        psql(self.address, &self.name, sql)
    }

    /// Copies the database. Nothing may be connected to it.
    pub fn save(&self) {
        let name = &self.name;
        self.administer(&format!("CREATE DATABASE {name}_saved TEMPLATE {name}"));
    }

    /// Goes back to the copy.
    pub fn restore(&self) {
        let name = &self.name;
        self.administer(&format!("DROP DATABASE {name} WITH (FORCE)"));
        self.administer(&format!("ALTER DATABASE {name}_saved RENAME TO {name}"));
    }

    /// Loses everything in it.
    pub fn clear(&self) {
        let name = &self.name;
        self.administer(&format!("DROP DATABASE {name} WITH (FORCE)"));
        self.administer(&format!("CREATE DATABASE {name} TEMPLATE template0"));
    }

    fn administer(&self, sql: &str) {
        let done = psql(self.address, "postgres", sql);
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

fn start() -> Option<PostgresServer> {
    let programs = programs()?;
    let folder = Folder::new("pg");
    let password = folder.write("password", PASSWORD);
    let data = folder.join("data");
    for path in [folder.path(), &password] {
        if is_root() {
            let (user, group) = system_user()?;
            chown(path, Some(user), Some(group)).unwrap();
        }
    }
    let mut initdb = as_system_user(&programs.join("initdb"));
    initdb.arg("--pgdata").arg(&data);
    initdb.args([
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]);
    initdb.args(["--username", USER, "--pwfile"]).arg(&password);
    let made = initdb.stdin(Stdio::null()).output().unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let port = Port::take();
    let mut process = run(&programs, &folder, port.number());
    wait(&mut process, port.address());
    Some(PostgresServer {
        address: port.address(),
        own: Some(OwnServer {
            programs,
            folder,
            process,
            port,
        }),
    })
}

fn run(programs: &Path, folder: &Folder, port: u16) -> Process {
    let mut command = as_system_user(&programs.join("postgres"));
    command.arg("-D").arg(folder.join("data"));
    command.args(["-p", &port.to_string()]);
    // Processes are killed here, not machines: the operating system keeps what was written.
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "max_connections=300",
        "shared_buffers=32MB",
    ] {
        command.args(["-c", setting]);
    }
    Process::start(&mut command, &folder.join("log"))
}

fn wait(process: &mut Process, address: SocketAddr) {
    until("PostgreSQL accepts connections", START_DEADLINE, || {
        process.assert_running();
        psql(address, "postgres", "SELECT 1").is_ok()
    });
}

fn psql(address: SocketAddr, database: &str, sql: &str) -> Result<String, String> {
    let mut psql = Command::new("psql");
    psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"]);
    psql.args(["--set", "ON_ERROR_STOP=1", "--command", sql]);
    psql.env("PGHOST", address.ip().to_string());
    psql.env("PGPORT", address.port().to_string());
    psql.env("PGUSER", USER).env("PGPASSWORD", PASSWORD);
    psql.env("PGDATABASE", database).stdin(Stdio::null());
    let output = psql.output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

/// The folder of the server's programs; Debian's is not on the path.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let debian = fs_err::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut debian: Vec<_> = debian
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    debian.sort();
    let mut folders = env::split_paths(&path).chain(debian.into_iter().rev());
    folders.find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Its user id and group id.
fn system_user() -> Option<(u32, u32)> {
    let users = fs_err::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line
        .split(':')
        .skip(2)
        .map_while(|field| field.parse().ok());
    Some((fields.next()?, fields.next()?))
}

fn as_system_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        SYSTEM_USER,
        "--regid",
        SYSTEM_USER,
        "--clear-groups",
    ]);
    command.arg(program);
    command
}
