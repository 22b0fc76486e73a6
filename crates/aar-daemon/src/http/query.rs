use std::error::Error as _;

use axum::{extract::Query, http::Uri};
use serde::de::DeserializeOwned;

/// Reads the query parameters of an address. The error names the parameter, not the type that the
/// program reads it into.
pub fn parse_query<T: DeserializeOwned>(uri: &Uri) -> Result<T, String> {
    match Query::try_from_uri(uri) {
        Ok(Query(value)) => Ok(value),
        Err(rejection) => {
            let cause = rejection.source().map(ToString::to_string);
            Err(cause.unwrap_or_else(|| rejection.body_text()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wait {
        seconds: u8,
    }

    fn parse(query: &str) -> Result<Wait, String> {
        parse_query(&format!("/path?{query}").parse().unwrap())
    }

    #[test]
    fn refusal_names_the_parameter() {
        assert_eq!(parse("seconds=5"), Ok(Wait { seconds: 5 }));
        let invalid = parse("seconds=many").unwrap_err();
        assert!(invalid.starts_with("seconds: "), "{invalid}");
        let unknown = parse("seconds=5&minutes=1").unwrap_err();
        assert!(unknown.contains("`minutes`"), "{unknown}");
    }
}
