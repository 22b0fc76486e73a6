use aar_http::{Method, RequestBuilder, StatusCode};
use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, ErrorCode, VersionNumber, VersionPatch,
    VersionPut,
};

use crate::{Error, RegistryClient};

/// The outcome of putting a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The version was created.
    Created,
    /// The version existed with the same content.
    Unchanged,
}

impl RegistryClient {
    /// Creates a version whose image is stored. If the version exists with other content, the
    /// registry refuses with [`ErrorCode::VersionConflict`].
    pub async fn put_version(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        version: &VersionPut,
    ) -> Result<PutOutcome, Error> {
        let status = self
            .mutate(|| {
                self.version_request(Method::PUT, (name, architecture, number), &[])
                    .json(version)
            })
            .await?;
        Ok(match status {
            StatusCode::CREATED => PutOutcome::Created,
            _ => PutOutcome::Unchanged,
        })
    }

    /// Replaces the metadata of an application.
    pub async fn put_application(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        metadata: &ApplicationMetadata,
    ) -> Result<(), Error> {
        let path = ["applications", name.as_str(), architecture.as_str()];
        let request = || self.request(Method::PUT, &path).json(metadata);
        self.mutate(request).await.map(drop)
    }

    /// Withdraws a version, or publishes it again.
    pub async fn set_published(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        published: bool,
    ) -> Result<(), Error> {
        let request = || {
            self.version_request(Method::PATCH, (name, architecture, number), &[])
                .json(&VersionPatch { published })
        };
        self.mutate(request).await.map(drop)
    }

    /// Deletes an application, or its variant for one architecture. Returns whether it existed.
    pub async fn delete_application(
        &self,
        name: &ApplicationName,
        architecture: Option<Architecture>,
    ) -> Result<bool, Error> {
        self.delete(|| {
            let query = architecture.map(|architecture| ("architecture", architecture.as_str()));
            self.request(Method::DELETE, &["applications", name.as_str()])
                .query(query)
        })
        .await
    }

    /// Deletes a version. Returns whether it existed.
    pub async fn delete_version(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
    ) -> Result<bool, Error> {
        self.delete(|| self.version_request(Method::DELETE, (name, architecture, number), &[]))
            .await
    }

    async fn mutate(&self, request: impl Fn() -> RequestBuilder) -> Result<StatusCode, Error> {
        self.retry(|| async { Ok(self.call(request()).await?.status()) })
            .await
    }

    async fn delete(&self, request: impl Fn() -> RequestBuilder) -> Result<bool, Error> {
        match self.mutate(request).await {
            Ok(_) => Ok(true),
            Err(error) => match error.code() {
                Some(ErrorCode::ApplicationNotFound | ErrorCode::VersionNotFound) => Ok(false),
                _ => Err(error),
            },
        }
    }
}
