//! Trust as the database has it, where the storage cannot be reached.
//!
//! Nobody keeps access because a bucket is away: trust is withdrawn in the database, where requests
//! are decided, and the storage [learns of it](Operator::settle_trust) as soon as it is back. Trust
//! is given with the storage only.

use aar_types::{Clock, Fingerprint, FingerprintPrefix};

use super::{TrustedCertificate, certificates, check_removable, in_state, revoked, the_one};
use crate::{
    Error, Operator, Options, Outcome,
    audit::Actor,
    blobs::Key,
    descriptor::CertificateDescriptor,
    metadata::{Metadata, Writing},
    mutation::Mutation,
};

/// The trust of a registry, without its storage.
#[derive(Debug)]
pub struct TrustRecords {
    metadata: Metadata,
    clock: Clock,
    actor: Actor,
}

/// How trust is withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// The certificate is forgotten. It can be added again.
    Remove,
    /// The certificate is revoked, for ever.
    Revoke,
}

impl TrustRecords {
    /// Opens the database of a registry alone. What is done is recorded under the operator's name.
    pub async fn open(options: &Options, operator: &str) -> Result<Self, Error> {
        let metadata = Metadata::open(&options.database).await?;
        if metadata.read().await?.registry().await?.is_none() {
            metadata.close().await;
            return Err(Error::EmptyDatabase);
        }
        Ok(Self {
            metadata,
            clock: options.clock.clone(),
            actor: Actor::Operator(operator.to_owned()),
        })
    }

    /// The trusted certificates, or the revoked ones, oldest first.
    pub async fn list(&self, revoked: bool) -> Result<Vec<TrustedCertificate>, Error> {
        let known = certificates(&mut self.metadata.read().await?).await?;
        Ok(in_state(known, revoked))
    }

    /// Finds the one certificate whose fingerprint begins like this, trusted or revoked.
    pub async fn find(&self, prefix: &FingerprintPrefix) -> Result<TrustedCertificate, Error> {
        the_one(
            certificates(&mut self.metadata.read().await?).await?,
            prefix,
        )
    }

    /// Withdraws the trust in a certificate. The storage is owed the news.
    pub async fn withdraw(
        &self,
        fingerprint: &Fingerprint,
        how: Withdrawal,
    ) -> Result<TrustedCertificate, Error> {
        let mut tx = self.metadata.write().await?;
        let known = the_one(certificates(&mut tx).await?, &(*fingerprint).into())?;
        let withdrawn = match how {
            Withdrawal::Remove => self.remove(&mut tx, known).await?,
            Withdrawal::Revoke => self.revoke(&mut tx, known).await?,
        };
        tx.owe_descriptor(fingerprint).await?;
        tx.next_trust_revision().await?;
        tx.commit().await?;
        Ok(withdrawn)
    }

    async fn remove(
        &self,
        tx: &mut Writing,
        known: TrustedCertificate,
    ) -> Result<TrustedCertificate, Error> {
        check_removable(&known)?;
        tx.delete_certificate(&known.fingerprint).await?;
        self.record(tx, "trust-remove", &known).await?;
        Ok(known)
    }

    async fn revoke(
        &self,
        tx: &mut Writing,
        known: TrustedCertificate,
    ) -> Result<TrustedCertificate, Error> {
        let Some(row) = tx.certificate(&known.fingerprint).await? else {
            return Ok(known);
        };
        if row.is_revoked() {
            return Ok(known);
        }
        let row = revoked(row, self.clock.now());
        tx.put_certificate(&row).await?;
        self.record(tx, "trust-revoke", &known).await?;
        Ok(row.certificate)
    }

    async fn record(
        &self,
        tx: &mut Writing,
        action: &str,
        was: &TrustedCertificate,
    ) -> Result<(), Error> {
        let (at, target) = (self.clock.now(), was.fingerprint.to_string());
        let detail = format!("was {}; the storage learns of it later", was.role);
        let entry = self.actor.entry(at, action, target, Outcome::Done, detail);
        tx.insert_audit(&entry).await
    }

    /// Closes the database.
    pub async fn close(self) {
        self.metadata.close().await;
    }
}

impl Operator {
    /// Tells the storage what became of certificates while it could not be reached, and which they
    /// were.
    pub async fn settle_trust(&self) -> Result<Vec<Fingerprint>, Error> {
        let owed = self
            .registry
            .metadata()
            .read()
            .await?
            .owed_descriptors()
            .await?;
        for fingerprint in &owed {
            let fingerprint = *fingerprint;
            let settle = self.registry.mutate(&self.actor, move |change| {
                Box::pin(settle(change, fingerprint))
            });
            settle.await?;
        }
        Ok(owed)
    }
}

async fn settle(change: &mut Mutation, fingerprint: Fingerprint) -> Result<(), Error> {
    let known_to_be_revoked = super::take_over(change, fingerprint).await?;
    let key = Key::Certificate(fingerprint);
    match change.tx.certificate(&fingerprint).await? {
        _ if known_to_be_revoked => {}
        Some(row) => {
            let descriptor = CertificateDescriptor::from(row);
            change.describe(key, &descriptor).await?;
        }
        None => change.forget(key).await?,
    }
    change.tx.descriptor_is_settled(&fingerprint).await?;
    let (target, detail) = (fingerprint.to_string(), "in the storage".to_owned());
    change.record("trust-settle", target, detail).await
}
