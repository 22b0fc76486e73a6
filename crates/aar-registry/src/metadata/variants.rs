use aar_types::{ApplicationMetadata, ApplicationName, Architecture, Revision};
use sqlx::{AssertSqlSafe, FromRow};

use super::{
    Connection, Reading, VariantKey, Writing, sql,
    values::{from_json, json, number, parsed, placeholders, unsigned},
    versions::VersionRow,
};
use crate::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariantRow {
    pub(crate) key: VariantKey,
    pub(crate) metadata: ApplicationMetadata,
    pub(crate) revision: Revision,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CatalogueFilter<'a> {
    pub(crate) architecture: Option<Architecture>,
    /// At least one of these; empty for any.
    pub(crate) tags: &'a [String],
}

#[derive(FromRow)]
struct VariantRecord {
    application: String,
    architecture: String,
    metadata: String,
    revision: i64,
}

impl VariantRecord {
    fn read(self) -> Result<VariantRow, Error> {
        Ok(VariantRow {
            key: VariantKey {
                name: parsed("variants.application", &self.application)?,
                architecture: parsed("variants.architecture", &self.architecture)?,
            },
            metadata: from_json("variants.metadata", &self.metadata)?,
            revision: Revision(unsigned("variants.revision", self.revision)?),
        })
    }
}

impl CatalogueFilter<'_> {
    /// The conditions on `variants v`, with parameters after the first `before`.
    fn conditions(&self, before: usize) -> String {
        let mut conditions = vec![String::from("1 = 1")];
        let mut used = before;
        if self.architecture.is_some() {
            used += 1;
            conditions.push(format!("v.architecture = ${used}"));
        }
        if !self.tags.is_empty() {
            conditions.push(format!(
                "EXISTS (SELECT 1 FROM variant_tags t WHERE t.application = v.application \
                 AND t.architecture = v.architecture AND t.tag IN ({}))",
                placeholders(used, self.tags.len())
            ));
        }
        conditions.join(" AND ")
    }

    /// The values of the conditions' parameters, in their order.
    fn values(&self) -> impl Iterator<Item = &str> {
        let architecture = self.architecture.iter().map(|one| one.as_str());
        architecture.chain(self.tags.iter().map(String::as_str))
    }

    fn is_everything(&self) -> bool {
        self.architecture.is_none() && self.tags.is_empty()
    }
}

/// Runs a query whose text depends on a filter. The parameters of the filter come after the others.
macro_rules! filtered {
    ($how:ident $tx:expr, $filter:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $tx.connection() {
            Connection::Sqlite(connection) => {
                let mut query = sqlx::query_as(AssertSqlSafe($sql))$(.bind($bind))*;
                for value in $filter.values() {
                    query = query.bind(value);
                }
                query.$how(connection).await
            }
            Connection::Postgres(connection) => {
                let mut query = sqlx::query_as(AssertSqlSafe($sql))$(.bind($bind))*;
                for value in $filter.values() {
                    query = query.bind(value);
                }
                query.$how(connection).await
            }
        }
        .map_err(|error| $tx.failure(error))
    };
}

/// A query for whole rows, with the clauses after the name of the table.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT application, architecture, metadata, revision FROM variants ",
            $rest
        )
    };
}

impl Reading {
    pub(crate) async fn variant(&mut self, key: &VariantKey) -> Result<Option<VariantRow>, Error> {
        let row: Option<VariantRecord> = sql!(optional
            self,
            select!("WHERE application = $1 AND architecture = $2"),
            key.name.as_str(),
            key.architecture.as_str()
        )?;
        row.map(VariantRecord::read).transpose()
    }

    /// Ordered by architecture.
    pub(crate) async fn variants_of(
        &mut self,
        name: &ApplicationName,
    ) -> Result<Vec<VariantRow>, Error> {
        let rows: Vec<VariantRecord> = sql!(all
            self,
            select!("WHERE application = $1 ORDER BY architecture"),
            name.as_str()
        )?;
        rows.into_iter().map(VariantRecord::read).collect()
    }

    /// The variants of a page of applications, ordered by name and architecture.
    pub(crate) async fn variants_page(
        &mut self,
        filter: CatalogueFilter<'_>,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<VariantRow>, Error> {
        let conditions = filter.conditions(2);
        let sql = format!(
            "SELECT v.application, v.architecture, v.metadata, v.revision FROM variants v \
             JOIN (SELECT DISTINCT v.application AS name FROM variants v WHERE {conditions} \
             ORDER BY v.application LIMIT $1 OFFSET $2) page ON page.name = v.application \
             WHERE {conditions} ORDER BY v.application, v.architecture"
        );
        let rows: Vec<VariantRecord> =
            filtered!(fetch_all self, filter, sql, number(limit), number(offset))?;
        rows.into_iter().map(VariantRecord::read).collect()
    }

