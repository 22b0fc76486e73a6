//! Applications. Wherever an id is asked for, the name does as well.

mod entitlements;

pub(in crate::http) mod create;
pub(in crate::http) mod delete;
pub(in crate::http) mod delete_many;
pub(in crate::http) mod get;
pub(in crate::http) mod list;
pub(in crate::http) mod manifest;
pub(in crate::http) mod update;

use ams_api::Application;

use crate::{Ams, Error};

/// The application with this id or name, as the API shows it.
async fn find(ams: &Ams, id: &str) -> Result<Application, Error> {
    let found = ams.applications().get(id).await?;
    found.ok_or_else(|| Error::ApplicationNotFound(id.to_owned()))
}
