//! What a round has done so far, and what went wrong with it.

use std::collections::BTreeMap;

use aar_types::{ApplicationName, ImageInfo, VersionNumber};

use crate::{
    Counts, Failure,
    apply::{Done, Step},
    error::Error,
    transfers::Ended,
};

/// What went wrong with a step, or with the whole assignment.
struct Trouble {
    step: Option<Step>,
    error: Error,
}

impl Trouble {
    fn image(&self) -> Option<&ImageInfo> {
        self.step.as_ref()?.image()
    }
}

type Key = (ApplicationName, Option<VersionNumber>);

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    troubles: BTreeMap<Key, Trouble>,
}

impl Tally {
    /// Notes how a step went. One that was told to end has not failed.
    pub(crate) fn note(&mut self, ended: Ended) {
        let key = key(&ended.step);
        match ended.result {
            Ok(done) => {
                self.troubles.remove(&key);
                self.count(done, ended.step.image());
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => {
                let step = Some(ended.step);
                self.troubles.insert(key, Trouble { step, error });
            }
        }
    }

    fn count(&mut self, done: Done, image: Option<&ImageInfo>) {
        let bytes = image.map_or(0, |image| image.size);
        let counter = match done {
            Done::Imported => {
                self.counts.bytes_pulled += bytes;
                &mut self.counts.imported
            }
            Done::Pushed => {
                self.counts.bytes_pushed += bytes;
                &mut self.counts.pushed
            }
            Done::Updated => &mut self.counts.updated,
            Done::Removed => &mut self.counts.removed,
        };
        *counter += 1;
    }

    /// Notes why nothing can be done about the application that the round is about, or that
    /// something can be by now.
    pub(crate) fn judge(&mut self, application: &ApplicationName, impossible: Option<Error>) {
        self.troubles.retain(|_, trouble| trouble.step.is_some());
        if let Some(error) = impossible {
            let trouble = Trouble { step: None, error };
            self.troubles.insert((application.clone(), None), trouble);
        }
    }

    /// The transfers that are wanted and have not failed: those are left to the next round. What
    /// has failed and is not wanted any more is forgotten.
    pub(crate) fn without_failed(&mut self, mut wanted: Vec<Step>) -> Vec<Step> {
        self.troubles.retain(|_, trouble| match &trouble.step {
            Some(step) if step.image().is_some() => wanted.contains(step),
            _ => true,
        });
        wanted.retain(|step| !self.troubles.contains_key(&key(step)));
        wanted
    }

    /// A version stays while what takes its place cannot be imported: better the old one than
    /// none. Where space is lacking it goes, because that makes some.
    pub(crate) fn must_stay(&self, step: &Step) -> bool {
        let lacking = |(key, trouble): (&Key, &Trouble)| {
            let import = trouble.image().is_some() && !trouble.error.is_no_space();
            import && key.0 == *step.application()
        };
        step.is_removal() && self.troubles.iter().any(lacking)
    }

    /// The images that did not arrive. The next round goes on with them.
    pub(crate) fn missing_images(&self) -> Vec<ImageInfo> {
        let images = self.troubles.values().filter_map(Trouble::image);
        images.copied().collect()
    }

    pub(crate) fn is_flawless(&self) -> bool {
        self.troubles.is_empty()
    }

    pub(crate) fn failures(&self) -> Vec<Failure> {
        let failure = |((application, version), trouble): (&Key, &Trouble)| Failure {
            application: application.clone(),
            version: *version,
            error: trouble.error.chain(),
        };
        self.troubles.iter().map(failure).collect()
    }
}

fn key(step: &Step) -> Key {
    (step.application().clone(), step.version())
}
