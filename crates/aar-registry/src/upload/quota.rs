//! Decides whether one more upload fits.
//!
//! An upload reserves its whole length. A publisher leaves a share of the uploads and of the space to others: it
//! has fewer than all uploads, and what it reserves beyond its share does not count against others. An operator
//! has no such limit.

use aar_fs::Volume;

use crate::{Error, UploadLimits, actor::Actor, metadata::OwnerTotals};

/// The part of all uploads and of the space that one publisher leaves to others.
const LEFT_TO_OTHERS: u64 = 4;

pub(super) struct Quota<'a> {
    own: OwnerTotals,
    others: Vec<&'a OwnerTotals>,
    is_operator: bool,
}

impl<'a> Quota<'a> {
    pub(super) fn new(actor: &Actor, owners: &'a [OwnerTotals]) -> Self {
        let name = actor.name();
        let own = owners.iter().find(|one| one.owner == name).cloned();
        Self {
            own: own.unwrap_or_default(),
            others: owners.iter().filter(|one| one.owner != name).collect(),
            is_operator: matches!(actor, Actor::Operator(_)),
        }
    }

    pub(super) fn check(
        &self,
        limits: UploadLimits,
        volume: Option<&Volume>,
        length: u64,
    ) -> Result<(), Error> {
        self.check_count(limits.max_open)?;
        let free = self.free(limits.max_staged_bytes, |one| one.announced);
        if length > free {
            return Err(Error::StagingFull { free, length });
        }
        let Some(volume) = volume else { return Ok(()) };
        let free = self.free(volume.available(), OwnerTotals::outstanding);
        if length > free {
            return Err(volume.full(length, free).into());
        }
        Ok(())
    }

    fn check_count(&self, max: u64) -> Result<(), Error> {
        let others: u64 = self.others.iter().map(|one| one.count).sum();
        let kept = if self.is_operator || max < 2 {
            0
        } else {
            (max / LEFT_TO_OTHERS).max(1)
        };
        if self.own.count + others >= max || self.own.count >= max - kept {
            let max = max - if others == 0 { kept } else { 0 };
            return Err(Error::TooManyUploads { max });
        }
        Ok(())
    }

    /// The bytes of a capacity that one more upload of this owner may reserve.
    fn free(&self, capacity: u64, reserved: impl Fn(&OwnerTotals) -> u64) -> u64 {
        let share = capacity - capacity / LEFT_TO_OTHERS;
        let own = reserved(&self.own);
        let counted = |one: &&OwnerTotals| {
            if self.is_operator {
                reserved(one)
            } else {
                reserved(one).min(share)
            }
        };
        let others: u64 = self.others.iter().map(counted).sum();
        let free = capacity.saturating_sub(own.saturating_add(others));
        // The only upload of a publisher may be larger than its share.
        if self.is_operator || self.own.count == 0 {
            free
        } else {
            free.min(share.saturating_sub(own))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHER: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const OTHER: &str = "2222222222222222222222222222222222222222222222222222222222222222";

    fn publisher(fingerprint: &str) -> Actor {
        Actor::Caller {
            fingerprint: Some(fingerprint.parse().unwrap()),
            role: None,
            address: None,
        }
    }

    fn has(owner: &str, count: u64, announced: u64, staged: u64) -> OwnerTotals {
        OwnerTotals {
            owner: owner.to_owned(),
            count,
            announced,
            staged,
        }
    }

    fn limits(max_open: u64, max_staged_bytes: u64) -> UploadLimits {
        UploadLimits {
            max_open,
            max_staged_bytes,
            ..UploadLimits::default()
        }
    }

    #[test]
    fn publisher_leaves_uploads_and_space_to_others() {
        let limits = limits(8, 100);
        let owners = [has(PUBLISHER, 6, 75, 0)];
        let own = Quota::new(&publisher(PUBLISHER), &owners);
        assert!(matches!(
            own.check(limits, None, 1),
            Err(Error::TooManyUploads { max: 6 })
        ));
        let other = Quota::new(&publisher(OTHER), &owners);
        other.check(limits, None, 25).unwrap();
        let owners = [has(PUBLISHER, 1, 70, 0)];
        let own = Quota::new(&publisher(PUBLISHER), &owners);
        own.check(limits, None, 5).unwrap();
        assert!(matches!(
            own.check(limits, None, 6),
            Err(Error::StagingFull { free: 5, .. })
        ));
    }

    #[test]
    fn largest_possible_upload_is_accepted_and_does_not_keep_others_out() {
        let limits = limits(8, 100);
        Quota::new(&publisher(PUBLISHER), &[])
            .check(limits, None, 100)
            .unwrap();
        let owners = [has(PUBLISHER, 1, 100, 0)];
        let other = Quota::new(&publisher(OTHER), &owners);
        other.check(limits, None, 25).unwrap();
        other.check(limits, None, 26).unwrap_err();
    }

    #[test]
    fn upload_that_the_volume_cannot_hold_is_refused_with_volume_and_sizes() {
        let volume = Volume {
            folder: "/data".into(),
            size: 64 << 20,
            free: (4 << 20) + 1000,
        };
        // 300 bytes are still to come.
        let owners = [has(OTHER, 1, 500, 200)];
        let quota = Quota::new(&publisher(PUBLISHER), &owners);
        let limits = limits(8, 1 << 40);
        quota.check(limits, Some(&volume), 700).unwrap();
        let full = quota.check(limits, Some(&volume), 701).unwrap_err();
        let text = full.to_string();
        assert!(text.contains("/data") && text.contains("700 are"), "{text}");
    }

    #[test]
    fn every_limit_leaves_one_upload_to_each() {
        for max in 1..10 {
            let quota = Quota::new(&publisher(PUBLISHER), &[]);
            quota.check(limits(max, 100), None, 1).unwrap();
        }
    }
}
