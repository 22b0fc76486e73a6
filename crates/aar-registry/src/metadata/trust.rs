use aar_types::{Fingerprint, TrustState};
use sqlx::FromRow;

use super::{
    Reading, Writing, sql,
    values::{from_name, micros, moment, name_of, parsed},
};
use crate::{Error, TrustedCertificate};

/// A certificate the registry knows, with its DER form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustRow {
    pub(crate) certificate: TrustedCertificate,
    pub(crate) der: Vec<u8>,
}

impl TrustRow {
    /// Whether the certificate can never be trusted again.
    pub(crate) fn is_revoked(&self) -> bool {
        self.certificate.state == TrustState::Revoked
    }
}

#[derive(FromRow)]
struct Raw {
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

impl Raw {
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

/// Whole rows, with what follows on the name of the table.
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
    /// Every certificate, oldest first.
    pub(crate) async fn certificates(&mut self) -> Result<Vec<TrustRow>, Error> {
        let rows: Vec<Raw> = sql!(all
            self,
            select!("ORDER BY added_at, fingerprint")
        )?;
        rows.into_iter().map(Raw::read).collect()
    }

    pub(crate) async fn certificate(
        &mut self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<TrustRow>, Error> {
        let row: Option<Raw> = sql!(optional
            self,
            select!("WHERE fingerprint = $1"),
            fingerprint.to_string()
        )?;
        row.map(Raw::read).transpose()
    }

    /// The certificates of which the storage does not know yet what became of them.
    pub(crate) async fn owed_descriptors(&mut self) -> Result<Vec<Fingerprint>, Error> {
        let rows: Vec<(String,)> = sql!(all
            self,
            "SELECT fingerprint FROM trust_owed ORDER BY fingerprint"
        )?;
        let read = |(fingerprint,): (String,)| parsed("trust_owed.fingerprint", &fingerprint);
        rows.into_iter().map(read).collect()
    }
}

impl Writing {
    /// Puts a certificate, new or in place of what is known of it.
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

    /// Notes that the storage does not know yet what became of a certificate.
    pub(crate) async fn owe_descriptor(&mut self, fingerprint: &Fingerprint) -> Result<(), Error> {
        sql!(execute
            self,
            "INSERT INTO trust_owed (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING",
            fingerprint.to_string()
        )?;
        Ok(())
    }

    /// Notes that the storage knows it now.
    pub(crate) async fn descriptor_is_settled(
        &mut self,
        fingerprint: &Fingerprint,
    ) -> Result<(), Error> {
        sql!(execute
            self,
            "DELETE FROM trust_owed WHERE fingerprint = $1",
            fingerprint.to_string()
        )?;
        Ok(())
    }
}
