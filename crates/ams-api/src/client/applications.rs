use http::Method;

use super::{AmsClient, PackageBody, call::segment};
use crate::{
    Application, ApplicationDelete, ApplicationFilter, ApplicationPatch, ApplicationVersionDelete,
    ApplicationVersionPatch, ApplicationsDelete, Error, Operation,
};

const APPLICATIONS: &str = "/1.0/applications";

impl AmsClient {
    /// Lists the applications that meet the filter.
    pub async fn applications(
        &self,
        filter: &ApplicationFilter,
    ) -> Result<Vec<Application>, Error> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("recursion", "1")
            .extend_pairs(filter.conditions())
            .finish();
        self.list(&format!("{APPLICATIONS}?{query}")).await
    }

    /// Reads an application, by id or name.
    pub async fn application(&self, id: &str) -> Result<Application, Error> {
        self.get(&application(id)).await
    }

    /// Creates an application from a package. `sent` is called with the number of bytes sent so far.
    pub async fn create_application(
        &self,
        package: &PackageBody,
        vm: bool,
        sent: impl Fn(u64) + Send + 'static,
    ) -> Result<Operation, Error> {
        let query = if vm { "?vm=true" } else { "" };
        let path = format!("{APPLICATIONS}{query}");
        self.upload(Method::POST, &path, package, sent).await
    }

    /// Adds a version to an application. `sent` is called with the number of bytes sent so far.
    pub async fn update_package(
        &self,
        id: &str,
        package: &PackageBody,
        sent: impl Fn(u64) + Send + 'static,
    ) -> Result<Operation, Error> {
        let path = application(id);
        self.upload(Method::PATCH, &path, package, sent).await
    }

    /// Changes attributes of an application.
    pub async fn update_application(
        &self,
        id: &str,
        patch: &ApplicationPatch,
    ) -> Result<Option<Operation>, Error> {
        // The API tells the two kinds of updates apart by the slash at the end.
        let update_path = format!("{}/", application(id));
        self.change(Method::PATCH, &update_path, patch).await
    }

    /// Publishes or withdraws a version.
    pub async fn set_published(
        &self,
        id: &str,
        number: u32,
        published: bool,
    ) -> Result<Option<Operation>, Error> {
        let body = ApplicationVersionPatch {
            published: Some(published),
        };
        self.change(Method::PATCH, &version(id, number), &body)
            .await
    }

    /// Deletes an application; an immutable one only with `force`.
    pub async fn delete_application(
        &self,
        id: &str,
        force: bool,
    ) -> Result<Option<Operation>, Error> {
        let body = ApplicationDelete { force };
        self.change(Method::DELETE, &application(id), &body).await
    }

    /// Deletes several applications; immutable ones only with `force`.
    pub async fn delete_applications(
        &self,
        ids: Vec<String>,
        force: bool,
    ) -> Result<Option<Operation>, Error> {
        let body = ApplicationsDelete { ids, force };
        self.change(Method::DELETE, APPLICATIONS, &body).await
    }

    /// Deletes a version; of an immutable application only with `force`.
    pub async fn delete_version(
        &self,
        id: &str,
        number: u32,
        force: bool,
    ) -> Result<Option<Operation>, Error> {
        let body = ApplicationVersionDelete { force };
        self.change(Method::DELETE, &version(id, number), &body)
            .await
    }
}

fn application(id: &str) -> String {
    format!("{APPLICATIONS}/{}", segment(id))
}

pub(super) fn version(id: &str, number: u32) -> String {
    format!("{}/{number}", application(id))
}
