//! The trusted certificates of the vendor's registry: files below `certs/clients` and `certs/publishers`.
//!
//! Each certificate is imported once. A file that is removed, or replaced by another certificate, withdraws
//! the trust that it gave. A folder that is missing or empty withdraws nothing: it may not be mounted.
//!
//! The imports are listed in `certs/imported`, too: a database that is rebuilt from the storage must not import
//! again what was removed.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aar_registry::{Error, Operator, TrustImport};
use aar_tls::Certificate;
use aar_types::{Fingerprint, Role, error_chain};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::new_trust::new_trust;

/// A certificate in both folders is a publisher.
const FOLDERS: [(&str, Role); 2] = [
    ("certs/publishers", Role::Publisher),
    ("certs/clients", Role::Client),
];
const LIST: &str = "certs/imported";
const INTERVAL: Duration = Duration::from_secs(10);

/// Keeps the trust store in step with the folders.
pub(super) struct ImportedTrust {
    base: PathBuf,
    operator: Operator,
    /// Messages that were logged, so that each is logged once.
    logged: Mutex<BTreeSet<String>>,
}

/// The content of the folders.
#[derive(Default)]
struct Found {
    certificates: BTreeMap<Fingerprint, (String, Role, Certificate)>,
    /// All files, also those that cannot be read.
    files: BTreeSet<String>,
    unreadable: BTreeSet<String>,
}

impl ImportedTrust {
    pub(super) fn new(base: &Path, operator: Operator) -> Self {
        Self {
            base: base.to_owned(),
            operator,
            logged: Mutex::default(),
        }
    }

    /// Follows the folders until the service stops.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut tick = interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            self.update().await;
        }
    }

    /// Imports new certificates and withdraws those whose file is gone.
    pub(super) async fn update(&self) {
        if let Err(error) = self.try_update().await {
            self.log("certs", &error_chain(&error));
        }
    }

    async fn try_update(&self) -> Result<(), Error> {
        let found = self.scan();
        let listed = aar_fs::if_exists(fs_err::read_to_string(self.base.join(LIST)))?;
        let listed = listed.unwrap_or_default();
        self.restore(&listed).await?;
        let known = self.operator.trust_imports().await?;
        self.import(&found, &known).await;
        for import in known.iter().filter(|import| import.is_active) {
            self.follow(&found, import).await;
        }
        self.write_list(&listed).await
    }

    /// Notes the listed imports that the database does not have.
    async fn restore(&self, listed: &str) -> Result<(), Error> {
        let known = self.operator.trust_imports().await?;
        for line in listed.lines() {
            let Some(import) = parse(line) else { continue };
            if !known.iter().any(|k| k.fingerprint == import.fingerprint) {
                self.operator.update_import(&import).await?;
            }
        }
        Ok(())
    }

    async fn write_list(&self, before: &str) -> Result<(), Error> {
        let known = self.operator.trust_imports().await?;
        let lines = known
            .iter()
            .map(|k| format!("{} {}\n", k.fingerprint, k.file));
        let list: String = lines.collect();
        if list != before {
            aar_fs::replace_with(&self.base.join(LIST), list.as_bytes())?;
        }
        Ok(())
    }

    async fn import(&self, found: &Found, known: &[TrustImport]) {
        let known: BTreeSet<_> = known.iter().map(|import| import.fingerprint).collect();
        for (fingerprint, (file, role, certificate)) in &found.certificates {
            if known.contains(fingerprint) {
                continue;
            }
            let new = new_trust(certificate, *role);
            match self.operator.import_trust(new, file.clone()).await {
                Ok(is_new) => info!(%fingerprint, file, %role, is_new, "certificate imported"),
                Err(error @ Error::CertificateRevoked { .. }) => {
                    self.log(file, &error_chain(&error));
                }
                // The storage may be unreachable; the start does not wait for each certificate.
                Err(error) => return self.log(file, &error_chain(&error)),
            }
        }
    }

    async fn follow(&self, found: &Found, import: &TrustImport) {
        let done = match found.certificates.get(&import.fingerprint) {
            Some((file, _, _)) if *file == import.file => return,
            Some((file, _, _)) => self.rename(import, file).await,
            None if found.is_undecided(&import.file) => return,
            None => self.withdraw(import).await,
        };
        if let Err(error) = done {
            self.log(&import.file, &error_chain(&error));
        }
    }

    async fn rename(&self, import: &TrustImport, file: &str) -> Result<(), Error> {
        let renamed = TrustImport {
            file: file.to_owned(),
            ..import.clone()
        };
        self.operator.update_import(&renamed).await
    }

    async fn withdraw(&self, import: &TrustImport) -> Result<(), Error> {
        if self.operator.withdraw_import(import).await? {
            let TrustImport {
                fingerprint, file, ..
            } = import;
            info!(%fingerprint, file, "certificate withdrawn: its file was removed");
        }
        Ok(())
    }

    fn scan(&self) -> Found {
        let mut found = Found::default();
        for (folder, role) in FOLDERS {
            if let Err(error) = self.scan_folder(folder, role, &mut found) {
                self.log(folder, &error.to_string());
            }
        }
        found
    }

    fn scan_folder(&self, folder: &str, role: Role, found: &mut Found) -> io::Result<()> {
        let Some(entries) = aar_fs::if_exists(fs_err::read_dir(self.base.join(folder)))? else {
            return Ok(());
        };
        for entry in entries {
            let entry = entry?;
            let file = format!("{folder}/{}", entry.file_name().to_string_lossy());
            found.files.insert(file.clone());
            match read(&entry.path()) {
                Ok(certificate) => found.insert(file, role, certificate),
                Err(reason) => {
                    self.log(&file, &reason);
                    found.unreadable.insert(file);
                }
            }
        }
        Ok(())
    }

    fn log(&self, place: &str, reason: &str) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.insert(format!("{place}: {reason}")) {
            warn!(file = place, reason, "no certificate is imported from it");
        }
    }
}

fn parse(line: &str) -> Option<TrustImport> {
    let (fingerprint, file) = line.split_once(' ')?;
    Some(TrustImport {
        fingerprint: fingerprint.parse().ok()?,
        file: file.to_owned(),
        is_active: true,
    })
}

fn read(path: &Path) -> Result<Certificate, String> {
    // Opening a named pipe would wait for a writer.
    if !path.is_file() {
        return Err("it is not a file, or cannot be read".to_owned());
    }
    let file = fs_err::File::open(path).map_err(|error| error.to_string())?;
    Certificate::read_from(file).map_err(|error| error_chain(&error))
}

impl Found {
    fn insert(&mut self, file: String, role: Role, certificate: Certificate) {
        let fingerprint = certificate.fingerprint();
        let new = || (file, role, certificate);
        self.certificates.entry(fingerprint).or_insert_with(new);
    }

    /// Whether a file may still have the certificate that it had: it cannot be read, or its folder has no
    /// files.
    fn is_undecided(&self, file: &str) -> bool {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut files = self.files.iter();
        let has_files = files.any(|other| other.rsplit_once('/').is_some_and(|(f, _)| f == folder));
        self.unreadable.contains(file) || !has_files
    }
}
