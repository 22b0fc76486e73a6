//! Changing attributes of an application without a new package.
//!
//! Attributes of the application are changed in place. Changed attributes of a version make a new
//! version: the image of the newest ready one with another manifest. If builds of the application
//! are in progress, the patch waits for them. Attributes that have their requested values already
//! change nothing.
//!
//! A package contains attributes of the application, too, and sets them once its version is ready.
//! A patch that was requested after the package is therefore applied at once and again after it.

use aar_package::rewrite_image;
use aar_types::{
    ApplicationMetadata, ApplicationName, ImageInfo, Resources, RuleViolation, VersionManifest,
};
use ams_api::{ApplicationPatch, Operation, ResourcesPatch};

use super::{Applications, address, build::StartedVersion, manifest::manifest_of};
use crate::{
    Error,
    keyed_lock::QueuedLock,
    operations::{NewOperation, OperationContext},
    store::{ApplicationId, EditPermit, NewVersion, StoredApplication, StoredVersion},
};

impl Applications {
    /// Changes attributes, and starts to build a new version if they are attributes of versions.
    pub async fn patch(
        &self,
        id_or_name: &str,
        patch: ApplicationPatch,
    ) -> Result<Operation, Error> {
        let (applications, id) = (self.clone(), id_or_name.to_owned());
        // Runs to completion, also if the client hangs up.
        tokio::spawn(async move { applications.start_patch(&id, patch).await }).await?
    }

    async fn start_patch(&self, id: &str, patch: ApplicationPatch) -> Result<Operation, Error> {
        let PatchedInPlace { id, name, queued } = self.patch_in_place(id, &patch).await?;
        let new = NewOperation::on("Updating application", "applications", address(&id));
        let operations = &self.0.services.operations;
        let Some(queued) = queued else {
            return Ok(operations.completed(new));
        };
        let applications = self.clone();
        let work = async move |context: OperationContext| {
            let _turn = applications.build_turn(&context, queued).await?;
            applications.rebuild(&context, &id, &name, &patch).await
        };
        Ok(operations.start(new.cancellable(), work))
    }

    async fn patch_in_place(
        &self,
        id_or_name: &str,
        patch: &ApplicationPatch,
    ) -> Result<PatchedInPlace, Error> {
        let _lock = self.0.metadata_lock.lock().await;
        let before = self.expect(id_or_name).await?;
        let permit = before.edit_permit()?;
        let queued = self.0.build_locks.queue(&before.id);
        let must_wait = queued.is_waiting();
        let changed = match changed_version(&before, patch) {
            // The first version is being built. Its attributes are not known yet, but those of the
            // patch can be validated.
            Err(Error::NothingToStartFrom(_)) if must_wait => {
                validate_version_attributes(patch)?;
                None
            }
            changed => changed?,
        };
        let mut metadata = before.metadata.clone();
        apply_to_application(patch, &mut metadata)?;
        let version = changed.as_ref().map(|(version, _)| version);
        validate(&metadata, version)?;
        self.write_metadata(&permit, &before, &metadata).await?;
        Ok(PatchedInPlace {
            id: before.id,
            name: before.name,
            // The builds before this one may change attributes that have their requested values.
            queued: (must_wait || changed.is_some()).then_some(queued),
        })
    }

    async fn write_metadata(
        &self,
        permit: &EditPermit,
        before: &StoredApplication,
        metadata: &ApplicationMetadata,
    ) -> Result<(), Error> {
        if *metadata != before.metadata {
            let store = &self.0.services.store;
            store.set_metadata(permit, metadata).await?;
            self.notify("application-updated", &before.id);
        }
        Ok(())
    }

    /// Applies a patch again to attributes of the application, which packages may have changed
    /// since.
    async fn patch_again(
        &self,
        id: &ApplicationId,
        name: &ApplicationName,
        patch: &ApplicationPatch,
    ) -> Result<(EditPermit, StoredApplication), Error> {
        let _lock = self.0.metadata_lock.lock().await;
        let mut application = self.expect_again(id, name).await?;
        let permit = application.edit_permit()?;
        let mut metadata = application.metadata.clone();
        apply_to_application(patch, &mut metadata)?;
        self.write_metadata(&permit, &application, &metadata)
            .await?;
        application.metadata = metadata;
        Ok((permit, application))
    }

