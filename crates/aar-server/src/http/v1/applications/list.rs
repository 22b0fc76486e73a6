use aar_registry::ListQuery;
use aar_types::{Application, Architecture, Envelope};
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::{
    errors::{ApiError, Refusals},
    identity::{App, AsClient},
    parameters::Asked,
};

/// How many applications a page has where the caller does not say, and at most.
const USUAL: u64 = 100;
const MOST: u64 = 1000;

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Filter {
    /// Only this architecture.
    architecture: Option<Architecture>,
    /// Only what has at least one of these tags, separated by commas.
    #[serde(default)]
    tags: String,
    /// 0 for the addresses of the applications, 1 for the applications themselves.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1)]
    recursion: u8,
    /// How many applications to skip.
    #[serde(default)]
    offset: u64,
    /// How many applications to list, 1000 at most; -1 for as many as there may be.
    #[param(minimum = -1, default = 100)]
    limit: Option<i64>,
}

/// In the answer: addresses or applications, as `recursion` asks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum Listed {
    /// With `recursion=0`.
    Addresses(Vec<String>),
    /// With `recursion=1`.
    Applications(Vec<Application>),
}

/// The catalogue, ordered by name.
///
/// Every page says which revision of the catalogue it shows: pages of one revision make a complete
/// list. A caller that sends the `ETag` of an earlier answer is told at once when nothing changed.
#[utoipa::path(
    get,
    path = "/1.0/applications",
    tag = "applications",
    operation_id = "list_applications",
    params(Filter),
    responses(
        (status = 200, body = Envelope<Listed>),
        (status = 304, description = "The caller has this revision"),
        Refusals,
    )
)]
pub(in crate::http) async fn list(
    AsClient(reader): AsClient,
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Asked(filter): Asked<Filter>,
) -> Result<Response, ApiError> {
    let make = async |_| {
        let page = reader.list(&filter.query()?).await?;
        let listed = filter.listed(page.applications)?;
        Ok((Envelope::page(listed, page.total), page.revision))
    };
    app.answer(&uri, &headers, make).await
}

impl Filter {
    fn query(&self) -> Result<ListQuery, ApiError> {
        let tags = self
            .tags
            .split(',')
            .map(str::trim)
            .filter(|tag| !tag.is_empty());
        Ok(ListQuery {
            architecture: self.architecture,
            tags: tags.map(str::to_owned).collect(),
            offset: self.offset,
            limit: self.limit()?,
        })
    }

    fn limit(&self) -> Result<u64, ApiError> {
        match self.limit {
            None => Ok(USUAL),
            Some(-1) => Ok(MOST),
            Some(limit) => match u64::try_from(limit) {
                Ok(limit @ 1..) => Ok(limit.min(MOST)),
                _ => Err(ApiError::invalid(format!(
                    "query: limit: {limit} is neither -1 nor above 0"
                ))),
            },
        }
    }

    fn listed(&self, applications: Vec<Application>) -> Result<Listed, ApiError> {
        match self.recursion {
            0 => Ok(Listed::Addresses(
                applications.iter().map(address).collect(),
            )),
            1 => Ok(Listed::Applications(applications)),
            other => Err(ApiError::invalid(format!(
                "query: recursion: {other} is neither 0 nor 1"
            ))),
        }
    }
}

fn address(application: &Application) -> String {
    format!("/1.0/applications/{}", application.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(limit: Option<i64>) -> Filter {
        Filter {
            architecture: None,
            tags: " a, ,b".to_owned(),
            recursion: 0,
            offset: 0,
            limit,
        }
    }

    #[test]
    fn limits_are_kept_within_what_a_page_holds() {
        for (asked, given) in [
            (None, 100),
            (Some(-1), 1000),
            (Some(7), 7),
            (Some(5000), 1000),
        ] {
            assert_eq!(filter(asked).limit().unwrap(), given);
        }
        for bad in [0, -2] {
            assert!(filter(Some(bad)).limit().is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn tags_are_separated_by_commas() {
        assert_eq!(filter(None).query().unwrap().tags, ["a", "b"]);
    }
}
