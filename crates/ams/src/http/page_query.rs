//! The query parameters of collections: `recursion`, `offset` and `limit`.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

use super::{envelope::Page, error::ApiError};
use crate::config::parse_flag;

/// Which part of a collection is shown, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct PageQuery {
    /// Whether to show entries, not only their addresses.
    #[serde(deserialize_with = "read_flag")]
    pub(super) recursion: bool,
    #[serde(deserialize_with = "read_number")]
    offset: Option<i64>,
    #[serde(deserialize_with = "read_number")]
    limit: Option<i64>,
}

impl PageQuery {
    /// The selected part of a collection, as entries or as their addresses.
    pub(super) fn select<T: Serialize>(
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

    /// The selected part of a collection.
    pub(super) fn part<T>(self, entries: Vec<T>) -> Result<Vec<T>, ApiError> {
        let (offset, limit) = self.bounds()?;
        Ok(entries.into_iter().skip(offset).take(limit).collect())
    }

    /// The same part, as entries.
    pub(super) fn with_entries(self) -> Self {
        Self {
            recursion: true,
            ..self
        }
    }

    fn bounds(self) -> Result<(usize, usize), ApiError> {
        let offset = usize::try_from(self.offset.unwrap_or(0))
            .map_err(|_| ApiError::BadRequest("offset: must not be negative".to_owned()))?;
        let limit = match self.limit {
            None | Some(-1) => usize::MAX,
            Some(limit) => usize::try_from(limit).map_err(|_| {
                ApiError::BadRequest("limit: must be -1 (all) or not negative".to_owned())
            })?,
        };
        Ok((offset, limit))
    }
}

/// Reads a boolean in all forms that clients send. An empty value counts as absent.
pub(super) fn read_flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    let text = String::deserialize(from)?;
    let read = (text.is_empty().then_some(false)).or_else(|| parse_flag(&text));
    read.ok_or_else(|| D::Error::custom(format_args!("{text:?} is neither true nor false")))
}

/// Reads a whole number. An empty value counts as absent.
fn read_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(from)?;
    let read = (!text.is_empty()).then(|| text.parse());
    read.transpose()
        .map_err(|_| D::Error::custom(format_args!("{text:?} is not a whole number")))
}

#[cfg(test)]
mod tests {
    use aar_daemon::http::parse_query;
    use serde_json::json;

    use super::*;

    fn query(text: &str) -> Result<PageQuery, String> {
        parse_query(&format!("/?{text}").parse().unwrap())
    }

    fn page(text: &str) -> (Vec<Value>, u64) {
        let page = query(text)
            .unwrap()
            .select(vec![1, 2, 3], |n| format!("/n/{n}"))
            .unwrap();
        (page.entries, page.total)
    }

    #[test]
    fn page_has_the_selected_part_and_the_total() {
        assert_eq!(page("recursion=1"), (vec![json!(1), json!(2), json!(3)], 3));
        assert_eq!(page("recursion=1&offset=1&limit=1"), (vec![json!(2)], 3));
        assert_eq!(page("offset=2"), (vec![json!("/n/3")], 3));
        assert_eq!(page("offset=9&limit=-1"), (vec![], 3));
        assert_eq!(page("limit=0"), (vec![], 3));
    }

    #[test]
    fn flags_and_numbers_are_read_in_all_forms_that_clients_send() {
        for on in ["1", "true", "True"] {
            assert!(query(&format!("recursion={on}")).unwrap().recursion, "{on}");
        }
        for off in [
            "recursion=0",
            "recursion=False",
            "recursion=&offset=&limit=",
        ] {
            assert_eq!(query(off).unwrap(), PageQuery::default(), "{off}");
        }
    }

    #[test]
    fn invalid_values_are_refused() {
        for (text, expected) in [
            ("recursion=2", "recursion: \"2\" is neither true nor false"),
            ("offset=x", "offset: \"x\" is not a whole number"),
        ] {
            let refusal = query(text).unwrap_err();
            assert!(refusal.ends_with(expected), "{refusal}");
        }
        for text in ["offset=-1", "limit=-2"] {
            assert!(query(text).unwrap().bounds().is_err(), "{text}");
        }
    }
}
