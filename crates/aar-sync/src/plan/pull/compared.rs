//! One imported application, version by version.

use aar_types::{ApplicationName, Variant, Version, VersionNumber};

use crate::{Conflict, LocalApplication, LocalVersion};

/// The versions of an imported application beside those of the registry.
#[derive(Default)]
pub(super) struct Compared<'a> {
    pub(super) import: Vec<&'a Version>,
    pub(super) offer: Vec<VersionNumber>,
    pub(super) withdraw: Vec<VersionNumber>,
    pub(super) remove: Vec<VersionNumber>,
    pub(super) conflicts: Vec<Conflict>,
    /// How many versions are here, can be used, and are offered by the registry.
    usable: usize,
}

impl<'a> Compared<'a> {
    pub(super) fn new(local: &LocalApplication, variant: &'a Variant) -> Self {
        let mut compared = Self::default();
        let versions = &variant.versions;
        let published = versions.iter().filter(|version| version.published);
        let oldest_published = published.map(|version| version.number).min();
        for version in versions {
            let here = local
                .versions
                .iter()
                .find(|here| here.number == version.number);
            match here {
                Some(here) if here.image.fingerprint != version.image.fingerprint => {
                    compared.conflict(&local.name, here, version);
                }
                _ if version.published => compared.published(here, version),
                Some(here) => compared.withdrawn(here, oldest_published),
                None => {}
            }
        }
        let gone = |here: &&LocalVersion| versions.iter().all(|v| v.number != here.number);
        let gone = local.versions.iter().filter(gone);
        compared.remove.extend(gone.map(|here| here.number));
        compared.remove.sort();
        compared
    }

    fn conflict(&mut self, name: &ApplicationName, here: &LocalVersion, version: &Version) {
        self.conflicts.push(Conflict::OtherContent {
            application: name.clone(),
            version: version.number,
            local: here.image.fingerprint,
            registry: version.image.fingerprint,
        });
    }

    fn published(&mut self, here: Option<&LocalVersion>, version: &'a Version) {
        match here.filter(|here| here.ready) {
            None => self.import.push(version),
            Some(here) => {
                self.usable += 1;
                if !here.published {
                    self.offer.push(version.number);
                }
            }
        }
    }

    fn withdrawn(&mut self, here: &LocalVersion, oldest_published: Option<VersionNumber>) {
        if here.published {
            self.withdraw.push(here.number);
        }
        if oldest_published.is_some_and(|oldest| here.number < oldest) {
            self.remove.push(here.number);
        }
    }

    /// Whether withdrawing at once would leave nothing to use while what takes its place is on
    /// its way.
    pub(super) fn must_wait(&self) -> bool {
        self.usable == 0 && !self.import.is_empty()
    }

    pub(super) fn leaves_nothing(&self, local: &LocalApplication) -> bool {
        self.import.is_empty() && self.remove.len() == local.versions.len()
    }
}
