use aar_types::SiteReport;
use axum::http::StatusCode;

use crate::http::{
    auth::ClientCaller,
    error::{ApiError, BodyRefusals, Refusals},
    parameters::JsonBody,
};

/// Reports how the site of the caller stands. The report replaces the one before.
#[utoipa::path(
    put,
    path = "/1.0/clients/self",
    tag = "fleet",
    operation_id = "report_site",
    request_body = SiteReport,
    responses(
        (status = 204, description = "The report is stored"),
        Refusals,
        BodyRefusals,
    )
)]
pub(in crate::http) async fn report(
    ClientCaller(reader): ClientCaller,
    JsonBody(report): JsonBody<SiteReport>,
) -> Result<StatusCode, ApiError> {
    let report = report.checked();
    let report = report.map_err(|error| ApiError::invalid(format!("body: {error}")))?;
    reader.report_site(report).await?;
    Ok(StatusCode::NO_CONTENT)
}
