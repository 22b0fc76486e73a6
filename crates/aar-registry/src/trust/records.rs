//! Trust as the database has it, where it is looked at and withdrawn.
//!
//! Nobody keeps access because a bucket is away or a folder hangs: the database is where requests are
//! decided, and the storage [learns of it](crate::Operator::settle_trust) after that.

use aar_types::{Clock, Fingerprint, FingerprintPrefix, TrustState};

use super::TrustedCertificate;
use crate::{
    Error, Options, Outcome,
    audit::Actor,
    metadata::{Metadata, Reading, Writing},
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

    /// Withdraws the trust in a certificate, or revokes what was revoked already, which changes
    /// nothing. The storage is owed the news.
    pub async fn withdraw(
        &self,
        fingerprint: &Fingerprint,
        how: Withdrawal,
    ) -> Result<TrustedCertificate, Error> {
        let mut tx = self.metadata.write().await?;
        let known = the_one(certificates(&mut tx).await?, &(*fingerprint).into())?;
        let withdrawn = match (how, known.state) {
            (Withdrawal::Revoke, TrustState::Revoked) => return Ok(known),
            (Withdrawal::Remove, TrustState::Revoked) => {
                let fingerprint = known.fingerprint;
                return Err(Error::CertificateRevoked { fingerprint });
            }
            (Withdrawal::Remove, TrustState::Trusted) => self.remove(&mut tx, known).await?,
            (Withdrawal::Revoke, TrustState::Trusted) => self.revoke(&mut tx, known).await?,
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
        tx.delete_certificate(&known.fingerprint).await?;
        self.record(tx, "trust-remove", &known).await?;
        Ok(known)
    }

    async fn revoke(
        &self,
        tx: &mut Writing,
        known: TrustedCertificate,
    ) -> Result<TrustedCertificate, Error> {
        let Some(mut row) = tx.certificate(&known.fingerprint).await? else {
            return Ok(known);
        };
        row.certificate.state = TrustState::Revoked;
        row.certificate.revoked_at = Some(self.clock.now());
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
        let detail = format!("was {}", was.role);
        let entry = self.actor.entry(at, action, target, Outcome::Done, detail);
        tx.insert_audit(&entry).await
    }

    /// Closes the database.
    pub async fn close(self) {
        self.metadata.close().await;
    }
}

async fn certificates(tx: &mut Reading) -> Result<Vec<TrustedCertificate>, Error> {
    let rows = tx.certificates().await?;
    Ok(rows.into_iter().map(|row| row.certificate).collect())
}

fn in_state(known: Vec<TrustedCertificate>, revoked: bool) -> Vec<TrustedCertificate> {
    let is_wanted = |one: &TrustedCertificate| (one.state == TrustState::Revoked) == revoked;
    known.into_iter().filter(is_wanted).collect()
}

/// The one certificate that a prefix means. Several are refused even when only one of them could
/// be meant: a certificate is too much to guess at.
fn the_one(
    known: Vec<TrustedCertificate>,
    prefix: &FingerprintPrefix,
) -> Result<TrustedCertificate, Error> {
    let mut found: Vec<_> = known
        .into_iter()
        .filter(|one| prefix.matches(&one.fingerprint))
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err(Error::CertificateNotFound {
            prefix: prefix.clone(),
        }),
        (Some(last), false) => Err(Error::CertificateAmbiguous {
            prefix: prefix.clone(),
            candidates: found
                .iter()
                .chain([&last])
                .map(|one| one.fingerprint)
                .collect(),
        }),
    }
}
