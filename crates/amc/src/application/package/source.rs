use std::path::{Path, PathBuf};

use aar_cli::Failure;
use aar_types::ApplicationName;
use zip::ZipArchive;

/// The source of a package.
#[derive(Debug)]
pub(in crate::application) enum PackageSource {
    /// A folder or an archive.
    Package(PathBuf),
    /// An APK, which gets a manifest with nothing but the name.
    Apk {
        path: PathBuf,
        name: ApplicationName,
    },
}

impl PackageSource {
    pub(in crate::application) fn new(
        path: PathBuf,
        name: Option<ApplicationName>,
    ) -> Result<Self, Failure> {
        match (is_apk(&path), name) {
            (true, Some(name)) => Ok(Self::Apk { path, name }),
            (true, None) => Err(name_required(&path)),
            (false, None) => Ok(Self::Package(path)),
            (false, Some(_)) => {
                let failure = Failure::new(format!("{} is not an APK", path.display()));
                Err(failure.with_hint(
                    "--name is for an APK; make a universal APK of a bundle (.aab, .apks, .xapk); the name \
                     of a package is in its manifest.yaml",
                ))
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Package(path) | Self::Apk { path, .. } => path,
        }
    }
}

fn name_required(path: &Path) -> Failure {
    let path = path.display();
    Failure::new(format!("{path} is an APK, not a package")).with_hint(format!(
        "`amc application create {path} --name NAME` makes a package of it; for other attributes, make \
         a folder with a manifest.yaml and the APK as app.apk"
    ))
}

/// Whether a file is an APK by its name or content.
fn is_apk(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    path.is_file() && (extension.eq_ignore_ascii_case("apk") || has_android_manifest(path))
}

fn has_android_manifest(path: &Path) -> bool {
    let archive = fs_err::File::open(path).ok().map(ZipArchive::new);
    let Some(Ok(archive)) = archive else {
        return false;
    };
    let has = |name| archive.index_for_name(name).is_some();
    has("AndroidManifest.xml") && !has("manifest.yaml")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn archive(path: &Path, entry: &str) {
        let mut archive = ZipWriter::new(fs_err::File::create(path).unwrap());
        let options = SimpleFileOptions::default();
        archive.start_file(entry, options).unwrap();
        archive.write_all(b"x").unwrap();
        archive.finish().unwrap();
    }

    #[test]
    fn apk_is_recognised_by_name_and_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, entry: &str| {
            let path = folder.path().join(name);
            archive(&path, entry);
            path
        };
        assert!(is_apk(&file("Candy.APK", "other")));
        assert!(is_apk(&file("candy", "AndroidManifest.xml")));
        assert!(!is_apk(&file("candy.zip", "manifest.yaml")));
        assert!(!is_apk(folder.path()));
        assert!(!is_apk(Path::new("no/such.apk")));
    }

    #[test]
    fn apk_needs_a_name_and_a_package_takes_none() {
        let folder = tempfile::tempdir().unwrap();
        let apk = folder.path().join("candy.apk");
        archive(&apk, "AndroidManifest.xml");
        let refusal = PackageSource::new(apk.clone(), None).unwrap_err();
        assert!(refusal.hint().unwrap().contains("candy.apk --name NAME"));
        let name = || Some("candy".parse().unwrap());
        let source = PackageSource::new(apk, name()).unwrap();
        assert!(matches!(source, PackageSource::Apk { .. }));
        let refusal = PackageSource::new(folder.path().to_owned(), name()).unwrap_err();
        assert!(refusal.hint().unwrap().contains("manifest.yaml"));
    }
}
