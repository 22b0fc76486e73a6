//! Access control for changes of applications: the only place that decides on immutability.
//!
//! An application that was pulled from the registry changes only there. Every function of the store
//! that changes an application takes a permit. Permits are made only here, and each is valid for
//! one application. Users get an [`EditPermit`] or a [`DeletePermit`]; the registry agent gets a
//! [`RegistryPermit`], which does not exist for applications that were created here.

use super::{ApplicationId, NewApplication, Origin, StoredApplication};
use crate::Error;

/// A user may change the application.
#[derive(Debug, Clone)]
pub(crate) struct EditPermit(ApplicationId);

/// A user may delete the application or its versions.
#[derive(Debug, Clone)]
pub(crate) struct DeletePermit(ApplicationId);

/// The registry agent may change and delete the application.
#[derive(Debug, Clone)]
pub(crate) struct RegistryPermit(ApplicationId);

pub(crate) trait Permit {
    fn id(&self) -> &ApplicationId;
}

impl Permit for EditPermit {
    fn id(&self) -> &ApplicationId {
        &self.0
    }
}

impl Permit for DeletePermit {
    fn id(&self) -> &ApplicationId {
        &self.0
    }
}

impl Permit for RegistryPermit {
    fn id(&self) -> &ApplicationId {
        &self.0
    }
}

pub(crate) trait AllowsChange: Permit {}
impl AllowsChange for EditPermit {}
impl AllowsChange for RegistryPermit {}

/// Allows deleting an application or its versions.
pub(crate) trait AllowsDelete: Permit {}
impl AllowsDelete for DeletePermit {}
impl AllowsDelete for RegistryPermit {}

impl NewApplication {
    pub(crate) fn edit_permit(&self) -> EditPermit {
        EditPermit(self.id.clone())
    }
}

impl RegistryPermit {
    /// For an import that has just written the row: the application is an imported one.
    pub(super) fn imported(id: ApplicationId) -> Self {
        Self(id)
    }
}

impl StoredApplication {
    pub(crate) fn edit_permit(&self) -> Result<EditPermit, Error> {
        match self.origin {
            Origin::Local => Ok(EditPermit(self.id.clone())),
            Origin::Imported => Err(Error::Immutable(self.name.clone())),
        }
    }

    /// With `force`, users may delete imported applications, too.
    pub(crate) fn delete_permit(&self, force: bool) -> Result<DeletePermit, Error> {
        if force || self.origin == Origin::Local {
            Ok(DeletePermit(self.id.clone()))
        } else {
            Err(Error::Immutable(self.name.clone()))
        }
    }

    pub(crate) fn registry_permit(&self) -> Result<RegistryPermit, Error> {
        match self.origin {
            Origin::Imported => Ok(RegistryPermit(self.id.clone())),
            Origin::Local => Err(Error::MadeHere(self.name.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application(origin: Origin) -> StoredApplication {
        StoredApplication {
            id: ApplicationId::new(),
            name: "app".parse().unwrap(),
            origin,
            metadata: aar_types::ApplicationMetadata::default(),
            created_at: 0,
            versions: Vec::new(),
            retired: Vec::new(),
        }
    }

    #[test]
    fn imported_application_is_edited_by_the_registry_only() {
        let imported = application(Origin::Imported);
        assert!(matches!(imported.edit_permit(), Err(Error::Immutable(_))));
        assert!(imported.registry_permit().is_ok());
    }

    #[test]
    fn imported_application_is_deleted_by_users_with_force_only() {
        let imported = application(Origin::Imported);
        let unforced = imported.delete_permit(false);
        assert!(matches!(unforced, Err(Error::Immutable(_))));
        assert!(imported.delete_permit(true).is_ok());
    }

    #[test]
    fn local_application_is_never_changed_by_the_registry() {
        let local = application(Origin::Local);
        assert!(matches!(local.registry_permit(), Err(Error::MadeHere(_))));
        assert!(local.edit_permit().is_ok());
        assert!(local.delete_permit(false).is_ok());
    }
}
