//! Operations: work of AMS in the background.

pub(in crate::http) mod cancel;
pub(in crate::http) mod get;
pub(in crate::http) mod list;
pub(in crate::http) mod wait;
pub(in crate::http) mod websocket;

use ams_api::Operation;
use uuid::Uuid;

use crate::{Ams, http::error::ApiError};

fn find(ams: &Ams, id: &str) -> Result<Operation, ApiError> {
    let missing = || ApiError::NotFound(format!("there is no operation {id}"));
    let uuid: Uuid = id.parse().map_err(|_| missing())?;
    ams.operations().get(uuid).ok_or_else(missing)
}