    /// The versions of all variants that match, for applications from `first` to `last`; ordered by
    /// name, architecture and number.
    pub(crate) async fn versions_between(
        &mut self,
        filter: CatalogueFilter<'_>,
        first: &ApplicationName,
        last: &ApplicationName,
    ) -> Result<Vec<VersionRow>, Error> {
        let sql = format!(
            "SELECT n.application, n.architecture, n.number, n.published, n.created_at, \
             n.manifest, n.fingerprint, n.digest, n.size, n.revision FROM variants v \
             JOIN versions n ON n.application = v.application AND n.architecture = v.architecture \
             WHERE v.application >= $1 AND v.application <= $2 AND {} \
             ORDER BY n.application, n.architecture, n.number",
            filter.conditions(2)
        );
        let rows: Vec<super::versions::VersionRecord> =
            filtered!(fetch_all self, filter, sql, first.as_str(), last.as_str())?;
        rows.into_iter()
            .map(super::versions::VersionRecord::read)
            .collect()
    }

    pub(crate) async fn count_applications(
        &mut self,
        filter: CatalogueFilter<'_>,
    ) -> Result<u64, Error> {
        let (count,): (i64,) = if filter.is_everything() {
            sql!(one self, "SELECT COUNT(DISTINCT application) FROM variants")?
        } else {
            let sql = format!(
                "SELECT COUNT(DISTINCT v.application) FROM variants v WHERE {}",
                filter.conditions(0)
            );
            filtered!(fetch_one self, filter, sql)?
        };
        unsigned("variants", count)
    }

    pub(crate) async fn variants_without_versions(&mut self) -> Result<Vec<VariantKey>, Error> {
        let rows: Vec<(String, String)> = sql!(all
            self,
            "SELECT application, architecture FROM variants v WHERE NOT EXISTS \
             (SELECT 1 FROM versions n WHERE n.application = v.application \
             AND n.architecture = v.architecture) ORDER BY application, architecture"
        )?;
        let read = |(name, architecture): (String, String)| {
            Ok(VariantKey {
                name: parsed("variants.application", &name)?,
                architecture: parsed("variants.architecture", &architecture)?,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// A page of variants, in the order of their keys, after the given one.
    pub(crate) async fn variants_after(
        &mut self,
        after: Option<&VariantKey>,
        limit: u32,
    ) -> Result<Vec<VariantRow>, Error> {
        let (name, architecture) = after.map_or(("", ""), |key| {
            (key.name.as_str(), key.architecture.as_str())
        });
        let rows: Vec<VariantRecord> = sql!(all
            self,
            select!(
                "WHERE (application, architecture) > ($1, $2) \
                 ORDER BY application, architecture LIMIT $3"
            ),
            name,
            architecture,
            i64::from(limit)
        )?;
        rows.into_iter().map(VariantRecord::read).collect()
    }
}

impl Writing {
    pub(crate) async fn put_variant(&mut self, row: &VariantRow) -> Result<(), Error> {
        let (name, architecture) = (row.key.name.as_str(), row.key.architecture.as_str());
        sql!(execute
            self,
            "INSERT INTO variants (application, architecture, metadata, revision) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (application, architecture) DO UPDATE SET \
             metadata = excluded.metadata, revision = excluded.revision",
            name,
            architecture,
            json("variants.metadata", &row.metadata)?,
            number(row.revision.0)
        )?;
        sql!(execute
            self,
            "DELETE FROM variant_tags WHERE application = $1 AND architecture = $2",
            name,
            architecture
        )?;
        for tag in &row.metadata.tags {
            sql!(execute
                self,
                "INSERT INTO variant_tags (application, architecture, tag) VALUES ($1, $2, $3) \
                 ON CONFLICT DO NOTHING",
                name,
                architecture,
                tag.as_str()
            )?;
        }
        Ok(())
    }

    pub(crate) async fn delete_variant(&mut self, key: &VariantKey) -> Result<(), Error> {
        sql!(execute
            self,
            "DELETE FROM variants WHERE application = $1 AND architecture = $2",
            key.name.as_str(),
            key.architecture.as_str()
        )?;
        Ok(())
    }
}