    /// Builds a version from the image of the newest ready one and a changed manifest.
    async fn rebuild(
        &self,
        context: &OperationContext,
        id: &ApplicationId,
        name: &ApplicationName,
        patch: &ApplicationPatch,
    ) -> Result<(), Error> {
        let (permit, application) = self.patch_again(id, name, patch).await?;
        let Some((changed, image)) = changed_version(&application, patch)? else {
            return Ok(());
        };
        validate(&application.metadata, Some(&changed))?;
        let new = NewVersion {
            manifest: &changed.manifest,
            created_at: self.now(),
        };
        let version = StartedVersion {
            number: self.0.services.store.add_version(&permit, new).await?,
            permit,
            metadata: None,
            content_size: image.size,
        };
        let manifest = manifest_of(&application, &changed);
        let from = self.0.services.images.path(&image.digest);
        let write = move |to: &_, progress: &dyn Fn(_), stop: &_| {
            rewrite_image(&from, &manifest, to, progress, stop)
        };
        self.build(context, version, Box::new(write)).await
    }
}

struct PatchedInPlace {
    id: ApplicationId,
    name: ApplicationName,
    /// Present if a version may have to be built.
    queued: Option<QueuedLock>,
}

/// The newest ready version with the patch applied, and its present image. `None` if the patch does
/// not change it.
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

/// Refuses attributes that no manifest may contain.
fn validate(metadata: &ApplicationMetadata, version: Option<&StoredVersion>) -> Result<(), Error> {
    metadata.check().map_err(field_error)?;
    version.map_or(Ok(()), |version| {
        version.manifest.check().map_err(field_error)
    })
}

/// Validates the attributes of the patch without those that it keeps: every rule is about one
/// field.
fn validate_version_attributes(patch: &ApplicationPatch) -> Result<(), Error> {
    let mut manifest = VersionManifest::default();
    apply_to_version(patch, &mut manifest);
    manifest.check().map_err(field_error)
}

/// The API spells one field differently in requests and responses.
fn field_error(rule: RuleViolation) -> Error {
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
    set(&mut metadata.image, patch.image.as_ref());
    set(&mut metadata.instance_type, patch.instance_type.as_ref());
    set(&mut metadata.tags, patch.tags.as_ref());
    set(&mut metadata.addons, patch.addons.as_ref());
    set(&mut metadata.node_selector, patch.node_selector.as_ref());
    set(
        &mut metadata.inhibit_auto_updates,
        patch.inhibit_auto_updates.as_ref(),
    );
    if let Some(resources) = &patch.resources {
        apply_to_resources(resources, &mut metadata.resources)?;
    }
    Ok(())
}

fn apply_to_resources(patch: &ResourcesPatch, resources: &mut Resources) -> Result<(), Error> {
    set_count(&mut resources.cpus, patch.cpus, "resources.cpus")?;
    set_count(
        &mut resources.gpu_slots,
        patch.gpu_slots,
        "resources.gpu-slots",
    )?;
    set_count(
        &mut resources.vpu_slots,
        patch.vpu_slots,
        "resources.vpu-slots",
    )?;
    set(&mut resources.memory, patch.memory.as_ref());
    set(&mut resources.disk_size, patch.disk_size.as_ref());
    set(&mut resources.gpu_type, patch.gpu_type.as_ref());
    set(
        &mut resources.no_disk_reserve,
        patch.no_disk_reserve.as_ref(),
    );
    Ok(())
}

fn apply_to_version(patch: &ApplicationPatch, manifest: &mut VersionManifest) {
    set(&mut manifest.services, patch.services.as_ref());
    set(&mut manifest.features, patch.features.as_ref());
    set(&mut manifest.watchdog, patch.watchdog.as_ref());
    set(&mut manifest.boot_activity, patch.boot_activity.as_ref());
    set(
        &mut manifest.required_permissions,
        patch.required_permissions.as_ref(),
    );
    set(&mut manifest.video_encoder, patch.video_encoder.as_ref());
    set(
        &mut manifest.manifest_version,
        patch.manifest_version.as_ref(),
    );
    set(&mut manifest.hooks, patch.hooks.as_ref());
    set(&mut manifest.bootstrap, patch.bootstrap.as_ref());
}

fn set<T: Clone>(attribute: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        attribute.clone_from(value);
    }
}

/// A negative number removes the override.
fn set_count(attribute: &mut Option<u32>, value: Option<i64>, field: &str) -> Result<(), Error> {
    match value {
        None => {}
        Some(value) if value < 0 => *attribute = None,
        Some(value) => {
            let count = u32::try_from(value).map_err(|_| Error::field(field, "is too large"))?;
            *attribute = Some(count);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_patch_keeps_absent_fields_and_removes_negative_ones() {
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
