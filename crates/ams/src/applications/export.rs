use std::path::PathBuf;

use aar_types::{Digest, VersionNumber};

use super::{Applications, publish::not_ready, view};
use crate::Error;

/// The image of a version as a download.
#[derive(Debug, Clone)]
pub struct ExportFile {
    pub path: PathBuf,
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// The name to save it under. Clients take everything after the first dot for its extension.
    pub file_name: String,
}

impl Applications {
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
            path: self.0.services.images.path(&image.digest),
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
    fn exported_file_name_has_its_first_dot_before_the_extension() {
        let name = file_name("com.foo.bar", VersionNumber(3));
        assert_eq!(name.split_once('.'), Some(("com-foo-bar_3", "tar.zst")));
    }
}
