//! Who may change what: the one place where immutability is decided.
//!
//! An application that came from the registry changes only there. Every function of the store that
//! changes an application takes a permit, permits are made only here, and each is good for one
//! application. Users get [`MayEdit`] and [`MayDelete`]; the registry comes in through a door of
//! its own, [`FromRegistry`], which does not open for applications made here.

use crate::{
    Error,
    applications::ApplicationId,
    store::{NewApplication, Origin, StoredApplication},
};

/// A user may change the application: it was made here.
#[derive(Debug, Clone)]
pub(crate) struct MayEdit(ApplicationId);

/// A user may remove the application or versions of it.
#[derive(Debug, Clone)]
pub(crate) struct MayDelete(ApplicationId);

/// The registry may change and remove the application: it came from there.
#[derive(Debug, Clone)]
pub(crate) struct FromRegistry(ApplicationId);

/// A permit to change an application.
pub(crate) trait Change: sealed::Permit {}
impl Change for MayEdit {}
impl Change for FromRegistry {}

/// A permit to remove an application or a version.
pub(crate) trait Remove: sealed::Permit {}
impl Remove for MayDelete {}
impl Remove for FromRegistry {}

pub(crate) mod sealed {
    use super::{ApplicationId, FromRegistry, MayDelete, MayEdit};

    /// Names the application that a permit is good for.
    pub(crate) trait Permit {
        /// The application.
        fn id(&self) -> &ApplicationId;
    }

    macro_rules! permits {
        ($($permit:ty),+) => { $(impl Permit for $permit {
            fn id(&self) -> &ApplicationId {
                &self.0
            }
        })+ };
    }
    permits!(MayEdit, MayDelete, FromRegistry);
}

/// Whoever makes an application here may go on with it.
pub(crate) fn created(new: &NewApplication) -> MayEdit {
    MayEdit(new.id.clone())
}

/// Decides whether a user may change the application.
pub(crate) fn edit(application: &StoredApplication) -> Result<MayEdit, Error> {
    match application.origin {
        Origin::Local => Ok(MayEdit(application.id.clone())),
        Origin::Imported => Err(Error::Immutable(application.name.clone())),
    }
}

/// Decides whether a user may remove the application or a version of it.
pub(crate) fn delete(application: &StoredApplication, force: bool) -> Result<MayDelete, Error> {
    if force || application.origin == Origin::Local {
        Ok(MayDelete(application.id.clone()))
    } else {
        Err(Error::Immutable(application.name.clone()))
    }
}

/// Decides whether the registry may change or remove the application.
pub(crate) fn from_registry(application: &StoredApplication) -> Result<FromRegistry, Error> {
    match application.origin {
        Origin::Imported => Ok(FromRegistry(application.id.clone())),
        Origin::Local => Err(Error::MadeHere(application.name.clone())),
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
    fn an_imported_application_is_edited_by_the_registry_only() {
        let imported = application(Origin::Imported);
        assert!(matches!(edit(&imported), Err(Error::Immutable(_))));
        assert!(from_registry(&imported).is_ok());
    }

    #[test]
    fn an_imported_application_is_deleted_by_users_only_with_force() {
        let imported = application(Origin::Imported);
        assert!(matches!(delete(&imported, false), Err(Error::Immutable(_))));
        assert!(delete(&imported, true).is_ok());
    }

    #[test]
    fn the_registry_never_touches_an_application_made_here() {
        let local = application(Origin::Local);
        assert!(matches!(from_registry(&local), Err(Error::MadeHere(_))));
        assert!(edit(&local).is_ok());
        assert!(delete(&local, false).is_ok());
    }
}
