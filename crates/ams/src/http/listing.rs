//! What every collection understands: `recursion`, `offset` and `limit`.

use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::Value;

use super::{envelope::Page, error::ApiError};

/// How a collection is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Listing {
    /// Whether the entries are wanted instead of their addresses.
    #[serde(deserialize_with = "zero_or_one")]
    pub(super) recursion: bool,
    offset: i64,
    limit: i64,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            recursion: false,
            offset: 0,
            limit: -1,
        }
    }
}

impl Listing {
    /// The wanted part of a collection, as entries or as their addresses.
    pub(super) fn page<T: Serialize>(
        self,
        entries: Vec<T>,
        address: impl Fn(&T) -> String,
    ) -> Result<Page<Value>, ApiError> {
        let total = entries.len() as u64;
        let (offset, limit) = self.bounds()?;
        let part = entries.into_iter().skip(offset).take(limit);
        let show = |entry: T| {
            if self.recursion {
                serde_json::to_value(entry).map_err(ApiError::internal)
            } else {
                Ok(Value::String(address(&entry)))
            }
        };
        let entries = part.map(show).collect::<Result<_, _>>()?;
        Ok(Page { entries, total })
    }

    /// The same part, always as entries.
    pub(super) fn whole(self) -> Self {
        Self {
            recursion: true,
            ..self
        }
    }

    fn bounds(self) -> Result<(usize, usize), ApiError> {
        let offset = usize::try_from(self.offset)
            .map_err(|_| ApiError::BadRequest("offset must not be negative".to_owned()))?;
        let limit = match self.limit {
            -1 => usize::MAX,
            limit => usize::try_from(limit).map_err(|_| {
                ApiError::BadRequest("limit must be -1 (all) or not negative".to_owned())
            })?,
        };
        Ok((offset, limit))
    }
}

/// Reads the switches of the API, which are written as numbers.
pub(super) fn zero_or_one<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    match &*String::deserialize(from)? {
        "" | "0" => Ok(false),
        "1" => Ok(true),
        other => Err(D::Error::custom(format_args!(
            "{other:?} is neither 0 nor 1"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use axum::{extract::Query, http::Uri};
    use serde_json::json;

    use super::*;

    fn listing(query: &str) -> Result<Listing, String> {
        let uri: Uri = format!("/?{query}").parse().unwrap();
        Query::try_from_uri(&uri)
            .map(|Query(listing)| listing)
            .map_err(|error| error.body_text())
    }

    fn page(query: &str) -> (Vec<Value>, u64) {
        let page = listing(query)
            .unwrap()
            .page(vec![1, 2, 3], |n| format!("/n/{n}"))
            .unwrap();
        (page.entries, page.total)
    }

    #[test]
    fn a_page_is_a_part_and_tells_the_size_of_the_whole() {
        assert_eq!(page("recursion=1"), (vec![json!(1), json!(2), json!(3)], 3));
        assert_eq!(page("recursion=1&offset=1&limit=1"), (vec![json!(2)], 3));
        assert_eq!(page("offset=2"), (vec![json!("/n/3")], 3));
        assert_eq!(page("offset=9&limit=-1"), (vec![], 3));
        assert_eq!(page("limit=0"), (vec![], 3));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(
            listing("recursion=2")
                .unwrap_err()
                .contains("neither 0 nor 1")
        );
        assert!(listing("offset=x").is_err());
        for query in ["offset=-1", "limit=-2"] {
            assert!(listing(query).unwrap().bounds().is_err(), "{query}");
        }
    }
}
