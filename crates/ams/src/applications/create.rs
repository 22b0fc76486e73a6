use aar_package::{Limits, Manifest, Package, check_architecture};
use aar_types::{ApkFacts, Architecture};
use ams_api::Operation;

use super::{
    Applications, address,
    build::{StartedVersion, WriteImage},
};
use crate::{
    Error,
    operations::{NewOperation, OperationContext},
    staging::StagedFile,
    store::{ApplicationId, NewApplication},
};

/// Attributes of a new application that are not part of its package.
#[derive(Debug, Clone, Copy, Default)]
pub struct CreateOptions {
    /// Run in a virtual machine instead of a container.
    pub vm: bool,
}

/// A package that a client has sent.
#[derive(Debug)]
pub struct UploadedPackage {
    pub file: StagedFile,
    /// Refuse the package if it has warnings.
    pub strict: bool,
}

impl From<StagedFile> for UploadedPackage {
    fn from(file: StagedFile) -> Self {
        let strict = false;
        Self { file, strict }
    }
}

impl Applications {
    /// Starts to create an application from an uploaded package. The resources of the operation
    /// contain its id.
    pub fn create(&self, package: impl Into<UploadedPackage>, options: CreateOptions) -> Operation {
        let package = package.into();
        let id = ApplicationId::new();
        let applications = self.clone();
        let new = NewOperation::on("Creating application", "applications", address(&id));
        let queued = self.0.build_locks.queue(&id);
        let operations = &self.0.services.operations;
        operations.start(new.cancellable(), async move |context| {
            let _turn = applications.build_turn(&context, queued).await?;
            applications
                .create_from(&context, id, package, options)
                .await
        })
    }

    async fn create_from(
        &self,
        context: &OperationContext,
        id: ApplicationId,
        package: UploadedPackage,
        options: CreateOptions,
    ) -> Result<(), Error> {
        let package = self.open_package(context, package).await?;
        context.check_cancelled()?;
        let Manifest {
            name,
            mut application,
            version,
        } = package.manifest.clone();
        application.vm = options.vm;
        let new = NewApplication {
            id,
            name,
            metadata: application,
            created_at: self.now(),
        };
        let store = &self.0.services.store;
        let version = StartedVersion {
            number: store.add_application(&new, &version).await?,
            permit: new.edit_permit(),
            metadata: None,
            content_size: package.content.content_size(),
        };
        self.notify("application-created", &new.id);
        self.build(context, version, package.into_writer()).await
    }

    /// Opens an uploaded package and checks that it can run here. The operation shows its warnings.
    pub(super) async fn open_package(
        &self,
        context: &OperationContext,
        UploadedPackage { file, strict }: UploadedPackage,
    ) -> Result<OpenPackage, Error> {
        let staging = self.0.services.staging.folder().to_owned();
        let architecture = self.0.services.architecture;
        let default_abi = self.0.services.config.current().default_abi().to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let package = Package::open(file.path(), &staging, &Limits::default());
            let package = package.map_err(without_path)?;
            if strict {
                package.refuse_warnings()?;
            }
            if let Some(facts) = package.apk() {
                check_architecture(facts, architecture)?;
            }
            let mut manifest = package.manifest().clone();
            if manifest.application.abi.is_empty() {
                manifest.application.abi = abi(package.apk(), architecture, &default_abi);
            }
            Ok::<_, aar_package::Error>(OpenPackage {
                manifest,
                content: package,
                _file: file,
            })
        });
        let package = opened.await??;
        context.warn(package.content.warnings());
        for warning in package.content.warnings() {
            let application = &package.manifest.name;
            tracing::warn!(%application, %warning, "the package has a warning");
        }
        Ok(package)
    }
}

#[derive(Debug)]
pub(super) struct OpenPackage {
    pub(super) manifest: Manifest,
    pub(super) content: Package,
    _file: StagedFile,
}

impl OpenPackage {
    pub(super) fn into_writer(self) -> WriteImage {
        Box::new(move |to, progress, stop| {
            // Keeps the uploaded file until the image is written.
            let package = self;
            package.content.write_image(to, progress, stop)
        })
    }
}

/// The path of an upload in the staging folder means nothing to the client that sent it.
fn without_path(error: aar_package::Error) -> aar_package::Error {
    match error {
        aar_package::Error::Format { found, .. } => aar_package::Error::Format {
            path: "the upload".into(),
            found,
        },
        other => other,
    }
}

/// The ABI of an application: the configured one if its native code allows that, else the best one
/// of its native code.
fn abi(apk: Option<&ApkFacts>, architecture: Architecture, default: &str) -> String {
    let abis = apk.map_or(&[][..], |facts| &facts.abis);
    let has = |abi: &&str| abis.iter().any(|own| own == abi);
    if abis.is_empty() || has(&default) {
        return default.to_owned();
    }
    let preferred = match architecture {
        Architecture::Amd64 => &["x86_64", "x86"][..],
        Architecture::Arm64 => &["arm64-v8a", "armeabi-v7a"],
        Architecture::Armhf => &["armeabi-v7a"],
        Architecture::I386 => &["x86"],
        _ => &[],
    };
    let found = preferred.iter().copied().find(has);
    found.map_or_else(|| abis[0].clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(abis: &[&str]) -> ApkFacts {
        ApkFacts {
            abis: abis.iter().map(ToString::to_string).collect(),
            ..ApkFacts::default()
        }
    }

    #[test]
    fn abi_is_the_best_one_of_the_native_code() {
        let all = facts(&["armeabi-v7a", "arm64-v8a", "x86", "x86_64"]);
        assert_eq!(abi(Some(&all), Architecture::Amd64, ""), "x86_64");
        assert_eq!(abi(Some(&all), Architecture::Arm64, ""), "arm64-v8a");
        assert_eq!(abi(Some(&facts(&["x86"])), Architecture::Amd64, ""), "x86");
    }

    #[test]
    fn configured_abi_is_used_if_the_native_code_allows_it() {
        let all = facts(&["x86", "x86_64"]);
        assert_eq!(abi(Some(&all), Architecture::Amd64, "x86"), "x86");
        assert_eq!(abi(Some(&all), Architecture::Amd64, "arm64-v8a"), "x86_64");
        assert_eq!(abi(None, Architecture::Amd64, "x86"), "x86");
        assert_eq!(abi(Some(&facts(&[])), Architecture::Amd64, ""), "");
    }
}
