use super::{PackageEntry, PackageTree};
use crate::{EntryError, Error};

/// How many links a link may lead through, as the links of shared libraries do.
const MAX_HOPS: u32 = 8;

impl PackageTree {
    pub(super) fn check_links(&self) -> Result<(), Error> {
        for (path, entry) in &self.0 {
            if let PackageEntry::Symlink(target) = entry {
                self.follow(path.as_str(), target, MAX_HOPS)
                    .map_err(|reason| Error::entry(path, reason))?;
            }
        }
        Ok(())
    }

    /// Follows a link. It must lead through folders of the package to an entry of the package.
    fn follow(&self, link: &str, target: &str, hops: u32) -> Result<(), EntryError> {
        let outside = || EntryError::LinkOutside(target.to_owned());
        if target.starts_with('/') {
            return Err(outside());
        }
        let mut at = parent(link).unwrap_or_default();
        let segments: Vec<_> = target
            .split('/')
            .filter(|segment| !matches!(*segment, "" | "."))
            .collect();
        for (index, segment) in segments.iter().enumerate() {
            if *segment == ".." {
                at = parent(&at).ok_or_else(outside)?;
                continue;
            }
            at = join(&at, segment);
            let last = index + 1 == segments.len();
            match self.get(&at) {
                Some(PackageEntry::Folder) => {}
                Some(PackageEntry::File(_)) if last => {}
                Some(PackageEntry::Symlink(next)) if last && hops > 0 => {
                    self.follow(&at, next, hops - 1)?;
                }
                Some(PackageEntry::Symlink(_)) => {
                    return Err(EntryError::LinkThroughLink(target.to_owned()));
                }
                Some(PackageEntry::File(_)) | None => {
                    return Err(EntryError::BrokenLink(target.to_owned()));
                }
            }
        }
        Ok(())
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// The folder of a path; empty for the top of the package, which has none itself.
fn parent(path: &str) -> Option<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    (!path.is_empty()).then(|| folder.to_owned())
}
