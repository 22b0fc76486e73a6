//! Compares descriptors with the database.

use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use serde_json::Value;

use super::{
    Verification,
    compare::{Comparison, expected},
};
use crate::{
    Error, Operator, Registry,
    descriptor::{check_replacement, normalized},
    metadata::VersionRow,
    mutation::Mutation,
    storage::ObjectKey,
};

/// The number of rows in one query.
const PAGE: u32 = 500;

/// The result of a second check of a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Sound,
    /// It differs and was not repaired.
    Differs,
    Repaired,
}

impl Verification<'_> {
    /// Checks that every row has the correct descriptor.
    pub(super) async fn check_descriptors(&mut self) -> Result<(), Error> {
        let mut keys = described_keys(self.registry);
        while let Some(key) = keys.try_next().await? {
            if self.looks_sound(&key).await? {
                continue;
            }
            let verdict = self.operator.check(&key, self.options.repair).await?;
            if verdict != Verdict::Sound {
                self.report.undescribed.push(key.to_string());
            }
            if verdict == Verdict::Repaired {
                self.report.repaired.push(key.to_string());
            }
        }
        Ok(())
    }

    async fn looks_sound(&self, key: &ObjectKey) -> Result<bool, Error> {
        let mut tx = self.registry.metadata().read().await?;
        let expected = expected(&mut tx, key).await?;
        drop(tx);
        let found = self.registry.storage().get(key).await;
        Ok(found.is_ok_and(|found| normalized(key, found.as_ref()) == expected))
    }
}

impl Operator {
    /// Checks a second time a descriptor that seems to differ, and repairs it on request. An unreadable
    /// descriptor counts as missing.
    pub(super) async fn check(&self, key: &ObjectKey, repair: bool) -> Result<Verdict, Error> {
        let Comparison { expected, stored } = self.registry.compare(key).await?;
        let stored = stored.ok().flatten();
        match expected {
            Some(expected) if normalized(key, stored.as_ref()).as_ref() != Some(&expected) => {
                if repair {
                    self.repair(key, stored, expected).await
                } else {
                    Ok(Verdict::Differs)
                }
            }
            _ => Ok(Verdict::Sound),
        }
    }

    /// Rewrites the descriptor from the database. A revocation is adopted from storage instead. If both have
    /// different content for a version, the correct one is unknown.
    async fn repair(
        &self,
        key: &ObjectKey,
        stored: Option<Bytes>,
        expected: Value,
    ) -> Result<Verdict, Error> {
        let content = serde_json::to_vec(&expected).unwrap_or_default();
        let repaired = match check_replacement(key, stored.as_deref(), Some(&content)) {
            Ok(()) => {
                let key = key.clone();
                let rewrite = self.registry.mutate(&self.actor, move |change| {
                    Box::pin(rewrite(change, key, expected))
                });
                rewrite.await
            }
            Err(conflict) => Err(conflict),
        };
        match repaired {
            Err(Error::CertificateRevoked { fingerprint }) => {
                self.registry
                    .adopt_revocation(&self.actor, fingerprint)
                    .await?;
                Ok(Verdict::Repaired)
            }
            Err(Error::VersionConflict { .. }) => Ok(Verdict::Differs),
            repaired => repaired,
        }
    }
}

async fn rewrite(change: &mut Mutation, key: ObjectKey, content: Value) -> Result<Verdict, Error> {
    if expected(&mut change.tx, &key).await?.as_ref() != Some(&content) {
        // Changed since, and delivered with that change.
        return Ok(Verdict::Sound);
    }
    let target = key.to_string();
    change.describe(key, &content).await?;
    change.record("repair", target, String::new()).await?;
    Ok(Verdict::Repaired)
}

/// The keys of all rows that have a descriptor.
pub(super) fn described_keys(registry: &Registry) -> BoxStream<'static, Result<ObjectKey, Error>> {
    let all = versions(registry.clone())
        .chain(variants(registry.clone()))
        .chain(certificates(registry.clone()));
    all.map_ok(|page| stream::iter(page).map(Ok))
        .try_flatten()
        .boxed()
}

type Pages = BoxStream<'static, Result<Vec<ObjectKey>, Error>>;

fn versions(registry: Registry) -> Pages {
    let pages = stream::try_unfold((registry, None), async |(registry, after)| {
        let mut tx = registry.metadata().read().await?;
        let page = tx.versions_after(after.as_ref(), PAGE).await?;
        drop(tx);
        Ok(page.last().map(VersionRow::key).map(|last| {
            let keys = page.iter().map(|row| ObjectKey::Version(row.key()));
            (keys.collect(), (registry, Some(last)))
        }))
    });
    pages.boxed()
}

fn variants(registry: Registry) -> Pages {
    let pages = stream::try_unfold((registry, None), async |(registry, after)| {
        let mut tx = registry.metadata().read().await?;
        let page = tx.variants_after(after.as_ref(), PAGE).await?;
        drop(tx);
        Ok(page.last().map(|row| row.key.clone()).map(|last| {
            let keys = page.into_iter().map(|row| ObjectKey::Variant(row.key));
            (keys.collect(), (registry, Some(last)))
        }))
    });
    pages.boxed()
}

fn certificates(registry: Registry) -> Pages {
    let page = async move {
        let rows = registry.metadata().read().await?.certificates().await?;
        let keys = rows
            .into_iter()
            .map(|row| ObjectKey::Certificate(row.certificate.fingerprint));
        Ok(keys.collect())
    };
    stream::once(page).boxed()
}
