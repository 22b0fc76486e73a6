use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{Folder, skip};

/// Keys and certificates made by the program `openssl`, in a folder of their own.
#[derive(Debug)]
pub struct OpenSsl {
    folder: Folder,
}

impl OpenSsl {
    /// Skips the test where the program is not installed.
    pub fn new(test: &str) -> Option<Self> {
        if skip::find_tool("openssl").is_none() {
            skip::skip(test, "openssl is not installed");
            return None;
        }
        let folder = Folder::new("openssl");
        Some(Self { folder })
    }

    /// The path of a file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The content of a file in its folder.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs_err::read(self.path(name)).unwrap()
    }

    /// Runs the program in its folder, with arguments separated by spaces.
    pub fn run(&self, arguments: &str) {
        self.run_with(arguments, &[]);
    }

    /// Like [`run`](Self::run), with further arguments that may hold spaces.
    pub fn run_with(&self, arguments: &str, more: &[&str]) {
        let done = Command::new("openssl")
            .args(arguments.split_whitespace())
            .args(more)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "openssl {arguments}: {error}");
    }

    /// A new key of a kind, as `openssl genpkey` names it, in `NAME.key`.
    pub fn key(&self, name: &str, kind: &str) {
        self.run(&format!("genpkey -algorithm {kind} -out {name}.key"));
    }

    /// A self-signed certificate for a new key, in `NAME.crt` and `NAME.key`.
    pub fn self_signed(&self, name: &str, kind: &str, more: &[&str]) {
        self.key(name, kind);
        let request = format!("req -x509 -new -key {name}.key -out {name}.crt -days 9");
        let subject = format!("/CN={name}");
        let given = more.contains(&"-subj");
        let subject: &[&str] = if given { &[] } else { &["-subj", &subject] };
        self.run_with(&request, &[subject, more].concat());
    }

    /// An X.509 v1 certificate, signed by another one: the format before extensions.
    pub fn version_1(&self, name: &str, issuer: &str) {
        self.key(name, EC);
        self.run_with(
            &format!("req -new -key {name}.key -out {name}.csr"),
            &["-subj", &format!("/CN={name}")],
        );
        fs_err::write(self.path("empty.cnf"), "").unwrap();
        self.run(&format!(
            "x509 -req -in {name}.csr -CA {issuer}.crt -CAkey {issuer}.key -set_serial 7 -days 9 \
             -extfile empty.cnf -out {name}.crt"
        ));
    }
}

/// The usual kind of key.
pub const EC: &str = "EC -pkeyopt ec_paramgen_curve:P-256";
