use std::path::PathBuf;

use aar_types::{Digest, VersionNumber};

use super::{Applications, publish::not_ready, view};
use crate::Error;

/// The image of a version, to be downloaded.
#[derive(Debug, Clone)]
pub struct ExportFile {
    /// The file.
    pub path: PathBuf,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// A name to save it under. What follows its first dot is the extension.
    pub file_name: String,
}

impl Applications {
    /// The image of a version.
    pub async fn export(
        &self,
        id_or_name: &str,
        number: VersionNumber,
    ) -> Result<ExportFile, Error> {
        let application = self.expect(id_or_name).await?;
        let version = application.expect_version(number)?;
        let refusal = || not_ready(&application, number, view::status(&version.state));
        let image = version.image().ok_or_else(refusal)?;
        Ok(ExportFile {
            path: self.0.base.images.path(&image.digest),
            digest: image.digest,
            size: image.size,
            file_name: file_name(application.name.as_str(), number),
        })
    }
}

fn file_name(application: &str, number: VersionNumber) -> String {
    format!("{}_{number}.tar.zst", application.replace('.', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_first_dot_of_an_exported_file_is_its_extension() {
        let name = file_name("com.foo.bar", VersionNumber(3));
        assert_eq!(name.split_once('.'), Some(("com-foo-bar_3", "tar.zst")));
    }
}
