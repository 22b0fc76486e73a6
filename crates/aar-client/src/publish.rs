use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, ErrorCode, VersionNumber, VersionPatch,
    VersionPut,
};
use reqwest::{Method, RequestBuilder, StatusCode};

use crate::{Error, RegistryClient};

/// What committing a version did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The registry has it from now on.
    Created,
    /// The registry had it already, with the same content.
    Unchanged,
}

impl RegistryClient {
    /// Commits a version whose image is stored. Again is no harm; other content is refused with
    /// [`ErrorCode::VersionConflict`].
    pub async fn put_version(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        version: &VersionPut,
    ) -> Result<Published, Error> {
        let status = self
            .mutate(|| {
                let version_of = (name, architecture, number);
                self.version_request(Method::PUT, version_of, &[])
                    .json(version)
            })
            .await?;
        Ok(match status {
            StatusCode::CREATED => Published::Created,
            _ => Published::Unchanged,
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

    /// Withdraws a version, or offers it again.
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

    /// Deletes an application, or what there is of it for one architecture. Tells whether there
    /// was something to delete.
    pub async fn delete_application(
        &self,
        name: &ApplicationName,
        architecture: Option<Architecture>,
    ) -> Result<bool, Error> {
        self.delete(|| {
            let request = self.request(Method::DELETE, &["applications", name.as_str()]);
            match architecture {
                Some(architecture) => request.query(&[("architecture", architecture.as_str())]),
                None => request,
            }
        })
        .await
    }

    /// Deletes a version. Tells whether there was one.
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
        self.retrying(|| async { Ok(self.call(request()).await?.status()) })
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
