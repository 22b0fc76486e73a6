//! The parameter `entitlements`: shows what the caller may do with an application. A trusted caller may do
//! everything that the application allows.

use ams_api::Application;
use serde::Deserialize;

use crate::http::page_query::read_flag;

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct EntitlementsQuery {
    #[serde(deserialize_with = "read_flag")]
    entitlements: bool,
}

impl EntitlementsQuery {
    /// Adds the entitlements to the application if they are requested.
    pub(super) fn attach(self, application: &mut Application) {
        if self.entitlements {
            let edit = (!application.immutable).then_some("can_edit");
            let all = ["can_view"].into_iter().chain(edit).chain(["can_delete"]);
            application.entitlements = all.map(str::to_owned).collect();
        }
    }
}
