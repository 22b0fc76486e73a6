//! The trust store: certificates of API clients and of the registry.
//!
//! Every request is checked against a table in memory. A change is written to the database, then
//! applied to the table, then announced to [watchers](Trust::changes), which close the connections
//! of removed certificates.

use std::{collections::BTreeMap, sync::Arc};

use aar_tls::Certificate;
use aar_types::{Clock, Fingerprint, FingerprintPrefix};
use ams_api::FingerprintPrefixTooShort;
use arc_swap::ArcSwap;
use tokio::sync::{Mutex, watch};

use crate::{Error, events::Events, store::Store};

/// The trust store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Trust(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    events: Events,
    clock: Clock,
    table: ArcSwap<BTreeMap<Fingerprint, Certificate>>,
    changes: watch::Sender<u64>,
    write_lock: Mutex<()>,
}

impl Trust {
    pub(crate) async fn open(store: Store, events: Events, clock: Clock) -> Result<Self, Error> {
        let table = ArcSwap::from_pointee(load(&store).await?);
        Ok(Self(Arc::new(Inner {
            store,
            events,
            clock,
            table,
            changes: watch::Sender::new(0),
            write_lock: Mutex::new(()),
        })))
    }

    /// Whether the certificate with this fingerprint is trusted.
    pub fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.0.table.load().contains_key(fingerprint)
    }

    /// All trusted certificates, ordered by fingerprint.
    pub fn list(&self) -> Vec<Certificate> {
        self.0.table.load().values().cloned().collect()
    }

    /// The trusted certificate whose fingerprint starts with the prefix.
    pub fn find(&self, prefix: &FingerprintPrefix) -> Result<Option<Certificate>, Error> {
        let table = self.0.table.load();
        let mut matching = table
            .values()
            .filter(|known| prefix.matches(&known.fingerprint()));
        match (matching.next(), matching.next()) {
            (found, None) => Ok(found.cloned()),
            _ => Err(Error::CertificateAmbiguous(prefix.to_string())),
        }
    }

    pub async fn add(&self, certificate: &Certificate) -> Result<(), Error> {
        let (trust, certificate) = (self.clone(), certificate.clone());
        tokio::spawn(async move { trust.insert(&certificate).await }).await?
    }

    /// Removes the certificate whose fingerprint starts with the prefix.
    pub async fn remove(&self, prefix: &FingerprintPrefix) -> Result<Certificate, Error> {
        let certificate = self.resolve(prefix)?;
        let (trust, gone) = (self.clone(), certificate.fingerprint());
        tokio::spawn(async move { trust.delete(&gone).await }).await??;
        Ok(certificate)
    }

    /// The certificate that a request names. Refuses short prefixes: a typo must not name another
    /// certificate.
    pub(crate) fn resolve(&self, prefix: &FingerprintPrefix) -> Result<Certificate, Error> {
        FingerprintPrefixTooShort::check(prefix)
            .map_err(|error| Error::field("fingerprint", error))?;
        let not_found = || Error::CertificateNotFound(prefix.to_string());
        self.find(prefix)?.ok_or_else(not_found)
    }

    /// Changes after every change took effect.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    async fn insert(&self, certificate: &Certificate) -> Result<(), Error> {
        let fingerprint = certificate.fingerprint();
        let _lock = self.0.write_lock.lock().await;
        let now = self.0.clock.now().as_second();
        if !self.0.store.add_certificate(certificate, now).await? {
            return Err(Error::CertificateExists(fingerprint));
        }
        let mut table = BTreeMap::clone(&self.0.table.load());
        table.insert(fingerprint, certificate.clone());
        self.publish(table, "certificate-added", &fingerprint);
        Ok(())
    }

    async fn delete(&self, fingerprint: &Fingerprint) -> Result<(), Error> {
        let _lock = self.0.write_lock.lock().await;
        if !self.0.store.remove_certificate(fingerprint).await? {
            return Err(Error::CertificateNotFound(fingerprint.to_string()));
        }
        let mut table = BTreeMap::clone(&self.0.table.load());
        table.remove(fingerprint);
        self.publish(table, "certificate-removed", fingerprint);
        Ok(())
    }

    fn publish(
        &self,
        table: BTreeMap<Fingerprint, Certificate>,
        action: &'static str,
        fingerprint: &Fingerprint,
    ) {
        self.0.table.store(Arc::new(table));
        self.0.changes.send_modify(|count| *count += 1);
        let source = format!("/1.0/certificates/{fingerprint}");
        self.0.events.lifecycle(action, source);
    }
}

async fn load(store: &Store) -> Result<BTreeMap<Fingerprint, Certificate>, Error> {
    let certificates = store.certificates().await?.into_iter();
    Ok(certificates
        .map(|known| (known.fingerprint(), known))
        .collect())
}
