//! The parameter `entitlements`: what the caller may do with an application. Whoever is let in may
//! do everything that the application itself allows.

use ams_api::Application;
use serde::Deserialize;

use crate::http::listing::switch;

/// Whether they are wanted.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct Wanted {
    #[serde(deserialize_with = "switch")]
    entitlements: bool,
}

impl Wanted {
    /// Writes them into the application if they are.
    pub(super) fn attach(self, application: &mut Application) {
        if self.entitlements {
            let edit = (!application.immutable).then_some("can_edit");
            let all = ["can_view"].into_iter().chain(edit).chain(["can_delete"]);
            application.entitlements = all.map(str::to_owned).collect();
        }
    }
}
