//! Changing attributes of an application without a new package.
//!
//! What belongs to the application is changed in place. What belongs to a version makes a new
//! version, whose image is that of the newest ready one with another manifest; where one is being
//! made, it is waited for. Attributes that are given as they are already change nothing.
//!
//! A package brings attributes of the application, too, once its version is ready. Whoever changes
//! them behind it changes them at once, and again after it.

use aar_package::rewrite_image;
use aar_types::{
    ApplicationMetadata, ApplicationName, BrokenRule, ImageInfo, Resources, VersionManifest,
};
use ams_api::{ApplicationPatch, Operation, ResourcesPatch};

use super::{
    ApplicationId, Applications, address,
    build::Begun,
    guard::{self, MayEdit},
    line::Place,
    manifest::manifest_of,
};
use crate::{
    Error,
    operations::{Context, NewOperation},
    store::{NewVersion, StoredApplication, StoredVersion},
};

impl Applications {
    /// Changes attributes, and begins to make a new version where they ask for one.
    pub async fn patch(
        &self,
        id_or_name: &str,
        patch: ApplicationPatch,
    ) -> Result<Operation, Error> {
        let (applications, id) = (self.clone(), id_or_name.to_owned());
        tokio::spawn(async move { applications.patch_to_the_end(&id, &patch).await }).await?
    }

    async fn patch_to_the_end(
        &self,
        id: &str,
        patch: &ApplicationPatch,
    ) -> Result<Operation, Error> {
        let Edited { id, name, place } = self.edit(id, patch).await?;
        let new = NewOperation::on("Updating application", "applications", address(&id));
        let Some(place) = place else {
            return Ok(self.0.base.operations.done(new));
        };
        let (applications, patch) = (self.clone(), patch.clone());
        let work = async move |context: Context| {
            let _turn = context.unless_cancelled(place.turn()).await?;
            applications.rebuild(&context, &id, &name, &patch).await
        };
        Ok(self.0.base.operations.start(new.cancellable(), work))
    }

    /// Changes in place what can be, and tells what needs a new version.
    async fn edit(&self, id_or_name: &str, patch: &ApplicationPatch) -> Result<Edited, Error> {
        let _alone = self.0.editing.lock().await;
        let before = self.expect(id_or_name).await?;
        let permit = guard::edit(&before)?;
        let place = self.0.lines.join(&before.id);
        let waits = place.is_behind_others();
        let changed = match changed_version(&before, patch) {
            // What it starts from is being made; what is asked for can be judged by itself.
            Err(Error::NothingToStartFrom(_)) if waits => {
                check_alone(patch)?;
                None
            }
            changed => changed?,
        };
        let mut metadata = before.metadata.clone();
        apply_to_application(patch, &mut metadata)?;
        let version = changed.as_ref().map(|(version, _)| version);
        check(&metadata, version)?;
        self.keep_attributes(&permit, &before, &metadata).await?;
        Ok(Edited {
            id: before.id,
            name: before.name,
            // What is as it should be may be otherwise once those before have made their versions.
            place: (waits || changed.is_some()).then_some(place),
        })
    }

    async fn keep_attributes(
        &self,
        permit: &MayEdit,
        before: &StoredApplication,
        metadata: &ApplicationMetadata,
    ) -> Result<(), Error> {
        if *metadata != before.metadata {
            self.0.base.store.set_metadata(permit, metadata).await?;
            self.tell("application-updated", &before.id);
        }
        Ok(())
    }

    /// The application as it is once those before have come to an end, with the attributes that
    /// their packages have changed back.
    async fn amended(
        &self,
        id: &ApplicationId,
        name: &ApplicationName,
        patch: &ApplicationPatch,
    ) -> Result<StoredApplication, Error> {
        let _alone = self.0.editing.lock().await;
        let mut application = self.expect_still(id, name).await?;
        let permit = guard::edit(&application)?;
        let mut metadata = application.metadata.clone();
        apply_to_application(patch, &mut metadata)?;
        self.keep_attributes(&permit, &application, &metadata)
            .await?;
        application.metadata = metadata;
        Ok(application)
    }

    /// Makes a version of the image of the newest one that is ready by now and a changed manifest.
    async fn rebuild(
        &self,
        context: &Context,
        id: &ApplicationId,
        name: &ApplicationName,
        patch: &ApplicationPatch,
    ) -> Result<(), Error> {
        let _turn = self.turn(context).await?;
        let application = self.amended(id, name, patch).await?;
        let permit = guard::edit(&application)?;
        let Some((changed, image)) = changed_version(&application, patch)? else {
            return Ok(());
        };
        check(&application.metadata, Some(&changed))?;
        let new = NewVersion {
            manifest: &changed.manifest,
            created_at: self.now(),
        };
        let begun = Begun {
            number: self.0.base.store.begin_version(&permit, new).await?,
            permit,
            metadata: None,
            content_size: image.size,
        };
        let manifest = manifest_of(&application, &changed);
        let from = self.0.base.images.path(&image.digest);
        self.build(context, begun, move |to, progress, stop| {
            rewrite_image(&from, &manifest, to, progress, stop)
        })
        .await
    }
}

/// What an edit has come to.
struct Edited {
    id: ApplicationId,
    name: ApplicationName,
    /// Where a version is to be made.
    place: Option<Place>,
}

