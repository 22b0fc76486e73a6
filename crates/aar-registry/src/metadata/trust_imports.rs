use aar_types::Fingerprint;
use sqlx::FromRow;

use super::{Reading, Writing, sql, values::parsed};
use crate::Error;

/// A certificate that was imported from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustImport {
    /// The SHA-256 of its DER form.
    pub fingerprint: Fingerprint,
    /// The file, below the base folder.
    pub file: String,
    /// Whether its trust ends when the file is removed.
    pub is_active: bool,
}

#[derive(FromRow)]
struct ImportRecord {
    fingerprint: String,
    file: String,
    active: bool,
}

impl ImportRecord {
    fn read(self) -> Result<TrustImport, Error> {
        Ok(TrustImport {
            fingerprint: parsed("trust_imports.fingerprint", &self.fingerprint)?,
            file: self.file,
            is_active: self.active,
        })
    }
}

impl Reading {
    pub(crate) async fn trust_imports(&mut self) -> Result<Vec<TrustImport>, Error> {
        let rows: Vec<ImportRecord> = sql!(all
            self,
            "SELECT fingerprint, file, active FROM trust_imports ORDER BY fingerprint"
        )?;
        rows.into_iter().map(ImportRecord::read).collect()
    }
}

impl Writing {
    /// Inserts or replaces an import.
    pub(crate) async fn put_trust_import(&mut self, import: &TrustImport) -> Result<(), Error> {
        sql!(execute
            self,
            "INSERT INTO trust_imports (fingerprint, file, active) VALUES ($1, $2, $3) \
             ON CONFLICT (fingerprint) DO UPDATE SET file = excluded.file, active = excluded.active",
            import.fingerprint.to_string(),
            import.file.as_str(),
            import.is_active
        )?;
        Ok(())
    }
}
