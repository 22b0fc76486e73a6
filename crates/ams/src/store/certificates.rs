use aar_tls::Certificate;
use aar_types::Fingerprint;

use super::{Store, rows::corrupt};
use crate::Error;

impl Store {
    /// All trusted certificates, oldest first.
    pub(crate) async fn certificates(&self) -> Result<Vec<Certificate>, Error> {
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT der FROM certificates ORDER BY added_at, fingerprint")
                .fetch_all(self.readers())
                .await?;
        let certificates = rows.iter().map(|der| Certificate::from_der(der));
        certificates
            .collect::<Result<_, _>>()
            .map_err(|e| corrupt("certificate", &e))
    }

    /// `false` if the certificate is stored already.
    pub(crate) async fn add_certificate(
        &self,
        certificate: &Certificate,
        added_at: i64,
    ) -> Result<bool, Error> {
        let statement = sqlx::query(
            "INSERT INTO certificates (fingerprint, der, added_at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )
        .bind(certificate.fingerprint().to_string())
        .bind(certificate.der())
        .bind(added_at);
        Ok(self.execute(statement).await? > 0)
    }

    /// `false` if there is no such certificate.
    pub(crate) async fn remove_certificate(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<bool, Error> {
        let statement = sqlx::query("DELETE FROM certificates WHERE fingerprint = ?1")
            .bind(fingerprint.to_string());
        Ok(self.execute_from_reserve(statement).await? > 0)
    }
}
