//! What every collection understands: `recursion`, `offset` and `limit`.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

use super::{envelope::Page, error::ApiError};
use crate::config::parse_flag;

/// How a collection is to be shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Listing {
    /// Whether the entries are wanted instead of their addresses.
    #[serde(deserialize_with = "switch")]
    pub(super) recursion: bool,
    #[serde(deserialize_with = "number")]
    offset: Option<i64>,
    #[serde(deserialize_with = "number")]
    limit: Option<i64>,
}

impl Listing {
    /// The wanted part of a collection, as entries or as their addresses.
    pub(super) fn page<T: Serialize>(
        self,
        entries: Vec<T>,
        address: impl Fn(&T) -> String,
    ) -> Result<Page<Value>, ApiError> {
        let total = entries.len() as u64;
        let part = self.part(entries)?;
        let show = |entry: T| {
            if self.recursion {
                serde_json::to_value(entry).map_err(ApiError::internal)
            } else {
                Ok(Value::String(address(&entry)))
            }
        };
        let entries = part.into_iter().map(show).collect::<Result<_, _>>()?;
        Ok(Page { entries, total })
    }

    /// The wanted part of a collection.
    pub(super) fn part<T>(self, entries: Vec<T>) -> Result<Vec<T>, ApiError> {
        let (offset, limit) = self.bounds()?;
        Ok(entries.into_iter().skip(offset).take(limit).collect())
    }

    /// The same part, always as entries.
    pub(super) fn whole(self) -> Self {
        Self {
            recursion: true,
            ..self
        }
    }

    fn bounds(self) -> Result<(usize, usize), ApiError> {
        let offset = usize::try_from(self.offset.unwrap_or(0))
            .map_err(|_| ApiError::BadRequest("offset must not be negative".to_owned()))?;
        let limit = match self.limit {
            None | Some(-1) => usize::MAX,
            Some(limit) => usize::try_from(limit).map_err(|_| {
                ApiError::BadRequest("limit must be -1 (all) or not negative".to_owned())
            })?,
        };
        Ok((offset, limit))
    }
}

/// Reads a truth value in any of the forms that clients write. An empty one is as good as none.
pub(super) fn switch<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    let text = String::deserialize(from)?;
    let read = (text.is_empty().then_some(false)).or_else(|| parse_flag(&text));
    read.ok_or_else(|| D::Error::custom(format_args!("{text:?} is neither true nor false")))
}

/// Reads a whole number. An empty one is as good as none.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(from)?;
    let read = (!text.is_empty()).then(|| text.parse());
    read.transpose()
        .map_err(|_| D::Error::custom(format_args!("{text:?} is not a whole number")))
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
    fn switches_and_numbers_are_read_in_every_form_that_clients_write() {
        for on in ["1", "true", "True"] {
            assert!(
                listing(&format!("recursion={on}")).unwrap().recursion,
                "{on}"
            );
        }
        for off in [
            "recursion=0",
            "recursion=False",
            "recursion=&offset=&limit=",
        ] {
            assert_eq!(listing(off).unwrap(), Listing::default(), "{off}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (query, told) in [
            ("recursion=2", "recursion: \"2\" is neither true nor false"),
            ("offset=x", "offset: \"x\" is not a whole number"),
        ] {
            let refusal = listing(query).unwrap_err();
            assert!(refusal.ends_with(told), "{refusal}");
        }
        for query in ["offset=-1", "limit=-2"] {
            assert!(listing(query).unwrap().bounds().is_err(), "{query}");
        }
    }
}
