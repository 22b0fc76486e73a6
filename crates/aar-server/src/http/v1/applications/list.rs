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
    auth::{AppState, ClientCaller},
    error::{ApiError, Refusals},
    parameters::StrictQuery,
};

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1000;

/// The query of a listing of applications.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ApplicationsQuery {
    /// Only this architecture.
    architecture: Option<Architecture>,
    /// Only applications with at least one of these tags, separated by commas.
    #[serde(default)]
    tags: String,
    /// 0 lists addresses of applications, 1 lists applications.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1)]
    recursion: u8,
    /// The number of applications to skip.
    #[serde(default)]
    offset: u64,
    /// The largest number of applications to list, 1000 at most; -1 stands for 1000.
    #[param(minimum = -1, default = 100)]
    limit: Option<i64>,
}

/// An entry of the list, as `recursion` selects.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum ListedApplication {
    /// With `recursion=0`.
    Address(String),
    /// With `recursion=1`.
    Application(Box<Application>),
}

/// Lists the catalogue, ordered by name.
///
/// Every page names the revision of the catalogue that it shows: pages of one revision make a complete
/// list. With the `ETag` of an earlier response in `If-None-Match`, the response is 304 if nothing has
/// changed.
#[utoipa::path(
    get,
    path = "/1.0/applications",
    tag = "applications",
    operation_id = "list_applications",
    params(ApplicationsQuery),
    responses(
        (status = 200, body = Envelope<Vec<ListedApplication>>),
        (status = 304, description = "The client has this revision"),
        Refusals,
    )
)]
pub(in crate::http) async fn list(
    ClientCaller(reader): ClientCaller,
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    StrictQuery(query): StrictQuery<ApplicationsQuery>,
) -> Result<Response, ApiError> {
    let read = async |_| {
        let page = reader.list(&query.selection()?).await?;
        let listed = query.listed(page.applications)?;
        Ok((Envelope::page(listed, page.total), page.revision))
    };
    state.respond(&uri, &headers, read).await
}

impl ApplicationsQuery {
    fn selection(&self) -> Result<ListQuery, ApiError> {
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
            None => Ok(DEFAULT_LIMIT),
            Some(-1) => Ok(MAX_LIMIT),
            Some(limit) => match u64::try_from(limit) {
                Ok(limit @ 1..) => Ok(limit.min(MAX_LIMIT)),
                _ => Err(ApiError::invalid(format!(
                    "query: limit: {limit} is neither -1 nor positive"
                ))),
            },
        }
    }

    fn listed(&self, applications: Vec<Application>) -> Result<Vec<ListedApplication>, ApiError> {
        let entry = match self.recursion {
            0 => |application| ListedApplication::Address(address(&application)),
            1 => |application| ListedApplication::Application(Box::new(application)),
            other => {
                return Err(ApiError::invalid(format!(
                    "query: recursion: {other} is neither 0 nor 1"
                )));
            }
        };
        Ok(applications.into_iter().map(entry).collect())
    }
}

fn address(application: &Application) -> String {
    format!("/1.0/applications/{}", application.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(limit: Option<i64>) -> ApplicationsQuery {
        ApplicationsQuery {
            architecture: None,
            tags: " a, ,b".to_owned(),
            recursion: 0,
            offset: 0,
            limit,
        }
    }

    #[test]
    fn limit_is_bounded_by_the_largest_page() {
        for (limit, expected) in [
            (None, 100),
            (Some(-1), 1000),
            (Some(7), 7),
            (Some(5000), 1000),
        ] {
            assert_eq!(query(limit).limit().unwrap(), expected);
        }
        for invalid in [0, -2] {
            assert!(query(Some(invalid)).limit().is_err(), "{invalid}");
        }
    }

    #[test]
    fn tags_are_separated_by_commas() {
        assert_eq!(query(None).selection().unwrap().tags, ["a", "b"]);
    }
}
