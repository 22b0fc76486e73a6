//! What the storage has to say of everything in the database, and whether it does.

use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use serde_json::Value;

use super::Verification;
use crate::{
    Error, Operator, Registry,
    descriptor::{self, CertificateDescriptor, VariantDescriptor, VersionDescriptor, says},
    metadata::{Reading, VersionRow},
    mutation::Mutation,
    storage::ObjectKey,
    trust,
};

/// How many rows are read at once.
const PAGE: u32 = 500;

/// What a second look at a descriptor has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is as it should be.
    Sound,
    /// It is not, and stays like that.
    Differs,
    /// It was not.
    Repaired,
}

impl Verification<'_> {
    /// Everything in the database, against its descriptor.
    pub(super) async fn check_descriptors(&mut self) -> Result<(), Error> {
        let mut keys = described(self.registry);
        while let Some(key) = keys.try_next().await? {
            if self.looks_sound(&key).await? {
                continue;
            }
            let verdict = self.operator.settle(&key, self.options.repair).await?;
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
        Ok(found.is_ok_and(|found| says(key, found.as_ref()) == expected))
    }
}

impl Operator {
    /// Looks a second time at a descriptor that is not as it should be, while nobody can write, and
    /// repairs it on request.
    pub(super) async fn settle(&self, key: &ObjectKey, repair: bool) -> Result<Verdict, Error> {
        let key = key.clone();
        let settle = self.registry.mutate(&self.actor, move |change| {
            Box::pin(settle(change, key, repair))
        });
        settle.await
    }
}

async fn settle(change: &mut Mutation, key: ObjectKey, repair: bool) -> Result<Verdict, Error> {
    let Some(expected) = expected(&mut change.tx, &key).await? else {
        return Ok(Verdict::Sound);
    };
    let found = change
        .registry
        .brief_storage()
        .get(&key)
        .await
        .ok()
        .flatten();
    if says(&key, found.as_ref()).as_ref() == Some(&expected) {
        Ok(Verdict::Sound)
    } else if repair {
        rewrite(change, key, &expected).await
    } else {
        Ok(Verdict::Differs)
    }
}

/// Lets the descriptor say what the database says. A revocation goes the other way; and where the
/// two have different contents for a version, nobody can tell from here which one is meant.
async fn rewrite(
    change: &mut Mutation,
    key: ObjectKey,
    expected: &Value,
) -> Result<Verdict, Error> {
    let target = key.to_string();
    match change.describe(key, expected).await {
        Ok(()) => change.record("repair", target, String::new()).await?,
        Err(Error::CertificateRevoked { fingerprint }) => {
            trust::take_over(change, fingerprint).await?;
        }
        Err(Error::VersionConflict { .. }) => return Ok(Verdict::Differs),
        Err(error) => return Err(error),
    }
    Ok(Verdict::Repaired)
}

/// The names of everything in the database that has a descriptor.
pub(super) fn described(registry: &Registry) -> BoxStream<'static, Result<ObjectKey, Error>> {
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

/// What the descriptor should say, as the database has it now.
pub(super) async fn expected(tx: &mut Reading, key: &ObjectKey) -> Result<Option<Value>, Error> {
    let content = match key {
        ObjectKey::Version(version) => match tx.version(version).await? {
            Some(row) => descriptor::write(key, &VersionDescriptor::from(row))?,
            None => return Ok(None),
        },
        ObjectKey::Variant(variant) => match tx.variant(variant).await? {
            Some(row) => descriptor::write(key, &VariantDescriptor::from(row))?,
            None => return Ok(None),
        },
        ObjectKey::Certificate(fingerprint) => match tx.certificate(fingerprint).await? {
            Some(row) => descriptor::write(key, &CertificateDescriptor::from(row))?,
            None => return Ok(None),
        },
        ObjectKey::Registry | ObjectKey::Blob(_) => return Ok(None),
    };
    Ok(says(key, Some(&content)))
}
