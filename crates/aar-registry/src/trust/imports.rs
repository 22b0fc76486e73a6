//! Trust that is imported from files, such as those of the registry that this one replaces.
//!
//! A certificate is imported once, whatever becomes of its trust later. While an import is active, the
//! removal of its file withdraws the trust.

use aar_types::TrustState;

use super::{NewTrust, check_storage, trusted};
use crate::{
    Error, Operator, TrustImport,
    metadata::TrustRow,
    mutation::{Mutation, Space},
};

impl Operator {
    /// All certificates that were ever imported.
    pub async fn trust_imports(&self) -> Result<Vec<TrustImport>, Error> {
        self.registry.metadata().read().await?.trust_imports().await
    }

    /// Trusts a certificate of a file, and returns whether it was added. A certificate that is known keeps its
    /// state and role.
    pub async fn import_trust(&self, new: NewTrust, file: String) -> Result<bool, Error> {
        let import = TrustImport {
            fingerprint: new.fingerprint,
            file,
            is_active: true,
        };
        let check = check_storage(self.registry.clone(), new.clone());
        let added = self
            .registry
            .mutate_after(&self.actor, Space::Volume, check, {
                let import = import.clone();
                |change| Box::pin(add(change, new, import))
            });
        match added.await {
            Ok(false) => self.update_import(&import).await.map(|()| false),
            added => added,
        }
    }

    /// Notes the file of a known import, or that it is no longer active.
    pub async fn update_import(&self, import: &TrustImport) -> Result<(), Error> {
        let mut tx = self.registry.write().await?;
        tx.put_trust_import(import).await?;
        tx.commit().await
    }

    /// Withdraws the trust of an import whose file is gone, and returns whether it was trusted.
    pub async fn withdraw_import(&self, import: &TrustImport) -> Result<bool, Error> {
        let ended = TrustImport {
            is_active: false,
            ..import.clone()
        };
        let withdrawn = self
            .registry
            .mutate_from_reserve(&self.actor, {
                let ended = ended.clone();
                |change| Box::pin(withdraw(change, ended))
            })
            .await?;
        if !withdrawn {
            self.update_import(&ended).await?;
        }
        Ok(withdrawn)
    }
}

async fn add(change: &mut Mutation, new: NewTrust, import: TrustImport) -> Result<bool, Error> {
    if change.tx.certificate(&new.fingerprint).await?.is_some() {
        return Ok(false);
    }
    let detail = format!("as {}, from {}", new.role, import.file);
    let row = trusted(new, change.at);
    change.tx.put_trust_import(&import).await?;
    change.put_certificate(row, "trust-add", detail).await?;
    Ok(true)
}

async fn withdraw(change: &mut Mutation, ended: TrustImport) -> Result<bool, Error> {
    let known = change.tx.certificate(&ended.fingerprint).await?;
    let Some(TrustRow { certificate, .. }) = known else {
        return Ok(false);
    };
    if certificate.state == TrustState::Revoked {
        return Ok(false);
    }
    change.tx.put_trust_import(&ended).await?;
    change.remove_certificate(&certificate.fingerprint).await?;
    let detail = format!("was {}, {} was removed", certificate.role, ended.file);
    let target = certificate.fingerprint.to_string();
    change.record("trust-remove", target, detail).await?;
    Ok(true)
}
