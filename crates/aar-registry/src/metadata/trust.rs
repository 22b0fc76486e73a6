use aar_types::{Fingerprint, Role, TrustState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::{
    Reading, Writing, sql,
    values::{from_name, micros, moment, name_of, parsed},
};
use crate::Error;

/// A certificate that the registry knows, trusted or revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedCertificate {
    /// The SHA-256 of its DER form.
    pub fingerprint: Fingerprint,
    pub state: TrustState,
    /// Unchanged by a revocation.
    pub role: Role,
    pub subject: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub added_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// A certificate with its DER form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustRow {
    pub(crate) certificate: TrustedCertificate,
    pub(crate) der: Vec<u8>,
}

impl TrustRow {
    pub(crate) fn is_revoked(&self) -> bool {
        self.certificate.state == TrustState::Revoked
    }
}

#[derive(FromRow)]
struct CertificateRecord {
    fingerprint: String,
    state: String,
    role: String,
    der: Vec<u8>,
    subject: String,
    not_before: i64,
    not_after: i64,
    added_at: i64,
    revoked_at: Option<i64>,
}

impl CertificateRecord {
    fn read(self) -> Result<TrustRow, Error> {
        let certificate = TrustedCertificate {
            fingerprint: parsed("trust.fingerprint", &self.fingerprint)?,
            state: from_name("trust.state", self.state)?,
            role: parsed("trust.role", &self.role)?,
            subject: self.subject,
            not_before: moment("trust.not_before", self.not_before)?,
            not_after: moment("trust.not_after", self.not_after)?,
            added_at: moment("trust.added_at", self.added_at)?,
            revoked_at: self
                .revoked_at
                .map(|at| moment("trust.revoked_at", at))
                .transpose()?,
        };
        let der = self.der;
        Ok(TrustRow { certificate, der })
    }
}

/// A query for whole rows, with the clauses after the name of the table.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT fingerprint, state, role, der, subject, not_before, not_after, added_at, \
             revoked_at FROM trust ",
            $rest
        )
    };
}

impl Reading {
    /// Oldest first.
    pub(crate) async fn certificates(&mut self) -> Result<Vec<TrustRow>, Error> {
        let rows: Vec<CertificateRecord> = sql!(all
            self,
            select!("ORDER BY added_at, fingerprint")
        )?;
        rows.into_iter().map(CertificateRecord::read).collect()
    }

    pub(crate) async fn certificate(
        &mut self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<TrustRow>, Error> {
        let row: Option<CertificateRecord> = sql!(optional
            self,
            select!("WHERE fingerprint = $1"),
            fingerprint.to_string()
        )?;
        row.map(CertificateRecord::read).transpose()
    }
}

impl Writing {
    /// Inserts a certificate, or updates its state and role.
    pub(crate) async fn put_certificate(&mut self, row: &TrustRow) -> Result<(), Error> {
        let certificate = &row.certificate;
        sql!(execute
            self,
            "INSERT INTO trust (fingerprint, state, role, der, subject, not_before, not_after, \
             added_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (fingerprint) DO UPDATE SET state = excluded.state, \
             role = excluded.role, revoked_at = excluded.revoked_at",
            certificate.fingerprint.to_string(),
            name_of("trust.state", &certificate.state)?,
            certificate.role.as_str(),
            row.der.as_slice(),
            certificate.subject.as_str(),
            micros(certificate.not_before),
            micros(certificate.not_after),
            micros(certificate.added_at),
            certificate.revoked_at.map(micros)
        )?;
        Ok(())
    }

    pub(crate) async fn delete_certificate(
        &mut self,
        fingerprint: &Fingerprint,
    ) -> Result<(), Error> {
        sql!(execute
            self,
            "DELETE FROM trust WHERE fingerprint = $1",
            fingerprint.to_string()
        )?;
        Ok(())
    }
}
