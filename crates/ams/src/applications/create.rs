use aar_package::{Limits, Manifest, Package, check_architecture};
use aar_types::{ApkFacts, Architecture};
use ams_api::Operation;

use super::{ApplicationId, Applications, address, build::Begun, guard};
use crate::{
    Error,
    operations::{Context, NewOperation},
    staging::StagedFile,
    store::NewApplication,
};

/// What the package does not say of a new application.
#[derive(Debug, Clone, Copy, Default)]
pub struct CreateOptions {
    /// Whether it runs in a virtual machine instead of a container.
    pub vm: bool,
}

impl Applications {
    /// Begins to make an application of an uploaded package. Its id is in the resources of the
    /// operation.
    pub fn create(&self, package: StagedFile, options: CreateOptions) -> Operation {
        let id = ApplicationId::new();
        let applications = self.clone();
        let new = NewOperation::on("Creating application", "applications", address(&id));
        let place = self.0.lines.join(&id);
        self.0
            .base
            .operations
            .start(new.cancellable(), async move |context| {
                let _turn = context.unless_cancelled(place.turn()).await?;
                applications
                    .create_from(&context, id, package, options)
                    .await
            })
    }

    async fn create_from(
        &self,
        context: &Context,
        id: ApplicationId,
        package: StagedFile,
        options: CreateOptions,
    ) -> Result<(), Error> {
        let _turn = self.turn(context).await?;
        let package = self.open_package(package).await?;
        context.go_on()?;
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
        let number = self.0.base.store.add_application(&new, &version).await?;
        let begun = Begun {
            permit: guard::created(&new),
            number,
            metadata: None,
            content_size: package.content.content_size(),
        };
        self.tell("application-created", &new.id);
        self.build(context, begun, move |to, progress, stop| {
            package.content.write_image(to, progress, stop)
        })
        .await
    }

    /// Opens an uploaded package and checks that it can run here.
    pub(super) async fn open_package(&self, file: StagedFile) -> Result<OpenPackage, Error> {
        let staging = self.0.base.staging.folder().to_owned();
        let architecture = self.0.base.architecture;
        let default_abi = self.0.base.config.current().default_abi().to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let content = Package::open(file.path(), &staging, &Limits::default());
            let content = content.map_err(of_upload)?;
            if let Some(facts) = content.apk() {
                check_architecture(facts, architecture)?;
            }
            let mut manifest = content.manifest().clone();
            if manifest.application.abi.is_empty() {
                manifest.application.abi = abi(content.apk(), architecture, &default_abi);
            }
            Ok::<_, aar_package::Error>(OpenPackage {
                manifest,
                content,
                _file: file,
            })
        });
        Ok(opened.await??)
    }
}

/// An uploaded package that was found good.
#[derive(Debug)]
pub(super) struct OpenPackage {
    pub(super) manifest: Manifest,
    pub(super) content: Package,
    _file: StagedFile,
}

/// Where an upload lies means nothing to whoever has sent it.
fn of_upload(error: aar_package::Error) -> aar_package::Error {
    match error {
        aar_package::Error::Format { found, .. } => aar_package::Error::Format {
            path: "the upload".into(),
            found,
        },
        other => other,
    }
}

/// The ABI that an application is bound to: by its native code, else by the configuration.
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
    fn the_abi_is_the_best_that_the_native_code_offers() {
        let all = facts(&["armeabi-v7a", "arm64-v8a", "x86", "x86_64"]);
        assert_eq!(abi(Some(&all), Architecture::Amd64, ""), "x86_64");
        assert_eq!(abi(Some(&all), Architecture::Arm64, ""), "arm64-v8a");
        assert_eq!(abi(Some(&facts(&["x86"])), Architecture::Amd64, ""), "x86");
    }

    #[test]
    fn the_configured_abi_holds_where_the_native_code_allows_it() {
        let all = facts(&["x86", "x86_64"]);
        assert_eq!(abi(Some(&all), Architecture::Amd64, "x86"), "x86");
        assert_eq!(abi(Some(&all), Architecture::Amd64, "arm64-v8a"), "x86_64");
        assert_eq!(abi(None, Architecture::Amd64, "x86"), "x86");
        assert_eq!(abi(Some(&facts(&[])), Architecture::Amd64, ""), "");
    }
}
