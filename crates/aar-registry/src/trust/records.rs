//! Trust in the database alone, which decides requests.

use aar_types::{Clock, Fingerprint, FingerprintPrefix, TrustState};

use crate::{
    Error, Options, Outcome, TrustedCertificate,
    actor::Actor,
    descriptor::{self, CertificateDescriptor},
    metadata::{Metadata, Reading, TrustRow, Writing, now},
    storage::ObjectKey,
};

/// The trust of a registry, without its storage.
#[derive(Debug)]
pub struct TrustRecords {
    metadata: Metadata,
    clock: Clock,
    actor: Actor,
}

/// A way to withdraw trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// The certificate is deleted. It can be added again.
    Remove,
    /// The certificate is revoked permanently.
    Revoke,
}

impl TrustRecords {
    /// Opens only the database of a registry. Changes are recorded under the name of the operator.
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
        let mut known = certificates(&mut self.metadata.read().await?).await?;
        known.retain(|one| (one.state == TrustState::Revoked) == revoked);
        Ok(known)
    }

    /// The one certificate whose fingerprint begins with `prefix`, trusted or revoked.
    pub async fn find(&self, prefix: &FingerprintPrefix) -> Result<TrustedCertificate, Error> {
        find(&mut self.metadata.read().await?, prefix).await
    }

    /// Withdraws the trust in a certificate at once.
    /// [`Operator::deliver_outbox`](crate::Operator::deliver_outbox) updates storage. Revoking again changes
    /// nothing.
    pub async fn withdraw(
        &self,
        fingerprint: &Fingerprint,
        how: Withdrawal,
    ) -> Result<TrustedCertificate, Error> {
        let mut tx = self.metadata.write_from_reserve().await?;
        let known = find(&mut tx, &(*fingerprint).into()).await?;
        let withdrawn = match (how, known.state) {
            (Withdrawal::Revoke, TrustState::Revoked) => return Ok(known),
            (Withdrawal::Remove, TrustState::Revoked) => {
                let fingerprint = known.fingerprint;
                return Err(Error::CertificateRevoked { fingerprint });
            }
            (Withdrawal::Remove, TrustState::Trusted) => self.remove(&mut tx, known).await?,
            (Withdrawal::Revoke, TrustState::Trusted) => self.revoke(&mut tx, known).await?,
        };
        tx.next_trust_revision().await?;
        tx.commit().await?;
        Ok(withdrawn)
    }

    async fn remove(
        &self,
        tx: &mut Writing,
        known: TrustedCertificate,
    ) -> Result<TrustedCertificate, Error> {
        let key = ObjectKey::Certificate(known.fingerprint);
        tx.delete_certificate(&known.fingerprint).await?;
        tx.put_outbox_entry(&key.to_string(), None).await?;
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
        row.certificate.revoked_at = Some(now(&self.clock));
        tx.put_certificate(&row).await?;
        let revoked = row.certificate.clone();
        put_descriptor(tx, row).await?;
        self.record(tx, "trust-revoke", &known).await?;
        Ok(revoked)
    }

    async fn record(
        &self,
        tx: &mut Writing,
        action: &str,
        was: &TrustedCertificate,
    ) -> Result<(), Error> {
        let (at, target) = (now(&self.clock), was.fingerprint.to_string());
        let detail = format!("was {}", was.role);
        let entry = self.actor.entry(at, action, target, Outcome::Done, detail);
        tx.insert_audit(&entry).await
    }

    pub async fn close(self) {
        self.metadata.close().await;
    }
}

async fn put_descriptor(tx: &mut Writing, row: TrustRow) -> Result<(), Error> {
    let key = ObjectKey::Certificate(row.certificate.fingerprint);
    let content = descriptor::write(&key, &CertificateDescriptor::from(row))?;
    tx.put_outbox_entry(&key.to_string(), Some(&content)).await
}

async fn certificates(tx: &mut Reading) -> Result<Vec<TrustedCertificate>, Error> {
    let rows = tx.certificates().await?;
    Ok(rows.into_iter().map(|row| row.certificate).collect())
}

/// Several matches are refused even if only one of them fits the action: trust is not guessed.
async fn find(tx: &mut Reading, prefix: &FingerprintPrefix) -> Result<TrustedCertificate, Error> {
    let mut found = certificates(tx).await?;
    found.retain(|one| prefix.matches(&one.fingerprint));
    let prefix = prefix.clone();
    match found.len() {
        0 => Err(Error::CertificateNotFound { prefix }),
        1 => Ok(found.remove(0)),
        _ => Err(Error::CertificateAmbiguous {
            prefix,
            candidates: found.iter().map(|one| one.fingerprint).collect(),
        }),
    }
}