/// The newest ready version as the patch wants it, with the image it has now; `None` where the
/// patch wants nothing that it is not already.
fn changed_version(
    application: &StoredApplication,
    patch: &ApplicationPatch,
) -> Result<Option<(StoredVersion, ImageInfo)>, Error> {
    if !patch.creates_version() {
        return Ok(None);
    }
    let missing = || Error::NothingToStartFrom(application.name.clone());
    let (base, image) = application.newest_ready().ok_or_else(missing)?;
    let mut changed = base.clone();
    apply_to_version(patch, &mut changed.manifest);
    Ok((changed.manifest != base.manifest).then_some((changed, image)))
}

/// What could not stand in a manifest is refused.
fn check(metadata: &ApplicationMetadata, changed: Option<&StoredVersion>) -> Result<(), Error> {
    metadata.check().map_err(broken)?;
    changed.map_or(Ok(()), |version| version.manifest.check().map_err(broken))
}

/// What is asked of a version is refused where no version could be so. Every rule is about one
/// field, so what the others say does not matter.
fn check_alone(patch: &ApplicationPatch) -> Result<(), Error> {
    let mut manifest = VersionManifest::default();
    apply_to_version(patch, &mut manifest);
    manifest.check().map_err(broken)
}

/// Requests and answers write the field in two ways.
fn broken(rule: BrokenRule) -> Error {
    let reason = format!("{:?} is not {}", rule.found, rule.allowed);
    match rule.field.as_str() {
        "instance_type" => Error::field("instance-type", reason),
        _ => Error::field(rule.field, reason),
    }
}

fn apply_to_application(
    patch: &ApplicationPatch,
    metadata: &mut ApplicationMetadata,
) -> Result<(), Error> {
    put(&mut metadata.image, patch.image.as_ref());
    put(&mut metadata.instance_type, patch.instance_type.as_ref());
    put(&mut metadata.tags, patch.tags.as_ref());
    put(&mut metadata.addons, patch.addons.as_ref());
    put(&mut metadata.node_selector, patch.node_selector.as_ref());
    put(
        &mut metadata.inhibit_auto_updates,
        patch.inhibit_auto_updates.as_ref(),
    );
    if let Some(resources) = &patch.resources {
        apply_to_resources(resources, &mut metadata.resources)?;
    }
    Ok(())
}

fn apply_to_resources(patch: &ResourcesPatch, resources: &mut Resources) -> Result<(), Error> {
    put_count("resources.cpus", &mut resources.cpus, patch.cpus)?;
    put_count(
        "resources.gpu-slots",
        &mut resources.gpu_slots,
        patch.gpu_slots,
    )?;
    put_count(
        "resources.vpu-slots",
        &mut resources.vpu_slots,
        patch.vpu_slots,
    )?;
    put(&mut resources.memory, patch.memory.as_ref());
    put(&mut resources.disk_size, patch.disk_size.as_ref());
    put(&mut resources.gpu_type, patch.gpu_type.as_ref());
    put(
        &mut resources.no_disk_reserve,
        patch.no_disk_reserve.as_ref(),
    );
    Ok(())
}

fn apply_to_version(patch: &ApplicationPatch, manifest: &mut VersionManifest) {
    put(&mut manifest.services, patch.services.as_ref());
    put(&mut manifest.features, patch.features.as_ref());
    put(&mut manifest.watchdog, patch.watchdog.as_ref());
    put(&mut manifest.boot_activity, patch.boot_activity.as_ref());
    put(
        &mut manifest.required_permissions,
        patch.required_permissions.as_ref(),
    );
    put(&mut manifest.video_encoder, patch.video_encoder.as_ref());
    put(
        &mut manifest.manifest_version,
        patch.manifest_version.as_ref(),
    );
    put(&mut manifest.hooks, patch.hooks.as_ref());
    put(&mut manifest.bootstrap, patch.bootstrap.as_ref());
}

fn put<T: Clone>(slot: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        slot.clone_from(given);
    }
}

/// A number below zero takes the override away.
fn put_count(field: &str, slot: &mut Option<u32>, given: Option<i64>) -> Result<(), Error> {
    match given {
        None => {}
        Some(given) if given < 0 => *slot = None,
        Some(given) => {
            let count = u32::try_from(given).map_err(|_| Error::field(field, "is too large"))?;
            *slot = Some(count);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_that_are_not_given_stay_and_numbers_below_zero_take_them_away() {
        let mut resources = Resources {
            cpus: Some(2),
            gpu_slots: Some(1),
            memory: "3GB".to_owned(),
            ..Resources::default()
        };
        let patch = ResourcesPatch {
            gpu_slots: Some(-1),
            vpu_slots: Some(4),
            memory: Some(String::new()),
            ..ResourcesPatch::default()
        };
        apply_to_resources(&patch, &mut resources).unwrap();
        let expected = Resources {
            cpus: Some(2),
            vpu_slots: Some(4),
            ..Resources::default()
        };
        assert_eq!(resources, expected);
        let patch = ResourcesPatch {
            cpus: Some(i64::MAX),
            ..ResourcesPatch::default()
        };
        let refusal = apply_to_resources(&patch, &mut resources).unwrap_err();
        assert!(refusal.to_string().contains("resources.cpus"));
    }
}
